//! `[[peer]]`: the tables of other Checkers, each by itself and beside the others.

use super::email::http_url;
use super::general::address;
use super::outside::{Peer, name};
use super::pairs::Value;
use super::section::{Cx, Section, Span, tables_of};
use crate::peer::PublicKey;
use checker_parts::net::reach::Reach;
use toml::Spanned;

/// Every `[[peer]]` of every file.
#[derive(Default)]
pub(crate) struct Peers {
    /// Those that can be used.
    pub(crate) usable: Vec<Peer>,
    /// The names of all.
    pub(crate) names: Vec<String>,
    /// Where the first one stands.
    pub(crate) first: Option<Span>,
    /// The keys so far, and whose they are.
    keys: Vec<(PublicKey, String)>,
}

impl Peers {
    /// Reads them.
    pub(crate) fn read<'i>(cx: &Cx<'i>, values: Vec<Value<'i>>) -> Self {
        let mut all = Self::default();
        for (span, table) in values.into_iter().flat_map(|value| tables_of(cx, "[[peer]]", value)) {
            all.first.get_or_insert_with(|| span.clone());
            let peer = peer(Section::new(cx, "[[peer]]", span, table), &mut all);
            all.usable.extend(peer);
        }
        all
    }

    /// A key must be one, and nobody else's.
    fn judge_key(&mut self, cx: &Cx<'_>, key: &Spanned<String>, name: Option<&str>) {
        match PublicKey::parse(key.get_ref()) {
            Err(why) => cx.error(
                key.span(),
                format!("this is no public key: {why}"),
                "copy the whole line that `checker key` prints on the peer: key = \"ed25519:...\"",
            ),
            Ok(public) => {
                if let Some((_, other)) = self.keys.iter().find(|(known, _)| *known == public) {
                    cx.error(
                        key.span(),
                        format!("this is the key of \"{other}\" too: two machines never have one key"),
                        "paste into each table what `checker peers invite` prints on that very machine",
                    );
                }
                self.keys.push((public, name.unwrap_or("?").to_owned()));
            }
        }
    }
}

/// Reads one `[[peer]]`.
fn peer(mut s: Section<'_, '_>, all: &mut Peers) -> Option<Peer> {
    let name = name(&mut s, "\"beta\"", &all.names);
    all.names.extend(name.clone());
    let pushes = s.flag("pushes").is_some_and(Spanned::into_inner);
    let push = s.flag("push");
    let example = "\"http://beta.example.com:5000\"";
    let url = if pushes { s.text("url", example) } else { s.need("url", example) };
    if let Some((span, fault)) = url.as_ref().and_then(|u| Some((u.span(), http_url(u.get_ref()).err()?))) {
        s.cx.fault(span, fault);
    }
    let admin = s.need("admin", "\"admin@beta.example.com\"");
    if let Some(admin) = &admin {
        address(s.cx, admin);
    }
    let key = s.text("key", "\"ed25519:...\"");
    let key_bad = s.given("key") && key.is_none();
    let legacy = s.flag("legacy");
    let is_legacy = legacy.as_ref().is_some_and(|l| *l.get_ref());
    match &key {
        Some(key) if is_legacy => s.cx.error(
            key.span(),
            "\"key\" and legacy = true exclude each other: a first program signs nothing",
            "keep the one that is true",
        ),
        Some(key) => all.judge_key(s.cx, key, name.as_deref()),
        None if !is_legacy && !key_bad => s.missing(
            "key",
            "\"ed25519:...\" (printed by `checker key` on the peer), or legacy = true for a first program, whose answers anybody can forge",
        ),
        None => {}
    }
    let confirm_for = s.word("confirm_for", &["public", "private"]);
    if let Some(word) = confirm_for.as_ref().filter(|_| is_legacy) {
        s.cx.error(word.span(), "a first program asks nobody what they see", "take the line out");
    }
    refuse_one_way(&s, is_legacy, pushes, push.as_ref());
    s.finish();
    if url.is_none() && !pushes {
        return None;
    }
    Some(Peer {
        name: name?,
        url: url.map(Spanned::into_inner).filter(|_| !pushes),
        push: push.is_some_and(Spanned::into_inner),
        admin: admin?.into_inner(),
        key: key.map(Spanned::into_inner),
        confirm_for: confirm_for.map(|word| match word.into_inner() {
            "private" => Reach::Private,
            _ => Reach::Public,
        }),
    })
}

/// A first program pushes nothing and takes nothing; and two that cannot be asked never meet.
fn refuse_one_way(s: &Section<'_, '_>, legacy: bool, pushes: bool, push: Option<&Spanned<bool>>) {
    let push = push.filter(|p| *p.get_ref());
    if legacy && (pushes || push.is_some()) {
        let key = if pushes { "pushes" } else { "push" };
        s.cx.error(s.span_of(key), "a first program neither pushes its status nor takes ours", "take the line out");
    } else if let Some(push) = push.filter(|_| pushes) {
        s.cx.error(
            push.span(),
            "\"push\" and \"pushes\" exclude each other: one of two nodes must be reachable",
            "keep \"pushes\" where the peer cannot be asked, \"push\" where we cannot",
        );
    }
}
