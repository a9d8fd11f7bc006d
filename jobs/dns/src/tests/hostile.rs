//! Servers that answer with anything but an answer.

use super::servers::free_port;
use super::{found, look_for};
use checker_job::{Blame, Outcome, Verdict};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// A server that answers each datagram with those that `answer` makes of it; it goes on until the test's process ends.
pub(super) fn udp(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    // TCP finds the same port free.
    let socket = UdpSocket::bind(("127.0.0.1", free_port())).unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for datagram in answer(&buffer[..length]) {
                socket.send_to(&datagram, from).ok();
            }
        }
    });
    at
}

/// The same port over TCP: `serve` gets each connection and the question, without its length.
fn tcp(at: SocketAddr, serve: impl Fn(TcpStream, Vec<u8>) + Send + 'static) {
    let listener = TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                if stream.read_exact(&mut question).is_ok() {
                    serve(stream, question);
                }
            }
        }
    });
}

/// The answer 192.0.2.1 to the question, with these flags and records after the first.
pub(super) fn answer(question: &[u8], flags: u16, records: &[&[u8]]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|b| *b == 0).unwrap() + 5;
    let mut out = question[..2].to_vec();
    out.extend(flags.to_be_bytes());
    out.extend([0, 1]);
    out.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(&question[12..end]);
    out.extend(records.concat());
    out
}

const GOOD: u16 = 0x8180;
/// As a resolver that has proved it.
pub(super) const AUTHENTIC: u16 = 0x81a0;
const CUT: u16 = 0x8380;
/// The name of the question, type A, class IN, 1 s, 192.0.2.1.
pub(super) const ADDRESS: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1];
/// The name of the question is an alias of itself.
const ITSELF: &[u8] = &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 12];
/// Fewer bytes than it says.
const DAMAGED: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 40, 192];
/// A name that points to itself.
const LOOP: &[u8] = &[0xc0, 31, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1];

fn keys(at: SocketAddr, more: &str) -> String {
    format!("server = \"{at}\"\nquery = \"a.example\"\n{more}")
}

#[track_caller]
fn failed(at: SocketAddr, more: &str, sentence: &str) -> Outcome {
    let outcome = found(&keys(at, more), Verdict::Failed, sentence);
    assert_eq!(outcome.blame, None, "it answered: {outcome:?}");
    outcome
}

/// Runs that end at their limit, which is short for that.
#[track_caller]
fn late(at: SocketAddr, more: &str, sentence: &str) -> Outcome {
    let outcome = look_for(&keys(at, more), Duration::from_millis(600));
    assert!(outcome.verdict == Verdict::Failed && outcome.summary.contains(sentence), "{outcome:?}\nwanted {sentence}");
    outcome
}

#[test]
fn an_answer_counts_only_with_id_and_question() {
    let good = udp(|q| vec![answer(q, GOOD, &[ADDRESS])]);
    found(&keys(good, ""), Verdict::Ok, "a.example A is 192.0.2.1, says ");
    // Wrong ones are passed over, and the right one counts.
    let late_one = udp(|q| {
        let right = answer(q, GOOD, &[ADDRESS]);
        let (mut id, mut other, mut query) = (right.clone(), right.clone(), right.clone());
        id[1] ^= 1;
        other[13] = b'b';
        query[2] = 0;
        vec![vec![], b"hello".to_vec(), id, other, query, right]
    });
    found(&keys(late_one, ""), Verdict::Ok, "a.example A is 192.0.2.1, says ");
    let id = udp(|q| {
        let mut wrong = answer(q, GOOD, &[ADDRESS]);
        wrong[0] ^= 1;
        vec![wrong]
    });
    let said = late(id, "", "packets that came within 600 ms the first was an answer with another id");
    assert!(said.summary.starts_with(&format!("{id} gives no valid answer: of 3 packets")), "{said:?}");
    assert_eq!(said.blame, None, "something came");
    let other = udp(|q| {
        let mut wrong = answer(q, GOOD, &[ADDRESS]);
        wrong[13] = b'b';
        vec![wrong]
    });
    late(other, "", "the first was an answer to another question");
    let garbage = udp(|_| vec![vec![7; 100]]);
    late(garbage, "", "the first was no answer of DNS");
    // A flood ends the run before its time.
    let flood = udp(|_| vec![vec![7; 20]; 150]);
    failed(flood, "", "of 101 packets that came within 20 s");
    // An answer about somebody else's name is none.
    let stranger = udp(|q| vec![answer(q, GOOD, &[&[&[1, b'x', 0], &ADDRESS[2..]].concat()])]);
    failed(stranger, "", "(NODATA: the name has no A record)");
}

#[test]
fn damaged_answers_and_loops_are_told() {
    for (record, sentence) in [
        (DAMAGED, "answers with a damaged message"),
        (LOOP, "answers with a damaged message"),
        (ITSELF, "no A record of that came"),
    ] {
        let at = udp(move |q| vec![answer(q, GOOD, &[record])]);
        let outcome = found(&keys(at, ""), Verdict::Failed, "");
        let loops = record == ITSELF && outcome.summary.contains("NODATA");
        assert!(loops || outcome.summary.contains(sentence), "{outcome:?}");
    }
    let empty = udp(|q| vec![[&q[..2], &[0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]].concat()]);
    failed(empty, "", "FORMERR: the server does not understand the question");
    let cut_twice = udp(|q| vec![answer(q, CUT, &[])]);
    tcp(cut_twice, |mut stream, question| {
        let reply = answer(&question, CUT, &[]);
        stream.write_all(&[&u16::try_from(reply.len()).unwrap().to_be_bytes(), &reply[..]].concat()).ok();
    });
    failed(cut_twice, "", "cuts its answer off even over TCP");
}

#[test]
fn silence_is_told_with_what_was_asked_and_may_be_ours() {
    let silent = udp(|_| Vec::new());
    let outcome = late(silent, "", "does not answer within 600 ms (asked 3 times over UDP for a.example A)");
    assert_eq!(outcome.blame, Some(Blame::Silence), "a resolver here is silent where this host is cut off");
    assert!(outcome.metrics.is_empty());
    let own = late(silent, "authoritative = true", "does not answer within 600 ms");
    assert_eq!(own.blame, None, "a server here needs nobody to know its own zones");
    // Only the second packet is answered.
    let seen = std::sync::atomic::AtomicU32::new(0);
    let lossy = udp(move |q| {
        let first = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        if first { Vec::new() } else { vec![answer(q, GOOD, &[ADDRESS])] }
    });
    let slow = look_for(&keys(lossy, "latency_warning = \"50ms\""), Duration::from_secs(2));
    assert_eq!(slow.verdict, Verdict::Warning, "{slow:?}");
    assert!(slow.summary.contains("longer than latency_warning = 50 ms"), "{slow:?}");
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    failed(nobody, "", "is no name server: its host answers that nothing listens at that UDP port");
    let both = format!("query = \"a.example\"\nserver = [\"{silent}\", \"{nobody}\"]");
    let none = look_for(&both, Duration::from_millis(600));
    assert!(none.verdict == Verdict::Failed && none.summary.starts_with("none of the 2 servers answers: "), "{none:?}");
    assert_eq!(none.blame, None, "one was heard, so we are not cut off");
}

#[test]
fn what_goes_wrong_over_tcp_is_told() {
    let udp_cut = || udp(|q| vec![answer(q, CUT, &[])]);
    let both = "; and over UDP it cuts its answer off, which is too long for that";
    failed(udp_cut(), "", &format!("refuses the connection{both}"));
    let at = udp_cut();
    tcp(at, |stream, _| drop(stream));
    failed(at, "", &format!("closes the connection and does not answer over TCP{both}"));
    let at = udp_cut();
    tcp(at, |mut stream, _| drop(stream.write_all(&[1, 0, 7, 7, 7])));
    failed(at, "transport = \"tcp\"", "closes the connection after 3 of 256 bytes of its answer");
    let at = udp_cut();
    tcp(at, |mut stream, _| drop(stream.write_all(&[0, 0])));
    failed(at, "", "sends no answer of DNS over TCP");
    let at = udp_cut();
    tcp(at, |mut stream, question| {
        let mut reply = answer(&question, GOOD, &[ADDRESS]);
        reply[0] ^= 1;
        stream.write_all(&[&u16::try_from(reply.len()).unwrap().to_be_bytes(), &reply[..]].concat()).ok();
    });
    failed(at, "", "sends an answer with another id over TCP");
    // A byte at a time.
    let at = udp_cut();
    tcp(at, |mut stream, _| {
        stream.write_all(&[0xff, 0xff]).ok();
        while stream.write_all(&[0]).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let drip = late(at, "", "of 65535 bytes of its answer within 600 ms");
    assert!(drip.summary.contains("has sent only ") && drip.blame.is_none(), "{drip:?}");
    let at = udp_cut();
    tcp(at, |stream, _| std::mem::forget(stream));
    late(at, "transport = \"tcp\"", "takes the question over TCP and does not answer within 600 ms");
    // An answer of the largest size.
    let at = udp_cut();
    tcp(at, |mut stream, question| {
        let records = vec![ADDRESS; 4_000];
        let reply = answer(&question, GOOD, &records);
        stream.write_all(&[&u16::try_from(reply.len()).unwrap().to_be_bytes(), &reply[..]].concat()).ok();
    });
    found(&keys(at, ""), Verdict::Ok, "a.example A is 192.0.2.1, says ");
}

#[test]
fn stands_fire() {
    let good = udp(|q| vec![answer(q, GOOD, &[ADDRESS])]);
    let silent = udp(|_| Vec::new());
    let table = |at: SocketAddr| format!("[[job.dns]]\n{}\n", keys(at, ""));
    checker_job::conformance::under_fire::<crate::Spawner>(&[good, silent].map(table).concat());
}
