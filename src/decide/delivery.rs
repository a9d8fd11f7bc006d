//! Which messages leave now: what is waiting, merged, put into lanes and held by limits. Pure.
//!
//! Limits slow reminders, recoveries and flappers, never a first down: it leaves at once while its recipient had fewer
//! than [`Limits::burst`] messages in [`Limits::window`], and in a digest as soon as that window has room again (the last
//! place of the window is not given at once, see [`Limits::spread`]).
//!
//! **Invariant:** the last message about a job that a recipient gets is true. So all news of one job makes one message,
//! and it replaces what was unsent of that job. This holds for refused messages too, which are tried on: `waiting` must
//! list what they carry (with their id as `delivery`) where something newer of the same job waits for that recipient,
//! and nowhere else, so that one bad message does not spoil others. [`Plan::superseded`] may name refused deliveries.
//! What a replaced delivery carried and the plan does not mention waits again.

use super::{Alert, AlertId, AlertKind, Recipient, Sent, Waiting};
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// What one recipient and the mail account may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// More news than this in one wave for one recipient become one digest.
    pub few: usize,
    /// Messages to one recipient within `window`.
    pub burst: usize,
    /// Of `burst`, kept free for first news.
    pub reserve: usize,
    /// The last place of `burst` is given this long after the first: then what comes next waits for less than `window`,
    /// although passes are a minute apart and their waves leave up to 45 s after their start.
    pub spread: Duration,
    /// The window of `burst`.
    pub window: Duration,
    /// Messages that the mail account may send a day (`daily_limit`). Channels neither count nor are held by it.
    pub daily: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (spread, window) = (Duration::from_secs(120), Duration::from_secs(600));
        Self { few: 3, burst: 10, reserve: 3, spread, window, daily: 200 }
    }
}

impl Limits {
    /// From here on all but first news waits for one digest an hour.
    pub fn is_near(&self, sent_today: usize) -> bool {
        sent_today.saturating_mul(4) >= self.daily.saturating_mul(3)
    }
}

/// A message to be rendered, committed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whom it goes to.
    pub recipient: Recipient,
    /// What it tells: for each episode its pending alerts, oldest first.
    pub groups: Vec<Vec<Alert>>,
    /// Whether limits may not hold it.
    pub urgent: bool,
    /// The Message-ID that it continues, if it is about one episode.
    pub thread: Option<String>,
}

impl Outgoing {
    /// Whether it carries more than one episode.
    pub fn is_digest(&self) -> bool {
        self.groups.len() > 1
    }

    /// All alerts it carries.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.groups.iter().flatten()
    }
}

/// What leaves now, and what need not leave at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Messages, urgent ones first.
    pub outgoing: Vec<Outgoing>,
    /// Unsent deliveries whose alerts are in `outgoing` now.
    pub superseded: Vec<Uuid>,
    /// Alerts that this recipient need not be told, and why.
    pub dropped: Vec<(AlertId, Recipient, String)>,
    /// Alerts kept back because mail is switched off.
    pub withheld: Vec<(AlertId, Recipient)>,
    /// Episodes that a limit holds for a later pass.
    pub held: usize,
}

/// Decides what leaves at `now`. `sent` are the deliveries of the last 24 hours; `nomail` says that mail is
/// switched off: channels go on.
pub fn plan(now: Timestamp, waiting: &[Waiting], sent: &[Sent], limits: &Limits, nomail: bool) -> Plan {
    let mut plan = Plan::default();
    let kept_back = |w: &&Waiting| nomail && w.recipient.is_mail();
    withhold(&waiting.iter().filter(kept_back).collect::<Vec<_>>(), &mut plan);
    let mut by_recipient: BTreeMap<&Recipient, Vec<&Waiting>> = BTreeMap::new();
    for w in waiting.iter().filter(|w| !kept_back(w)) {
        by_recipient.entry(&w.recipient).or_default().push(w);
    }
    for (recipient, waiting) in by_recipient {
        let budget = Budget::of(now, recipient, sent, limits);
        if budget.room == 0 {
            let fresh = waiting.iter().filter(|w| w.delivery.is_none());
            let held: BTreeSet<_> = fresh.map(|w| (&w.alert.id.job, w.alert.id.episode)).collect();
            plan.held += held.len();
            continue;
        }
        let jobs = by_job(&waiting);
        let gone = overtaken(&jobs);
        let unsent: BTreeSet<Uuid> = waiting.iter().filter_map(|w| w.delivery).collect();
        let left = unsent.difference(&gone).count();
        let mut part = admit(recipient, &jobs, gone, false, &budget, limits);
        // While nothing leaves, more than a few must not pile up: they become one.
        if left > 0 && !part.outgoing.is_empty() && left + part.outgoing.len() > limits.few {
            part = admit(recipient, &jobs, unsent, true, &budget, limits);
        }
        plan.outgoing.extend(part.outgoing);
        plan.superseded.extend(part.superseded);
        plan.dropped.extend(part.dropped);
        plan.held += part.held;
    }
    plan.outgoing.sort_by_key(|o| !o.urgent);
    plan
}

/// Mail is switched off: what is new is kept back, once.
fn withhold(waiting: &[&Waiting], plan: &mut Plan) {
    fn of(w: &Waiting) -> (&Recipient, &JobId, u32) {
        (&w.recipient, &w.alert.id.job, w.alert.id.episode)
    }
    let mut first: BTreeMap<_, u32> = BTreeMap::new();
    for w in waiting {
        let step = first.entry(of(w)).or_insert(w.alert.id.step);
        *step = w.alert.id.step.min(*step);
    }
    for &w in waiting.iter().filter(|w| w.delivery.is_none() && !w.withheld) {
        let (id, to) = (w.alert.id.clone(), w.recipient.clone());
        // What reminds of news that this recipient has, or that is kept already, would only pile up.
        let reminds = matches!(w.alert.kind, AlertKind::Reminder | AlertKind::StillCannotJudge);
        let has_older = first.get(&of(w)).is_some_and(|first| *first < id.step);
        if reminds && (w.told || has_older) {
            plan.dropped.push((id, to, "mail is switched off".to_owned()));
        } else {
            plan.withheld.push((id, to));
        }
    }
}

/// One message's worth of news: one job, or all jobs that one cause hinders.
struct Unit {
    groups: Vec<Vec<Alert>>,
    urgent: bool,
    /// It replaces an unsent delivery, which is in the budget already: it may not be held.
    replaces: bool,
    thread: Option<String>,
}

impl Unit {
    fn absorb(&mut self, other: Self) {
        self.groups.extend(other.groups);
        self.urgent |= other.urgent;
        self.replaces |= other.replaces;
        self.thread = None;
    }

    /// What hinders it, if that is all it says.
    fn cause(&self) -> Option<String> {
        let alerts = || self.groups.iter().flatten();
        let cause = alerts().next()?.cause.as_ref()?;
        let blind = |k: AlertKind| matches!(k, AlertKind::CannotJudge | AlertKind::StillCannotJudge);
        alerts().all(|a| blind(a.kind) && a.cause.as_ref() == Some(cause)).then(|| cause.clone())
    }
}

/// The alerts of one job by episode, each in the order of its steps.
type Episodes<'a> = BTreeMap<u32, Vec<&'a Waiting>>;

fn by_job<'a>(waiting: &[&'a Waiting]) -> BTreeMap<&'a JobId, Episodes<'a>> {
    let mut jobs: BTreeMap<&JobId, Episodes<'_>> = BTreeMap::new();
    for &w in waiting {
        let episodes = jobs.entry(&w.alert.id.job).or_default();
        episodes.entry(w.alert.id.episode).or_default().push(w);
    }
    for group in jobs.values_mut().flat_map(BTreeMap::values_mut) {
        group.sort_by_key(|w| w.alert.id.step);
    }
    jobs
}

/// All news of one job makes one message, so that an old recovery never arrives after a new failure.
fn units(
    recipient: &Recipient,
    jobs: &BTreeMap<&JobId, Episodes<'_>>,
    dissolved: &BTreeSet<Uuid>,
    plan: &mut Plan,
) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut by_cause: BTreeMap<String, usize> = BTreeMap::new();
    for episodes in jobs.values() {
        let mut whole: Option<Unit> = None;
        for group in episodes.values() {
            let (fresh, pending): (Vec<&Waiting>, Vec<&Waiting>) =
                group.iter().partition(|w| w.delivery.is_none_or(|d| dissolved.contains(&d)));
            let Some(unit) = resolve(recipient, &fresh, !pending.is_empty(), plan) else {
                continue;
            };
            match &mut whole {
                Some(whole) => whole.absorb(unit),
                None => whole = Some(unit),
            }
        }
        let Some(unit) = whole else {
            continue;
        };
        let cause = unit.cause();
        let alike = cause.as_ref().and_then(|c| by_cause.get(c)).copied();
        match (alike.and_then(|at| units.get_mut(at)), cause) {
            (Some(first), _) => first.absorb(unit),
            (None, Some(cause)) => {
                by_cause.insert(cause, units.len());
                units.push(unit);
            }
            (None, None) => units.push(unit),
        }
    }
    units
}

/// Unsent deliveries that newer news of one of their jobs would overtake or make untrue: their alerts are told anew,
/// together with it.
fn overtaken(jobs: &BTreeMap<&JobId, Episodes<'_>>) -> BTreeSet<Uuid> {
    jobs.values()
        .filter(|episodes| episodes.values().any(|group| is_news(group)))
        .flat_map(|episodes| episodes.values().flatten())
        .filter_map(|w| w.delivery)
        .collect()
}

/// Whether an episode has something to tell that a message that has not left yet does not say already.
fn is_news(group: &[&Waiting]) -> bool {
    let pending = group.iter().any(|w| w.delivery.is_some());
    let mut fresh = group.iter().filter(|w| w.delivery.is_none());
    if pending {
        return fresh.any(|w| turns(w.alert.kind));
    }
    // An end of what this recipient was never told is dropped.
    fresh.any(|w| w.told || !w.alert.kind.is_ending())
}

/// Whether a message that has not left would be untrue or too weak without this.
fn turns(kind: AlertKind) -> bool {
    kind.is_ending() || matches!(kind, AlertKind::Worse | AlertKind::SteadyBad)
}

/// Merges the pending alerts of one episode into what is still worth telling.
fn resolve(recipient: &Recipient, fresh: &[&Waiting], pending: bool, plan: &mut Plan) -> Option<Unit> {
    let first = fresh.first()?;
    let told = fresh.iter().any(|w| w.told);
    let mut drop_all = |alerts: &[&Waiting], why: &str| {
        plan.dropped.extend(alerts.iter().map(|w| (w.alert.id.clone(), recipient.clone(), why.to_owned())));
    };
    if pending {
        drop_all(fresh, "the message before it has not left yet");
        return None;
    }
    let (ends, news): (Vec<&Waiting>, Vec<&Waiting>) = fresh.iter().copied().partition(|w| w.alert.kind.is_ending());
    let kept: Vec<&Waiting> = match (ends.is_empty(), told) {
        (false, false) if news.is_empty() => {
            drop_all(&ends, "this recipient was not told of the failure");
            return None;
        }
        (false, false) if news.iter().all(|w| w.withheld) => {
            drop_all(fresh, "it began and ended while mail was switched off");
            return None;
        }
        (false, true) => {
            drop_all(&news, "it has ended");
            ends
        }
        _ => fresh.to_vec(),
    };
    let over = kept.iter().any(|w| w.alert.kind.is_ending());
    let urgent = !over && kept.iter().any(|w| w.alert.kind.is_urgent() && (!w.told || turns(w.alert.kind)));
    Some(Unit {
        groups: vec![kept.iter().map(|w| w.alert.clone()).collect()],
        urgent,
        replaces: fresh.iter().any(|w| w.delivery.is_some()),
        thread: first.thread.clone(),
    })
}

/// Passes overlap, so a delivery may be this much newer than `now`.
const AHEAD_MAX: Duration = Duration::from_secs(60);

struct Budget {
    room: usize,
    slow_room: usize,
    /// As the day's limit nears, the rest waits for one digest an hour.
    hourly: bool,
    hour_is_over: bool,
}

impl Budget {
    fn of(now: Timestamp, recipient: &Recipient, sent: &[Sent], limits: &Limits) -> Self {
        // What lies in the future was sent while the clock was ahead: it must not hold anything until then.
        let within = |s: &Sent, time: Duration| s.at <= now.plus(AHEAD_MAX) && now.since(s.at) < time;
        let mine = || sent.iter().filter(|s| s.recipient == *recipient);
        let recent: Vec<&Sent> = mine().filter(|s| within(s, limits.window)).collect();
        let today = sent.iter().filter(|s| s.recipient.is_mail() && within(s, Duration::from_secs(86_400))).count();
        let room = limits.burst.saturating_sub(recent.len());
        let crowded = recent.iter().all(|s| within(s, limits.spread));
        Self {
            room: room.saturating_sub(usize::from(crowded)),
            slow_room: room.saturating_sub(limits.reserve),
            hourly: recipient.is_mail() && limits.is_near(today),
            hour_is_over: !mine().any(|s| !s.urgent && within(s, Duration::from_secs(3_600))),
        }
    }
}

/// What leaves for one recipient, with the deliveries in `dissolved` told anew; all in one message if `piled_up`.
fn admit(
    recipient: &Recipient,
    jobs: &BTreeMap<&JobId, Episodes<'_>>,
    dissolved: BTreeSet<Uuid>,
    piled_up: bool,
    budget: &Budget,
    limits: &Limits,
) -> Plan {
    let mut plan = Plan::default();
    let units = units(recipient, jobs, &dissolved, &mut plan);
    plan.superseded.extend(dissolved);
    let (urgent, slow): (Vec<Unit>, Vec<Unit>) = units.into_iter().partition(|u| u.urgent || u.replaces);
    // One digest carries all that waits: then the slow ones cost nothing.
    let slow_may = if budget.hourly { budget.hour_is_over } else { budget.slow_room > 0 };
    let total = urgent.len() + if slow_may { slow.len() } else { 0 };
    let urgent_digest = urgent.len() > limits.few.min(budget.room);
    if piled_up || urgent_digest || (total > limits.few && !urgent.is_empty()) {
        let all = urgent.into_iter().chain(slow).collect();
        plan.outgoing = messages(recipient, all, true);
        return plan;
    }
    let room_left = budget.slow_room.saturating_sub(urgent.len());
    plan.outgoing = messages(recipient, urgent, false);
    if !slow_may || room_left == 0 {
        plan.held = slow.len();
        return plan;
    }
    let as_digest = budget.hourly || slow.len() > limits.few.min(room_left);
    plan.outgoing.extend(messages(recipient, slow, as_digest));
    plan
}

fn messages(recipient: &Recipient, mut units: Vec<Unit>, as_digest: bool) -> Vec<Outgoing> {
    if as_digest {
        let whole = units.into_iter().reduce(|mut whole, unit| {
            whole.absorb(unit);
            whole
        });
        units = whole.into_iter().collect();
    }
    let message = |unit: Unit| Outgoing {
        recipient: recipient.clone(),
        groups: unit.groups,
        urgent: unit.urgent,
        thread: unit.thread,
    };
    units.into_iter().map(message).collect()
}

/// When to try again after `attempts` tries that failed: 1, 2, 4, 8, then 10 minutes.
pub fn retry_after(attempts: u32) -> Duration {
    let minutes = 1u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX).min(10);
    Duration::from_secs(minutes * 60)
}

/// A message that was refused for good is tried again this much later.
pub const REFUSED_RETRY: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod storms;
#[cfg(test)]
mod tests;
