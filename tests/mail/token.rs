//! Logins by an access token: at Postfix and Dovecot, and at servers that do not want one. And accounts that are no address.

use super::{FROM, accepted, contains, delivery, later, mailer, send, server, with_login};
use crate::support::hostile::{Hostile, Manners};
use crate::support::mail::token::{forged, token};
use crate::support::mail::{HARBOUR, shared};
use crate::support::need;
use crate::support::tls::Ca;
use checker::channel::mail::{Login, LoginBy, Security, Server};
use checker_parts::login::TokenCommand;
use checker_parts::mailbox::Password;
use std::time::{Duration, Instant};

const TO: &str = "oncall@checker.test";

fn program(argv: &[&str]) -> LoginBy {
    LoginBy::Token(TokenCommand::new(argv.iter().map(|w| (*w).to_owned()).collect(), "[email.smtp]"))
}

fn as_user(mut server: Server, user: &str, by: LoginBy, ca: &str) -> Server {
    server.login = Some(Login { user: user.to_owned(), by });
    server.ca = Some(ca.as_bytes().to_vec());
    server
}

#[test]
fn a_token_lets_in_and_the_message_arrives() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    for (port, security) in [(real.ports.starttls, Security::Starttls), (real.ports.tls, Security::Tls)] {
        let by = program(&["/bin/echo", &token(FROM, 600)]);
        let mut mailer = mailer(&[as_user(server(port, security), FROM, by, &real.ca.pem)]);
        let found = mailer.probe().unwrap();
        assert!(found.ends_with(": TLS verified, logged in as watch@checker.test by token_command"), "{found}");
        let d = delivery(TO, "[alpha] by a token", "token\n");
        accepted(send(&mut mailer, &d));
        let mails = real.wait_for("oncall", &d.id.to_string());
        assert_eq!(mails.len(), 1);
        // With (A)uthentication.
        assert!(mails[0].all("received").join("\n").contains("with ESMTPSA"));
    }
}

#[test]
fn an_account_need_not_be_an_address() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let by = [Password::new("pw-harbour").into(), program(&["/bin/echo", &token(HARBOUR, 600)])];
    for by in by {
        let server = as_user(server(real.ports.starttls, Security::Starttls), HARBOUR, by, &real.ca.pem);
        let d = delivery("harbour@checker.test", "[alpha] by a plain account", "plain\n");
        accepted(send(&mut mailer(&[server]), &d));
        assert_eq!(real.wait_for(HARBOUR, &d.id.to_string()).len(), 1);
    }
}

#[test]
fn a_token_that_is_not_good_is_told_and_nothing_is_lost() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let d = delivery(TO, "[alpha] kept", "kept\n");
    let at = || server(real.ports.starttls, Security::Starttls);
    let wrong = [token(FROM, -60), forged(FROM), token("oncall@checker.test", 600), "garbage".to_owned()];
    for token in &wrong {
        let server = as_user(at(), FROM, program(&["/bin/echo", token]), &real.ca.pem);
        let result = send(&mut mailer(&[server]), &d);
        assert!(!format!("{result:?}").contains(token.as_str()), "{result:?}");
        let words = [
            "refuses the access token for \"watch@checker.test\" (535 5.7.8",
            "after \"status 401, schemes bearer, scope mail\"",
            "token_command under [email.smtp] prints a fresh one",
            "messages are kept until then",
        ];
        later(result, &words);
    }
    // A fallback that can log in carries it.
    let expired = as_user(at(), FROM, program(&["/bin/echo", &wrong[0]]), &real.ca.pem);
    accepted(send(&mut mailer(&[expired, with_login(at(), "pw-watch", &real.ca.pem)]), &d));
    assert_eq!(real.wait_for("oncall", &d.id.to_string()).len(), 1);
}

#[test]
fn a_program_that_gives_no_token_is_told_and_costs_no_more_than_its_share() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let at = || server(real.ports.tls, Security::Tls);
    let with = |script: &str| as_user(at(), FROM, program(&["/bin/sh", "-c", script]), &real.ca.pem);
    let d = delivery(TO, "[alpha] not yet", "kept\n");
    let failing = with("echo refresh token revoked >&2; exit 9");
    later(
        send(&mut mailer(std::slice::from_ref(&failing)), &d),
        &[
            "no login at mail server localhost:",
            "token_command under [email.smtp] (/bin/sh) failed with exit 9 and says \"refresh token revoked\"",
        ],
    );
    let why = mailer(&[failing]).probe().unwrap_err();
    contains(&why, &["failed with exit 9"]);
    // It hangs for its half of the time; the next server has the other.
    let servers = [with("sleep 60"), with_login(at(), "pw-watch", &real.ca.pem)];
    let started = Instant::now();
    accepted(mailer(&servers).send(&d, started + Duration::from_secs(8)));
    assert!(started.elapsed() < Duration::from_secs(8));
    let alone = mailer(&servers[..1]).send(&d, Instant::now() + Duration::from_secs(2));
    later(alone, &["(/bin/sh) did not end within", "it must ask nothing"]);
}

/// A server with TLS that offers these logins.
fn offering(ca: &Ca, ehlo: &'static str, answers: Vec<(&'static str, &'static str)>) -> Hostile {
    Hostile::start(Manners {
        answers,
        ehlo: Some(ehlo),
        starttls: Some(ca.identity("localhost")),
        ..Manners::default()
    })
}

#[test]
fn what_a_server_offers_is_told_and_the_program_not_run_in_vain() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let mark = folder.path().join("ran");
    let by = || program(&["/usr/bin/touch", mark.to_str().unwrap()]);
    for (ehlo, words) in [
        ("250 AUTH LOGIN PLAIN\r\n", "and offers only PLAIN, LOGIN. Under [email.smtp], use pass_file in place"),
        (
            "250 AUTH CRAM-MD5\r\n",
            "and offers no other login that Checker knows. Under [email.smtp], mend host and port",
        ),
        ("250 SIZE\r\n", "and offers no other login that Checker knows"),
    ] {
        let hostile = offering(&ca, ehlo, Vec::new());
        let server = as_user(server(hostile.port, Security::Starttls), FROM, by(), &ca.pem);
        let result = send(&mut mailer(&[server]), &delivery(TO, "s", "b"));
        later(result, &["takes no access tokens (XOAUTH2) at this port", words]);
    }
    let plain = as_user(server(1, Security::None), FROM, by(), &ca.pem);
    later(send(&mut mailer(&[plain]), &delivery(TO, "s", "b")), &["would cross the network in the clear"]);
    assert!(!mark.exists(), "nobody wanted a token");
    let modern = offering(&ca, "250 AUTH XOAUTH2 OAUTHBEARER\r\n", Vec::new());
    let server = with_login(server(modern.port, Security::Starttls), "pw-secret", &ca.pem);
    let result = send(&mut mailer(&[server]), &delivery(TO, "s", "b"));
    later(result, &["takes no passwords, only access tokens (XOAUTH2)", "token_command in place of pass_file"]);
}

#[test]
fn the_words_of_the_large_providers_lead_to_the_key() {
    let ca = Ca::new();
    for no in [
        "535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  gsmtp\r\n",
        "534-5.7.9 Application-specific password required. For more information, go to\r\n534 5.7.9  gsmtp\r\n",
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X]\r\n",
    ] {
        let hostile = offering(&ca, "250 AUTH LOGIN PLAIN XOAUTH2\r\n", vec![("AUTH", no)]);
        let server = with_login(server(hostile.port, Security::Starttls), "pw-secret", &ca.pem);
        let result = send(&mut mailer(&[server]), &delivery(TO, "s", "b"));
        later(
            result,
            &[
                no.split(['-', ' ']).next().unwrap_or_default(),
                "Gmail and Microsoft 365 want token_command",
                "under [email.smtp]",
            ],
        );
    }
}

#[test]
fn a_server_that_repeats_our_token_does_not_get_it_into_messages() {
    let ca = Ca::new();
    let by = || program(&["/bin/echo", "ya29.planted"]);
    // The second word is what goes over the wire: `user=watch@checker.test^Aauth=Bearer ya29.planted^A^A`.
    for (answer, words) in [
        (
            "535 5.7.8 no: ya29.planted dXNlcj13YXRjaEBjaGVja2VyLnRlc3QBYXV0aD1CZWFyZXIgeWEyOS5wbGFudGVkAQE=\r\n",
            "(535 5.7.8 no: [secret] [secret])",
        ),
        // base64 of the token itself
        ("334 eWEyOS5wbGFudGVk\r\n", "answered out of turn"),
        ("334 !!!\r\n", "answered out of turn"),
        (
            "454 4.7.0 busy\r\n",
            "cannot judge the access token for \"watch@checker.test\" at the moment (454 4.7.0 busy)",
        ),
        ("", "by an access token at mail server localhost"),
        ("250 come in\r\n", "answered out of turn: \"250 come in\""),
    ] {
        let hostile = offering(&ca, "250 AUTH XOAUTH2\r\n", vec![("AUTH", answer)]);
        let server = as_user(server(hostile.port, Security::Starttls), FROM, by(), &ca.pem);
        let result = send(&mut mailer(&[server]), &delivery(TO, "s", "b"));
        assert!(!format!("{result:?}").contains("planted"), "{result:?}");
        later(result, &[words]);
        assert!(hostile.seen(|s| s.commands.iter().any(|c| c.starts_with("AUTH XOAUTH2 dXNlcj13YXRjaE"))));
        assert_eq!(hostile.seen(|s| s.texts.len()), 0);
        // What it asks after the token is answered by an empty line, and by nothing else.
        let after = hostile.seen(|s| s.commands.iter().skip_while(|c| !c.starts_with("AUTH")).nth(1).cloned());
        assert_eq!(after.as_deref() == Some(""), answer.starts_with("334"), "{after:?}");
    }
}
