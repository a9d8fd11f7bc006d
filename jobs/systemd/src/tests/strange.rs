//! Where there is no systemd, and a program in the place of systemctl that answers as it never does.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The outcome with this script as systemctl.
fn with(script: &str, settings: &str) -> Outcome {
    let (job, _folder) = asking(script, settings);
    run_job(&job, Duration::from_secs(2))
}

/// The job with this script as systemctl, which is there as long as the folder. Another process writes it: one that this
/// process writes could be held open by a child of another test, and then not be run.
pub(super) fn asking(script: &str, settings: &str) -> (SystemdJob, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (text, file) = (folder.path().join("text"), folder.path().join("systemctl"));
    fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(std::process::Command::new("cp").arg("-p").args([&text, &file]).status().unwrap().success());
    let mut job = jobs(settings).unwrap().remove(0);
    job.manager.systemctl = file.display().to_string();
    (job, folder)
}

#[test]
fn without_systemd_nothing_is_known() {
    let missing = {
        let mut job = jobs("unit = \"x\"").unwrap().remove(0);
        job.manager.systemctl = "no-such-systemctl".to_owned();
        run_job(&job, Duration::from_secs(5))
    };
    assert_eq!(missing.verdict, Verdict::Unknown);
    assert_eq!(missing.summary, "there is no systemctl on this host, so no systemd either");
    let here = run("unit = \"no-such-unit-at-all\"");
    if Path::new("/run/systemd/system").exists() {
        assert_eq!(here.verdict, Verdict::Failed, "{here:?}");
    } else {
        let cause = Some("systemd does not run here (a container?): process 1 is another program");
        assert_eq!((here.verdict, here.cause.as_deref()), (Verdict::Unknown, cause), "{here:?}");
        assert_eq!(run("").cause.as_deref(), cause);
    }
    let nobody = run("user = true\nruntime_directory = \"/nonexistent\"\nunit = \"x\"");
    let words = "the systemd manager of this user does not answer at /nonexistent; is the user logged in, or allowed to \
                 linger (loginctl enable-linger)?";
    assert_eq!((nobody.verdict, nobody.summary.as_str()), (Verdict::Unknown, words), "{nobody:?}");
}

#[test]
fn answers_that_systemctl_never_gives_are_no_failures() {
    for (script, settings, said) in [
        ("exit 0", "unit = \"x\"", "systemctl answers \"\", which is not what was asked"),
        ("echo Id=x", "unit = \"x\"", "systemctl answers \"Id=x\", which is not"),
        ("exit 0", "", "systemctl answers \"\", which is not what was asked"),
        ("echo NFailedUnits=", "", "systemctl answers \"NFailedUnits=\", which is not"),
        ("echo NFailedUnits=2", "", "which is not what was asked"),
        // It names units, and none that has failed.
        ("printf 'NFailedUnits=2\\nId=x.service\\nActiveState=active\\n'", "", "systemd counts more failed units than"),
        ("echo hello", "unit = \"x\"", "systemctl answers \"hello\", which is not"),
        ("echo hello", "", "systemctl answers \"hello\", which is not"),
        ("printf 'A=b\\n'", "", "systemctl answers \"A=b\", which is not"),
        ("printf '\\377\\033[31m\\n'", "unit = \"x\"", "which is not what was asked"),
        ("echo no >&2; exit 7", "unit = \"x\"", "systemctl ended with exit code 7 and said \"no\""),
        ("exit 7", "", "systemctl ended with exit code 7 and said \"nothing\""),
        ("kill -9 $$", "unit = \"x\"", "systemctl was killed by signal 9"),
        ("exec sleep 60", "unit = \"x\"", "systemd does not answer systemctl within 2 s"),
        (
            "echo 'Failed to connect to bus: Permission denied' >&2; exit 1",
            "",
            "systemd does not answer: systemctl says \"",
        ),
        ("exec yes", "unit = \"x\"", "systemctl was ended, because it said too much"),
        ("yes Id=x | tr '\\n' ' '", "", "system"),
    ] {
        let outcome = with(script, settings).bounded(400, 16_000);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{script}: {outcome:?}");
        assert!(outcome.summary.contains(said), "{script}: {outcome:?}");
    }
}

#[test]
fn what_is_asked_for_is_one_unit_and_no_option() {
    let script = "for word; do last=$word; done; printf 'Id=x\\nActiveState=active\\nSubState=%s\\nLoadState=loaded\\n' \
                  \"$last $#\"";
    let failed = "case \"$*\" in *NFailedUnits*) echo NFailedUnits=1;; *) printf 'Id=a.service\\nActiveState=active\\n\\n'
                  printf 'Id=b.service\\nActiveState=failed\\nResult=timeout\\n\\nId=c.mount\\nActiveState=inactive\\n';; esac";
    let outcome = with(failed, "");
    assert!(
        outcome.summary.starts_with("1 unit has failed: b.service: it did not"),
        "an old one lists all: {outcome:?}"
    );
    assert_eq!(with("echo NFailedUnits=0", "").summary, "no unit has failed");
    let outcome = with(script, "unit = \"-.mount\"");
    assert_eq!(outcome.summary, "-.mount is active (-.mount 6)", "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Ok);
}
