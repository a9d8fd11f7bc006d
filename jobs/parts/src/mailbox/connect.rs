//! The way to the server: its name, a connection, TLS, all under one deadline.

use super::error::Why;
use super::until::Until;
use super::{ImapAccount, Security};
use crate::net::{ResolveError, Trouble};
use crate::starttls::{self, Stop};
use crate::tls;
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::CertificateDer;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No more addresses of a name are tried than this.
const ADDRESSES_MAX: usize = 8;

const HANDSHAKE: &str = "its TLS handshake";
const CONSENT: &str = "its consent to TLS (STARTTLS)";

/// A connection whose every read and write ends by the deadline.
pub(super) struct Timed {
    tcp: TcpStream,
    until: Until,
}

/// The stream of a session, and what is read of it first.
pub(super) struct Way {
    line: Line,
    first: &'static [u8],
}

enum Line {
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
    Plain(Timed),
}

/// The greeting of a server has come before TLS, where it is not to be trusted; a session waits for one.
const GREETED: &[u8] = b"* OK\r\n";

/// Connects to the server of `account`, and does the handshake.
pub(super) fn open(account: &ImapAccount, until: &Until) -> Result<Way, Why> {
    let host = account.host.trim_start_matches('[').trim_end_matches(']');
    let addresses = resolve(host, account.port, until)?;
    if account.security == Security::Plain && !addresses.iter().all(|a| a.ip().to_canonical().is_loopback()) {
        return Err(Why::Unprotected);
    }
    let (tcp, to) = dial(&addresses, until)?;
    let mut timed = Timed { tcp, until: until.clone() };
    match account.security {
        Security::Plain => Ok(Way { line: Line::Plain(timed), first: b"" }),
        Security::Tls => Ok(Way { line: handshake(timed, host, to, account)?, first: b"" }),
        Security::Starttls => {
            begin_tls(&mut timed)?;
            Ok(Way { line: handshake(timed, host, to, account)?, first: GREETED })
        }
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
    let mut why = None;
    for (at, &to) in addresses.iter().enumerate() {
        let Some(left) = until.left() else { break };
        let others = u32::try_from(addresses.len() - at).unwrap_or(1);
        match TcpStream::connect_timeout(&to, (left / others).max(Duration::from_millis(1))) {
            Ok(tcp) => {
                tcp.set_nodelay(true).ok();
                return Ok((tcp, to));
            }
            Err(e) if e.kind() == ErrorKind::TimedOut => why = Some(graver(why, Trouble::TimedOut, to)),
            Err(e) => why = Some(graver(why, Trouble::of(&e, to), to)),
        }
    }
    Err(why.unwrap_or_else(|| Why::Slow("the connection".to_owned())))
}

/// Of several addresses one tells why. What the target does there counts more than what this host lacks to ask another one,
/// such as IPv6, or no target with both would ever be found dead.
fn graver(before: Option<Why>, trouble: Trouble, to: SocketAddr) -> Why {
    let is_ours = matches!(trouble, Trouble::NoRoute | Trouble::Forbidden | Trouble::Ours(_));
    before.filter(|_| is_ours).unwrap_or(Why::Connect(trouble, to))
}

/// Talks until the server waits for TLS.
pub(super) fn begin_tls<S: Read + Write>(stream: &mut S) -> Result<(), Why> {
    let mut waits = Waits(stream);
    let begun = pin!(starttls::begin(&mut waits, starttls::Protocol::Imap));
    // It waits inside its reads and writes, so it is over at once.
    match begun.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => Ok(()),
        Poll::Ready(Err(Stop::Said(what))) => Err(Why::Starttls(what)),
        Poll::Ready(Err(Stop::Broken(e))) if e.kind() != ErrorKind::TimedOut => Err(Why::Lost(CONSENT.to_owned())),
        _ => Err(Why::Silent(CONSENT.to_owned())),
    }
}

fn handshake(mut timed: Timed, host: &str, to: SocketAddr, account: &ImapAccount) -> Result<Line, Why> {
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
    Ok(Line::Tls(Box::new(StreamOwned::new(tls, timed))))
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

/// A stream that waits where others say that they would have to.
struct Waits<'a, S>(&'a mut S);

impl<S: Read> AsyncRead for Waits<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.0.read(buf.initialize_unfilled());
        Poll::Ready(read.map(|count| buf.advance(count)))
    }
}

impl<S: Write> AsyncWrite for Waits<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Way {
    /// Those that the server showed, its own first.
    pub(super) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        match &self.line {
            Line::Tls(tls) => tls.conn.peer_certificates().unwrap_or_default().to_vec(),
            Line::Plain(_) => Vec::new(),
        }
    }
}

impl Read for Way {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.first.is_empty() {
            return self.first.read(buf);
        }
        match &mut self.line {
            Line::Tls(tls) => tls.read(buf),
            Line::Plain(timed) => timed.read(buf),
        }
    }
}

impl Write for Way {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.line {
            Line::Tls(tls) => tls.write(buf),
            Line::Plain(timed) => timed.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.line {
            Line::Tls(tls) => tls.flush(),
            Line::Plain(timed) => timed.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_target_does_counts_more_than_what_this_host_lacks() {
        let (v4, v6) = ("192.0.2.1:993".parse().unwrap(), "[2001:db8::1]:993".parse().unwrap());
        let (refused, silent) = (Why::Connect(Trouble::Refused, v4), Why::Connect(Trouble::TimedOut, v4));
        let no_route = Why::Connect(Trouble::NoRoute, v6);
        assert_eq!(graver(None, Trouble::NoRoute, v6), no_route);
        assert_eq!(graver(Some(refused.clone()), Trouble::NoRoute, v6), refused);
        assert_eq!(graver(Some(no_route), Trouble::TimedOut, v4), silent);
        assert_eq!(graver(Some(silent), Trouble::Refused, v4), refused);
    }
}
