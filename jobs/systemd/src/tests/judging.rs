//! Judging answers as systemd gives them, for what a test cannot make it say.

use super::*;
use crate::judge::{Wanted, failed, unit};
use crate::show::parse;

fn wanted() -> Wanted {
    Wanted { active: true, inactive: false, must_be_enabled: true, restarts_warning: None, restarts_critical: None }
}

fn judged(text: &str) -> (Verdict, String) {
    let outcome = unit("x.service", &wanted(), &parse(text)[0], None);
    (outcome.verdict, outcome.summary)
}

#[test]
fn each_result_has_words() {
    for (result, more, said) in [
        ("exit-code", "ExecMainCode=0\nExecMainStatus=0", "one of its commands ended with an exit code that is not 0"),
        ("signal", "ExecMainStatus=15", "it was killed by signal 15 (SIGTERM)"),
        ("signal", "ExecMainStatus=64", "it was killed by signal 64"),
        ("core-dump", "ExecMainStatus=11", "it crashed by signal 11 (SIGSEGV) and left a core dump"),
        ("watchdog", "", "it did not report to systemd's watchdog in time (WatchdogSec)"),
        ("oom-kill", "", "it was killed because memory ran out (OOM)"),
        ("start-limit-hit", "", "it ended so often that systemd gave up starting it (StartLimitBurst)"),
        ("resources", "", "systemd could not get what it needs for it (a file, a user, memory)"),
        ("protocol", "", "it did not say that it is ready as its Type= wants"),
        ("exec-condition", "", "its ExecCondition= said no"),
        ("trigger-limit-hit", "", "it was triggered too often in a short time"),
        ("unit-start-limit-hit", "", "what it starts ended too often"),
        ("new-thing", "", "systemd calls it \"new-thing\""),
    ] {
        let text = format!("LoadState=loaded\nActiveState=failed\nResult={result}\n{more}\n");
        assert_eq!(judged(&text), (Verdict::Failed, format!("x.service has failed: {said}")));
    }
    let plain = judged("LoadState=loaded\nActiveState=failed\nResult=success\n");
    assert_eq!(plain.1, "x.service has failed");
    let once = judged("LoadState=loaded\nActiveState=failed\nResult=signal\nExecMainStatus=9\nNRestarts=1\n");
    assert_eq!(once.1, "x.service has failed: it was killed by signal 9 (SIGKILL), also after 1 restart");
}

#[test]
fn states_of_old_and_new_systemds_are_judged() {
    let state = |active: &str| judged(&format!("LoadState=loaded\nActiveState={active}\nSubState=s\n"));
    assert_eq!(state("reloading"), (Verdict::Ok, "x.service is reloading (s)".to_owned()));
    assert_eq!(state("refreshing"), (Verdict::Ok, "x.service is refreshing (s)".to_owned()));
    assert_eq!(state("maintenance"), (Verdict::Failed, "x.service is \"maintenance\" (s)".to_owned()));
    let queued = judged("LoadState=loaded\nActiveState=activating\nSubState=auto-restart-queued\nNRestarts=7\n");
    assert_eq!(queued.1, "x.service ends again and again, and waits for its next restart (so far 7)");
    let masked = judged("LoadState=masked\nActiveState=active\nSubState=running\n");
    let said = "x.service is active, but masked: it cannot be started again (systemctl unmask x.service)";
    assert_eq!(masked, (Verdict::Warning, said.to_owned()));
    let broken = judged("LoadState=bad-setting\nActiveState=active\nSubState=running\nLoadError=x.y \"It is bad.\"\n");
    let said = "x.service is active, but its file cannot be used any more: it cannot be started again; see: systemd-analyze \
                verify x.service (It is bad.)";
    assert_eq!(broken, (Verdict::Warning, said.to_owned()));
    let dies = judged("LoadState=not-found\nActiveState=failed\nSubState=failed\n");
    assert_eq!(dies.0, Verdict::Failed, "{dies:?}");
}

#[test]
fn a_running_service_may_have_been_restarted_too_often() {
    let text =
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=4\nResult=success\n";
    let with = |restarts_warning, restarts_critical| {
        let wanted = Wanted { restarts_warning, restarts_critical, ..wanted() };
        unit("x.service", &wanted, &parse(text)[0], None)
    };
    assert_eq!(with(Some(4), Some(5)).verdict, Verdict::Ok);
    let some = with(Some(3), Some(4));
    assert_eq!(some.verdict, Verdict::Warning);
    assert!(
        some.summary.starts_with("x.service was restarted 4 times by systemd, more than 3 (systemctl "),
        "{some:?}"
    );
    assert_eq!(with(None, Some(3)).verdict, Verdict::Failed);
    assert_eq!(with(None, None).metrics.len(), 1);
    let old = parse(&text.replace("NRestarts=4\n", ""));
    let outcome = unit("x.service", &Wanted { restarts_critical: Some(9), ..wanted() }, &old[0], None);
    assert_eq!(outcome.verdict, Verdict::Unknown, "a limit that was not looked at: {outcome:?}");
    assert_eq!(unit("x.service", &wanted(), &old[0], None).verdict, Verdict::Ok);
}

#[test]
fn what_is_started_by_another_or_until_the_reboot_is_not_enabled() {
    let of = |more: &str| judged(&format!("LoadState=loaded\nActiveState=active\nSubState=running\n{more}"));
    assert_eq!(of("UnitFileState=disabled\nTriggeredBy=\n").0, Verdict::Warning);
    assert_eq!(of("UnitFileState=disabled\nTriggeredBy=x.socket\n").0, Verdict::Ok);
    let (verdict, said) = of("UnitFileState=enabled-runtime\nTriggeredBy=\n");
    assert_eq!(verdict, Verdict::Warning);
    assert!(said.starts_with("x.service is active, but enabled only until the next reboot"), "{said}");
}

#[test]
fn units_that_are_counted_and_not_named_are_not_well() {
    let one = parse("Id=a.service\nActiveState=failed\n");
    let except = ["a".to_owned()];
    assert_eq!(failed(&[], true, &[]).verdict, Verdict::Unknown);
    assert_eq!(failed(&one, true, &except).verdict, Verdict::Unknown);
    assert_eq!(failed(&one, false, &except).verdict, Verdict::Ok);
    assert_eq!(failed(&one, true, &[]).summary, "at least 1 unit has failed: a.service");
}

#[test]
fn blocks_are_units_and_many_are_bounded() {
    let text = (0..500).map(|n| format!("Id=u{n}.service\nResult=timeout\n\n")).collect::<Vec<_>>().concat();
    let units = parse(&text);
    assert_eq!(units.len(), 500);
    let outcome = failed(&units, true, &[]);
    assert!(outcome.summary.starts_with("at least 500 units have failed: u0.service: it did not start"), "{outcome:?}");
    assert!(outcome.summary.ends_with("; and 497 more"), "{outcome:?}");
    assert!(outcome.detail.lines().count() == 50 && outcome.detail.len() < 16_000);
    let odd = parse("\n\nnoise\nA=1=2\nB=\n\n\nA=3\n");
    assert_eq!(odd.iter().map(|u| u.get("A")).collect::<Vec<_>>(), ["1=2", "3"]);
}
