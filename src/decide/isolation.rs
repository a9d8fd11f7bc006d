//! Jobs that end the process that runs them: who is a suspect, who runs apart and in how small a group, who is convicted.
//!
//! A job can end its process in ways that nothing inside can stop: it aborts, overflows the stack, eats the memory, or
//! simply exits. Then all that was claimed and not released is suspect, and runs **apart**: in a process of its own, beside
//! the pass. If that one dies too, those in flight are split into smaller groups, at last each alone. Who dies alone is
//! convicted: its runs are `Failed` without being run, and once an hour it is tried again, alone.

use checker_job::{JobId, Outcome, Timestamp, duration_words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A job that was in flight at a death runs apart for so long.
const HOUR: Duration = Duration::from_secs(3_600);
/// A convicted job is tried again after this time: in the same minute of the next hour, also if cron is early then.
const TRIED_AGAIN: Duration = Duration::from_secs(3_570);
/// What nobody asked for meanwhile is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(8 * 86_400);

/// What is remembered of deaths, of all jobs of this node. Versionless JSON: readers accept unknown and missing fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deaths {
    /// When a pass was last found dead.
    pub died_at: Option<Timestamp>,
    /// Jobs that do not run as others do.
    pub marks: BTreeMap<JobId, Mark>,
}

/// What is held against one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Processes that died while it ran, or might have.
    pub deaths: u32,
    /// It runs apart until then, and at least once.
    pub until: Timestamp,
    /// Set if a process died while it ran alone in it.
    #[serde(default)]
    pub convicted: Option<Conviction>,
}

/// A job that ended its process while it was alone in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conviction {
    /// How the process ended: "SIGABRT: it aborted".
    pub how: String,
    /// When it was last tried.
    pub tried: Timestamp,
}

/// Something that happened to jobs, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A pass was found dead, and these jobs were claimed and not released.
    PassDied(Vec<JobId>),
    /// The process beside the pass died while this job ran in it, alone or not.
    Died {
        /// The job.
        job: JobId,
        /// How the process ended.
        how: String,
        /// Whether the process ran nothing else from its start to its end.
        alone: bool,
    },
    /// It ran apart, and its process lived.
    Survived(JobId),
    /// It did not end in time and holds a thread of the pass. What it does there later may still end the pass.
    Stuck(JobId),
}

/// How a job is to be run.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// With all others.
    Here,
    /// In a process beside the pass, in a group for this many [`Mark::deaths`].
    Apart(u32),
    /// Not at all now: this is its outcome.
    Nowhere(Box<Outcome>),
}

impl Deaths {
    /// Where `job` runs at `now`.
    pub fn place(&self, job: &JobId, now: Timestamp) -> Place {
        match self.marks.get(job) {
            None => Place::Here,
            Some(Mark { convicted: Some(c), .. }) if now >= c.tried && now.since(c.tried) < TRIED_AGAIN => {
                Place::Nowhere(Box::new(c.outcome(Some(now))))
            }
            Some(Mark { convicted: Some(_), .. }) => Place::Apart(ALONE),
            Some(mark) => Place::Apart(mark.deaths),
        }
    }

    /// Takes in what has happened.
    pub fn note(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::PassDied(jobs) => self.pass_died(jobs, now),
            Event::Stuck(job) => self.stuck(job, now),
            Event::Died { job, how, alone } => {
                let mark = self.mark(job, now);
                mark.deaths = mark.deaths.saturating_add(1);
                mark.until = now.plus(HOUR);
                if *alone {
                    mark.convicted = Some(Conviction { how: how.clone(), tried: now });
                }
            }
            Event::Survived(job) => {
                if let Some(mark) = self.marks.get_mut(job) {
                    mark.convicted = None;
                    mark.deaths = 1;
                    if mark.until <= now {
                        self.marks.remove(job);
                    }
                }
            }
        }
    }

    fn stuck(&mut self, job: &JobId, now: Timestamp) {
        let mark = self.mark(job, now);
        mark.deaths = mark.deaths.max(1);
        mark.until = now.plus(HOUR);
    }

    /// One death may be anybody's: a reboot, a hand. Whoever was there at two within an hour stays apart for an hour.
    fn pass_died(&mut self, jobs: &[JobId], now: Timestamp) {
        let again = self.died_at.is_some_and(|at| now.since(at) < HOUR);
        self.died_at = Some(now);
        for job in jobs {
            let mark = self.mark(job, now);
            // The pass may have died of something else while this one ran apart: that is nothing new against it.
            mark.deaths = mark.deaths.max(1);
            if again {
                mark.until = now.plus(HOUR);
            }
        }
        self.marks.retain(|_, mark| now.since(mark.until) < FORGOTTEN);
    }

    fn mark(&mut self, job: &JobId, now: Timestamp) -> &mut Mark {
        self.marks.entry(job.clone()).or_insert(Mark { deaths: 0, until: now, convicted: None })
    }
}

/// With so many [`Mark::deaths`] a job runs alone.
pub const ALONE: u32 = 6;

/// How many jobs may share a process that runs suspects with this many deaths.
fn group_size(deaths: u32) -> usize {
    match deaths {
        0 | 1 => usize::MAX,
        2 => 1_024,
        3 => 128,
        4 => 16,
        5 => 2,
        _ => 1,
    }
}

/// Which suspects share a process, by their place and their [`Mark::deaths`]. Those with one death share one; who was there
/// at more deaths is spread over at least eight, so that a culprit among 256 that were in flight is alone after four.
pub fn groups(suspects: &[(usize, u32)]) -> Vec<Vec<usize>> {
    let mut by_size: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, deaths) in suspects {
        by_size.entry(group_size(*deaths)).or_default().push(*index);
    }
    let mut groups = Vec::new();
    for (size, list) in by_size.into_iter().rev() {
        let size = if size == usize::MAX { size } else { size.min(list.len().div_ceil(8)).max(1) };
        groups.extend(list.chunks(size).map(<[usize]>::to_vec));
    }
    groups
}

impl Conviction {
    /// What a run of the job found: that it cannot be run. `now` if it was not tried in this pass.
    pub fn outcome(&self, now: Option<Timestamp>) -> Outcome {
        let tried = match now {
            Some(now) => format!("It was tried {} ago and not run since. ", duration_words(now.since(self.tried))),
            None => String::new(),
        };
        Outcome::failed(format!("it ends the process that runs it ({}); tried again hourly", self.how)).with_detail(format!(
            "{tried}This job ran alone in a process of its own, after others had died while it ran in them, and that one died \
             too. So it is a fault in the code of the job kind, not of its target: an abort, an overflow of the stack, memory \
             without end, or a call that ends the process. All other jobs run as ever. This one is tried once an hour, alone, \
             and is well again when it survives that."
        ))
    }
}

/// Whether an outcome says that the process it comes from had no file handle left: a fault of ours, not of the target.
/// Some kinds say so in their own words, others pass on the system's.
pub fn is_out_of_handles(outcome: &Outcome) -> bool {
    let says = |text: &str| {
        ["no file handle", "(os error 24)", "(os error 23)", "Too many open files"].iter().any(|w| text.contains(w))
    };
    outcome.verdict != checker_job::Verdict::Ok
        && (says(&outcome.summary) || outcome.cause.as_deref().is_some_and(says) || says(&outcome.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(n: u32) -> JobId {
        JobId::literal(format!("job {n}"))
    }

    const fn at(minutes: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + minutes * 60)
    }

    fn died(n: u32, alone: bool) -> Event {
        Event::Died { job: job(n), how: "SIGABRT".to_owned(), alone }
    }

    #[test]
    fn one_death_makes_suspects_for_one_run() {
        let mut deaths = Deaths::default();
        assert_eq!(deaths.place(&job(1), at(0)), Place::Here);
        deaths.note(&Event::PassDied(vec![job(1), job(2)]), at(1));
        assert_eq!(deaths.place(&job(1), at(1)), Place::Apart(1));
        assert_eq!(deaths.place(&job(3), at(1)), Place::Here);
        // A job that is not due stays a suspect until it has run.
        deaths.note(&Event::Survived(job(1)), at(1));
        assert_eq!(deaths.place(&job(1), at(2)), Place::Here);
        assert_eq!(deaths.place(&job(2), at(50)), Place::Apart(1));
    }

    #[test]
    fn two_deaths_within_an_hour_keep_it_apart_for_an_hour() {
        let mut deaths = Deaths::default();
        deaths.note(&Event::PassDied(vec![job(1)]), at(0));
        deaths.note(&Event::Survived(job(1)), at(0));
        deaths.note(&Event::PassDied(vec![job(1)]), at(59));
        for minute in [59, 60, 118] {
            deaths.note(&Event::Survived(job(1)), at(minute));
            assert_eq!(deaths.place(&job(1), at(minute + 1)), Place::Apart(1), "{minute}");
        }
        deaths.note(&Event::Survived(job(1)), at(119));
        assert_eq!(deaths.place(&job(1), at(120)), Place::Here);
        assert!(deaths.marks.is_empty());
        // An hour later it begins anew.
        deaths.note(&Event::PassDied(vec![job(1)]), at(180));
        deaths.note(&Event::Survived(job(1)), at(180));
        assert_eq!(deaths.place(&job(1), at(181)), Place::Here);
    }

    #[test]
    fn who_holds_a_thread_runs_apart_for_an_hour() {
        let mut deaths = Deaths::default();
        deaths.note(&Event::Stuck(job(1)), at(0));
        deaths.note(&Event::Survived(job(1)), at(59));
        assert_eq!(deaths.place(&job(1), at(59)), Place::Apart(1));
        deaths.note(&Event::Survived(job(1)), at(60));
        assert_eq!(deaths.place(&job(1), at(61)), Place::Here);
    }

    #[test]
    fn kills_of_passes_never_convict_and_never_narrow() {
        let mut deaths = Deaths::default();
        for minute in 0..1_000 {
            deaths.note(&Event::PassDied(vec![job(1)]), at(minute));
            assert_eq!(deaths.place(&job(1), at(minute)), Place::Apart(1));
        }
    }

    /// Runs the suspects as a pass does, where job 7 ends every process that it is in; says how large its groups were.
    fn narrow(count: usize, deaths: &mut Deaths) -> Vec<usize> {
        let mut sizes = Vec::new();
        let mut suspects: Vec<usize> = (0..count).collect();
        loop {
            let of = |i: &usize| match deaths.place(&job(u32::try_from(*i).unwrap()), at(0)) {
                Place::Apart(n) => (*i, n),
                other => panic!("{other:?}"),
            };
            let all = groups(&suspects.iter().map(of).collect::<Vec<_>>());
            assert_eq!(all.iter().map(Vec::len).sum::<usize>(), suspects.len(), "nobody is lost");
            suspects = all.into_iter().find(|g| g.contains(&7)).unwrap();
            sizes.push(suspects.len());
            for i in &suspects {
                deaths.note(&died(u32::try_from(*i).unwrap(), suspects.len() == 1), at(0));
            }
            if suspects.len() == 1 {
                return sizes;
            }
        }
    }

    #[test]
    fn groups_shrink_until_it_is_alone_and_who_dies_alone_is_convicted() {
        for (count, expected) in
            [(256, vec![256, 32, 4, 1]), (8, vec![8, 1]), (10_000, vec![10_000, 1_024, 128, 16, 2, 1]), (1, vec![1])]
        {
            let mut deaths = Deaths::default();
            let jobs = u32::try_from(count).unwrap().max(9);
            deaths.note(&Event::PassDied((0..jobs).map(job).collect()), at(0));
            if count == 1 {
                // The only suspect of a pass is alone from the start.
                deaths.note(&died(7, true), at(0));
            } else {
                assert_eq!(narrow(count, &mut deaths), expected);
            }
            it_is_convicted(&deaths);
        }
    }

    fn it_is_convicted(deaths: &Deaths) {
        let Place::Nowhere(outcome) = deaths.place(&job(7), at(5)) else { panic!("{deaths:?}") };
        let said = "it ends the process that runs it (SIGABRT); tried again hourly";
        assert_eq!((outcome.verdict, outcome.summary.as_str()), (checker_job::Verdict::Failed, said));
        assert!(outcome.detail.starts_with("It was tried 5 min ago and not run since. This job"), "{}", outcome.detail);
        assert!(!matches!(deaths.place(&job(8), at(0)), Place::Nowhere(_)), "it was only near");
    }

    #[test]
    fn the_convicted_is_tried_alone_each_hour_and_is_well_when_it_survives() {
        let mut deaths = Deaths::default();
        deaths.note(&died(1, true), at(0));
        let nowhere = |deaths: &Deaths, minute| matches!(deaths.place(&job(1), at(minute)), Place::Nowhere(_));
        assert!(nowhere(&deaths, 0) && nowhere(&deaths, 59));
        let early = at(60).minus(Duration::from_secs(5));
        let Place::Apart(n) = deaths.place(&job(1), early) else { panic!("{deaths:?}") };
        assert_eq!(n, ALONE);
        deaths.note(&died(1, true), at(60));
        assert!(nowhere(&deaths, 61) && nowhere(&deaths, 119));
        deaths.note(&Event::Survived(job(1)), at(120));
        assert_eq!(deaths.place(&job(1), at(121)), Place::Here, "its hour apart has passed as well");
        // A clock that was set back is no reason to wait for years.
        deaths.note(&died(1, true), at(500));
        assert!(matches!(deaths.place(&job(1), at(100)), Place::Apart(_)));
    }

    #[test]
    fn what_never_ran_again_is_forgotten() {
        let mut deaths = Deaths::default();
        deaths.note(&Event::PassDied(vec![job(1)]), at(0));
        deaths.note(&Event::PassDied(vec![job(2)]), at(8 * 24 * 60 + 1));
        assert_eq!(deaths.marks.keys().collect::<Vec<_>>(), [&job(2)]);
    }

    #[test]
    fn a_want_of_handles_is_known_in_any_words() {
        for words in ["cannot look: Too many open files (os error 24)", "this host has no file handle left"] {
            assert!(is_out_of_handles(&Outcome::failed(words)), "{words}");
            assert!(is_out_of_handles(&Outcome::unknown("x", words)), "{words}");
            assert!(!is_out_of_handles(&Outcome::ok(words)), "{words}");
        }
        assert!(!is_out_of_handles(&Outcome::failed("refused")));
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        let read: Deaths = serde_json::from_str(r#"{"marks":{"a":{"deaths":2,"until":5,"new":1}},"x":1}"#).unwrap();
        assert_eq!(read.marks[&JobId::literal("a")].deaths, 2);
    }
}
