//! `[drill] every`: drills by the calendar. Each is a process of its own, `checker drill`, which tells by itself what came of it.

use crate::control::Program;
use crate::decide::drill;
use checker_job::Timestamp;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::watch;

/// The clock may be set and the machine may sleep: it is looked at again after this.
const LOOK: Duration = Duration::from_secs(3_600);
/// Where a drill could not be begun, the next try comes after this.
const RETRY: Duration = Duration::from_secs(3_600);

/// How drills are started.
pub struct Drills {
    /// How often.
    pub every: Duration,
    /// The arguments of the program.
    pub args: Vec<OsString>,
    /// When a drill was last begun, as it is remembered. `None`: none yet.
    pub last: Box<dyn Fn() -> Option<Timestamp> + Send>,
    /// The time.
    pub now: Box<dyn Fn() -> Timestamp + Send>,
}

/// Runs a drill whenever one is due, until `stop`.
pub async fn run(drills: Drills, mut stop: watch::Receiver<bool>) {
    loop {
        let now = (drills.now)();
        let due = drill::next((drills.last)(), drills.every, now);
        if due > now {
            tokio::select! {
                () = tokio::time::sleep(due.since(now).min(LOOK)) => continue,
                _ = stop.changed() => return,
            }
        }
        let mut command = Command::new(Program::file());
        command.args(&drills.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ended = match command.spawn() {
            Ok(mut child) => tokio::select! {
                ended = child.wait() => ended.map(|_| ()),
                // It goes on without us, and says what came of it.
                _ = stop.changed() => return,
            },
            Err(why) => Err(why),
        };
        if let Err(why) = &ended {
            tracing::error!("the drill cannot be run: {why}");
        }
        if (drills.last)().is_none_or(|at| at < now) {
            // It did not even begin.
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                _ = stop.changed() => return,
            }
        }
    }
}
