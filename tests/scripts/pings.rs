//! Calls over HTTP, by the real daemon.

use super::{history, host};
use crate::support::binary::{Home, usual};
use crate::support::{free_ports, wait_until};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";
const KEY: &str = "fqOOd6-F4MMNuCEnzTU01w";
const TOKEN: &str = "not-a-secret-of-anybody";

const JOBS: &str = "[[job.script]]\nname = \"Nightly backup\"\nevery = \"1h\"\nuuid = \"5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278\"\n\n\
    [[job.script]]\nname = \"twin one\"\nscript = \"twin\"\nhost = \"db1\"\nevery = \"1h\"\n\n\
    [[job.script]]\nname = \"twin two\"\nscript = \"twin\"\nhost = \"db2\"\nevery = \"1h\"\n";

/// A home whose daemon takes calls.
struct Site {
    home: Home,
    port: u16,
    daemon: Option<Child>,
}

impl Site {
    fn new(jobs: &str) -> Self {
        let [port] = free_ports();
        let home = Home::new("");
        home.write("ping.key", KEY);
        home.write("scripts.token", TOKEN);
        home.settings(&usual(&format!(
            "[daemon]\nweb_listen = \"127.0.0.1:{port}\"\n\n[scripts]\nping_key_file = \"ping.key\"\n\
             token_file = \"scripts.token\"\n\n{jobs}"
        )));
        let mut site = Self { home, port, daemon: None };
        site.start();
        site
    }

    fn start(&mut self) {
        self.daemon = Some(self.home.command(&["daemon"]).spawn().unwrap());
        let answers = || TcpStream::connect(("127.0.0.1", self.port)).ok();
        assert!(wait_until(Duration::from_secs(10), answers).is_some(), "{}", self.home.read("checker.log"));
    }

    fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        call(self.port, method, path, "", body).unwrap()
    }

    /// Status and text of a GET.
    fn get(&self, path: &str) -> (u16, String) {
        let answer = self.call("GET", path, b"");
        (answer.status, answer.text)
    }

    fn words(&self, name: &str) -> Vec<(String, String)> {
        history(&self.home, name)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Answer {
    status: u16,
    head: String,
    text: String,
}

fn call(port: u16, method: &str, path: &str, headers: &str, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    )?;
    stream.write_all(body)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    let all = String::from_utf8_lossy(&all).into_owned();
    let (head, text) = all.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head: head.to_lowercase(), text: text.to_owned() })
}

#[test]
fn the_urls_of_existing_clients_are_answered_as_they_expect() {
    let site = Site::new(JOBS);
    let ok = (200, "OK".to_owned());
    for base in [format!("/ping/{ID}"), format!("/ping/{KEY}/nightly-backup")] {
        for end in ["", "/start", "/fail", "/log", "/0", "/3", "/255", "?rid=5bf66975-d4c7-4bf5-bcc8-b8d8a82ea279"] {
            let answer = site.call("POST", &format!("{base}{end}"), b"text");
            assert_eq!((answer.status, answer.text.clone()), ok, "{base}{end}");
            for header in ["access-control-allow-origin: *", "ping-body-limit: 10000", "cache-control: no-store"] {
                assert!(answer.head.contains(header), "{header}: {}", answer.head);
            }
        }
        let head = site.call("HEAD", &base, b"");
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(site.get(&base), ok);
        assert_eq!(site.get(&format!("{base}/256")), (400, "invalid url format".to_owned()));
        assert_eq!(site.get(&format!("{base}?rid=12345")), (400, "invalid uuid format".to_owned()));
        assert_eq!(site.call("PUT", &base, b"").status, 405);
    }
    let missing = (404, "not found".to_owned());
    for path in [
        "/ping/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea270".to_owned(),
        format!("/ping/{KEY}/unknown"),
        "/ping/wrong-key-of-somebody/nightly-backup".to_owned(),
        "/ping/wrong-key-of-somebody/unknown?create=1".to_owned(),
        format!("/ping/{ID}/begin"),
        "/".to_owned(),
    ] {
        assert_eq!(site.get(&path), missing, "{path}");
    }
    assert_eq!(site.get(&format!("/ping/{KEY}/twin")), (409, "ambiguous slug".to_owned()));
    assert_eq!(site.get(&format!("/ping/{KEY}/fresh?create=1&rid=12345")).0, 400);
    assert_eq!(site.get(&format!("/ping/{KEY}/fresh")), missing, "nothing was made by what was refused");
    assert_eq!(site.get(&format!("/ping/{KEY}/fresh?create=1")), (201, "Created".to_owned()));
    assert_eq!(site.words("fresh").len(), 1);
}

#[test]
fn calls_become_runs_that_are_judged_like_all_others() {
    let site = Site::new(JOBS);
    let base = format!("/ping/{ID}");
    site.home.run(&["cron"]).silent();
    site.get(&format!("{base}/start"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(site.words("Nightly backup")[0].0, "active");
    let body: Vec<u8> = [b"no space left \xe9\n".to_vec(), vec![b'x'; 30_000]].concat();
    assert_eq!(site.call("POST", &format!("{base}/3"), &body).status, 200);
    let told = site.home.run(&["script", "history", "Nightly backup", "--json"]).ended(0).json();
    let run = &told["runs"][0];
    assert!(
        run["seconds"].as_f64().unwrap() >= 0.3 && run["source"] == "remote" && run["asked_by"] == "127.0.0.1",
        "{run}"
    );
    assert_eq!(run["hostname"], host());
    let detail = run["outcome"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("no space left") && detail.len() > 9_900 && detail.len() <= 10_000, "{}", detail.len());
    site.home.run(&["cron", "--now"]).ended(0);
    let subjects = site.home.subjects();
    assert!(subjects.len() == 1 && subjects[0].contains("Nightly backup: failed with exit 3 after"), "{subjects:?}");
    assert!(site.home.mails()[0].raw.contains("no space left"));
    // A success ends it.
    site.get(&base);
    site.home.run(&["cron", "--now"]).ended(0);
    assert!(site.home.subjects()[1].contains("UP"), "{:?}", site.home.subjects());
    // A start that waits for its end is known after a restart, too.
    let mut site = site;
    site.get(&format!("{base}/start?rid=5bf66975-d4c7-4bf5-bcc8-b8d8a82ea279"));
    site.kill();
    site.start();
    site.get(&format!("{base}?rid=5bf66975-d4c7-4bf5-bcc8-b8d8a82ea279"));
    let (verdict, summary) = site.words("Nightly backup").remove(0);
    assert!(verdict == "ok" && summary.starts_with("ran "), "{summary}");
}

#[test]
fn whoever_calls_in_a_loop_is_told_to_wait_and_the_others_are_not() {
    let site = Site::new(JOBS);
    let base = format!("/ping/{ID}");
    let statuses: Vec<u16> = (0..70).map(|_| site.get(&base).0).collect();
    assert!(statuses[..60].iter().all(|s| *s == 200) && statuses[65..].iter().all(|s| *s == 429), "{statuses:?}");
    assert!(site.call("GET", &base, b"").head.contains("retry-after: "));
    assert_eq!(site.get(&format!("/ping/{KEY}/other?create=1")).0, 201);
    let taken = statuses.iter().filter(|s| **s == 200).count();
    let told = site.home.run(&["script", "history", "Nightly backup", "--limit", "99", "--json"]).ended(0).json();
    assert_eq!(told["runs"].as_array().unwrap().len(), taken, "what was answered with 200 is there, and nothing else");
}

#[test]
fn a_host_without_a_state_records_its_successes_with_a_token() {
    let site = Site::new(JOBS);
    let record = |token: &str, body: &str| {
        let headers = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let answer = call(site.port, "POST", "/api/scripts/nightly%20job", &headers, body.as_bytes()).unwrap();
        (answer.status, answer.text)
    };
    let good = "{\"host\":\"db9\",\"started\":\"2026-05-01T10:00:00Z\",\"completed\":\"2026-05-01T10:01:00Z\"}";
    assert_eq!(record("", good).0, 401);
    assert_eq!(record("wrong", good).0, 401);
    assert!(site.words("nightly job").is_empty());
    for _ in 0..2 {
        assert_eq!(record(TOKEN, good), (200, "OK".to_owned()));
    }
    assert_eq!(site.words("nightly job").len(), 1, "told twice");
    let last = site.home.run(&["script", "last", "nightly job", "--json"]).ended(0).json();
    assert_eq!((&last["hostname"], &last["seconds"]), (&"db9".into(), &60.0.into()));
    for (bad, text) in [
        ("{}", "write {\"host\""),
        (&good.replace("db9", "d b"), "is no host name"),
        (&good.replace("10:01:00Z", "09:01:00Z"), "the other way round"),
        (&good.replace("2026-05-01T10:01", "2999-05-01T10:01"), "in the future"),
    ] {
        let (status, told) = record(TOKEN, bad);
        assert!(status == 400 && told.contains(text), "{status} {told}");
    }
    assert_eq!(call(site.port, "GET", "/api/scripts/x", "", b"").unwrap().status, 405);
}

/// As the documents of Healthchecks call it.
#[test]
fn curl_as_people_write_it() {
    let site = Site::new(JOBS);
    let base = format!("http://127.0.0.1:{}/ping/{ID}", site.port);
    let line = format!(
        "m=$(echo hello; exit 3); curl -fsS -m 10 --retry 5 -o /dev/null --data-raw \"$m\" {base}/$? && \
         head -c 3000000 /dev/zero | curl -fsS -m 10 --data-binary @- {base}/log"
    );
    let output = Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "OK", "{output:?}");
    let words: Vec<String> = site.words("Nightly backup").into_iter().map(|(_, summary)| summary).collect();
    assert_eq!(words, ["a line for the log", "exit 3"]);
}

/// A daemon that is killed while calls come: whatever was answered is there, and nothing else is made of it.
#[test]
fn no_answered_call_is_lost_by_a_kill() {
    const KILLS: usize = 40;
    let tables = (0..8 * 80).map(|n| {
        format!("[[job.script]]\nname = \"loop-{}-{}\"\nevery = \"1h\"\nnotify = \"state_change\"\n\n", n / 80, n % 80)
    });
    let mut site = Site::new(&tables.collect::<String>());
    let (port, over) = (site.port, AtomicBool::new(false));
    let answered: Mutex<BTreeSet<String>> = Mutex::default();
    let sent: Mutex<BTreeSet<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (answered, sent, over) = (&answered, &sent, &over);
            scope.spawn(move || {
                for n in 0_u32.. {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let rid = format!("{thread:08x}-0000-4000-8000-{n:012x}");
                    sent.lock().unwrap().insert(rid.clone());
                    let name = format!("/ping/{KEY}/loop-{thread}-{}?rid={rid}", n % 80);
                    if call(port, "POST", &name, "", b"x").is_ok_and(|a| a.status == 200) {
                        answered.lock().unwrap().insert(rid);
                    }
                }
            });
        }
        for kill in 0..KILLS as u64 {
            std::thread::sleep(Duration::from_millis(20 + kill * 7 % 60));
            site.kill();
            site.start();
        }
        over.store(true, Ordering::SeqCst);
    });
    site.home.run(&["cron"]).silent();
    let db = site.home.db();
    let mut query = db.prepare("SELECT args FROM run WHERE job LIKE 'loop-%'").unwrap();
    let rows = query.query_map([], |r| r.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let known: Vec<String> = rows.map(|args| args.replace("{\"rid\":\"", "").replace("\"}", "")).collect();
    let different: BTreeSet<String> = known.iter().cloned().collect();
    let (answered, sent) = (answered.into_inner().unwrap(), sent.into_inner().unwrap());
    println!("{KILLS} kills: {} calls sent, {} answered, {} known", sent.len(), answered.len(), known.len());
    assert!(answered.len() >= 500, "too few to prove anything: {}", answered.len());
    let lost: Vec<&String> = answered.difference(&different).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    assert!(different.is_subset(&sent) && different.len() == known.len(), "made up, or counted twice");
}
