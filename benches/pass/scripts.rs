//! Scripts: what the wrapper adds to a command, a monitor over a thousand of ten thousand scripts with a year of history, and
//! a thousand calls a second for a minute.

use super::cases::Cases;
use super::home::Home;
use super::measure::{Entry, cost, median};
use super::table::Book;
use checker::store::{RunRecord, RunStatus, Scripts as _, Sqlite, StoreClock};
use checker_job::{Outcome, Timestamp};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

const NAMES: usize = 10_000;
const PAIRS: usize = 1_000;
const DAY: i64 = 86_400;
const HOST: &str = "bench";
/// Calls a second, and for so many seconds.
const CALLS: usize = 1_000;
const SECONDS: usize = 60;
/// Connections that call in turn.
const CALLERS: usize = 20;
/// So many scripts that none of them calls too often.
const SCRIPTS: usize = 5_000;
const KEY: &str = "a-key-for-a-measurement";

pub fn all(cases: &mut Cases) {
    wrapper(cases);
    monitor(cases);
    calls(cases);
}

fn wrapper(cases: &mut Cases) {
    Book::chapter("A wrapped command");
    let home = Home::new(0, |_| String::new());
    let mut entries = vec![
        Entry::new("/bin/true", || cost(&Command::new("/bin/true"), &[0])),
        Entry::new("checker run x -- /bin/true", || cost(&home.command(&["run", "x", "--", "/bin/true"]), &[0])),
    ];
    super::measure::in_turn(&mut entries, cases.runs() * 7);
    Book::rows(1, &entries);
}

fn monitor(cases: &mut Cases) {
    Book::chapter(&format!("script nagios over {PAIRS} of {NAMES} scripts, with a year of history"));
    let home = Home::new(0, |_| String::new());
    fill(&home);
    let pairs: Vec<String> = (0..PAIRS).map(|n| format!("{HOST}:script-{}", n * NAMES / PAIRS)).collect();
    let mut words = vec!["script", "nagios", "1500"];
    words.extend(pairs.iter().map(String::as_str));
    let mut entries = vec![Entry::new("checker script nagios", || cost(&home.command(&words), &[0]))];
    super::measure::in_turn(&mut entries, cases.runs());
    Book::rows(PAIRS, &entries);
    cases.book.goal("a monitor over 1,000 pairs, seconds", entries[0].wall() / 1e6, 1.0);
}

fn now() -> Timestamp {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    Timestamp::from_secs(i64::try_from(secs).expect("an instant"))
}

/// Each script ran once a day: hours of a year, and the runs of its last eight days.
fn fill(home: &Home) {
    let path = home.path("checker.db");
    let (now, store) = (now(), Sqlite::open(&path, StoreClock::system()).expect("the state"));
    for back in (0..8).rev() {
        let started = now.minus(Duration::from_secs(back * 86_400 + 600));
        let runs: Vec<RunRecord> = (0..NAMES).map(|n| run(n, started)).collect();
        store.shared().record(&runs).expect("runs");
    }
    let mut db = rusqlite::Connection::open(&path).expect("the state");
    let tx = db.transaction().expect("a transaction");
    let sql = "INSERT INTO script_hour (name, host, start, ok, failed, micros_sum, micros_max)
               VALUES (?1, ?2, ?3, 1, 0, 60000000, 60000000) ON CONFLICT DO NOTHING";
    let mut insert = tx.prepare(sql).expect("a statement");
    for n in 0..NAMES {
        for back in 8..365 {
            let hour = (now.secs() - back * DAY) / 3_600 * 3_600 * 1_000_000;
            insert.execute((format!("script-{n}"), HOST, hour)).expect("an hour");
        }
    }
    drop(insert);
    tx.commit().expect("a commit");
}

fn run(n: usize, started: Timestamp) -> RunRecord {
    let seconds = u64::try_from(started.secs()).expect("an instant");
    let id = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0));
    RunRecord {
        status: RunStatus::Done,
        ended: Some(started.plus(Duration::from_secs(60))),
        outcome: Some(Outcome::ok("ran 1 min")),
        ..RunRecord::begun(id, &format!("script-{n}"), HOST, started)
    }
}

fn calls(cases: &mut Cases) {
    Book::chapter(&format!("{CALLS} calls a second for {SECONDS} s, over {CALLERS} connections"));
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let home = Home::new(SCRIPTS + 1, |n| match n {
        0 => format!("[daemon]\nweb_listen = \"127.0.0.1:{port}\"\n\n[scripts]\nping_key_file = \"ping.key\""),
        n => format!("[[job.script]]\nname = \"script-{}\"\nevery = \"1h\"", n - 1),
    });
    std::fs::write(home.path("ping.key"), KEY).expect("a key");
    close(&home);
    let mut daemon = home.command(&["daemon"]).stdin(Stdio::null()).spawn().expect("the daemon starts");
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the daemon does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    let start = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CALLERS).map(|nth| scope.spawn(move || call(port, nth, start))).collect();
        threads.into_iter().flat_map(|t| t.join().expect("a caller")).collect()
    });
    let took = start.elapsed();
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let db = rusqlite::Connection::open(home.path("checker.db")).expect("the state");
    let known: i64 =
        db.query_row("SELECT count(*) FROM run WHERE source = 'remote'", [], |r| r.get(0)).expect("a number");
    println!("{} calls answered in {:.1} s, {known} recorded", times.len(), took.as_secs_f64());
    println!("ms to an answer that is on the disk: median {:.2}, 99 % {:.2}, longest {:.2}", at(50), at(99), at(100));
    let lost = (CALLS * SECONDS) as f64 - (known as f64).min(times.len() as f64);
    cases.book.goal("calls lost, of a thousand a second for a minute", lost, 0.0);
    cases.book.goal("seconds for these calls", took.as_secs_f64(), SECONDS as f64 + 1.0);
    let memory = median(std::iter::once(resident(daemon.id())));
    println!("the daemon's memory then: {memory:.1} MiB");
    kill(Pid::from_raw(i32::try_from(daemon.id()).expect("a process id")), Signal::SIGTERM).expect("it is told to end");
    assert!(daemon.wait().expect("it ends").success());
}

/// Secrets are for their owner alone.
fn close(home: &Home) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(home.path("ping.key"), std::fs::Permissions::from_mode(0o600)).expect("rights");
}

fn resident(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

/// One connection's share, at its pace.
fn call(port: u16, nth: usize, start: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_nodelay(true).expect("a setting");
    let mut times = Vec::new();
    let mut buffer = [0; 1_024];
    for n in 0..CALLS * SECONDS / CALLERS {
        let due = Duration::from_micros((n * CALLERS + nth) as u64 * 1_000_000 / CALLS as u64);
        std::thread::sleep((start + due).saturating_duration_since(Instant::now()));
        let script = (n * CALLERS + nth) % SCRIPTS;
        let sent = Instant::now();
        write!(stream, "GET /ping/{KEY}/script-{script} HTTP/1.1\r\nHost: bench\r\n\r\n").expect("a request");
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nOK") {
            let read = stream.read(&mut buffer).expect("an answer");
            assert!(read > 0, "the connection was closed after {answer:?}");
            answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
            assert!(!answer.starts_with("HTTP/1.1 4") && !answer.starts_with("HTTP/1.1 5"), "{answer}");
        }
        times.push(sent.elapsed());
        // A connection lives two minutes at most; this one is done before.
    }
    times
}
