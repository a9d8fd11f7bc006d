//! Scripted servers: what each protocol says, and what servers of ill will say. Real ones are asked by the kind `tls`.

use super::*;
use tokio::io::duplex;

/// What a server waits for, by its beginning, and what it then says.
type Step = (&'static [u8], &'static [u8]);

/// The result against a server that follows `script` and closes.
fn against(protocol: Protocol, script: &'static [Step]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut ours, mut theirs) = duplex(1 << 20);
        let server = tokio::spawn(async move {
            for (wanted, said) in script {
                let mut came = vec![0; wanted.len()];
                if theirs.read_exact(&mut came).await.is_err() {
                    return;
                }
                assert_eq!(String::from_utf8_lossy(&came), String::from_utf8_lossy(wanted));
                // The rest of the line.
                let is_word = !wanted.is_empty() && wanted.iter().all(|b| b.is_ascii_alphanumeric() || *b == b' ');
                while is_word && theirs.read_u8().await.is_ok_and(|b| b != b'\n') {}
                theirs.write_all(said).await.unwrap();
            }
        });
        let result = begin(&mut ours, protocol).await;
        drop(ours);
        server.await.unwrap();
        result.map_err(|stop| stop.to_string())
    })
}

#[test]
fn each_protocol_comes_to_the_handshake() {
    use Protocol::{Ftp, Imap, Ldap, Pop3, Postgres, Smtp};
    let good: [(Protocol, &'static [Step]); 7] = [
        (
            Smtp,
            &[
                (b"", b"220-mail.example ESMTP\r\n220 ready\r\n"),
                (b"EHLO", b"250-mail.example\r\n250-SIZE 1\r\n250-starttls\r\n250 HELP\r\n"),
                (b"STARTTLS", b"220 2.0.0 go ahead\r\n"),
            ],
        ),
        (
            Imap,
            &[(b"", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"), (b"a1 STARTTLS", b"* OK wait\r\na1 OK begin\r\n")],
        ),
        (Pop3, &[(b"", b"+OK hi\r\n"), (b"STLS", b"+OK begin\r\n")]),
        (Ftp, &[(b"", b"220-Welcome\r\nto all\r\n220 ready\r\n"), (b"AUTH TLS", b"234 begin\r\n")]),
        (Postgres, &[(&[0, 0, 0, 8, 4, 210, 22, 47], b"S")]),
        (
            Ldap,
            &[(
                b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037",
                &[0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0],
            )],
        ),
        // The same with lengths in their long form, in two pieces.
        (
            Ldap,
            &[
                (b"\x30\x1d\x02\x01\x01\x77", &[0x30, 0x82, 0, 0x0d, 2, 1, 1]),
                (b"\x18\x80\x161.3.6.1.4.1.1466.20037", &[0x78, 0x81, 7, 0x0a, 1, 0, 4, 0, 4, 0]),
            ],
        ),
    ];
    for (protocol, script) in good {
        assert_eq!(against(protocol, script), Ok(()), "{protocol:?}");
    }
}

#[test]
fn each_refusal_says_what_the_server_said() {
    use Protocol::{Ftp, Imap, Ldap, Pop3, Postgres, Smtp};
    let bad: [(Protocol, &'static [Step], &str); 17] = [
        (Smtp, &[], "closed the connection"),
        (Smtp, &[(b"", b"554 5.7.1 go away\r\n")], "greets with \"554 5.7.1 go away\""),
        (Smtp, &[(b"", b"SSH-2.0-OpenSSH\r\n")], "does not answer as SMTP does, but with \"SSH-2.0-OpenSSH\""),
        (Smtp, &[(b"", b"220 hi\r\n"), (b"EHLO", b"250-me\r\n250 SIZE 1\r\n")], "does not offer STARTTLS"),
        (Smtp, &[(b"", b"220 hi\r\n"), (b"EHLO", b"502 no\r\n")], "refuses EHLO: \"502 no\""),
        (
            Smtp,
            &[(b"", b"220 hi\r\n"), (b"EHLO", b"250 STARTTLS\r\n"), (b"STARTTLS", b"454 4.7.0 not now\r\n")],
            "refuses STARTTLS: \"454 4.7.0 not now\"",
        ),
        (
            Smtp,
            &[
                (b"", b"220 hi\r\n"),
                (b"EHLO", b"250 STARTTLS\r\n"),
                (b"STARTTLS", b"220 go\r\n250 what somebody slipped in\r\n"),
            ],
            "goes on in plain text",
        ),
        (Imap, &[(b"", b"* BYE full\r\n")], "does not greet as IMAP does, but with \"* BYE full\""),
        (Imap, &[(b"", b"* OK hi\r\n"), (b"a1 STARTTLS", b"a1 BAD what?\r\n")], "refuses STARTTLS: \"BAD what?\""),
        (Pop3, &[(b"", b"-ERR busy\r\n")], "does not greet as POP3 does, but with \"-ERR busy\""),
        (Pop3, &[(b"", b"+OK\r\n"), (b"STLS", b"-ERR no\r\n")], "refuses STLS: \"-ERR no\""),
        (Ftp, &[(b"", b"220 hi\r\n"), (b"AUTH TLS", b"502 no\r\n")], "refuses AUTH TLS: \"502 no\""),
        (Postgres, &[(&[0, 0, 0, 8], b"N")], "does not offer TLS"),
        (
            Postgres,
            &[(&[0, 0, 0, 8], b"HTTP/1.1 400")],
            "does not answer as PostgreSQL does, but with \"HTTP/1.1 400\"",
        ),
        (Postgres, &[(&[0, 0, 0, 8], b"Sx")], "goes on in plain text"),
        (
            Ldap,
            &[(&[0x30, 0x1d], &[0x30, 0x0e, 2, 1, 1, 0x78, 9, 0x0a, 1, 2, 4, 0, 4, 2, b'n', b'o'])],
            "refuses StartTLS with result code 2 (\"no\")",
        ),
        (Ldap, &[(&[0x30, 0x1d], b"HTTP/1.1 400 Bad Request")], "does not answer as LDAP does"),
    ];
    for (protocol, script, wanted) in bad {
        let why = against(protocol, script).unwrap_err();
        assert!(why.starts_with(wanted), "{protocol:?}: {why}\nwanted {wanted}");
    }
}

#[test]
fn what_comes_in_plain_text_after_the_consent_ends_it_in_each_protocol() {
    use Protocol::{Ftp, Imap, Ldap, Pop3, Postgres, Smtp};
    let slipped_in: [(Protocol, &'static [Step]); 6] = [
        (Smtp, &[(b"", b"220 hi\r\n"), (b"EHLO", b"250 STARTTLS\r\n"), (b"STARTTLS", b"220 go\r\n250 slipped in\r\n")]),
        (Imap, &[(b"", b"* OK hi\r\n"), (b"a1 STARTTLS", b"a1 OK begin\r\n* 1 EXISTS\r\n")]),
        (Pop3, &[(b"", b"+OK hi\r\n"), (b"STLS", b"+OK begin\r\n+")]),
        (Ftp, &[(b"", b"220 hi\r\n"), (b"AUTH TLS", b"234 begin\r\n230 come in\r\n")]),
        (Postgres, &[(&[0, 0, 0, 8, 4, 210, 22, 47], b"SR")]),
        (Ldap, &[(&[0x30, 0x1d], &[0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0, 0x30])]),
    ];
    assert_eq!(slipped_in.map(|(protocol, _)| protocol), Protocol::ALL);
    for (protocol, script) in slipped_in {
        let why = against(protocol, script).unwrap_err();
        assert!(why.starts_with("goes on in plain text after it has agreed to TLS"), "{protocol:?}: {why}");
    }
}

#[test]
fn a_server_that_never_ends_is_left() {
    const ENDLESS: &[u8] = &[b'2'; SAID_MAX + 10];
    for protocol in [Protocol::Smtp, Protocol::Imap, Protocol::Pop3, Protocol::Ftp] {
        let why = against(protocol, &[(b"", ENDLESS)]).unwrap_err();
        assert!(why.starts_with("says more than 64 KiB: \"222"), "{why}");
        assert!(why.len() < 400, "{}", why.len());
    }
    // Each line is short, and none is the last.
    let lines: [(Protocol, &[Step], &[u8]); 3] = [
        (Protocol::Smtp, &[], b"220-and so on\r\n"),
        (Protocol::Ftp, &[], b"220-and so on\r\n"),
        (Protocol::Imap, &[(b"", b"* OK hi\r\n"), (b"a1 STARTTLS", b"")], b"* and so on\r\n"),
    ];
    for (protocol, first, line) in lines {
        let endless: &'static [u8] = line.repeat(SAID_MAX / line.len() + 1).leak();
        let script: &'static [Step] = [first, &[(b"", endless)]].concat().leak();
        let why = against(protocol, script).unwrap_err();
        assert!(why.starts_with("says more than 64 KiB"), "{protocol:?}: {why}");
    }
    let huge: &'static [Step] = &[(&[0x30, 0x1d], &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff])];
    assert!(against(Protocol::Ldap, huge).unwrap_err().starts_with("does not answer as LDAP does"));
    let odd: &'static [Step] = &[(&[0x30, 0x1d], &[0x30, 0xff, 1, 1, 1, 1, 1, 1, 1, 1])];
    assert!(against(Protocol::Ldap, odd).unwrap_err().starts_with("does not answer as LDAP does"));
}

#[test]
fn protocols_are_read_as_they_are_shown() {
    for protocol in Protocol::ALL {
        assert_eq!(Protocol::of(protocol.word()), Some(protocol));
    }
    assert_eq!(Protocol::of("SMTP"), None);
}
