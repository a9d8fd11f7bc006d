//! Every address of a target at the same time, within the time of a run, and whose fault it is where one does not do.
//!
//! A name may stand for several servers, and one of them may be broken while users of the others are well. So kinds that
//! ask a server ask each address: [`addresses`], then [`each`], then [`merged`].

use crate::net::{self, Endpoint, NO_RESOLVER, NO_ROUTE, ResolveError, Trouble};
use checker_job::{Blame, Context, HANDLES, Metric, Outcome, Verdict, duration_words};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Addresses of one name that are tried; a name with more is a mistake or an attack.
const ADDRESSES_MAX: usize = 32;
/// So many sentences stand in one summary.
const LISTED_MAX: usize = 3;

/// The time that a run has. It ends a little before the framework's own limit, so that the job can still say in which
/// phase time ran out.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The start of the run.
    pub begin: Instant,
    /// Its end.
    pub until: Instant,
    timeout: Duration,
}

impl Limit {
    /// That of a run that begins now and may take `timeout`.
    pub fn of(timeout: Duration) -> Self {
        let begin = Instant::now();
        let margin = Duration::from_millis(50).min(timeout / 10);
        Self { begin, until: begin + timeout.saturating_sub(margin), timeout }
    }

    /// The outcome with the metric `time`, in seconds since the run began, where the target works: elsewhere it would only
    /// tell how long we wait.
    #[must_use]
    pub fn timed(&self, outcome: Outcome) -> Outcome {
        #[expect(clippy::cast_precision_loss, reason = "no run takes 2^52 microseconds")]
        let time = self.begin.elapsed().as_micros() as f64 / 1e6;
        match outcome.verdict {
            Verdict::Ok | Verdict::Warning => outcome.with_metric(Metric::new("time", time, "s")),
            Verdict::Failed | Verdict::Unknown => outcome,
        }
    }

    /// As the settings know it.
    pub fn words(&self) -> String {
        duration_words(self.timeout)
    }
}

/// Why an address did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The target is at fault: a whole sentence. With a blame, nothing came back from it, which may be our fault too.
    Target(String, Option<Blame>),
    /// This host has no route to the address.
    NoRoute,
    /// This host is at fault: the cause.
    Ours(String, Blame),
}

impl Problem {
    /// The target has answered, and it was wrong.
    pub fn target(sentence: impl Into<String>) -> Self {
        Self::Target(sentence.into(), None)
    }

    /// What is our own fault, whatever was being done.
    pub fn ours(trouble: &Trouble) -> Option<Self> {
        match trouble {
            Trouble::NoRoute => Some(Self::NoRoute),
            Trouble::Forbidden => Some(Self::Ours(net::FORBIDDEN.to_owned(), Blame::Firewall)),
            Trouble::Ours(cause) => Some(Self::Ours(cause.clone(), Blame::Shortage)),
            _ => None,
        }
    }

    /// No connection to `to`. Without an error time ran out.
    pub fn connecting(to: SocketAddr, error: Option<&io::Error>, limit: &Limit) -> Self {
        let trouble = error.map(|error| Trouble::of(error, to));
        if let Some(ours) = trouble.as_ref().and_then(Self::ours) {
            return ours;
        }
        let sentence = match &trouble {
            None => format!("timed out connecting to {to} after {}", limit.words()),
            Some(Trouble::Refused) => format!("{to} refuses the connection"),
            Some(Trouble::Reset) => format!("{to} reset the connection"),
            Some(Trouble::Unreachable) => {
                format!("{to} is not there: the network answers that it cannot be reached")
            }
            Some(Trouble::TimedOut) => format!("timed out connecting to {to}"),
            Some(_) => format!("the connection to {to} broke: {}", error.map(ToString::to_string).unwrap_or_default()),
        };
        let blame = trouble.map_or_else(|| net::silence(to), |trouble| trouble.blame(to));
        Self::Target(sentence, blame)
    }

    /// A line of evidence.
    pub fn line(&self, to: SocketAddr) -> String {
        match self {
            Self::Target(sentence, _) => sentence.clone(),
            Self::NoRoute => format!("{to} is not counted: {NO_ROUTE} to it"),
            Self::Ours(cause, _) => format!("{to} is not counted: {cause}"),
        }
    }
}

/// What came of one address.
pub type Tried<T> = (SocketAddr, Result<T, Problem>);

/// The handles of a run that asks every address, for [`Job::handles`](checker_job::Job::handles): a socket for each. A name
/// has a few, and the resolver needs one.
pub fn handles(endpoint: &Endpoint) -> usize {
    if endpoint.literal().is_some() { 1 } else { HANDLES }
}

/// All addresses of the target, in the system's order.
///
/// # Errors
/// The outcome of the run, where there are none.
pub async fn addresses(cx: &Context, endpoint: &Endpoint, limit: &Limit) -> Result<Vec<SocketAddr>, Outcome> {
    if let Some(literal) = endpoint.literal() {
        return Ok(vec![literal]);
    }
    let late = || ResolveError::NoResolver(format!("no answer within {}", limit.words()));
    let found = timeout_at(limit.until, endpoint.resolve()).await.unwrap_or_else(|_| Err(late()));
    let mut addresses = found.map_err(|error| unresolved(endpoint.host(), error))?;
    if addresses.len() > ADDRESSES_MAX {
        cx.log(format!("{endpoint} has {} addresses; the first {ADDRESSES_MAX} are tried", addresses.len()));
        addresses.truncate(ADDRESSES_MAX);
    }
    for address in &addresses {
        cx.log(format!("{endpoint} resolves to {}", address.ip()));
    }
    Ok(addresses)
}

/// The outcome of a target whose name has no address for us.
pub fn unresolved(host: &str, error: ResolveError) -> Outcome {
    let blame = error.blame();
    let outcome = match error {
        ResolveError::NoSuchName => {
            Outcome::failed(format!("could not resolve {host}: there is no such name, or it has no address"))
        }
        ResolveError::NoResolver(said) => {
            Outcome::unknown(format!("could not resolve {host}: {NO_RESOLVER} ({said})"), NO_RESOLVER)
        }
        ResolveError::Ours(cause) => Outcome::unknown(format!("could not resolve {host}: {cause}"), cause),
    };
    Outcome { blame, ..outcome }
}

/// Does `probe` with all addresses at the same time, without a task for each.
pub async fn each<T, F>(addresses: &[SocketAddr], probe: impl Fn(SocketAddr) -> F) -> Vec<Tried<T>>
where
    F: Future<Output = Result<T, Problem>> + Send,
{
    if let [one] = addresses {
        return vec![(*one, probe(*one).await)];
    }
    let mut running: Vec<_> = addresses.iter().map(|to| (*to, Box::pin(probe(*to)), None)).collect();
    poll_fn(|task| {
        let mut pending = false;
        for (_, probe, result) in &mut running {
            if result.is_none() {
                match probe.as_mut().poll(task) {
                    Poll::Ready(done) => *result = Some(done),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(to, _, result)| result.map(|result| (to, result))).collect()
}

/// The outcome of a target from those of its addresses: what all have in common is said once; else the worst counts, and
/// each that is not well is named. One that cannot be asked while others can makes it a warning: the target works.
pub fn merged(endpoint: &Endpoint, tried: Vec<Tried<Outcome>>) -> Outcome {
    if tried.iter().all(|(_, result)| result.is_err()) {
        return none_works(endpoint, &tried);
    }
    let count = tried.len();
    let detail = tried.iter().map(in_detail).collect::<Vec<_>>().join("\n");
    let (mut seen, mut bad, mut uncounted): (Vec<Outcome>, Vec<String>, usize) = (Vec::new(), Vec::new(), 0);
    let mut worst = Verdict::Ok;
    for (to, result) in tried {
        match result {
            Ok(outcome) => {
                worst = worse(worst, outcome.verdict);
                if outcome.verdict != Verdict::Ok {
                    bad.push(format!("{to}: {}", outcome.summary));
                }
                seen.push(outcome);
            }
            Err(Problem::Target(sentence, _)) => {
                worst = worse(worst, Verdict::Warning);
                bad.push(sentence);
            }
            Err(Problem::NoRoute | Problem::Ours(..)) => uncounted += 1,
        }
    }
    let alike = seen.windows(2).all(|two| matches!(two, [a, b] if (a.verdict, &a.summary) == (b.verdict, &b.summary)));
    let all_asked = seen.len() + uncounted == count;
    let place = seen.iter().position(|o| o.verdict == worst).unwrap_or(0);
    let mut outcome = seen.swap_remove(place);
    if count == 1 {
        return outcome;
    }
    if worst != Verdict::Unknown {
        // What hinders us at one address is no excuse for another.
        (outcome.cause, outcome.blame) = (None, None);
    }
    let not_counted = if uncounted == 0 { String::new() } else { format!(" ({uncounted} not counted)") };
    let usable = count - uncounted;
    outcome.summary = if alike && all_asked && usable == 1 {
        format!("{}{not_counted}", outcome.summary)
    } else if alike && all_asked {
        format!("{} (at all {usable} addresses){not_counted}", outcome.summary)
    } else if bad.is_empty() {
        // Well, and not alike: the first one speaks for them.
        let others =
            if usable == 2 { "1 other address is".to_owned() } else { format!("{} other addresses are", usable - 1) };
        format!("{} (and {others} well too){not_counted}", outcome.summary)
    } else {
        format!("{} of {usable} addresses of {endpoint}{not_counted}: {}", bad.len(), listed(&bad))
    };
    outcome.verdict = worst;
    outcome.detail = detail;
    outcome
}

/// What is known to be bad counts more than what cannot be known.
fn worse(a: Verdict, b: Verdict) -> Verdict {
    let rank = |verdict: Verdict| match verdict {
        Verdict::Ok => 0,
        Verdict::Unknown => 1,
        Verdict::Warning => 2,
        Verdict::Failed => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// The outcome where no address could be asked.
pub fn none_works<T>(endpoint: &Endpoint, tried: &[Tried<T>]) -> Outcome {
    let (mut bad, mut causes, mut answered) = (Vec::new(), Vec::new(), false);
    for (_, result) in tried {
        match result {
            Err(Problem::Target(sentence, blame)) => {
                answered |= blame.is_none();
                bad.push(sentence.clone());
            }
            Err(Problem::NoRoute) => causes.push((NO_ROUTE, Blame::NoRoute)),
            Err(Problem::Ours(cause, blame)) => causes.push((cause.as_str(), *blame)),
            Ok(_) => {}
        }
    }
    let lines = tried.iter().filter_map(|(to, result)| Some(result.as_ref().err()?.line(*to)));
    let detail = if tried.len() > 1 { lines.collect::<Vec<_>>().join("\n") } else { String::new() };
    let uncounted = if causes.is_empty() { String::new() } else { format!(" ({} not counted)", causes.len()) };
    let outcome = match bad.as_slice() {
        [] => {
            // A shortage of ours says more than a family that this host never had.
            let ours = causes.iter().find(|c| c.1 != Blame::NoRoute);
            let (cause, blame) = ours.copied().unwrap_or((NO_ROUTE, Blame::NoRoute));
            Outcome::unknown(format!("could not connect to {endpoint}: {cause}"), cause).blaming(blame)
        }
        [one] => Outcome::failed(format!("{one}{uncounted}")),
        bad => {
            let count = bad.len();
            Outcome::failed(format!("none of the {count} addresses of {endpoint} works{uncounted}: {}", listed(bad)))
        }
    };
    // One address that said anything shows that we are not cut off.
    let silent = (!answered && !bad.is_empty()).then_some(Blame::Silence);
    Outcome { blame: outcome.blame.or(silent), ..outcome }.with_detail(detail)
}

/// The first sentences, and how many there are besides.
pub fn listed<S: AsRef<str>>(sentences: &[S]) -> String {
    let head = sentences.iter().take(LISTED_MAX).map(AsRef::as_ref).collect::<Vec<_>>().join("; ");
    match sentences.len().saturating_sub(LISTED_MAX) {
        0 => head,
        more => format!("{head}; and {more} more"),
    }
}

fn in_detail((to, result): &Tried<Outcome>) -> String {
    match result {
        Ok(outcome) if outcome.detail.is_empty() => format!("{to}: {}", outcome.summary),
        Ok(outcome) => format!("{to}: {}\n{}", outcome.summary, outcome.detail),
        Err(problem) => problem.line(*to),
    }
}

#[cfg(test)]
mod tests;
