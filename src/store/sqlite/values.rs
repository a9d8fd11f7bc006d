//! Our values as `SQLite` keeps them, and back. A value that does not fit is a damaged file, not a panic.

use super::errors::{Fault, Step};
use crate::store::{RunStatus, Source};
use checker_job::{Metric, OUTCOME_VERSION, Outcome, Timestamp, Verdict};
use rusqlite::{Connection, Params, Row, Statement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// All rows of a query, each made into a value.
pub(super) fn rows<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut make: impl FnMut(&Row<'_>) -> Step<T>,
) -> Step<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let mut out = Vec::new();
    while let Some(row) = found.next()? {
        out.push(make(row)?);
    }
    Ok(out)
}

/// The first row of a query.
pub(super) fn row<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    make: impl FnOnce(&Row<'_>) -> Step<T>,
) -> Step<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    first(&mut statement, params, make)
}

/// The first row of a statement that is at hand: where there are thousands of rows, to look it up for each counts.
pub(super) fn first<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    make: impl FnOnce(&Row<'_>) -> Step<T>,
) -> Step<Option<T>> {
    let mut found = statement.query(params)?;
    found.next()?.map(make).transpose()
}

/// Runs a statement; the answer is how many rows it changed.
pub(super) fn run(conn: &Connection, sql: &str, params: impl Params) -> Step<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

pub(super) fn int<T: TryFrom<i64>>(row: &Row<'_>, at: usize) -> Step<T> {
    fit(row.get(at)?)
}

fn fit<T: TryFrom<i64>>(value: i64) -> Step<T> {
    T::try_from(value).map_err(|_| Fault::Text { what: "a number".to_owned(), why: format!("{value} is out of range") })
}

pub(super) fn int_or_none<T: TryFrom<i64>>(row: &Row<'_>, at: usize) -> Step<Option<T>> {
    row.get::<_, Option<i64>>(at)?.map(fit).transpose()
}

pub(super) fn time(row: &Row<'_>, at: usize) -> Step<Timestamp> {
    Ok(Timestamp::from_micros(row.get(at)?))
}

pub(super) fn time_or_none(row: &Row<'_>, at: usize) -> Step<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_micros))
}

pub(super) fn id(row: &Row<'_>, at: usize) -> Step<Uuid> {
    Ok(Uuid::from_bytes(row.get(at)?))
}

pub(super) fn id_or_none(row: &Row<'_>, at: usize) -> Step<Option<Uuid>> {
    Ok(row.get::<_, Option<[u8; 16]>>(at)?.map(Uuid::from_bytes))
}

/// A number that our columns can hold; what is larger counts as the largest.
pub(super) fn whole(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: impl Fn() -> String) -> Step<T> {
    serde_json::from_str(text).map_err(|e| Fault::Text { what: what(), why: e.to_string() })
}

pub(super) fn to_json(value: &impl Serialize) -> Step<String> {
    serde_json::to_string(value)
        .map_err(|e| Fault::Text { what: "a value that was to be kept".to_owned(), why: e.to_string() })
}

/// An outcome as JSON. There is one for each run, and nearly all have the same few fields: those are written here, which
/// costs a third of what serde takes.
pub(super) fn outcome_json(outcome: &Outcome) -> Step<String> {
    let Outcome { version, verdict, summary, detail, metrics, cause, blame } = outcome;
    let is_simple = |m: &Metric| m.warning.is_none() && m.critical.is_none() && m.min.is_none() && m.max.is_none();
    let is_usual = detail.is_empty() && cause.is_none() && blame.is_none() && metrics.iter().all(is_simple);
    if !is_usual || *version != OUTCOME_VERSION {
        return to_json(outcome);
    }
    let mut text = String::with_capacity(192);
    text.push_str("{\"v\":");
    text.push_str(&version.to_string());
    text.push_str(",\"verdict\":\"");
    text.push_str(verdict.word());
    text.push_str("\",\"summary\":");
    push_json(&mut text, summary)?;
    for (n, metric) in metrics.iter().enumerate() {
        text.push_str(if n == 0 { ",\"metrics\":[{\"label\":" } else { "},{\"label\":" });
        push_json(&mut text, &metric.label)?;
        text.push_str(",\"value\":");
        text.push_str(&to_json(&metric.value)?);
        if !metric.unit.is_empty() {
            text.push_str(",\"unit\":");
            push_json(&mut text, &metric.unit)?;
        }
    }
    text.push_str(if metrics.is_empty() { "}" } else { "}]}" });
    Ok(text)
}

/// Adds a text as JSON. Nearly all are plain.
pub(super) fn push_json(to: &mut String, text: &str) -> Step<()> {
    if text.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
        to.push_str(&to_json(&text)?);
    } else {
        to.push('"');
        to.push_str(text);
        to.push('"');
    }
    Ok(())
}

pub(super) fn source_word(source: Source) -> &'static str {
    match source {
        Source::Cron => "cron",
        Source::Manual => "manual",
        Source::Script => "script",
        Source::Call => "call",
        Source::Spool => "spool",
        Source::Remote => "remote",
    }
}

pub(super) fn source_of(word: &str) -> Step<Source> {
    Ok(match word {
        "cron" => Source::Cron,
        "manual" => Source::Manual,
        "script" => Source::Script,
        "call" => Source::Call,
        "spool" => Source::Spool,
        "remote" => Source::Remote,
        other => return Err(no_word("the source of a run", other)),
    })
}

pub(super) fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pending => "pending",
        RunStatus::Active => "active",
        RunStatus::Done => "done",
    }
}

pub(super) fn status_of(word: &str) -> Step<RunStatus> {
    Ok(match word {
        "pending" => RunStatus::Pending,
        "active" => RunStatus::Active,
        "done" => RunStatus::Done,
        other => return Err(no_word("the status of a run", other)),
    })
}

pub(super) fn verdict_of(word: &str) -> Step<Verdict> {
    let all = [Verdict::Ok, Verdict::Warning, Verdict::Failed, Verdict::Unknown];
    all.into_iter().find(|v| v.word() == word).ok_or_else(|| no_word("a verdict", word))
}

pub(super) fn no_word(what: &str, word: &str) -> Fault {
    Fault::Text { what: what.to_owned(), why: format!("\"{word}\" is none of the words for it") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checker_job::Blame;

    #[test]
    fn an_outcome_is_written_as_serde_writes_it() {
        let metric = Metric::new("time", 0.002_445_16, "s");
        let ok = || Outcome::ok("it \"answers\"\\ in 2\u{7}ms: \u{e4}");
        let ranged = Metric { warning: Some("1".to_owned()), ..metric.clone() };
        let bounded = Metric { max: Some(1.0), ..metric.clone() };
        let outcomes = [
            ok(),
            ok().with_metric(metric.clone()),
            Outcome::ok("a bell:\u{7}").with_metric(Metric::new("a bell:\u{7}", 0.0, "")),
            ok().with_metric(metric.clone()).with_metric(Metric::new("a\"b", 1e300, "")),
            ok().with_metric(Metric::new("odd", f64::NAN, "%")),
            ok().with_metric(metric.clone()).with_metric(ranged),
            ok().with_metric(bounded),
            Outcome { version: 2, ..ok() },
            Outcome::warning("slow").with_detail("it\ntook long"),
            Outcome::failed("").blaming(Blame::NoResolver),
            Outcome::unknown("what?", "no program"),
        ];
        for outcome in outcomes {
            assert_eq!(outcome_json(&outcome).unwrap(), to_json(&outcome).unwrap());
        }
    }

    #[test]
    fn texts_become_json() {
        for text in ["", "tcp:a:1", "a\"b", "a\\b", "a\nb\u{7f}", "\u{e4}\u{1f600}"] {
            let mut written = String::new();
            push_json(&mut written, text).unwrap();
            assert_eq!(written, to_json(&text).unwrap());
        }
    }
}
