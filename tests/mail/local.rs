//! By a program of this host, and as files.

use super::{accepted, delivery, later, refused, settings};
use crate::support::mail::{MailServer, shared};
use crate::support::parse::ParsedMail;
use crate::support::{free_ports, need};
use checker::channel::mail::{Mailer, Transport};
use checker::decide::SendResult;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("sendmail");
    let new = folder.join("sendmail.new");
    // Another process writes it: a child that some other test starts at this moment would hold our handle for a while, and no
    // file is started that somebody may write to.
    let mut cat = Command::new("/bin/sh")
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
        .arg(&new)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    cat.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    assert!(cat.wait().unwrap().success());
    fs::rename(&new, &path).unwrap();
    path
}

fn by_program(program: PathBuf, to: &str, limit: Duration) -> SendResult {
    let mut mailer = Mailer::new(settings(Transport::Sendmail { program }));
    mailer.send(&delivery(to, "[alpha] subject", "ünïcode\nline two\n"), Instant::now() + limit)
}

const LONG: Duration = Duration::from_secs(10);

#[test]
fn a_sendmail_program_gets_the_mail_and_its_exit_code_counts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display();
    let program = script(folder.path(), &format!("printf '%s\\n' \"$@\" >{dir}/args; cat >{dir}/mail"));
    let answer = accepted(by_program(program, "oncall@checker.test", LONG));
    assert!(answer.ends_with("sendmail took it"), "{answer}");
    let args = fs::read_to_string(folder.path().join("args")).unwrap();
    assert_eq!(args, "-i\n-f\nwatch@checker.test\n--\noncall@checker.test\n");
    let text = fs::read_to_string(folder.path().join("mail")).unwrap();
    assert!(!text.contains('\r'));
    let mail = ParsedMail::new(text.replace('\n', "\r\n").as_bytes());
    assert_eq!((mail.header("Subject").as_str(), mail.text.as_str()), ("[alpha] subject", "ünïcode\nline two\n"));

    let exits = |text: &str| by_program(script(folder.path(), text), "oncall@checker.test", LONG);
    later(exits("echo queue is full >&2; exit 75"), &["takes no mail at the moment (exit 75)", "queue is full"]);
    refused(exits("echo who is that >&2; exit 67"), &["oncall@checker.test (exit 67)", "who is that"]);
    refused(exits("exit 68"), &["(exit 68)"]);
    later(exits("exit 1"), &["failed (exit 1)"]);
    later(exits("kill -9 $$"), &["was killed by a signal"]);
}

#[test]
fn a_sendmail_program_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), &format!("sleep 60 & echo $! >{}/child; wait", folder.path().display()));
    let started = Instant::now();
    later(
        by_program(program, "oncall@checker.test", Duration::from_millis(400)),
        &["did not end in time and was killed"],
    );
    assert!(started.elapsed() < Duration::from_secs(2));
    let child = fs::read_to_string(folder.path().join("child")).unwrap();
    let stat = Path::new("/proc").join(child.trim()).join("stat");
    let gone = crate::support::wait_until(Duration::from_secs(2), || {
        let state = fs::read_to_string(&stat).unwrap_or_default();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    });
    assert!(gone.is_some(), "the child of the program still runs");
}

/// msmtp as the program, with these lines in its settings.
fn msmtp(folder: &Path, lines: &str) -> PathBuf {
    let settings = folder.join("msmtprc");
    fs::write(&settings, format!("account default\nhost localhost\n{lines}")).unwrap();
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o600)).unwrap();
    script(folder, &format!("exec /usr/bin/msmtp --file={} \"$@\"", settings.display()))
}

#[test]
fn msmtp_carries_mail_by_a_relay_of_the_lan_and_by_an_account() {
    if !need("postfix") || !need("msmtp") {
        return;
    }
    let (real, folder): (&MailServer, _) = (shared(), tempfile::tempdir().unwrap());
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &real.ca.pem).unwrap();
    let relay = format!("port {}\ntls off\nauth off\n", real.ports.plain);
    let account = |pass: &str| {
        format!(
            "port {}\ntls on\ntls_starttls on\ntls_trust_file {}\nauth plain\nuser watch@checker.test\npassword {pass}\n",
            real.ports.starttls,
            ca.display()
        )
    };
    let carried = |lines: &str, to: &str| {
        let mut mailer = Mailer::new(settings(Transport::Sendmail { program: msmtp(folder.path(), lines) }));
        let d = delivery(to, "[alpha] by msmtp", "ünïcode\n");
        (mailer.send(&d, Instant::now() + LONG), d.id.to_string())
    };
    for lines in [&relay, &account("pw-watch")] {
        let (result, id) = carried(lines, "oncall@checker.test");
        accepted(result);
        let mails = real.wait_for("oncall", &id);
        assert_eq!((mails.len(), mails[0].text.trim_end()), (1, "ünïcode"));
    }
    // What msmtp meets decides whether a message is given up: a password, a server that is down or busy do not.
    later(carried(&account("wrong-one"), "oncall@checker.test").0, &["failed (exit 77)", "authentication failed"]);
    let [closed] = free_ports();
    let down = format!("port {closed}\ntls off\nauth off\n");
    later(carried(&down, "oncall@checker.test").0, &["sendmail", "cannot connect to localhost"]);
    refused(carried(&relay, "refuse@checker.test").0, &["(exit 65)", "554", "not here"]);
    later(carried(&relay, "defer@checker.test").0, &["450", "come again"]);
}

#[test]
fn a_sendmail_program_that_is_not_there() {
    let missing = PathBuf::from("/nonexistent/sendmail");
    later(
        by_program(missing.clone(), "oncall@checker.test", LONG),
        &["/nonexistent/sendmail could not be started", "install"],
    );
    let why = Mailer::new(settings(Transport::Sendmail { program: missing })).probe().unwrap_err();
    assert!(why.contains("/nonexistent/sendmail cannot be used"), "{why}");
}

#[test]
fn files_are_whole_private_sorted_and_one_for_each_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("some/mail");
    let mut mailer = Mailer::new(settings(Transport::File { folder: mails.clone() }));
    mailer.probe().unwrap();
    let first = delivery("oncall@checker.test", "[alpha] first", "one\n");
    let mut second = delivery("oncall@checker.test", "[alpha] second", "two\n");
    second.created_at = first.created_at.plus(Duration::from_micros(1));
    let until = Instant::now() + LONG;
    accepted(mailer.send(&second, until));
    for _ in 0..2 {
        let answer = accepted(mailer.send(&first, until));
        assert!(answer.starts_with("written to ") && answer.contains(&first.id.to_string()), "{answer}");
    }
    let mut names: Vec<String> =
        fs::read_dir(&mails).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[0], format!("20260301T100000.000000Z-{}.eml", first.id));
    assert_eq!(fs::metadata(&mails).unwrap().permissions().mode() & 0o777, 0o700);
    let subjects: Vec<String> = names
        .iter()
        .map(|name| {
            let path = mails.join(name);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            ParsedMail::new(&fs::read(path).unwrap()).header("Subject")
        })
        .collect();
    assert_eq!(subjects, ["[alpha] first", "[alpha] second"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_a_matter_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut mailer = Mailer::new(settings(Transport::File { folder: file }));
    let result = mailer.send(&delivery("oncall@checker.test", "s", "b"), Instant::now() + LONG);
    later(result, &["cannot be written", "mend folder under [email]"]);
    assert!(mailer.probe().unwrap_err().contains("takes no files"));
}

#[test]
fn no_time_and_no_server() {
    let mut mailer = Mailer::new(settings(Transport::Smtp(Vec::new())));
    let d = delivery("oncall@checker.test", "s", "b");
    later(mailer.send(&d, Instant::now() + LONG), &["no mail server is set"]);
    later(mailer.send(&d, Instant::now()), &["no time left"]);
    assert!(mailer.probe().is_err());
}
