//! Which jobs run in this pass.

use super::ids::Ids;
use crate::decide::JobState;
use crate::decide::schedule::{Called, Class, Reason, Slots, due};
use crate::decide::window::{Windows, owes};
use crate::registry::DynJob;
use crate::store::Slot;
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A job that is due.
pub(super) struct Due {
    pub(super) job: Arc<dyn DynJob>,
    pub(super) run: Uuid,
    pub(super) slot: Timestamp,
    pub(super) reason: Reason,
}

impl Due {
    /// Whether it is due in spite of what was committed since it was selected. `windows` are all there are.
    pub(super) fn still_due(
        &self,
        known: Option<&JobState>,
        windows: &Windows,
        now: Timestamp,
        called: Called,
    ) -> bool {
        match self.reason {
            Reason::Hidden => return true,
            // Another pass may have run it meanwhile, and told.
            Reason::WindowEnded => return known.is_some_and(|k| owes(k, &windows.of(self.job.id()), now)),
            _ => {}
        }
        due(self.job.policy().every, known.and_then(|k| k.slot), self.slot, now, called).is_some()
    }
}

/// Why a job did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Its slot is served.
    NotDue,
    /// Its slot waits for its own crontab line.
    OtherClass(Class),
    /// An earlier pass still runs it.
    Running,
    /// Another pass has served its slot meanwhile.
    Served,
    /// It is judged by records, and they cannot be read now.
    NoRecords,
    /// The processes beside this pass had no time left for it: the next pass begins with it.
    Left,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDue => f.write_str("ran already in this slot"),
            Self::OtherClass(class) => write!(f, "waits for -c {class}"),
            Self::Running => f.write_str("still runs in an earlier pass"),
            Self::NoRecords => f.write_str("records of scripts cannot be read: the state is not in its own place"),
            Self::Left => f.write_str("left to the next pass: it runs apart, and time was up"),
            Self::Served => f.write_str("another pass has just run it"),
        }
    }
}

/// Where nothing is remembered, a slot cannot be known as served: a job runs in the minute in which its slot begins, and
/// in the passes that may tell, every ten minutes, what began since the last of them.
fn window(now: Timestamp) -> Duration {
    const MINUTE: u64 = 60;
    let tells = now.micros() / 60_000_000 % 10 == 0;
    Duration::from_secs(if tells { 10 * MINUTE } else { MINUTE })
}

/// When a pass began, what cron called for, and whether nothing is remembered from pass to pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) now: Timestamp,
    pub(super) called: Called,
    pub(super) fleeting: bool,
}

/// Everything due and everything in `once_more`, whatever its slot; the quickest to time out first, so that slow ones never
/// hold all places while others wait. What a job is `known` by is taken out: what stays there is of no job.
pub(super) fn select(
    jobs: &[Arc<dyn DynJob>],
    known: &mut HashMap<JobId, Slot>,
    once_more: &BTreeMap<JobId, Reason>,
    slots: &mut Slots<'_>,
    call: Call,
    skipped: &mut Vec<(String, Skipped)>,
) -> Vec<Due> {
    let Call { now, called, fleeting } = call;
    let (mut list, mut ids) = (Vec::new(), Ids::new(now));
    for job in jobs {
        let every = job.policy().every;
        let slot = slots.of(every);
        let served = known.remove(job.id()).and_then(|k| k.slot);
        let its_time = !fleeting || called == Called::Now || now.since(slot) < window(now);
        let again = once_more.get(job.id()).copied();
        if let Some(reason) = due(every, served, slot, now, called).filter(|_| its_time).or(again) {
            list.push(Due { job: Arc::clone(job), run: ids.fresh(), slot, reason });
        } else {
            let class = Class::of(every);
            let waits = !called.includes(class) && due(every, served, slot, now, Called::All).is_some();
            let why = if waits { Skipped::OtherClass(class) } else { Skipped::NotDue };
            skipped.push((job.policy().name.clone(), why));
        }
    }
    list.sort_by_key(|d| d.job.policy().timeout);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Episode;
    use crate::settings::{Env, Settings, load_text};
    use checker_job::Verdict;
    use std::path::Path;

    const SETTINGS: &str = "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\ntimezone = \"UTC\"\n\n\
        [email]\ntransport = \"file\"\nfrom = \"checker@example.com\"\n\n[[window]]\nname = \"night\"\njobs = [\"shop\"]\n\
        start = \"02:00\"\nlength = \"2h\"\n\n[[job.command]]\nname = \"shop\"\nevery = \"day\"\ncommand = [\"/bin/true\"]\n";

    fn settings() -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("settings.cfg");
        let env = Env::bare(Path::new(folder.path()));
        load_text(&at, SETTINGS, &crate::bundled(), &env).map_err(|report| report.render()).unwrap().0
    }

    /// What failed first at `since` and is told by nobody.
    fn untold(since: Timestamp, planned: bool) -> JobState {
        let failure = Episode {
            number: 1,
            since,
            count: 2,
            confirmed: true,
            verdict: Verdict::Failed,
            told_verdict: None,
            told_at: None,
            next_step: 0,
            addressed: std::collections::BTreeSet::new(),
        };
        JobState {
            slot: Some(Timestamp::from_secs(0)),
            planned,
            failure: Some(Box::new(failure)),
            ..JobState::default()
        }
    }

    #[test]
    fn what_runs_once_more_at_the_end_of_a_window_does_so_only_while_it_still_owes_its_news() {
        const HOUR: i64 = 3_600;
        let settings = settings();
        let job = Arc::clone(settings.jobs.first().unwrap());
        let due = Due { job, run: Uuid::nil(), slot: Timestamp::from_secs(0), reason: Reason::WindowEnded };
        let (ran, after) = (Timestamp::from_secs(3 * HOUR), Timestamp::from_secs(4 * HOUR + 60));
        let still =
            |known: Option<&JobState>, now| due.still_due(known, &settings.windows, now, Called::Class(Class::Minute));
        assert!(still(Some(&untold(ran, true)), after), "nobody has run it since");
        assert!(!still(Some(&untold(ran, false)), after), "another pass has, outside of the window, and has told");
        let well = JobState { planned: true, slot: Some(Timestamp::from_secs(0)), ..JobState::default() };
        assert!(!still(Some(&well), after), "another pass has, and it is well");
        assert!(!still(None, after), "nothing is known of it any more");
        assert!(!still(Some(&untold(ran, true)), Timestamp::from_secs(27 * HOUR)), "the next one has begun");
    }
}
