//! One question to one address.

use crate::plan::Plan;
use crate::wire::{self, Foreign, Reply};
use checker_parts::net::{self, Trouble};
use checker_parts::probe::{Limit, Problem};
use ring::rand::{SecureRandom, SystemRandom};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// Larger datagrams were not asked for, but some servers send them.
const DATAGRAM_MAX: usize = 4_096;
/// So many datagrams that answer something else are passed over.
const FOREIGN_MAX: usize = 100;
/// A question over UDP is sent so many times, at even steps within the first half of the time.
const SENDS: u32 = 3;

/// What came back, and how long it took.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) took: Duration,
}

/// Asks `to`, which sentences call `label`.
pub(crate) async fn ask(plan: &Plan, to: SocketAddr, label: &str, limit: &Limit) -> Result<Answer, Problem> {
    let begin = Instant::now();
    let asking = Asking { plan, to, label, limit };
    let mut reply = if plan.tcp { asking.tcp().await? } else { asking.udp().await? };
    if reply.truncated && !plan.tcp {
        reply = asking.tcp().await.map_err(after_truncation)?;
    }
    if reply.truncated {
        return Err(Problem::target(format!("{label} cuts its answer off even over TCP")));
    }
    Ok(Answer { reply, took: begin.elapsed() })
}

fn after_truncation(problem: Problem) -> Problem {
    match problem {
        Problem::Target(sentence, _) => {
            Problem::target(format!("{sentence}; and over UDP it cuts its answer off, which is too long for that"))
        }
        ours => ours,
    }
}

struct Asking<'a> {
    plan: &'a Plan,
    to: SocketAddr,
    label: &'a str,
    limit: &'a Limit,
}

impl Asking<'_> {
    async fn udp(&self) -> Result<Reply, Problem> {
        let (id, question) = self.question()?;
        let mut passed = Passed::default();
        let mut sent = 0;
        match timeout_at(self.limit.until, self.datagrams(id, &question, &mut sent, &mut passed)).await {
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(self.damaged()),
            Ok(Err(Stop::Io(error))) => Err(self.not_sent(&error)),
            Ok(Err(Stop::TooMuch)) | Err(_) => Err(self.silent(sent, &passed)),
        }
    }

    /// The answer; inside it `None`, if it is damaged.
    async fn datagrams(
        &self,
        id: u16,
        question: &[u8],
        sent: &mut u32,
        passed: &mut Passed,
    ) -> Result<Option<Reply>, Stop> {
        let any: SocketAddr =
            if self.to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any).await?;
        // Now the kernel passes on what comes from the server alone, and what routers say about it.
        socket.connect(self.to).await?;
        let step = self.limit.until.saturating_duration_since(Instant::now()) / (SENDS + 1);
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            if *sent < SENDS {
                socket.send(question).await?;
                *sent += 1;
            }
            let until = if *sent < SENDS { Instant::now() + step } else { self.limit.until };
            while let Ok(came) = timeout_at(until, socket.recv(&mut buffer)).await {
                let bytes = buffer.get(..came?).unwrap_or_default();
                match wire::answers(self.plan, id, bytes) {
                    Ok(message) => return Ok(wire::read(self.plan, message)),
                    Err(foreign) => passed.note(foreign)?,
                }
            }
        }
    }

    fn not_sent(&self, error: &io::Error) -> Problem {
        let Self { label, to, .. } = self;
        let trouble = Trouble::of(error, *to);
        if let Some(ours) = Problem::ours(&trouble) {
            return ours;
        }
        let sentence = match &trouble {
            Trouble::Refused => {
                format!("{label} is no name server: its host answers that nothing listens at that UDP port")
            }
            Trouble::Unreachable => format!("{label} is not there: the network answers that it cannot be reached"),
            _ => format!("asking {label} over UDP failed: {error}"),
        };
        Problem::Target(sentence, trouble.blame(*to))
    }

    fn silent(&self, sent: u32, passed: &Passed) -> Problem {
        let (label, question, within) = (self.label, &self.plan.question, self.limit.words());
        let times = if sent == 1 { "once".to_owned() } else { format!("{sent} times") };
        match passed.first {
            Some(first) => Problem::target(format!(
                "{label} gives no valid answer: of {} packet{} that came within {within} the first was {}; somebody \
                 may be guessing answers",
                passed.count,
                if passed.count == 1 { "" } else { "s" },
                first.words()
            )),
            None => Problem::Target(
                format!("{label} does not answer within {within} (asked {times} over UDP for {question})"),
                self.silence(),
            ),
        }
    }

    /// A resolver on this host that is silent may be so because this host is cut off; other servers here only have to look
    /// into their own zones.
    fn silence(&self) -> Option<checker_job::Blame> {
        if self.plan.authoritative { net::silence(self.to) } else { Some(checker_job::Blame::Silence) }
    }

    async fn tcp(&self) -> Result<Reply, Problem> {
        let Self { plan, to, label, limit } = self;
        let (id, question) = self.question()?;
        let mut stream = match timeout_at(limit.until, net::dial(*to)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Problem::connecting(*to, Some(&error), limit)),
            Err(_) => return Err(Problem::connecting(*to, None, limit)),
        };
        // Length and message in one segment (RFC 7766, 8).
        let mut framed = u16::try_from(question.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        framed.extend(question);
        let mut came = Came::default();
        let exchange = async {
            stream.write_all(&framed).await?;
            let mut length = [0; 2];
            stream.read_exact(&mut length).await?;
            came.wanted = usize::from(u16::from_be_bytes(length));
            while came.bytes.len() < came.wanted {
                let left = came.wanted - came.bytes.len();
                if (&mut stream).take(left as u64).read_buf(&mut came.bytes).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok(())
        };
        let done = timeout_at(limit.until, exchange).await;
        if let Ok(Ok(())) = done {
            return match wire::answers(plan, id, &came.bytes) {
                Ok(message) => wire::read(plan, message).ok_or_else(|| self.damaged()),
                Err(foreign) => Err(Problem::target(format!("{label} sends {} over TCP", foreign.words()))),
            };
        }
        Err(self.broken(done.ok().and_then(Result::err).as_ref(), &came))
    }

    /// Without an error time ran out.
    fn broken(&self, error: Option<&io::Error>, came: &Came) -> Problem {
        let Self { label, to, limit, .. } = self;
        let (bytes, wanted) = (came.bytes.len(), came.wanted);
        let Some(error) = error else {
            let within = limit.words();
            return if wanted == 0 {
                let sentence = format!("{label} takes the question over TCP and does not answer within {within}");
                Problem::Target(sentence, self.silence())
            } else {
                Problem::target(format!(
                    "{label} has sent only {bytes} of {wanted} bytes of its answer within {within}"
                ))
            };
        };
        let trouble = Trouble::of(error, *to);
        if let Some(ours) = Problem::ours(&trouble) {
            return ours;
        }
        let ended = error.kind() == io::ErrorKind::UnexpectedEof;
        let sentence = match trouble {
            _ if ended && wanted == 0 => format!("{label} closes the connection and does not answer over TCP"),
            _ if ended => format!("{label} closes the connection after {bytes} of {wanted} bytes of its answer"),
            Trouble::Reset => format!("{label} resets the connection instead of answering over TCP"),
            _ => format!("the connection to {label} broke: {error}"),
        };
        Problem::Target(sentence, trouble.blame(*to))
    }

    fn damaged(&self) -> Problem {
        Problem::target(format!("{} answers with a damaged message", self.label))
    }

    fn question(&self) -> Result<(u16, Vec<u8>), Problem> {
        let mut id = [0; 2];
        let ours = |what: &str| Problem::Ours(what.to_owned(), checker_job::Blame::Shortage);
        SystemRandom::new().fill(&mut id).map_err(|_| ours("this host has no random numbers"))?;
        let id = u16::from_be_bytes(id);
        let question = wire::question(self.plan, id).ok_or_else(|| ours("the question cannot be written"))?;
        Ok((id, question))
    }
}

/// What of an answer over TCP has come.
#[derive(Default)]
struct Came {
    /// The length that was announced; 0 before that.
    wanted: usize,
    bytes: Vec<u8>,
}

/// Datagrams that were no answer to the question.
#[derive(Default)]
struct Passed {
    count: usize,
    first: Option<Foreign>,
}

impl Passed {
    fn note(&mut self, foreign: Foreign) -> Result<(), Stop> {
        self.count += 1;
        self.first.get_or_insert(foreign);
        if self.count > FOREIGN_MAX { Err(Stop::TooMuch) } else { Ok(()) }
    }
}

/// Why datagrams are waited for no longer.
enum Stop {
    Io(io::Error),
    /// Too many that answer something else.
    TooMuch,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
