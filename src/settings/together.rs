//! What the tables of the watch over Checker itself show only together: one that does nothing without another.

use super::canary::{Canary, Via};
use super::outside::Daemon;
use super::scripts::Scripts;
use super::section::{Cx, Section, Span};

/// Where these tables stand, as far as they are given.
pub(super) struct Tables {
    pub(super) canary: Option<Span>,
    pub(super) drill: Option<Span>,
    /// The first `[[peer]]`.
    pub(super) peer: Option<Span>,
    pub(super) scripts: Option<Span>,
}

impl Tables {
    /// Those of the main file; `peer` is the first of any file.
    pub(super) fn of(main: &Section<'_, '_>, peer: Option<Span>) -> Self {
        let at = |key: &str| main.has(key).then(|| main.span_of(key));
        Self { canary: at("canary"), drill: at("drill"), peer, scripts: at("scripts") }
    }
}

/// Warns of tables that do not do what whoever wrote them must expect.
pub(super) fn judge(cx: &Cx<'_>, tables: &Tables, canary: Option<&Canary>, daemon: Option<&Daemon>, scripts: &Scripts) {
    let called = scripts.ping_key.is_some() || scripts.token.is_some();
    if let Some(at) = tables.scripts.clone().filter(|_| called && daemon.is_none_or(|d| d.web_listen.is_none())) {
        cx.warn(
            at,
            "nobody hears scripts that call: nothing listens for them",
            "add web_listen = \"127.0.0.1:5555\" under [daemon], and start `checker daemon`",
        );
    }
    let daemon = daemon.is_some();
    let proves = canary.is_some_and(|c| !matches!(c.via, Via::None));
    let start = "add [daemon], and start `checker daemon`";
    if let Some(at) = tables.canary.clone().filter(|_| proves && !daemon) {
        cx.warn(at, "[canary] proves nothing without [daemon]: only the daemon sends messages to ourselves", start);
    }
    if let Some(at) = tables.drill.clone().filter(|_| !daemon) {
        cx.warn(at, "[drill] does nothing without [daemon]: only the daemon drills by itself", start);
    }
    let Some(peer) = tables.peer.clone() else { return };
    if !daemon {
        cx.warn(
            peer,
            "without [daemon] nobody answers peers: our passes ask them, and they find this node silent",
            "add [daemon] with peer_listen = \"[::]:5000\", and start `checker daemon`",
        );
    } else if !proves && (tables.canary.is_none() || canary.is_some()) {
        let without = if canary.is_some() { "with via = \"none\"" } else { "without [canary]" };
        cx.warn(
            peer,
            format!("{without} our word is MailProblem, and your peers will mail that to you"),
            "add [canary] with a mailbox in which the daemon sees that our mail arrives (via = \"imap\")",
        );
    }
}
