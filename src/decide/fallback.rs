//! Whom else to tell, because a way out is broken or gone. Pure.
//!
//! Three rules, and all of them only add addressees; limits, merging and threads are [`super::delivery`]'s:
//!
//! 1. Urgent news for somebody whose way out is broken goes to the other ways too: what cannot be mailed to all channels,
//!    what a channel does not take to the general contacts. News about mail itself goes to all channels at once.
//! 2. What follows in an episode goes to everybody who was added to it, reminders excepted. So a recovery, too, reaches
//!    exactly those who were told of the failure.
//! 3. What is for a channel that has left the settings goes to the general contacts instead.
//!
//! **Invariant:** what is added once is never added again: the answer is empty for what the ledger lists already.

use super::{Alert, AlertId, AlertKind, Delivery, DeliveryState, Recipient, Waiting};
use checker_job::{JobId, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// A way out is broken when every try has failed for this long: the third pass in a row. Less would ring for a mail
/// server that merely asks to come back in a minute.
pub const PATIENCE: Duration = Duration::from_secs(110);

/// The beginning of the ids of troubles with mail itself.
const ABOUT_MAIL: &str = "node:mail";

/// The ways out, and how they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// The names of all channels of the settings.
    pub channels: BTreeSet<String>,
    /// Whom alerts go to where a job names nobody.
    pub contacts: Vec<Recipient>,
    /// Mail is known to be broken.
    pub mail_is_broken: bool,
    /// Of the channels, those known to be broken.
    pub broken: BTreeSet<String>,
    /// Mail is switched off: that is no fault, and rings nobody.
    pub nomail: bool,
}

/// Who is told too, and what that settles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// More addressees.
    pub addressed: Vec<(AlertId, Recipient)>,
    /// Deliveries to channels that are gone.
    pub superseded: Vec<Uuid>,
    /// What those channels are not told any more, and why.
    pub dropped: Vec<(AlertId, Recipient, String)>,
}

/// Whether every try since `since` has failed for long enough.
pub fn is_broken(since: Option<Timestamp>, now: Timestamp) -> bool {
    since.is_some_and(|since| now.since(since) >= PATIENCE)
}

impl Ways {
    fn is_gone(&self, to: &Recipient) -> bool {
        !to.is_mail() && !self.channels.contains(&to.0)
    }

    fn is_broken(&self, to: &Recipient) -> bool {
        if to.is_mail() { self.mail_is_broken && !self.nomail } else { self.broken.contains(&to.0) }
    }

    fn all_channels(&self) -> Vec<Recipient> {
        self.channels.iter().cloned().map(Recipient).collect()
    }

    /// The ways that `to` does not use.
    fn besides(&self, to: &Recipient) -> Vec<Recipient> {
        if to.is_mail() { self.all_channels() } else { self.contacts.iter().filter(|c| *c != to).cloned().collect() }
    }

    /// Whether these rules may have added this recipient.
    fn may_be_added(&self, to: &Recipient) -> bool {
        self.channels.contains(&to.0) || self.contacts.contains(to)
    }
}

/// The episodes whose addressees [`extra`] must be given.
pub fn episodes(waiting: &[Waiting], unsent: &[Delivery]) -> BTreeSet<(JobId, u32)> {
    let of = |id: &AlertId| (id.job.clone(), id.episode);
    let carried = unsent.iter().flat_map(|d| &d.alerts);
    waiting.iter().map(|w| of(&w.alert.id)).chain(carried.map(of)).collect()
}

/// Who is told besides those who are addressed. `listed` are all addressees of the [`episodes`].
pub fn extra(waiting: &[Waiting], unsent: &[Delivery], listed: &BTreeSet<(AlertId, Recipient)>, ways: &Ways) -> Extra {
    let mut extra = Extra::default();
    let mut added: BTreeSet<(AlertId, Recipient)> = BTreeSet::new();
    let over: BTreeSet<(&JobId, u32)> = waiting.iter().filter(|w| w.alert.kind.is_ending()).map(of).collect();
    for w in waiting.iter().filter(|w| !over.contains(&of(w)) && w.alert.kind.is_urgent()) {
        if ways.is_broken(&w.recipient) {
            added.extend(ways.besides(&w.recipient).into_iter().map(|to| (w.alert.id.clone(), to)));
        }
        if w.alert.id.job.as_str().starts_with(ABOUT_MAIL) {
            added.extend(ways.all_channels().into_iter().map(|to| (w.alert.id.clone(), to)));
        }
    }
    for d in unsent.iter().filter(|d| d.urgent && matches!(d.state, DeliveryState::Refused { .. })) {
        let open = d.alerts.iter().filter(|id| !over.contains(&(&id.job, id.episode)));
        let both = open.flat_map(|id| ways.besides(&d.recipient).into_iter().map(|to| (id.clone(), to)));
        added.extend(both.filter(|_| !(ways.nomail && d.recipient.is_mail())));
    }
    for w in waiting.iter().filter(|w| follows(w.alert.kind)) {
        let of = of(w);
        let party = listed.iter().filter(|(id, to)| (&id.job, id.episode) == of && ways.may_be_added(to));
        added.extend(party.map(|(_, to)| (w.alert.id.clone(), to.clone())));
    }
    leave_what_is_gone(waiting, unsent, ways, &mut added, &mut extra);
    added.retain(|one| !listed.contains(one));
    extra.addressed = added.into_iter().collect();
    extra
}

fn of(w: &Waiting) -> (&JobId, u32) {
    (&w.alert.id.job, w.alert.id.episode)
}

/// Whether this makes untrue what was told before in its episode.
fn follows(kind: AlertKind) -> bool {
    !matches!(kind, AlertKind::Down | AlertKind::CannotJudge | AlertKind::Reminder | AlertKind::StillCannotJudge)
}

fn leave_what_is_gone(
    waiting: &[Waiting],
    unsent: &[Delivery],
    ways: &Ways,
    added: &mut BTreeSet<(AlertId, Recipient)>,
    extra: &mut Extra,
) {
    let gone = unsent.iter().filter(|d| ways.is_gone(&d.recipient));
    let carried = gone.clone().flat_map(|d| d.alerts.iter().map(|id| (id, &d.recipient)));
    let free = waiting.iter().filter(|w| ways.is_gone(&w.recipient)).map(|w| (&w.alert.id, &w.recipient));
    let both: BTreeSet<(&AlertId, &Recipient)> = carried.chain(free).collect();
    extra.superseded = gone.map(|d| d.id).collect();
    for (id, to) in both {
        let why = format!("the channel \"{to}\" has left the settings; the general contacts are told instead");
        extra.dropped.push((id.clone(), to.clone(), why));
        added.extend(ways.contacts.iter().map(|contact| (id.clone(), contact.clone())));
    }
}

/// Why a message goes to somebody whom its alerts were not addressed to; `None` if they were. One sentence, for the
/// beginning of its text.
pub fn reason<'a>(to: &Recipient, alerts: impl Iterator<Item = &'a Alert>) -> Option<String> {
    let (mut whom, mut over) = (BTreeSet::new(), true);
    for alert in alerts.filter(|alert| !alert.recipients.contains(to)) {
        whom.extend(&alert.recipients);
        over &= alert.kind.is_ending();
    }
    let names: Vec<&str> = whom.iter().map(|w| w.0.as_str()).take(3).collect();
    let more = if whom.len() > names.len() { " and others" } else { "" };
    let names = format!("{}{more}", names.join(", "));
    match (whom.iter().any(|w| w.is_mail()), over) {
        _ if whom.is_empty() => None,
        (_, true) => Some(format!("You get this because you were told of it in place of {names}.")),
        (true, false) if !to.is_mail() => {
            Some(format!("MAIL IS BROKEN: this is for {names}, and may not have arrived there."))
        }
        _ => Some(format!("A WAY OUT IS BROKEN OR GONE: this is for {names}, and may not have arrived there.")),
    }
}

#[cfg(test)]
mod tests;
