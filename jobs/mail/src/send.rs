//! The way to the server that takes the message: name, connection, TLS, talk; and why it came to nothing.

use crate::plan::{Plan, Security, with_keys};
use crate::talk::{Bar, KEYS, Talk};
use checker_job::{Blame, Outcome};
use checker_parts::lines::{Lines, Stop};
use checker_parts::net::{self, Line, ResolveError, Trouble};
use checker_parts::probe::{Limit, Problem, none_works, unresolved};
use checker_parts::starttls::{self, Protocol};
use checker_parts::submission::{Phase, broken, farewell, hint, patience, quit};
use checker_parts::tls::{Fault, is_tls_error};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No more addresses of a name are tried than this.
const ADDRESSES_MAX: usize = 8;

/// What became of a message that was to be sent.
#[derive(Debug)]
pub(crate) enum Sent {
    Taken,
    /// The text left, and no answer came: only the server knows. Holds the outcome of the run.
    Perhaps(Outcome),
    /// It has not left. Holds the outcome of the run.
    Not(Outcome),
}

/// What ended the talk before its time.
enum End {
    Bar(Bar),
    Fault(Fault),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Bar(Bar::Stop(Stop::Broken(error)))
    }
}

/// Sends `text` within `time`. It blocks.
pub(crate) fn send(plan: &Plan, text: &str, time: Duration) -> Sent {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            let outcome = Outcome::unknown(format!("no runtime to send by: {why}"), "this host is short of something");
            return Sent::Not(outcome.blaming(Blame::Shortage));
        }
    };
    let sent = runtime.block_on(whole(plan, text, &Limit::of(time)));
    // A resolver that is silent holds a thread, which nobody waits for.
    runtime.shutdown_background();
    sent
}

async fn whole(plan: &Plan, text: &str, limit: &Limit) -> Sent {
    let (to, line) = match connect(plan, limit).await {
        Ok(connected) => connected,
        Err(outcome) => return Sent::Not(outcome),
    };
    let secrets = plan.sender.scrubber.clone();
    let mut talk = Talk { plan, text, limit, phase: Phase::Connecting, secrets };
    let ended = timeout_at(limit.until, converse(&mut talk, line)).await;
    let end = match ended {
        Ok(Ok(())) => return Sent::Taken,
        Ok(Err(end)) => Some(end),
        Err(_) => None,
    };
    let is_known = matches!(end, Some(End::Bar(Bar::Refused { .. })));
    let outcome = explain(&talk, to, end);
    if talk.phase != Phase::Text || is_known {
        return Sent::Not(outcome);
    }
    let summary = format!("nobody knows whether the message is on its way: {}", outcome.summary);
    Sent::Perhaps(Outcome { summary, ..outcome })
}

/// The first address that takes the connection, as clients do.
async fn connect(plan: &Plan, limit: &Limit) -> Result<(SocketAddr, Line), Outcome> {
    let endpoint = &plan.sender.endpoint;
    let late = || ResolveError::NoResolver(format!("no answer within {}", limit.words()));
    let found = timeout_at(limit.until, endpoint.resolve()).await.unwrap_or_else(|_| Err(late()));
    let addresses = found.map_err(|error| unresolved(endpoint.host(), error))?;
    let count = addresses.len().min(ADDRESSES_MAX);
    let mut tried = Vec::new();
    for (nth, to) in addresses.into_iter().take(ADDRESSES_MAX).enumerate() {
        let left = limit.until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(count - nth).unwrap_or(1);
        let error = match timeout_at(Instant::now() + share, net::dial(to)).await {
            Ok(Ok(line)) => return Ok((to, line)),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        tried.push((to, Err::<(), Problem>(Problem::connecting(to, error.as_ref(), limit))));
    }
    Err(none_works(endpoint, &tried))
}

async fn converse(talk: &mut Talk<'_>, mut line: Line) -> Result<(), End> {
    let sender = &talk.plan.sender;
    if sender.security == Security::None {
        return talk.hand_over(&mut line, false).await.map_err(End::Bar);
    }
    let greeted = sender.security == Security::Starttls;
    if greeted {
        talk.phase = Phase::BeforeTls;
        if let Err(stop) = starttls::begin(&mut line, Protocol::Smtp).await {
            if matches!(stop, Stop::Said(_)) {
                quit(&mut Lines::new(&mut line), talk.limit).await;
            }
            return Err(End::Bar(stop.into()));
        }
    }
    talk.phase = Phase::Handshake;
    let mut stream = protected(talk.plan, line).await?;
    let handed = talk.hand_over(&mut stream, greeted).await;
    drop(timeout_at(farewell(talk.limit), stream.shutdown()).await);
    handed.map_err(End::Bar)
}

async fn protected(plan: &Plan, line: Line) -> Result<TlsStream<Line>, End> {
    let sender = &plan.sender;
    let config = sender.trust.config().map_err(End::Fault)?;
    let connecting = TlsConnector::from(config).connect(sender.server_name.clone(), line);
    connecting.await.map_err(|error| {
        let is_tls = is_tls_error(&error) || error.kind() == ErrorKind::UnexpectedEof;
        if is_tls { End::Fault(sender.trust.explain(&error, sender.endpoint.host())) } else { error.into() }
    })
}

/// Words the end; without one, time ran out.
fn explain(talk: &Talk<'_>, to: SocketAddr, end: Option<End>) -> Outcome {
    let phase = talk.phase;
    let error = match end {
        Some(End::Fault(Fault { sentence, cause: Some(cause) })) => return Outcome::unknown(sentence, cause),
        Some(End::Fault(fault)) => return Outcome::failed(format!("{to}: {}", with_keys("smtp", &fault.sentence))),
        Some(End::Bar(Bar::Refused { what, later })) => {
            let sentence = talk.secrets.scrub(format!("{to} {what}"));
            return if later { Outcome::warning(sentence) } else { Outcome::failed(sentence) };
        }
        Some(End::Bar(Bar::Stop(Stop::Said(what)))) => {
            let hint = hint(&what, phase, &KEYS, "nothing was sent");
            return Outcome::failed(talk.secrets.scrub(format!("{to} {what}{hint}")));
        }
        Some(End::Bar(Bar::Stop(Stop::Broken(error)))) => error,
        None => {
            let sentence = format!("{to} does not answer {} within {}", phase.words(), talk.limit.words());
            return Outcome {
                blame: net::silence(to),
                ..Outcome::failed(format!("{sentence}{}{}", patience(phase, &KEYS), of_text(phase)))
            };
        }
    };
    let trouble = Trouble::of(&error, to);
    if let Some(ours) = Problem::ours(&trouble) {
        return none_works::<()>(&talk.plan.sender.endpoint, &[(to, Err(ours))]);
    }
    Outcome { blame: trouble.blame(to), ..Outcome::failed(broken(to, &error, &trouble, phase)) }
}

fn of_text(phase: Phase) -> &'static str {
    if phase == Phase::Text {
        "; filters may take long there, then a longer timeout helps, of which sending has half"
    } else {
        ""
    }
}
