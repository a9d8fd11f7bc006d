//! `[[window]]`: planned silences, and the jobs that they hold.

mod targets;

use super::general::{General, zone_of};
use super::jobs::KindJobs;
use super::pairs::Value;
use super::section::{Cx, Section, Span, did_you_mean, kind_of, tables_of};
use crate::decide::window::{Days, LENGTH_MAX, When, Window, Windows, longest};
use checker_job::{JobId, Timestamp, duration_words};
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::time::Duration;
use targets::{Targets, jobs};
use toml::Spanned;
use toml::de::DeValue;

/// One that comes once may be as long as this, and so may all windows of a job on end.
const ON_END_MAX: Duration = Duration::from_secs(31 * 86_400);
/// A pause that is shorter than this is none: no pass might begin and tell in it.
const PAUSE: Duration = Duration::from_secs(300);
/// Windows that are open for less than this in a day need no closer look.
const SHORT: Duration = Duration::from_secs(20 * 3_600);
/// Of windows that come once; what is beyond is a slip.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=9_000;
const LENGTH_MIN: Duration = Duration::from_secs(60);
/// Windows are judged by two years from here on: it only matters whether they ever end.
const FROM: Timestamp = Timestamp::from_secs(1_767_225_600);
const UNTIL: Timestamp = Timestamp::from_secs(1_767_225_600 + 2 * 365 * 86_400);

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads all `[[window]]` of all files; `general` says whose local time counts where they do not.
pub(crate) fn read<'i>(
    cx: &Cx<'i>,
    values: Vec<Value<'i>>,
    kinds: &[KindJobs<'_>],
    general: Option<&General>,
) -> Windows {
    if values.is_empty() {
        return Windows::default();
    }
    let zone = general.map_or(TimeZone::UTC, |g| g.timezone.clone());
    let targets = Targets::of(kinds);
    let (mut names, mut all, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (span, table) in values.into_iter().flat_map(|value| tables_of(cx, "[[window]]", value)) {
        let s = Section::new(cx, "[[window]]", span.clone(), table);
        if let Some(window) = one(s, &mut names, &targets, &zone) {
            all.push(window);
            places.push(span);
        }
    }
    let windows = Windows::new(all);
    together(cx, &windows, &places);
    windows
}

/// One `[[window]]`.
fn one(
    mut s: Section<'_, '_>,
    names: &mut Vec<String>,
    targets: &Targets,
    zone: &TimeZone,
) -> Option<(Window, Vec<JobId>)> {
    let name = name(&mut s, names);
    let jobs = jobs(&mut s, targets);
    let zone = zone_of(&mut s, || zone.clone());
    let when = if s.has("from") || s.has("until") { once(&mut s) } else { again(&mut s) };
    let window = when.map(|(when, place)| {
        let window = Window { name: name.clone().unwrap_or_default(), zone, when };
        let good = ends(&s, &window, place);
        (window, good)
    });
    s.finish();
    let (window, good) = window?;
    (good && name.is_some()).then_some((window, jobs?))
}

fn name(s: &mut Section<'_, '_>, names: &mut Vec<String>) -> Option<String> {
    let name = s.need("name", "\"updates\"")?;
    if names.contains(name.get_ref()) {
        s.cx.error(
            name.span(),
            format!("the name \"{}\" is taken: it stands above", name.get_ref()),
            "give each window a name of its own",
        );
        return None;
    }
    names.push(name.get_ref().clone());
    Some(name.into_inner())
}

/// `start`, `length` and the days, with the place of the length.
fn again(s: &mut Section<'_, '_>) -> Option<(When, Span)> {
    let start = s.need("start", "\"02:00\" (or from and until, for a window that comes once)");
    let start = start.and_then(|text| parsed_start(s.cx, &text));
    if !s.has("length") {
        s.missing("length", "\"2h\"");
    }
    let length = s.time("length", LENGTH_MIN, "\"2h\"");
    let days = days(s);
    // Neither is there; they belong to what is known here.
    s.take("from");
    s.take("until");
    let (length, place) = length.map(|l| (*l.get_ref(), l.span()))?;
    if length > LENGTH_MAX {
        s.cx.error(
            place,
            "a window that comes again is at most 24 h long",
            "for a longer one write from and until; for a job that nobody needs for weeks, enabled = false",
        );
        return None;
    }
    Some((When::Again { days: days?, start: start?, length }, place))
}

fn parsed_start(cx: &Cx<'_>, text: &Spanned<String>) -> Option<Time> {
    let number = |part: &str| (part.len() == 2).then(|| part.parse::<i8>().ok())?;
    let parts = text.get_ref().split_once(':').and_then(|(h, m)| Some((number(h)?, number(m)?)));
    let time = parts.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
    if time.is_none() {
        cx.error(
            text.span(),
            format!("\"start\" cannot be \"{}\"", text.get_ref()),
            "write a local time from \"00:00\" to \"23:59\"",
        );
    }
    time
}

/// `days` or `month_days`; each day, where neither is given.
fn days(s: &mut Section<'_, '_>) -> Option<Days> {
    if s.has("days") && s.has("month_days") {
        let span = s.span_of("month_days");
        s.take("days");
        s.take("month_days");
        s.cx.error(
            span,
            "\"days\" and \"month_days\" exclude each other",
            "keep one; two windows may hold the same jobs",
        );
        return None;
    }
    if s.has("month_days") {
        return month_days(s);
    }
    let span = s.span_of("days");
    let Some(texts) = s.texts("days", "[\"sun\"]") else {
        let bad = s.given("days");
        s.take("month_days");
        return (!bad).then_some(Days::Daily);
    };
    s.take("month_days");
    if let [only] = texts.as_slice()
        && only.get_ref() == "daily"
    {
        return Some(Days::Daily);
    }
    let mut found = Vec::new();
    for text in &texts {
        if let Some((_, day)) = WEEK.iter().find(|(word, _)| word == text.get_ref()) {
            found.push(*day);
        } else {
            let words = WEEK.map(|(word, _)| word);
            let remedy = format!("{}, or alone: \"daily\"", did_you_mean(text.get_ref(), &words, "the days are"));
            s.cx.error(text.span(), format!("\"{}\" is no day of the week", text.get_ref()), remedy);
        }
    }
    if texts.is_empty() {
        never(s.cx, span, "\"days\" is empty");
    }
    (!found.is_empty() && found.len() == texts.len()).then_some(Days::Week(found))
}

fn month_days(s: &mut Section<'_, '_>) -> Option<Days> {
    s.take("days");
    let value = s.take("month_days")?;
    let span = value.span();
    let items: Vec<Value<'_>> = match value.into_inner() {
        DeValue::Array(items) => items.into_iter().collect(),
        other => vec![Spanned::new(span.clone(), other)],
    };
    let mut found = Vec::new();
    for item in &items {
        let number = match item.get_ref() {
            DeValue::Integer(n) => i8::from_str_radix(n.as_str(), n.radix()).ok().filter(|n| (1..=31).contains(n)),
            other => {
                let message = format!("\"month_days\" holds {}, and days are whole numbers", kind_of(other));
                s.cx.error(item.span(), message, "write for example: month_days = [1, 15]");
                continue;
            }
        };
        match number {
            Some(day) => found.push(day),
            None => s.cx.error(
                item.span(),
                "a day of the month is from 1 to 31",
                "write for example: month_days = [1, 15]; months without such a day are left out",
            ),
        }
    }
    if items.is_empty() {
        never(s.cx, span, "\"month_days\" is empty");
    }
    (!found.is_empty() && found.len() == items.len()).then_some(Days::Month(found))
}

fn never(cx: &Cx<'_>, span: Span, why: &str) {
    cx.error(span, format!("{why}: this window never opens"), "name a day, or take the key out for a window each day");
}

/// `from` and `until`, with the place of the latter.
fn once(s: &mut Section<'_, '_>) -> Option<(When, Span)> {
    for key in ["start", "length", "days", "month_days"] {
        if s.has(key) {
            s.cx.error(
                s.span_of(key),
                format!(
                    "\"{key}\" has no place beside \"from\" and \"until\": a window comes once, or again and again"
                ),
                "take one of them out; for both write two windows",
            );
        }
        s.take(key);
    }
    let from = local(s, "from", "\"2026-12-24 20:00\"");
    let place = s.span_of("until");
    let until = local(s, "until", "\"2026-12-25 06:00\"");
    Some((When::Once { from: from?, until: until? }, place))
}

/// A local date and time, as a text or as TOML has it.
fn local(s: &mut Section<'_, '_>, key: &'static str, example: &str) -> Option<DateTime> {
    let Some(value) = s.take(key) else {
        s.missing(key, example);
        return None;
    };
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(at) => at.to_string(),
        _ => String::new(),
    };
    let plain = text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || "-: T".contains(c));
    // An offset would be a second word about the zone.
    let bare = text.get(10..).is_none_or(|time| !time.contains('-'));
    let at = text.parse::<DateTime>().ok().filter(|at| plain && bare && YEARS.contains(&at.year()));
    if at.is_none() {
        s.cx.error(
            value.span(),
            format!("\"{key}\" must be a local date and time from 2000 on, without an offset: `timezone` says whose"),
            format!("write for example: {key} = {example}"),
        );
    }
    at
}

/// Whether a window opens at all, and ends.
fn ends(s: &Section<'_, '_>, window: &Window, place: Span) -> bool {
    match window.when {
        When::Once { from, until } if until <= from => {
            s.cx.error(place, "\"until\" is not after \"from\": this window never opens", "change one of them");
            false
        }
        When::Once { .. } => {
            let Some(opening) = window.openings(Timestamp::from_micros(i64::MIN)).next() else {
                s.cx.error(
                    place,
                    "this window never opens: the clock of its time zone skips these times",
                    "choose times that there are on that day",
                );
                return false;
            };
            let long = opening.end.since(opening.start) > ON_END_MAX;
            if long {
                s.cx.error(
                    place,
                    format!("a window that comes once is at most {} long", duration_words(ON_END_MAX)),
                    "leave the jobs out for so long: enabled = false",
                );
            }
            !long
        }
        When::Again { length, .. } => {
            let endless = length > SHORT && longest([window], FROM, UNTIL, PAUSE) > ON_END_MAX;
            if endless {
                s.cx.error(
                    place,
                    "this window never ends: nothing of its jobs would ever be told",
                    "make it shorter than the time between two starts, or name fewer days; or leave the jobs out: enabled = false",
                );
            }
            !endless
        }
    }
}

/// Windows that end each by itself may leave no pause together.
fn together(cx: &Cx<'_>, windows: &Windows, places: &[Span]) {
    let mut judged: BTreeSet<Vec<&str>> = BTreeSet::new();
    for (job, of_job) in windows.by_job() {
        let names: Vec<&str> = of_job.iter().map(|(_, w)| w.name.as_str()).collect();
        let length = |w: &Window| match w.when {
            When::Again { length, .. } => length,
            When::Once { .. } => Duration::ZERO,
        };
        let in_a_day: Duration = of_job.iter().map(|(_, w)| length(w)).sum();
        let once: Vec<Timestamp> = of_job.iter().filter_map(|(_, w)| Some(w.once()?.start)).collect();
        if names.len() < 2 || (in_a_day <= SHORT && once.is_empty()) || !judged.insert(names.clone()) {
            continue;
        }
        let all = || of_job.iter().map(|(_, w)| *w);
        let around = |start: &Timestamp| longest(all(), start.minus(ON_END_MAX), start.plus(ON_END_MAX * 2), PAUSE);
        if longest(all(), FROM, UNTIL, PAUSE) > ON_END_MAX || once.iter().any(|start| around(start) > ON_END_MAX) {
            let place = of_job.last().and_then(|(n, _)| places.get(*n)).cloned().unwrap_or(0..0);
            cx.error(
                place,
                format!(
                    "together the windows {} leave no pause in more than {}: nothing of \"{job}\" would be told",
                    names.join(", "),
                    duration_words(ON_END_MAX)
                ),
                "leave 5 minutes or more between them; or leave the job out: enabled = false",
            );
        }
    }
}
