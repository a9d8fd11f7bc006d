//! Real servers on loopback, and the judgement of what cannot be had there.

use super::*;
use checker_job::{Blame, Timestamp, Verdict};
use checker_parts::probe::Problem;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

fn table(address: &[&str], send: Option<&str>, expect: Option<&str>) -> Table<Settings> {
    Table {
        name: None,
        id: None,
        policy: Arc::default(),
        settings: Settings {
            address: OneOrMany(address.iter().map(|a| (*a).to_owned()).collect()),
            send: send.map(str::to_owned),
            expect: expect.map(str::to_owned),
        },
    }
}

fn job(address: &str, send: Option<&str>, expect: Option<&str>) -> TcpJob {
    Spawner::spawn(vec![table(&[address], send, expect)]).unwrap().remove(0)
}

fn context(timeout: Duration) -> Context {
    let scratch = std::env::temp_dir().join("checker-tcp-unused");
    Context::new(Timestamp::from_secs(0), timeout, "run".to_owned(), scratch.into())
}

async fn run(job: &TcpJob, timeout_ms: u64) -> Outcome {
    let timeout = Duration::from_millis(timeout_ms);
    let begin = Instant::now();
    let outcome = job.execute(&context(timeout)).await;
    assert!(begin.elapsed() < timeout + Duration::from_millis(500), "{outcome:?}");
    outcome
}

/// A server that does `serve` with each connection; returns its address.
async fn server<F, S>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    address
}

/// A port of loopback at which nobody listens.
async fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_port_that_listens_is_ok_on_both_families() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(loopback).await else {
            eprintln!("skipped: this host cannot listen at {loopback}");
            continue;
        };
        let address = listener.local_addr().unwrap().to_string();
        let outcome = run(&job(&address, None, None), 5_000).await;
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
        assert!(outcome.summary.starts_with(&format!("{address} answers in ")), "{outcome:?}");
        let [metric] = outcome.metrics.as_slice() else { panic!("{outcome:?}") };
        assert_eq!((&*metric.label, &*metric.unit), ("time", "s"));
        assert!(metric.value > 0.0 && metric.value < 5.0);
    }
}

#[tokio::test]
async fn a_port_that_does_not_listen_is_refused() {
    let to = closed().await;
    let outcome = run(&job(&to.to_string(), None, None), 5_000).await;
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert_eq!(outcome.summary, format!("{to} refuses the connection"));
}

#[tokio::test]
async fn a_server_whose_queue_is_full_times_out_in_time() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let to = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        let connecting = TcpStream::connect(to);
        if let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(100), connecting).await {
            held.push(stream);
        }
    }
    assert!(held.len() < 4, "the queue took all connections");
    let outcome = run(&job(&to.to_string(), None, None), 1_000).await;
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert_eq!(outcome.summary, format!("timed out connecting to {to} after 1 s"));
}

#[tokio::test]
async fn a_greeting_in_pieces_is_expected_text() {
    let to = server(|mut stream| async move {
        for piece in ["2", "20 mail", ".exam", "ple.com\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .to_string();
    let good = run(&job(&to, None, Some("mail.example")), 5_000).await;
    assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
    let other = run(&job(&to, None, Some("421")), 5_000).await;
    let said = format!("{to} answers \"220 mail.example.com\\r\\n\" and not \"421\", and closed the connection");
    assert_eq!((other.verdict, other.summary), (Verdict::Failed, said));
}

#[tokio::test]
async fn what_is_sent_is_answered() {
    let to = server(|mut stream| async move {
        let mut line = [0; 6];
        stream.read_exact(&mut line).await.unwrap();
        let answer: &[u8] = if &line == b"PING\r\n" { b"+PONG\r\n" } else { b"-ERR\r\n" };
        stream.write_all(answer).await.unwrap();
    })
    .await
    .to_string();
    let good = run(&job(&to, Some("PING\r\n"), Some("+PONG")), 5_000).await;
    assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
    let bad = run(&job(&to, Some("PUNG\r\n"), Some("+PONG")), 5_000).await;
    assert!(bad.summary.contains("\"-ERR\\r\\n\" and not \"+PONG\""), "{bad:?}");
}

#[tokio::test]
async fn silence_closing_reset_and_babble_are_different_sentences() {
    let silent = server(|stream| async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(stream);
    })
    .await;
    let outcome = run(&job(&silent.to_string(), None, Some("220")), 500).await;
    assert!(outcome.summary.contains("says nothing within 500 ms"), "{outcome:?}");

    let slow = server(|mut stream| async move {
        stream.write_all(b"hold on\x1b[31m").await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    let outcome = run(&job(&slow.to_string(), None, Some("220")), 500).await;
    let said = format!("{slow} answers \"hold on\\u{{1b}}[31m\" and not \"220\" within 500 ms");
    assert_eq!(outcome.summary, said);

    let closing = server(|stream| async move { drop(stream) }).await;
    let outcome = run(&job(&closing.to_string(), None, Some("220")), 5_000).await;
    assert!(outcome.summary.contains("closed the connection and said nothing"), "{outcome:?}");

    // A socket that is closed with unread bytes resets.
    let resetting = server(|stream| async move {
        stream.readable().await.unwrap();
        drop(stream);
    })
    .await;
    let outcome = run(&job(&resetting.to_string(), Some("hello"), Some("220")), 5_000).await;
    assert!(outcome.summary.contains("reset the connection before it said \"220\""), "{outcome:?}");

    let babbling = server(|mut stream| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} }).await;
    let outcome = run(&job(&babbling.to_string(), None, Some("220")), 5_000).await;
    assert!(outcome.summary.ends_with("x\"..., and no \"220\" in 64 KiB"), "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Failed);
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = listener.local_addr().unwrap();
    let bad = SocketAddr::new([127, 0, 0, 2].into(), good.port());
    let worse = SocketAddr::new([127, 0, 0, 3].into(), good.port());
    let job = job(&format!("name.example:{}", good.port()), None, None);
    let try_all = async |addresses: &[SocketAddr]| {
        let limit = Limit::of(Duration::from_secs(5));
        judge::many(&job.endpoint, &each(addresses, |to| probe::probe(to, &job.talk, &limit)).await)
    };
    let some = try_all(&[good, bad]).await;
    assert_eq!(some.verdict, Verdict::Warning);
    let said = format!("1 of 2 addresses of name.example:{} fails: {bad} refuses the connection", good.port());
    assert_eq!(some.summary, said);
    assert!(some.detail.contains(&format!("{good} answers in")), "{some:?}");
    let none = try_all(&[bad, worse]).await;
    assert_eq!(none.verdict, Verdict::Failed);
    assert!(none.summary.contains(&format!("{worse} refuses")), "{none:?}");
    assert!(none.metrics.is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_at_each_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let outcome = run(&job(&format!("localhost:{port}"), None, None), 5_000).await;
    // Where localhost is ::1 too, that address refuses.
    assert!(matches!(outcome.verdict, Verdict::Ok | Verdict::Warning), "{outcome:?}");
    assert_eq!(outcome.metrics.len(), 1);
}

#[test]
fn families_without_a_route_are_not_counted() {
    let endpoint = Endpoint::parse("name.example:53").unwrap();
    let four: SocketAddr = "192.0.2.1:53".parse().unwrap();
    let six: SocketAddr = "[2001:db8::1]:53".parse().unwrap();
    let judged =
        |a: Result<Duration, Problem>, b: Result<Duration, Problem>| judge::many(&endpoint, &[(four, a), (six, b)]);
    let time = Ok(Duration::from_millis(12));
    let down = || Err(Problem::Target("it refuses".to_owned(), None));
    let full = || Err(Problem::Ours("this host has no file handle left".to_owned(), Blame::Shortage));
    let ok = judged(time.clone(), Err(Problem::NoRoute));
    assert_eq!(ok.verdict, Verdict::Ok);
    assert_eq!(ok.summary, "name.example:53 answers in 12 ms (1 not counted)");
    assert!(ok.detail.contains("[2001:db8::1]:53 is not counted"), "{ok:?}");
    let failed = judged(down(), Err(Problem::NoRoute));
    assert_eq!(failed.verdict, Verdict::Failed, "all usable addresses fail");
    let neither = judged(Err(Problem::NoRoute), Err(Problem::NoRoute));
    assert_eq!((neither.verdict, neither.cause.as_deref()), (Verdict::Unknown, Some("this host has no route")));
    let ours = judged(full(), Err(Problem::NoRoute));
    assert_eq!(ours.cause.as_deref(), Some("this host has no file handle left"));
    assert_eq!(judged(time.clone(), full()).verdict, Verdict::Ok);
    assert_eq!(
        judged(time.clone(), time.clone()).summary,
        "all 2 addresses of name.example:53 answer, the slowest in 12 ms"
    );
    assert_eq!(judge::one(four, &Err(Problem::NoRoute)).verdict, Verdict::Unknown);
}

#[test]
fn only_who_was_never_heard_leaves_a_doubt() {
    let endpoint = Endpoint::parse("name.example:53").unwrap();
    let (four, six): (SocketAddr, SocketAddr) = ("192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap());
    let silent = || Err(Problem::Target("timed out".to_owned(), Some(Blame::Silence)));
    let refused = || Err(Problem::Target("it refuses".to_owned(), None));
    let full = || Err(Problem::Ours("no handle".to_owned(), Blame::Shortage));
    let many = |a, b| judge::many(&endpoint, &[(four, a), (six, b)]).blame;
    assert_eq!(many(silent(), silent()), Some(Blame::Silence));
    assert_eq!(many(silent(), Err(Problem::NoRoute)), Some(Blame::Silence));
    assert_eq!(many(silent(), refused()), None, "a refusal came from outside");
    assert_eq!(many(silent(), Ok(Duration::from_millis(1))), None);
    assert_eq!(many(Err(Problem::NoRoute), Err(Problem::NoRoute)), Some(Blame::NoRoute));
    assert_eq!(many(Err(Problem::NoRoute), full()), Some(Blame::Shortage));
    assert_eq!(judge::one(four, &silent()).blame, Some(Blame::Silence));
    assert_eq!(judge::one(four, &refused()).blame, None);
}

/// Runs the ignored test below in a network namespace of its own, which has no route and no resolver.
#[test]
fn without_a_network_nothing_is_the_targets_fault() {
    let unshare = |words: &[&str]| Command::new("unshare").arg("--net").arg("--map-root-user").args(words).output();
    if !unshare(&["true"]).is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: this machine allows no network namespace (unshare --net)");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let inner = ["tests::inside_a_namespace", "--exact", "--ignored", "--nocapture"];
    let output = unshare(&[&[own.to_str().unwrap()], inner.as_slice()].concat()).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "run by without_a_network_nothing_is_the_targets_fault, in a namespace"]
async fn inside_a_namespace() {
    for literal in ["192.0.2.1:53", "[2001:db8::1]:53"] {
        let outcome = run(&job(literal, None, None), 5_000).await;
        assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
        assert_eq!(outcome.cause.as_deref(), Some("this host has no route"));
        assert_eq!(outcome.summary, format!("this host has no route to {literal}"));
    }
    let outcome = run(&job("ns.example.com:53", None, None), 20_000).await;
    assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
    assert_eq!(outcome.cause.as_deref(), Some("the resolver does not answer"), "{outcome:?}");
}

#[test]
fn a_list_makes_one_job_each() {
    let mut list = table(&["a.example:1", "[::1]:2"], None, None);
    list.name = Some("both".to_owned());
    let jobs = Spawner::spawn(vec![list, table(&["NS.example:3"], None, None)]).unwrap();
    let ids: Vec<&str> = jobs.iter().map(|j| j.id().as_str()).collect();
    assert_eq!(ids, ["tcp:a.example:1", "tcp:[::1]:2", "tcp:ns.example:3"]);
    assert_eq!(jobs[0].policy().name, "both (a.example:1)");
    assert_eq!(jobs[2].policy().name, "ns.example:3");
}

#[test]
fn every_problem_of_every_table_is_reported() {
    let tables = vec![
        table(&["a.example", "b.example:0", "c.example:1"], Some(""), None),
        table(&["good.example:1"], None, Some("220")),
        table(&[], None, None),
        table(&["a.example:1", "A.example:1"], None, None),
    ];
    let errors = Spawner::spawn(tables).unwrap_err();
    let seen: Vec<(usize, Option<&str>)> = errors.iter().map(|e| (e.table, e.key.as_deref())).collect();
    let address = Some("address");
    assert_eq!(seen, [(0, Some("send")), (0, address), (0, address), (2, address), (3, address)]);
    assert!(errors[1].message.contains("add it, as in \"a.example:53\""), "{errors:?}");
    assert!(errors[4].message.contains("twice"), "{errors:?}");
}

#[test]
fn stands_fire() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || server.incoming().for_each(drop));
    // The second one is silent for as long as anybody waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.tcp]]\naddress = \"{address}\"\n[[job.tcp]]\naddress = \"{silent}\"\nexpect = \"hello\"\n"
    ));
}
