//! Servers that are slow, endless, broken, or none, on either side.

use super::settings::{USUAL, by_password, jobs};
use crate::Spawner;
use checker_job::{Context, Job as _, Outcome, Timestamp, Verdict};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A run may end so much after its timeout, on a machine with much else to do.
const LATE: Duration = Duration::from_secs(3);

/// A server that does this with each connection, each on a thread that ends with the process.
pub(super) fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, serve) = (listener.local_addr().unwrap(), Arc::new(serve));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    at
}

/// Says this, and waits until we leave, or leaves itself.
fn says(text: &'static [u8], stays: bool) -> SocketAddr {
    server(move |mut stream| {
        drop(stream.write_all(text));
        while stays && stream.read(&mut [0; 1_024]).is_ok_and(|count| count > 0) {}
    })
}

/// A server that answers lines by their beginning: the first that fits, with `$` for the first word of the line. `""` is its
/// greeting; an empty answer ends the connection.
fn scripted(script: &'static [(&'static str, &'static str)], skips_tags: bool) -> (SocketAddr, Arc<Mutex<String>>) {
    let heard = Arc::new(Mutex::new(String::new()));
    let log = heard.clone();
    let at = server(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut in_text) = (String::new(), false);
        loop {
            let (tag, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            let command = if skips_tags { rest } else { line.trim_end() };
            let greets = line.is_empty();
            let fits = |begin: &str| begin.is_empty() == greets && command.starts_with(begin);
            let usual = if skips_tags { "$ OK\r\n" } else { "250 ok\r\n" };
            let answer = script.iter().find(|(begin, _)| fits(begin)).map_or(usual, |(_, answer)| *answer);
            // A text ends with its dot, and no line of a literal begins as a tag does.
            let silent = (in_text && command != ".") || (skips_tags && !greets && !tag.starts_with('a'));
            in_text = (!silent && command == "DATA") || (in_text && silent);
            if !silent && (stream.write_all(answer.replace('$', tag).as_bytes()).is_err() || answer.is_empty()) {
                return;
            }
            line.clear();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            log.lock().unwrap().push_str(&line);
        }
    });
    (at, heard)
}

/// An empty mailbox that takes notes.
const MAILBOX: &[(&str, &str)] = &[
    ("", "* OK hi\r\n"),
    ("CAPABILITY", "* CAPABILITY IMAP4rev1 UIDPLUS LITERAL+ AUTH=XOAUTH2\r\n$ OK\r\n"),
    ("AUTHENTICATE", "+ \r\n"),
    ("LIST", "* LIST () \"/\" INBOX\r\n$ OK\r\n"),
    ("EXAMINE", "* 0 EXISTS\r\n$ OK\r\n"),
    ("LOGOUT", "* BYE\r\n$ OK\r\n"),
];

fn run_with(settings: &str, timeout: Duration) -> Outcome {
    run_at(settings, Timestamp::from_secs(1_772_359_200), timeout)
}

pub(super) fn run_at(settings: &str, now: Timestamp, timeout: Duration) -> Outcome {
    let begin = Instant::now();
    let job = jobs(settings).unwrap().remove(0);
    let scratch = std::env::temp_dir().join("checker-mail-unused");
    let cx = Context::new(now, timeout, "run".to_owned(), scratch.into());
    let outcome =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(job.execute(&cx));
    assert!(begin.elapsed() < timeout + LATE, "{outcome:?}");
    assert!(outcome.summary.len() <= 400 && !outcome.summary.chars().any(char::is_control), "{outcome:?}");
    assert!(!format!("{outcome:?}").contains("s3cret"), "{outcome:?}");
    outcome
}

/// One run with these servers.
fn run(smtp: SocketAddr, imap: SocketAddr, timeout: u64) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let keys = by_password(folder.path(), "s3cret-word");
    let settings = format!("{keys}smtp = \"{smtp}\"\nimap = \"{imap}\"\n");
    run_with(&settings, Duration::from_millis(timeout))
}

fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_message_that_is_taken_and_not_there_is_noted_and_looked_for() {
    let ((smtp, said), (imap, asked)) = (
        scripted(&[("", "220 hi\r\n"), ("EHLO", "250 hi\r\n"), ("DATA", "354 go\r\n")], false),
        scripted(MAILBOX, true),
    );
    let outcome = run(smtp, imap, 3_000);
    // This mailbox shows nothing of what is put there.
    assert_eq!(outcome.verdict, Verdict::Warning, "{outcome:?}\n{}", asked.lock().unwrap());
    assert!(outcome.summary.contains("nothing is known of earlier ones"), "{outcome:?}");
    let (said, asked) = (said.lock().unwrap(), asked.lock().unwrap());
    assert!(said.contains("MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nFrom: <a@a.example>"), "{said}");
    assert!(said.contains("\r\n.\r\nQUIT\r\n"), "{said}");
    assert!(asked.contains("APPEND \"INBOX\" (\\Seen) {") && asked.contains("X-Checker-Mail-Note: "), "{asked}");
    assert!(asked.matches("EXAMINE").count() > 2 && !asked.contains("SELECT") && !asked.contains("STORE"), "{asked}");
}

#[test]
fn each_fault_of_who_takes_mail_has_its_sentence() {
    const HELLO: (&str, &str) = ("EHLO", "250 hi\r\n");
    const DATA: (&str, &str) = ("DATA", "354 go\r\n");
    let imap = || scripted(MAILBOX, true).0;
    let of = |script: &'static [(&'static str, &'static str)]| scripted(script, false).0;
    for (at, verdict, wanted) in [
        (closed(), Verdict::Failed, "refuses the connection"),
        (says(b"", true), Verdict::Failed, "does not answer with its greeting within"),
        (says(b"", false), Verdict::Failed, "closed the connection"),
        (says(b"* OK hi\r\n", true), Verdict::Failed, "does not answer as SMTP does"),
        (of(&[("", "554 no\r\n")]), Verdict::Failed, "greets with \"554 no\" (it wants nothing to do with"),
        (
            of(&[("", "220 hi\r\n"), HELLO, ("MAIL", "421 no\r\n")]),
            Verdict::Warning,
            "ends the talk for now: \"421 no\"",
        ),
        (of(&[("", "220 hi\r\n"), ("EHLO", "502 no\r\n")]), Verdict::Failed, "refuses EHLO: \"502 no\""),
        (of(&[("", "220 hi\r\n"), ("EHLO", "421 no\r\n")]), Verdict::Failed, "ends the talk for now: \"421 no\""),
        (
            of(&[("", "220 hi\r\n"), HELLO, ("MAIL", "530 log in\r\n")]),
            Verdict::Failed,
            "mail from a@a.example: give smtp_user and",
        ),
        (
            of(&[("", "220 hi\r\n"), HELLO, ("RCPT", "550 who\r\n")]),
            Verdict::Failed,
            "refuses mail for b@b.example: \"550",
        ),
        (
            of(&[("", "220 hi\r\n"), HELLO, ("RCPT", "450 later\r\n")]),
            Verdict::Warning,
            "does not take mail for b@b.example for now: \"450 later\"",
        ),
        (of(&[("", "220 hi\r\n"), HELLO, ("DATA", "250 no\r\n")]), Verdict::Failed, "refuses the message: \"250 no\""),
        (
            of(&[("", "220 hi\r\n"), HELLO, DATA, (".", "554 spam\r\n")]),
            Verdict::Failed,
            "refuses the message: \"554 spam",
        ),
        (
            of(&[("", "220 hi\r\n"), HELLO, DATA, (".", "")]),
            Verdict::Failed,
            "nobody knows whether the message is on its way: 127.0.0.1:",
        ),
    ] {
        let outcome = run(at, imap(), 1_500);
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
        assert!(outcome.summary.starts_with("sending (SMTP): "), "{outcome:?}");
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
    }
}

#[test]
fn who_keeps_mail_is_asked_before_anything_is_sent() {
    let of = |script: &'static [(&'static str, &'static str)]| scripted(script, true).0;
    for (at, wanted) in [
        (closed(), "connection refused by 127.0.0.1"),
        (says(b"", true), "silent while we waited for its greeting"),
        (says(b"220 hi\r\n", true), "does not speak IMAP"),
        (says(b"* BYE too many\r\n", true), "turned us away before the login"),
        (
            of(&[("", "* OK hi\r\n"), ("LOGIN", "$ NO s3cret-word\r\n")]),
            "login as \"me\" refused; mend imap_user or imap_pass_file (Gmail and Microsoft 365 want imap_token_command in its place). It says: (hidden)",
        ),
        (
            of(&[("", "* OK hi\r\n"), ("LIST", "$ NO not now\r\n")]),
            "refused while we waited for its list of folders: not",
        ),
        (of(&[("", "* OK hi\r\n"), ("EXAMINE", "$ NO broken\r\n")]), "the inbox cannot be opened or searched: broken"),
    ] {
        let (smtp, said) = scripted(&[], false);
        let outcome = run(smtp, at, 1_500);
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.summary.starts_with("reading (IMAP): "), "{outcome:?}");
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
        assert!(said.lock().unwrap().is_empty(), "nothing is sent that nobody could find");
    }
}

#[test]
fn servers_that_never_end_are_left() {
    let imap = || scripted(MAILBOX, true).0;
    for piece in [&[b'2'; 4_096][..], b"220-hi\r\n", b"\n", &[0; 4_096]] {
        let endless = || server(move |mut stream| while stream.write_all(piece).is_ok() {});
        let outcome = run(endless(), imap(), 1_500);
        assert!(outcome.verdict == Verdict::Failed && outcome.summary.starts_with("sending"), "{outcome:?}");
        let outcome = run(closed(), endless(), 1_500);
        assert!(outcome.verdict == Verdict::Failed && outcome.summary.starts_with("reading"), "{outcome:?}");
    }
    let drips = |byte: &'static [u8]| {
        server(move |mut stream| {
            while stream.write_all(byte).is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        })
    };
    assert!(run(drips(b"2"), imap(), 1_500).summary.contains("does not answer with its greeting"));
    assert!(run(closed(), drips(b"*"), 1_500).summary.contains("while we waited for its greeting"));
}

#[test]
fn a_server_that_repeats_a_token_does_not_get_it_into_messages() {
    let script: &[(&str, &str)] = &[
        ("", "* OK hi\r\n"),
        ("CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n$ OK\r\n"),
        ("AUTHENTICATE", "$ NO s3cret-token is no good\r\n"),
    ];
    let (imap, _) = scripted(script, true);
    let keys = USUAL.replace("t0ken", "s3cret-token");
    let settings = format!(
        "{keys}imap_security = \"none\"\nsmtp_security = \"none\"\nsmtp = \"{}\"\nimap = \"{imap}\"\n",
        closed()
    );
    let outcome = run_with(&settings, Duration::from_secs(10));
    assert!(outcome.summary.contains("the access token for \"me\" is refused"), "{outcome:?}");
}

#[test]
fn stands_fire() {
    let folder = tempfile::tempdir().unwrap();
    let keys = format!("every = \"15min\"\n{}", by_password(folder.path(), "s3cret-word"));
    let (silent, broken, mailbox) = (says(b"", true), says(b"* OK hi\r\n", false), scripted(MAILBOX, true).0);
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.mail]]\n{keys}smtp = \"{silent}\"\nimap = \"{silent}\"\n\
         [[job.mail]]\nid = \"2\"\n{keys}smtp = \"{silent}\"\nimap = \"{broken}\"\n\
         [[job.mail]]\nid = \"3\"\n{keys}smtp = \"{broken}\"\nimap = \"{mailbox}\"\n"
    ));
}

#[test]
fn a_server_that_offers_no_tls_is_left_politely() {
    let (smtp, said) = scripted(&[("", "220 hi\r\n"), ("EHLO", "250 hi\r\n")], false);
    let folder = tempfile::tempdir().unwrap();
    let keys =
        by_password(folder.path(), "s3cret-word").replace("smtp_security = \"none\"", "smtp_security = \"starttls\"");
    let imap = scripted(MAILBOX, true).0;
    let outcome = run_with(&format!("{keys}smtp = \"{smtp}\"\nimap = \"{imap}\"\n"), Duration::from_millis(1_500));
    let words = "does not offer STARTTLS, so nothing was sent (smtp_security = \"none\", if that is meant)";
    assert!(outcome.verdict == Verdict::Failed && outcome.summary.contains(words), "{outcome:?}");
    assert!(said.lock().unwrap().ends_with("QUIT\r\n"), "{said:?}");
}
