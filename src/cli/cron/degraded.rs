//! A pass whose state cannot be used: the admin is told by the usual way, and stderr speaks only if no channel took it.

use super::{Passed, said_within_the_hour, say};
use crate::decide::Recipient;
use crate::store::{Degraded, Home, Ledger, Sqlite};
use crate::{clock, log, node};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For telling it when it began in the middle of a pass.
pub(super) const DELIVERY_TIME: Duration = Duration::from_secs(20);

/// When stderr last spoke about the state, in the own group.
const COMPLAINED: &str = "state_complained_at";

/// What was noted last of the state, by the pass or by its delivery.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Noted(Arc<Mutex<Known>>);

#[derive(Debug, Default, PartialEq, Eq)]
enum Known {
    #[default]
    Nothing,
    Well,
    Trouble(Degraded),
}

impl Known {
    fn of(trouble: Option<&Degraded>) -> Self {
        trouble.map_or(Self::Well, |trouble| Self::Trouble(trouble.clone()))
    }
}

impl Noted {
    /// Notes what is wrong with the state, or that it is solved, unless that was noted by this process.
    pub(in crate::cli) fn update(&self, home: &Home, store: &Sqlite, contacts: &[Recipient]) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = home.degraded();
        let known = Known::of(trouble.as_ref());
        if *noted != known {
            note(home, store, contacts, trouble.as_ref());
            *noted = known;
        }
    }

    /// Whether what is the matter now is noted.
    pub(in crate::cli) fn is_known(&self, home: &Home) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Known::of(home.degraded().as_ref())
    }
}

/// As a trouble of this node, which is told and reminded of like any other.
fn note(home: &Home, store: &Sqlite, contacts: &[Recipient], trouble: Option<&Degraded>) {
    let (shared, own) = (store.shared(), store.own());
    let ledger: &dyn Ledger = if home.is_nowhere() { &shared } else { &own };
    if let Err(why) = node::state(ledger, contacts, trouble, clock::now().wall) {
        tracing::warn!("the trouble with the state cannot be noted: {why}");
    }
}

/// Says it on stderr, at most hourly, if nobody was told.
pub(super) fn complain(passed: &Passed, trouble: &Degraded) {
    let log = log::held_trouble();
    if !super::is_terminal() && (is_told(passed) || was_said(passed)) {
        return;
    }
    let log = log.map(|text| format!("\n{text}")).unwrap_or_default();
    say(&format!("checker: {}\n{}{log}\n", trouble.summary, trouble.detail));
}

/// Whether a channel has taken everything that was to be told of it.
fn is_told(passed: &Passed) -> bool {
    let (shared, own) = (passed.store.shared(), passed.store.own());
    let ledger: &dyn Ledger = if shared.is_fleeting() { &shared } else { &own };
    ledger.waiting().is_ok_and(|waiting| !waiting.iter().any(|w| w.alert.id.job == node::state_id()))
}

/// Where nothing is remembered, once an hour is the first minute of it.
fn was_said(passed: &Passed) -> bool {
    if passed.store.own().is_fleeting() {
        return clock::now().wall.micros() / 60_000_000 % 60 != 0;
    }
    said_within_the_hour(&passed.store.own(), COMPLAINED).unwrap_or(false)
}
