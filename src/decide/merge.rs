//! Two states of one job become one: while the store was in trouble, one went on in a refuge, and the other may have
//! gone on as well, in a pass that was running when the trouble began.
//!
//! **The rule.** The state with the newer run counts. Episodes of the two never have one number, unless they are the same
//! (see [`renumbered`]), so no alert of one is ever taken for one of the other. What was told is remembered from both: an
//! episode that was told and that the newer state knows nothing of stays open, so that its end is told.

use super::{Episode, JobState, Tally};

/// Between the numbers of the two.
const GAP: u32 = 1_000;

/// The state as it goes on in a refuge: episodes that begin there are numbered after `first`, and the alerts of one that
/// is open go on with numbers of their own.
pub fn renumbered(mut state: JobState, first: u32) -> JobState {
    state.episodes = if state.episodes < first { first } else { state.episodes.saturating_add(GAP) };
    for episode in [&mut state.failure, &mut state.blind].into_iter().flatten() {
        episode.next_step = episode.next_step.saturating_add(GAP);
    }
    if let Some(flapping) = &mut state.flapping {
        flapping.next_step = flapping.next_step.saturating_add(GAP);
    }
    state
}

/// Two states that became one, and what was counted of an hour that it does not count any more.
pub type Merged = (JobState, Option<Tally>);

/// One state of two; `None` if `ours` stays as it is. `ours` is where the state belongs, `theirs` comes back from the
/// refuge, and `base` is what both began with there (`None` if it could not be read, or there was none). `has_ended` says
/// whether an alert that ends this episode is known on either side.
pub fn merged(
    base: Option<&JobState>,
    ours: Option<&JobState>,
    theirs: &JobState,
    has_ended: &dyn Fn(u32) -> bool,
) -> Option<Merged> {
    let Some(ours) = ours else { return Some((theirs.clone(), None)) };
    let base_seq = base.map_or(0, |b| b.seq);
    if theirs.seq == base_seq {
        return None;
    }
    if ours.seq == base_seq {
        return Some((theirs.clone(), None));
    }
    let back = (theirs.ran_at, theirs.seq) > (ours.ran_at, ours.seq);
    let (winner, loser) = if back { (theirs, ours) } else { (ours, theirs) };
    let mut whole = winner.clone();
    whole.episodes = ours.episodes.max(theirs.episodes);
    whole.failure = episode(winner.failure.as_deref(), loser.failure.as_deref(), has_ended).map(Box::new);
    whole.blind = episode(winner.blind.as_deref(), loser.blind.as_deref(), has_ended).map(Box::new);
    if whole.flapping.is_none()
        && let Some(f) = &loser.flapping
        && f.told
        && !has_ended(f.episode)
    {
        whole.flapping = Some(f.clone());
    }
    // Said by a person on the side that has no newer run.
    let still_ill = whole.failure.is_some() || whole.blind.is_some();
    if whole.ack.is_none() && still_ill && loser.ack.as_ref().is_some_and(|a| Some(a.at) > winner.ran_at) {
        whole.ack.clone_from(&loser.ack);
    }
    if whole.silence.is_none() && loser.silence.as_ref().is_some_and(|s| Some(s.until) > whole.ran_at) {
        whole.silence.clone_from(&loser.silence);
    }
    let counted = since(&loser.tally, base.map(|b| &b.tally));
    let mut hour = None;
    if counted.hour == whole.tally.hour {
        whole.tally = sum(&whole.tally, &counted);
    } else if counted.ok + counted.warning + counted.failed + counted.unknown > 0 {
        hour = Some(counted);
    }
    // Beyond both: a result that is on its way on either side is too late.
    whole.seq = ours.seq.max(theirs.seq).saturating_add(1);
    Some((whole, hour))
}

/// What was counted since `base`.
fn since(tally: &Tally, base: Option<&Tally>) -> Tally {
    let Some(base) = base.filter(|b| b.hour == tally.hour) else { return tally.clone() };
    Tally {
        hour: tally.hour,
        ok: tally.ok.saturating_sub(base.ok),
        warning: tally.warning.saturating_sub(base.warning),
        failed: tally.failed.saturating_sub(base.failed),
        unknown: tally.unknown.saturating_sub(base.unknown),
        micros_sum: tally.micros_sum.saturating_sub(base.micros_sum),
        micros_max: tally.micros_max,
    }
}

fn sum(a: &Tally, b: &Tally) -> Tally {
    Tally {
        hour: a.hour,
        ok: a.ok.saturating_add(b.ok),
        warning: a.warning.saturating_add(b.warning),
        failed: a.failed.saturating_add(b.failed),
        unknown: a.unknown.saturating_add(b.unknown),
        micros_sum: a.micros_sum.saturating_add(b.micros_sum),
        micros_max: a.micros_max.max(b.micros_max),
    }
}

fn episode(winner: Option<&Episode>, loser: Option<&Episode>, has_ended: &dyn Fn(u32) -> bool) -> Option<Episode> {
    match (winner, loser) {
        (Some(w), Some(l)) if w.number == l.number => Some(Episode {
            next_step: w.next_step.max(l.next_step),
            told_at: w.told_at.max(l.told_at),
            told_verdict: w.told_verdict.or(l.told_verdict),
            confirmed: w.confirmed || l.told_at.is_some(),
            count: w.count.max(l.count),
            since: w.since.min(l.since),
            addressed: w.addressed.union(&l.addressed).cloned().collect(),
            ..w.clone()
        }),
        (Some(w), _) => Some(w.clone()),
        (None, Some(l)) if l.told_at.is_some() && !has_ended(l.number) => Some(l.clone()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Recipient;
    use checker_job::{Timestamp, Verdict};

    #[expect(clippy::unnecessary_wraps, reason = "the states hold it like this")]
    fn at(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_secs(secs))
    }

    fn well(seq: u64, ran: i64) -> JobState {
        JobState { seq, ran_at: at(ran), verdict: Some(Verdict::Ok), episodes: 5, ..JobState::default() }
    }

    fn ill(seq: u64, ran: i64, number: u32, told: bool) -> JobState {
        let episode = Episode {
            number,
            since: Timestamp::from_secs(ran),
            count: 2,
            confirmed: true,
            verdict: Verdict::Failed,
            told_verdict: told.then_some(Verdict::Failed),
            told_at: told.then(|| Timestamp::from_secs(ran)),
            next_step: u32::from(told),
            addressed: if told { [Recipient("you".to_owned())].into() } else { [].into() },
        };
        JobState {
            verdict: Some(Verdict::Failed),
            failure: Some(Box::new(episode)),
            episodes: number,
            ..well(seq, ran)
        }
    }

    const NEVER: &dyn Fn(u32) -> bool = &|_| false;

    #[test]
    fn numbers_never_clash() {
        let back = renumbered(ill(7, 100, 5, true), 3_000);
        assert_eq!((back.episodes, back.failure.as_ref().map(|f| (f.number, f.next_step))), (3_000, Some((5, 1_001))));
        assert_eq!(renumbered(back, 3_000).episodes, 4_000);
    }

    #[test]
    fn what_alone_went_on_counts_as_it_is() {
        let ours = ill(7, 100, 5, true);
        let theirs = JobState { seq: 9, ran_at: at(200), ..renumbered(ours.clone(), 3_000) };
        assert_eq!(merged(Some(&ours), Some(&ours), &theirs, NEVER), Some((theirs.clone(), None)));
        assert_eq!(merged(None, None, &theirs, NEVER), Some((theirs, None)));
        let unmoved = renumbered(ours.clone(), 3_000);
        assert_eq!(merged(Some(&ours), Some(&ours), &unmoved, NEVER), None, "nothing happened to it");
        let on = JobState { seq: 8, ..ours.clone() };
        assert_eq!(merged(Some(&ours), Some(&on), &unmoved, NEVER), None);
    }

    fn both(ours: &JobState, theirs: &JobState, has_ended: &dyn Fn(u32) -> bool) -> JobState {
        merged(Some(&well(5, 50)), Some(ours), theirs, has_ended).unwrap().0
    }

    #[test]
    fn a_newer_run_on_the_old_side_counts_and_late_results_of_both_are_too_late() {
        let whole = both(&well(9, 300), &JobState { episodes: 3_000, ..well(12, 200) }, NEVER);
        assert_eq!((whole.ran_at, whole.seq, whole.episodes), (at(300), 13, 3_000));
        let whole = both(&well(12, 200), &well(9, 300), NEVER);
        assert_eq!((whole.ran_at, whole.seq), (at(300), 13));
        let whole = merged(None, Some(&well(500, 100)), &well(3, 200), NEVER).unwrap().0;
        assert_eq!((whole.ran_at, whole.seq), (at(200), 501), "the refuge could read nothing and began anew");
    }

    #[test]
    fn a_failure_that_was_told_on_the_losing_side_stays_open_until_its_end_is_told() {
        let told = ill(8, 200, 3_001, true);
        assert_eq!(both(&well(9, 300), &told, NEVER).failure, told.failure, "the next good run tells the recovery");
        assert_eq!(both(&well(9, 300), &told, &|n| n == 3_001).failure, None, "it was told already");
        assert_eq!(both(&well(9, 300), &ill(8, 200, 3_001, false), NEVER).failure, None, "nobody was told");
    }

    #[test]
    fn one_failure_seen_on_both_sides_keeps_who_was_told() {
        let mut theirs = ill(8, 200, 5, true);
        theirs.failure.as_mut().unwrap().next_step = 1_001;
        let failure = both(&ill(9, 300, 5, false), &theirs, NEVER).failure.unwrap();
        assert_eq!((failure.told_at, failure.next_step, failure.addressed.len()), (at(200), 1_001, 1));
        assert_eq!(failure.since, Timestamp::from_secs(200));
    }

    #[test]
    fn no_run_is_counted_twice_and_none_is_lost() {
        let counted = |hour: i64, ok: u32| Tally { hour: Timestamp::from_secs(hour), ok, ..Tally::default() };
        let with = |state: JobState, tally: Tally| JobState { tally, ..state };
        let base = with(well(5, 50), counted(0, 30));
        let (ours, theirs) = (with(well(6, 100), counted(0, 31)), with(well(9, 300), counted(0, 34)));
        let (whole, hour) = merged(Some(&base), Some(&ours), &theirs, NEVER).unwrap();
        assert_eq!((whole.tally.ok, hour), (35, None));
        let theirs = with(well(9, 4_000), counted(3_600, 2));
        let (whole, hour) = merged(Some(&base), Some(&ours), &theirs, NEVER).unwrap();
        assert_eq!((whole.tally.ok, hour), (2, Some(counted(0, 1))));
        let (whole, hour) = merged(None, Some(&ours), &theirs, NEVER).unwrap();
        assert_eq!((whole.tally.ok, hour), (2, Some(counted(0, 31))));
    }
}
