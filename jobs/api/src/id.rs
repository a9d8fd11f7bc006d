use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Who a job is, over restarts and re-wording: its kind and its target (`tcp:ns.example.com:53`), or the key `id` of
/// its table. State, history and alerts hang on it, so a change of it is a new job.
///
/// It is made once and passed on many times: a clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Arc<str>);

impl JobId {
    /// The id of the job of `kind` at `target`.
    pub fn new(kind: &str, target: &str) -> Self {
        let mut text = String::with_capacity(kind.len() + 1 + target.len());
        text.push_str(kind);
        text.push(':');
        text.push_str(target);
        Self(text.into())
    }

    /// An id as it stands in the settings or in the store.
    pub fn literal(id: impl Into<Arc<str>>) -> Self {
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

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = JobId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<JobId, E> {
                Ok(JobId::literal(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
