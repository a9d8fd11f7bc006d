//! `checker script ...`: records of scripts, for hands, mail and Nagios.

mod import;
mod monitor;
mod names;
mod show;

use super::Cx;
use super::args::{self, ScriptCommand};
use super::exit::{Exit, Failure};
use crate::node::host_name;
use crate::script::ScriptActivity;
use crate::script::book::{Book, Kept};
use crate::settings::{Brief, Env, locate};
use crate::store::{Sqlite, StoreClock, StoreError};
use checker_job::{Timestamp, parse_duration};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

pub(super) use names::{by_name, refused};

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Script) -> Result<Exit, Failure> {
    match &args.command {
        ScriptCommand::Record(a) => record(cx, a),
        ScriptCommand::Last(a) => show::last(cx, a),
        ScriptCommand::List => show::list(cx),
        ScriptCommand::History(a) => show::history(cx, a),
        ScriptCommand::Import(a) => import::run(cx, a),
        ScriptCommand::Monitor(a) => monitor::mail(cx, a),
        ScriptCommand::Nagios(a) => monitor::nagios(cx, a),
    }
}

/// Where the state is, by the settings that a command under cron would find, or those of `-f`.
pub(super) fn brief(cx: &Cx<'_>) -> Result<Brief, String> {
    let env = Env::from_process();
    let path = locate(cx.options.file.as_deref(), false, &env).map_err(|places| places.to_string())?;
    Brief::read(&path, &env)
}

/// The same for commands that a person types.
fn brief_for_person(cx: &Cx<'_>) -> Result<Brief, Failure> {
    let env = Env::from_process();
    let path = locate(cx.options.file.as_deref(), true, &env)?;
    Brief::read(&path, &env).map_err(|why| Failure::Other(Exit::Settings, why))
}

/// The state, to look at it; `None` if there is none yet.
fn store(brief: &Brief) -> Result<Option<Sqlite>, StoreError> {
    if brief.state.symlink_metadata().is_err() {
        return Ok(None);
    }
    Sqlite::open_read_only(&brief.state, StoreClock::system()).map(Some)
}

fn record(cx: &mut Cx<'_>, args: &args::Record) -> Result<Exit, Failure> {
    let book = Book::new(brief_for_person(cx)?);
    let activity = ScriptActivity {
        name: args.name.clone(),
        hostname: args.host.clone().unwrap_or_else(host_name),
        date_started: instant("--started", &args.started)?,
        date_completed: instant("--completed", &args.completed)?,
    };
    let kept = book.record(&activity).map_err(Failure::usage)?;
    if cx.options.json {
        super::json_line(cx, &to_json(&activity))?;
    }
    if let Kept::Spool(file, why) = kept {
        let mut err = std::io::stderr().lock();
        // It is not lost, and a closed stderr changes nothing.
        drop(writeln!(err, "checker: kept in {} until a pass takes it in: {why}", file.display()));
    }
    Ok(Exit::Ok)
}

fn to_json(activity: &ScriptActivity) -> serde_json::Value {
    let ScriptActivity { name, hostname, date_started, date_completed } = activity;
    json!({
        "v": 1, "name": name, "hostname": hostname, "date_started": super::rfc3339(*date_started),
        "date_completed": super::rfc3339(*date_completed),
        "seconds": date_completed.since(*date_started).as_secs_f64(),
    })
}

/// An instant as people write it: with its zone, or else in UTC; or the seconds since 1970.
fn instant(option: &str, text: &str) -> Result<Timestamp, Failure> {
    let text = text.trim();
    let seconds = text.strip_prefix('@').unwrap_or(text).parse::<i64>().ok();
    let seconds = seconds.and_then(|s| jiff::Timestamp::from_second(s).ok());
    let zoned = || text.parse::<jiff::Timestamp>().ok();
    let in_utc = || {
        let at = text.parse::<jiff::civil::DateTime>().ok()?;
        at.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
    };
    match seconds.or_else(zoned).or_else(in_utc) {
        Some(at) => Ok(Timestamp::from_micros(at.as_microsecond())),
        None => Err(Failure::usage(format!(
            "{option} \"{}\" is no instant: write it as 2007-02-01 10:00:00 (UTC) or 2007-02-01T11:00:00+01:00",
            text.escape_debug()
        ))),
    }
}

/// A time as `90s` or `5min`; a number alone is seconds.
pub(super) fn time(text: &str) -> Result<Duration, Failure> {
    match text.trim().parse::<u64>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => parse_duration(text).map_err(Failure::usage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_a_zone_or_in_utc() {
        for text in [
            "2007-02-01 10:00:00",
            "2007-02-01T10:00:00",
            "2007-02-01T10:00:00Z",
            "2007-02-01 11:00:00+01:00",
            "@1170324000",
            "1170324000",
        ] {
            assert_eq!(instant("--started", text).ok(), Some(Timestamp::from_secs(1_170_324_000)), "{text}");
        }
        for bad in ["", "yesterday", "10:00", "2007-02-30 10:00:00"] {
            assert!(instant("--started", bad).is_err(), "{bad}");
        }
        assert_eq!(
            (time("90").ok(), time("2min").ok()),
            (Some(Duration::from_secs(90)), Some(Duration::from_secs(120)))
        );
        assert!(time("soon").is_err());
    }
}
