//! What a run has seen so far. It outlives the run's future, so that a run that is cut off can say where it was.

use checker_job::Blame;
use rustls_pki_types::CertificateDer;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::time::Instant;

/// The phases of a request, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Asking the resolver.
    Resolve,
    /// Connecting to the server or to the proxy.
    Connect,
    /// Asking the proxy for a way through.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// From sending the request to the first byte of the answer.
    FirstByte,
    /// From the first byte to the end of the answer's header.
    Header,
    /// The rest of the answer.
    Body,
}

impl Phase {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Resolve, "resolve"),
        (Self::Connect, "connect"),
        (Self::Proxy, "proxy"),
        (Self::Tls, "TLS"),
        (Self::FirstByte, "first byte"),
        (Self::Header, "header"),
        (Self::Body, "body"),
    ];
}

/// When each phase began and how long it took; over redirects, the sum.
#[derive(Debug)]
pub(crate) struct Timing {
    start: Instant,
    entered: Instant,
    phase: Phase,
    spent: [Option<Duration>; 7],
}

impl Timing {
    fn new() -> Self {
        let start = Instant::now();
        Self { start, entered: start, phase: Phase::Resolve, spent: [None; 7] }
    }

    /// Ends the phase that runs and begins `phase`.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.close();
        self.phase = phase;
    }

    /// Counts the time of the phase that runs up to now. The phase goes on.
    pub(crate) fn close(&mut self) {
        let now = Instant::now();
        let took = now.duration_since(self.entered);
        self.entered = now;
        if let Some(spent) = self.spent.get_mut(self.phase as usize) {
            *spent = Some(spent.unwrap_or_default() + took);
        }
    }

    /// The phase that runs.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// How long `phase` took, if it was reached and counted.
    pub(crate) fn of(&self, phase: Phase) -> Option<Duration> {
        self.spent.get(phase as usize).copied().flatten()
    }

    /// From the start to the end of the last counted phase.
    pub(crate) fn total(&self) -> Duration {
        self.entered.duration_since(self.start)
    }

    /// `resolve 2 ms, connect 10 ms, ...`: all phases that were reached. The header belongs to the body unless it
    /// took its time.
    pub(crate) fn words(&self) -> String {
        let mut out = String::with_capacity(96);
        for (phase, name) in Phase::ALL {
            let Some(took) = self.of(phase) else { continue };
            if phase == Phase::Header && took < Duration::from_millis(5) {
                continue;
            }
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(name);
            out.push(' ');
            out.push_str(&time_words(took).to_string());
        }
        out
    }
}

/// What a run has seen so far.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The phases.
    pub(crate) timing: Timing,
    /// Bytes of the answer so far, header included.
    pub(crate) received: AtomicU64,
    /// Bytes of the answer's body.
    pub(crate) body: u64,
    /// The address that was connected to, or is being tried.
    pub(crate) address: Option<SocketAddr>,
    /// The name that was last asked for; addresses need no asking.
    pub(crate) name: Option<String>,
    /// Lines of evidence: redirects that were followed, addresses that failed.
    pub(crate) notes: Vec<String>,
    /// What servers showed in TLS, where that is wanted.
    pub(crate) shown: Option<Vec<Shown>>,
}

/// The certificates of one server, its own first.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Whom they must be for.
    pub(crate) name: String,
    /// What was connected to.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new() -> Self {
        Self {
            timing: Timing::new(),
            received: AtomicU64::new(0),
            body: 0,
            address: None,
            name: None,
            notes: Vec::new(),
            shown: None,
        }
    }
}

/// A time with the precision that people want of a request: `0.4 ms`, `45 ms`, `1.5 s`, `12 s`.
pub(crate) fn time_words(time: Duration) -> TimeWords {
    TimeWords(time)
}

/// See [`time_words`].
pub(crate) struct TimeWords(Duration);

impl fmt::Display for TimeWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        match micros {
            0..1_000 => write!(f, "0.{} ms", micros / 100),
            1_000..1_000_000 => write!(f, "{} ms", micros / 1_000),
            1_000_000..10_000_000 => match (micros / 1_000_000, micros / 100_000 % 10) {
                (seconds, 0) => write!(f, "{seconds} s"),
                (seconds, tenths) => write!(f, "{seconds}.{tenths} s"),
            },
            _ => write!(f, "{} s", micros / 1_000_000),
        }
    }
}

/// Why a run got no answer that could be judged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// One line without a full stop.
    pub(crate) sentence: String,
    /// Set where the fault is ours: then nothing is known of the target.
    pub(crate) cause: Option<String>,
    /// Whose fault it may be, if not the target's.
    pub(crate) blame: Option<Blame>,
}

impl Trouble {
    /// The target is at fault.
    pub(crate) fn theirs(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), cause: None, blame: None }
    }

    /// We are at fault, or what lies between; `cause` is worded alike for all jobs that it hinders.
    pub(crate) fn ours(cause: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), cause: Some(cause.into()), blame: None }
    }

    /// Says whose fault it may be.
    pub(crate) fn blaming(self, blame: Option<Blame>) -> Self {
        Self { blame, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_precision_that_people_want() {
        for (micros, words) in
            [(450, "0.4 ms"), (45_900, "45 ms"), (1_000_000, "1 s"), (1_560_000, "1.5 s"), (12_900_000, "12 s")]
        {
            assert_eq!(time_words(Duration::from_micros(micros)).to_string(), words);
        }
    }

    #[test]
    fn phases_add_up_over_redirects() {
        let mut timing = Timing::new();
        for phase in [Phase::Connect, Phase::FirstByte, Phase::Connect, Phase::FirstByte] {
            timing.enter(phase);
            std::thread::sleep(Duration::from_millis(2));
        }
        timing.close();
        assert!(timing.of(Phase::Connect).unwrap() >= Duration::from_millis(4));
        assert_eq!(timing.of(Phase::Tls), None);
        assert!(timing.total() >= Duration::from_millis(8));
        assert!(timing.words().starts_with("resolve 0.0 ms, connect "), "{}", timing.words());
    }
}
