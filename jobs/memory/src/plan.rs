//! What a table asks for, and every problem of it.

use crate::Settings;
use checker_parts::amount::{Degree, Degrees, Side};

const WARNING: [&str; 2] = ["10%", "1GiB"];
const CRITICAL: [&str; 2] = ["5%", "512MiB"];
const SWAP: [&str; 1] = ["never"];

/// What the job asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) available: Degrees,
    pub(crate) swap: Degrees,
    pub(crate) cgroup: bool,
}

/// Reads a table.
pub(crate) fn plan(s: &Settings) -> Result<Plan, Vec<(&'static str, String)>> {
    let degree = |key, given, usual| Degree { key, given, usual };
    let available = Degrees::read(
        Side::Below,
        degree("warning", s.warning.as_ref(), &WARNING),
        degree("critical", s.critical.as_ref(), &CRITICAL),
    );
    let swap = Degrees::read(
        Side::Above,
        degree("swap_warning", s.swap_warning.as_ref(), &SWAP),
        degree("swap_critical", s.swap_critical.as_ref(), &SWAP),
    );
    match (available, swap) {
        (Ok(available), Ok(swap)) => Ok(Plan { available, swap, cgroup: s.cgroup }),
        (available, swap) => Err([available.err(), swap.err()].into_iter().flatten().flatten().collect()),
    }
}
