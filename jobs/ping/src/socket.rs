//! The socket of a run: what it takes to send pings, to get answers with their times, and to hear what routers say.

use crate::packet::{TOKEN, Version};
use crate::reasons::Reason;
use checker_parts::net::reach::may_look;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, SockRef, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A message of ICMP, of either version, as the origin of an error (`SO_EE_ORIGIN_ICMP`, `SO_EE_ORIGIN_ICMP6`).
const ORIGIN_ICMP: [u8; 2] = [2, 3];

/// So many words about earlier packets may come before one is sent; what is said more often is about this one.
const HEARSAY_MAX: u32 = 8;

/// Why there is no socket.
#[derive(Debug)]
pub(crate) enum NoSocket {
    /// The system does not let this user ping.
    Forbidden,
    /// Anything else, met on the way to the address.
    Failed(io::Error),
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Event {
    /// So many bytes, at this time of the system's clock, if the kernel says it.
    Packet(usize, Option<Duration>),
    /// What a router says, and so many bytes of what it quotes.
    Reason(usize, Reason),
    /// An error of our own, or of the network.
    Error(io::Error),
}

/// A connected socket: only the address itself answers on it.
#[derive(Debug)]
pub(crate) struct Socket {
    /// No UDP is spoken on it. It is the runtime's type for sockets whose packets stay whole, and takes the calls that are
    /// made here as they are.
    inner: UdpSocket,
    /// The kernel sets the id of what is sent, and sorts what comes by it.
    pub(crate) is_datagram: bool,
    own: Option<IpAddr>,
}

impl Socket {
    /// For pings with this id.
    pub(crate) fn open(to: SocketAddr, version: Version, id: u16) -> Result<Self, NoSocket> {
        may_look(to).map_err(NoSocket::Failed)?;
        let (domain, protocol) = match version {
            Version::Four => (Domain::IPV4, Protocol::ICMPV4),
            Version::Six => (Domain::IPV6, Protocol::ICMPV6),
        };
        let open = |kind: Type| socket2::Socket::new(domain, kind.nonblocking(), Some(protocol));
        let (socket, is_datagram) = match open(Type::DGRAM) {
            Ok(socket) => (socket, true),
            Err(error) if is_refusal(&error) => match open(Type::RAW) {
                Ok(socket) => (socket, false),
                Err(error) if is_refusal(&error) => return Err(NoSocket::Forbidden),
                Err(error) => return Err(NoSocket::Failed(error)),
            },
            Err(error) => return Err(NoSocket::Failed(error)),
        };
        let ready = || {
            if !is_datagram {
                // A raw socket gets whatever comes from the host, for whomever; with a thousand jobs that is too much.
                socket.attach_filter(&only_answers(version, id))?;
            }
            match version {
                Version::Four => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
                Version::Six => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
            }
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            socket.connect(&to.into())
        };
        ready().map_err(NoSocket::Failed)?;
        let own = socket.local_addr().ok().and_then(|at| at.as_socket()).map(|at| at.ip());
        let inner = UdpSocket::from_std(socket.into()).map_err(NoSocket::Failed)?;
        Ok(Self { inner, is_datagram, own })
    }

    /// Sends a packet, at once or not at all. What a router said about an earlier one is no error of this one.
    ///
    /// # Errors
    /// What the system says; `WouldBlock`, if there is no room for it now.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        let mut tries = 0;
        loop {
            // The runtime would first wait for word that there is room.
            match SockRef::from(&self.inner).send(packet) {
                Err(error) if is_hearsay(&error) && tries < HEARSAY_MAX => tries += 1,
                done => return done.map(drop),
            }
        }
    }

    /// The next event; `buffer` holds its bytes.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> Event {
        let read = self.inner.async_io(Interest::READABLE.add(Interest::ERROR), || {
            loop {
                if let Some(event) = self.reason(buffer)? {
                    return Ok(event);
                }
                match self.packet(buffer) {
                    // Its reason is in the queue by now. The system says it once.
                    Err(error) if is_hearsay(&error) => {}
                    done => return done,
                }
            }
        });
        read.await.unwrap_or_else(Event::Error)
    }

    fn packet(&self, buffer: &mut [u8]) -> io::Result<Event> {
        let mut control = nix::cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let came =
            recvmsg::<SockaddrStorage>(self.inner.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
        let stamp = came.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            })
        });
        Ok(Event::Packet(came.bytes, stamp))
    }

    /// The next one in the queue of errors.
    fn reason(&self, buffer: &mut [u8]) -> io::Result<Option<Event>> {
        // Room for the error, who caused it, and a time.
        let mut control = vec![0; 256];
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let came = match recvmsg::<SockaddrStorage>(self.inner.as_raw_fd(), &mut parts, Some(&mut control), flags) {
            Err(Errno::EAGAIN) => return Ok(None),
            came => came?,
        };
        let found = came.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::Ipv4RecvErr(error, by) => {
                    let by = by.map(|by| IpAddr::V4(Ipv4Addr::from(u32::from_be(by.sin_addr.s_addr))));
                    Some((error, by))
                }
                ControlMessageOwned::Ipv6RecvErr(error, by) => {
                    Some((error, by.map(|by| IpAddr::V6(Ipv6Addr::from(by.sin6_addr.s6_addr)))))
                }
                _ => None,
            })
        });
        let Some((error, by)) = found else { return Ok(Some(Event::Error(Errno::EPROTO.into()))) };
        if !ORIGIN_ICMP.contains(&error.ee_origin) {
            let errno = i32::try_from(error.ee_errno).unwrap_or_default();
            return Ok(Some(Event::Error(io::Error::from_raw_os_error(errno))));
        }
        let by = by.filter(|by| !by.is_unspecified());
        let by_us = by.is_some() && by == self.own;
        let reason = Reason { kind: error.ee_type, code: error.ee_code, by, by_us };
        Ok(Some(Event::Reason(came.bytes, reason)))
    }
}

/// The system does not let us, or does not know such sockets.
fn is_refusal(error: &io::Error) -> bool {
    let refusals = [Errno::EACCES, Errno::EPERM, Errno::EPROTONOSUPPORT, Errno::ESOCKTNOSUPPORT];
    error.raw_os_error().is_some_and(|code| refusals.contains(&Errno::from_raw(code)))
}

/// What the kernel makes of the words of a router; it says so at the next call, once.
fn is_hearsay(error: &io::Error) -> bool {
    let hearsay = [
        Errno::EHOSTUNREACH,
        Errno::ENETUNREACH,
        Errno::ECONNREFUSED,
        Errno::EACCES,
        Errno::EMSGSIZE,
        Errno::ENOPROTOOPT,
        Errno::EHOSTDOWN,
        Errno::ENONET,
        Errno::EOPNOTSUPP,
        Errno::EPROTO,
    ];
    error.raw_os_error().is_some_and(|code| hearsay.contains(&Errno::from_raw(code)))
}

/// A filter of the classic sort (bpf(4)) for echo replies with this id. For IPv4 the packet begins with the header of IP, whose
/// length is in its first byte; for IPv6 with that of ICMP.
fn only_answers(version: Version, id: u16) -> [SockFilter; 7] {
    const LOAD_HEADER_LENGTH: u16 = 0xb1;
    const LOAD_LENGTH: u16 = 0x01;
    const BYTE: u16 = 0x50;
    const HALF_WORD: u16 = 0x48;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let begin = match version {
        Version::Four => SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
        // A constant: 0.
        Version::Six => SockFilter::new(LOAD_LENGTH, 0, 0, 0),
    };
    [
        begin,
        SockFilter::new(BYTE, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, u32::from(version.reply())),
        SockFilter::new(HALF_WORD, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(id)),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// The bytes that a packet of a run may have, with all headers.
pub(crate) fn room(size: usize) -> usize {
    size.max(TOKEN) + 128
}
