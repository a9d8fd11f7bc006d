//! `checker look`: not for hands. The daemon starts it to look at a target for a peer; see [`crate::daemon::looks`].

use super::Cx;
use super::exit::{Exit, Failure};
use super::try_job::once;
use crate::daemon::looks::Order;
use crate::peer::confirm::Answer;
use crate::registry::Registry;
use checker_parts::net::reach::{self, Reach};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use std::io::{self, Read as _};
use std::time::Duration;

const LED_ASTRAY: &str = "it leads to an address that this node does not look at for others";
/// The longest order, in bytes.
const ORDER_MAX: u64 = 64 * 1024;

/// What a look may use: memory in bytes, processor time in seconds, handles, and nothing on the disk.
const LIMITS: [(Resource, u64); 5] = [
    (Resource::RLIMIT_DATA, 256 * 1024 * 1024),
    (Resource::RLIMIT_CPU, 3),
    (Resource::RLIMIT_NOFILE, 64),
    (Resource::RLIMIT_FSIZE, 0),
    (Resource::RLIMIT_CORE, 0),
];

pub(super) fn run(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    // Whoever started us has a thread for this that lives longer than we may.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)?;
    rustix::process::nice(19).map_err(io::Error::from)?;
    let order: Order = serde_json::from_reader(io::stdin().lock().take(ORDER_MAX)).map_err(io::Error::from)?;
    // Not before: the limit of handles of a new process is set by who starts it, a moment after it was started.
    for (resource, limit) in LIMITS {
        setrlimit(resource, limit, limit).map_err(io::Error::from)?;
    }
    reach::limit(if order.private { Reach::Private } else { Reach::Public });
    let answer = look(cx.registry, &order)?;
    cx.out.write_all(&answer.bytes())?;
    Ok(Exit::Ok)
}

fn look(registry: &Registry, order: &Order) -> Result<Answer, Failure> {
    let job = match registry.look(&order.look, Duration::from_millis(order.timeout_ms)) {
        Ok(job) => job,
        Err(why) => return Ok(Answer::cannot(why)),
    };
    let Some(finished) = once(&[job], |_| {})?.pop() else { return Ok(Answer::cannot("its look gave no answer")) };
    if reach::was_refused() {
        // Which one is not said: names of a network of ours may lead there.
        return Ok(Answer::cannot(LED_ASTRAY));
    }
    Ok(Answer::tried(finished.outcome))
}
