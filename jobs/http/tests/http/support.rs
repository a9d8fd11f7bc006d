//! Servers on loopback, and jobs made from settings as a user writes them.

use checker_http::{HttpJob, Spawner};
use checker_job::{Context, Job, JobSpawner, Outcome, Timestamp};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The job that one table makes.
pub(crate) fn job(settings: &str) -> HttpJob {
    let table = checker_job::conformance::table::<Spawner>(settings);
    Spawner::spawn(vec![table]).unwrap().remove(0)
}

/// A context with this timeout.
pub(crate) fn context(timeout: Duration) -> Context {
    Context::new(Timestamp::from_secs(0), timeout, "run".to_owned(), Path::new("/nonexistent").into())
}

/// Runs the job of `settings` once. Nothing in these tests needs 5 s.
pub(crate) async fn run(settings: &str) -> Outcome {
    run_for(settings, Duration::from_secs(5)).await
}

/// Runs it with another timeout, and holds it to that: the framework would cut it off there.
pub(crate) async fn run_for(settings: &str, timeout: Duration) -> Outcome {
    let cx = context(timeout);
    tokio::time::timeout(timeout, job(settings).execute(&cx))
        .await
        .expect("the job ends its own phases before the framework has to")
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    /// What clients sent, one head (and what came with it) each.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `http://127.0.0.1:PORT` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Gives each connection to `handle`.
pub(crate) async fn serve<F, Fut>(handle: F) -> Server
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    Server { at, asked: Arc::default(), task }
}

/// Answers each request with what `answer` makes of its head, and closes.
pub(crate) async fn answer<F>(answer: F) -> Server
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (answer, seen) = (Arc::new(answer), asked.clone());
    let mut server = serve(move |mut stream| {
        let (answer, seen) = (answer.clone(), seen.clone());
        async move {
            let head = read_head(&mut stream).await;
            let text = answer(&head);
            seen.lock().unwrap().push(head);
            drop(stream.write_all(text.as_bytes()).await);
        }
    })
    .await;
    server.asked = asked;
    server
}

/// Answers 200 with this body.
pub(crate) async fn says(body: &'static str) -> Server {
    answer(move |_| ok(body)).await
}

/// A whole answer with this body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A redirect.
pub(crate) fn redirect(status: &str, location: &str) -> String {
    format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// Reads up to the end of the head, and what came with it.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => head.extend_from_slice(&piece[..n]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A port that nobody listens on.
pub(crate) async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A file that only we can read.
pub(crate) fn secret_file(dir: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
