//! Units of a real systemd.

use super::manager::{Manager, inside};
use super::*;

const UNITS: [(&str, &str); 20] = [
    ("fine.service", "[Service]\nExecStart=/bin/sleep 100\n[Install]\nWantedBy=default.target\n"),
    ("loose.service", "[Service]\nExecStart=/bin/sleep 100\n[Install]\nWantedBy=default.target\n"),
    // Not enabled, and held by a timer.
    ("held.service", "[Service]\nExecStart=/bin/sleep 100\n[Install]\nWantedBy=default.target\n"),
    ("held.timer", "[Timer]\nOnCalendar=daily\n"),
    ("spoilt.service", "[Service]\nExecStart=/bin/sleep 100\n"),
    ("code.service", "[Service]\nExecStart=/bin/sh -c \"exit 3\"\n"),
    ("shot.service", "[Service]\nExecStart=/bin/sleep 100\n"),
    ("noexec.service", "[Service]\nExecStart=/nonexistent/program\n"),
    ("nodir.service", "[Service]\nWorkingDirectory=/nonexistent\nExecStart=/bin/sleep 100\n"),
    ("slow.service", "[Service]\nType=notify\nTimeoutStartSec=0.3\nExecStart=/bin/sleep 100\n"),
    ("loop.service", "[Service]\nExecStart=/bin/sh -c \"exit 4\"\nRestart=always\nRestartSec=60\n"),
    (
        "gave-up.service",
        "[Unit]\nStartLimitBurst=3\n[Service]\nExecStart=/bin/sh -c \"exit 5\"\nRestart=always\nRestartSec=0\n",
    ),
    ("bad.service", "[Service]\nType=simple\n"),
    ("starts.service", "[Service]\nType=notify\nTimeoutStartSec=100\nExecStart=/bin/sleep 100\n"),
    ("stops.service", "[Service]\nExecStart=/bin/sleep 100\nExecStop=/bin/sleep 100\n"),
    ("work.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 100\n"),
    ("done.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"),
    ("gone.service", "[Service]\nExecStart=/bin/sleep 100\n"),
    ("unmet.service", "[Unit]\nConditionPathExists=/nonexistent\n[Service]\nExecStart=/bin/sleep 100\n"),
    // Keeps that one in memory, or its condition would be forgotten.
    ("wants.service", "[Unit]\nWants=unmet.service\n[Service]\nExecStart=/bin/sleep 100\n"),
];

/// Waits for what follows `start` and `name`, and compares it with `wanted`.
fn says(manager: &Manager, name: &str, more: &str, wanted: (Verdict, &str)) {
    let table = format!("unit = {name:?}\n{}{more}", manager.keys());
    let outcome = until(&table, |o| (o.verdict, o.summary.as_str()) == wanted);
    assert_eq!((outcome.verdict, outcome.summary.as_str()), wanted, "{outcome:?}");
}

#[test]
fn what_runs_and_what_does_not_is_told_apart() {
    inside("tests::real::what_runs_and_what_does_not_is_told_apart", &UNITS, |manager| states(&manager));
}

fn states(manager: &Manager) {
    use Verdict::{Failed, Ok, Warning};
    manager.systemctl(&["enable", "fine"]);
    manager.begin(&[
        "fine",
        "loose",
        "starts",
        "stops",
        "work",
        "done",
        "gone",
        "wants",
        "unmet",
        "held.timer",
        "held",
        "spoilt",
    ]);
    says(manager, "fine", "", (Ok, "fine.service is active (running)"));
    says(
        manager,
        "fine.service",
        "state = \"inactive\"",
        (Failed, "fine.service is active (running), and should not be"),
    );
    let loose = "loose.service is active, but not enabled: after a reboot it would not run (systemctl enable loose.service, \
                 or must_be_enabled = false)";
    says(manager, "loose", "", (Warning, loose));
    says(manager, "loose", "must_be_enabled = false", (Ok, "loose.service is active (running)"));
    manager.systemctl(&["stop", "loose"]);
    let stopped = "loose.service does not run (dead), and it is not enabled, so a boot does not start it";
    says(manager, "loose", "", (Failed, stopped));
    says(manager, "loose", "state = [\"active\", \"inactive\"]", (Ok, "loose.service is inactive (dead)"));
    says(manager, "starts", "", (Warning, "starts.service is starting (start), and not ready yet"));
    says(manager, "starts", "state = \"inactive\"", (Failed, "starts.service is starting (start), and should not run"));
    says(manager, "work", "", (Ok, "work.service is activating (start)"));
    says(manager, "done", "", (Ok, "done.service is active (exited)"));
    until(&format!("unit = \"stops\"\n{}", manager.keys()), |o| o.verdict == Ok);
    manager.systemctl(&["stop", "--no-block", "stops"]);
    says(manager, "stops", "", (Warning, "stops.service is being stopped (stop)"));
    says(manager, "stops", "state = \"inactive\"", (Ok, "stops.service is deactivating (stop)"));
    let unmet = "unmet.service does not run (dead): a condition in its file (Condition...=) does not hold";
    says(manager, "unmet", "", (Failed, unmet));
    says(manager, "held", "", (Ok, "held.service is active (running)"));
    says(manager, "timers.target", "", (Ok, "timers.target is active (active)"));
    without_files(manager);
}

/// What becomes of those whose files are gone, masked or spoilt.
fn without_files(manager: &Manager) {
    use Verdict::{Failed, Ok, Warning};
    until(&format!("unit = \"gone\"\n{}", manager.keys()), |o| o.verdict == Ok);
    std::fs::remove_file(manager.unit_file("gone.service")).unwrap();
    manager.systemctl(&["daemon-reload"]);
    says(manager, "gone", "", (Warning, "gone.service is active, but its file is gone: it cannot be started again"));
    std::os::unix::fs::symlink("/dev/null", manager.unit_file("masked.service")).unwrap();
    let masked = "masked.service is masked, so nothing can start it (systemctl unmask masked.service)";
    says(manager, "masked", "", (Failed, masked));
    says(manager, "masked", "state = \"inactive\"", (Ok, "masked.service is masked and does not run, as wanted"));
    let missing = "there is no unit missing.socket on this host; install it, or mend the key unit";
    says(manager, "missing.socket", "", (Failed, missing));
    let none = (Ok, "there is no unit missing.socket, which is well by `state`; is its name right?");
    says(manager, "missing.socket", "state = \"inactive\"", none);
    until(&format!("unit = \"spoilt\"\n{}", manager.keys()), |o| o.verdict == Ok);
    std::fs::write(manager.unit_file("spoilt.service"), "[Service]\n").unwrap();
    manager.systemctl(&["daemon-reload"]);
    let spoilt = "spoilt.service is active, but its file cannot be used any more: it cannot be started again; see: \
                  systemd-analyze verify spoilt.service (Unit spoilt.service has a bad unit file setting.)";
    says(manager, "spoilt", "", (Warning, spoilt));
    let bad = "the file of bad.service cannot be used; see: systemd-analyze verify bad.service (Unit bad.service has a bad \
               unit file setting.)";
    says(manager, "bad", "", (Failed, bad));
}

#[test]
fn each_end_has_its_words() {
    inside("tests::real::each_end_has_its_words", &UNITS, |manager| ends(&manager));
}

fn ends(manager: &Manager) {
    use Verdict::{Failed, Ok};
    let nothing = run(&manager.keys());
    assert_eq!((nothing.verdict, nothing.summary.as_str()), (Ok, "no unit has failed"), "{nothing:?}");
    manager.begin(&["code", "noexec", "nodir", "slow", "loop", "gave-up", "shot"]);
    says(manager, "code", "", (Failed, "code.service has failed: it ended with exit code 3"));
    let noexec = "noexec.service has failed: it ended with exit code 203 (its program could not be run: is it there, and \
                  executable?)";
    says(manager, "noexec", "", (Failed, noexec));
    let nodir = "nodir.service has failed: it ended with exit code 200 (its WorkingDirectory= cannot be entered)";
    says(manager, "nodir", "", (Failed, nodir));
    let slow = "slow.service has failed: it did not start or stop within its time (TimeoutStartSec, TimeoutStopSec)";
    says(manager, "slow", "", (Failed, slow));
    until(&format!("unit = \"shot\"\n{}", manager.keys()), |o| o.verdict == Ok);
    manager.systemctl(&["kill", "--signal=KILL", "shot"]);
    says(manager, "shot", "", (Failed, "shot.service has failed: it was killed by signal 9 (SIGKILL)"));
    let again =
        "loop.service ends again and again, and waits for its next restart (so far 0): it ended with exit code 4";
    says(manager, "loop", "", (Failed, again));
    let gave_up = "gave-up.service has failed: it ended with exit code 5, also after 3 restarts";
    says(manager, "gave-up", "", (Failed, gave_up));
    let over = run(&format!("unit = \"gave-up\"\nrestarts_warning = 1\nrestarts_critical = 2\n{}", manager.keys()));
    assert!(
        over.summary.contains("gave-up.service was restarted 3 times by systemd, more than 2; last it ended"),
        "{over:?}"
    );
    let metric = over.metrics.first().unwrap();
    assert_eq!((&*metric.label, metric.value.to_string().as_str()), ("restarts", "3"));
    assert_eq!((metric.warning.as_deref(), metric.critical.as_deref()), (Some("1"), Some("2")));
    // All that have failed; the loop has not, for systemd.
    let all = run(&manager.keys());
    assert_eq!(all.verdict, Failed);
    assert!(all.summary.starts_with("6 units have failed: ") && all.summary.ends_with("; and 3 more"), "{all:?}");
    assert!(all.detail.lines().any(|l| l == "code.service: it ended with exit code 3"), "{all:?}");
    assert_eq!(all.detail.lines().count(), 6, "{all:?}");
    let except = "except = [\"no*\", \"s*.service\", \"gave-up\"]\n";
    let one = run(&format!("{except}{}", manager.keys()));
    let words = "1 unit has failed (5 that may are not counted): code.service: it ended with exit code 3";
    assert_eq!((one.verdict, one.summary.as_str()), (Failed, words));
    manager.systemctl(&["reset-failed"]);
    assert_eq!(run(&manager.keys()).verdict, Ok);
}

#[test]
fn a_manager_that_does_not_answer_is_nobodys_failure() {
    inside("tests::real::a_manager_that_does_not_answer_is_nobodys_failure", &[], silent);
}

fn silent(manager: Manager) {
    let table = format!("unit = \"timers.target\"\n{}", manager.keys());
    assert_eq!(run(&table).verdict, Verdict::Ok);
    let pid = manager.pid();
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let silent = run_job(&jobs(&table).unwrap().remove(0), Duration::from_secs(1));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).unwrap();
    let cause = Some("systemd does not answer systemctl within 1 s");
    assert_eq!((silent.verdict, silent.cause.as_deref()), (Verdict::Unknown, cause), "{silent:?}");
    let keys = manager.keys();
    drop(manager);
    let gone = run(&format!("unit = \"timers.target\"\n{keys}"));
    assert_eq!(gone.verdict, Verdict::Unknown);
    assert!(gone.summary.starts_with("the systemd manager of this user does not answer at "), "{gone:?}");
    assert!(gone.detail.contains("Failed to connect to bus"), "{gone:?}");
}
