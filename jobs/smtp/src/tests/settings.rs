//! Settings that are wrong, each with what to do.

use super::stub::jobs;
use crate::Spawner;
use crate::plan::Security;
use checker_job::Job as _;
use std::os::unix::fs::PermissionsExt as _;

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
    let a = "address = \"a.example:587\"\n";
    for (settings, wanted) in [
        ("address = []".to_owned(), "address: the list is empty"),
        ("address = \"a.example\"".to_owned(), "add it, as in \"a.example:587\""),
        ("address = [\"a.example:25\", \"A.example:25\"]".to_owned(), "stands in the list twice"),
        (format!("{a}security = \"ssl\""), "security: \"ssl\" is not known; use \"starttls\", \"tls\" or \"none\""),
        (format!("{a}server_name = \"a b\""), "server_name: \"a b\" is no host name"),
        (format!("{a}ca_file = \"/nowhere/ca.pem\""), "ca_file: cannot read the CA file"),
        (format!("{a}user = \"me\""), "user: a user alone cannot log in; set pass_file"),
        (format!("{a}pass_file = \"{good}\""), "pass_file: a password needs a user; set user"),
        (format!("{a}user = \"me\"\npass_file = \"{open}\""), "pass_file: the secret file"),
        (
            format!("{a}user = \"me\"\npass_file = \"{good}\"\nsecurity = \"none\""),
            "user: a password is never sent without TLS",
        ),
        (format!("{a}security = \"none\"\nserver_name = \"b.example\""), "server_name: it is of no use without TLS"),
        (format!("{a}security = \"none\"\nca_file = \"/etc/passwd\""), "ca_file: it is of no use without TLS"),
        (format!("{a}user = \"me\"\npass_file = \"good\""), "pass_file: good is a relative path"),
        (
            format!("{a}rcpt_to = \"a@b.c\"\nexpect_refused = \"<a@b.c>\""),
            "expect_refused: a@b.c stands in rcpt_to too",
        ),
        (format!("{a}user = \"\"\npass_file = \"{good}\""), "user: it is empty"),
        (
            format!("{a}user = \"me\"\npass_file = \"{good}\"\nexpect_refused = \"a@b.c\""),
            "expect_refused: a server relays",
        ),
        (format!("{a}rcpt_to = \"somebody\""), "rcpt_to: \"somebody\" is no mail address"),
        (format!("{a}rcpt_to = \"a@b.c>\\r\\nDATA\""), "is no mail address"),
        (format!("{a}expect_refused = [\"a@b.c\", \"d e@f\"]"), "expect_refused: \"d e@f\" is no mail address"),
        (format!("{a}mail_from = \"me@x\""), "mail_from: it is of no use without"),
        (format!("{a}mail_from = \"me\"\nrcpt_to = \"a@b\""), "mail_from: \"me\" is no mail address"),
    ] {
        let errors: Vec<String> = jobs(&settings).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
        assert!(!errors.concat().contains("s3cret"), "{errors:?}");
    }
    let job = jobs(&format!("{a}user = \"me\"\npass_file = \"{good}\"")).unwrap().remove(0);
    assert!(!format!("{job:?}").contains("s3cret"), "{job:?}");
}

#[test]
fn the_port_says_how_tls_begins() {
    let jobs = jobs("address = [\"a.example:25\", \"a.example:465\", \"a.example:587\"]").unwrap();
    let ways: Vec<Security> = jobs.iter().map(|job| job.plan.security).collect();
    assert_eq!(ways, [Security::Starttls, Security::Tls, Security::Starttls]);
    assert_eq!(jobs[1].id().as_str(), "smtp:a.example:465");
}
