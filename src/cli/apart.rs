//! `checker apart`: not for hands. A pass starts it to run jobs that may end their process; see [`crate::apart`].

use super::Cx;
use super::exit::{Exit, Failure};
use super::world::World;
use crate::apart::{Line, Order};
use crate::registry::DynJob;
use crate::runner::{Options, Runner, Work};
use checker_job::JobId;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn run(cx: &Cx<'_>) -> Result<Exit, Failure> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)?;
    // Whoever eats the memory of this host is ended before anybody else.
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    // What a job prints goes nowhere, and no job can close this.
    let out = Arc::new(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    nix::unistd::dup2_stdout(File::options().write(true).open("/dev/null")?).map_err(io::Error::from)?;
    let order: Order = serde_json::from_reader(io::stdin().lock()).map_err(io::Error::from)?;
    if std::os::unix::process::parent_id() != order.parent {
        return Ok(Exit::Ok);
    }
    let world = World::load_or_recall(cx, false)?;
    let jobs: BTreeMap<&JobId, &Arc<dyn DynJob>> = world.settings.jobs.iter().map(|j| (j.id(), j)).collect();
    let (mut places, mut work) = (Vec::new(), Vec::new());
    for wanted in &order.jobs {
        if let Some(job) = jobs.get(&wanted.job) {
            places.push(wanted.index);
            work.push(Work { job: Arc::clone(job), run: wanted.run });
        }
    }
    let places: Arc<[usize]> = places.into();
    let begins = {
        let (out, places) = (Arc::clone(&out), Arc::clone(&places));
        // If this cannot be written, the pass is gone, and so are we in a moment.
        move |index: usize| drop(places.get(index).map(|place| say(&out, &Line::Begins(*place))))
    };
    let options = Options {
        now: order.now,
        at_once: order.at_once,
        scratch: order.scratch.into(),
        begins: Some(Arc::new(begins)),
    };
    let mut runner = Runner::start(work, options)?;
    while runner.open() > 0 {
        let Some(mut finished) = runner.next(Duration::from_secs(1)) else { continue };
        let Some(place) = places.get(finished.index) else { continue };
        finished.index = *place;
        say(&out, &Line::from(finished))?;
    }
    say(&out, &Line::Done)?;
    Ok(Exit::Ok)
}

/// One write a line, so that lines of several threads do not mix: a pipe takes up to 4 KiB at once, and whatever is longer
/// is written under a lock.
fn say(out: &File, line: &Line) -> io::Result<()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut out = out;
    out.write_all(&text)
}
