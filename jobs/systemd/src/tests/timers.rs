//! Timers of a real systemd: the next time, and how the last run ended.

use super::manager::{Manager, inside};
use super::*;

#[test]
fn a_timer_has_a_next_time_and_a_last_run() {
    let oneshot = |command: &str| format!("[Service]\nType=oneshot\nExecStart={command}\n");
    let (good, bad, long) = (oneshot("/bin/true"), oneshot("/bin/false"), oneshot("/bin/sleep 100"));
    let at_once = "AccuracySec=1ms\nOnActiveSec=0.1\n";
    let again = format!("[Timer]\n{at_once}OnUnitInactiveSec=1h\n");
    let long_timer = format!("[Timer]\n{at_once}");
    let once = format!("[Timer]\n{at_once}Unit=good.service\n");
    let units: [(&str, &str); 11] = [
        ("good.service", &good),
        ("good.timer", &again),
        ("bad.service", &bad),
        ("bad.timer", &again),
        ("long.service", &long),
        ("long.timer", &long_timer),
        ("once.timer", &once),
        ("daily.timer", "[Timer]\nOnCalendar=daily\nUnit=good.service\n"),
        ("late.timer", "[Timer]\nOnCalendar=daily\nUnit=late.service\n"),
        ("late.service", &good),
        ("off.timer", &again),
    ];
    inside("tests::timers::a_timer_has_a_next_time_and_a_last_run", &units, |manager| next_and_last(&manager));
}

fn next_and_last(manager: &Manager) {
    manager.begin(&["good.timer", "bad.timer", "long.timer", "once.timer", "daily.timer", "late.timer"]);
    let table = |name: &str| format!("unit = \"{name}.timer\"\n{}", manager.keys());
    let daily = until(&table("daily"), |o| o.verdict == Verdict::Ok);
    assert!(daily.summary.starts_with("daily.timer is active (waiting); it elapses next: "), "{daily:?}");
    assert!(daily.summary.contains('-'), "a date: {daily:?}");
    let good = until(&table("good"), |o| o.summary.ends_with(" after boot"));
    assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
    let bad = until(&table("bad"), |o| o.summary.contains(" starts (of "));
    assert_eq!(bad.verdict, Verdict::Failed);
    assert!(bad.summary.starts_with("the last run of bad.service, which bad.timer starts (of "), "{bad:?}");
    assert!(bad.summary.ends_with("), has failed: it ended with exit code 1"), "{bad:?}");
    let long = until(&table("long"), |o| o.summary == "long.timer is active (running)");
    assert_eq!((long.verdict, long.summary.as_str()), (Verdict::Ok, "long.timer is active (running)"));
    let once = until(&table("once"), |o| o.summary.contains(" never "));
    assert_eq!(once.verdict, Verdict::Failed);
    assert_eq!(once.summary, "once.timer will never elapse again: no next time comes of its settings");
    // What it starts was removed since.
    std::fs::remove_file(manager.unit_file("late.service")).unwrap();
    manager.systemctl(&["daemon-reload"]);
    let late = until(&table("late"), |o| o.summary.contains("late.service"));
    assert_eq!(late.verdict, Verdict::Failed);
    assert_eq!(late.summary, "late.service, which late.timer starts, cannot be started: it is not-found");
    let off = run(&table("off"));
    assert_eq!((off.verdict, off.summary.as_str()), (Verdict::Failed, "off.timer does not run (dead)"), "{off:?}");
}
