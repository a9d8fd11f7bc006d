//! A server that follows a script, without TLS; and jobs of a table.

use crate::{SmtpJob, Spawner};
use checker_job::{Context, Job as _, JobSpawner as _, Outcome, SpawnError, Timestamp};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a server answers to a line, by its beginning. The first that fits counts; `""` is its greeting.
pub(crate) type Script = Vec<(&'static str, &'static str)>;

/// A server that does this with each connection, on a thread that ends with the process.
pub(crate) fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    at
}

/// A server that follows `script`, and what it has heard.
pub(crate) fn scripted(script: Script) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let heard = log.clone();
    let at = server(move |stream| follow(stream, &script, true, &heard));
    (at, log)
}

/// Follows `script` on this connection.
pub(crate) fn follow(mut stream: impl Read + Write, script: &Script, greets: bool, heard: &Mutex<Vec<String>>) {
    let usual = [
        ("", "220 stub ready\r\n"),
        ("EHLO", "250-stub.example greets\r\n250 SIZE 1000\r\n"),
        ("QUIT", "221 bye\r\n"),
        ("", "250 ok\r\n"),
    ];
    let mut line = String::new();
    loop {
        let begins = line.is_empty();
        let fits = |begin: &str| if begins { begin.is_empty() } else { !begin.is_empty() && line.starts_with(begin) };
        let known = script.iter().chain(&usual).find(|(begin, _)| fits(begin));
        let answer = known.map_or("250 ok\r\n", |(_, answer)| *answer);
        let answer = if begins && !greets { "" } else { answer };
        let is_over = answer.is_empty() && (greets || !begins);
        if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err()
            || is_over
            || line.starts_with("QUIT")
        {
            return;
        }
        line = read_line(&mut stream);
        if line.is_empty() {
            return;
        }
        heard.lock().unwrap().push(line.trim_end().to_owned());
    }
}

/// The next line with its end; empty where there is none.
pub(crate) fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        line.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// The jobs of one table with these keys.
pub(crate) fn jobs(settings: &str) -> Result<Vec<SmtpJob>, Vec<SpawnError>> {
    Spawner::spawn(vec![checker_job::conformance::table::<Spawner>(settings)])
}

pub(crate) fn run_for(settings: &str, timeout: Duration) -> Outcome {
    let job = jobs(settings).unwrap().remove(0);
    let scratch = std::env::temp_dir().join("checker-smtp-unused");
    let cx = Context::new(Timestamp::from_secs(0), timeout, "run".to_owned(), scratch.into());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(job.execute(&cx))
}

/// One run without TLS against `at`, with more keys.
pub(crate) fn run(at: SocketAddr, more: &str) -> Outcome {
    run_for(&format!("address = \"{at}\"\nsecurity = \"none\"\n{more}"), Duration::from_secs(20))
}
