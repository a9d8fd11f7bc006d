//! `[canary]` and `[deadman]`: how we know that mail arrives, and who knows that we live.

use super::email::{self, http_url};
use super::general::address;
use super::login::{Login, login, secret_file};
use super::outside::check_canary_peer;
use super::secret::Secret;
use super::section::{Cx, Section};
use crate::decide::mail::Canaries;
use checker_job::duration_words;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// How the arrival of our own mail is proved.
#[derive(Clone, Debug)]
pub enum Via {
    /// By looking into a mailbox.
    Imap {
        /// The server.
        host: String,
        /// Its port, 993 by default.
        port: u16,
        /// Who looks.
        login: Login,
        /// A file of certificates to trust instead of the system's.
        ca_file: Option<PathBuf>,
    },
    /// By looking into a maildir on this host: proves local delivery only.
    Maildir(PathBuf),
    /// By a peer, who looks into its own mailbox: the named one, or any that can.
    Peer(Option<String>),
    /// By a human, who types a code once a week.
    Human,
    /// Not at all.
    None,
}

/// What `[canary]` says.
#[derive(Clone, Debug)]
pub struct Canary {
    /// How arrival is proved.
    pub via: Via,
    /// The address that canaries go to; `None`: the user of the mailbox, the first contact (by a human), or our own sender.
    pub to: Option<String>,
    /// How often.
    pub every: Duration,
    /// How long it may take.
    pub within: Duration,
}

/// What `[deadman]` says: an outside service that is told that we live.
#[derive(Clone, Debug)]
pub struct Deadman {
    /// The address that is called. It is a secret: who knows it can speak for us.
    pub url: Secret,
    /// A file of certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Nothing is proved more often, nor given less time.
const LEAST: Duration = Duration::from_secs(1);

/// Reads `[canary]`; `peers` are the names of all peers, `daily` is what the mail account may send a day.
pub(crate) fn read(mut s: Section<'_, '_>, peers: &[String], daily: Option<u32>) -> Option<Canary> {
    if !s.has("via") {
        s.missing("via", "\"imap\" (or \"maildir\", \"peer\", \"human\", \"none\")");
    }
    let word = s.word("via", &["imap", "maildir", "peer", "human", "none"]);
    let every = s.time("every", LEAST, "\"15min\"");
    let within = s.time("within", LEAST, "\"10min\"");
    if word.as_ref().is_none_or(|w| *w.get_ref() != "none") {
        judge_every(s.cx, every.as_ref(), daily);
    }
    let to = s.text("to", "\"alpha-checker@example.com\"");
    if let Some(to) = &to {
        address(s.cx, to);
    }
    let human = word.as_ref().is_some_and(|w| *w.get_ref() == "human");
    if let Some(short) = every.as_ref().filter(|t| human && *t.get_ref() < DAY && *t.get_ref() >= MINUTE) {
        s.cx.warn(
            short.span(),
            "a human who must type a code more than once a day will stop to do so",
            "write a day or more; 7 d is the usual time",
        );
    }
    if word.as_ref().is_some_and(|w| *w.get_ref() == "peer") && to.is_none() {
        s.missing("to", "\"probe@beta.example.com\"");
    }
    let via = match word.as_ref().map(|w| *w.get_ref()) {
        Some("imap") => imap(&mut s),
        Some("maildir") => s.need("path", "\"/home/me/Maildir\"").map(|p| Via::Maildir(s.cx.paths.beside(p.get_ref()))),
        Some("peer") => Some(peer(&mut s, peers)),
        Some("human") => Some(Via::Human),
        Some(_) => Some(Via::None),
        None => None,
    };
    for key in ["host", "port", "user", "pass", "pass_file", "token_command", "ca_file", "path", "peer"] {
        let span = s.span_of(key);
        if let (Some(_), Some(word)) = (s.take(key), &word) {
            s.cx.warn(span, format!("\"{key}\" has no effect with via = \"{}\"", word.get_ref()), "take the line out");
        }
    }
    s.finish();
    Some(Canary {
        via: via?,
        to: to.map(Spanned::into_inner),
        every: every.map_or(if human { DAY * 7 } else { MINUTE * 15 }, Spanned::into_inner),
        within: within.map_or(if human { DAY * 3 } else { MINUTE * 10 }, Spanned::into_inner),
    })
}

/// Warns of messages to ourselves that are too many, or more than `daily` allows.
fn judge_every(cx: &Cx<'_>, every: Option<&Spanned<Duration>>, daily: Option<u32>) {
    let Some(every) = every else { return };
    let (time, span) = (*every.get_ref(), every.span());
    let least = daily.map_or(Duration::ZERO, |daily| Canaries::new(time, time, true, daily).every);
    if least > time {
        let daily = daily.unwrap_or_default();
        // As many as the time asks for may be half of what is sent; and the next whole minute that is allowed.
        let (enough, minutes) = (2 * DAY.as_millis().div_ceil(time.as_millis().max(1)), least.as_secs().div_ceil(60));
        cx.warn(
            span,
            format!(
                "\"every\" is {}, but with daily_limit = {daily} a message to ourselves leaves every {} at most",
                duration_words(time),
                exact(least)
            ),
            format!("raise daily_limit under [email] (to {enough} or more), or write every = \"{minutes}min\""),
        );
    } else if time < MINUTE {
        cx.warn(
            span,
            "\"every\" is below 1 min: good for a trial, too much for a mail account day by day",
            "write a minute or more; 15 min is the usual time",
        );
    }
}

/// To the second: the time beside it is only a little longer.
fn exact(time: Duration) -> String {
    match time.as_secs() % 60 {
        0 => duration_words(time),
        rest => format!("{} min {rest} s", time.as_secs() / 60),
    }
}

fn peer(s: &mut Section<'_, '_>, peers: &[String]) -> Via {
    let name = s.text("peer", "\"beta\"");
    match &name {
        Some(name) => check_canary_peer(s.cx, name, peers),
        None if peers.is_empty() => s.cx.error(
            s.span.clone(),
            "via = \"peer\" needs a peer that looks into its mailbox, and there is none",
            "add a table [[peer]] with its key",
        ),
        None => {}
    }
    Via::Peer(name.map(Spanned::into_inner))
}

fn imap(s: &mut Section<'_, '_>) -> Option<Via> {
    let host = email::host(s, "\"imap.example.com\"");
    let port = email::port(s).unwrap_or(993);
    let ca_file = email::ca_file(s);
    let user_given = s.has("user");
    if !user_given {
        s.missing("user", "\"alpha-checker@example.com\"");
        s.take("user");
        s.take("pass");
        s.take("pass_file");
        s.take("token_command");
        return None;
    }
    Some(Via::Imap { login: login(s, &["canary", "mail"])?, host: host?.into_inner(), port, ca_file })
}

/// What `[drill]` says: how often the daemon tries the way of alerts.
pub(crate) fn drill(mut s: Section<'_, '_>) -> Option<Duration> {
    if !s.has("every") {
        s.missing("every", "\"30d\"");
    }
    let every = s.time("every", LEAST, "\"30d\"");
    if let Some(short) = every.as_ref().filter(|t| *t.get_ref() < MINUTE * 60 * 24) {
        s.cx.warn(
            short.span(),
            "drills more than once a day wear out those who read them",
            "write a day or more; 30 d is a good time",
        );
    }
    s.finish();
    every.map(Spanned::into_inner)
}

/// Reads `[deadman]`.
pub(crate) fn deadman(mut s: Section<'_, '_>) -> Option<Deadman> {
    let url = secret_url(&mut s, "\"https://hc.example.com/ping/...\"");
    let ca_file = email::ca_file(&mut s);
    s.finish();
    Some(Deadman { url: url?, ca_file })
}

/// The keys `url` and `url_file`, of which one must be given.
pub(crate) fn secret_url(s: &mut Section<'_, '_>, example: &str) -> Option<Secret> {
    let file_span = s.span_of("url_file");
    let (has_url, has_file) = (s.has("url"), s.has("url_file"));
    if has_url && has_file {
        s.cx.error(file_span.clone(), "\"url\" and \"url_file\" are both given", "keep one of the two");
    } else if !has_url && !has_file {
        s.missing("url", example);
    }
    let (url, file) = (s.text("url", example), s.text("url_file", "\"url.secret\""));
    if let Some(url) = url {
        return match http_url(url.get_ref()) {
            Ok(()) => Some(Secret::new(url.into_inner())),
            Err(fault) => {
                s.cx.fault(url.span(), fault);
                None
            }
        };
    }
    let secret = secret_file(s, &file?)?;
    match http_url(secret.expose()) {
        Ok(()) => Some(secret),
        Err(fault) => {
            s.cx.error(file_span, format!("the file holds no usable address: {}", fault.message), fault.remedy);
            None
        }
    }
}
