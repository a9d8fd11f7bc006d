//! What a job would call healthy, of the units of a real systemd, and of what one has said.

use super::manager::{Manager, inside};
use super::strange::asking;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(20);

/// What was made of it, and of that what is called healthy.
#[track_caller]
fn flagged_by(job: &SystemdJob, all: &[&str], missed: &[&str]) -> Vec<checker_job::Mutation> {
    let run = run_job(job, TIMEOUT);
    let Vacuity { outcome, mutations, .. } = in_time(TIMEOUT, job.vacuity(&context(TIMEOUT))).unwrap();
    assert_eq!((run.verdict, outcome.verdict), (Verdict::Ok, Verdict::Ok), "{run:?} {outcome:?}");
    let of = |missed: bool| mutations.iter().filter(|m| !missed || !m.is_noticed()).map(|m| m.name).collect::<Vec<_>>();
    assert_eq!([of(false).as_slice(), &of(true)], [all, missed], "{mutations:?}");
    mutations
}

/// The same of a systemd that says this of every unit.
#[track_caller]
fn flagged(said: &str, settings: &str, all: &[&str], missed: &[&str]) -> Vec<checker_job::Mutation> {
    let (job, _folder) = asking(&format!("cat <<'END'\n{said}\nEND"), settings);
    flagged_by(&job, all, missed)
}

/// As systemd 252 has said it.
const SERVICE: &str = "Type=simple\nResult=success\nNRestarts=0\nExecMainCode=0\nExecMainStatus=0\nId=x.service\n\
    TriggeredBy=\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nConditionResult=yes\n\
    ConditionTimestampMonotonic=56299696139\nLoadError=";
const OF_SERVICE: [&str; 7] = ["failed", "gone", "inactive", "activating", "crash_loop", "restarted_often", "disabled"];

#[test]
fn a_service_is_known_by_its_state_and_the_number_of_its_restarts() {
    flagged(SERVICE, "unit = \"x\"", &OF_SERVICE, &["restarted_often"]);
    flagged(SERVICE, "unit = \"x\"\nrestarts_warning = 3", &OF_SERVICE, &[]);
    flagged(SERVICE, "unit = \"x\"\nrestarts_critical = 5000", &OF_SERVICE, &["restarted_often"]);
    let weak = "unit = \"x\"\nstate = [\"active\", \"inactive\"]\nmust_be_enabled = false\nrestarts_warning = 3";
    flagged(SERVICE, weak, &OF_SERVICE, &["gone", "inactive", "disabled"]);
    let away = SERVICE.replace("=running", "=dead").replace("=active", "=inactive");
    flagged(&away, weak, &["failed", "gone", "inactive"], &["gone", "inactive"]);
    flagged(&away, "unit = \"x\"\nstate = \"inactive\"", &["failed", "active"], &[]);
    let missing = away.replace("=loaded", "=not-found");
    flagged(&missing, "unit = \"x\"\nstate = \"inactive\"", &["failed", "active"], &[]);
}

#[test]
fn what_a_timer_starts_rests_in_between_and_is_known_by_its_timer() {
    let service = SERVICE.replace("=simple", "=oneshot").replace("TriggeredBy=", "TriggeredBy=x.timer");
    let service = service.replace("=running", "=dead").replace("=active", "=inactive");
    let both = "unit = \"x\"\nstate = [\"active\", \"inactive\"]";
    let missed = flagged(&service, both, &["failed", "gone"], &["gone"]);
    assert_eq!(missed[1].of.as_deref(), Some("unit x.service"));
    let timer = "Unit=x.service\nNextElapseUSecRealtime=Mon 2026-11-30 00:00:00 UTC\nNextElapseUSecMonotonic=0\n\
        LastTriggerUSec=\nResult=success\nId=x.timer\nTriggeredBy=\nLoadState=loaded\nActiveState=active\n\
        SubState=waiting\nUnitFileState=enabled";
    let all = ["failed", "gone", "inactive", "activating", "disabled", "no_next_run", "failed", "gone"];
    let noticed = flagged(timer, "unit = \"x.timer\"", &all, &[]);
    let of: Vec<Option<&str>> = noticed.iter().map(|mutation| mutation.of.as_deref()).collect();
    assert_eq!(
        (of[0], &of[5..]),
        (Some("unit x.timer"), [None, Some("unit x.service"), Some("unit x.service")].as_slice())
    );
}

#[test]
fn of_all_units_one_has_failed() {
    let all = ["failed_service", "failed_mount"];
    flagged("NFailedUnits=0", "", &all, &[]);
    flagged("NFailedUnits=0", "except = [\"apt-daily.service\", \"systemd-networkd-wait-online@*\"]", &all, &[]);
    flagged("NFailedUnits=0", "except = \"*.service\"", &all, &["failed_service"]);
    flagged("NFailedUnits=0", "except = [\"*.service\", \"srv-*\"]", &all, &all);
}

#[test]
fn where_nothing_is_healthy_nothing_is_made_wrong() {
    let failed = SERVICE.replace("=active", "=failed");
    let one =
        "case \"$*\" in *NFailedUnits*) echo NFailedUnits=1;; *) echo Id=x.service; echo ActiveState=failed;; esac";
    for (script, settings, verdict) in [
        (format!("cat <<'END'\n{failed}\nEND"), "unit = \"x\"", Verdict::Failed),
        (one.to_owned(), "", Verdict::Failed),
        ("exit 7".to_owned(), "unit = \"x\"", Verdict::Unknown),
        ("exit 7".to_owned(), "", Verdict::Unknown),
    ] {
        let (job, _folder) = asking(&script, settings);
        let vacuity = in_time(TIMEOUT, job.vacuity(&context(TIMEOUT))).unwrap();
        assert_eq!((vacuity.outcome.verdict, vacuity.mutations), (verdict, Vec::new()), "{script}");
    }
}

const UNITS: [(&str, &str); 3] = [
    ("fine.service", "[Service]\nExecStart=/bin/sleep 100\n[Install]\nWantedBy=default.target\n"),
    ("work.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n"),
    ("work.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n"),
];

#[test]
fn a_real_systemd_is_judged_alike() {
    inside("tests::vacuity::a_real_systemd_is_judged_alike", &UNITS, |manager| real(&manager));
}

fn real(manager: &Manager) {
    manager.systemctl(&["enable", "fine.service", "work.timer"]);
    manager.begin(&["fine.service", "work.timer"]);
    let on = |keys: &str| format!("{keys}\n{}", manager.keys());
    let flagged = |keys: &str, all: &[&str], missed: &[&str]| {
        let run = until(&on(keys), |o| o.verdict == Verdict::Ok);
        assert_eq!(run.verdict, Verdict::Ok, "{run:?}");
        flagged_by(&jobs(&on(keys)).unwrap()[0], all, missed)
    };
    let made = flagged("unit = \"fine\"", &OF_SERVICE, &["restarted_often"]);
    assert_eq!(made[0].of.as_deref(), Some("unit fine.service (user)"), "it is not the one of the host");
    flagged("unit = \"fine\"\nrestarts_warning = 3", &OF_SERVICE, &[]);
    let of_timer = ["failed", "gone", "inactive", "activating", "disabled", "no_next_run", "failed", "gone"];
    flagged("unit = \"work.timer\"", &of_timer, &[]);
    flagged("unit = \"work\"\nstate = [\"active\", \"inactive\"]", &["failed", "gone"], &["gone"]);
    flagged("", &["failed_service", "failed_mount"], &[]);
}
