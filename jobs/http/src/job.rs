//! The job: one run, and the outcome that people read.

use crate::exchange::Answer;
use crate::fetch::{fetch, too_slow};
use crate::judge::{Finding, judge, status_words};
use crate::mutate;
use crate::plan::Plan;
use crate::progress::{Phase, Progress, Trouble, time_words};
use crate::url::Url;
use checker_job::{Context, Job, JobId, Metric, Outcome, Policy, Vacuity, Verdict};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much of a body stands in a message.
const EXCERPT_CHARS: usize = 500;

/// Asks one URL.
pub struct HttpJob {
    pub(crate) id: JobId,
    pub(crate) policy: Policy,
    pub(crate) url: Url,
    pub(crate) plan: Arc<Plan>,
}

impl fmt::Debug for HttpJob {
    /// The plan holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpJob").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Job for HttpJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Addresses are tried one after another, a redirect is followed when its answer is done, and the resolver's socket is
    /// closed before ours is opened. A name may read files beside it.
    fn handles(&self) -> usize {
        if self.url.endpoint.literal().is_some() { 1 } else { 2 }
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        let mut p = Progress::new();
        let result = self.run(cx, &mut p).await;
        self.outcome(&result, &p)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let mut p = Progress { shown: Some(Vec::new()), ..Progress::new() };
        let result = self.run(cx, &mut p).await;
        let outcome = self.outcome(&result, &p);
        Some(match result {
            Ok(answer) if outcome.verdict == Verdict::Ok => {
                let mutations = mutate::mutations(self, &answer, &mut p, cx.now);
                Vacuity::new(outcome, mutations)
            }
            _ => Vacuity::without_answer(outcome),
        })
    }
}

/// A little less than what Checker enforces, so that the run itself can say in which phase time ran out.
fn own_limit(timeout: Duration) -> Duration {
    let margin = Duration::from_millis(50).min(timeout / 4);
    timeout.saturating_sub(margin)
}

impl HttpJob {
    async fn run(&self, cx: &Context, p: &mut Progress) -> Result<Answer, Trouble> {
        let start = Instant::now();
        let deadline = start.checked_add(own_limit(cx.timeout)).unwrap_or(start + Duration::from_secs(86_400));
        let fetched = timeout_at(deadline, fetch(&self.plan, &self.url, deadline, p)).await;
        let result = fetched.unwrap_or_else(|_| Err(too_slow(&self.plan, &self.url, cx.timeout, p)));
        p.timing.close();
        result
    }

    /// What people read of a run.
    pub(crate) fn outcome(&self, result: &Result<Answer, Trouble>, p: &Progress) -> Outcome {
        let outcome = match result {
            Ok(answer) => self.judged(answer, p),
            Err(trouble) => {
                let sentence = trouble.sentence.clone();
                let outcome = match &trouble.cause {
                    Some(cause) => Outcome::unknown(sentence, cause.clone()),
                    None => Outcome::failed(sentence),
                };
                Outcome { blame: trouble.blame, ..outcome.with_detail(evidence(p, &[])) }
            }
        };
        let mut outcome = self.with_metrics(outcome, p);
        let scrub = |text: &mut String| {
            *text = self.plan.scrubber.scrub(std::mem::take(text));
        };
        scrub(&mut outcome.summary);
        scrub(&mut outcome.detail);
        outcome
    }

    fn judged(&self, answer: &Answer, p: &Progress) -> Outcome {
        let took = p.timing.total();
        let findings = judge(&self.plan, answer, took);
        let Some((first, others)) = findings.split_first() else {
            let more = if answer.cut { "more than " } else { "" };
            let (status, time) = (status_words(answer), time_words(took));
            let mut summary = String::with_capacity(64);
            let outcome = match write!(summary, "status {status} in {time}, {more}{} bytes", p.body) {
                Ok(()) | Err(fmt::Error) => Outcome::ok(summary),
            };
            // Of a good run the phases are among the metrics, so only the way to the answer is left to say.
            let straight = self.plan.proxy.is_none() && p.name.is_none() && p.notes.is_empty();
            return if straight { outcome } else { outcome.with_detail(evidence(p, &[])) };
        };
        let summary = match others.len() {
            0 => first.sentence.clone(),
            n => format!("{} (and {n} more, see below)", first.sentence),
        };
        let outcome = match first.verdict {
            Verdict::Warning => Outcome::warning(summary),
            _ => Outcome::failed(summary),
        };
        let mut detail = evidence(p, others);
        detail.push_str("\nstatus ");
        detail.push_str(&status_words(answer).to_string());
        if findings.iter().any(|f| f.of_body) {
            detail.push_str(&excerpt(answer));
        }
        outcome.with_detail(detail)
    }

    fn with_metrics(&self, mut outcome: Outcome, p: &Progress) -> Outcome {
        // Whole microseconds: more digits say nothing and are written each time.
        #[expect(clippy::cast_precision_loss, reason = "no run takes 2^52 microseconds")]
        let seconds = |d: Duration| d.as_micros() as f64 / 1e6;
        let mut time = Metric::new("time", seconds(p.timing.total()), "s");
        let range = |d: Option<Duration>| d.map(|d| seconds(d).to_string());
        time.warning = range(self.plan.latency_warning);
        time.critical = range(self.plan.latency_critical);
        outcome.metrics.reserve_exact(5);
        outcome.metrics.push(time);
        for (phase, label) in
            [(Phase::Connect, "time_connect"), (Phase::Tls, "time_tls"), (Phase::FirstByte, "time_first_byte")]
        {
            if let Some(took) = p.timing.of(phase) {
                outcome.metrics.push(Metric::new(label, seconds(took), "s"));
            }
        }
        if p.timing.of(Phase::Body).is_some() {
            #[expect(clippy::cast_precision_loss, reason = "no body has 2^52 bytes")]
            let size = p.body as f64;
            outcome.metrics.push(Metric::new("size", size, "B"));
        }
        outcome
    }
}

/// Phases and address first, then what else was found, then how it came there.
fn evidence(p: &Progress, others: &[Finding]) -> String {
    let mut text = p.timing.words();
    if let Some(address) = p.address {
        text.push_str("; address ");
        text.push_str(&address.to_string());
    }
    for finding in others {
        text.push_str("\nalso: ");
        text.push_str(&finding.sentence);
    }
    for note in &p.notes {
        text.push('\n');
        text.push_str(note);
    }
    text
}

/// The start of the body, as one line that can be read.
fn excerpt(answer: &Answer) -> String {
    if answer.body.is_empty() {
        return "\nthe body is empty".to_owned();
    }
    let text = String::from_utf8_lossy(&answer.body);
    let printable = text.chars().map(|c| if c.is_control() || c == '\u{fffd}' { ' ' } else { c });
    let mut out = String::from("\nbody begins: ");
    let mut count = 0;
    let mut gap = false;
    for c in printable {
        if c.is_whitespace() {
            gap = count > 0;
            continue;
        }
        if count >= EXCERPT_CHARS {
            out.push_str(" [...]");
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        out.push(c);
        count += 1;
    }
    out
}
