//! The state file of the first program: one line for each job that ever ran.
//!
//! ```text
//! id|Succeeding or Failing|first failure|last notified|name, with # for each bar|failures in a row
//! ```
//!
//! The id is the base64 of the name and the arguments, with bars between; older versions wrote a SHA-1 of that instead, and
//! still older ones no number of failures. Instants are seconds since 1970 with a fraction. A job's own table stood in
//! Python, so these lines are the only place that says which jobs there were.

use super::Left;
use super::table::{Table, one_line};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use checker_job::{Frequency, Notify, Timestamp};
use std::collections::HashMap;

/// What the first program remembered of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What people called it.
    pub(crate) name: String,
    pub(crate) who: Who,
    pub(crate) failing: bool,
    /// When it began to fail.
    pub(crate) since: Option<Timestamp>,
    /// When somebody was last told.
    pub(crate) told: Option<Timestamp>,
    /// Failures in a row.
    pub(crate) failures: u32,
}

/// Which job it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// One that Checker has as well.
    Job(Table),
    /// One that Checker does not need any more, and why.
    Own(&'static str),
    /// A class that somebody wrote.
    Custom,
}

/// Reads a state file. What cannot be read is in the second list.
pub(crate) fn read(text: &str) -> (Vec<Remembered>, Vec<Left>) {
    let (mut found, mut left) = (Vec::new(), Vec::new());
    for (number, raw) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = raw.trim();
        if line.is_empty() {
            continue;
        }
        match one(number, line) {
            Ok(remembered) => found.push(remembered),
            Err(why) => left.push(Left::new(
                number,
                format!("{why}: \"{}\"", short(line)),
                "What it remembered is not taken over; if that job fails now, it is told as new",
            )),
        }
    }
    (found, left)
}

fn short(line: &str) -> String {
    let line = one_line(line);
    if line.chars().count() > 200 { line.chars().take(200).chain("...".chars()).collect() } else { line }
}

fn one(number: usize, line: &str) -> Result<Remembered, String> {
    let parts: Vec<&str> = line.split('|').collect();
    let (id, state, since, told, shown, failures) = match parts.as_slice() {
        [id, state, since, told, shown] => (*id, *state, *since, *told, *shown, None),
        [id, state, since, told, shown, failures] => (*id, *state, *since, *told, *shown, Some(*failures)),
        _ => return Err(format!("a line of the state has 5 or 6 parts with | between, and this has {}", parts.len())),
    };
    let failing = match state.trim() {
        "Failing" => true,
        "Succeeding" => false,
        other => return Err(format!("a job is Failing or Succeeding, not \"{other}\"")),
    };
    let failures = failures.map(|n| n.trim().parse::<u32>().map_err(|_| format!("\"{n}\" is no number of failures")));
    let (name, who) = identity(number, id.trim(), shown)?;
    Ok(Remembered {
        line: number,
        name,
        who,
        failing,
        since: instant(since)?,
        told: instant(told)?,
        failures: failures.transpose()?.unwrap_or(u32::from(failing)),
    })
}

/// Seconds since 1970; 0 is never.
fn instant(text: &str) -> Result<Option<Timestamp>, String> {
    let seconds: f64 = text.trim().parse().map_err(|_| format!("\"{text}\" is no time"))?;
    // Beyond the year 9999 nothing was ever told.
    if !(0.0..253_402_300_800.0).contains(&seconds) {
        return Err(format!("\"{text}\" is no time"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is in the range, and less than a microsecond is nothing")]
    let micros = (seconds * 1e6).round() as i64;
    Ok((micros > 0).then(|| Timestamp::from_micros(micros)))
}

/// Name and arguments out of the id, else the name as it is shown.
fn identity(number: usize, id: &str, shown: &str) -> Result<(String, Who), String> {
    let decoded = STANDARD.decode(id).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let whole = decoded.filter(|text| text.starts_with('<'));
    let hash = id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let (name, args): (&str, Vec<&str>) = match &whole {
        Some(text) => {
            let mut words = text.split('|');
            (words.next().unwrap_or_default(), words.collect())
        }
        None if hash => (shown, Vec::new()),
        None => return Err("the id is neither the base64 of a job's name nor a SHA-1".to_owned()),
    };
    let (class, target) = match name.split_once('>') {
        Some((class, rest)) => (class, rest.strip_prefix(" for ")),
        None => return Err("the name does not begin with the class of a job".to_owned()),
    };
    let who = who(number, class, target, &args);
    let called = match target {
        Some(target) => target.to_owned(),
        None => class.trim_start_matches("<class ").trim_matches('\'').to_owned(),
    };
    Ok((called, who))
}

fn who(line: usize, class: &str, target: Option<&str>, args: &[&str]) -> Who {
    let is = |name: &str| class.split(['.', '\'', ' ']).any(|part| part == name);
    let args: Vec<&str> = args.iter().copied().filter(|a| !a.is_empty()).collect();
    if is("EmailChecker") {
        return Who::Own("Checker proves its mail by [canary], and not by a job");
    }
    if is("PeerChecker") || is("IndividualPeerChecker") {
        return Who::Own("Checker watches the peers of its settings ([[peer]]), and not by a job");
    }
    let table = if is("HTTPServerChecker") {
        target.map(|url| http(line, args.first().copied().unwrap_or(url), args.get(1..).unwrap_or_default()))
    } else if is("TCPServerChecker") {
        target.and_then(|shown| tcp(line, shown, &args))
    } else if is("TLSCertExpiration") {
        target.map(|host| tls(line, args.first().copied().unwrap_or(host), args.get(1..).unwrap_or_default()))
    } else {
        None
    };
    table.map_or(Who::Custom, Who::Job)
}

fn http(line: usize, url: &str, rest: &[&str]) -> Table {
    // The first program took 200 and nothing else, after whatever redirects.
    let table = Table::new("http", line).with("url", url).with("status", super::table::Value::Number(200));
    policy(table.with("redirects", "follow"), rest)
}

fn tcp(line: usize, shown: &str, args: &[&str]) -> Option<Table> {
    // Shown as `name(host:port)`.
    let (called, inner) = shown.strip_suffix(')')?.rsplit_once('(')?;
    let (host, port) = match args {
        [host, port, ..] if port.parse::<u16>().is_ok() => (*host, *port),
        _ => inner.rsplit_once(':')?,
    };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let address = format!("{host}:{port}");
    let mut table = Table::new("tcp", line);
    if !called.trim().is_empty() {
        table.set("name", called.trim());
    }
    Some(policy(table.with("address", address), args.get(3..).unwrap_or_default()))
}

fn tls(line: usize, host: &str, rest: &[&str]) -> Table {
    let bare = host.trim_start_matches("https://").trim_end_matches('/');
    let address = if bare.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        bare.to_owned()
    } else {
        format!("{bare}:443")
    };
    let mut table = Table::new("tls", line).with("address", address).with("critical", "30d").with("warning", "31d");
    table.note("The first program looked at nothing but the end. Take the key judge out, and the chain and the host count too.");
    policy(table.with("judge", super::table::Value::Texts(vec!["expiry".to_owned()])), rest)
}

/// How often, how told, after how many failures: older versions had it among the arguments.
fn policy(mut table: Table, args: &[&str]) -> Table {
    let mut known = false;
    match args {
        [every, rest @ ..] if Frequency::parse(every).is_ok() => {
            table.set("every", *every);
            if let Some(notify) = rest.first().filter(|n| Notify::parse(n).is_ok()) {
                table.set("notify", *notify);
            }
            if let Some(count) = rest.get(1).and_then(|n| n.parse::<i64>().ok()).filter(|n| *n > 0) {
                table.set("failure_threshold", super::table::Value::Number(count));
                known = true;
            }
        }
        _ => {}
    }
    if !known {
        table.note(
            "How often it ran, when it told and after how many failures stood in Python: look there, and put it in.",
        );
    }
    table
}

/// One table for each job, and what no table can be made of. Where several lines mean the same job, the one that has told
/// of a failure counts, else the last.
pub(crate) fn jobs(lines: Vec<Remembered>) -> (Vec<(Remembered, Table)>, Vec<Left>) {
    let (mut jobs, mut left): (Vec<(Remembered, Table)>, Vec<Left>) = (Vec::new(), Vec::new());
    let mut places = HashMap::new();
    for remembered in lines {
        let table = match &remembered.who {
            Who::Job(table) => table.clone(),
            Who::Own(why) => {
                left.push(Left::new(remembered.line, format!("{}: {why}", remembered.name), "Nothing is to be done"));
                continue;
            }
            Who::Custom => {
                left.push(Left::new(
                    remembered.line,
                    format!("{}: a job of your own, in Python", remembered.name),
                    "Make it a script and run that as [[job.command]] with plain = true; docs/writing-a-job.md leads through it",
                ));
                continue;
            }
        };
        let target = table.get("url").or_else(|| table.get("address"));
        let target = (table.kind, target.map(|value| format!("{value:?}")));
        match places.get(&target).and_then(|place: &usize| jobs.get_mut(*place)) {
            None => {
                places.insert(target, jobs.len());
                jobs.push((remembered, table));
            }
            Some((before, kept)) => {
                let other = if (remembered.told, remembered.failing) >= (before.told, before.failing) {
                    *kept = table;
                    std::mem::replace(before, remembered)
                } else {
                    remembered
                };
                left.push(Left::new(
                    other.line,
                    format!("{}: line {} is about the same job, and counts", other.name, before.line),
                    "Nothing is to be done: the first program left a line behind for each change of a job's arguments",
                ));
            }
        }
    }
    (jobs, left)
}

#[cfg(test)]
mod tests;
