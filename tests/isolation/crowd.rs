//! Ten thousand jobs, and among them those that hang, panic and block.

use super::home;
use crate::support::binary::{has_faketime, utc};
use crate::support::free_ports;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a server treats those who come.
#[derive(Clone, Copy)]
enum Manner {
    /// It says `well` as an HTTP server does, whatever it is asked.
    Answers,
    /// It takes connections, and says nothing.
    Hangs,
}

/// Starts servers; they end with the tests.
fn servers(manners: &[Manner]) -> Vec<u16> {
    let listeners: Vec<_> =
        manners.iter().map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let ports = listeners.iter().map(|l| l.local_addr().expect("an address").port()).collect();
    let manners = manners.to_vec();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for (listener, manner) in listeners.into_iter().zip(manners) {
                listener.set_nonblocking(true).expect("a setting");
                tokio::spawn(accept(TcpListener::from_std(listener).expect("a listener"), manner));
            }
            std::future::pending::<()>().await;
        });
    });
    ports
}

async fn accept(listener: TcpListener, manner: Manner) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        match manner {
            Manner::Answers => drop(tokio::spawn(answer(stream))),
            Manner::Hangs => held.push(stream),
        }
    }
}

async fn answer(mut stream: TcpStream) {
    let mut request = [0; 2_048];
    if stream.read(&mut request).await.is_ok_and(|n| n > 0) {
        let said = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell";
        stream.write_all(said).await.ok();
    }
}

/// The tables, and how many jobs of each sort there are.
fn jobs(good: &[u16], silent: u16, closed: u16) -> (String, BTreeMap<&'static str, usize>) {
    let (mut text, mut counts) = (String::new(), BTreeMap::new());
    for n in 0..10_000_usize {
        let tcp = n % 2 == 0;
        // One in a hundred hangs, one in a thousand panics or blocks, one in five hundred fails.
        let sort = match (n % 100, n % 1_000, n % 500) {
            (37 | 38, ..) if n % 200 < 100 => "hung",
            (_, 441, _) => "bad",
            (_, _, 222) => "down",
            _ => "well",
        };
        *counts.entry(sort).or_insert(0) += 1;
        let port = match sort {
            "hung" => silent,
            "down" => closed,
            _ => good[n / 2 % good.len()],
        };
        let keys = format!("id = \"{sort} {n}\"\nname = \"{sort} {n}\"\ntimeout = \"2s\"\nfailure_threshold = 1\n");
        let table = match (sort, tcp) {
            ("bad", _) => {
                let (kind, does) =
                    [("bad_async", "panic"), ("bad", "panic"), ("bad_async", "block"), ("bad", "block")][n / 1_000 % 4];
                format!("[[job.{kind}]]\n{keys}does = \"{does}\"\n")
            }
            ("hung", true) => format!("[[job.tcp]]\n{keys}address = \"127.0.0.1:{port}\"\nexpect = \"hello\"\n"),
            (_, true) => format!("[[job.tcp]]\n{keys}address = \"127.0.0.1:{port}\"\n"),
            (_, false) => {
                format!("[[job.http]]\n{keys}url = \"http://127.0.0.1:{port}/{n}\"\nbody_contains = \"well\"\n")
            }
        };
        writeln!(text, "{table}").expect("text");
    }
    (text, counts)
}

#[test]
fn ten_thousand_jobs_with_hanging_panicking_and_blocking_ones_among_them() {
    if !has_faketime() {
        return;
    }
    let mut manners = vec![Manner::Answers; 16];
    manners.push(Manner::Hangs);
    let ports = servers(&manners);
    let [closed] = free_ports::<1>();
    let (text, counts) = jobs(&ports[..16], ports[16], closed);
    assert_eq!(counts, BTreeMap::from([("bad", 10), ("down", 20), ("hung", 100), ("well", 9_870)]));
    let home = home(&[text]);
    let begun = Instant::now();
    home.pass_at(utc("2026-05-01 12:00:01"));
    let took = begun.elapsed();
    eprintln!("10,000 jobs: {took:.1?}");
    // A machine that is free does it in a fraction of a minute; this one may have other work.
    assert!(took < Duration::from_secs(180), "{took:?}");
    let count = |what: &str| home.count(&format!("SELECT count(DISTINCT job) FROM run WHERE {what}"));
    assert_eq!(count("job LIKE 'well %' AND verdict = 'ok'"), 9_870);
    assert_eq!(home.count("SELECT count(*) FROM run WHERE job LIKE 'well %' AND verdict <> 'ok'"), 0);
    assert_eq!(count("job LIKE 'down %' AND verdict = 'failed'"), 20);
    assert_eq!(count("job LIKE 'hung %' AND verdict = 'failed'"), 100);
    assert_eq!(count("job LIKE 'bad %' AND verdict IN ('failed', 'unknown')"), 10);
    // All of it was told, in the messages of this pass.
    let told = home.mails().iter().map(|m| m.raw.replace("=\n", "")).collect::<String>();
    let names = home.db();
    let mut names = names.prepare("SELECT job FROM run WHERE verdict <> 'ok'").expect("a query");
    let names: Vec<String> = names.query_map([], |r| r.get(0)).expect("rows").map(|n| n.expect("a name")).collect();
    assert_eq!(names.len(), 130);
    for name in names {
        assert!(told.contains(&name), "{name} was not told in {} message(s)", home.mails().len());
    }
}
