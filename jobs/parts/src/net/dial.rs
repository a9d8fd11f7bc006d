//! Opens connections, without the runtime where the answer is there at once.
//!
//! To have the runtime watch a socket costs several system calls and a wake-up, as much as a third of a whole check. A
//! target on this host has mostly answered before the first call returns, and a refusal of the own kernel has, too. So the
//! kernel is asked a second time, and only a target that lets us wait is watched.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use std::io;
use std::net::{SocketAddr, TcpStream as Unwatched};
use std::os::fd::OwnedFd;
use tokio::net::TcpStream;

/// An open connection that the runtime may not know yet.
#[derive(Debug)]
pub enum Line {
    /// It was there at once, and nobody watches it. It does not block.
    Unwatched(Unwatched),
    /// The runtime watches it.
    Watched(TcpStream),
}

impl Line {
    /// The connection, to read from and write to.
    ///
    /// # Errors
    /// If the runtime cannot watch it.
    pub fn watched(self) -> io::Result<TcpStream> {
        match self {
            Self::Unwatched(stream) => TcpStream::from_std(stream),
            Self::Watched(stream) => Ok(stream),
        }
    }
}

/// Connects to `to` by TCP. The caller sets the limit of time.
///
/// # Errors
/// What the system says of it.
pub async fn dial(to: SocketAddr) -> io::Result<Line> {
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if answered(&socket, to)? || answered(&socket, to)? {
        return Ok(Line::Unwatched(socket.into()));
    }
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    match sockopt::socket_error(&stream)? {
        Ok(()) => Ok(Line::Watched(stream)),
        Err(errno) => Err(errno.into()),
    }
}

/// Begins to connect, or asks what became of it. `false`: there is no answer yet.
fn answered(socket: &OwnedFd, to: SocketAddr) -> io::Result<bool> {
    match connect(socket, &to) {
        Ok(()) | Err(Errno::ISCONN) => Ok(true),
        Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    fn run<T>(what: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
    }

    #[test]
    fn what_answers_at_once_is_not_watched() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(server) = TcpListener::bind(host) else {
                assert_eq!(host, "[::1]:0", "a host without IPv6");
                continue;
            };
            let line = run(dial(server.local_addr().unwrap())).unwrap();
            assert!(matches!(line, Line::Unwatched(_)), "{line:?}");
        }
    }

    #[test]
    fn a_line_carries_words_both_ways() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        let echo = std::thread::spawn(move || {
            let (stream, _) = server.accept().unwrap();
            std::io::copy(&mut &stream, &mut &stream).unwrap();
        });
        let answer = run(async {
            let mut stream = dial(to).await.unwrap().watched().unwrap();
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
        echo.join().unwrap();
        assert_eq!(answer, "hello");
    }

    #[test]
    fn a_refusal_is_an_error_and_silence_is_waited_for() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(run(dial(closed)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        run(async {
            // Nobody takes connections, and there is room for one.
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let server = socket.listen(1).unwrap();
            let to = server.local_addr().unwrap();
            let full = [dial(to).await.unwrap(), dial(to).await.unwrap()];
            let waiting = timeout(Duration::from_millis(100), dial(to)).await;
            assert!(waiting.is_err(), "{waiting:?}");
            // The kernel asks again after a second, and by then there is room.
            let late = tokio::spawn(dial(to));
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop((server.accept().await.unwrap(), server.accept().await.unwrap()));
            let late = timeout(Duration::from_secs(10), late).await.unwrap().unwrap().unwrap();
            assert!(matches!(late, Line::Watched(_)), "{late:?}");
            drop(full);
        });
    }
}
