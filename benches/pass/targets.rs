//! The targets: servers on this host, in a process of their own, so that their CPU is nobody's.
//!
//! They listen on all addresses of the loopback network, so that each target has an address of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Ports of the servers.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Takes a connection and closes it.
    pub tcp: u16,
    /// Answers each request with `200 OK` and two bytes.
    pub http: u16,
    /// Drops what comes: a connection is never made.
    pub hole: u16,
    /// Takes a connection and never says a word.
    pub mute: u16,
}

/// The servers' process.
pub struct Farm {
    child: Child,
    pub ports: Ports,
}

impl Farm {
    pub fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let mut child = command.arg("farm").stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().expect("the servers");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its words")).read_line(&mut line).expect("its ports");
        let ports: Vec<u16> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [tcp, http, hole, mute] = ports[..] else { panic!("the servers said {line:?}") };
        Self { child, ports: Ports { tcp, http, hole, mute } }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The address of target number `n`, without a port.
pub fn host(n: usize) -> String {
    format!("127.10.{}.{}", n / 250, n % 250 + 1)
}

/// The servers' part. They end when their stdin does.
pub fn serve() {
    checker_parts::handles::raise();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let [tcp, http, mute] = [listen(4_096), listen(4_096), listen(4_096)];
        let hole = listen(1);
        let port = |l: &TcpListener| l.local_addr().expect("its address").port();
        // Two wait to be taken, for ever: there is no room for more.
        let full = [
            TcpStream::connect(("127.0.0.1", port(&hole))).await,
            TcpStream::connect(("127.0.0.1", port(&hole))).await,
        ];
        println!("{} {} {} {}", port(&tcp), port(&http), port(&hole), port(&mute));
        std::thread::spawn(|| {
            drop(std::io::stdin().lock().read_line(&mut String::new()));
            std::process::exit(0);
        });
        tokio::join!(accept(tcp, close), accept(http, answer), accept(mute, hold));
        drop(full);
    });
}

fn listen(queue: u32) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("0.0.0.0:0".parse().expect("an address")).expect("a port");
    socket.listen(queue).expect("a listener")
}

async fn accept<F: Future<Output = ()> + Send + 'static>(listener: TcpListener, serve: fn(TcpStream) -> F) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    }
}

async fn close(_: TcpStream) {}

async fn hold(mut stream: TcpStream) {
    let mut buffer = [0; 512];
    while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

async fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 2_048];
    let mut filled = 0;
    while !buffer[..filled].windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut buffer[filled..]).await {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
    }
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await);
}
