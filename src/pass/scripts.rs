//! Jobs of scripts: nothing is run, records are judged.

use super::due::Due;
use super::{Pass, States};
use crate::decide::JobState;
use crate::decide::script::expected::Look;
use crate::decide::script::{Expected, Wanted};
use crate::runner::Finished;
use crate::store::StoreError;
use checker_job::{Outcome, Timestamp};
use std::time::Duration;

/// So many are asked for at once, so that other writers wait milliseconds.
const BATCH: usize = 500;

/// What the records of the scripts among `due` mean. `Err`: which of them nobody can judge now, and why; the trouble with the
/// state itself is told in any case.
pub(super) fn judge(
    pass: &Pass<'_>,
    due: &[Due],
    states: &States,
    now: Timestamp,
) -> Result<Vec<Finished>, (Vec<usize>, StoreError)> {
    let of_scripts = |(index, due): (usize, &'_ Due)| due.job.expected().is_some().then_some(index);
    let all: Vec<usize> = due.iter().enumerate().filter_map(of_scripts).collect();
    let mut finished = Vec::with_capacity(all.len());
    for batch in all.chunks(BATCH) {
        let asked: Vec<(usize, &Due, &Expected)> =
            batch.iter().filter_map(|i| Some((*i, due.get(*i)?, due.get(*i)?.job.expected()?))).collect();
        let wanted: Vec<Wanted> = asked.iter().map(|(.., e)| e.wanted(&pass.setup.host, now)).collect();
        let known = match pass.shared.activity(&wanted) {
            Ok(known) => known,
            Err(why @ StoreError::Unavailable(_)) => return Err((all, why)),
            // The trouble is not told by anybody else.
            Err(why) => {
                let blind =
                    Outcome::unknown(format!("its records cannot be read: {why}"), "records of scripts cannot be read");
                finished.extend(asked.into_iter().map(|(index, ..)| done(index, blind.clone(), now)));
                continue;
            }
        };
        for ((index, due, expected), known) in asked.into_iter().zip(known) {
            let usual = JobState::default();
            let before = states.get(due.job.id()).unwrap_or(&usual);
            let look = look(expected, before, &pass.setup.zone, now);
            let outcome = expected.judge(&known, &look);
            finished.push(done(index, outcome, now));
        }
    }
    Ok(finished)
}

fn done(index: usize, outcome: Outcome, now: Timestamp) -> Finished {
    Finished { index, outcome, started: now, took: Duration::ZERO, log: Vec::new() }
}

/// Against what the records of a script are judged whose job was left in the state `before`.
pub(crate) fn look<'a>(
    expected: &Expected,
    before: &'a JobState,
    zone: &'a jiff::tz::TimeZone,
    now: Timestamp,
) -> Look<'a> {
    let since = expected.watched(before, now).since;
    Look { now, zone, since, bad: before.is_bad().then_some(before.summary.as_str()) }
}
