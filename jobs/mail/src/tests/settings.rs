//! Settings that are wrong, each with what to do.

use crate::plan::{Plan, Security};
use crate::{MailJob, Spawner};
use checker_job::{Job as _, JobSpawner as _, SpawnError};
use checker_parts::mailbox;
use std::os::unix::fs::PermissionsExt as _;

/// What no test of one key is about.
pub(crate) const USUAL: &str = "from = \"a@a.example\"\nto = \"b@b.example\"\nimap_user = \"me\"\n\
                                imap_token_command = [\"/bin/echo\", \"t0ken\"]\n";

/// The jobs of one table with these keys.
pub(crate) fn jobs(settings: &str) -> Result<Vec<MailJob>, Vec<SpawnError>> {
    Spawner::spawn(vec![checker_job::conformance::table::<Spawner>(settings)])
}

/// The plan of a table with these keys besides the usual ones.
pub(crate) fn plan(more: &str) -> Plan {
    let settings = format!("{USUAL}smtp = \"s.example:587\"\nimap = \"i.example:993\"\n{more}");
    jobs(&settings).unwrap().remove(0).plan
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
        (
            format!("{u}imap_security = \"none\""),
            "imap_security: a password is never sent without TLS, except to this host",
        ),
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
        (format!("{u}warning = \"5min\""), "warning: it must be shorter than `within`, which is 5 min"),
    ]);
}

#[test]
fn each_wrong_login_says_what_to_write() {
    let (_folder, good, open) = secrets();
    let u = format!("{USUAL}{AT}");
    let nobody = format!("from = \"a@a.example\"\n{AT}");
    wrong(&[
        (
            format!("{u}smtp_user = \"me\""),
            "smtp_user: a user needs smtp_pass_file, the file that holds the password, or",
        ),
        (format!("{u}smtp_pass_file = \"{good}\""), "smtp_pass_file: a login needs smtp_user"),
        (format!("{u}smtp_token_command = [\"/bin/echo\"]"), "smtp_token_command: a login needs smtp_user"),
        (format!("{u}smtp_user = \"\"\nsmtp_pass_file = \"{good}\""), "smtp_user: it is empty"),
        (format!("{u}smtp_user = \"me\"\nsmtp_pass_file = \"{open}\""), "can be read or written by others (mode 644)"),
        (format!("{u}smtp_user = \"me\"\nsmtp_token_command = []"), "smtp_token_command: it names no program"),
        (
            format!("{u}smtp_user = \"me\"\nsmtp_token_command = [\"./token\"]"),
            "smtp_token_command: ./token is a relative path",
        ),
        (format!("{u}imap_pass_file = \"{good}\""), "imap_token_command: imap_pass_file is given too; keep"),
        (nobody.clone(), "imap: nobody can look into a mailbox without a login; set imap_user and imap_pass_file"),
        (format!("{nobody}imap_user = \"me\""), "imap_user: a user needs imap_pass_file"),
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
