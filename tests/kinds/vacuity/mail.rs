//! Postfix and Dovecot.

use super::judged;
use crate::support::binary::Home;
use crate::support::{mail, need};

#[test]
fn a_greeting_is_no_mail_server() {
    if !need("postfix") {
        return;
    }
    let server = mail::shared();
    let ports = &server.ports;
    let home = Home::with_jobs("");
    home.write("ca.pem", &server.ca.pem);
    home.write("pass", "pw-watch");
    let at = |port: u16, more: &str| format!("address = \"localhost:{port}\"\n{more}");
    let ca = "ca_file = \"HOME/ca.pem\"\n";
    let login = format!("{ca}user = \"watch@checker.test\"\npass_file = \"HOME/pass\"\n");
    let trip = format!(
        "every = \"15min\"\ntimeout = \"20s\"\nfrom = \"watch@checker.test\"\nto = \"watch@checker.test\"\nsmtp = \"localhost:{}\"\nimap = \
         \"localhost:{}\"\nsmtp_ca_file = \"HOME/ca.pem\"\nimap_ca_file = \"HOME/ca.pem\"\nsmtp_user = \"watch@checker.test\"\n\
         imap_user = \"watch@checker.test\"\nsmtp_pass_file = \"HOME/pass\"\nimap_pass_file = \"HOME/pass\"",
        ports.starttls, ports.imaps
    );
    judged(
        &home,
        &[
            ("smtp greets", &at(ports.plain, "security = \"none\""), &["takes_no_mail", "gone", "open_relay"]),
            (
                "smtp with TLS",
                &at(ports.starttls, ca),
                &["login_refused", "takes_no_mail", "gone", "open_relay", "one_day_certificate"],
            ),
            ("smtp lets in", &at(ports.starttls, &login), &["takes_no_mail", "gone", "one_day_certificate"]),
            ("imap greets", &at(ports.imaps, ca), &["login_refused", "gone", "one_day_certificate"]),
            (
                "tls any host",
                &at(ports.imaps, &format!("{ca}judge = [\"chain\"]")),
                &["other_certificate", "one_day_certificate", "expired_certificate"],
            ),
        ],
        &[
            ("smtp takes mail", &at(ports.starttls, &format!("{login}rcpt_to = \"watch@checker.test\""))),
            (
                "smtp takes no other",
                &at(
                    ports.plain,
                    "security = \"none\"\nrcpt_to = \"watch@checker.test\"\nexpect_refused = \"a@b.example\"",
                ),
            ),
            ("mail there and back", &trip),
            ("tls of users", &at(ports.starttls, &format!("{ca}starttls = \"smtp\""))),
            ("tls of readers", &at(ports.imaps, ca)),
        ],
    );
    // It sends a message: that is said before.
    let said = home.run(&["vacuity", "mail there and back"]).ended(0).out;
    let first =
        "mail there and back: this run leaves a message from watch@checker.test to watch@checker.test, and a note in ";
    assert!(said.starts_with(first), "{said}");
    let json = home.run(&["vacuity", "--json", "mail there and back", "tls of readers"]).ended(0).json();
    let leaves: Vec<_> = (0..2).map(|n| json["jobs"][n]["leaves"].as_str()).collect();
    let what = first.split_once(" leaves ").unwrap().1;
    assert!(leaves[0].is_some_and(|said| said.starts_with(what)) && leaves[1].is_none(), "{json:#}");
}
