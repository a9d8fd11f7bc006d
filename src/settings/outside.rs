//! `[[channel.*]]`, `[daemon]`, `[network]`, and what a peer is: the world outside this host.

use super::canary::secret_url;
use super::email::ca_file;
use super::nearest::nearest;
use super::secret::Secret;
use super::section::{Cx, Section, Span, did_you_mean, kind_of};
use crate::channel::webhook::Template;
use crate::witness::is_here;
use checker_parts::net::Endpoint;
use checker_parts::net::reach::Reach;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A way out for messages besides mail.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name, as contacts use it.
    pub name: String,
    /// What it does.
    pub way: Way,
}

/// What a channel does with a message.
#[derive(Clone, Debug)]
pub enum Way {
    /// Calls an address.
    Webhook {
        /// The address. It is a secret: who knows it can write to the phone.
        url: Secret,
        /// The form of what is sent: `ntfy`, `slack`, `discord`, `telegram`, `json`.
        template: Template,
        /// A file of certificates to trust besides the system's.
        ca_file: Option<PathBuf>,
    },
    /// Runs a program that gets the message on stdin.
    Command {
        /// Program and arguments; no shell.
        command: Vec<String>,
        /// The longest time it may take.
        timeout: Duration,
    },
}

/// What `[daemon]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Where peers read the word.
    pub peer_listen: Option<SocketAddr>,
    /// Where people and programs of this host read more.
    pub web_listen: Option<SocketAddr>,
    /// The socket that commands use.
    pub control: PathBuf,
    /// Whether a pass that finds no daemon starts it.
    pub respawn: bool,
}

/// Another Checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where it answers; `None`: it cannot be asked, and pushes its status to us.
    pub url: Option<String>,
    /// We push our status to it too, because it cannot ask us.
    pub push: bool,
    /// Who is told when it falls silent.
    pub admin: String,
    /// Its public key, `ed25519:...`; `None` for a first program (`legacy = true`).
    pub key: Option<String>,
    /// How far we look at targets for it; `None`: we try nothing for it.
    pub confirm_for: Option<Reach>,
}

impl Peer {
    /// Whether it can be asked to look at a target: it answers, and proves who it is.
    pub fn can_confirm(&self) -> bool {
        self.url.is_some() && self.key.is_some()
    }

    /// Where it answers, as host and port; `None` if its URL names none that can be asked.
    pub fn endpoint(&self) -> Option<Endpoint> {
        let (scheme, rest) = self.url.as_deref()?.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        let port = if scheme == "https" { 443 } else { 80 };
        Endpoint::parse(host).ok().or_else(|| endpoint(host, port))
    }
}

/// A host without its port, as settings name it, and a port.
pub fn endpoint(host: &str, port: u16) -> Option<Endpoint> {
    let bare = host.trim_matches(['[', ']']);
    let text = if bare.contains(':') { format!("[{bare}]:{port}") } else { format!("{bare}:{port}") };
    Endpoint::parse(&text).ok()
}

/// What `[network]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Other machines that show whether we ourselves are on the net. Empty: the mail servers and the peers.
    pub reference: Vec<Endpoint>,
}

/// The name of a channel or a peer, which must be new among `names`.
pub(super) fn name(s: &mut Section<'_, '_>, example: &str, names: &[String]) -> Option<String> {
    let name = s.need("name", example)?;
    if name.get_ref().contains('@') {
        s.cx.error(
            name.span(),
            "a name with @ would be taken for a mail address",
            format!("write for example: name = {example}"),
        );
        return None;
    }
    if names.contains(name.get_ref()) {
        s.cx.error(
            name.span(),
            format!("the name \"{}\" is taken: it stands above", name.get_ref()),
            "give each a name of its own",
        );
        return None;
    }
    Some(name.into_inner())
}

/// Reads `[channel]`, the parent of all `[[channel.*]]`. Names of unusable channels are noted too, so that contacts
/// that use them cause no second error.
fn channels(mut s: Section<'_, '_>, names: &mut Vec<String>) -> Vec<Channel> {
    let mut out = Vec::new();
    for mut t in s.tables("webhook", "[[channel.webhook]]") {
        let name = name(&mut t, "\"phone\"", names);
        names.extend(name.clone());
        let place = if t.has("url") { t.span_of("url") } else { t.span_of("url_file") };
        let url = secret_url(&mut t, "\"https://ntfy.sh/...\"");
        let word = t.word("template", &Template::ALL.map(Template::word));
        let template = Template::of(word.map_or("json", Spanned::into_inner));
        let ca_file = ca_file(&mut t);
        if template == Template::Telegram
            && let Some(url) = &url
        {
            names_a_chat(t.cx, url, place);
        }
        t.finish();
        if let (Some(name), Some(url)) = (name, url) {
            let way = Way::Webhook { url, template, ca_file };
            out.push(Channel { name, way });
        }
    }
    for mut t in s.tables("command", "[[channel.command]]") {
        let name = name(&mut t, "\"pager\"", names);
        names.extend(name.clone());
        let command = command(&mut t);
        let timeout =
            t.time("timeout", Duration::from_secs(1), "\"20s\"").map_or(Duration::from_secs(20), Spanned::into_inner);
        t.finish();
        if let (Some(name), Some(command)) = (name, command) {
            let way = Way::Command { command, timeout };
            out.push(Channel { name, way });
        }
    }
    s.finish();
    out
}

/// A bot can write to many chats: its address must say which.
fn names_a_chat(cx: &Cx<'_>, url: &Secret, place: Span) {
    let (path, query) = url.expose().split_once('?').unwrap_or((url.expose(), ""));
    if !path.ends_with("/sendMessage") || !query.split('&').any(|p| p.starts_with("chat_id=") && p.len() > 8) {
        cx.error(
            place,
            "the address for template = \"telegram\" must end with /sendMessage?chat_id= and a number or a @name",
            "write it as https://api.telegram.org/bot<token>/sendMessage?chat_id=<id>",
        );
    }
}

fn command(s: &mut Section<'_, '_>) -> Option<Vec<String>> {
    let example = "[\"/usr/local/bin/page\", \"me\"]";
    if !s.has("command") {
        s.missing("command", example);
    }
    argv(s, "command", example)
}

/// The key `key`: a program and its arguments.
pub(crate) fn argv(s: &mut Section<'_, '_>, key: &'static str, example: &str) -> Option<Vec<String>> {
    let span = s.span_of(key);
    let value = s.take(key)?;
    let list = match value.get_ref() {
        DeValue::Array(items) if !items.is_empty() => {
            items.iter().map(|i| i.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        }
        _ => None,
    };
    if list.is_none() {
        s.cx.error(
            span,
            format!(
                "\"{key}\" must be a list of texts, the program first, and this is {}",
                match value.get_ref() {
                    DeValue::Array(_) => "a list without them",
                    other => kind_of(other),
                }
            ),
            format!("there is no shell; write for example: {key} = {example}"),
        );
    }
    list
}

/// Reads `[daemon]`.
pub(crate) fn daemon(mut s: Section<'_, '_>) -> Daemon {
    let daemon = Daemon {
        peer_listen: listen(&mut s, "peer_listen", "\"[::]:5000\""),
        web_listen: listen(&mut s, "web_listen", "\"127.0.0.1:5555\""),
        control: {
            let control = s.text("control", "\"checker.sock\"");
            s.cx.paths.runtime(control.as_ref().map_or("checker.sock", |c| c.get_ref()))
        },
        respawn: s.flag("respawn").is_none_or(Spanned::into_inner),
    };
    s.finish();
    daemon
}

fn listen(s: &mut Section<'_, '_>, key: &'static str, example: &str) -> Option<SocketAddr> {
    let text = s.text(key, example)?;
    let parsed = text.get_ref().parse().ok();
    if parsed.is_none() {
        s.cx.error(
            text.span(),
            format!("\"{}\" is no address to listen on", text.get_ref()),
            format!("write an IP address and a port: {key} = {example}"),
        );
    }
    parsed
}

/// Reads `[network]`.
pub(crate) fn network(mut s: Section<'_, '_>) -> Network {
    let reference = s.texts("reference", "[\"192.0.2.1:443\"]").unwrap_or_default();
    let mut good = Vec::new();
    for (n, entry) in reference.iter().enumerate() {
        let text = entry.get_ref();
        let error = |message: String, remedy: &str| s.cx.error(entry.span(), message, remedy);
        match Endpoint::parse(text) {
            _ if n == REFERENCES_MAX => {
                error(
                    format!("these are more than {REFERENCES_MAX} references"),
                    "keep two or three that are always up",
                );
            }
            _ if n > REFERENCES_MAX => {}
            Err(why) => error(format!("\"{text}\" is no host with a port: {why}"), REFERENCE),
            Ok(e) if e.host() == "localhost" || e.literal().is_some_and(|a| is_here(a.ip())) => error(
                format!("\"{text}\" is this host itself: it answers whatever the network does"),
                "name another machine, best one that is nearer to the world than this host",
            ),
            Ok(endpoint) => good.push(endpoint),
        }
    }
    s.finish();
    Network { reference: good }
}

/// So many are asked, at the same time.
const REFERENCES_MAX: usize = 16;
const REFERENCE: &str = "write for example: reference = [\"192.0.2.1:443\"]";

/// The peer that `[canary] peer` names must exist.
pub(crate) fn check_canary_peer(cx: &Cx<'_>, name: &Spanned<String>, peers: &[String]) {
    if !peers.contains(name.get_ref()) {
        let near = nearest(name.get_ref(), peers.iter().map(String::as_str));
        let all: Vec<&str> = peers.iter().map(String::as_str).collect();
        cx.error(
            name.span(),
            format!("there is no peer \"{}\"", name.get_ref()),
            match near {
                Some(_) => did_you_mean(name.get_ref(), &all, "the peers are"),
                None => "add a table [[peer]] with this name".to_owned(),
            },
        );
    }
}

/// Every `[[channel.*]]` of every file, and the names that contacts may use.
pub(crate) fn all_channels<'i>(cx: &Cx<'i>, values: Vec<Spanned<DeValue<'i>>>) -> (Vec<Channel>, BTreeSet<String>) {
    let (mut out, mut names) = (Vec::new(), Vec::new());
    for value in values {
        let span = value.span();
        if let DeValue::Table(table) = value.into_inner() {
            let s = Section::new(cx, "[channel]", span, table);
            out.extend(channels(s, &mut names));
        } else {
            cx.error(span, "a channel needs its way in its header", "write [[channel.webhook]] or [[channel.command]]");
        }
    }
    (out, names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_servers_and_peers_become_references() {
        let server = |host, port| endpoint(host, port).map(|e| e.to_string());
        assert_eq!(server("smtp.example.com", 587).as_deref(), Some("smtp.example.com:587"));
        assert_eq!(server("2001:db8::1", 25).as_deref(), Some("[2001:db8::1]:25"));
        assert_eq!(server("[2001:db8::1]", 25).as_deref(), Some("[2001:db8::1]:25"));
        for (url, expected) in [
            ("http://beta.example.com:5000", "beta.example.com:5000"),
            ("http://beta.example.com", "beta.example.com:80"),
            ("https://me:secret@beta.example.com/path?q", "beta.example.com:443"),
            ("http://[2001:db8::1]:5000/", "[2001:db8::1]:5000"),
            ("http://[2001:db8::1]/", "[2001:db8::1]:80"),
        ] {
            let (name, admin) = ("b".to_owned(), "b@example.com".to_owned());
            let peer = Peer { name, url: Some(url.to_owned()), push: false, admin, key: None, confirm_for: None };
            assert_eq!(peer.endpoint().map(|e| e.to_string()).as_deref(), Some(expected), "{url}");
        }
    }
}
