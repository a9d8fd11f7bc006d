//! The login by an access token, at servers that are scripts. A real one is met in the tests of the whole program.

use super::*;
use crate::login::TokenCommand;

const TOKEN: &str = "ya29.planted";
/// `user=me^Aauth=Bearer ya29.planted^A^A`
const SENT: &str = "dXNlcj1tZQFhdXRoPUJlYXJlciB5YTI5LnBsYW50ZWQBAQ==";
const TAKES: &[u8] = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2\r\n$ OK done\r\n";
const GO: &[u8] = b"+ \r\n";
/// `{"status":"401","schemes":"bearer"}`
const STATUS: &[u8] = b"+ eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=\r\n";
const LIST: &[u8] = b"* LIST () \"/\" INBOX\r\n$ OK done\r\n";

fn program(script: &str) -> LoginBy {
    LoginBy::Token(TokenCommand::new(["/bin/sh", "-c", script].map(str::to_owned).to_vec(), "[canary]"))
}

fn surveyed(by: &LoginBy, answers: &[&[u8]]) -> (Result<Survey, String>, String) {
    let script = Script::new(answers);
    let log = script.log.clone();
    let survey = survey_over(script, "me", by, "INBOX", soon()).map_err(|e| e.to_string());
    let said = log.borrow().clone();
    (survey, said)
}

/// What is told of a login that fails, and what was said.
fn why(answers: &[&[u8]]) -> (String, String) {
    let (result, said) = surveyed(&program(&format!("echo {TOKEN}")), answers);
    let why = result.expect_err("no login");
    assert!(!why.contains("planted") && !why.contains(SENT) && !why.contains('\n'), "{why}");
    (why, said)
}

#[test]
fn a_token_is_sent_when_it_is_asked_for() {
    for go in [GO, b"+\r\n", b"* OK one moment\r\n+ \r\n"] {
        let all = [HELLO, TAKES, go, b"a2 OK welcome\r\n", ABLE, LIST, b"* 0 EXISTS\r\n$ OK done\r\n", OK];
        let (survey, said) = surveyed(&program(&format!("echo {TOKEN}")), &all);
        assert_eq!(survey, Ok(Survey { messages: 0, newest: None }), "{said}");
        assert!(said.contains(&format!("AUTHENTICATE XOAUTH2\r\n{SENT}\r\n")) && !said.contains("LOGIN"), "{said}");
    }
}

#[test]
fn a_refused_token_is_told_with_the_status_that_the_server_gives() {
    let (no, said) = why(&[HELLO, TAKES, GO, STATUS, b"a2 NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"]);
    let words = "mail server: the access token for \"me\" is refused; see that token_command prints a fresh one for this user, \
                 with the right to read mail by IMAP. It says: [AUTHENTICATIONFAILED] Invalid credentials (status 401, schemes \
                 bearer)";
    assert_eq!(no, words);
    assert!(said.ends_with(&format!("{SENT}\r\n\r\n")), "the request is answered by an empty line: {said}");
    let (plain, _) = why(&[HELLO, TAKES, GO, b"a2 NO AUTHENTICATE failed.\r\n"]);
    assert!(plain.ends_with("It says: AUTHENTICATE failed."), "{plain}");
    let (bad, _) = why(&[HELLO, TAKES, b"a2 BAD what\r\n"]);
    assert!(bad.contains("is refused") && bad.ends_with("It says: what"), "{bad}");
    let (busy, _) = why(&[HELLO, TAKES, GO, STATUS, b"a2 NO [UNAVAILABLE] later\r\n"]);
    assert!(busy.contains("cannot log anybody in now"), "{busy}");
}

#[test]
fn what_repeats_the_token_does_not_show_it() {
    let echo = format!("a2 NO {SENT} {TOKEN} no\r\n");
    let (no, _) = why(&[HELLO, TAKES, GO, echo.as_bytes()]);
    assert!(no.contains("It says: (hidden) (hidden) no"), "{no}");
    // base64 of the token itself
    let (no, _) = why(&[HELLO, TAKES, GO, b"+ eWEyOS5wbGFudGVk\r\n", b"a2 NO no\r\n"]);
    assert!(no.ends_with("It says: no ((hidden))"), "{no}");
    let late = format!("$ NO {TOKEN}\r\n");
    let (list, _) = why(&[HELLO, TAKES, GO, b"a2 OK in\r\n", ABLE, late.as_bytes()]);
    assert!(list.contains("(hidden)"), "{list}");
}

#[test]
fn a_server_that_takes_no_tokens_is_told_and_the_program_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let by = program(&format!("touch {}; echo {TOKEN}", mark.display()));
    for (able, words) in [
        (&b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\n$ OK done\r\n"[..], ["only ", "PLAIN", "LOGIN"]),
        (b"* CAPABILITY IMAP4rev1\r\n$ OK done\r\n", ["and names no other way", "XOAUTH2", "use pass_file"]),
    ] {
        let (result, said) = surveyed(&by, &[HELLO, able]);
        let why = result.unwrap_err();
        assert!(why.contains("takes no access tokens (XOAUTH2)"), "{why}");
        assert!(words.iter().all(|w| why.contains(w)) && !said.contains("AUTHENTICATE"), "{why}");
    }
    assert!(!mark.exists(), "nobody wants a token");
}

#[test]
fn a_program_without_a_token_ends_the_session() {
    let (result, said) = surveyed(&program("echo no refresh token >&2; exit 2"), &[HELLO, TAKES]);
    let why = result.unwrap_err();
    let words = "mail server: no login: token_command under [canary] (/bin/sh) failed with exit 2 and says \"no refresh token\"";
    assert!(why.starts_with(words), "{why}");
    assert!(!said.contains("AUTHENTICATE"), "{said}");
}

#[test]
fn a_server_that_talks_nonsense_meanwhile_gets_no_further() {
    for (answer, words) in [
        (&b"+ !!!\r\n"[..], "no IMAP"),
        (b"+ \xff\xff\r\n", "no IMAP"),
        (b"* BYE go\r\n", "ended the session"),
        (b"b7 OK\r\n", "no IMAP"),
        (b"", "closed the connection"),
    ] {
        let (first, _) = why(&[HELLO, TAKES, answer]);
        assert!(first.contains(words), "{first}");
        let (second, _) = why(&[HELLO, TAKES, GO, answer]);
        assert!(second.contains(words), "{second}");
    }
    let mut endless = vec![HELLO, TAKES];
    endless.resize(60, STATUS);
    let (why, said) = why(&endless);
    assert!(why.contains("closed the connection"), "{why}");
    assert_eq!(said.matches(SENT).count(), 1, "the token goes out once: {said}");
}
