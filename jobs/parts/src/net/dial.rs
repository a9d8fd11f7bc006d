//! Opens connections, without the runtime where the answer is there at once.
//!
//! To have the runtime watch a socket costs several system calls and a wake-up, as much as a third of a whole check. A
//! target on this host has mostly answered before the first call returns, and a refusal of the own kernel has, too. So the
//! kernel is asked a second time, and only a target that lets us wait is watched. With an answer to what we say it is the
//! same: others on this thread have their turn first, and then it is mostly there.

use super::reach;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, connect, recv, socket_with, sockopt};
use std::io::{self, ErrorKind, IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is read at once of a connection that is not watched.
const READ_MAX: usize = 4 * 1024;

/// Who has so much to say is left to the runtime, which lets nobody speak without end.
const LOOKS_MAX: u8 = 16;

/// An open connection. The runtime gets to know it when there is something to wait for: what is said first mostly fits into
/// the kernel's memory at once.
#[derive(Debug)]
pub struct Line {
    /// Nobody watches it yet. It does not block.
    fresh: Option<std::net::TcpStream>,
    watched: Option<TcpStream>,
    /// Looks for an answer since it was written to, at the first of which others get their turn.
    looks: u8,
}

impl Line {
    /// Small pieces leave at once, and do not wait for the answer to those before.
    ///
    /// # Errors
    /// What the system says of it.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match (&self.fresh, &self.watched) {
            (Some(stream), _) => stream.set_nodelay(nodelay),
            (None, Some(stream)) => stream.set_nodelay(nodelay),
            (None, None) => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// The connection, watched from now on.
    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Some(stream) = self.fresh.take() {
            self.watched = Some(TcpStream::from_std(stream)?);
        }
        self.watched.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// What the system says of a connection that nobody watches; `None`: it must be waited for.
    fn at_once<T>(&self, call: impl FnOnce(&std::net::TcpStream) -> io::Result<T>) -> Option<io::Result<T>> {
        let result = call(self.fresh.as_ref()?);
        let waits = matches!(&result, Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted));
        (!waits).then_some(result)
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.looks = self.looks.saturating_add(1);
        if self.fresh.is_some() && self.looks == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.looks < LOOKS_MAX
            && let Some(result) = self.at_once(|stream| read(stream, buf))
        {
            return Poll::Ready(result);
        }
        self.watched()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.looks = 0;
        match self.at_once(|mut stream| stream.write(buf)) {
            Some(result) => Poll::Ready(result),
            None => self.watched()?.poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.looks = 0;
        match self.at_once(|mut stream| stream.write_vectored(bufs)) {
            Some(result) => Poll::Ready(result),
            None => self.watched()?.poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The kernel has what was written.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched()?.poll_shutdown(cx)
    }
}

/// Connects to `to` by TCP. The caller sets the limit of time.
///
/// # Errors
/// What the system says of it; and [`reach::may_look`].
pub async fn dial(to: SocketAddr) -> io::Result<Line> {
    reach::may_look(to)?;
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if answered(&socket, to)? || answered(&socket, to)? {
        return Ok(Line { fresh: Some(socket.into()), watched: None, looks: 0 });
    }
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    match sockopt::socket_error(&stream)? {
        Ok(()) => Ok(Line { fresh: None, watched: Some(stream), looks: 0 }),
        Err(errno) => Err(errno.into()),
    }
}

/// By way of the stack: most of `buf` is not written to, and need not be.
fn read(stream: &std::net::TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); READ_MAX];
    let room = room.get_mut(..buf.remaining().min(READ_MAX)).unwrap_or_default();
    let ((came, _), _) = recv(stream, room, RecvFlags::empty())?;
    buf.put_slice(came);
    Ok(())
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
            assert!(line.fresh.is_some(), "{line:?}");
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
            let mut stream = dial(to).await.unwrap();
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
    fn who_talks_without_end_is_left_to_the_runtime() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        let talker = std::thread::spawn(move || {
            let (stream, _) = server.accept().unwrap();
            (&stream).write_all(&[7; 100]).unwrap();
            stream
        });
        run(async {
            let mut stream = dial(to).await.unwrap();
            let open = talker.join().unwrap();
            let mut seen = Vec::new();
            for _ in 0..40 {
                assert_eq!(stream.read_u8().await.unwrap(), 7);
                seen.push(stream.watched.is_some());
            }
            assert!(!seen[0] && seen[39], "{seen:?}");
            drop(open);
        });
    }

    #[test]
    fn what_does_not_fit_is_waited_for() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        let (go, went) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            went.recv().unwrap();
            std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
        });
        let much = vec![7; 32 * 1024 * 1024];
        run(async {
            let mut stream = dial(to).await.unwrap();
            let full = timeout(Duration::from_millis(100), async { while stream.write(&much).await.is_ok() {} }).await;
            assert!(full.is_err() && stream.watched.is_some(), "nobody reads yet");
            go.send(()).unwrap();
            stream.write_all(&much).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        assert!(reader.join().unwrap() > 32 * 1024 * 1024);
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
            assert!(late.watched.is_some(), "{late:?}");
            drop(full);
        });
    }
}
