//! The rules that hold whatever happens: over random histories of targets, mail, people and clocks.

mod world;

use super::transition::{Step, interval};
use super::{Ack, AlertKind, DeliveryState, JobState, Recipient, Silence};
use checker_job::{Frequency, JobId, Notify, Policy, Remind, Timestamp, Verdict};
use proptest::prelude::*;
use std::cell::RefCell;
use std::time::Duration;
use world::{Known, MINUTE, SimJob, World};

const NAMES: [&str; 3] = ["ann@x", "bob@x", "cyd@x"];

#[derive(Clone, Debug)]
enum Event {
    Target(usize, Verdict),
    All(Verdict),
    Mail(bool),
    NoMail(bool),
    Refuse(usize, bool),
    Ack(usize),
    Silence(usize, i64),
    Held(usize, bool),
    Contacts(usize, u8),
    Close(usize),
    Clock(i64),
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Failed),
        4 => Just(Verdict::Ok),
        1 => Just(Verdict::Warning),
        1 => Just(Verdict::Unknown),
    ]
}

/// What happens, and for how many passes and with which jitter nothing else does.
fn events(jobs: usize, clock: bool) -> impl Strategy<Value = Vec<(Event, u8, u8)>> {
    let event = prop_oneof![
        20 => (0..jobs, verdict()).prop_map(|(i, v)| Event::Target(i, v)),
        3 => verdict().prop_map(Event::All),
        3 => any::<bool>().prop_map(Event::Mail),
        2 => any::<bool>().prop_map(Event::NoMail),
        2 => (0..NAMES.len(), any::<bool>()).prop_map(|(i, on)| Event::Refuse(i, on)),
        2 => (0..jobs).prop_map(Event::Ack),
        2 => (0..jobs, 1..40i64).prop_map(|(i, m)| Event::Silence(i, m)),
        3 => (0..jobs, any::<bool>()).prop_map(|(i, on)| Event::Held(i, on)),
        2 => (0..jobs, 1..8u8).prop_map(|(i, mask)| Event::Contacts(i, mask)),
        1 => (0..jobs).prop_map(Event::Close),
        3 => (-7_200..7_200i64).prop_map(move |s| if clock { Event::Clock(s) } else { Event::Mail(true) }),
    ];
    prop::collection::vec((event, 1..9u8, 0..40u8), 1..70)
}

fn policies(jobs: usize) -> impl Strategy<Value = Vec<Policy>> {
    let every = prop_oneof![5 => Just(Frequency::Minute), 1 => Just(Frequency::Minutes(5))];
    let remind = prop_oneof![Just(Remind::Never), Just(Remind::Every(MINUTE * 7)), Just(Remind::Every(MINUTE * 60)),];
    let notify = (0..Notify::ALL.len()).prop_map(|i| Notify::ALL[i]);
    let policy = (every, notify, remind, 1..4u32, 1..3u32).prop_map(
        |(every, notify, remind, failure_threshold, recovery_threshold)| Policy {
            every,
            notify,
            remind,
            failure_threshold,
            recovery_threshold,
            ..Policy::default()
        },
    );
    prop::collection::vec(policy, jobs)
}

fn recipients(mask: u8) -> Vec<Recipient> {
    let picked = (0..NAMES.len()).filter(|i| mask & (1 << i) != 0);
    picked.map(|i| Recipient(NAMES[i].to_owned())).collect()
}

fn world(policies: Vec<Policy>) -> World {
    let jobs = policies.into_iter().enumerate().map(|(i, policy)| SimJob {
        id: JobId::new("tcp", &i.to_string()),
        policy: Policy { name: i.to_string(), ..policy },
        state: JobState::default(),
        target: Verdict::Ok,
        recipients: recipients(if i % 2 == 0 { 1 } else { 3 }),
        held: false,
        gone: false,
    });
    World::new(jobs.collect(), Timestamp::from_secs(1_700_000_040))
}

fn happen(world: &mut World, event: &Event) {
    let now = world.now;
    match event {
        Event::Target(i, verdict) => world.jobs[*i].target = *verdict,
        Event::All(verdict) => world.jobs.iter_mut().for_each(|j| j.target = *verdict),
        Event::Mail(up) => world.mail = *up,
        Event::NoMail(on) => world.nomail = *on,
        Event::Refuse(i, on) => {
            let recipient = Recipient(NAMES[*i].to_owned());
            if *on {
                world.refused.insert(recipient.clone());
                world.refusing.insert(recipient);
            } else {
                world.refusing.remove(&recipient);
            }
        }
        Event::Ack(i) => {
            world.jobs[*i].state.ack = Some(Box::new(Ack { at: now, by: "ann".to_owned(), note: None }));
        }
        Event::Silence(i, minutes) => {
            let secs = u64::try_from(minutes * 60).unwrap();
            world.jobs[*i].state.silence = Some(Box::new(Silence {
                until: now.plus(Duration::from_secs(secs)),
                by: "ann".to_owned(),
                note: None,
            }));
        }
        Event::Held(i, on) => world.jobs[*i].held = *on,
        Event::Contacts(i, mask) => world.jobs[*i].recipients = recipients(*mask),
        Event::Close(i) => world.close(*i),
        Event::Clock(secs) => {
            world.now = Timestamp::from_secs(now.secs() + secs);
            world.stepped = true;
        }
    }
}

/// The outcome rules once more, in other words: a run of bad outcomes, a run of good ones, unknown ones left out.
#[derive(Default)]
struct Oracle {
    bad: u32,
    good: u32,
    down: bool,
}

impl Oracle {
    /// Whether this outcome takes the job down, or up.
    fn next(&mut self, policy: &Policy, verdict: Verdict) -> (bool, bool) {
        let was = self.down;
        match verdict {
            Verdict::Unknown => return (false, false),
            Verdict::Ok => (self.good, self.bad) = (self.good + 1, 0),
            Verdict::Warning | Verdict::Failed => (self.good, self.bad) = (0, self.bad + 1),
        }
        if was {
            self.down = self.good < policy.recovery_threshold;
        } else {
            self.down = self.bad >= policy.failure_threshold;
        }
        (!was && self.down, was && !self.down)
    }
}

fn check_step(oracle: &mut Oracle, job: &SimJob, before: &JobState, step: &Step, now: Timestamp) {
    let has = |kind: AlertKind| step.drafts.iter().any(|d| d.kind == kind);
    let (down, up) = oracle.next(&job.policy, job.target);
    assert_eq!(step.state.is_failing(), oracle.down, "{}", job.id);
    let silenced = before.silence.as_ref().is_some_and(|s| now < s.until);
    let quiet = job.held || silenced;
    let flapping = step.state.flapping.is_some();
    if down && !quiet && !flapping {
        assert!(has(AlertKind::Down) || has(AlertKind::SteadyBad), "{}: a down that is not told: {step:?}", job.id);
    }
    if quiet {
        assert!(step.drafts.iter().all(|d| d.kind.is_ending()), "told while quiet");
    }
    let told = before.failure.as_ref().is_some_and(|e| e.told_at.is_some());
    if up && told && !flapping {
        let ended = has(AlertKind::Recovery) || has(AlertKind::SteadyGood);
        assert!(ended, "{}: a recovery that is not told", job.id);
    }
    check_reminders(job, before, step, now, quiet);
}

/// No reminder is early or late by more than a pass.
fn check_reminders(job: &SimJob, before: &JobState, step: &Step, now: Timestamp, quiet: bool) {
    let period = job.policy.every.period() + Duration::from_secs(40);
    let told = |s: &JobState| s.failure.as_ref().and_then(|e| e.told_at);
    if let (Some(last), Some(interval)) = (told(before), interval(&job.policy)) {
        let reminded = step.drafts.iter().any(|d| d.kind == AlertKind::Reminder);
        let since = now.since(last);
        assert!(!reminded || since + period >= interval, "{} is early", job.id);
        assert!(!reminded || before.ack.is_none(), "{} was acknowledged", job.id);
        let plain = before.ack.is_none() && before.flapping.is_none() && !quiet;
        let goes_on = job.target.is_bad() && step.state.is_failing();
        if plain && goes_on && step.state.flapping.is_none() {
            let late = now.since(told(&step.state).unwrap_or(last));
            assert!(late < interval + period, "{} is late", job.id);
        }
    }
}

/// No first news waits longer than a limit may hold it, nor longer than the server's last retry if all works.
fn check_waiting(world: &World) {
    if world.stepped {
        return;
    }
    for ((id, recipient), delivery) in &world.pending {
        let alert = &world.alerts[id];
        let known = world.told.contains_key(&(id.job.clone(), id.episode, recipient.clone()));
        let urgent = alert.kind.is_urgent() && (!known || alert.kind == AlertKind::Worse);
        if !urgent || world.nomail || world.withheld.contains(&(id.clone(), recipient.clone())) {
            continue;
        }
        let waits = world.now.since(alert.at);
        let held = delivery.is_none() && !world.refused.contains(recipient);
        assert!(!held || waits <= MINUTE * 11, "a limit held a first down: {id:?}");
        let works = waits.min(world.now.since(world.works_since));
        // What was refused for good is tried hourly.
        let most = if world.refused.contains(recipient) { 62 } else { 22 };
        assert!(works <= MINUTE * most, "{recipient} is not told of {id:?}");
    }
}

fn check_end(world: &World) {
    for job in world.jobs.iter().filter(|j| !j.gone) {
        let told = |e: &super::Episode| e.told_at.is_some();
        let down = job.state.failure.as_ref().filter(|e| told(e));
        let blind = job.state.blind.as_ref().filter(|e| told(e));
        let flapping = job.state.flapping.as_ref().filter(|f| f.told);
        for name in NAMES {
            let recipient = Recipient(name.to_owned());
            let is_in =
                |set: Option<&std::collections::BTreeSet<Recipient>>| set.is_some_and(|s| s.contains(&recipient));
            let want = Known {
                bad: is_in(down.map(|e| &e.addressed)) || is_in(flapping.map(|f| &f.addressed)),
                blind: is_in(blind.map(|e| &e.addressed)),
            };
            let key = (recipient.clone(), job.id.clone());
            let known = world.known.get(&key).copied().unwrap_or_default();
            assert_eq!(known, want, "what {name} knows of {}, and what is so", job.id);
        }
    }
    for ((recipient, job), known) in &world.known {
        let gone = world.jobs.iter().any(|j| j.id == *job && j.gone);
        assert!(!gone || *known == Known::default(), "{recipient} waits for news of {job}");
    }
    // As the day's limit nears, reminders wait for the hour's digest.
    for (id, recipient) in world.pending.keys() {
        let kind = world.alerts[id].kind;
        let may = matches!(kind, AlertKind::Reminder | AlertKind::StillCannotJudge);
        let may = may && world.pending[&(id.clone(), recipient.clone())].is_none();
        assert!(may, "{recipient} waits for {kind:?} {id:?} for ever");
    }
    for (id, recipient, why) in &world.dropped {
        let first = matches!(world.alerts[id].kind, AlertKind::Down | AlertKind::CannotJudge);
        let withheld = world.withheld.contains(&(id.clone(), recipient.clone()));
        let excused = withheld || world.refused.contains(recipient);
        assert!(!first || excused, "{recipient} never heard of {id:?}: {why}");
    }
}

/// At most 10 messages in 10 minutes, by the time of their decision; after mail was away, a few more arrive at once.
fn check_limits(world: &World) {
    if world.stepped {
        return;
    }
    let most = |times: &mut Vec<Timestamp>| {
        times.sort();
        let within = |a: &Timestamp, b: &Timestamp| b.since(*a) < Duration::from_secs(600);
        let count = |a: &Timestamp| times.iter().filter(|b| *b >= a && within(a, b)).count();
        times.iter().map(count).max().unwrap_or(0)
    };
    for name in NAMES {
        let mine = || world.deliveries.iter().filter(|d| d.recipient.0 == name);
        let kept = mine().filter(|d| d.state != DeliveryState::Superseded);
        let mut decided: Vec<Timestamp> = kept.map(|d| d.created_at).collect();
        assert!(most(&mut decided) <= world.limits.burst, "decided for {name}");
        if world.refused.iter().any(|r| r.0 == name) {
            continue;
        }
        let mut arrived: Vec<Timestamp> = mine()
            .filter_map(|d| match d.state {
                DeliveryState::Told { at, .. } => Some(at),
                _ => None,
            })
            .collect();
        let few = world.limits.burst + world.limits.few;
        assert!(most(&mut arrived) <= few, "arrived at {name}");
    }
}

/// Lives through the events, then everything is healed and time passes.
fn live(world: &mut World, events: &[(Event, u8, u8)]) {
    let oracles: Vec<RefCell<Oracle>> = world.jobs.iter().map(|_| RefCell::default()).collect();
    let pass = |world: &mut World, jitter: u16| {
        let minute = Timestamp::from_secs(world.now.secs().div_euclid(60) * 60 + 60);
        world.now = minute.plus(Duration::from_secs(u64::from(jitter)));
        if !world.mail || world.nomail || !world.refusing.is_empty() {
            world.works_since = world.now;
        }
        world.pass(|job, before, step, now| {
            let index: usize = job.policy.name.parse().unwrap();
            check_step(&mut oracles[index].borrow_mut(), job, before, step, now);
        });
        check_waiting(world);
    };
    for (event, passes, jitter) in events {
        happen(world, event);
        for _ in 0..*passes {
            pass(world, u16::from(*jitter));
        }
    }
    (world.mail, world.nomail) = (true, false);
    world.refusing.clear();
    for job in &mut world.jobs {
        job.held = false;
    }
    // Times that a clock lives through twice count twice toward the limits of what is not urgent.
    let rest = if world.stepped { 400 } else { 100 };
    for minute in 0..rest {
        pass(world, minute % 40);
    }
    check_end(world);
    check_limits(world);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        max_shrink_iters: 300,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_329),
        ..ProptestConfig::default()
    })]

    #[test]
    fn everybody_is_told_what_is_so(policies in policies(4), events in events(4, false)) {
        let mut world = world(policies);
        live(&mut world, &events);
    }

}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        max_shrink_iters: 100,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(17),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_clock_that_is_set_loses_nothing(policies in policies(3), events in events(3, true)) {
        let mut world = world(policies);
        live(&mut world, &events);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10,
        max_shrink_iters: 20,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_storm_of_forty_jobs_keeps_to_its_limits(policies in policies(40), events in events(40, false)) {
        let mut world = world(policies);
        live(&mut world, &events);
    }
}
