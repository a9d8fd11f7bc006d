//! Servers that are slow, endless, broken, or none.

use super::server::{run_for, server};
use crate::Spawner;
use crate::fields::put;
use crate::wire::packet;
use checker_job::{Outcome, Verdict};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const HELLO: &[u8] = b"SSH-2.0-Stub_1.0\r\n";

fn run(at: SocketAddr) -> Outcome {
    let begin = Instant::now();
    let outcome = run_for(&format!("address = \"{at}\"\n"), Duration::from_millis(1_500));
    assert!(begin.elapsed() < Duration::from_secs(20), "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.contains(&at.to_string()), "{outcome:?}");
    assert!(outcome.summary.len() < 500 && !outcome.summary.chars().any(char::is_control), "{outcome:?}");
    outcome
}

/// Reads our identification, says something, and waits until we leave, or leaves itself.
fn says(pieces: Vec<Vec<u8>>, stays: bool) -> SocketAddr {
    server(move |mut stream| {
        let mut line = [0; 17];
        drop(stream.read_exact(&mut line));
        drop(stream.write_all(&pieces.concat()));
        if !stays {
            // What we have not read by then would make it a reset.
            drop(stream.shutdown(Shutdown::Write));
        }
        while stream.read(&mut [0; 1_024]).is_ok_and(|count| count > 0) {}
    })
}

fn init(exchange: &str, host_key: &str) -> Vec<u8> {
    let mut message = vec![20; 17];
    for list in
        [exchange, host_key, "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""]
    {
        put(&mut message, list.as_bytes());
    }
    message.extend([0; 5]);
    packet(&message)
}

fn reply(fields: [&[u8]; 3]) -> Vec<u8> {
    let mut message = vec![31];
    for field in fields {
        put(&mut message, field);
    }
    packet(&message)
}

#[test]
fn each_server_that_is_none_has_its_sentence() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = |text: &[u8], stays| says(vec![text.to_vec()], stays);
    for (at, wanted) in [
        (closed, "refuses the connection"),
        (said(b"", true), "accepts the connection, but does not say that it is an SSH server within 1"),
        (said(b"", false), "closed the connection before it said anything"),
        (said(b"220 mail.example ESMTP\r\n500 what?\r\n", true), "says \"220 mail.example ESMTP\" and no SSH identif"),
        (said(b"HTTP/1.1 400 Bad Request\r\n\r\n", false), "is no SSH server: it says \"HTTP/1.1 400 Bad Request\""),
        (said(b"Not allowed at this time\r\n", false), "turns connections away"),
        (said(b"SSH-1.5-OpenSSH_1.2\r\n", true), "speaks SSH 1.5 only"),
        (said(b"SSH-none\r\n", true), "identifies itself as no SSH server does"),
        (said(&[b"SSH-2.0-", [b'x'; 300].as_slice(), b"\n"].concat(), true), "with more than 253 bytes"),
        (said(b"SSH-2.0-\x1b[31mred\x07\r\n", false), "closed the connection in the middle of the key exchange"),
    ] {
        let outcome = run(at);
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
    }
}

#[test]
fn each_broken_exchange_has_its_sentence() {
    let good = init("curve25519-sha256", "ssh-ed25519");
    let mut blob = Vec::new();
    put(&mut blob, b"ssh-ed25519");
    put(&mut blob, &[7; 32]);
    let mut signature = Vec::new();
    put(&mut signature, b"ssh-ed25519");
    put(&mut signature, &[7; 64]);
    let mut other = Vec::new();
    put(&mut other, b"ssh-rsa");
    put(&mut other, &[7; 64]);
    let half = [9; 32];
    let after = |piece: &[u8]| vec![HELLO.to_vec(), good.clone(), piece.to_vec()];
    let bye = packet(&[&[1, 0, 0, 0, 2, 0, 0, 0, 4][..], b"busy", &[0; 4]].concat());
    for (pieces, stays, wanted) in [
        (vec![HELLO.to_vec()], true, "does not go on with the key exchange within 1"),
        (vec![HELLO.to_vec(), b"GET / HTTP/1.1\r\n".to_vec()], true, "does not go on as SSH does"),
        (vec![HELLO.to_vec(), vec![0; 64]], true, "does not go on as SSH does"),
        (vec![HELLO.to_vec(), vec![0, 0, 0, 12, 255, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], true, "more padding"),
        (vec![HELLO.to_vec(), packet(&[20, 1, 2])], true, "does not begin the key exchange as SSH does"),
        (vec![HELLO.to_vec(), packet(&[90; 40])], true, "does not begin the key exchange as SSH does"),
        (vec![HELLO.to_vec(), packet(&[])], true, "sends an empty packet"),
        (vec![HELLO.to_vec(), bye.clone()], true, "ends the talk: \"busy\" (reason 2)"),
        (after(b""), false, "in the middle of the key exchange"),
        (after(&bye), true, "ends the talk: \"busy\""),
        (after(&packet(&[30; 40])), true, "answers the key exchange with another message (number 30)"),
        (after(&packet(&[31, 0, 0, 0, 99])), true, "answers the key exchange with another message (number 31)"),
        (after(&reply([&blob, &[0; 32], &signature])), true, "that is no point of its curve"),
        (after(&reply([&blob, b"short", &signature])), true, "that is no point of its curve"),
        (after(&reply([&blob, &half, &signature])), true, "does not prove that it holds it"),
        (after(&reply([&blob, &half, &other])), true, "signs in another way than ssh-ed25519"),
        (after(&reply([b"garbage", &half, &signature])), true, "that cannot be read"),
    ] {
        let outcome = run(says(pieces, stays));
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
    }
}

#[test]
fn a_server_that_never_ends_is_left() {
    for head in [b"".as_slice(), HELLO] {
        for piece in [vec![b'x'; 4_096], b"line\r\n".repeat(500), packet(&[2, 0, 0, 0, 0]).repeat(100), vec![0; 4_096]]
        {
            let head = head.to_vec();
            run(server(move |mut stream| {
                drop(stream.write_all(&head));
                while stream.write_all(&piece).is_ok() {}
            }));
        }
        // One byte every now and then.
        let head = head.to_vec();
        let slow = server(move |mut stream: TcpStream| {
            drop(stream.write_all(&head));
            while stream.write_all(b"\0").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        run(slow);
    }
}

#[test]
fn a_server_that_says_too_much_is_left_before_the_time_is_over() {
    for (head, piece, wanted) in [
        (HELLO, packet(&[2, 0, 0, 0, 0]).repeat(100), "says more than 128 KiB during the key exchange"),
        (b"", b"line\r\n".repeat(500), "is no SSH server: it says 16 KiB and no SSH identification"),
        (b"", vec![b'x'; 4_096], "is no SSH server: it says 16 KiB and no SSH identification"),
    ] {
        let at = server(move |mut stream| {
            drop(stream.write_all(head));
            while stream.write_all(&piece).is_ok() {}
        });
        let outcome = run_for(&format!("address = \"{at}\"\n"), Duration::from_secs(60));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.summary.contains(wanted), "{outcome:?}");
    }
}

#[test]
fn stands_fire() {
    let silent = says(vec![], true);
    let broken = says(vec![HELLO.to_vec(), vec![0; 64]], false);
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.ssh]]\naddress = \"{silent}\"\n[[job.ssh]]\naddress = \"{broken}\"\n"
    ));
}
