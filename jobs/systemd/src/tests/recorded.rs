//! What `systemctl show` of systemd 252 has said of real units, judged where none can be started, too.

use super::*;
use crate::judge::{Wanted, failed, unit};
use crate::show::{Unit, parse};

const SAID: &str = include_str!("systemd-252.txt");

fn said_of(name: &str) -> Unit {
    let unit = parse(SAID).into_iter().find(|unit| unit.get("Id") == name);
    unit.unwrap_or_else(|| panic!("{name} is not among what was recorded"))
}

#[test]
fn what_a_real_systemd_has_said_is_judged() {
    use Verdict::{Failed, Ok, Warning};
    let wanted = Wanted {
        active: true,
        inactive: false,
        must_be_enabled: true,
        restarts_warning: None,
        restarts_critical: None,
    };
    for (name, verdict, start) in [
        ("loose.service", Warning, "loose.service is active, but not enabled: after a reboot it would not run"),
        ("code.service", Failed, "code.service has failed: it ended with exit code 3"),
        (
            "loop.service",
            Failed,
            "loop.service ends again and again, and waits for its next restart (so far 0): it ended",
        ),
        (
            "bad.timer",
            Failed,
            "the last run of bad.service, which bad.timer starts (of Sun 2026-11-29 08:36:47 UTC), has",
        ),
        ("held.service", Ok, "held.service is active (running)"),
        ("held.timer", Ok, "held.timer is active (waiting); it elapses next: Mon 2026-11-30 00:00:00 UTC"),
        ("broken.service", Warning, "broken.service is active, but its file cannot be used any more"),
        ("until.service", Warning, "until.service is active, but enabled only until the next reboot"),
        ("masked.service", Failed, "masked.service is masked, so nothing can start it"),
        ("missing.service", Failed, "there is no unit missing.service on this host"),
        ("timers.target", Ok, "timers.target is active (active)"),
    ] {
        let said = said_of(name);
        let started = Some(said.get("Unit")).filter(|starts| !starts.is_empty()).map(said_of);
        let outcome = unit(name, &wanted, &said, started.as_ref());
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
        assert!(outcome.summary.starts_with(start), "{outcome:?}");
    }
    let all = failed(&[said_of("bad.service"), said_of("code.service")], false, &[]);
    let words = "2 units have failed: bad.service: it ended with exit code 1; code.service: it ended with exit code 3";
    assert_eq!((all.verdict, all.summary.as_str()), (Failed, words));
}
