//! Bare loops: what the libraries cost that Checker stands on, without state, decisions, timeouts or words.

use super::targets::host;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Connections at once: as many as Checker begins with.
const AT_ONCE: usize = 256;

/// Runs the loop of this name over `count` targets at `port`.
pub fn run(name: &str, count: usize, port: u16) {
    let good = match name {
        "tokio" => go(count, move |n| connect(address(n, port))),
        "hyper" => go(count, move |n| exchange(address(n, port))),
        "reqwest" => {
            // Whoever builds a client must choose one, also for plain HTTP. Nobody has before.
            drop(rustls::crypto::ring::default_provider().install_default());
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            go(count, move |n| {
                let client = client.clone();
                async move {
                    let answer = client.get(format!("http://{}:{port}/", host(n))).send().await.ok()?;
                    answer.error_for_status().ok()?.bytes().await.ok().map(drop)
                }
            })
        }
        other => panic!("there is no loop {other}"),
    };
    assert_eq!(good, count, "{name}: targets that answered");
}

fn address(n: usize, port: u16) -> SocketAddr {
    format!("{}:{port}", host(n)).parse().expect("an address")
}

/// Workers pull numbers until none is left; the answer is how many went well.
fn go<F: Future<Output = Option<()>> + 'static>(count: usize, one: impl Fn(usize) -> F + Clone + 'static) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (next, good) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let workers: Vec<_> = (0..AT_ONCE.min(count))
            .map(|_| {
                let (next, good, one) = (Rc::clone(&next), Rc::clone(&good), one.clone());
                tokio::task::spawn_local(async move {
                    while next.get() < count {
                        let n = next.replace(next.get() + 1);
                        let well = one(n).await.is_some();
                        good.set(good.get() + usize::from(well));
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.expect("a worker");
        }
    });
    good.get()
}

async fn connect(to: SocketAddr) -> Option<()> {
    TcpStream::connect(to).await.ok().map(drop)
}

async fn exchange(to: SocketAddr) -> Option<()> {
    let stream = TcpStream::connect(to).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let driven = tokio::task::spawn_local(connection);
    let request = hyper::Request::get("/").header("host", to.to_string()).body(Empty::<Bytes>::new()).ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let good = answer.status().is_success();
    answer.into_body().collect().await.ok()?;
    drop(sender);
    drop(driven.await);
    good.then_some(())
}
