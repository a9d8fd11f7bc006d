//! Real programs that print tokens, or do anything else.

use super::*;
use std::time::Instant;

fn sh(script: &str) -> TokenCommand {
    TokenCommand::new(["/bin/sh", "-c", script].map(str::to_owned).to_vec(), "[canary]")
}

fn fetch(script: &str) -> Result<String, String> {
    sh(script).fetch(TOKEN_TIME).map(|token| token.reveal().to_owned())
}

fn why(script: &str) -> String {
    let why = fetch(script).expect_err("no token");
    assert!(why.starts_with("token_command under [canary] (/bin/sh) "), "{why}");
    assert!(!why.contains('\n') && !why.contains("planted") && why.chars().count() < 600, "{why}");
    why
}

#[test]
fn the_first_line_is_the_token() {
    for (script, token) in [
        ("echo ya29.a0Af_b-yE~+/x==", "ya29.a0Af_b-yE~+/x=="),
        ("printf EwB4.no-line-end", "EwB4.no-line-end"),
        ("printf 'abc\\r\\nexpires in 3599 s\\n'", "abc"),
        ("echo warning >&2; echo abc; exit 0", "abc"),
        ("head -c 8192 /dev/zero | tr '\\0' x", &"x".repeat(8192)),
    ] {
        assert_eq!(fetch(script).as_deref(), Ok(token), "{script}");
    }
}

#[test]
fn what_is_no_token_is_told_and_not_shown() {
    for (script, words) in [
        ("exit 0", "printed no token on its first line and says nothing on stderr; run it by hand"),
        ("echo; echo planted", "printed no token on its first line"),
        ("echo 'planted token'", "no access token: its first line holds a space; it must print the token alone"),
        ("echo Bearer planted", "holds a space"),
        ("printf 'plan\\tted\\n'", "holds a control character"),
        ("printf 'planted\\001x\\n'", "holds a control character"),
        ("echo plänted", "holds a letter that is not ASCII"),
        ("printf 'planted\\377\\n'", "holds a letter that is not ASCII"),
        ("echo '{\"access_token\":\"planted\"}'", "is JSON or HTML"),
        ("echo '<html>planted</html>'", "is JSON or HTML"),
        ("head -c 8193 /dev/zero | tr '\\0' x", "is longer than 8 KiB"),
        ("head -c 999999 /dev/zero | tr '\\0' x", "is longer than 8 KiB"),
    ] {
        assert!(why(script).contains(words), "{script}: {}", why(script));
    }
}

#[test]
fn a_program_that_fails_is_told_with_its_exit_and_its_words() {
    for (script, words) in [
        (
            "echo planted; echo; echo 'refresh token expired' >&2; echo more >&2; exit 3",
            "failed with exit 3 and says \"refresh token expired\"; run it by hand as the user that runs Checker",
        ),
        ("exit 1", "failed with exit 1 and says nothing on stderr; run it by hand"),
        ("kill -9 $$", "was ended by signal 9 and says nothing"),
        ("echo planted; echo 'got planted here' >&2; exit 1", "and says \"got (hidden) here\""),
        ("echo \"+ T=ya29.$(printf %040d 7) /a/path\" >&2; exit 1", "and says \"+ (hidden) /a/path\""),
        ("printf '\\033[31mred\\033[0m\\n' >&2; exit 1", "and says \".[31mred.[0m\""),
        ("exec yes planted", "printed without end and was killed"),
    ] {
        assert!(why(script).contains(words), "{script}: {}", why(script));
    }
    let long = why("yes xxx | head -c 5000 | tr '\\n' ' ' >&2; exit 1");
    assert!(long.contains("says \"xxx xxx") && long.contains("\"..."), "{long}");
}

#[test]
fn a_program_that_hangs_costs_no_more_than_its_time() {
    let begin = Instant::now();
    let why = sh("echo asking >&2; sleep 60").fetch(Duration::from_millis(500)).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(why.contains("did not end within") && why.contains("it must ask nothing"), "{why}");
    assert!(why.contains("says \"asking\""), "{why}");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let fetch = |argv: &[&str]| {
        let argv = argv.iter().map(|w| (*w).to_owned()).collect();
        TokenCommand::new(argv, "[email.smtp]").fetch(TOKEN_TIME).unwrap_err()
    };
    let why = fetch(&["/nonexistent/oama", "access"]);
    assert!(why.starts_with("token_command under [email.smtp] could not be run: "), "{why}");
    assert!(why.contains("there is no program /nonexistent/oama; install it"), "{why}");
    assert!(fetch(&[]).contains("no program is given"));
}

#[test]
fn a_refusal_is_read_whatever_it_is() {
    let json = br#"{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}"#;
    let words = "status 401, schemes bearer, scope https://mail.google.com/";
    assert_eq!(refusal(json, str::to_owned).as_deref(), Some(words));
    assert_eq!(
        refusal_in_base64(&format!("{} ", in_base64(&String::from_utf8_lossy(json))), str::to_owned).as_deref(),
        Some(words)
    );
    for (challenge, said) in [
        (&br#"{"status":401}"#[..], Some("status 401")),
        (br#"{"other":"x"}"#, Some(r#"{"other":"x"}"#)),
        (br#"{"status":["x"],"error":"invalid_token"}"#, Some("error invalid_token")),
        (b"[1]", Some("[1]")),
        (b"a\r\nb\x1b", Some("a  b ")),
        (b"", None),
        (b" \r\n", None),
    ] {
        assert_eq!(refusal(challenge, str::to_owned).as_deref(), said, "{challenge:?}");
    }
    assert_eq!(refusal_in_base64("no base64!", str::to_owned).as_deref(), Some("no base64!"));
    assert_eq!(refusal_in_base64("", str::to_owned), None);
    let token = "t".repeat(400);
    let said = refusal(format!("{{\"error\":\"bad {token}\"}}").as_bytes(), |words| words.replace(&token, "(hidden)"));
    assert_eq!(said.as_deref(), Some("error bad (hidden)"), "not a part of it is left");
    assert_eq!(refusal(&[b'x'; 9_999], str::to_owned).map(|words| words.len()), Some(REFUSAL_MAX));
}

#[test]
fn the_form_on_the_wire_is_the_documented_one() {
    let said = xoauth2("someuser@example.com", &Password::new("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"));
    assert_eq!(said, "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01");
    let shown = format!("{:?}", LoginBy::from(Password::new("planted")));
    assert!(shown.contains("hidden") && !shown.contains("planted"), "{shown}");
}
