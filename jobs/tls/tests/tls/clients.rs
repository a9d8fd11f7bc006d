//! Servers that want a certificate of ours.

use crate::authority::{Authority, NINETY, Wanted, openssl};
use crate::server::{Server, day, jobs, run, table};
use checker_job::Verdict;
use std::os::unix::fs::PermissionsExt;

pub(crate) fn with_client(authority: &Authority, table: &str, name: &str) -> String {
    let (certificate, key) = (authority.file(&format!("{name}.pem")), authority.file(&format!("{name}.key")));
    format!("{table}client_certificate = {certificate:?}\nclient_key = {key:?}\n")
}

#[test]
fn a_server_that_wants_our_certificate_gets_it() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "us", by: "root", ..NINETY });
    authority.issue(&Wanted { name: "stranger", by: "stranger", ..NINETY });
    authority.issue(&Wanted { name: "ending", by: "root", days: ("2026-07-01", "2026-10-03"), ..NINETY });
    authority.issue(&Wanted { name: "ended", by: "root", days: ("2026-07-01", "2026-09-21"), ..NINETY });
    let (root, now) = (authority.file("root.pem").display().to_string(), day(10, 1, 0));
    let at = now.secs().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let demands = [version, "-Verify", "2", "-verify_return_error", "-attime", &at, "-CAfile", &root];
        let server = Server::start(&authority, "server", Some("middle"), &demands);
        let table = table(&authority, server.at, "");
        let welcome = run(&with_client(&authority, &table, "us"), now);
        assert_eq!(welcome.verdict, Verdict::Ok, "{version}: {welcome:?}");
        let unwelcome = run(&with_client(&authority, &table, "stranger"), now);
        assert_eq!(unwelcome.verdict, Verdict::Failed, "{version}: {unwelcome:?}");
        assert!(unwelcome.summary.contains("it may not like our client certificate"), "{version}: {unwelcome:?}");
        let ending = run(&with_client(&authority, &table, "ending"), now);
        assert_eq!(ending.verdict, Verdict::Failed, "{version}: {ending:?}");
        assert_eq!(ending.summary, "our client certificate expires in 2 d, on 2026-10-03");
        let ended = run(&with_client(&authority, &table, "ended"), now);
        assert_eq!(ended.verdict, Verdict::Failed, "{version}: {ended:?}");
        let of_ours = "our client certificate expired 10 d ago, on 2026-09-21";
        assert!(ended.summary.contains(of_ours) && ended.summary.contains("handshake refused"), "{version}: {ended:?}");
        let is_seen = ended.detail.contains("from \"middle\": 2026-09-01 to 2026-11-30");
        assert!(is_seen || version == "-tls1_2", "what the server has shown is kept: {ended:?}");
        let none = run(&table, now);
        if version == "-tls1_2" {
            assert!(none.summary.contains("handshake refused"), "{none:?}");
        } else {
            assert_eq!(none.verdict, Verdict::Ok, "its certificate is judged all the same: {none:?}");
        }
    }
}

#[test]
fn a_key_that_does_not_go_with_the_certificate_is_an_error_in_the_settings() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let table = |certificate: &str, key: &str| {
        let (certificate, key) = (authority.file(certificate), authority.file(key));
        format!("address = \"h.example:443\"\nclient_certificate = {certificate:?}\nclient_key = {key:?}\n")
    };
    std::fs::copy(authority.file("root.pem"), authority.file("none.key")).unwrap();
    let for_us_alone = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(authority.file("none.key"), for_us_alone).unwrap();
    for (table, wanted) in [
        (table("server.pem", "root.key"), "does not go with "),
        (table("server.pem", "none.key"), "holds no key that can be used"),
        (table("server.key", "server.key"), "holds no certificate"),
        (table("gone.pem", "server.key"), "client_certificate: cannot read the client certificate "),
    ] {
        let errors = jobs(&table).unwrap_err();
        assert!(errors.len() == 1 && errors[0].contains(wanted), "{errors:?}\nwanted {wanted}");
    }
    assert_eq!(jobs(&table("server.pem", "server.key")).unwrap().len(), 1);
    std::fs::set_permissions(authority.file("server.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let errors = jobs(&table("server.pem", "server.key")).unwrap_err();
    assert!(errors[0].contains("can be read or written by others (mode 640); run: chmod 600"), "{errors:?}");
}
