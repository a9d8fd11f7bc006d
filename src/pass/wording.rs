//! A draft becomes an alert: the job words failures and recoveries, the rest is worded here.

use crate::decide::confirm::{self, Seen};
use crate::decide::transition::Draft;
use crate::decide::{Alert, AlertId, AlertKind};
use crate::registry::DynJob;
use crate::runner::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX, catch};
use checker_job::{Failure, Message, Outcome, Recovery, Timestamp};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A job that has not found its words by then is not waited for.
const WORDS_MAX: Duration = Duration::from_secs(2);

/// Whose words an alert gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// The job's own.
    Own,
    /// The standard ones: the job's code may end this process.
    Standard,
}

/// Words one draft of a job.
pub fn alert(
    job: &Arc<dyn DynJob>,
    draft: Draft,
    outcome: &Outcome,
    seen: Option<&Seen>,
    now: Timestamp,
    words: Words,
) -> Alert {
    let mut message = match words {
        Words::Own => bounded(guarded(job, &draft, outcome, now)),
        Words::Standard => bounded(standard(job.as_ref(), &draft, outcome, now)),
    };
    if let Some(seen) = seen.filter(|_| confirm::tells(draft.kind)) {
        let gap = if message.body.is_empty() { "" } else { "\n\n" };
        message.body = format!("{}{gap}{}", confirm::words(seen), message.body);
    }
    let policy = job.policy();
    let blind = matches!(draft.kind, AlertKind::CannotJudge | AlertKind::StillCannotJudge);
    Alert {
        id: AlertId { job: job.id().clone(), episode: draft.episode, step: draft.step },
        kind: draft.kind,
        verdict: draft.verdict,
        at: now,
        since: draft.since,
        failures: draft.failures,
        name: policy.name.clone(),
        host: policy.host.clone(),
        cause: if blind { Some(outcome.cause.clone().unwrap_or_else(|| outcome.summary.clone())) } else { None },
        subject: message.subject,
        body: message.body,
        note: policy.note.clone(),
        recipients: draft.recipients,
    }
}

/// What a job says is cut to size.
fn bounded(said: Message) -> Message {
    let said = Outcome::ok(said.subject).with_detail(said.body).bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX);
    Message { subject: said.summary, body: said.detail }
}

/// A job's own wording is its code: if it panics, or does not end, the standard wording serves.
fn guarded(job: &Arc<dyn DynJob>, draft: &Draft, outcome: &Outcome, now: Timestamp) -> Message {
    if !matches!(
        draft.kind,
        AlertKind::Down | AlertKind::Worse | AlertKind::Better | AlertKind::Reminder | AlertKind::Recovery
    ) {
        return words(job.as_ref(), draft, outcome, now);
    }
    let (answer, receive) = mpsc::channel();
    let (its, what, seen) = (Arc::clone(job), draft.clone(), outcome.clone());
    let find = move || drop(answer.send(catch(|| words(its.as_ref(), &what, &seen, now))));
    let why = match std::thread::Builder::new().name("job".to_owned()).spawn(find) {
        Err(why) => format!("there was no thread for it: {why}"),
        Ok(_) => match receive.recv_timeout(WORDS_MAX) {
            Ok(Ok(message)) => return message,
            Ok(Err(what)) => format!("it panicked: {what}"),
            Err(_) => "it did not end within 2 s".to_owned(),
        },
    };
    let message = standard(job.as_ref(), draft, outcome, now);
    Message { body: format!("{}\n\nThe job kind could not word this itself: {why}", message.body), ..message }
}

/// The wording of jobs that have none of their own.
fn standard(job: &dyn DynJob, draft: &Draft, outcome: &Outcome, now: Timestamp) -> Message {
    let policy = job.policy();
    let (since, failures) = (draft.since, draft.failures);
    match draft.kind {
        AlertKind::Down | AlertKind::Worse | AlertKind::Better | AlertKind::Reminder => {
            Failure { policy, outcome, since, now, failures, reminder: draft.kind == AlertKind::Reminder }.message()
        }
        AlertKind::Recovery => Recovery { policy, outcome, since, now, failures }.message(),
        _ => words(job, draft, outcome, now),
    }
}

fn words(job: &dyn DynJob, draft: &Draft, outcome: &Outcome, now: Timestamp) -> Message {
    let policy = job.policy();
    let (name, summary) = (&policy.name, &outcome.summary);
    let plain = |subject: String| Message { subject, body: outcome.detail.clone() };
    match draft.kind {
        AlertKind::Down | AlertKind::Worse | AlertKind::Better | AlertKind::Reminder => job.on_failure(&Failure {
            policy,
            outcome,
            since: draft.since,
            now,
            failures: draft.failures,
            reminder: draft.kind == AlertKind::Reminder,
        }),
        AlertKind::Recovery => {
            job.on_recovery(&Recovery { policy, outcome, since: draft.since, now, failures: draft.failures })
        }
        AlertKind::CannotJudge => plain(format!("CANNOT JUDGE: {name}: {summary}")),
        AlertKind::StillCannotJudge => plain(format!("STILL CANNOT JUDGE: {name}: {summary}")),
        AlertKind::JudgedAgain => plain(format!("CAN BE JUDGED AGAIN: {name}: {summary}")),
        AlertKind::Flapping => {
            plain(format!("FLAPPING: {name}: {} changes, now {}: {summary}", draft.failures, outcome.verdict.word()))
        }
        AlertKind::SteadyGood => plain(format!("UP: {name}: steady for 30 min after {} changes", draft.failures)),
        AlertKind::SteadyBad => {
            plain(format!("DOWN: {name}: {summary} (steady for 30 min after {} changes)", draft.failures))
        }
        AlertKind::Closed => plain(format!("NO LONGER WATCHED: {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checker_job::{Context, JobId, Policy, Verdict};
    use std::future::{Future, ready};
    use std::pin::Pin;

    struct Speechless(JobId, Policy);

    impl DynJob for Speechless {
        fn id(&self) -> &JobId {
            &self.0
        }
        fn policy(&self) -> &Policy {
            &self.1
        }
        fn kind(&self) -> &'static str {
            "speechless"
        }
        fn blocking(&self) -> bool {
            false
        }
        fn execute<'a>(&'a self, _: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
            Box::pin(ready(Outcome::ok("fine")))
        }
        fn on_failure(&self, _: &Failure<'_>) -> Message {
            assert!(self.0.as_str() != "speechless:web", "no words");
            std::thread::sleep(Duration::from_secs(30));
            Message { subject: "too late".to_owned(), body: String::new() }
        }
        fn on_recovery(&self, _: &Recovery<'_>) -> Message {
            Message { subject: "x".repeat(10_000), body: "a\u{0}b".to_owned() }
        }
    }

    #[test]
    fn a_job_that_panics_over_its_words_is_told_all_the_same_and_none_is_told_at_length() {
        let policy = Policy { name: "web".to_owned(), ..Policy::default() };
        let job: Arc<dyn DynJob> = Arc::new(Speechless(JobId::new("speechless", "web"), policy.clone()));
        let stuck: Arc<dyn DynJob> = Arc::new(Speechless(JobId::new("speechless", "stuck"), policy));
        let now = Timestamp::from_secs(60);
        let draft = |kind| Draft {
            episode: 1,
            step: 0,
            kind,
            verdict: Verdict::Failed,
            since: now,
            failures: 2,
            recipients: Vec::new(),
        };
        let refused = Outcome::failed("refused");
        let plain = alert(&job, draft(AlertKind::Down), &refused, None, now, Words::Standard);
        assert_eq!((plain.subject.as_str(), plain.body.as_str()), ("DOWN: web: refused", ""));
        let late = alert(&stuck, draft(AlertKind::Down), &refused, None, now, Words::Own);
        assert_eq!(late.subject, "DOWN: web: refused");
        assert!(late.body.contains("it did not end within 2 s"), "{}", late.body);
        let down = alert(&job, draft(AlertKind::Down), &refused, None, now, Words::Own);
        assert_eq!(down.subject, "DOWN: web: refused");
        assert!(down.body.contains("it panicked: no words at "), "{}", down.body);
        let up = alert(&job, draft(AlertKind::Recovery), &Outcome::ok("fine"), None, now, Words::Own);
        assert!(up.subject.len() <= SUMMARY_BYTES_MAX && up.body == "ab", "{}", up.subject.len());
    }
}
