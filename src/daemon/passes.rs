//! `daemon --cron`: a pass each minute as a child, where no cron is.

use crate::clock;
use crate::control::Program;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::watch;

/// So many passes may be under way at once; more would be a sign that none ends.
const AT_ONCE_MAX: usize = 10;

/// How a pass is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The arguments.
    pub args: Vec<OsString>,
}

/// Starts a pass at each full minute of the wall clock until `stop`; passes under way go on.
pub async fn each_minute(start: Start, mut stop: watch::Receiver<bool>) {
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(until_next_minute()) => {}
            _ = stop.changed() => return,
        }
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= AT_ONCE_MAX {
            tracing::error!("no pass is started: {AT_ONCE_MAX} are still under way");
            continue;
        }
        // The one at its place now: so a pass shows that the program was replaced.
        let program = Program::file();
        let mut command = Command::new(&program);
        command.args(&start.args).stdin(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                under_way.spawn(async move {
                    match child.wait().await {
                        Ok(status) if status.success() => {}
                        Ok(status) => tracing::warn!("a pass ended with {status}"),
                        Err(why) => tracing::warn!("a pass cannot be waited for: {why}"),
                    }
                });
            }
            Err(why) => tracing::error!("no pass can be started: {}: {why}", program.display()),
        }
    }
}

/// At least a moment, so that a clock that is set back a little starts no pass twice in one second.
fn until_next_minute() -> Duration {
    let micros = clock::now().wall.micros().rem_euclid(60_000_000);
    Duration::from_micros(u64::try_from(60_000_000 - micros).unwrap_or(60_000_000)).max(Duration::from_millis(500))
}
