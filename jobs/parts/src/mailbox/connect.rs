//! The way to the server: its name, a connection, TLS, all under one deadline.

use super::error::Why;
use super::until::Until;
use super::{ImapAccount, Security};
use crate::net::{ResolveError, Trouble};
use crate::tls;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::Duration;

/// No more addresses of a name are tried than this.
const ADDRESSES_MAX: usize = 8;

const HANDSHAKE: &str = "its TLS handshake";

/// A connection whose every read and write ends by the deadline.
pub(super) struct Timed {
    tcp: TcpStream,
    until: Until,
}

/// The stream of a session.
pub(super) enum Way {
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
    Plain(Timed),
}

/// Connects to the server of `account`, and does the handshake.
pub(super) fn open(account: &ImapAccount, until: &Until) -> Result<Way, Why> {
    let host = account.host.trim_start_matches('[').trim_end_matches(']');
    let addresses = resolve(host, account.port, until)?;
    if account.security == Security::Plain && !addresses.iter().all(|a| a.ip().to_canonical().is_loopback()) {
        return Err(Why::Unprotected);
    }
    let (tcp, to) = dial(&addresses, until)?;
    let timed = Timed { tcp, until: until.clone() };
    match account.security {
        Security::Plain => Ok(Way::Plain(timed)),
        Security::Tls => handshake(timed, host, to, account),
    }
}

fn resolve(host: &str, port: u16, until: &Until) -> Result<Vec<SocketAddr>, Why> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let left = until.left().ok_or_else(|| Why::Slow("the resolver".to_owned()))?;
    let (tell, told) = mpsc::channel();
    let name = host.to_owned();
    let ours = |e: io::Error| Why::Name(ResolveError::of(&e));
    std::thread::Builder::new()
        .name("resolve".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || tell.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>)))
        .map_err(ours)?;
    let silent = || Why::Name(ResolveError::NoResolver("no answer in time".to_owned()));
    let mut addresses = told.recv_timeout(left).map_err(|_| silent())?.map_err(ours)?;
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    if addresses.is_empty() { Err(Why::Name(ResolveError::NoSuchName)) } else { Ok(addresses) }
}

/// Tries one address after the other; each gets its share of what is left.
fn dial(addresses: &[SocketAddr], until: &Until) -> Result<(TcpStream, SocketAddr), Why> {
    let mut why = Why::Slow("the connection".to_owned());
    for (at, &to) in addresses.iter().enumerate() {
        let Some(left) = until.left() else { break };
        let others = u32::try_from(addresses.len() - at).unwrap_or(1);
        match TcpStream::connect_timeout(&to, (left / others).max(Duration::from_millis(1))) {
            Ok(tcp) => {
                tcp.set_nodelay(true).ok();
                return Ok((tcp, to));
            }
            Err(e) if e.kind() == ErrorKind::TimedOut => why = Why::Connect(Trouble::TimedOut, to),
            Err(e) => why = Why::Connect(Trouble::of(&e, to), to),
        }
    }
    Err(why)
}

fn handshake(mut timed: Timed, host: &str, to: SocketAddr, account: &ImapAccount) -> Result<Way, Why> {
    let config = account.trust.config().map_err(Why::Tls)?;
    let of_text = |sentence: String| Why::Tls(tls::Fault { sentence, cause: None });
    let name = tls::server_name(host).map_err(of_text)?;
    let mut tls = ClientConnection::new(config, name).map_err(|e| of_text(format!("TLS cannot begin: {e}")))?;
    while tls.is_handshaking() {
        match tls.complete_io(&mut timed) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::TimedOut => return Err(Why::Silent(HANDSHAKE.to_owned())),
            Err(e) => {
                // The alert that says why; the server may have left already.
                tls.write_tls(&mut timed).ok();
                if !tls::is_tls_error(&e) && matches!(Trouble::of(&e, to), Trouble::Ours(_)) {
                    return Err(Why::Connect(Trouble::of(&e, to), to));
                }
                return Err(Why::Tls(account.trust.explain(&e, host)));
            }
        }
    }
    Ok(Way::Tls(Box::new(StreamOwned::new(tls, timed))))
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        self.until.left().ok_or_else(|| ErrorKind::TimedOut.into())
    }
}

/// A socket says "would block" where its time is over.
fn in_time<T>(result: io::Result<T>) -> io::Result<T> {
    result.map_err(|e| if e.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { e })
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.left()?))?;
        in_time(self.tcp.read(buf))
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.left()?))?;
        in_time(self.tcp.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Way {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tls(tls) => tls.read(buf),
            Self::Plain(timed) => timed.read(buf),
        }
    }
}

impl Write for Way {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tls(tls) => tls.write(buf),
            Self::Plain(timed) => timed.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tls(tls) => tls.flush(),
            Self::Plain(timed) => timed.flush(),
        }
    }
}
