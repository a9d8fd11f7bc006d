//! Temporary.
#![allow(missing_docs)]
use checker_job::{Context, Failure, JobId, Message, Outcome, Policy, Recovery};
use std::future::Future;
use std::pin::Pin;
pub trait DynJob: Send + Sync {
    fn id(&self) -> &JobId;
    fn policy(&self) -> &Policy;
    fn kind(&self) -> &'static str;
    fn blocking(&self) -> bool;
    fn execute<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
    fn on_failure(&self, failure: &Failure<'_>) -> Message;
    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message;
}
