//! A thread that talks with one mail server, and the clock beside it.
//!
//! A server may drip its answers byte by byte, a resolver may hang, a library may panic on what it is sent. None of it
//! may hold or end us: the talk has a thread of its own, and who waits for it stops waiting at the deadline.

use super::session::{Phase, PhaseNote, Session, Tried};
use super::{Letter, Server, words};
use crate::decide::SendResult;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// At most this many talks with one server may hang at once; each ends when its own timeouts have run out.
const HANGING_MAX: usize = 4;

enum Ask {
    Deliver(Arc<Letter>, Instant),
    Probe(Instant),
}

enum Answer {
    Delivered(Tried),
    Probed(Result<String, String>),
}

/// A running thread.
struct Talk {
    ask: Sender<Ask>,
    answers: Receiver<Answer>,
    phase: PhaseNote,
    thread: JoinHandle<()>,
}

/// The line to one server. The thread starts with the first use.
pub(super) struct Line {
    server: Server,
    timeout: Duration,
    talk: Option<Talk>,
    running: Arc<AtomicUsize>,
}

/// Why there is no answer.
enum Silence {
    Hangs(Phase),
    Died,
    NotStarted(String),
}

impl Line {
    pub(super) fn new(server: Server, timeout: Duration) -> Self {
        let running = running(&server);
        Self { server, timeout, talk: None, running }
    }

    /// Carries one letter; comes back by `deadline`.
    pub(super) fn send(&mut self, letter: Arc<Letter>, deadline: Instant) -> Tried {
        let started = Instant::now();
        match self.ask(Ask::Deliver(letter, earlier(deadline)), deadline) {
            Ok(Answer::Delivered(tried)) => tried,
            Ok(Answer::Probed(_)) => Tried::Next(self.silence(&Silence::Died, started)),
            Err(silence @ Silence::Hangs(Phase::Text)) => {
                Tried::Done(SendResult::Later { why: self.silence(&silence, started) })
            }
            Err(silence) => Tried::Next(self.silence(&silence, started)),
        }
    }

    /// Connects, logs in and leaves; comes back by `deadline`.
    pub(super) fn probe(&mut self, deadline: Instant) -> Result<String, String> {
        let started = Instant::now();
        match self.ask(Ask::Probe(earlier(deadline)), deadline) {
            Ok(Answer::Probed(result)) => result,
            Ok(Answer::Delivered(_)) => Err(self.silence(&Silence::Died, started)),
            Err(silence) => Err(self.silence(&silence, started)),
        }
    }

    fn ask(&mut self, ask: Ask, deadline: Instant) -> Result<Answer, Silence> {
        let talk = match self.talk.take() {
            Some(talk) => talk,
            None => self.start()?,
        };
        let answer = if talk.ask.send(ask).is_ok() {
            talk.answers.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        } else {
            Err(RecvTimeoutError::Disconnected)
        };
        match answer {
            Ok(answer) => {
                self.talk = Some(talk);
                Ok(answer)
            }
            // The thread is left alone: it ends when its server or its timeouts let it, and what it says is not heard.
            Err(RecvTimeoutError::Timeout) => Err(Silence::Hangs(talk.phase.get())),
            Err(RecvTimeoutError::Disconnected) => Err(Silence::Died),
        }
    }

    fn start(&self) -> Result<Talk, Silence> {
        if self.running.load(Ordering::SeqCst) >= HANGING_MAX {
            return Err(Silence::NotStarted(format!(
                "{} holds {HANGING_MAX} earlier talks without an end; it is left alone until one of them ends",
                words::name(&self.server)
            )));
        }
        let (ask, asked) = channel();
        let (answer, answers) = channel();
        let phase = PhaseNote::new();
        let running = Running::new(&self.running);
        let mut session = Session::new(self.server.clone(), self.timeout, phase.clone());
        let thread = std::thread::Builder::new()
            .name("mail".to_owned())
            .spawn(move || {
                let _running = running;
                serve(&mut session, &asked, &answer);
            })
            .map_err(|e| Silence::NotStarted(format!("no thread for mail could be started: {e}")))?;
        Ok(Talk { ask, answers, phase, thread })
    }

    fn silence(&self, silence: &Silence, started: Instant) -> String {
        let name = words::name(&self.server);
        let waited = words::seconds(started.elapsed());
        match silence {
            Silence::NotStarted(why) => why.clone(),
            Silence::Died => format!(
                "the talk with {name} broke off inside Checker, after something that a mail server should not say; look at \
                 that server, and please report this"
            ),
            Silence::Hangs(Phase::Resolve) => {
                words::no_address(&self.server, &format!("the resolver gave no answer for {waited}"))
            }
            Silence::Hangs(Phase::Text) => words::unknown(&self.server, &format!("it said nothing for {waited}")),
            Silence::Hangs(phase) => {
                let what = match phase {
                    Phase::Login => "the login",
                    Phase::Envelope => "the recipient",
                    _ => "its greeting",
                };
                format!("{name} did not come to the end of {what} within {waited}.")
            }
        }
    }
}

impl Drop for Line {
    /// Lets the thread say goodbye, for a moment.
    fn drop(&mut self) {
        if let Some(talk) = self.talk.take() {
            drop(talk.ask);
            let until = Instant::now() + Duration::from_millis(600);
            while !talk.thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

fn serve(session: &mut Session, asked: &Receiver<Ask>, answers: &Sender<Answer>) {
    while let Ok(ask) = asked.recv() {
        let answer = match ask {
            Ask::Deliver(letter, deadline) => Answer::Delivered(session.deliver(&letter, deadline)),
            Ask::Probe(deadline) => Answer::Probed(session.probe(deadline)),
        };
        if answers.send(answer).is_err() {
            break;
        }
    }
    session.quit();
}

/// A little before `deadline`: what the talk itself finds out is worth more than that time is up.
fn earlier(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    let margin = (left / 10).min(Duration::from_millis(200));
    deadline.checked_sub(margin).unwrap_or(deadline)
}

/// The count of running talks with one server. It is one for the whole process: a daemon makes a new line for each message,
/// and a server that holds all of them must not take all its handles.
fn running(server: &Server) -> Arc<AtomicUsize> {
    static ALL: Mutex<BTreeMap<(String, u16), Arc<AtomicUsize>>> = Mutex::new(BTreeMap::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    // Where nobody holds it, there is nothing to count.
    all.retain(|_, count| Arc::strong_count(count) > 1);
    Arc::clone(all.entry((server.host.clone(), server.port)).or_default())
}

/// Counts a thread for as long as it lives, panics included.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
