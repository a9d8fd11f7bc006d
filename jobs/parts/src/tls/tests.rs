use super::*;
use checker_job::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use rustls_pki_types::UnixTime;
use std::io;
use std::time::Duration;

fn at(secs: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(secs))
}

fn sentence(error: Error) -> String {
    let error = io::Error::new(io::ErrorKind::InvalidData, error);
    let fault = words::of_io(&error, "www.example.com", false);
    assert_eq!(fault.cause, None);
    fault.sentence
}

#[test]
fn each_error_has_its_own_sentence() {
    let expired = CertificateError::ExpiredContext { time: at(0), not_after: at(1_767_312_000) };
    let early = CertificateError::NotValidYetContext { time: at(0), not_before: at(1_767_312_000) };
    let other = CertificateError::NotValidForNameContext {
        expected: server_name("www.example.com").unwrap(),
        presented: vec!["DnsName(\"other.example\")".to_owned(), "IpAddress(192.0.2.1)".to_owned()],
    };
    for (error, want) in [
        (expired.into(), "certificate expired on 2026-01-02"),
        (early.into(), "certificate not yet valid: it starts on 2026-01-02"),
        (other.into(), "certificate is for other.example, 192.0.2.1, not for www.example.com"),
        (CertificateError::UnknownIssuer.into(), "certificate is signed by an unknown authority (own CA? set ca_file"),
        (InvalidMessage::InvalidContentType.into(), "server does not speak TLS"),
        (Error::AlertReceived(AlertDescription::ProtocolVersion), "handshake refused: the server speaks neither"),
    ] {
        let got = sentence(error);
        assert!(got.starts_with(want), "{got}\nwanted {want}");
    }
}

#[test]
fn a_certificate_with_many_names_does_not_fill_the_line() {
    let many = CertificateError::NotValidForNameContext {
        expected: server_name("www.example.com").unwrap(),
        presented: (0..50).map(|n| format!("DnsName(\"h{n}.example\")")).collect(),
    };
    assert_eq!(
        sentence(many.into()),
        "certificate is for h0.example, h1.example, h2.example and 47 more, not for www.example.com"
    );
}

#[test]
fn names_and_addresses_are_told_apart() {
    for (host, ip) in [("192.0.2.1", true), ("[::1]", true), ("::1", true), ("a.example.", false)] {
        let name = server_name(host).unwrap();
        assert_eq!(matches!(name, ServerName::IpAddress(_)), ip, "{host}");
    }
    assert!(server_name("not a name").is_err());
}

#[test]
fn a_bad_ca_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.pem");
    let error = Trust::with_ca_file(&missing, &[]).unwrap_err();
    assert!(error.contains("missing.pem") && error.contains("No such file"), "{error}");
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "hello").unwrap();
    let error = Trust::with_ca_file(&empty, &[]).unwrap_err();
    assert!(error.contains("holds no certificate"), "{error}");
    let rubbish = dir.path().join("rubbish.pem");
    std::fs::write(&rubbish, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n").unwrap();
    let error = Trust::with_ca_file(&rubbish, &[]).unwrap_err();
    assert!(error.contains("cannot be used"), "{error}");
}

#[test]
fn a_configuration_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let ca = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
    std::fs::write(&path, ca.cert.pem()).unwrap();
    let trust = Trust::with_ca_file(&path, &[b"http/1.1"]).unwrap();
    let (first, second) = (trust.config().unwrap(), trust.config().unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.alpn_protocols, vec![b"http/1.1".to_vec()]);
}

#[test]
fn a_certificate_that_ends_in_a_day_is_nothing_strange_where_it_lives_for_days() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let now = checker_job::Timestamp::from_secs(1_790_899_200); // 2026-10-02
    for (end, wanted) in [(5, &["other_certificate"][..]), (6, &["other_certificate", "one_day_certificate"])] {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2026, 10, 1), rcgen::date_time_ymd(2026, 10, end));
        let own = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        std::fs::write(&path, own.pem()).unwrap();
        let all = Trust::with_ca_file(&path, &[]).unwrap().mutations(
            "a.example",
            ("a.example", 443),
            &[own.der().clone()],
            now,
        );
        assert_eq!(all.iter().map(|m| m.name).collect::<Vec<_>>(), wanted);
        assert_eq!(all.iter().map(checker_job::Mutation::is_noticed).next(), Some(true));
        assert!(all.iter().all(|m| m.of.as_deref() == Some("certificate of a.example:443")));
        assert!(all.iter().skip(1).all(|m| !m.is_noticed()), "handshakes take it: {all:?}");
    }
}

/// Run by the test below in a process of its own, because it needs another environment.
#[test]
#[ignore = "started by without_system_certificates_the_fault_is_ours"]
fn child_without_system_certificates() {
    let fault = Trust::system(&[]).config().unwrap_err();
    assert_eq!(fault.cause, Some(NO_SYSTEM_ROOTS));
    assert!(fault.sentence.contains("install the package ca-certificates"), "{fault:?}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let ca = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
    std::fs::write(&path, ca.cert.pem()).unwrap();
    let own = Trust::with_ca_file(&path, &[]).unwrap();
    own.config().unwrap();
    let unknown = io::Error::other(Error::from(CertificateError::UnknownIssuer));
    assert_eq!(own.explain(&unknown, "x").cause, Some(NO_SYSTEM_ROOTS));
    let expired = io::Error::other(Error::from(CertificateError::Expired));
    assert_eq!(own.explain(&expired, "x").cause, None);
}

#[test]
fn without_system_certificates_the_fault_is_ours() {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "tls::tests::child_without_system_certificates"])
        .env("SSL_CERT_FILE", "/nonexistent/ca.pem")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.success() && out.contains("1 passed"), "{out}");
}

/// Certificates of `shop.example` by an authority of our own, which this trusts, good until 2031.
fn shop(folder: &Path) -> (Trust, Vec<CertificateDer<'static>>) {
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let path = folder.join("ca.pem");
    std::fs::write(&path, params.self_signed(&authority).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, authority);
    let mut params = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2031, 1, 1);
    let certificate = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap();
    (Trust::with_ca_file(&path, &[]).unwrap(), vec![certificate.der().clone()])
}

#[test]
fn handshakes_notice_another_host_and_not_the_last_day() {
    let folder = tempfile::tempdir().unwrap();
    let (trust, shown) = shop(folder.path());
    let said = |trust: &Trust, host: &str, shown: &[CertificateDer<'_>]| {
        let all = trust.mutations(host, ("shop.example", 8443), shown, Timestamp::from_secs(1_800_000_000));
        assert!(all.iter().all(|m| m.of.as_deref() == Some("certificate of shop.example:8443")), "{all:?}");
        all.iter().map(|m| (m.name, m.is_noticed())).collect::<Vec<_>>()
    };
    assert_eq!(said(&trust, "Shop.example.", &shown), [("other_certificate", true), ("one_day_certificate", false)]);
    assert_eq!(said(&trust, "shop.example", &[]), [], "a server without any");
    // Whoever does not trust it at all notices all of it.
    let (stranger, _) = shop(tempfile::tempdir().unwrap().path());
    assert_eq!(said(&stranger, "shop.example", &shown), [("other_certificate", true), ("one_day_certificate", true)]);
}

#[test]
fn the_last_day_is_judged_as_handshakes_do() {
    let folder = tempfile::tempdir().unwrap();
    let (trust, shown) = shop(folder.path());
    let on = |secs| trust.mutations("shop.example", ("10.0.0.5", 443), &shown, Timestamp::from_secs(secs));
    // 2031-01-01 is 1,924,992,000 s after 1970.
    let last = on(1_800_000_000).pop().unwrap();
    // It says which machine showed it, and how another job gets there.
    assert_eq!(last.of.as_deref(), Some("certificate of shop.example at 10.0.0.5:443"));
    assert_eq!(last.remedy, "add a [[job.tls]] for 10.0.0.5:443 with server_name = \"shop.example\"");
    assert_eq!(certificate_of("2001:DB8::1", "2001:db8::1", 443), "certificate of [2001:db8::1]:443");
    assert_eq!((last.name, last.outcome.summary.as_str()), ("one_day_certificate", "the certificate is accepted"));
    let over = on(1_924_992_001).pop().unwrap();
    assert_eq!((over.name, over.is_noticed()), ("one_day_certificate", true), "its last day is over already: {over:?}");
    assert!(over.outcome.summary.contains("expired on 2031-01-01"), "{over:?}");
}
