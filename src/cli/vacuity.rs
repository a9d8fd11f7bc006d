//! `checker vacuity [NAME...]`: what each job would still call healthy although it is not.
//!
//! The answers are fetched now and kept nowhere: pages may hold secrets, and passes would have to write them each minute.

use super::args::Vacuity as Args;
use super::exit::{Exit, Failure};
use super::try_job::once;
use super::world::World;
use super::{Cx, counted, json_line};
use crate::decide::vacuity::{Judged, Standing, Tried, judge};
use crate::registry::DynJob;
use crate::runner::Finished;
use checker_job::{Context, Failure as Failing, JobId, Message, Outcome, Policy, Recovery, Vacuity};
use serde_json::json;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let jobs = match args.names.as_slice() {
        [] => world.settings.jobs.clone(),
        names => names.iter().map(|name| world.job(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let (finished, answers) = ask(&jobs)?;
    let judged = judge(&answers);
    let asked: Vec<Asked<'_>> = jobs
        .iter()
        .zip(&finished)
        .zip(judged)
        .map(|((job, finished), judged)| Asked { job: job.as_ref(), finished, judged })
        .collect();
    if cx.options.json {
        let all: Vec<_> = asked.iter().map(|one| one.to_json(&jobs)).collect();
        json_line(cx, &json!({"v": 1, "jobs": all}))?;
    } else {
        let alone = jobs.len() < world.settings.jobs.len();
        show(cx.out, &asked, &jobs, alone)?;
    }
    let weak = asked.iter().any(|one| one.judged.standing == Standing::Weak);
    Ok(if args.strict && weak { Exit::Settings } else { Exit::Ok })
}

/// Runs each job once, as `checker try` does, and takes what it says of wrong answers.
fn ask(jobs: &[Arc<dyn DynJob>]) -> Result<(Vec<Finished>, Vec<Option<Vacuity>>), Failure> {
    let doubted: Vec<Arc<Doubted>> =
        jobs.iter().map(|job| Arc::new(Doubted { job: Arc::clone(job), answer: OnceLock::new() })).collect();
    let as_jobs: Vec<Arc<dyn DynJob>> = doubted.iter().map(|d| Arc::clone(d) as Arc<dyn DynJob>).collect();
    let finished = once(&as_jobs, |_| {})?;
    let answers = doubted.iter().zip(&finished).map(|(doubted, finished)| {
        let said = doubted.answer.get().cloned();
        // Without one it was cut off, or it panicked.
        said.unwrap_or_else(|| Some(Vacuity::without_answer(finished.outcome.clone())))
    });
    let answers = answers.collect();
    Ok((finished, answers))
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
    finished: &'a Finished,
    judged: Judged<'a>,
}

impl Asked<'_> {
    fn show(&self, out: &mut dyn Write, jobs: &[Arc<dyn DynJob>]) -> io::Result<()> {
        let name = &self.job.policy().name;
        match self.judged.standing {
            Standing::Strong => {
                let but = match self.judged.caveat {
                    "" => String::new(),
                    caveat => format!(", but {caveat}"),
                };
                writeln!(out, "{name}: notices all of {} wrong answers{but}", self.judged.tried.len())?;
            }
            Standing::Weak => writeln!(out, "{name}: WEAK, would call healthy:")?,
            Standing::Unanswered => {
                let outcome = &self.finished.outcome;
                writeln!(out, "{name}: cannot be judged now, it is {}: {}", outcome.verdict.word(), outcome.summary)?;
            }
            Standing::Unsaid => {
                let kind = self.job.kind();
                writeln!(out, "{name}: cannot be judged, the kind {kind} does not say what it makes of wrong answers")?;
            }
        }
        for tried in self.judged.tried.iter().filter(|tried| !tried.mutation.is_noticed()) {
            writeln!(out, "    {}", line(tried, jobs))?;
        }
        Ok(())
    }

    fn to_json(&self, jobs: &[Arc<dyn DynJob>]) -> serde_json::Value {
        let tried = self.judged.tried.iter().map(|tried| {
            let m = tried.mutation;
            let others: Vec<&JobId> = tried.others.iter().filter_map(|i| jobs.get(*i)).map(|j| j.id()).collect();
            json!({
                "name": m.name, "what": m.what, "of": m.of, "noticed": m.is_noticed(), "noticed_by": others,
                "remedy": m.remedy, "verdict": m.outcome.verdict, "summary": m.outcome.summary,
            })
        });
        json!({
            "id": self.job.id(), "name": self.job.policy().name, "kind": self.job.kind(),
            "standing": word(self.judged.standing), "caveat": self.judged.caveat, "outcome": self.finished.outcome,
            "mutations": tried.collect::<Vec<_>>(),
        })
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Strong => "strong",
        Standing::Weak => "weak",
        Standing::Unanswered => "unanswered",
        Standing::Unsaid => "unsaid",
    }
}

/// One that the job itself would not notice.
fn line(tried: &Tried<'_>, jobs: &[Arc<dyn DynJob>]) -> String {
    let m = tried.mutation;
    match (tried.others.first().and_then(|i| jobs.get(*i)), m.remedy.as_ref()) {
        (Some(other), _) => format!("({}: {} notices it)", m.what, other.policy().name),
        (None, "") => m.what.to_string(),
        (None, remedy) => format!("{}; to notice it, {remedy}", m.what),
    }
}

fn show(out: &mut dyn Write, asked: &[Asked<'_>], jobs: &[Arc<dyn DynJob>], alone: bool) -> io::Result<()> {
    for one in asked {
        one.show(out, jobs)?;
    }
    let count = |standing| asked.iter().filter(|one| one.judged.standing == standing).count();
    let (weak, strong) = (count(Standing::Weak), count(Standing::Strong));
    let unknown = asked.len() - weak - strong;
    writeln!(out, "{}: {weak} weak, {strong} strong, {unknown} that cannot be judged", counted(asked.len(), "job"))?;
    let waits = |one: &Asked<'_>| one.judged.tried.iter().any(|t| !t.is_noticed() && t.mutation.of.is_some());
    if alone && asked.iter().any(waits) {
        writeln!(out, "Another job may notice what these do not: without names, all jobs are asked together.")?;
    }
    Ok(())
}
