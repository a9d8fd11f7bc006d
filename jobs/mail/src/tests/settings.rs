//! Settings that are wrong, each with what to do.

use crate::plan::{Plan, Security, short, with_keys};
use crate::{MailJob, Spawner};
use checker_job::{Frequency, Job as _, JobSpawner as _, Policy, SpawnError};
use checker_parts::mailbox;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

/// What no test of one key is about.
pub(crate) const USUAL: &str = "from = \"a@a.example\"\nto = \"b@b.example\"\nimap_user = \"me\"\n\
                                imap_token_command = [\"/bin/echo\", \"t0ken\"]\n";

/// The jobs of one table with these keys, which run each 15 minutes.
pub(crate) fn jobs(settings: &str) -> Result<Vec<MailJob>, Vec<SpawnError>> {
    jobs_each(Frequency::Minutes(15), 2, settings)
}

fn jobs_each(every: Frequency, failure_threshold: u32, settings: &str) -> Result<Vec<MailJob>, Vec<SpawnError>> {
    let policy = Arc::new(Policy { every, failure_threshold, ..Policy::default() });
    Spawner::spawn(vec![checker_job::Table { policy, ..checker_job::conformance::table::<Spawner>(settings) }])
}

/// The plan of a table with these keys besides the usual ones.
pub(crate) fn plan(more: &str) -> Plan {
    let settings = format!("{USUAL}smtp = \"s.example:587\"\nimap = \"i.example:993\"\n{more}");
    jobs(&settings).unwrap().remove(0).plan
}

/// The usual keys, with a password for the mailbox in a file of this folder, and no TLS.
pub(crate) fn by_password(folder: &std::path::Path, pass: &str) -> String {
    let file = folder.join("pass");
    std::fs::write(&file, pass).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keys = USUAL.lines().filter(|line| !line.contains("token_command")).collect::<Vec<_>>().join("\n");
    format!("{keys}\nimap_pass_file = \"{}\"\nimap_security = \"none\"\nsmtp_security = \"none\"\n", file.display())
}

pub(crate) fn plan_of(job: MailJob) -> Plan {
    job.plan
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

/// A folder with a password that only we can read, and one that others can: the folder, and both paths.
fn secrets() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, "s3cret-word\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let (good, open) = (file("good", 0o600), file("open", 0o644));
    (folder, good, open)
}

/// Each of these tables is refused with these words, and no secret among them.
#[track_caller]
fn wrong(cases: &[(String, &str)]) {
    for (settings, wanted) in cases {
        let errors: Vec<String> = jobs(settings).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
        assert!(!errors.concat().contains("s3cret"), "{errors:?}");
    }
}

const AT: &str = "smtp = \"s.example:587\"\nimap = \"i.example:993\"\n";

#[test]
fn each_wrong_key_says_what_to_write() {
    let (_folder, good, _) = secrets();
    let u = format!("{USUAL}{AT}");
    let plain =
        "from = \"a@a.example\"\nsmtp = \"s.example:587\"\nimap = \"127.0.0.1:143\"\nimap_security = \"none\"\n";
    wrong(&[
        (format!("{USUAL}smtp = \"s.example\"\nimap = \"i.example:993\""), "smtp: \"s.example\" has no port; add it"),
        (format!("{USUAL}smtp = \"s.example:25\"\nimap = \"i.example\""), "imap: \"i.example\" has no port; add it"),
        (u.replace("a@a.example", "a"), "from: \"a\" is no mail address; write one as"),
        (
            u.replace("b@b.example", "b@b.example\\r\\nBcc: c@c.example"),
            "to: \"b@b.example\\r\\nBcc: c@c.example\" is no mail",
        ),
        (format!("{u}smtp_security = \"ssl\""), "smtp_security: \"ssl\" is not known; use \"starttls\", \"tls\" or"),
        (format!("{u}imap_security = \"ssl\""), "imap_security: \"ssl\" is not known"),
        (format!("{u}imap_security = \"none\""), "except to this host itself (127.0.0.1); take the key out"),
        (
            format!("{u}smtp_security = \"none\"\nsmtp_user = \"me\"\nsmtp_pass_file = \"{good}\""),
            "smtp_user: a password is never sent without TLS",
        ),
        (
            format!("{u}smtp_security = \"none\"\nsmtp_ca_file = \"/etc/passwd\""),
            "smtp_ca_file: it is of no use without TLS",
        ),
        (format!("{u}smtp_ca_file = \"/nowhere/ca.pem\""), "smtp_ca_file: cannot read the CA file"),
        (format!("{u}imap_ca_file = \"/nowhere/ca.pem\""), "imap_ca_file: cannot read the CA file"),
        (
            format!("{plain}imap_user = \"me\"\nimap_pass_file = \"{good}\"\nimap_ca_file = \"/etc/passwd\""),
            "imap_ca_file: it",
        ),
        (format!("{u}folder = \"\""), "folder: it is empty"),
        (format!("{u}folder = \"Junk\"\nspam_folder = \"Junk\""), "spam_folder: it is `folder` itself"),
        (format!("{u}within = \"soon\""), "within: \"soon\" is no time"),
        (format!("{u}within = \"0s\""), "within: no message is that quick"),
        (
            format!("{u}warning = \"5min\""),
            "which is 5 min, or nobody is ever warned; write less, such as \"2min30s\", or a longer `within`",
        ),
        (
            format!("{u}within = \"1h\"\nwarning = \"2h\""),
            "which is 1 h, or nobody is ever warned; write less, such as \"30min\"",
        ),
    ]);
}

#[test]
fn what_would_send_too_often_or_forget_too_soon_is_refused() {
    let minutes = Frequency::Minutes;
    for (every, threshold, more, wanted) in [
        (
            Frequency::Minute,
            2,
            "",
            Some("every: a run each 1 min would send 1440 mails a day, and providers limit them"),
        ),
        (minutes(4), 2, "", Some("at least \"5min\"")),
        (minutes(5), 2, "", None),
        (Frequency::DayNoon, 2, "within = \"2d\"", None),
        // 44 runs, 2 until somebody is told, one that sends, and one to spare.
        (minutes(5), 2, "within = \"220min\"", None),
        (
            minutes(5),
            2,
            "within = \"221min\"",
            Some("within: at most 48 messages are remembered, so that a longer outage would"),
        ),
        (
            minutes(5),
            2,
            "within = \"221min\"",
            Some("with a run each 5 min and failure_threshold = 2 write at most 3 h 40 min, or"),
        ),
        (minutes(15), 12, "within = \"8h30min\"", None),
        (minutes(15), 13, "within = \"8h30min\"", Some("write at most 8 h 15 min, or a longer `every`")),
        (minutes(15), 45, "", None),
        (minutes(15), 46, "", Some("write a smaller failure_threshold")),
    ] {
        let made = jobs_each(every, threshold, &format!("{USUAL}{AT}{more}"));
        let errors: Vec<String> = made.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        match wanted {
            Some(words) => {
                assert!(errors.iter().any(|e| e.contains(words)), "{every} {more}: {errors:?}\nwanted {words}");
            }
            None => assert_eq!(errors, Vec::<String>::new(), "{every} {more}"),
        }
    }
}

#[test]
fn who_runs_it_by_hand_is_told_what_it_leaves_and_bounds_how_late_it_sees() {
    let job = jobs(&format!("{USUAL}{AT}folder = \"Watch\"\nwithin = \"20min\"")).unwrap().remove(0);
    let leaves = job.leaves().unwrap();
    assert_eq!(leaves, "a message from a@a.example to b@b.example, and a note in \"Watch\" of me");
    assert_eq!(job.seen_after(), Duration::from_secs(21 * 60));
}

#[test]
fn each_wrong_login_says_what_to_write() {
    let (_folder, good, open) = secrets();
    let u = format!("{USUAL}{AT}");
    let nobody = format!("from = \"a@a.example\"\n{AT}");
    wrong(&[
        (
            format!("{u}smtp_user = \"me\""),
            "smtp_user: a user alone cannot log in; set smtp_pass_file, the file that holds the password, or smtp_token_command",
        ),
        (format!("{u}smtp_pass_file = \"{good}\""), "smtp_pass_file: a login needs a user; set smtp_user"),
        (format!("{u}smtp_token_command = [\"/bin/echo\"]"), "smtp_token_command: a login needs a user; set smtp_user"),
        (format!("{u}smtp_user = \"\"\nsmtp_pass_file = \"{good}\""), "smtp_user: it is empty"),
        (format!("{u}smtp_user = \"me\"\nsmtp_pass_file = \"{open}\""), "can be read or written by others (mode 644)"),
        (format!("{u}smtp_user = \"me\"\nsmtp_token_command = []"), "smtp_token_command: it names no program"),
        (
            format!("{u}smtp_user = \"me\"\nsmtp_token_command = [\"./token\"]"),
            "smtp_token_command: ./token is a relative path",
        ),
        (format!("{u}imap_pass_file = \"{good}\""), "imap_token_command: imap_pass_file is given too; keep"),
        (nobody.clone(), "imap: nobody can look into a mailbox without a login; set imap_user and imap_pass_file"),
        (format!("{nobody}imap_user = \"me\""), "imap_user: a user alone cannot log in; set imap_pass_file, the file"),
    ]);
    let job = jobs(&format!("{u}smtp_user = \"me\"\nsmtp_pass_file = \"{good}\"")).unwrap().remove(0);
    assert!(!format!("{job:?}").contains("s3cret"), "{job:?}");
    assert_eq!(job.id().as_str(), "mail:a@a.example to b@b.example");
    let (first, second) = (job.plan.mark, jobs(&u.replace("b@", "c@")).unwrap().remove(0).plan.mark);
    assert!(first.len() == 32 && first != second, "{first} {second}");
}

#[test]
fn the_ports_say_how_tls_begins_and_to_is_from() {
    let of = |smtp: u16, imap: u16| {
        let keys = USUAL.replace("to = \"b@b.example\"\n", "");
        jobs(&format!("{keys}smtp = \"s.example:{smtp}\"\nimap = \"i.example:{imap}\"")).unwrap().remove(0).plan
    };
    let (old, new) = (of(587, 143), of(465, 993));
    assert_eq!((old.sender.security, old.mailbox.security), (Security::Starttls, mailbox::Security::Starttls));
    assert_eq!((new.sender.security, new.mailbox.security), (Security::Tls, mailbox::Security::Tls));
    assert_eq!((old.to.as_str(), old.folder.as_str(), old.spam_folder), ("a@a.example", "INBOX", None));
}

#[test]
fn sentences_name_the_keys_of_their_side() {
    for (shared, ours) in [
        ("own CA? set ca_file; or", "own CA? set imap_ca_file; or"),
        ("use pass_file in place of token_command", "use imap_pass_file in place of imap_token_command"),
        ("imap_token_command of the job", "imap_token_command of the job"),
        ("grün, ca_files (ca_file)", "grün, ca_files (imap_ca_file)"),
        ("", ""),
    ] {
        assert_eq!(with_keys("imap", shared), ours);
    }
    assert_eq!(short(&"ü".repeat(48)), "ü".repeat(48));
    assert_eq!(short(&"ü".repeat(49)), format!("{}...", "ü".repeat(48)));
}

#[test]
fn a_program_that_prints_no_token_is_named_by_its_key_and_its_job() {
    let keys = USUAL.replace("\"t0ken\"", "").replace("/bin/echo", "/bin/false").replace(", ]", "]");
    let job = jobs(&format!("{keys}{AT}")).unwrap().remove(0);
    let checker_parts::login::LoginBy::Token(command) = &job.plan.mailbox.by else { panic!("{job:?}") };
    let why = command.fetch(Duration::from_secs(5)).unwrap_err();
    assert!(why.starts_with("imap_token_command of the job \"a@a.example to b@b.example\" (/bin/false)"), "{why}");
}
