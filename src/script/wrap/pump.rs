//! What the command prints goes on as it comes, and the end of it is kept.

use super::super::tail::Tail;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// When the command has ended, what it printed is read within this time, unless something it left behind prints on.
const SETTLE: Duration = Duration::from_millis(300);
/// One that does not want to wait is asked again after this time.
const PAUSE: Duration = Duration::from_millis(5);

/// Both streams of a command.
pub(super) struct Pumps {
    tail: Arc<Mutex<Tail>>,
    /// Why output could not be passed on.
    lost: Arc<OnceLock<String>>,
    /// Ends when both have come to their end.
    open: mpsc::Receiver<()>,
}

impl Pumps {
    /// Begins to read what `child` prints.
    pub(super) fn start(child: &mut Child) -> io::Result<Self> {
        let (sign, open) = mpsc::channel(1);
        let (tail, lost) = (Arc::new(Mutex::new(Tail::new(super::TAIL_MAX))), Arc::default());
        if let Some(from) = child.stdout.take() {
            pump(from.into_owned_fd()?, ours(&io::stdout()), &tail, &lost, sign.clone())?;
        }
        if let Some(from) = child.stderr.take() {
            pump(from.into_owned_fd()?, ours(&io::stderr()), &tail, &lost, sign)?;
        }
        Ok(Self { tail, lost, open })
    }

    /// Both streams have come to their end, or a short time has passed.
    pub(super) async fn settle(&mut self) {
        // Nothing is ever sent: the end of the channel is the news.
        drop(timeout(SETTLE, self.open.recv()).await);
    }

    /// Why some of it could not be written where we write, if so.
    pub(super) fn lost(&self) -> Option<&String> {
        self.lost.get()
    }

    /// Both streams have come to their end.
    pub(super) async fn done(&mut self) {
        self.open.recv().await;
    }

    /// The end of what was printed so far; what comes later is not kept.
    pub(super) fn tail(&self, max: usize) -> Tail {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *tail, Tail::new(max))
    }
}

/// Our own stream, without a buffer; `None` if it is closed.
fn ours(stream: &impl AsFd) -> Option<File> {
    stream.as_fd().try_clone_to_owned().ok().map(File::from)
}

fn pump(
    from: OwnedFd,
    to: Option<File>,
    tail: &Arc<Mutex<Tail>>,
    lost: &Arc<OnceLock<String>>,
    sign: mpsc::Sender<()>,
) -> io::Result<()> {
    let (mut from, tail, lost) = (File::from(from), Arc::clone(tail), Arc::clone(lost));
    let pumping = move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => buffer.get(..n).unwrap_or_default(),
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted) => continue,
                Err(_) => break,
            };
            tail.lock().unwrap_or_else(PoisonError::into_inner).push(read);
            // Nobody reads any more, or the disk is full: the command is to feel that, as it would without us.
            if let Some(why) = to.as_ref().and_then(|to| pass_on(to, read)) {
                if why.kind() != ErrorKind::BrokenPipe {
                    lost.get_or_init(|| why.to_string());
                }
                break;
            }
        }
        drop((from, sign));
    };
    std::thread::Builder::new().name("output".to_owned()).stack_size(128 * 1024).spawn(pumping).map(drop)
}

/// Writes all of it; the answer is why not.
fn pass_on(mut to: &File, mut bytes: &[u8]) -> Option<io::Error> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(e) => return Some(e),
        }
    }
    None
}
