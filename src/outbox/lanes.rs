//! One lane for each way out: mail, and each channel. In a lane one message is in flight at a time, and what it answers
//! is committed before the next one leaves. Lanes do not wait for each other: a mail server that hangs holds up no phone.

use super::{Channel, FAILURES_MAX, SEND_TIME_MIN, is_due};
use crate::clock;
use crate::decide::{Delivery, DeliveryState, Recipient, SendResult};
use crate::store::Result;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc;
use std::time::Instant;

/// A way out: `None` is mail, otherwise the name of a channel.
pub(super) type Way = Option<String>;

pub(super) fn way_of(to: &Recipient) -> Way {
    (!to.is_mail()).then(|| to.0.clone())
}

/// Ways that are open in this drain.
pub(super) type Open = BTreeMap<Way, Box<dyn Channel>>;

/// A delivery, and the ledger that it is in.
pub(super) type Item = (usize, Delivery);

/// What waits for one way out.
#[derive(Default)]
pub(super) struct Lane {
    queue: VecDeque<Item>,
    failed: Vec<Recipient>,
    /// Something was accepted: what was kept while the way was broken need not wait for its time.
    works: bool,
    pub(super) tally: Tally,
}

/// What became of the deliveries of a lane.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) accepted: u32,
    pub(super) later: u32,
    pub(super) refused: u32,
    pub(super) problem: Option<String>,
}

impl Lane {
    pub(super) fn new(works: bool) -> Self {
        Self { works, ..Self::default() }
    }

    pub(super) fn push(&mut self, item: Item) {
        self.queue.push_back(item);
    }

    /// The next one that may be tried; those that may not are counted.
    fn next(&mut self, until: Instant) -> Option<Item> {
        while let Some((ledger, unsent)) = self.queue.pop_front() {
            let refused = matches!(unsent.state, DeliveryState::Refused { .. });
            let broken = self.failed.len() >= FAILURES_MAX as usize;
            let no_time = Instant::now() + SEND_TIME_MIN >= until;
            let may = (self.works && !refused) || is_due(&unsent, clock::now().wall);
            if may && !broken && !no_time && !self.failed.contains(&unsent.recipient) {
                return Some((ledger, unsent));
            }
            self.tally.later += u32::from(!refused);
            self.tally.refused += u32::from(refused);
            self.tally.problem = self.tally.problem.take().or(unsent.last_error);
        }
        None
    }

    fn took(&mut self, to: Recipient, result: SendResult) {
        match result {
            SendResult::Accepted { .. } => {
                self.works = true;
                self.tally.accepted += 1;
            }
            SendResult::Later { why } => {
                self.tally.later += 1;
                self.tally.problem = Some(why);
                self.failed.push(to);
            }
            SendResult::Refused { why } => {
                self.tally.refused += 1;
                self.tally.problem = Some(why);
            }
        }
    }
}

/// Sends what the lanes hold. `open` opens a way, `note` commits an answer. The first error of `note` ends it; what is in
/// flight by then is noted all the same.
pub(super) fn send(
    lanes: &mut BTreeMap<Way, Lane>,
    channels: &mut Open,
    open: &dyn Fn(&Recipient) -> Box<dyn Channel>,
    until: Instant,
    note: &mut dyn FnMut(&Item, &SendResult) -> Result<()>,
) -> Result<()> {
    let mut firsts = BTreeMap::new();
    for (way, lane) in lanes.iter_mut() {
        if let Some(item) = lane.next(until) {
            channels.entry(way.clone()).or_insert_with(|| open(&item.1.recipient));
            firsts.insert(way.clone(), item);
        }
    }
    // Nearly always there is one way at most: then no thread is needed.
    if firsts.len() < 2 {
        for (way, mut item) in firsts {
            let (Some(lane), Some(channel)) = (lanes.get_mut(&way), channels.get_mut(&way)) else { continue };
            loop {
                let result = channel.send(&item.1, until);
                note(&item, &result)?;
                lane.took(item.1.recipient, result);
                match lane.next(until) {
                    Some(next) => item = next,
                    None => break,
                }
            }
        }
        return Ok(());
    }
    side_by_side(lanes, channels, firsts, until, note)
}

/// Each lane has a thread that sends; this one commits.
fn side_by_side(
    lanes: &mut BTreeMap<Way, Lane>,
    channels: &mut Open,
    mut firsts: BTreeMap<Way, Item>,
    until: Instant,
    note: &mut dyn FnMut(&Item, &SendResult) -> Result<()>,
) -> Result<()> {
    std::thread::scope(|scope| {
        let (answer, answers) = mpsc::channel::<(Way, Item, SendResult)>();
        let mut inboxes: BTreeMap<Way, mpsc::Sender<Item>> = BTreeMap::new();
        for (way, channel) in channels.iter_mut() {
            let Some(first) = firsts.remove(way) else { continue };
            let (sender, items) = mpsc::channel::<Item>();
            let (answer, way_out) = (answer.clone(), way.clone());
            let work = move || {
                for item in items {
                    let result = channel.send(&item.1, until);
                    if answer.send((way_out.clone(), item, result)).is_err() {
                        break;
                    }
                }
            };
            let started = std::thread::Builder::new().name("channel".to_owned()).spawn_scoped(scope, work);
            if let Err(why) = started {
                tracing::error!("no thread to deliver on: {why}; what waits leaves with the next pass");
            } else if sender.send(first).is_ok() {
                inboxes.insert(way.clone(), sender);
            }
        }
        drop(answer);
        let mut outcome = Ok(());
        for (way, item, result) in answers {
            let noted = note(&item, &result);
            outcome = outcome.and(noted);
            let Some(lane) = lanes.get_mut(&way) else { continue };
            lane.took(item.1.recipient, result);
            let next = if outcome.is_ok() { lane.next(until) } else { None };
            let sent = match (next, inboxes.get(&way)) {
                (Some(item), Some(inbox)) => inbox.send(item).is_ok(),
                _ => false,
            };
            if !sent {
                inboxes.remove(&way);
            }
        }
        outcome
    })
}
