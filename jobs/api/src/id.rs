use serde::{Deserialize, Serialize};
use std::fmt;

/// Who a job is, over restarts and re-wording: its kind and its target (`tcp:ns.example.com:53`), or the key `id` of
/// its table. State, history and alerts hang on it, so a change of it is a new job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// The id of the job of `kind` at `target`.
    pub fn new(kind: &str, target: &str) -> Self {
        Self(format!("{kind}:{target}"))
    }

    /// An id as it stands in the settings or in the store.
    pub fn literal(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
