//! A server with two messages in its folders, plain or in the TLS of OpenSSL's program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const OPENSSL: &str = "/usr/bin/openssl";

/// When the newest message came, in seconds since 1970.
pub(crate) const CAME: i64 = 837_596_665;
const DATE: &str = "17-Jul-1996 02:44:25 -0700";

/// A server that does this with each connection, on a thread that ends with the process.
pub(crate) fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    at
}

/// A mail server without TLS.
pub(crate) fn mailbox() -> SocketAddr {
    server(|stream| follow(stream.try_clone().unwrap(), stream, true))
}

/// Answers as a server does in whose mailbox everybody is let in.
fn follow(from: impl Read, mut to: impl Write, greets: bool) {
    if greets {
        drop(to.write_all(b"* OK stub ready\r\n").and_then(|()| to.flush()));
    }
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        let mut words = line.split_whitespace();
        let (tag, command) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let data = match command {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1\r\n".to_owned(),
            "LIST" => "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Reports\r\n* LIST () \"/\" Empty\r\n".to_owned(),
            "EXAMINE" if line.contains("Empty") => "* 0 EXISTS\r\n".to_owned(),
            "EXAMINE" => "* 2 EXISTS\r\n".to_owned(),
            "FETCH" => [1, 2]
                .map(|n| format!("* {n} FETCH (UID {n} INTERNALDATE \"{DATE}\" BODY[HEADER]<0> {{3}}\r\nSub)\r\n"))
                .concat(),
            _ => String::new(),
        };
        if to.write_all(format!("{data}{tag} OK done\r\n").as_bytes()).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// A certificate for `localhost` that is good for ninety days, and its key, as `own.pem` and `own.key`. `false` on a machine
/// without OpenSSL's program; in CI that is a failure.
pub(crate) fn certificate(folder: &Path) -> bool {
    if !Path::new(OPENSSL).exists() {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing; run tests/install");
        println!("SKIPPED: openssl is missing; run tests/install");
        return false;
    }
    let mut command = Command::new(OPENSSL);
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]);
    command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "own.key", "-out", "own.pem"]);
    let out = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    true
}

/// A server of one connection, in TLS with that certificate.
pub(crate) struct Secured {
    child: Child,
    pub(crate) at: SocketAddr,
}

impl Drop for Secured {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Secured {
    /// TLS is begun by STARTTLS, or from the first byte on.
    pub(crate) fn start(folder: &Path, starttls: bool) -> Self {
        let mut secured = (0..5).find_map(|_| Self::begin(folder)).expect("openssl s_server does not start");
        let (stdin, stdout) = (secured.child.stdin.take().unwrap(), secured.child.stdout.take().unwrap());
        std::thread::spawn(move || follow(stdout, stdin, !starttls));
        if starttls {
            let to = secured.at;
            secured.at = server(move |stream| begin_tls(stream, to));
        }
        secured
    }

    /// `None` if somebody else has the port.
    fn begin(folder: &Path) -> Option<Self> {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(OPENSSL);
        command.args(["s_server", "-quiet", "-naccept", "1", "-cert", "own.pem", "-key", "own.key", "-accept"]);
        command.arg(at.to_string()).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // To connect would use it up.
        let listens = format!(":{:04X} 00000000:0000 0A ", at.port());
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            if std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&listens) {
                return Some(Self { child, at });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(child.kill());
        drop(child.wait());
        None
    }
}

/// Talks until TLS begins, and passes on what comes then.
fn begin_tls(mut client: TcpStream, to: SocketAddr) {
    client.write_all(b"* OK stub ready\r\n").unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    assert_eq!(line, b"a1 STARTTLS\r\n");
    client.write_all(b"a1 OK go\r\n").unwrap();
    let upstream = TcpStream::connect(to).unwrap();
    let (mut from_client, mut to_upstream) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_upstream).ok());
    std::io::copy(&mut &upstream, &mut client).ok();
    drop(client.shutdown(std::net::Shutdown::Both));
}
