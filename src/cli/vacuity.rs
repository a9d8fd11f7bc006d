//! `checker vacuity [NAME...]`: what each job would still call healthy although it is not.
//!
//! The answers are fetched now and kept nowhere: pages may hold secrets, and passes would have to write them each minute.

use super::args::Vacuity as Args;
use super::exit::{Exit, Failure};
use super::try_job::once;
use super::world::World;
use super::{Cx, counted, is_terminal, json_line};
use crate::decide::vacuity::{Judged, Standing, Tried, judge};
use crate::registry::DynJob;
use crate::runner::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX};
use checker_job::{Context, Failure as Failing, JobId, Message, Outcome, Policy, Recovery, Vacuity, duration_words};
use serde_json::json;
use std::borrow::Cow;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let jobs = chosen(&world, &args.names)?;
    if is_terminal() && !cx.options.json {
        let longest = jobs.iter().map(|job| job.policy().timeout).max().unwrap_or_default();
        let (count, longest) = (counted(jobs.len(), "job"), duration_words(longest));
        drop(writeln!(io::stderr(), "asks {count}; the slowest may take {longest}"));
    }
    for (job, what) in jobs.iter().filter_map(|job| Some((job, job.leaves()?))).filter(|_| !cx.options.json) {
        writeln!(cx.out, "{}: this run leaves {what}", job.policy().name)?;
    }
    cx.out.flush()?;
    let answers = ask(&jobs)?;
    let all = jobs.iter().zip(&answers).zip(judge(&answers));
    let asked: Vec<Asked<'_>> =
        all.map(|((job, vacuity), judged)| Asked { job: job.as_ref(), vacuity: vacuity.as_ref(), judged }).collect();
    if cx.options.json {
        let all: Vec<_> = asked.iter().map(|one| one.to_json(&jobs)).collect();
        json_line(cx, &json!({"v": 1, "jobs": all}))?;
    } else {
        let alone = jobs.len() < world.settings.jobs.len();
        show(cx.out, &asked, &jobs, alone)?;
    }
    let any = |standing| asked.iter().any(|one| one.judged.standing == standing);
    Ok(match args.strict {
        true if any(Standing::Weak) => Exit::Settings,
        true if any(Standing::Unanswered) => Exit::Later,
        _ => Exit::Ok,
    })
}

/// Each of them once.
fn chosen(world: &World, names: &[String]) -> Result<Vec<Arc<dyn DynJob>>, Failure> {
    if names.is_empty() {
        return Ok(world.settings.jobs.clone());
    }
    let mut jobs: Vec<Arc<dyn DynJob>> = Vec::new();
    for name in names {
        let job = world.job(name)?;
        if !jobs.iter().any(|known| known.id() == job.id()) {
            jobs.push(job);
        }
    }
    Ok(jobs)
}

/// Runs each job once, as `checker try` does, and takes what it says of wrong answers.
fn ask(jobs: &[Arc<dyn DynJob>]) -> Result<Vec<Option<Vacuity>>, Failure> {
    let doubted: Vec<Arc<Doubted>> =
        jobs.iter().map(|job| Arc::new(Doubted { job: Arc::clone(job), answer: OnceLock::new() })).collect();
    let as_jobs: Vec<Arc<dyn DynJob>> = doubted.iter().map(|d| Arc::clone(d) as Arc<dyn DynJob>).collect();
    let finished = once(&as_jobs, |_| {})?;
    let answers = doubted.iter().zip(finished).map(|(doubted, finished)| {
        let said = doubted.answer.get().cloned();
        // Without one it was cut off, or it panicked.
        let mut said = said.unwrap_or_else(|| Some(Vacuity::without_answer(finished.outcome.clone())));
        if let Some(vacuity) = &mut said {
            vacuity.outcome = finished.outcome;
            for mutation in &mut vacuity.mutations {
                mutation.outcome = mutation.outcome.clone().bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX);
            }
        }
        said
    });
    Ok(answers.collect())
}

/// A job that is asked what it would make of wrong answers, with all that the runner does around a run.
struct Doubted {
    job: Arc<dyn DynJob>,
    /// Of a kind that does not say, an empty one.
    answer: OnceLock<Option<Vacuity>>,
}

impl DynJob for Doubted {
    fn id(&self) -> &JobId {
        self.job.id()
    }

    fn policy(&self) -> &Policy {
        self.job.policy()
    }

    fn kind(&self) -> &'static str {
        self.job.kind()
    }

    fn blocking(&self) -> bool {
        self.job.blocking()
    }

    fn handles(&self) -> usize {
        self.job.handles()
    }

    fn execute<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async {
            let said = self.job.vacuity(cx).await;
            let outcome = said.as_ref().map_or_else(|| Outcome::ok("not asked"), |said| said.outcome.clone());
            // A run is one call.
            drop(self.answer.set(said));
            outcome
        })
    }

    fn leaves(&self) -> Option<String> {
        self.job.leaves()
    }

    fn seen_after(&self) -> Duration {
        self.job.seen_after()
    }

    fn on_failure(&self, failure: &Failing<'_>) -> Message {
        self.job.on_failure(failure)
    }

    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message {
        self.job.on_recovery(recovery)
    }
}

/// One job, with what came of it.
struct Asked<'a> {
    job: &'a dyn DynJob,
    vacuity: Option<&'a Vacuity>,
    judged: Judged<'a>,
}

impl Asked<'_> {
    fn show(&self, out: &mut dyn Write, jobs: &[Arc<dyn DynJob>]) -> io::Result<()> {
        let name = &self.job.policy().name;
        let (standing, caveat, tried) = (self.judged.standing, self.judged.caveat, &self.judged.tried);
        match (standing, self.vacuity.map(|v| &v.outcome)) {
            (Standing::Strong, _) => writeln!(out, "{name}: {}", self.notices())?,
            (Standing::Partly, _) if tried.is_empty() => writeln!(out, "{name}: cannot be judged: {caveat}")?,
            (Standing::Partly, _) => writeln!(out, "{name}: {}, but {caveat}", self.notices())?,
            (Standing::Weak, _) => writeln!(out, "{name}: WEAK, would call healthy:")?,
            (Standing::Unanswered, Some(outcome)) => {
                writeln!(out, "{name}: cannot be judged now, it is {}: {}", outcome.verdict.word(), outcome.summary)?;
            }
            (Standing::Unsaid, Some(_)) => {
                writeln!(out, "{name}: cannot be judged: nothing of its answer could be made wrong")?;
            }
            (Standing::Unanswered | Standing::Unsaid, None) => {
                let kind = self.job.kind();
                writeln!(out, "{name}: cannot be judged: the kind {kind} does not say what it makes of wrong answers")?;
            }
        }
        for tried in tried.iter().filter(|tried| !tried.is_noticed()) {
            writeln!(out, "    {}", line(tried, jobs))?;
        }
        for tried in tried.iter().filter(|tried| !tried.mutation.is_noticed()) {
            if let Some(other) = tried.others.first().and_then(|i| jobs.get(*i)) {
                writeln!(out, "    ({}: that is for {})", tried.mutation.what, other.policy().name)?;
            }
        }
        Ok(())
    }

    /// `notices all of 3 wrong answers`, or with others.
    fn notices(&self) -> String {
        let count = self.judged.tried.len();
        let own = self.judged.tried.iter().filter(|tried| tried.mutation.is_noticed()).count();
        match count {
            1 if own == 1 => "notices the one wrong answer that was tried".to_owned(),
            _ if own == count => format!("notices all of {count} wrong answers"),
            _ => format!("notices {own} of {count} wrong answers, and other jobs the rest"),
        }
    }

    fn to_json(&self, jobs: &[Arc<dyn DynJob>]) -> serde_json::Value {
        let tried = self.judged.tried.iter().map(|tried| {
            let m = tried.mutation;
            let others: Vec<&JobId> = tried.others.iter().filter_map(|i| jobs.get(*i)).map(|j| j.id()).collect();
            json!({
                "name": m.name, "what": m.what, "of": m.of, "noticed": m.is_noticed(), "noticed_by": others,
                "remedy": remedy(tried, jobs), "verdict": m.outcome.verdict, "summary": m.outcome.summary,
            })
        });
        json!({
            "id": self.job.id(), "name": self.job.policy().name, "kind": self.job.kind(),
            "standing": word(self.judged.standing), "caveat": self.judged.caveat, "leaves": self.job.leaves(),
            "outcome": self.vacuity.map(|v| &v.outcome), "mutations": tried.collect::<Vec<_>>(),
        })
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Strong => "strong",
        Standing::Weak => "weak",
        Standing::Partly => "partly",
        Standing::Unanswered => "unanswered",
        Standing::Unsaid => "unsaid",
    }
}

/// One that nobody would notice.
fn line(tried: &Tried<'_>, jobs: &[Arc<dyn DynJob>]) -> String {
    match remedy(tried, jobs).as_ref() {
        "" => tried.mutation.what.to_string(),
        remedy => format!("{}; to notice it, {remedy}", tried.mutation.what),
    }
}

/// What to set: where the job that has a key for it is there already, in that one.
fn remedy<'a>(tried: &Tried<'a>, jobs: &[Arc<dyn DynJob>]) -> Cow<'a, str> {
    let nearer = tried.nearer.and_then(|(index, mutation)| Some((jobs.get(index)?, mutation)));
    match nearer {
        Some((job, mutation)) => Cow::Owned(format!("in the job {}: {}", job.policy().name, mutation.remedy)),
        None => Cow::Borrowed(&*tried.mutation.remedy),
    }
}

fn show(out: &mut dyn Write, asked: &[Asked<'_>], jobs: &[Arc<dyn DynJob>], alone: bool) -> io::Result<()> {
    for one in asked {
        one.show(out, jobs)?;
    }
    let count = |standing| asked.iter().filter(|one| one.judged.standing == standing).count();
    let (weak, strong) = (count(Standing::Weak), count(Standing::Strong));
    let unknown = asked.len() - weak - strong;
    writeln!(out, "{}: {weak} weak, {strong} strong, {unknown} not known", counted(asked.len(), "job"))?;
    let waits = |one: &Asked<'_>| one.judged.tried.iter().any(|t| !t.is_noticed() && t.mutation.of.is_some());
    if alone && asked.iter().any(waits) {
        writeln!(out, "Another job may notice what these do not: without names, all jobs are asked together.")?;
    }
    Ok(())
}
