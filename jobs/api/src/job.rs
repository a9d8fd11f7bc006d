use crate::{Context, Failure, JobId, Message, Outcome, Policy, Recovery, SpawnError, Vacuity};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Handles of a run whose job says nothing of its own.
pub const HANDLES: usize = 4;

/// One thing to check.
///
/// Checker calls [`execute`](Self::execute) and owns all around it: the timeout, a panic, the length of the output, the
/// state, the thresholds, the messages and their delivery. A job must not retry, sleep between tries, keep state of its
/// own or send anything to people.
pub trait Job: Send + Sync + 'static {
    /// Who the job is; stable over restarts and re-wording.
    fn id(&self) -> &JobId;

    /// What the common keys of its table said.
    fn policy(&self) -> &Policy;

    /// Looks once at the target and says what it saw. Write a plain `async fn execute(&self, cx: &Context) -> Outcome`.
    fn execute<'a>(&'a self, cx: &'a Context) -> impl Future<Output = Outcome> + Send + 'a;

    /// How many handles (sockets, pipes, files) a run may hold at once. Checker never has more in flight than its limit of
    /// handles allows by this count. What needs more than [`HANDLES`] is taken for costly (a program, say): fewer such
    /// runs go on at once.
    fn handles(&self) -> usize {
        HANDLES
    }

    /// Looks once at the target, as [`execute`](Self::execute) does, and judges the answer again in forms that are wrong
    /// (`checker vacuity`). `None`: the kind does not say. Write a plain
    /// `async fn vacuity(&self, cx: &Context) -> Option<Vacuity>`.
    fn vacuity<'a>(&'a self, cx: &'a Context) -> impl Future<Output = Option<Vacuity>> + Send + 'a {
        let _ = cx;
        std::future::ready(None)
    }

    /// The longest time by which a run may still call healthy what is already broken, counted from the first run that met the fault.
    /// Nearly all jobs see at once what is broken. One that only sees later what has become of something (a message that must arrive
    /// within a time) says so, because `checker bound` adds it to the time until somebody is told.
    fn seen_after(&self) -> Duration {
        Duration::ZERO
    }

    /// What a run leaves outside of Checker, in words for who is about to run it by hand: "a message from A to B". Most jobs only
    /// look, and leave nothing.
    fn leaves(&self) -> Option<String> {
        None
    }

    /// Words a failure. Pure: it sends nothing. The first program's `onFailure`.
    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        failure.message()
    }

    /// Words a recovery. Pure: it sends nothing. The first program's `onStateChangeSuccess`.
    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message {
        recovery.message()
    }
}

/// One job kind: makes the jobs of all its tables.
pub trait JobSpawner: 'static {
    /// The table's name in the settings: `[[job.KIND]]`. Lower case letters, digits and `_`.
    const KIND: &'static str;
    /// The kind's block of `settings.cfg.example`, every key with its default and why; the conformance kit parses it.
    const EXAMPLE: &'static str;
    /// Whether `execute` may block its thread. Such jobs run on threads of their own. A kind that only awaits says
    /// `false` and shares one thread with thousands.
    const BLOCKING: bool = true;
    /// The kind's own keys with which another machine can look at the same target, that of the target first: what
    /// `confirm = "peers"` sends to peers, over a wire that others may read. A key whose value is secret, names a file of
    /// this machine, or makes a run do more than look, has no place here; a job with such a key is never looked at by peers.
    /// Empty: only this machine can look.
    const ELSEWHERE: &'static [&'static str] = &[];
    /// The kind's own keys. Use `#[serde(deny_unknown_fields)]`, and neither `flatten` nor `untagged`: they destroy
    /// the place of an error.
    type Settings: DeserializeOwned;
    /// The kind's job.
    type Job: Job;

    /// Makes jobs of all tables of this kind, so that they can share what is costly. Pure: no network, no file is
    /// needed for it to succeed (secrets and certificates named in the settings may be read here).
    ///
    /// # Errors
    /// Every problem, not only the first.
    fn spawn(tables: Vec<Table<Self::Settings>>) -> Result<Vec<Self::Job>, Vec<SpawnError>>;

    /// What is allowed and hardly meant, such as a limit that no run can see crossed: `checker check` warns of it, and the jobs
    /// run all the same. Pure. A table that [`spawn`](Self::spawn) refuses may be among them; of that nothing need be said.
    fn doubts(tables: &[Table<Self::Settings>]) -> Vec<SpawnError> {
        let _ = tables;
        Vec::new()
    }
}

/// One `[[job.KIND]]` table: the common keys already taken out and merged with the defaults.
#[derive(Clone, Debug)]
pub struct Table<S> {
    /// The key `name`, if given.
    pub name: Option<String>,
    /// The key `id`, if given.
    pub id: Option<String>,
    /// The common keys. Its `name` is empty: [`Table::job`] fills it in. Tables that say the same may share one.
    pub policy: Arc<Policy>,
    /// The kind's own keys.
    pub settings: S,
}

impl<S> Table<S> {
    /// Id and policy of the job of `kind` at `target`. `alone` is false where the table makes several jobs: then the
    /// target is added to `name` and `id`, so that each can be told apart.
    pub fn job(&self, kind: &str, target: &str, alone: bool) -> (JobId, Policy) {
        let id = match &self.id {
            Some(id) if alone => JobId::literal(id.as_str()),
            Some(id) => JobId::literal(format!("{id}:{target}")),
            None => JobId::new(kind, target),
        };
        let name = match &self.name {
            Some(name) if alone => name.clone(),
            Some(name) => format!("{name} ({target})"),
            None => target.to_owned(),
        };
        (id, Policy { name, ..Policy::clone(&self.policy) })
    }
}
