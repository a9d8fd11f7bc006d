//! Two states of one job become one: while the store was in trouble, one went on in a refuge, and the other may have
//! gone on as well, in a pass that was running when the trouble began.
//!
//! **The rule.** The state with the newer run counts. Episodes of the two never have one number, unless they are the same
//! (see [`renumbered`]), so no alert of one is ever taken for one of the other. What was told is remembered from both: an
//! episode that was told and that the newer state knows nothing of stays open, so that its end is told.

use super::{Episode, JobState};

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

/// One state of two; `None` if `ours` stays as it is. `ours` is where the state belongs, `theirs` comes back from the
/// refuge, and `base` is the `seq` that both began with there (0 if it could not be read). `has_ended` says whether an
/// alert that ends this episode is known on either side.
pub fn merged(
    base: u64,
    ours: Option<&JobState>,
    theirs: &JobState,
    has_ended: &dyn Fn(u32) -> bool,
) -> Option<JobState> {
    let Some(ours) = ours else { return Some(theirs.clone()) };
    if theirs.seq == base {
        return None;
    }
    if ours.seq == base && theirs.seq > base {
        return Some(theirs.clone());
    }
    let newer = |a: &JobState, b: &JobState| (a.ran_at, a.seq) > (b.ran_at, b.seq);
    let back = newer(theirs, ours);
    let (winner, loser) = if back { (theirs, ours) } else { (ours, theirs) };
    let mut whole = winner.clone();
    whole.episodes = ours.episodes.max(theirs.episodes);
    whole.failure = episode(winner.failure.as_ref(), loser.failure.as_ref(), has_ended);
    whole.blind = episode(winner.blind.as_ref(), loser.blind.as_ref(), has_ended);
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
    if !back && whole == *ours && ours.seq > theirs.seq {
        return None;
    }
    // Beyond both: a result that is on its way on either side is too late.
    whole.seq = ours.seq.max(theirs.seq).saturating_add(1);
    Some(whole)
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
        JobState { verdict: Some(Verdict::Failed), failure: Some(episode), episodes: number, ..well(seq, ran) }
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
        assert_eq!(merged(7, Some(&ours), &theirs, NEVER).unwrap(), theirs);
        assert_eq!(merged(0, None, &theirs, NEVER).unwrap(), theirs);
        let unmoved = renumbered(ours.clone(), 3_000);
        assert_eq!(merged(7, Some(&ours), &unmoved, NEVER), None, "nothing happened to it");
        let on = JobState { seq: 8, ..ours.clone() };
        assert_eq!(merged(7, Some(&on), &unmoved, NEVER), None);
    }

    #[test]
    fn a_newer_run_on_the_old_side_counts_and_late_results_of_both_are_too_late() {
        let ours = well(9, 300);
        let theirs = JobState { episodes: 3_000, ..well(12, 200) };
        let whole = merged(5, Some(&ours), &theirs, NEVER).unwrap();
        assert_eq!((whole.ran_at, whole.seq, whole.episodes), (at(300), 13, 3_000));
        let whole = merged(5, Some(&well(12, 200)), &well(9, 300), NEVER).unwrap();
        assert_eq!((whole.ran_at, whole.seq), (at(300), 13));
        assert_eq!(merged(5, Some(&well(9, 300)), &well(8, 200), NEVER), None, "an older one changes nothing");
        let whole = merged(0, Some(&well(500, 100)), &well(3, 200), NEVER).unwrap();
        assert_eq!((whole.ran_at, whole.seq), (at(200), 501), "the refuge could read nothing and began anew");
    }

    #[test]
    fn a_failure_that_was_told_on_the_losing_side_stays_open_until_its_end_is_told() {
        let told = ill(8, 200, 3_001, true);
        let whole = merged(5, Some(&well(9, 300)), &told, NEVER).unwrap();
        assert_eq!(whole.failure, told.failure, "the next good run tells the recovery");
        let whole = merged(5, Some(&well(9, 300)), &told, &|n| n == 3_001).unwrap();
        assert_eq!(whole.failure, None, "it was told already");
        let whole = merged(5, Some(&well(9, 300)), &ill(8, 200, 3_001, false), NEVER).unwrap();
        assert_eq!(whole.failure, None, "nobody was told");
    }

    #[test]
    fn one_failure_seen_on_both_sides_keeps_who_was_told() {
        let ours = ill(9, 300, 5, false);
        let mut theirs = ill(8, 200, 5, true);
        theirs.failure.as_mut().unwrap().next_step = 1_001;
        let failure = merged(5, Some(&ours), &theirs, NEVER).unwrap().failure.unwrap();
        assert_eq!((failure.told_at, failure.next_step, failure.addressed.len()), (at(200), 1_001, 1));
        assert_eq!(failure.since, Timestamp::from_secs(200));
    }
}
