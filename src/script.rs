//! Scripts that others start, cron above all: what is kept of their runs.
//!
//! [`wrap`] runs a command and keeps its begin and its end; [`book`] writes both into the store, or into the [`spool`] while the
//! store cannot be written; [`ends`] finds runs that began and whose wrapper is gone. What all of it means is decided in
//! [`crate::decide::script`].

pub mod book;
mod control;
pub mod ends;
pub(crate) mod kind;
#[cfg(test)]
mod monitored;
pub mod spool;
mod tail;
pub mod wrap;

use crate::clock;
use crate::decide::script::Wanted;
use crate::settings::Brief;
use crate::store::{RunRecord, RunStatus, Scripts, Sqlite, StoreClock};
use book::Book;
use checker_job::{Outcome, Timestamp, duration_words};
use uuid::Uuid;

/// No run takes longer; what says so has a wrong time in it.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);

/// A success of a script, in the words of Launchpad's script activity (seed document 004).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptActivity {
    /// The script.
    pub name: String,
    /// Where it ran.
    pub hostname: String,
    /// When it started.
    pub date_started: Timestamp,
    /// When it completed.
    pub date_completed: Timestamp,
}

impl ScriptActivity {
    /// What a run says of a success; `None` for a run that was none.
    pub fn of(run: &RunRecord) -> Option<Self> {
        let (date_started, date_completed) = (run.started?, run.ended?);
        run.is_success().then(|| Self {
            name: run.job.to_string(),
            hostname: run.host.clone(),
            date_started,
            date_completed,
        })
    }
}

/// Records that the script `name` ran on this host from `date_started` to `date_completed` and succeeded, in the state
/// of the settings that [`crate::settings::locate`] finds. The same success recorded twice counts once.
///
/// # Errors
/// A sentence: there are no settings, the state cannot be written, the name or the times make no sense.
pub fn record_success(
    name: &str,
    date_started: Timestamp,
    date_completed: Timestamp,
) -> Result<ScriptActivity, String> {
    let activity =
        ScriptActivity { name: name.to_owned(), hostname: crate::node::host_name(), date_started, date_completed };
    let book = Book::new(Brief::of_process()?);
    book.record(&activity)?;
    Ok(activity)
}

/// The success of the script `name` that started last, on whatever host; `None` if none is known.
///
/// # Errors
/// A sentence: there are no settings, or the state cannot be read.
pub fn last_activity(name: &str) -> Result<Option<ScriptActivity>, String> {
    let brief = Brief::of_process()?;
    if brief.state.symlink_metadata().is_err() {
        return Ok(None);
    }
    let store = Sqlite::open_read_only(&brief.state, StoreClock::system()).map_err(|e| e.to_string())?;
    let wanted = Wanted::success(name, None, Timestamp::from_micros(i64::MAX));
    let mut known = store.shared().activity(&[wanted]).map_err(|e| e.to_string())?;
    let newest = known.pop().and_then(|known| known.started.or(known.success));
    Ok(newest.as_ref().and_then(ScriptActivity::of))
}

/// Why `name` cannot name a script.
///
/// # Errors
/// A sentence with its remedy.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("a script needs a name, as in: checker run nightly-backup -- COMMAND".to_owned());
    }
    if name.len() > 200 {
        return Err(format!("the name of a script has at most 200 bytes, and this one has {}", name.len()));
    }
    if name.chars().any(char::is_control) {
        return Err("the name of a script is one line, without control characters".to_owned());
    }
    Ok(())
}

/// The same for a host.
///
/// # Errors
/// A sentence with its remedy.
pub fn check_host(host: &str) -> Result<(), String> {
    let good =
        !host.is_empty() && host.len() <= 255 && !host.contains([':', '*']) && !host.chars().any(char::is_control);
    if good && !host.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(format!("\"{}\" is no host name: write it as the host itself does (see: hostname)", host.escape_debug()))
}

/// The success that somebody tells of. Its id follows from what it says, so that the same counts once.
fn success(activity: &ScriptActivity) -> RunRecord {
    let ScriptActivity { name, hostname, date_started, date_completed } = activity;
    let text = format!("{name}\0{hostname}\0{}\0{}", date_started.micros(), date_completed.micros());
    let by_text = Uuid::new_v5(&Uuid::from_u128(0x6368_6563_6b65_7200_7363_7269_7074_7300), text.as_bytes());
    // Version 7 begins with the time, in milliseconds; the rest is free.
    let millis = u128::try_from(date_started.micros() / 1_000).unwrap_or(0) & ((1 << 48) - 1);
    let rest = by_text.as_u128() & ((1 << 76) - 1) & !(3 << 62);
    let id = Uuid::from_u128((millis << 80) | (7 << 76) | (2 << 62) | rest);
    let took = duration_words(date_completed.since(*date_started));
    RunRecord {
        status: RunStatus::Done,
        ended: Some(*date_completed),
        outcome: Some(Outcome::ok(format!("ran {took}"))),
        ..RunRecord::begun(id, name, hostname, *date_started)
    }
}

/// The run of a success that somebody tells of, if it can be one.
///
/// # Errors
/// A sentence: name, host or times make no sense.
pub(crate) fn checked(activity: &ScriptActivity) -> Result<RunRecord, String> {
    check_name(&activity.name)?;
    check_host(&activity.hostname)?;
    check_times(activity.date_started, activity.date_completed)?;
    Ok(success(activity))
}

/// Whether these times can be those of a run: the right way round, and over.
fn check_times(started: Timestamp, ended: Timestamp) -> Result<(), String> {
    if ended < started {
        return Err("it completed before it started: give the times the other way round".to_owned());
    }
    let ahead = ended.since(clock::now().wall);
    if ahead.as_secs() > 60 {
        return Err(format!(
            "it completed in the future, {} from now: compare the clocks (times without a zone are UTC)",
            duration_words(ahead)
        ));
    }
    if ended.since(started) > LONGEST {
        return Err("it ran for more than 400 days: is the start right? (times without a zone are UTC)".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_success_follows_from_what_it_says() {
        let one = ScriptActivity {
            name: "backup".to_owned(),
            hostname: "alpha".to_owned(),
            date_started: Timestamp::from_secs(1_170_324_000),
            date_completed: Timestamp::from_secs(1_170_324_060),
        };
        let id = success(&one).id;
        assert_eq!((id, id.get_version_num()), (success(&one).id, 7));
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let other_host = ScriptActivity { hostname: "beta".to_owned(), ..one.clone() };
        let later = ScriptActivity { date_completed: Timestamp::from_secs(1_170_324_061), ..one.clone() };
        assert!(success(&other_host).id != id && success(&later).id != id);
        assert_eq!(ScriptActivity::of(&success(&one)), Some(one));
    }

    #[test]
    fn names_and_hosts_are_judged() {
        for good in ["nightly backup", "a:b", "Über", "*"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", " ", "a\nb", &"x".repeat(201)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(["alpha", "alpha.example.com", "fe80--1"].iter().all(|h| check_host(h).is_ok()));
        assert!(["", "a:b", "*", "a b", "a\n"].iter().all(|h| check_host(h).is_err()));
    }
}
