//! What `script monitor` says of records in a store: the original's vectors.

use super::{ScriptActivity, success};
use crate::decide::script::Activity;
use crate::decide::script::monitor::{Degree, Expected, Finding, Limits, Pair, perfdata, summary};
use crate::store::{Memory, Scripts, StoreClock};
use checker_job::Timestamp;
use std::time::Duration;

/// Whole seconds of 2007-05-23.
fn may(hour: i64, minute: i64) -> Timestamp {
    Timestamp::from_secs(1_179_878_400 + hour * 3_600 + minute * 60)
}

fn known(pair: &Pair, expected: &Expected) -> Activity {
    let store = Memory::new(StoreClock::system()).shared();
    let activity = ScriptActivity {
        name: "script-monitor-test".to_owned(),
        hostname: "localhost".to_owned(),
        date_started: may(0, 0),
        date_completed: may(1, 0),
    };
    store.record(&[success(&activity)]).unwrap();
    store.activity(&[expected.wanted(pair)]).unwrap().remove(0)
}

fn judged(pair: &str, until: Timestamp, change: impl FnOnce(&mut Expected)) -> Option<Finding> {
    let pair = Pair::parse(pair, false).unwrap();
    let mut expected = Expected {
        now: until,
        window: Duration::from_secs(3_600),
        warning: Limits::default(),
        critical: Limits::default(),
    };
    change(&mut expected);
    expected.judge(&pair, &known(&pair, &expected))
}

/// notes/seeds.md 4.4, the test oracle.
#[test]
fn the_originals_vectors() {
    let script = "localhost:script-monitor-test";
    assert_eq!(judged(script, may(1, 30), |_| ()), None, "00:30 to 01:30");
    let late = judged(script, may(2, 30), |_| ()).unwrap();
    assert_eq!(
        late.line,
        "The script 'script-monitor-test' didn't run on 'localhost' between 2007-05-23 01:30:00 and \
         2007-05-23 02:30:00 (last seen 2007-05-23 01:00:00)"
    );
    let elsewhere = judged("notlocalhost:script-monitor-test", may(1, 30), |_| ()).unwrap();
    assert_eq!(
        elsewhere.line,
        "The script 'script-monitor-test' didn't run on 'notlocalhost' between 2007-05-23 00:30:00 and \
         2007-05-23 01:30:00"
    );
    assert_eq!(
        summary(&[late, elsewhere]),
        "Scripts failed to run: localhost:script-monitor-test, notlocalhost:script-monitor-test"
    );
    assert_eq!(summary(&[]), "All scripts ran as expected");
}

#[test]
fn both_ends_of_the_window_belong_to_it() {
    for (until, ran) in [(may(1, 0), true), (may(2, 0), true), (may(0, 59), false), (may(2, 1), false)] {
        assert_eq!(judged("localhost:script-monitor-test", until, |_| ()).is_none(), ran, "{until:?}");
    }
}

#[test]
fn what_is_slow_or_seldom_is_told_in_two_degrees() {
    let script = "*:script-monitor-test";
    let secs = Duration::from_secs;
    let two = |limit: Limits| {
        let critical = judged(script, may(1, 30), |e| e.critical = limit).unwrap();
        let warning = judged(script, may(1, 30), |e| e.warning = limit).unwrap();
        assert_eq!((critical.degree, warning.degree), (Degree::Critical, Degree::Warning));
        assert_eq!(critical.short, warning.short);
        critical
    };
    let seldom = two(Limits { min_runs: Some(2), ..Limits::default() });
    assert_eq!(seldom.short, "ran 1 of at least 2 times");
    assert!(seldom.line.contains("on any host"), "{}", seldom.line);
    let slow = two(Limits { max_average: Some(secs(3_599)), ..Limits::default() });
    assert_eq!(slow.short, "took 1 h on average, at most 59 min is expected");
    let long = two(Limits { max_runtime: Some(secs(60)), ..Limits::default() });
    assert_eq!(long.short, "took up to 1 h, at most 1 min is expected");
    let old = two(Limits { within: Some(secs(600)), ..Limits::default() });
    assert_eq!(old.short, "ran 30 min ago, expected within 10 min");
    assert_eq!(
        summary(&[seldom, long]),
        "Scripts not as expected: *:script-monitor-test ran 1 of at least 2 times, *:script-monitor-test took up \
         to 1 h, at most 1 min is expected"
    );
    let enough = Limits {
        min_runs: Some(1),
        max_average: Some(secs(3_600)),
        within: Some(secs(1_800)),
        max_runtime: Some(secs(3_600)),
    };
    assert_eq!(judged(script, may(1, 30), |e| (e.critical, e.warning) = (enough, enough)), None);
}

#[test]
fn pairs_are_read_and_bad_ones_named() {
    let pair = Pair::parse("alpha:a:b", false).unwrap();
    assert_eq!((pair.name.as_str(), pair.host.as_deref()), ("a:b", Some("alpha")));
    assert_eq!(Pair::parse("alpha:x", true).unwrap().host, None);
    assert_eq!(Pair::parse("x", true).unwrap().name, "x");
    for bad in ["x", ":x", "alpha:", ""] {
        let why = Pair::parse(bad, false).unwrap_err();
        assert!(why.ends_with("is not in the format 'host:scriptname'"), "{why}");
    }
}

#[test]
fn performance_data_are_quoted() {
    let pair = Pair::parse("localhost:script-monitor-test", false).unwrap();
    let expected = Expected {
        now: may(1, 30),
        window: Duration::from_secs(3_600),
        warning: Limits::default(),
        critical: Limits::default(),
    };
    let text = perfdata(&pair, &known(&pair, &expected), expected.now);
    let label = "localhost:script-monitor-test";
    assert_eq!(text, format!("'{label} age'=1800s '{label} runs'=1 '{label} average'=3600.000s"));
    let odd = Pair { label: "it's=x".to_owned(), ..pair };
    assert!(perfdata(&odd, &Activity::default(), expected.now).starts_with("'it''s_x age'=U 'it''s_x runs'=0"));
}
