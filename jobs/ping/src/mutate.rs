//! Would the job notice that a host does not answer as it should? The answers that came are made wrong and judged as they are
//! in a run.

use crate::judge;
use crate::pings::{Came, Seen};
use crate::plan::Plan;
use checker_job::{Mutation, Vacuity, Verdict};
use checker_parts::probe::{Limit, Tried};
use std::time::Duration;

/// Round trips that nobody wants, wherever the host is: ten times those to the next room are still not felt.
const SLOW: Duration = Duration::from_secs(1);
const TIMES: u32 = 10;
/// Each of these is noticed whatever the keys are.
const NONE: &str = "";

/// What the job says of what came, and would say of worse. A run has `timeout`.
pub(crate) fn vacuity(plan: &Plan, host: &str, tried: &[Tried<Came>], limit: &Limit, timeout: Duration) -> Vacuity {
    let outcome = judge::all(plan, host, tried, limit);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut mutations = Vec::new();
    let mut judged = |name, what, remedy, wrong: Option<Vec<Tried<Came>>>| {
        mutations.extend(wrong.map(|wrong| Mutation::new(name, what, remedy, judge::all(plan, host, &wrong, limit))));
    };
    judged("gone", "a host that answers no ping", NONE, worse(tried, |seen| Some(with_times(seen, Vec::new()))));
    let damaged = |seen: &Seen| Some(Seen { changed: u32::from(seen.sent), ..with_times(seen, Vec::new()) });
    judged("wrong_answer", "answers with other bytes than were sent", NONE, worse(tried, damaged));
    let losses = "set loss_warning to less than 50%";
    judged("half_lost", "half of the pings lost", losses, worse(tried, half));
    let near = slowest(tried) * TIMES < SLOW;
    let what = if near { "round trips of a second" } else { "round trips ten times as long, and of a second at least" };
    // What comes later than the end of the run is lost, and not slow.
    let slow = worse(tried, |seen| Some(slowed(seen))).filter(|slow| slowest(slow) < timeout);
    judged("slow", what, "set rtt_warning or rtt_critical to less than that", slow);
    Vacuity::new(outcome, mutations)
}

/// What came, from each address made worse. `None`, if it cannot be at one of them.
fn worse(tried: &[Tried<Came>], make: impl Fn(&Seen) -> Option<Seen>) -> Option<Vec<Tried<Came>>> {
    let mut tried = tried.to_vec();
    for (_, came) in &mut tried {
        if let Ok(Came::Seen(seen)) = came {
            *seen = make(seen)?;
        }
    }
    Some(tried)
}

fn with_times(seen: &Seen, times: Vec<Duration>) -> Seen {
    Seen { times, ..seen.clone() }
}

/// As many answers as half of the pings would have, rounded down. One ping has no half.
fn half(seen: &Seen) -> Option<Seen> {
    let answered = usize::from(seen.sent / 2);
    (answered > 0).then(|| with_times(seen, seen.times.iter().take(answered).copied().collect()))
}

fn slowed(seen: &Seen) -> Seen {
    with_times(seen, seen.times.iter().map(|time| (*time * TIMES).max(SLOW)).collect())
}

/// The longest round trip of all.
fn slowest(tried: &[Tried<Came>]) -> Duration {
    let seen = tried.iter().filter_map(|(_, came)| match came {
        Ok(Came::Seen(seen)) => seen.times.iter().max(),
        Ok(Came::Forbidden) | Err(_) => None,
    });
    seen.max().copied().unwrap_or_default()
}
