//! A draft becomes an alert: the job words failures and recoveries, the rest is worded here.

use crate::decide::transition::Draft;
use crate::decide::{Alert, AlertId, AlertKind};
use crate::registry::DynJob;
use crate::runner::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX, catch};
use checker_job::{Failure, Message, Outcome, Recovery, Timestamp};

/// Words one draft of a job.
pub fn alert(job: &dyn DynJob, draft: Draft, outcome: &Outcome, now: Timestamp) -> Alert {
    let message = guarded(job, &draft, outcome, now);
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

/// A job's own wording is its code: if it panics, the standard wording serves, and what it says is cut to size.
fn guarded(job: &dyn DynJob, draft: &Draft, outcome: &Outcome, now: Timestamp) -> Message {
    let said = catch(|| words(job, draft, outcome, now)).unwrap_or_else(|what| Message {
        subject: format!("{}: {}: {}", draft.kind.word().to_uppercase(), job.policy().name, outcome.summary),
        body: format!("{}\n\nThe job kind could not word this itself: it panicked: {what}", outcome.detail),
    });
    let said = Outcome::ok(said.subject).with_detail(said.body).bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX);
    Message { subject: said.summary, body: said.detail }
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
            panic!("no words")
        }
        fn on_recovery(&self, _: &Recovery<'_>) -> Message {
            Message { subject: "x".repeat(10_000), body: "a\u{0}b".to_owned() }
        }
    }

    #[test]
    fn a_job_that_panics_over_its_words_is_told_all_the_same_and_none_is_told_at_length() {
        let policy = Policy { name: "web".to_owned(), ..Policy::default() };
        let job = Speechless(JobId::new("speechless", "web"), policy);
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
        let down = alert(&job, draft(AlertKind::Down), &Outcome::failed("refused"), now);
        assert_eq!(down.subject, "DOWN: web: refused");
        assert!(down.body.contains("it panicked: no words at "), "{}", down.body);
        let up = alert(&job, draft(AlertKind::Recovery), &Outcome::ok("fine"), now);
        assert!(up.subject.len() <= SUMMARY_BYTES_MAX && up.body == "ab", "{}", up.subject.len());
    }
}
