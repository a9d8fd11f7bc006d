//! Would the job notice that the processes are gone, too many, or not the ones that are meant? What was found is made wrong, and
//! judged as it is in a run.

use crate::ProcessJob;
use crate::look::{self, Look};
use crate::pidfile::{self, Named, Stop};
use crate::proc::{Proc, Stat};
use crate::select::{Closer, Select, is_interpreter, script};
use checker_job::{Context, Mutation, Vacuity, Verdict, duration_words};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// Of what there are few on a host that is well.
const MANY: usize = 1_000;

/// Looks, and judges what was found in forms that are wrong.
pub(crate) fn vacuity(job: &ProcessJob, proc: &Proc, cx: &Context) -> Vacuity {
    let look = match job.look(proc, cx) {
        Ok(look) => look,
        Err(stop) => return Vacuity::without_answer(job.judge(Err(stop))),
    };
    let outcome = job.judge(Ok(look.clone()));
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut mutations = Vec::new();
    if job.limits.min > 0 && !is_whole_host(&job.select) {
        mutations.extend(awaited(job, proc, &look));
    }
    mutations.extend(limited(job, &look));
    Vacuity::new(outcome, mutations)
}

/// Whether any process is meant: some always run.
fn is_whole_host(select: &Select) -> bool {
    !select.wants_a_closer_look() && select.user.is_none()
}

/// What may become of processes that must run.
fn awaited(job: &ProcessJob, proc: &Proc, look: &Look) -> Vec<Mutation> {
    let judge = |found: Vec<Stat>| job.judge(Ok(Look { found, ..look.clone() }));
    let gone = match (&job.pidfile, look.found.first()) {
        (Some(file), Some(stat)) => {
            let nobody = Err(ErrorKind::NotFound.into());
            let none = Look { found: Vec::new(), ..look.clone() };
            job.judge(named(job, file, stat, none, nobody, &|_| Ok(true)))
        }
        _ => judge(Vec::new()),
    };
    let stopped = look.found.iter().map(|stat| Stat { state: 'T', ..stat.clone() }).collect();
    let mut all = vec![
        Mutation::new("gone", "none of these processes", "", gone),
        Mutation::new("stopped", "the same processes, stopped by a signal", "", judge(stopped)),
    ];
    // In a month, so that it matters nothing when the host was started.
    let since_boot = look.since_boot.saturating_add(MONTH);
    let new = look.found.iter().map(|stat| Stat { started: since_boot, ..stat.clone() }).collect();
    let restarted = job.judge(Ok(Look { found: new, since_boot, ..look.clone() }));
    let what = "the same processes, all started just now, as when they end again and again";
    all.push(Mutation::new("restarted", what, "set restarted_within", restarted));
    all.extend(other_program(job, proc, look));
    all
}

/// More, older or larger than they may be: where the settings have a limit for it, or many have none.
fn limited(job: &ProcessJob, look: &Look) -> Vec<Mutation> {
    let limits = &job.limits;
    let one = look.found.first().cloned().unwrap_or_else(|| new_one(look));
    let with = |more: Vec<Stat>| {
        let found = look.found.iter().cloned().chain(more).collect();
        job.judge(Ok(Look { found, ..look.clone() }))
    };
    let in_state = |state: char| with(vec![Stat { state, ..one.clone() }; MANY]);
    let mut all = Vec::new();
    if limits.max == Some(0) {
        all.push(Mutation::new("present", "one of these processes", "", with(vec![new_one(look)])));
    } else if job.pidfile.is_none() && (limits.max.is_some() || (limits.min > 0 && !is_whole_host(&job.select))) {
        all.push(many(job, look, &one));
    }
    if !limits.memory.is_empty() && look.memory > 0 {
        let what = "a process that takes all the memory of this host";
        let remedy = "set memory_warning or memory_critical to less";
        // In the place of one: there must not be one too many.
        let large = Stat { memory: look.memory, state: 'S', ..one.clone() };
        let found = std::iter::once(large).chain(look.found.iter().skip(1).cloned()).collect();
        all.push(Mutation::new("large", what, remedy, job.judge(Ok(Look { found, ..look.clone() }))));
    }
    if !limits.age.is_empty() {
        all.push(endless(job, look));
    }
    if !limits.zombies.is_empty() {
        let remedy = "set zombies_warning or zombies_critical to less";
        all.push(Mutation::new("zombies", format!("{MANY} zombies"), remedy, in_state('Z')));
    }
    if !limits.blocked.is_empty() {
        let what = format!("{MANY} processes that wait for a disk without end");
        let remedy = "set blocked_warning or blocked_critical to less";
        all.push(Mutation::new("blocked", what, remedy, in_state('D')));
    }
    all
}

fn many(job: &ProcessJob, look: &Look, one: &Stat) -> Mutation {
    let found: Vec<Stat> = match look.found.as_slice() {
        [] => vec![one.clone(); MANY],
        found => found.iter().cycle().take(found.len() * 10).cloned().collect(),
    };
    let what = format!("{} of these processes, where there are {} now", found.len(), look.found.len());
    let remedy = if job.limits.max.is_some() { "set max to less" } else { "set max" };
    Mutation::new("too_many", what, remedy, job.judge(Ok(Look { found, ..look.clone() })))
}

/// All of them, ten times as old, and a month at least.
fn endless(job: &ProcessJob, look: &Look) -> Mutation {
    let found = if look.found.is_empty() { vec![new_one(look)] } else { look.found.clone() };
    let oldest = found.iter().map(|stat| look.since_boot.saturating_sub(stat.started)).max().unwrap_or_default();
    let longer = oldest.saturating_mul(9).max(MONTH);
    let what = format!("a process that runs for {}", duration_words(oldest.saturating_add(longer)));
    let remedy = "set age_warning or age_critical to less";
    let since_boot = look.since_boot.saturating_add(longer);
    Mutation::new("endless", what, remedy, job.judge(Ok(Look { found, since_boot, ..look.clone() })))
}

/// Where none is there now.
fn new_one(look: &Look) -> Stat {
    Stat {
        pid: u32::MAX,
        name: String::new(),
        state: 'S',
        parent: 1,
        session: 0,
        is_kernel_thread: false,
        started: look.since_boot,
        memory: 0,
    }
}

/// The processes that are found, had each been another program that looks like it.
fn other_program(job: &ProcessJob, proc: &Proc, look: &Look) -> Option<Mutation> {
    if !job.select.wants_a_closer_look() {
        return None;
    }
    let mut others = Vec::new();
    let mut said = None;
    for stat in look.found.iter().filter(|stat| !stat.has_died()) {
        // What has ended since is left out; so is what has no words, as threads of the kernel: nobody else can look like it.
        let Some(real) = look::closer(proc, stat).ok().filter(|closer| !closer.words.is_empty()) else { continue };
        let other = disguised(&job.select, stat, &real);
        said = Some((other.what, other.remedy));
        others.push((stat, other.closer));
    }
    let (what, remedy) = said?;
    let outcome = if let (Some(file), [(stat, closer)]) = (&job.pidfile, others.as_slice()) {
        let none = Look { found: Vec::new(), ..look.clone() };
        let fits = |stat: &Stat| Ok(job.select.fits(stat, closer));
        job.judge(named(job, file, stat, none, Ok((*stat).clone()), &fits))
    } else {
        let fitting = others.into_iter().filter(|(stat, closer)| job.select.fits(stat, closer));
        job.judge(Ok(Look { found: fitting.map(|(stat, _)| stat.clone()).collect(), ..look.clone() }))
    };
    Some(Mutation::new("wrong_answer", what, remedy, outcome))
}

fn named(
    job: &ProcessJob,
    file: &Path,
    real: &Stat,
    look: Look,
    stat: io::Result<Stat>,
    fits: &dyn Fn(&Stat) -> io::Result<bool>,
) -> Result<Look, Stop> {
    pidfile::named(&Named { file, pid: real.pid, select: &job.select, fits }, look, stat)
}

struct Other {
    what: &'static str,
    remedy: &'static str,
    closer: Closer,
}

const REMEDY: &str = "give program as a whole path, or set command_contains or command_matches";

/// What could be taken for the program: one that has the same text among its words, another script, or a program of the same
/// name in another place.
fn disguised(select: &Select, stat: &Stat, real: &Closer) -> Other {
    let Closer { words, executable } = real;
    if select.program.is_none() {
        let what = "an editor that has the same words in its command line";
        let words = std::iter::once("vi".to_owned()).chain(words.iter().cloned()).collect();
        return Other { what, remedy: "set program", closer: Closer { words, executable: Some("/usr/bin/vi".into()) } };
    }
    let first = words.first().map(Path::new);
    let runs_scripts = executable.as_deref().into_iter().chain(first).any(is_interpreter);
    if let Some(script) = script(words).filter(|_| runs_scripts) {
        let running = |script: PathBuf| {
            let words = words.iter().take(1).cloned().chain([script.display().to_string()]).collect();
            Closer { words, executable: executable.clone() }
        };
        let other = running("/opt/other/script".into());
        let of_program = Select { program: select.program.clone(), ..Select::default() };
        // Else the settings name the script, and not what runs it.
        if of_program.fits(stat, &other) {
            return Other { what: "another script, run by the same program", remedy: REMEDY, closer: other };
        }
        let what = "another script of that name, in another folder";
        return Other { what, remedy: REMEDY, closer: running(elsewhere(script.file_name())) };
    }
    let name = executable.as_deref().or(first.filter(|first| first.has_root())).and_then(Path::file_name);
    let place = elsewhere(Some(name.unwrap_or(OsStr::new(&stat.name))));
    // A program that shows a title in place of its path does so wherever it lies.
    let title = words.first().filter(|_| !first.is_some_and(Path::has_root));
    let words = vec![title.cloned().unwrap_or_else(|| place.display().to_string()), "--other".to_owned()];
    // Whose file cannot be seen now could not be seen then.
    let executable = executable.as_ref().map(|_| place);
    let what = "another program of that name, in another folder and with other words in its command line";
    Other { what, remedy: REMEDY, closer: Closer { words, executable } }
}

fn elsewhere(name: Option<&OsStr>) -> PathBuf {
    Path::new("/opt/other").join(name.unwrap_or_default())
}
