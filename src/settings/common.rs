//! The keys that every job has, in its table and in the defaults, each with its place.

use super::section::{Cx, Section, after_semicolon};
pub use checker_job::COMMON_KEYS;
use checker_job::{Confirm, Frequency, Notify, Policy, Remind, duration_words};
use std::time::Duration;
use toml::Spanned;

/// Those of them that `[defaults]` and `[defaults.KIND]` may hold.
pub(crate) const DEFAULT_KEYS: [&str; 11] = [
    "host",
    "every",
    "notify",
    "remind",
    "failure_threshold",
    "recovery_threshold",
    "timeout",
    "confirm",
    "contacts",
    "depends_on",
    "note",
];

/// A job that cron starts each minute must end before the next pass.
const MINUTE_TIMEOUT: Duration = Duration::from_secs(55);

/// The common keys of one table, as far as they are given.
#[derive(Clone, Default)]
pub(crate) struct Common {
    host: Option<Spanned<String>>,
    every: Option<Spanned<Frequency>>,
    notify: Option<Spanned<Notify>>,
    remind: Option<Spanned<Remind>>,
    failure_threshold: Option<Spanned<i64>>,
    recovery_threshold: Option<Spanned<i64>>,
    timeout: Option<Spanned<Duration>>,
    pub(crate) confirm: Option<Spanned<Confirm>>,
    pub(crate) contacts: Option<Vec<Spanned<String>>>,
    pub(crate) depends_on: Option<Vec<Spanned<String>>>,
    note: Option<Spanned<String>>,
}

impl Common {
    /// Takes the common keys out of a table.
    pub(crate) fn read(s: &mut Section<'_, '_>) -> Self {
        Self {
            host: s.text("host", "\"ns\""),
            every: parsed(s, "every", "\"minute\"", Frequency::parse),
            notify: parsed(s, "notify", "\"state_change\"", Notify::parse),
            remind: parsed(s, "remind", "\"day\"", Remind::parse),
            failure_threshold: s.whole("failure_threshold", 1..=i64::from(u32::MAX), "2"),
            recovery_threshold: s.whole("recovery_threshold", 1..=i64::from(u32::MAX), "1"),
            timeout: s.time("timeout", Duration::from_millis(100), "\"10s\""),
            confirm: parsed(s, "confirm", "\"peers\"", Confirm::parse),
            contacts: s.texts("contacts", "[\"you@example.com\"]"),
            depends_on: s.texts("depends_on", "[\"router\"]"),
            note: s.any_text("note", "\"call the data centre\""),
        }
    }

    /// What is given here, else what is given in `fallback`.
    pub(crate) fn or(self, fallback: &Self) -> Self {
        let f = fallback.clone();
        Self {
            host: self.host.or(f.host),
            every: self.every.or(f.every),
            notify: self.notify.or(f.notify),
            remind: self.remind.or(f.remind),
            failure_threshold: self.failure_threshold.or(f.failure_threshold),
            recovery_threshold: self.recovery_threshold.or(f.recovery_threshold),
            timeout: self.timeout.or(f.timeout),
            confirm: self.confirm.or(f.confirm),
            contacts: self.contacts.or(f.contacts),
            depends_on: self.depends_on.or(f.depends_on),
            note: self.note.or(f.note),
        }
    }

    /// The policy that results, with the built-in values where nothing is given. Its name is empty: the kind fills it in.
    pub(crate) fn policy(&self, cx: &Cx<'_>) -> Policy {
        let standard = Policy::default();
        let count =
            |n: &Option<Spanned<i64>>, or: u32| n.as_ref().and_then(|n| u32::try_from(*n.get_ref()).ok()).unwrap_or(or);
        let texts = |list: &Option<Vec<Spanned<String>>>| {
            let list = list.iter().flatten();
            list.map(|t| t.get_ref().clone()).collect::<Vec<_>>()
        };
        let copy = |t: &Option<Spanned<String>>| t.as_ref().map(|t| t.get_ref().clone());
        let policy = Policy {
            name: String::new(),
            host: copy(&self.host),
            every: self.every.as_ref().map_or(standard.every, |v| *v.get_ref()),
            notify: self.notify.as_ref().map_or(standard.notify, |v| *v.get_ref()),
            remind: self.remind.as_ref().map_or(standard.remind, |v| *v.get_ref()),
            failure_threshold: count(&self.failure_threshold, standard.failure_threshold),
            recovery_threshold: count(&self.recovery_threshold, standard.recovery_threshold),
            timeout: self.timeout.as_ref().map_or(standard.timeout, |v| *v.get_ref()),
            confirm: self.confirm.as_ref().map_or(standard.confirm, |v| *v.get_ref()),
            contacts: texts(&self.contacts),
            depends_on: texts(&self.depends_on),
            note: copy(&self.note),
        };
        self.judge_timeout(&policy, cx);
        policy
    }

    fn judge_timeout(&self, policy: &Policy, cx: &Cx<'_>) {
        let each_minute = matches!(policy.every, Frequency::Minute | Frequency::Minutes(_));
        if !each_minute || policy.until_judged() < MINUTE_TIMEOUT {
            return;
        }
        if policy.timeout >= MINUTE_TIMEOUT
            && let Some(timeout) = &self.timeout
        {
            cx.error(
                timeout.span(),
                format!(
                    "the timeout of a job that runs every \"{}\" must be under 55s, or its result comes too late for its pass",
                    policy.every
                ),
                "shorten the timeout, or let the job run hourly: every = \"hour\"",
            );
        } else if let Some(span) = self.timeout.as_ref().map(Spanned::span).or(self.confirm.as_ref().map(Spanned::span))
        {
            let room = MINUTE_TIMEOUT.saturating_sub(Confirm::LONGEST);
            cx.error(
                span,
                format!(
                    "peers are asked after the timeout, and that may take {} more: too late for a pass of each minute",
                    duration_words(Confirm::LONGEST)
                ),
                format!("let the timeout be under {}s, or write confirm = \"no\" into this table", room.as_secs()),
            );
        }
    }
}

fn parsed<T>(
    s: &mut Section<'_, '_>,
    key: &'static str,
    example: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<Spanned<T>> {
    let text = s.text(key, example)?;
    match parse(text.get_ref()) {
        Ok(value) => Some(Spanned::new(text.span(), value)),
        Err(sentence) => {
            s.cx.error(text.span(), format!("\"{key}\" cannot be \"{}\"", text.get_ref()), after_semicolon(&sentence));
            None
        }
    }
}
