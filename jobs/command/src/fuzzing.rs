//! A way for fuzzers to what is private. No part of the crate's interface.

use crate::CommandJob;
use checker_job::{Context, JobId, Outcome, Policy, Timestamp};
use checker_parts::child::{Program, Report};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a job makes of what its program did: `plain` as in the settings.
pub fn judge(report: &Report, plain: bool) -> Outcome {
    let program = Program::new(["check"]);
    let job = CommandJob { id: JobId::literal("check"), policy: Policy::default(), program, plain, network: false };
    let scratch: Arc<Path> = Arc::from(Path::new("/nonexistent"));
    let cx = Context::new(Timestamp::from_secs(0), Duration::from_secs(10), "run".to_owned(), scratch);
    job.judge(&cx, report)
}
