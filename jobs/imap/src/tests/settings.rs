//! Settings that are wrong, each with what to do.

use crate::{ImapJob, Spawner};
use checker_job::{Job as _, JobSpawner as _, SpawnError};
use checker_parts::mailbox::Security;
use std::os::unix::fs::PermissionsExt as _;

/// The jobs of one table with these keys.
pub(crate) fn jobs(settings: &str) -> Result<Vec<ImapJob>, Vec<SpawnError>> {
    Spawner::spawn(vec![checker_job::conformance::table::<Spawner>(settings)])
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn each_wrong_key_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, "s3cret-word\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let (good, open) = (file("good", 0o600), file("open", 0o644));
    let a = "address = \"a.example:993\"\n";
    let u = format!("{a}user = \"me\"\npass_file = \"{good}\"\n");
    for (settings, wanted) in [
        ("address = []".to_owned(), "address: the list is empty"),
        ("address = \"a.example\"".to_owned(), "add it, as in \"a.example:993\""),
        ("address = [\"a.example:143\", \"A.example:143\"]".to_owned(), "stands in the list twice"),
        (format!("{a}security = \"ssl\""), "security: \"ssl\" is not known; use \"tls\", \"starttls\" or \"none\""),
        (format!("{u}security = \"none\""), "security: a password is never sent without TLS"),
        (format!("{a}security = \"none\""), "security: without TLS only this host itself is asked"),
        (format!("{a}ca_file = \"/nowhere/ca.pem\""), "ca_file: cannot read the CA file"),
        (format!("{a}user = \"me\""), "user: a user alone cannot log in; set pass_file"),
        (format!("{a}pass_file = \"{good}\""), "pass_file: a password needs a user; set user"),
        (format!("{a}user = \"me\"\npass_file = \"{open}\""), "can be read or written by others (mode 644)"),
        (
            "address = \"127.0.0.1:143\"\nsecurity = \"none\"\nca_file = \"/etc/passwd\"".to_owned(),
            "ca_file: it is of no use without TLS",
        ),
        (format!("{a}user = \"\"\npass_file = \"{good}\""), "user: it is empty"),
        (format!("{a}folder = \"Work\""), "folder: only a user sees a folder; set user and pass_file"),
        (format!("{a}messages_warning = 5"), "messages_warning: only a user sees"),
        (format!("{u}folder = \"\""), "folder: it is empty"),
        (format!("{u}folder = \"a\\r\\nb\""), "folder: it is empty, or holds a control character"),
        (format!("{u}age_warning = \"soon\""), "age_warning: \"soon\" is no time"),
        (format!("{u}age_critical = \"0s\""), "age_critical: no message is that new"),
        (
            format!("{u}age_warning = \"2d\"\nage_critical = \"48h\""),
            "age_critical: it must be longer than age_warning",
        ),
        (format!("{u}messages_warning = 9\nmessages_critical = 9"), "messages_critical: it must be more than"),
    ] {
        let errors: Vec<String> = jobs(&settings).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
        assert!(!errors.concat().contains("s3cret"), "{errors:?}");
    }
    let job = jobs(&u).unwrap().remove(0);
    assert!(!format!("{job:?}").contains("s3cret"), "{job:?}");
    assert_eq!(job.id().as_str(), "imap:me@a.example:993");
    let job = jobs(&format!("{u}folder = \"Reports\"")).unwrap().remove(0);
    assert_eq!(job.id().as_str(), "imap:me@a.example:993/Reports");
}

#[test]
fn the_port_says_how_tls_begins() {
    let jobs = jobs("address = [\"a.example:143\", \"a.example:993\"]").unwrap();
    let ways: Vec<Security> = jobs.iter().map(|job| job.account.security).collect();
    assert_eq!(ways, [Security::Starttls, Security::Tls]);
    assert_eq!(jobs[1].id().as_str(), "imap:a.example:993");
    assert!(super::settings::jobs("address = \"127.0.0.1:143\"\nsecurity = \"none\"").is_ok());
}
