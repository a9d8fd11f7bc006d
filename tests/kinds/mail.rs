//! `mail` by way of Postfix into mailboxes of Dovecot, and against servers that misbehave.

use crate::support::binary::{Done, Home, usual};
use crate::support::hostile::{Hostile, Manners};
use crate::support::mail::{MailServer, OWNER, Site};
use crate::support::{mail, need};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::resource::{UsageWho, getrusage};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::chown;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Who sends to `held@` sends into the mailbox of `vault@`, when somebody lets it go.
const HELD: &str = "held@checker.test";

/// One server for these tests, because others look into the mailboxes of the usual one.
fn server() -> &'static MailServer {
    static SERVER: LazyLock<MailServer> = LazyLock::new(|| {
        let mut site = Site::usual();
        site.boxes.push((HELD.to_owned(), "vault/".to_owned()));
        site.rules.push((HELD.to_owned(), "HOLD".to_owned()));
        MailServer::start_at(&site)
    });
    &SERVER
}

/// A job with this name and id, from `watch@` for `to`, which looks into the mailbox of `user`.
fn table(name: &str, to: &str, user: &str, more: &str) -> String {
    let ports = server().ports;
    let to = if to.contains('@') { to.to_owned() } else { MailServer::address(to) };
    let mut keys = format!(
        "[[job.mail]]\nname = \"{name}\"\nid = \"{name}\"\nevery = \"15min\"\nfrom = \"watch@checker.test\"\nto = \"{to}\"\n\
         imap_ca_file = \"HOME/ca.pem\"\nimap_user = \"{user}@checker.test\"\n"
    );
    for (key, usual) in [
        ("smtp", format!("smtp = \"localhost:{}\"\nsmtp_ca_file = \"HOME/ca.pem\"\n", ports.starttls)),
        ("smtp_user", "smtp_user = \"watch@checker.test\"\nsmtp_pass_file = \"HOME/watch.pass\"\n".to_owned()),
        ("imap", format!("imap = \"localhost:{}\"\n", ports.imaps)),
        ("imap_pass_file", format!("imap_pass_file = \"HOME/{user}.pass\"\n")),
        ("timeout", "timeout = \"20s\"\n".to_owned()),
    ] {
        if !more.lines().any(|line| line.starts_with(&format!("{key} ="))) {
            keys.push_str(&usual);
        }
    }
    format!("{keys}{more}\n\n")
}

fn home(jobs: &str) -> Home {
    let home = Home::with_jobs("");
    home.write("ca.pem", &server().ca.pem);
    for user in mail::USERS {
        home.write(&format!("{user}.pass"), &format!("pw-{user}"));
    }
    home.write("wrong.pass", "pw-planted-wrong");
    home.settings(&usual(jobs));
    home
}

/// Runs a job, and finds its outcome and words.
#[track_caller]
fn is(home: &Home, name: &str, verdict: &str, words: &[&str]) -> Done {
    let done = home.run(&["try", name]);
    let leaves = format!("{name}: this run leaves a message from watch@checker.test to ");
    assert!(done.out.starts_with(&leaves), "what a run leaves is said first: {}", done.out);
    assert!(done.out.contains(&format!("\n{name}: {verdict}\n")), "{}{}\n{}", done.out, done.err, server().log());
    for word in words {
        assert!(done.out.contains(word), "{}\nwanted {word}", done.out);
    }
    assert!(!done.out.contains("pw-"), "{}", done.out);
    done
}

/// The names of the messages in a folder, and of the notes among them.
fn there(folder: &str) -> (BTreeSet<String>, usize) {
    let files = server().files(folder);
    let notes = files.values().filter(|mail| !mail.all("x-checker-mail-note").is_empty()).count();
    (files.into_keys().collect(), notes)
}

/// Puts a message into an inbox, as a server would have that delivers it, by the name of its file.
fn put(user: &str, name: &str, text: &str) {
    for folder in ["", "cur", "new", "tmp"] {
        let folder = server().maildir(user).join(folder);
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(OWNER), Some(OWNER)).unwrap();
    }
    let file = server().maildir(user).join(name);
    fs::write(&file, text.replace("\r\n", "\n")).unwrap();
    chown(&file, Some(OWNER), Some(OWNER)).unwrap();
}

#[test]
fn a_message_arrives_and_all_else_in_the_mailbox_stays() {
    if !need("postfix") {
        return;
    }
    put("crowd", "new/1.other.here", "Received: by x\r\nSubject: other\r\n\r\ntext\r\n");
    put(
        "crowd",
        "cur/2.other.here:2,ST",
        "Received: by x\r\nSubject: marked as deleted by somebody else\r\n\r\ntext\r\n",
    );
    let home = home(&[table("arrives", "crowd", "crowd", ""), table("beside", "crowd", "crowd", "")].concat());
    is(&home, "arrives", "ok", &["mail from watch@checker.test arrived at crowd@checker.test after"]);
    let (first, notes) = there("crowd");
    assert_eq!((first.len(), notes), (3, 1), "two of others, and the note: {first:?}");
    is(&home, "arrives", "ok", &[]);
    is(&home, "beside", "ok", &[]);
    let (second, notes) = there("crowd");
    assert_eq!((second.len(), notes), (4, 2), "a note of each job: {second:?}");
    for name in ["1.other.here", "2.other.here"] {
        assert!(first.contains(name) && second.contains(name), "{name} in {second:?}");
    }
}

#[test]
fn a_message_that_goes_nowhere_is_unknown_first_and_failed_when_its_time_is_over() {
    if !need("postfix") {
        return;
    }
    let quick = "timeout = \"6s\"\nwithin = \"8s\"\n";
    let home = home(
        &[
            table("nowhere", "discard", "probe", quick),
            table("late", "discard", "probe", "timeout = \"8s\"\nwithin = \"2s\"\n"),
        ]
        .concat(),
    );
    is(
        &home,
        "nowhere",
        "unknown",
        &["the message was sent and is not there after", "nothing is known of earlier ones"],
    );
    assert_eq!(there("probe").1, 1);
    std::thread::sleep(Duration::from_secs(5));
    let words = [
        "does not arrive: look into the log and the queue of localhost:",
        "is not there; none is known to have arrived before",
    ];
    is(&home, "nowhere", "failed", &words);
    // What a run alone can see of it.
    is(&home, "late", "failed", &["has not arrived after", "at most 2 s is well"]);
}

#[test]
fn a_slow_message_is_found_by_the_next_run() {
    if !need("postfix") {
        return;
    }
    let home = home(&table("slow", HELD, "vault", "timeout = \"6s\"\n"));
    is(&home, "slow", "unknown", &["nothing is known of earlier ones"]);
    server().release();
    server().wait_for("vault", "X-Checker-Mail: ");
    is(&home, "slow", "ok", &["the message sent", "arrived after", "that of this run is not there yet"]);
    let (names, notes) = there("vault");
    assert_eq!((names.len(), notes), (2, 2), "a note of the arrival and one of what was sent now: {names:?}");
    // The next one is held, and the last arrival is not long ago.
    is(&home, "slow", "ok", &["the last message, sent", "that of this run is not there yet"]);
    server().release();
    server().wait_for("vault", "X-Checker-Mail: ");
}

#[test]
fn a_message_among_spam_has_not_arrived() {
    if !need("postfix") {
        return;
    }
    // Dovecot does not list a folder that was made in the second of its last list.
    for folder in ["Spam-Verdacht", "Papierkorb"] {
        server().imap("canary").ask(&format!("CREATE {folder}"));
    }
    let named = "spam_folder = \"Papierkorb\"\n";
    let home = home(&[table("spam", "junk", "canary", ""), table("named", "trash", "canary", named)].concat());
    is(
        &home,
        "spam",
        "failed",
        &["is taken for spam: the message sent", "lies in \"Spam-Verdacht\"; look at the filter"],
    );
    is(&home, "named", "failed", &["lies in \"Papierkorb\""]);
    // There it can be looked at, until somebody was told.
    assert_eq!((there("canary/.Spam-Verdacht").0.len(), there("canary/.Papierkorb").0.len()), (1, 1));
}

#[test]
fn what_only_claims_to_be_ours_is_not_believed_and_stays() {
    if !need("postfix") {
        return;
    }
    let home = home(&table("forged", "discard", "names", "timeout = \"6s\"\n"));
    is(&home, "forged", "unknown", &["nothing is known of earlier ones"]);
    let value = |field: &str| {
        let all = server().files("names");
        all.values().flat_map(|mail| mail.all(field)).map(|text| text.trim().to_owned()).next()
    };
    // What others may know of a note, and of a message that was lost.
    let note = value("x-checker-mail-note").expect("a note");
    let words: Vec<&str> = note.split(' ').collect();
    let (token, sent) = (words[2], words[3]);
    let arrived = note.replacen(" sent ", " arrived ", 1);
    let other = "00112233445566778899aabbccddeeff";
    let fields = [
        format!("X-Checker-Mail-Note: {arrived}"),
        format!("Received: by x\r\nX-Checker-Mail-Note: {note}"),
        format!("X-Checker-Mail-Note: {}", arrived.replace(token, other)),
        format!("Received: by x\r\nX-Checker-Mail: {other} {token} {sent}"),
    ];
    for (nth, field) in fields.iter().enumerate() {
        put(
            "names",
            &format!("new/{nth}.forged.here"),
            &format!("{field}\r\nSubject: {token} {}\r\n\r\ntext\r\n", words[0]),
        );
    }
    let before = there("names").0;
    is(&home, "forged", "unknown", &["nothing is known of earlier ones"]);
    let after = there("names").0;
    let stay = before.iter().filter(|name| name.contains("forged")).all(|name| after.contains(&name.clone()));
    assert!(before.len() == 5 && after.len() == 6 && stay, "{before:?} {after:?}");
}

#[test]
fn each_side_says_what_is_wrong_with_it() {
    if !need("postfix") {
        return;
    }
    let ports = server().ports;
    let user = "smtp_user = \"watch@checker.test\"\n";
    let wrong = format!("{user}smtp_pass_file = \"HOME/wrong.pass\"\n");
    let (good, stale) = (mail::token::token("watch@checker.test", 600), mail::token::token("watch@checker.test", -60));
    let by_token = |token: &str| format!("{user}smtp_token_command = [\"/bin/echo\", \"{token}\"]\n");
    let strange = format!("smtp = \"localhost:{}\"\nsmtp_security = \"tls\"\n", ports.tls);
    let crossed = format!("imap = \"localhost:{}\"\nimap_security = \"starttls\"\n", ports.plain);
    let home = home(
        &[
            table("pass", "oncall", "oncall", &wrong),
            table("reader", "oncall", "oncall", "imap_pass_file = \"HOME/wrong.pass\"\n"),
            table("token", "oncall", "oncall", &by_token(&good)),
            table("stale", "oncall", "oncall", &by_token(&stale)),
            table("folder", "oncall", "oncall", "folder = \"Nowhere\"\n"),
            table("refused", "refuse", "oncall", ""),
            table("later", "defer", "oncall", ""),
            table("closed", "oncall", "oncall", "smtp = \"127.0.0.1:1\"\nsmtp_ca_file = \"HOME/ca.pem\"\n"),
            table("strange", "oncall", "oncall", &strange),
            table("crossed", "oncall", "oncall", &crossed),
        ]
        .concat(),
    );
    let (sending, reading) = ("sending (SMTP): ", "reading (IMAP): ");
    for (name, verdict, side, words) in [
        (
            "pass",
            "failed",
            sending,
            "mend smtp_user or smtp_pass_file (Gmail and Microsoft 365 want smtp_token_command in its place)",
        ),
        (
            "reader",
            "failed",
            reading,
            "mend imap_user or imap_pass_file (Gmail and Microsoft 365 want imap_token_command in its place)",
        ),
        ("token", "ok", "", "arrived at oncall@checker.test after"),
        (
            "stale",
            "failed",
            sending,
            "refuses the access token for \"watch@checker.test\": see that smtp_token_command prints",
        ),
        ("folder", "failed", reading, "the key folder names \"Nowhere\", and there is none, but \"INBOX\""),
        ("refused", "failed", sending, "refuses mail for refuse@checker.test: \"554 5.7.1"),
        ("later", "warning", sending, "for now: \"450 4.2.1"),
        ("closed", "failed", sending, "refuses the connection"),
        ("strange", "failed", sending, "certificate is signed by an unknown authority (own CA? set smtp_ca_file"),
        ("crossed", "failed", reading, "does not greet as IMAP does"),
    ] {
        let done = is(&home, name, verdict, &[side, words]);
        assert!(!done.out.contains(&good) && !done.out.contains(&stale), "{}", done.out);
    }
}

#[test]
fn servers_that_misbehave_cost_a_run_and_no_more() {
    if !need("postfix") {
        return;
    }
    let drip = Some(Duration::from_millis(50));
    let manners = [
        (Manners { greeting: None, ..Manners::default() }, "does not answer with its greeting"),
        (Manners { drip, ..Manners::default() }, "does not answer with its greeting"),
        (
            Manners { greeting: Some("hello\r\n"), ..Manners::default() },
            "does not answer as SMTP does, but with \"hello\"",
        ),
        (Manners { ehlo: None, ..Manners::default() }, "closed the connection"),
        (
            Manners { verdict: Some("554 5.7.1 spam\r\n"), ..Manners::default() },
            "refuses the message: \"554 5.7.1 spam\"",
        ),
        (Manners { verdict: Some(""), ..Manners::default() }, "nobody knows whether the message is on its way"),
        (Manners { verdict: None, ..Manners::default() }, "filters may take long there, then a longer timeout helps"),
    ];
    for (nth, (manners, words)) in manners.into_iter().enumerate() {
        let hostile = Hostile::start(manners);
        let more = format!("smtp = \"127.0.0.1:{}\"\nsmtp_security = \"none\"\ntimeout = \"6s\"\n", hostile.port);
        let name = format!("hostile {nth}");
        let table = table(&name, "spam", "spam", &more);
        let home =
            home(&table.replace("smtp_user = \"watch@checker.test\"\nsmtp_pass_file = \"HOME/watch.pass\"\n", ""));
        let begin = std::time::Instant::now();
        is(&home, &name, "failed", &["sending (SMTP): ", words]);
        assert!(begin.elapsed() < Duration::from_secs(10), "{words}");
    }
}

/// A server with this way to log in, which refuses it with these words.
fn repeating(way: &str, answers: &[(&'static str, String)]) -> Hostile {
    let kept = |text: String| -> &'static str { text.leak() };
    let answers = answers.iter().map(|(command, words)| (*command, kept(words.clone()))).collect();
    let ehlo = Some(kept(format!("250 AUTH {way}\r\n")));
    Hostile::start(Manners { ehlo, starttls: Some(server().ca.identity("localhost")), answers, ..Manners::default() })
}

#[test]
fn a_server_that_repeats_what_it_was_told_does_not_get_it_into_messages() {
    if !need("postfix") {
        return;
    }
    let (pass, token) = ("planted-pass-word", "planted.token-0123456789");
    let plain = STANDARD.encode(format!("\0watch\0{pass}"));
    let bearer = STANDARD.encode(format!("user=watch\x01auth=Bearer {token}\x01\x01"));
    let of_pass = "smtp_pass_file = \"HOME/planted.pass\"\n".to_owned();
    let of_token = format!("smtp_token_command = [\"/bin/echo\", \"{token}\"]\n");
    for (nth, (way, answers, key, words)) in [
        (
            "PLAIN",
            vec![("AUTH", format!("535 {pass} {plain} \"{pass}\"\r\n"))],
            &of_pass,
            "refuses the login of \"watch\"",
        ),
        ("PLAIN", vec![("MAIL", format!("550 {pass} {plain}\r\n"))], &of_pass, "refuses mail from watch@"),
        ("XOAUTH2", vec![("AUTH", format!("535 {token} {bearer}\r\n"))], &of_token, "refuses the access token"),
        (
            "PLAIN",
            vec![("AUTH", format!("454 {pass} later\r\n"))],
            &of_pass,
            "cannot log anybody in now, the password is not",
        ),
        ("XOAUTH2", vec![("MAIL", format!("550 {token} {bearer}\r\n"))], &of_token, "refuses mail from watch@"),
    ]
    .into_iter()
    .enumerate()
    {
        let hostile = repeating(way, &answers);
        let name = format!("repeats {nth}");
        let more = format!(
            "smtp = \"localhost:{}\"\nsmtp_ca_file = \"HOME/ca.pem\"\nsmtp_user = \"watch\"\n{key}timeout = \"10s\"\n",
            hostile.port
        );
        let home = home(&table(&name, "spam", "spam", &more));
        home.write("planted.pass", pass);
        let done = is(&home, &name, "failed", &["sending (SMTP): ", words, "(hidden)"]);
        for secret in [pass, token, plain.as_str(), bearer.as_str()] {
            assert!(!done.out.contains(secret) && !done.err.contains(secret), "{}", done.out);
        }
    }
}

/// A thousand round trips in one pass: a figure, for docs/performance.md. The servers take most of the time. Another build than
/// that of the tests can be named in `CHECKER_MEASURED`.
#[test]
#[ignore = "a figure; it takes half a minute and two processors"]
fn a_thousand_round_trips_in_one_pass() {
    const COUNT: usize = 1_000;
    if !need("postfix") {
        return;
    }
    let user = |n: usize| mail::USERS[n % mail::USERS.len()];
    let tables: String =
        (0..COUNT).map(|n| table(&format!("trip-{n}"), user(n), user(n), "timeout = \"50s\"")).collect();
    let home = home(&tables);
    let home = match std::env::var_os("CHECKER_MEASURED") {
        Some(program) => home.running(program.as_ref()),
        None => home,
    };
    let spent = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let micros = |t: nix::sys::time::TimeVal| t.tv_sec() * 1_000_000 + t.tv_usec();
        (micros(usage.user_time()) + micros(usage.system_time()), usage.max_rss())
    };
    let (before, begun) = (spent(), Instant::now());
    home.run(&["cron", "--now"]).ended(0);
    let (after, took) = (spent(), begun.elapsed());
    let cpu = (after.0 - before.0) / 1_000;
    println!("{COUNT} round trips: {:.1} s, {cpu} us of processor each, at most {} KiB", took.as_secs_f64(), after.1);
    assert_eq!(home.count("SELECT count(*) FROM run WHERE verdict = 'ok'"), 1_000);
    assert!(after.1 < 64 * 1024, "{} KiB", after.1);
}
