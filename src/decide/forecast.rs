//! What settings lead to at the worst: how many messages a day, and how late a first failure is told. Pure.

use super::Recipient;
use super::bound::Site;
use super::delivery::Limits;
use super::transition::interval;
use checker_job::Policy;
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// One job, as far as messages go.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// How often it runs and tells.
    pub policy: &'a Policy,
    /// Whom it tells.
    pub recipients: &'a [Recipient],
    /// For so long a run may call healthy what is already broken.
    pub seen_after: Duration,
    /// The longest time on end in which one of its windows is open.
    pub held: Duration,
}

/// What one recipient must reckon with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Who.
    pub recipient: Recipient,
    /// Jobs that tell it.
    pub jobs: usize,
    /// Messages a day that repeat what is known, while all of its jobs fail all day and nobody acknowledges: what the
    /// jobs ask for, but no more than the limits let through. News is not counted: one message when a job fails and one
    /// when it is well again.
    pub repeats: u64,
    /// Whether a limit makes it less than the jobs ask for.
    pub limited: bool,
    /// The job that is told last: its name, and the longest time from the beginning of its failure until the message is in
    /// the mailbox, while no limit holds it and mail works.
    pub slowest: (String, Duration),
}

/// What all recipients must reckon with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Each recipient, by name.
    pub recipients: Vec<Expected>,
    /// From this many messages a day on, all but first failures waits for one digest an hour.
    pub near: usize,
    /// A limit holds a first failure for at most this long.
    pub held_max: Duration,
}

/// What the jobs of one recipient ask for.
#[derive(Default)]
struct Asked<'a> {
    jobs: usize,
    repeats: u64,
    slowest: Option<(&'a Policy, Duration)>,
}

/// Reckons what `jobs` lead to at this `site` under `limits`.
pub fn forecast(jobs: &[Watched<'_>], site: &Site, limits: &Limits) -> Forecast {
    let mut asked: BTreeMap<&Recipient, Asked<'_>> = BTreeMap::new();
    for job in jobs {
        let late = told_within(job, site);
        for recipient in job.recipients {
            let asked = asked.entry(recipient).or_default();
            asked.jobs += 1;
            asked.repeats = asked.repeats.saturating_add(repeats_a_day(job.policy));
            if asked.slowest.is_none_or(|(_, time)| late > time) {
                asked.slowest = Some((job.policy, late));
            }
        }
    }
    let near = near(limits);
    let mailed = asked.iter().filter(|(recipient, _)| recipient.is_mail());
    let all = mailed.fold(0u64, |sum, (_, one)| sum.saturating_add(one.repeats));
    let recipients = asked.into_iter().filter_map(|(recipient, asked)| {
        let (policy, time) = asked.slowest?;
        // The day's limit is that of the mail account.
        let most = slow_max(limits, if recipient.is_mail() { all } else { 0 }, near);
        Some(Expected {
            recipient: recipient.clone(),
            jobs: asked.jobs,
            repeats: asked.repeats.min(most),
            limited: most < asked.repeats,
            slowest: (policy.name.clone(), time),
        })
    });
    Forecast { recipients: recipients.collect(), near, held_max: limits.window }
}

/// How often a job that fails all day repeats it: with the run that is nearest to its time.
fn repeats_a_day(policy: &Policy) -> u64 {
    let Some(interval) = interval(policy) else {
        return 0;
    };
    let period = policy.every.period().as_secs().max(1);
    let runs = (interval.as_secs() + period / 2) / period;
    DAY.as_secs() / (period * runs.max(1))
}

/// From its beginning until its news is in a mailbox: the sum of `checker bound`, so that neither promises less than the other.
fn told_within(job: &Watched<'_>, site: &Site) -> Duration {
    let Policy { every, failure_threshold, .. } = *job.policy;
    let judged = job.policy.until_judged();
    site.slow_time((every, failure_threshold, judged), job.seen_after) + site.window_adds(job.held, judged)
}

/// The first count that [`Limits::is_near`].
fn near(limits: &Limits) -> usize {
    limits.daily.saturating_mul(3).div_ceil(4)
}

/// Messages without first news that one recipient gets a day at most, if all together ask for `asked`.
fn slow_max(limits: &Limits, asked: u64, near: usize) -> u64 {
    let windows = DAY.as_secs() / limits.window.as_secs().max(1);
    let in_windows = windows.saturating_mul(limits.burst.saturating_sub(limits.reserve) as u64);
    let near = near as u64;
    let in_day = if asked <= near { u64::MAX } else { near + 24 };
    in_windows.min(in_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::bound::{Fault, Windowed, tests::site};
    use crate::decide::transition::{Input, transition};
    use crate::decide::{AlertKind, JobState};
    use checker_job::{Confirm, Frequency, Notify, Outcome, Remind, Timestamp};
    use uuid::Uuid;

    fn policy(name: &str, every: Frequency, notify: Notify) -> Policy {
        Policy { name: name.to_owned(), every, notify, failure_threshold: 2, ..Policy::default() }
    }

    fn of(policies: &[Policy], daily: usize) -> Forecast {
        let ann = [Recipient("ann@example.com".to_owned())];
        let watched = |policy| Watched { policy, recipients: &ann, seen_after: Duration::ZERO, held: Duration::ZERO };
        let jobs: Vec<Watched<'_>> = policies.iter().map(watched).collect();
        forecast(&jobs, &site_of(&jobs), &Limits { daily, ..Limits::default() })
    }

    /// The usual one, with these jobs.
    fn site_of(jobs: &[Watched<'_>]) -> Site {
        let rhythm = |job: &Watched<'_>| (job.policy.every, job.policy.failure_threshold, job.policy.until_judged());
        let slow = jobs.iter().filter(|job| !job.seen_after.is_zero()).map(|job| (rhythm(job), job.seen_after));
        let windowed = jobs.iter().filter(|job| !job.held.is_zero()).map(|job| Windowed {
            job: rhythm(job),
            seen_after: job.seen_after,
            windows: vec!["updates".to_owned()],
            held: job.held,
        });
        Site { jobs: jobs.iter().map(rhythm).collect(), slow: slow.collect(), windowed: windowed.collect(), ..site() }
    }

    fn repeats(every: Frequency, notify: Notify) -> u64 {
        of(&[policy("a", every, notify)], 1_000_000).recipients[0].repeats
    }

    #[test]
    fn repeats_go_out_with_runs() {
        assert_eq!(repeats(Frequency::Minute, Notify::FiveMinutes), 288);
        assert_eq!(repeats(Frequency::Hour, Notify::FiveMinutes), 24);
        assert_eq!(repeats(Frequency::Hour, Notify::Every), 24);
        assert_eq!(repeats(Frequency::Minutes(7), Notify::TenMinutes), 1_440 / 7, "the run nearest to 10 is at 7");
        assert_eq!(repeats(Frequency::Minute, Notify::StateChange), 1);
        assert_eq!(repeats(Frequency::Minute, Notify::Every), 1_008, "7 of 10 in 10 minutes");
        let mut never = policy("a", Frequency::Minute, Notify::StateChange);
        never.remind = Remind::Never;
        assert_eq!(of(&[never], 200).recipients[0].repeats, 0);
    }

    /// What a job that fails all day is really told as, on its second day.
    fn told(policy: &Policy) -> u64 {
        let (mut state, mut told) = (JobState::default(), 0);
        let period = policy.every.period().as_secs();
        let second_day = DAY.as_secs()..2 * DAY.as_secs();
        for at in (0..2 * DAY.as_secs()).step_by(usize::try_from(period).unwrap_or(60)) {
            let now = Timestamp::from_secs(i64::try_from(1_700_000_000 + at).unwrap_or(0));
            let input = Input {
                now,
                slot: now,
                run: Uuid::from_u128(u128::from(at)),
                started: now,
                took: Duration::ZERO,
                outcome: &Outcome::failed("no"),
                policy,
                recipients: &[Recipient("ann@example.com".to_owned())],
                held: false,
            };
            let step = transition(state, &input);
            let reminders = step.drafts.iter().filter(|d| d.kind == AlertKind::Reminder).count();
            told += if second_day.contains(&at) { reminders as u64 } else { 0 };
            state = step.state;
        }
        told
    }

    #[test]
    fn what_is_forecast_is_what_is_told() {
        for every in [1, 3, 5, 7, 45, 60, 360, 1_440].map(|n| Frequency::parse(&format!("{n}min"))) {
            for notify in Notify::ALL {
                let policy = policy("a", every.clone().unwrap_or(Frequency::Day), notify);
                let (forecast, told) = (repeats_a_day(&policy), told(&policy));
                assert!(forecast.abs_diff(told) <= 1, "{every:?} {notify:?}: {forecast} forecast, {told} told");
            }
        }
    }

    #[test]
    fn the_days_limit_leaves_one_digest_an_hour() {
        let noisy = of(&[policy("a", Frequency::Minute, Notify::FiveMinutes)], 200);
        assert_eq!((noisy.near, noisy.recipients[0].repeats, noisy.recipients[0].limited), (150, 174, true));
        assert!(!Limits::default().is_near(149) && Limits::default().is_near(150));
        let many: Vec<Policy> =
            (0..150).map(|n| policy(&n.to_string(), Frequency::Minute, Notify::StateChange)).collect();
        let quiet = &of(&many, 200).recipients[0];
        assert_eq!((quiet.jobs, quiet.repeats, quiet.limited), (150, 150, false));
    }

    #[test]
    fn the_slowest_job_is_named() {
        let mut slow = policy("slow", Frequency::Hour, Notify::StateChange);
        slow.timeout = Duration::from_secs(90);
        let found = of(&[policy("quick", Frequency::Minute, Notify::StateChange), slow], 200);
        let usual = site();
        let time = |runs: u64| Duration::from_secs(runs) + usual.front() + usual.out();
        let late = time(7_200 + 90 + 11);
        assert_eq!(found.recipients[0].slowest, ("slow".to_owned(), late));
        let quick = of(&[policy("quick", Frequency::Minute, Notify::StateChange)], 200);
        assert_eq!(quick.recipients[0].slowest.1, time(120 + 10));
        let mut asks = policy("asks", Frequency::Minute, Notify::StateChange);
        asks.timeout = Duration::from_secs(40);
        asks.confirm = Confirm::Peers;
        assert_eq!(of(&[asks], 200).recipients[0].slowest.1, time(120 + 40 + 12 + 11));
    }

    #[test]
    fn no_job_is_promised_sooner_than_its_bound_says() {
        let ann = [Recipient("ann@example.com".to_owned())];
        let (none, minutes, hours) = (Duration::ZERO, Duration::from_secs(21 * 60), Duration::from_secs(7_200));
        for every in [Frequency::Minute, Frequency::Minutes(15), Frequency::Day] {
            for timeout in [10, 42, 90].map(Duration::from_secs) {
                for (seen_after, held) in [(none, none), (minutes, none), (none, hours), (minutes, hours)] {
                    let policy = Policy { timeout, ..policy("a", every, Notify::StateChange) };
                    let jobs = [Watched { policy: &policy, recipients: &ann, seen_after, held }];
                    let site = site_of(&jobs);
                    let said = forecast(&jobs, &site, &Limits::default()).recipients[0].slowest.1;
                    let bound = site.longest(Fault::TargetDown).unwrap();
                    assert!(said >= bound, "{every}, {timeout:?}, {seen_after:?}, {held:?}: {said:?} for {bound:?}");
                }
            }
        }
    }
}
