//! `openssl s_server` on loopback, and one run of a job against it.

use crate::authority::{Authority, openssl};
use checker_job::{Context, Job, JobSpawner, Outcome, SpawnError, Timestamp};
use checker_tls::{Spawner, TlsJob};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with the test, by its process handle.
pub(crate) struct Server {
    child: Child,
    pub(crate) at: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    /// Shows the certificate `name`, and `above` it those that lead to its authority.
    pub(crate) fn start(authority: &Authority, name: &str, above: Option<&str>, more: &[&str]) -> Self {
        for _ in 0..5 {
            let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            if let Some(server) = Self::start_at(authority, at, (name, above), more) {
                return server;
            }
        }
        panic!("openssl s_server does not start");
    }

    /// `None` if somebody else has the port.
    pub(crate) fn start_at(
        authority: &Authority,
        at: SocketAddr,
        (name, above): (&str, Option<&str>),
        more: &[&str],
    ) -> Option<Self> {
        let mut command = Command::new(openssl().unwrap());
        command.args(["s_server", "-quiet", "-naccept", "100", "-accept", &at.to_string()]);
        command.arg("-cert").arg(authority.file(&format!("{name}.pem")));
        command.arg("-key").arg(authority.file(&format!("{name}.key")));
        if let Some(above) = above {
            command.arg("-cert_chain").arg(authority.file(&format!("{above}.pem")));
        }
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            if TcpStream::connect(at).is_ok() {
                return Some(Self { child, at });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(child.kill());
        drop(child.wait());
        None
    }
}

/// The jobs of one table, or what is wrong with it.
pub(crate) fn jobs(settings: &str) -> Result<Vec<TlsJob>, Vec<String>> {
    jobs_of(&[settings])
}

/// The jobs of these tables.
fn jobs_of(tables: &[&str]) -> Result<Vec<TlsJob>, Vec<String>> {
    let table = |text: &&str| checker_job::conformance::table::<Spawner>(text);
    let shown = |e: &SpawnError| format!("{}: {}", e.key.as_deref().unwrap_or(""), e.message);
    Spawner::spawn(tables.iter().map(table).collect()).map_err(|errors| errors.iter().map(shown).collect())
}

/// The first second of a day of 2026, and some hours.
pub(crate) fn day(month: i8, day: i8, hours: u64) -> Timestamp {
    let midnight = jiff::civil::date(2026, month, day).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    Timestamp::from_secs(midnight.timestamp().as_second()).plus(Duration::from_secs(hours * 3_600))
}

/// Runs the job of `settings` once, as if it were `now`.
pub(crate) fn run(settings: &str, now: Timestamp) -> Outcome {
    run_for(settings, now, Duration::from_secs(10))
}

/// The same with another timeout, and holds it to that: the framework would cut it off there.
pub(crate) fn run_for(settings: &str, now: Timestamp, timeout: Duration) -> Outcome {
    run_job(&jobs(settings).unwrap().remove(0), now, timeout)
}

/// Runs the jobs of these tables, which are read together, one after the other.
pub(crate) fn run_all(tables: &[&str], now: Timestamp) -> Vec<Outcome> {
    jobs_of(tables).unwrap().iter().map(|job| run_job(job, now, Duration::from_secs(10))).collect()
}

pub(crate) fn run_job(job: &TlsJob, now: Timestamp, timeout: Duration) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cx = Context::new(now, timeout, "run".to_owned(), Path::new("/nonexistent").into());
        tokio::time::timeout(timeout, job.execute(&cx)).await.expect("the job ends before the framework has to")
    })
}

/// The table of a job for this server, which trusts `root`.
pub(crate) fn table(authority: &Authority, at: SocketAddr, more: &str) -> String {
    let root = authority.file("root.pem");
    format!("address = \"{at}\"\nserver_name = \"www.example.test\"\nca_file = {root:?}\n{more}")
}
