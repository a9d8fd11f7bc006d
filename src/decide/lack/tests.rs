use super::*;
use crate::decide::pace::Pace;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000).plus(Duration::from_secs(secs))
}

/// Somebody looks as often as it is said to. What is looked for came at second 0, and again at second `comes`; the looker is
/// stopped from one second to another. When it was missed, as what has not come.
fn missed(patience: Patience, (from, to): (u64, u64), comes: u64, tells_it_was_stopped: bool) -> Option<u64> {
    let (mut lacks, what, mut now) = (Lacks::default(), JobId::literal("node:passes"), 0);
    let mut stopped = false;
    loop {
        if now >= comes {
            return None;
        }
        if std::mem::take(&mut stopped) && tells_it_was_stopped {
            lacks.anew();
        }
        let Some(next) = lacks.look(&what, Duration::from_secs(now), patience, at(now)) else { return Some(now) };
        let micros = next.micros() - at(0).micros();
        let next = u64::try_from(micros).unwrap().div_ceil(1_000_000);
        assert!(next > now, "it looks again at once");
        let wakes = next.min(comes);
        // Whoever is stopped while it rests finds out, if it is late by more than a moment.
        (now, stopped) = if (from..to).contains(&wakes) { (to, to > wakes + 10) } else { (wakes, false) };
    }
}

const NEVER: u64 = u64::MAX;
const AWAKE: (u64, u64) = (0, 0);

#[test]
fn who_is_awake_misses_it_after_the_limit_and_not_before() {
    for patience in [Pace::default().passes_missed(), Pace::default().askers_missed()] {
        let limit = patience.limit.as_secs();
        assert_eq!(missed(patience, AWAKE, NEVER, true), Some(limit + 1));
        assert_eq!(patience.put_off(LOOK), Duration::ZERO, "{patience:?}");
        let late = patience.late.as_secs();
        for from in late..limit {
            let busy = missed(patience, (from, from + 30), NEVER, false).unwrap();
            assert!(busy <= limit + 31, "a step of 30 s from {from} on: {busy}");
        }
    }
}

#[test]
fn who_was_stopped_waits_for_the_next_one_whenever_the_stop_begins_and_ends() {
    let patience = Pace::default().passes_missed();
    for from in 1..=85 {
        for to in from + 1..600 {
            // Passes come each minute: the next one within a minute after the end, and two seconds for its work.
            assert_eq!(missed(patience, (from, to), to + 62, true), None, "stopped from {from} to {to}");
        }
    }
    for (from, to) in [(10, 400), (80, 400)] {
        let told = missed(patience, (from, to), NEVER, true).unwrap();
        assert!((to + 62..=to + 76).contains(&told), "none comes: {told}");
    }
}

#[test]
fn a_stop_in_a_step_is_noticed_by_its_length_alone() {
    let patience = Pace::default().passes_missed();
    for from in [76, 80, 85] {
        for to in from + 62..600 {
            assert_eq!(missed(patience, (from, to), to + 62, false), None, "stopped from {from} to {to}");
        }
    }
}

#[test]
fn what_has_come_meanwhile_is_looked_for_anew() {
    let (mut lacks, what) = (Lacks::default(), JobId::literal("node:passes"));
    let patience = Pace::default().passes_missed();
    let mut look =
        |age: u64, now: u64| lacks.look(&what, Duration::from_secs(age), patience, at(now)).map(Timestamp::secs);
    let soon = |now: u64| Some(at(now + 9).secs());
    assert_eq!(look(100, 100), soon(100));
    assert_eq!(look(0, 105), Some(at(181).secs()));
    assert_eq!(look(76, 181), soon(181));
    assert_eq!(look(80, 300), soon(300), "it has come, and nobody looked then");
    for now in (309..=375).step_by(9) {
        assert!(look(now - 220, now).is_some(), "{now}: the first look at it is not the one of before");
    }
    assert!((376..420).step_by(9).any(|now| look(now - 100, now).is_none()));
    assert_eq!(look(1_075, 1_225), None, "it stays missed");
    assert_eq!(look(80, 1_300), soon(1_300), "until it comes");
}

#[test]
fn with_odd_times_it_is_never_missed_too_soon_and_never_later_than_the_bound_says() {
    let minute = Duration::from_secs(60);
    let usual = Pace::default();
    let odd = [
        Pace { stale: minute * 2, ..usual },
        Pace { stale: minute * 30, ..usual },
        Pace { quick: Duration::from_secs(1), ..usual },
        Pace { passes: Duration::from_secs(20), stale: minute, ..usual },
        Pace { passes: minute * 5, stale: minute * 10, poll: minute, quick: minute },
    ];
    for pace in odd {
        let (passes, askers) = (pace.passes_missed(), pace.askers_missed());
        assert!(passes.late > pace.passes && passes.awake > pace.passes, "{pace:?}: the next one has time");
        assert!(askers.late > pace.poll && askers.awake >= pace.passes.max(pace.quick) * 2, "{pace:?}");
        for patience in [passes, askers] {
            let told = missed(patience, AWAKE, NEVER, true).unwrap();
            let bound = patience.limit + Duration::from_secs(1) + patience.put_off(LOOK);
            assert!(told > patience.limit.as_secs() && told <= bound.as_secs() + 1, "{pace:?}: {told}, {bound:?}");
        }
    }
}
