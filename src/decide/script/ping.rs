//! Calls over HTTP, in the form that clients of Healthchecks speak: what a URL means, and what a call makes of the runs of a
//! script. Pure. Source of the form: `hc/api/urls.py` and `hc/api/views.py` of Healthchecks, and its documents.

use crate::decide::{RunRecord, RunStatus, Source};
use checker_job::{Metric, Outcome, Timestamp, duration_words};
use uuid::Uuid;

/// So much of a body is kept, in bytes: the first of it, as Healthchecks does (its usual `PING_BODY_LIMIT`).
pub const BODY_MAX: usize = 10_000;
/// A slug made on the way is no longer.
const SLUG_MAX: usize = 100;
/// What a start is called that another start of the same run replaced.
const STARTED_AGAIN: &str = "started again";
/// What a call of `/log` is called.
const LOG: &str = "a line for the log";

/// Which script a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By its own id.
    Uuid(Uuid),
    /// By the key of all of them and its name.
    Slug {
        /// The key.
        key: String,
        /// The name, as it stands in URLs.
        slug: String,
    },
}

/// What a call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It has ended well.
    Success,
    /// It begins.
    Start,
    /// It has failed.
    Fail,
    /// Nothing about success.
    Log,
    /// It has ended with this exit code.
    Exit(u8),
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Of which script.
    pub target: Target,
    /// What it says.
    pub said: Said,
    /// Of which run, where several go on at once.
    pub rid: Option<Uuid>,
    /// Whether a script that is not known is to be recorded all the same.
    pub create: bool,
}

/// Why a call is not taken. Nothing of it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such script or key, or no such URL.
    NotFound,
    /// The URL has the right shape and a wrong part.
    BadUrl,
    /// `rid` is no UUID.
    BadRid,
    /// Several scripts have this name.
    Ambiguous,
}

impl Refusal {
    /// HTTP status and text, as clients know them.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (404, "not found"),
            Self::BadUrl => (400, "invalid url format"),
            Self::BadRid => (400, "invalid uuid format"),
            Self::Ambiguous => (409, "ambiguous slug"),
        }
    }
}

/// Reads path and query of a URL.
///
/// # Errors
/// See [`Refusal`].
pub fn parse(path: &str, query: Option<&str>) -> Result<Ping, Refusal> {
    let rest = path.strip_prefix("/ping/").ok_or(Refusal::NotFound)?;
    let mut parts: Vec<&str> = rest.split('/').collect();
    // As Healthchecks has it: only here may a slash stand at the end.
    if let [one, ""] = parts[..] {
        parts = vec![one];
    }
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    let target = match uuid(first) {
        Some(id) => Target::Uuid(id),
        None => Target::Slug { key: word(first)?, slug: slug_of(parts.next().ok_or(Refusal::NotFound)?)? },
    };
    let said = match parts.next() {
        None => Said::Success,
        Some("start") => Said::Start,
        Some("fail") => Said::Fail,
        Some("log") => Said::Log,
        Some(code) if !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit()) => {
            Said::Exit(code.parse().map_err(|_| Refusal::BadUrl)?)
        }
        Some(_) => return Err(Refusal::NotFound),
    };
    if parts.next().is_some() {
        return Err(Refusal::NotFound);
    }
    let pairs = || query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let last = |name: &str| pairs().rfind(|(key, _)| *key == name).map(|(_, value)| value);
    let rid = last("rid").map(|text| rid(text).ok_or(Refusal::BadRid)).transpose()?;
    Ok(Ping { target, said, rid, create: last("create") == Some("1") })
}

/// In the one form of a path: lower case, with hyphens.
fn uuid(text: &str) -> Option<Uuid> {
    rid(text).filter(|id| id.hyphenated().to_string() == text)
}

/// With hyphens, in any case.
fn rid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn word(text: &str) -> Result<String, Refusal> {
    let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(text.to_owned()) } else { Err(Refusal::NotFound) }
}

fn slug_of(text: &str) -> Result<String, Refusal> {
    let slug = word(text)?;
    let small = slug.len() <= SLUG_MAX && !slug.bytes().any(|b| b.is_ascii_uppercase());
    if small { Ok(slug) } else { Err(Refusal::BadUrl) }
}

/// The name of a script as it stands in URLs.
pub fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        let plain = c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if plain {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').chars().take(SLUG_MAX).collect()
}

/// A call that is about to be recorded.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The script.
    pub name: &'a str,
    /// The host that its runs are recorded under.
    pub host: &'a str,
    /// What it says.
    pub said: Said,
    /// Of which run.
    pub rid: Option<Uuid>,
    /// When it came.
    pub at: Timestamp,
    /// The id of the run, if it is a new one.
    pub id: Uuid,
    /// The first of its body, as text.
    pub body: &'a str,
    /// Where it came from.
    pub from: &'a str,
    /// Who records it.
    pub node: Uuid,
}

impl Call<'_> {
    /// What is to be written. `open` are the runs of this script that calls have started and none has ended.
    pub fn records(&self, open: &[RunRecord]) -> Vec<RunRecord> {
        let same = open.iter().rev().find(|run| rid_of(run) == self.rid);
        match self.said {
            Said::Start => {
                let again = same.map(|run| self.over(run, Outcome::unknown(STARTED_AGAIN, STARTED_AGAIN), None));
                again.into_iter().chain([self.begun()]).collect()
            }
            Said::Log => vec![self.ended(None, Outcome::unknown(LOG, LOG))],
            Said::Success | Said::Exit(0) => {
                let mut records = vec![self.ended(same, Outcome::ok(self.words("ran", same)))];
                // One that says nothing of its run ends the one that was started last, whose time it does not tell.
                if same.is_none() && self.rid.is_none() {
                    records.extend(
                        open.last().map(|run| self.over(run, Outcome::unknown(STARTED_AGAIN, STARTED_AGAIN), None)),
                    );
                }
                records
            }
            Said::Fail => self.failed(open, same, Outcome::failed(self.words("a call of /fail", same))),
            Said::Exit(code) => {
                let outcome = Outcome::failed(self.words(&format!("exit {code}"), same));
                self.failed(open, same, outcome.with_metric(Metric::new("exit", f64::from(code), "")))
            }
        }
    }

    /// A failure ends whatever run was started last.
    fn failed(&self, open: &[RunRecord], same: Option<&RunRecord>, outcome: Outcome) -> Vec<RunRecord> {
        let mut records = vec![self.ended(same, outcome)];
        if same.is_none() {
            records.extend(open.last().map(|run| self.over(run, Outcome::unknown(STARTED_AGAIN, STARTED_AGAIN), None)));
        }
        records
    }

    fn words(&self, what: &str, begun: Option<&RunRecord>) -> String {
        match begun.and_then(|run| run.started) {
            Some(started) if what == "ran" => format!("ran {}", duration_words(self.at.since(started))),
            Some(started) => format!("{what} after {}", duration_words(self.at.since(started))),
            None if what == "ran" => "called".to_owned(),
            None => what.to_owned(),
        }
    }

    fn begun(&self) -> RunRecord {
        RunRecord {
            source: Source::Remote,
            asked_by: Some(self.from.to_owned()),
            args: self.rid.map(|rid| format!("{{\"rid\":\"{rid}\"}}")),
            node: self.node,
            ..RunRecord::begun(self.id, self.name, self.host, self.at)
        }
    }

    /// The end of `run`, or a run that began and ended with this call.
    fn ended(&self, run: Option<&RunRecord>, outcome: Outcome) -> RunRecord {
        let run = run.cloned().unwrap_or_else(|| self.begun());
        self.over(&run, outcome, Some(self.at.max(run.started.unwrap_or(self.at))))
    }

    fn over(&self, run: &RunRecord, outcome: Outcome, ended: Option<Timestamp>) -> RunRecord {
        let body = if ended.is_some() { self.body } else { "" };
        let outcome = outcome.with_detail(body).bounded(500, BODY_MAX);
        RunRecord { status: RunStatus::Done, ended, outcome: Some(outcome), ..run.clone() }
    }
}

/// The run id that a call gave.
fn rid_of(run: &RunRecord) -> Option<Uuid> {
    let args: serde_json::Value = serde_json::from_str(run.args.as_deref()?).ok()?;
    args.get("rid")?.as_str().and_then(rid)
}

#[cfg(test)]
mod tests;
