//! `smtp` against Postfix, with the logins of Dovecot.

use crate::support::binary::Home;
use crate::support::{mail, need};

/// A table with more keys.
fn table(name: &str, port: u16, more: &str) -> String {
    let server_name = if more.contains("\"none\"") { "" } else { "server_name = \"localhost\"\n" };
    format!("[[job.smtp]]\nname = \"{name}\"\nid = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n{server_name}{more}\n\n")
}

#[test]
fn postfix_is_judged_as_its_users_meet_it() {
    if !need("postfix") {
        return;
    }
    let server = mail::shared();
    let (plain, starttls, tls) = (server.ports.plain, server.ports.starttls, server.ports.tls);
    let ca = "ca_file = \"HOME/ca.pem\"\n";
    let login = |file: &str| format!("{ca}user = \"watch@checker.test\"\npass_file = \"HOME/{file}\"\n");
    let none = "security = \"none\"\n";
    let cases = [
        ("login", starttls, login("good.pass"), "ok", "answers with good TLS, lets watch@checker.test in"),
        (
            "submissions",
            tls,
            format!("security = \"tls\"\n{}", login("good.pass")),
            "ok",
            "answers with good TLS, lets",
        ),
        ("wrong", starttls, login("wrong.pass"), "failed", "refuses the login of \"watch@checker.test\": \"535 5.7.8"),
        ("no login there", plain, format!("{none}rcpt_to = \"watch@checker.test\"\n"), "ok", "takes mail for watch@"),
        ("refused", plain, format!("{none}rcpt_to = \"refuse@checker.test\"\n"), "failed", "refuses mail for refuse@"),
        ("nobody", plain, format!("{none}rcpt_to = \"none@checker.test\"\n"), "failed", "\"550 5.1.1"),
        ("deferred", plain, format!("{none}rcpt_to = \"defer@checker.test\"\n"), "warning", "for now: \"450 4.2.1"),
        ("no relay", plain, format!("{none}expect_refused = \"a@b.example\"\n"), "ok", "refuses mail for a@b.example"),
        ("relay", plain, format!("{none}expect_refused = \"watch@checker.test\"\n"), "failed", "is an OPEN RELAY"),
        ("plain", plain, ca.to_owned(), "failed", "does not offer STARTTLS"),
        ("strange", starttls, String::new(), "failed", "certificate is signed by an unknown authority"),
        ("other", tls, format!("{ca}security = \"tls\"\n"), "ok", "mail.checker.test answers with good TLS"),
        ("crossed", starttls, format!("{ca}security = \"tls\"\n"), "failed", "server does not speak TLS"),
    ];
    let jobs: String = cases.iter().map(|(name, port, more, ..)| table(name, *port, more)).collect();
    let other = format!(
        "[[job.smtp]]\nname = \"name\"\naddress = \"127.0.0.1:{tls}\"\nsecurity = \"tls\"\nserver_name = \"x.example\"\n{ca}"
    );
    let home = Home::with_jobs("");
    home.write("ca.pem", &server.ca.pem);
    for (file, pass) in [("good.pass", "pw-watch"), ("wrong.pass", "pw-planted-wrong")] {
        home.write(file, pass);
    }
    home.settings(&crate::support::binary::usual(&format!("{jobs}{other}")));
    for (name, _, _, verdict, sentence) in cases {
        let done = home.run(&["try", name]);
        assert!(done.out.starts_with(&format!("{name}: {verdict}")), "{name}: {}{}", done.out, done.err);
        assert!(done.out.contains(sentence), "{name}: {}\nwanted {sentence}", done.out);
        assert!(!done.out.contains("pw-"), "{name}: {}", done.out);
    }
    let done = home.run(&["try", "name"]);
    assert!(done.out.contains("certificate is for localhost, not for x.example"), "{}{}", done.out, done.err);
}
