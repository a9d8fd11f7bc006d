//! A small model of everything around the core: jobs, the stored alerts and deliveries, the mail server, the recipients.

use crate::decide::delivery::{Limits, Plan, REFUSED_RETRY, plan, retry_after};
use crate::decide::schedule::{Called, due, slot};
use crate::decide::transition::{Draft, Input, Step, close, transition};
use crate::decide::{Alert, AlertId, AlertKind, Delivery, DeliveryState, JobState, Recipient, Sent, Waiting};
use checker_job::{JobId, Outcome, Policy, Timestamp, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) struct SimJob {
    pub(super) id: JobId,
    pub(super) policy: Policy,
    pub(super) state: JobState,
    pub(super) target: Verdict,
    pub(super) recipients: Vec<Recipient>,
    pub(super) held: bool,
    pub(super) gone: bool,
}

/// What a recipient knows of one job, from the messages that arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) bad: bool,
    pub(super) blind: bool,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) jobs: Vec<SimJob>,
    pub(super) alerts: BTreeMap<AlertId, Alert>,
    /// What a recipient has still to be told, and the unsent delivery that carries it.
    pub(super) pending: BTreeMap<(AlertId, Recipient), Option<Uuid>>,
    pub(super) withheld: BTreeSet<(AlertId, Recipient)>,
    pub(super) dropped: Vec<(AlertId, Recipient, String)>,
    pub(super) deliveries: Vec<Delivery>,
    /// Who was told of which episode, and the Message-ID that began it.
    pub(super) told: BTreeMap<(JobId, u32, Recipient), String>,
    pub(super) known: BTreeMap<(Recipient, JobId), Known>,
    pub(super) seen: BTreeSet<(AlertId, Recipient)>,
    pub(super) limits: Limits,
    pub(super) mail: bool,
    pub(super) nomail: bool,
    pub(super) refusing: BTreeSet<Recipient>,
    /// Recipients that ever refused: what they miss is not ours.
    pub(super) refused: BTreeSet<Recipient>,
    /// Since when everything works.
    pub(super) works_since: Timestamp,
    /// Whether the clock was ever set: then ages mean nothing.
    pub(super) stepped: bool,
}

impl World {
    pub(super) fn new(jobs: Vec<SimJob>, now: Timestamp) -> Self {
        Self {
            now,
            jobs,
            alerts: BTreeMap::new(),
            pending: BTreeMap::new(),
            withheld: BTreeSet::new(),
            dropped: Vec::new(),
            deliveries: Vec::new(),
            told: BTreeMap::new(),
            known: BTreeMap::new(),
            seen: BTreeSet::new(),
            limits: Limits::default(),
            mail: true,
            nomail: false,
            refusing: BTreeSet::new(),
            refused: BTreeSet::new(),
            works_since: now,
            stepped: false,
        }
    }

    /// One pass at `now`: due jobs, decisions, plan, delivery.
    pub(super) fn pass(&mut self, check: impl Fn(&SimJob, &JobState, &Step, Timestamp)) {
        for index in 0..self.jobs.len() {
            let job = &self.jobs[index];
            let place = slot(job.policy.every, &jiff::tz::TimeZone::UTC, self.now);
            let due = due(job.policy.every, job.state.slot, place, self.now, Called::All);
            if job.gone || due.is_none() {
                continue;
            }
            let step = self.run(index, place);
            let job = &self.jobs[index];
            check(job, &job.state, &step, self.now);
            self.jobs[index].state = step.state;
            self.commit(index, step.drafts);
        }
        self.send_all();
    }

    fn run(&self, index: usize, place: Timestamp) -> Step {
        let job = &self.jobs[index];
        // As after a restart: through the stored form.
        let text = serde_json::to_string(&job.state).unwrap();
        let state: JobState = serde_json::from_str(&text).unwrap();
        let mut outcome = Outcome::ok("seen");
        outcome.verdict = job.target;
        let input = Input {
            now: self.now,
            slot: place,
            run: Uuid::from_u128(u128::from(state.seq)),
            started: self.now,
            took: Duration::ZERO,
            outcome: &outcome,
            policy: &job.policy,
            recipients: &job.recipients,
            held: job.held,
        };
        let step = transition(state.clone(), &input);
        assert_eq!(step, transition(state, &input), "deterministic");
        step
    }

    /// Alerts are unique, their steps follow each other, and an end goes to exactly those whom its episode went to.
    fn commit(&mut self, index: usize, drafts: Vec<Draft>) {
        let job = self.jobs[index].id.clone();
        for draft in drafts {
            let place = |step| AlertId { job: job.clone(), episode: draft.episode, step };
            let episode = self.alerts.range(place(0)..=place(u32::MAX));
            let before: Vec<&Alert> = episode.map(|(_, alert)| alert).collect();
            assert_eq!(before.len(), draft.step as usize, "{job} {draft:?}");
            if draft.kind.is_ending() {
                let to: BTreeSet<&Recipient> = before.iter().flat_map(|a| &a.recipients).collect();
                let ours: BTreeSet<&Recipient> = draft.recipients.iter().collect();
                assert_eq!(to, ours, "{job}: an end to others than were told: {draft:?}");
            }
            let id = place(draft.step);
            for recipient in &draft.recipients {
                self.pending.insert((id.clone(), recipient.clone()), None);
            }
            let blind = matches!(draft.kind, AlertKind::CannotJudge | AlertKind::StillCannotJudge);
            let alert = Alert {
                id: id.clone(),
                kind: draft.kind,
                verdict: draft.verdict,
                at: self.now,
                since: draft.since,
                failures: draft.failures,
                name: job.to_string(),
                host: None,
                cause: blind.then(|| "no network".to_owned()),
                subject: String::new(),
                body: String::new(),
                note: None,
                recipients: draft.recipients,
            };
            assert!(self.alerts.insert(id, alert).is_none());
        }
    }

    pub(super) fn close(&mut self, index: usize) {
        if !self.jobs[index].gone {
            self.jobs[index].gone = true;
            let drafts = close(&self.jobs[index].state, self.now);
            self.commit(index, drafts);
        }
    }

    /// What a refused delivery carries waits only where something newer of the same job waits for the same recipient:
    /// then both make one new message. Else its hourly try is all that happens to it.
    fn waiting(&self) -> Vec<Waiting> {
        let fresh: BTreeSet<(&JobId, &Recipient)> = self
            .pending
            .iter()
            .filter(|(_, delivery)| delivery.is_none())
            .map(|((id, recipient), _)| (&id.job, recipient))
            .collect();
        let refused: BTreeSet<Uuid> =
            self.deliveries.iter().filter(|d| matches!(d.state, DeliveryState::Refused { .. })).map(|d| d.id).collect();
        let keys = self.pending.iter().filter(|((id, recipient), delivery)| {
            delivery.is_none_or(|d| !refused.contains(&d)) || fresh.contains(&(&id.job, recipient))
        });
        keys.map(|((id, recipient), delivery)| {
            let episode = (id.job.clone(), id.episode, recipient.clone());
            Waiting {
                alert: self.alerts[id].clone(),
                recipient: recipient.clone(),
                delivery: *delivery,
                withheld: self.withheld.contains(&(id.clone(), recipient.clone())),
                told: self.told.contains_key(&episode),
                thread: self.told.get(&episode).cloned(),
            }
        })
        .collect()
    }

    fn plan(&self) -> Plan {
        let day = Duration::from_secs(86_400);
        let kept = |d: &&Delivery| d.state != DeliveryState::Superseded && d.created_at >= self.now.minus(day);
        let sent: Vec<Sent> = self
            .deliveries
            .iter()
            .filter(kept)
            .map(|d| Sent { recipient: d.recipient.clone(), at: d.created_at, digest: d.digest, urgent: d.urgent })
            .collect();
        plan(self.now, &self.waiting(), &sent, &self.limits, self.nomail)
    }

    /// Plans, checks that planning again gives the same and, once committed, nothing; then sends.
    fn send_all(&mut self) {
        let plan = self.plan();
        assert_eq!(plan, self.plan(), "deterministic");
        // A delivery that was replaced leaves the budget, and what a refused one carried waits again: then one more plan
        // may find something. Without that, none does.
        let mut replaced = !plan.superseded.is_empty();
        self.commit_plan(plan);
        for _ in 0..3 {
            let again = self.plan();
            let empty = Plan { held: again.held, ..Plan::default() };
            if again == empty {
                replaced = false;
                break;
            }
            assert!(replaced, "planned twice: {again:?}");
            self.commit_plan(again);
        }
        assert!(!replaced, "planning comes to no end");
        self.drain();
    }

    fn commit_plan(&mut self, plan: Plan) {
        for id in plan.superseded {
            self.supersede(id);
        }
        for (id, recipient, why) in plan.dropped {
            assert_eq!(self.pending.remove(&(id.clone(), recipient.clone())), Some(None));
            self.dropped.push((id, recipient, why));
        }
        self.withheld.extend(plan.withheld);
        for out in plan.outgoing {
            let id = Uuid::from_u128(self.deliveries.len() as u128 + 1);
            let alerts: Vec<AlertId> = out.alerts().map(|a| a.id.clone()).collect();
            for alert in &alerts {
                let before = self.pending.insert((alert.clone(), out.recipient.clone()), Some(id));
                assert_eq!(before, Some(None), "in two deliveries, or not waiting: {alert:?}");
            }
            self.deliveries.push(Delivery {
                id,
                recipient: out.recipient.clone(),
                alerts,
                subject: String::new(),
                body: String::new(),
                message_id: format!("<{id}>"),
                in_reply_to: out.thread.clone(),
                urgent: out.urgent,
                digest: out.is_digest(),
                created_at: self.now,
                attempts: 0,
                next_try: self.now,
                last_error: None,
                state: DeliveryState::Unsent,
            });
        }
    }

    fn supersede(&mut self, id: Uuid) {
        let delivery = self.deliveries.iter_mut().find(|d| d.id == id).unwrap();
        let refused = matches!(delivery.state, DeliveryState::Refused { .. });
        assert!(refused || delivery.state == DeliveryState::Unsent);
        delivery.state = DeliveryState::Superseded;
        for alert in delivery.alerts.clone() {
            let key = (alert, delivery.recipient.clone());
            self.pending.insert(key, None);
        }
    }

    fn drain(&mut self) {
        if self.nomail {
            return;
        }
        let mut queue: Vec<usize> = (0..self.deliveries.len())
            .filter(|&i| {
                let d = &self.deliveries[i];
                let open = !matches!(d.state, DeliveryState::Told { .. } | DeliveryState::Superseded);
                open && (d.next_try <= self.now || self.stepped)
            })
            .collect();
        queue.sort_by_key(|&i| (!self.deliveries[i].urgent, self.deliveries[i].created_at, i));
        for index in queue {
            let d = &mut self.deliveries[index];
            if !self.mail {
                d.attempts += 1;
                d.next_try = self.now.plus(retry_after(d.attempts));
            } else if self.refusing.contains(&d.recipient) {
                d.state = DeliveryState::Refused { at: self.now, why: "550 no such user".to_owned() };
                d.next_try = self.now.plus(REFUSED_RETRY);
            } else {
                d.state = DeliveryState::Told { at: self.now, answer: "250 taken".to_owned() };
                let d = d.clone();
                self.arrive(&d);
            }
        }
    }

    /// A message has arrived: what its reader knows now, and whether it made sense to him.
    fn arrive(&mut self, d: &Delivery) {
        for id in &d.alerts {
            let key = (id.clone(), d.recipient.clone());
            self.pending.remove(&key);
            assert!(self.seen.insert(key), "told twice: {id:?}");
            let episode = (id.job.clone(), id.episode, d.recipient.clone());
            self.told.entry(episode).or_insert_with(|| d.message_id.clone());
            let blind = self.is_blind(id);
            let known = self.known.entry((d.recipient.clone(), id.job.clone())).or_default();
            let track = if blind { &mut known.blind } else { &mut known.bad };
            let ending = self.alerts[id].kind.is_ending();
            assert!(!ending || *track, "an end of what {} never heard: {id:?}", d.recipient);
            *track = !ending;
        }
    }

    /// Whether an alert is about "cannot be judged".
    pub(super) fn is_blind(&self, id: &AlertId) -> bool {
        let first = AlertId { step: 0, ..id.clone() };
        self.alerts[&first].kind == AlertKind::CannotJudge
    }
}
