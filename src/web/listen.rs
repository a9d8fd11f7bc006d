//! Takes connections, and lets none of them take more than its share.

use super::Directory;
use super::answer::Desk;
use super::ledger::Ledger;
use super::rate::Rate;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections that the kernel may hold ready for us.
const BACKLOG: u32 = 1_024;
/// Connections at the same time; who comes then waits to be taken.
const AT_ONCE: usize = 512;
/// A head must be complete within this time, and a connection that says nothing is closed after it.
const HEAD: Duration = Duration::from_secs(10);
/// A connection lives no longer.
const WHOLE: Duration = Duration::from_secs(120);
/// The longest head of a request.
const HEAD_MAX: usize = 16 * 1024;
/// The pause after an error of the listener.
const PAUSE: Duration = Duration::from_millis(200);

/// Opens `at`. A restart finds the port free at once.
///
/// # Errors
/// What the system says of it.
pub fn bind(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Answers until `shutdown` comes. What is being answered then is answered.
pub async fn run(listener: TcpListener, directory: Directory, ledger: Ledger, shutdown: impl Future<Output = ()>) {
    let desk = Arc::new(Desk { directory, ledger, rate: Mutex::new(Rate::default()) });
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut stop = pin!(shutdown);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    let _place = place;
                    if timeout(WHOLE, converse(stream, from, &desk)).await.is_err() {
                        tracing::debug!("web: a connection of {from} took too long");
                    }
                });
            }
            Err(why) => {
                tracing::warn!("web: a connection cannot be taken just now: {why}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, from: SocketAddr, desk: &Desk) {
    // An answer is one small packet, and its reader waits for it.
    if let Err(why) = stream.set_nodelay(true) {
        tracing::debug!("web: {why}");
    }
    let service = service_fn(|request| async move { Ok::<_, Infallible>(desk.answer(request, from).await) });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).half_close(true).max_buf_size(HEAD_MAX);
    if let Err(why) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("web: the connection of {from} ended: {why}");
    }
}
