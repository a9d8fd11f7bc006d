//! The same look from another machine: with which keys a peer can look at the target of a job, and a job made of such keys.

use super::{DynJob, RawTable, Registry};
use crate::settings::pairs::{Pairs, Value};
use checker_job::{JobId, Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// What a peer needs to look at the target of one job: its kind, and those of the kind's own keys that may leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The KIND of `[[job.KIND]]`.
    pub kind: String,
    /// Texts, numbers, true or false, and lists of them.
    pub keys: BTreeMap<String, Json>,
}

/// Why no other machine can look at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The kind looks at this machine, or at what only this machine may see.
    Kind,
    /// This key does not leave this machine.
    Key(Range<usize>, String),
}

impl Registry {
    /// The kinds that peers can look at, sorted.
    pub fn kinds_elsewhere(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().filter(|(_, k)| !k.elsewhere().is_empty()).map(|(name, _)| *name)
    }

    /// What keeps peers from looking at the target of a table of `kind` with these keys.
    pub(crate) fn obstacle(&self, kind: &str, own: &Pairs<'_>) -> Option<Obstacle> {
        let known = self.kinds.get(kind).map(|k| k.elsewhere()).unwrap_or_default();
        if known.is_empty() {
            return Some(Obstacle::Kind);
        }
        // What no key of the kind is at all is told as that.
        let declared = self.keys(kind);
        let is_one = |name: &str| declared.is_none_or(|keys| keys.contains(&name));
        let stays = |name: &str, value: &Value<'_>| is_one(name) && (!known.contains(&name) || json(value).is_none());
        let mut all = own.iter().filter(|(key, value)| stays(key.get_ref(), value));
        all.next().map(|(key, _)| Obstacle::Key(key.span(), key.get_ref().to_string()))
    }

    /// With which keys peers can look at the target of each job of a table of `kind`, by the job's id. Empty, if they cannot.
    pub(crate) fn elsewhere(&self, kind: &str, table: &RawTable<'_>) -> Vec<(JobId, Elsewhere)> {
        let Some(target) = self.kinds.get(kind).and_then(|k| k.elsewhere().first().copied()) else { return Vec::new() };
        if self.obstacle(kind, &table.own).is_some() {
            return Vec::new();
        }
        // Without a name and an id of its own each job is known by its target alone.
        let plain = RawTable { name: None, id: None, ..table.clone() };
        let (jobs, plain_jobs) = (self.ids(kind, table), self.ids(kind, &plain));
        let singles = if plain_jobs.len() == 1 { vec![plain] } else { singles(plain, target) };
        let each = jobs.into_iter().zip(&plain_jobs).zip(singles);
        let same = |single: &RawTable<'_>, known| self.ids(kind, single) == std::slice::from_ref(known);
        each.filter(|((_, known), single)| same(single, known))
            .map(|((job, _), single)| (job, Elsewhere { kind: kind.to_owned(), keys: keys(&single.own) }))
            .collect()
    }

    fn ids(&self, kind: &str, table: &RawTable<'_>) -> Vec<JobId> {
        self.spawn(kind, std::slice::from_ref(table)).jobs.iter().map(|j| j.id().clone()).collect()
    }

    /// The one job that looks at what a peer asks for, within `timeout`.
    ///
    /// # Errors
    /// A sentence without a full stop that says what is wrong with what the peer sent.
    pub fn look(&self, wanted: &Elsewhere, timeout: Duration) -> Result<Arc<dyn DynJob>, String> {
        let Elsewhere { kind, keys } = wanted;
        let known = self.kinds.get(kind.as_str()).map(|k| k.elsewhere()).unwrap_or_default();
        if known.is_empty() {
            return Err(format!("jobs of the kind \"{kind}\" are not tried here"));
        }
        if let Some(key) = keys.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("\"{key}\" of \"{kind}\" is not known here"));
        }
        // JSON writes texts as TOML does, but for this one character (TOML 1.0, "String").
        let text = keys.iter().fold(String::new(), |text, (key, value)| {
            text + key + " = " + &value.to_string().replace('\u{7f}', "\\u007f") + "\n"
        });
        let own = DeTable::parse(&text).map_err(|_| "the keys hold more than texts, numbers and lists".to_owned())?;
        let policy = Arc::new(Policy { timeout, ..Policy::default() });
        let table = RawTable { name: None, id: None, policy, own: Pairs::from(own.into_inner()), span: 0..0 };
        let mut spawned = self.spawn(kind, &[table]);
        if let Some(problem) = spawned.problems.first() {
            return Err(format!("no job can be made of it here: {}", problem.message));
        }
        match (spawned.jobs.pop(), spawned.jobs.pop()) {
            (Some(job), None) => Ok(job),
            _ => Err("it is not one job".to_owned()),
        }
    }
}

/// The table once for each element of its list `target`, with that in the list's place.
fn singles<'i>(mut table: RawTable<'i>, target: &str) -> Vec<RawTable<'i>> {
    let key = table.own.iter().map(|(key, _)| key).find(|key| key.get_ref() == target).cloned();
    let (Some(key), Some(list)) = (key, table.own.remove(target).map(Spanned::into_inner)) else { return Vec::new() };
    let DeValue::Array(items) = list else { return Vec::new() };
    let with = |item| {
        let mut single = table.clone();
        single.own.extend([(key.clone(), item)]);
        single
    };
    items.into_iter().map(with).collect()
}

fn keys(own: &Pairs<'_>) -> BTreeMap<String, Json> {
    own.iter().filter_map(|(key, value)| Some((key.get_ref().to_string(), json(value)?))).collect()
}

/// A value as a peer gets it; `None`, if it is more than that.
fn json(value: &Spanned<DeValue<'_>>) -> Option<Json> {
    let list = |items: &DeArray<'_>| items.iter().map(json).collect::<Option<Vec<_>>>();
    match value.get_ref() {
        DeValue::String(text) => Some(Json::String(text.to_string())),
        DeValue::Integer(n) => Some(Json::from(i64::from_str_radix(n.as_str(), n.radix()).ok()?)),
        DeValue::Float(n) => serde_json::Number::from_f64(n.as_str().parse().ok()?).map(Json::Number),
        DeValue::Boolean(is) => Some(Json::Bool(*is)),
        DeValue::Array(items) => Some(Json::Array(list(items)?)),
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests;
