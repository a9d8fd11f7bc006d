//! The targets: servers on this host, in a process of their own, so that their CPU is nobody's.
//!
//! They listen on all addresses of the loopback network, so that each target has an address of its own.

use super::servers;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

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
    /// TLS for `localhost`, and RDAP in it.
    pub tls: u16,
    pub smtp: u16,
    pub imap: u16,
    /// Over UDP.
    pub dns: u16,
}

/// The servers' process.
pub struct Farm {
    child: Child,
    folder: TempDir,
    pub ports: Ports,
}

impl Farm {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("checker-farm-").tempdir().expect("a folder");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let mut child = command
            .arg("farm")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .expect("the servers");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its words")).read_line(&mut line).expect("its ports");
        let ports: Vec<u16> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [tcp, http, hole, mute, tls, smtp, imap, dns] = ports[..] else { panic!("the servers said {line:?}") };
        Self { child, folder, ports: Ports { tcp, http, hole, mute, tls, smtp, imap, dns } }
    }

    /// The authority behind the certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
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
pub fn serve(folder: &Path) {
    checker_parts::handles::raise();
    servers::certify(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let [tcp, http, mute, tls, smtp, imap] = [(); 6].map(|()| listen(4_096));
        let dns = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let dns_port = dns.local_addr().expect("its address").port();
        let hole = listen(1);
        let port = |l: &TcpListener| l.local_addr().expect("its address").port();
        // Two wait to be taken, for ever: there is no room for more.
        let full = [
            TcpStream::connect(("127.0.0.1", port(&hole))).await,
            TcpStream::connect(("127.0.0.1", port(&hole))).await,
        ];
        let ports = [&tcp, &http, &hole, &mute, &tls, &smtp, &imap].map(|l| port(l).to_string()).join(" ");
        println!("{ports} {dns_port}");
        std::thread::spawn(|| {
            drop(std::io::stdin().lock().read_line(&mut String::new()));
            std::process::exit(0);
        });
        tokio::join!(
            accept(tcp, close),
            accept(http, answer),
            accept(mute, hold),
            accept(tls, servers::registry),
            accept(smtp, servers::smtp),
            accept(imap, servers::imap),
            servers::names(dns),
        );
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
