//! `[watch]`: how quickly Checker watches itself and its peers.

use super::section::Section;
use crate::decide::pace::Pace;
use std::time::Duration;
use toml::Spanned;

/// Nothing is watched more often.
const LEAST: Duration = Duration::from_secs(1);

/// Reads `[watch]`. What is missing follows from how often passes come.
pub(crate) fn read(mut s: Section<'_, '_>) -> Pace {
    let usual = Pace::default();
    let mut time = |key, example| s.time(key, LEAST, example).map(Spanned::into_inner);
    let pace = Pace {
        passes: time("passes", "\"1min\"").unwrap_or(usual.passes),
        poll: time("poll", "\"5min\"").unwrap_or(usual.poll),
        quick: time("quick", "\"1min\"").unwrap_or(usual.quick),
        stale: time("stale", "\"3min\"").unwrap_or(usual.stale),
    };
    let wrong = |key: &'static str, is: bool, message: &str, remedy: &str| {
        if is {
            s.cx.error(s.span_of(key), message, remedy);
        }
    };
    wrong(
        "stale",
        pace.stale < pace.passes * 2,
        "\"stale\" is shorter than two passes: each late pass would be an alarm",
        "make it three times \"passes\"",
    );
    wrong("poll", pace.poll < pace.quick, "\"poll\" is shorter than \"quick\"", "make \"quick\" the shorter one");
    s.finish();
    pace
}
