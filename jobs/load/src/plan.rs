//! What a table asks for, and every problem of it.

use crate::Settings;
use checker_parts::amount::{Degree, Degrees, Side};
use checker_parts::one_or_many::OneOrMany;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

const WARNING: [f64; 3] = [8.0, 4.0, 2.0];
const CRITICAL: [f64; 3] = [16.0, 8.0, 4.0];
/// More is a slip of the keyboard.
const LEVEL_MAX: f64 = 1e6;

/// Key and sentence.
pub(crate) type Problem = (&'static str, String);

/// A limit of a load average: a number, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level(pub Option<f64>);

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Level;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or \"never\"")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Level, E> {
                Ok(Level(Some(number)))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Level, E> {
                // What is no small number is refused later, with its key.
                Ok(Level(Some(i32::try_from(number).map_or(f64::INFINITY, f64::from))))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Level, E> {
                if word == "never" {
                    Ok(Level(None))
                } else {
                    Err(E::custom("write a number, as in 4 or 1.5, or \"never\""))
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Limits for the averages over 1, 5 and 15 minutes.
pub(crate) type Levels = [Option<f64>; 3];

/// What the job asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) warning: Levels,
    pub(crate) critical: Levels,
    pub(crate) per_cpu: bool,
    /// One for each [`Pressure`], in the order of its kinds, in hundredths of a percent.
    pub(crate) pressures: [(Pressure, Degrees, bool); 3],
}

/// What tasks have to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressure {
    Cpu,
    Io,
    Memory,
}

impl Pressure {
    /// The name of the kernel's file, and of what is measured.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Io => "io",
            Self::Memory => "memory",
        }
    }

    /// For sentences.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Cpu => "a processor",
            Self::Io => "a disk",
            Self::Memory => "memory",
        }
    }
}

/// Reads a table.
pub(crate) fn plan(s: &Settings) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let warning = levels("warning", s.warning.as_ref(), WARNING, &mut problems);
    let critical = levels("critical", s.critical.as_ref(), CRITICAL, &mut problems);
    let wrong = warning.iter().zip(critical).any(|(w, c)| w.zip(c).is_some_and(|(w, c)| c <= w));
    if wrong && problems.is_empty() {
        let shown = |levels: Levels| {
            let words = levels.map(|level| level.map_or("\"never\"".to_owned(), |number| number.to_string()));
            format!("[{}]", words.join(", "))
        };
        problems.push(if s.critical.is_some() {
            ("critical", format!("it must be more than warning, which is {}, or nobody is ever warned", shown(warning)))
        } else {
            ("warning", format!("it must be less than critical, which is {} by default; set both", shown(critical)))
        });
    }
    let pressures = [
        (
            Pressure::Cpu,
            ("cpu_pressure_warning", s.cpu_pressure_warning.as_ref()),
            ("cpu_pressure_critical", s.cpu_pressure_critical.as_ref()),
        ),
        (
            Pressure::Io,
            ("io_pressure_warning", s.io_pressure_warning.as_ref()),
            ("io_pressure_critical", s.io_pressure_critical.as_ref()),
        ),
        (
            Pressure::Memory,
            ("memory_pressure_warning", s.memory_pressure_warning.as_ref()),
            ("memory_pressure_critical", s.memory_pressure_critical.as_ref()),
        ),
    ]
    .map(|(of, warning, critical)| {
        let degrees = pressure(warning, critical, &mut problems)?;
        let is_wanted = degrees.warning.share.is_some() || degrees.critical.share.is_some();
        Some((of, degrees, is_wanted))
    });
    match pressures {
        [Some(cpu), Some(io), Some(memory)] if problems.is_empty() => {
            Ok(Plan { warning, critical, per_cpu: s.per_cpu, pressures: [cpu, io, memory] })
        }
        _ => Err(problems),
    }
}

fn levels(key: &'static str, given: Option<&OneOrMany<Level>>, usual: [f64; 3], problems: &mut Vec<Problem>) -> Levels {
    let levels = match given.map(|list| list.0.as_slice()) {
        None => usual.map(Some),
        Some([one]) => [one.0; 3],
        Some([first, second, third]) => [first.0, second.0, third.0],
        Some(_) => {
            problems.push((key, "give one number, or three: for 1, 5 and 15 minutes".to_owned()));
            usual.map(Some)
        }
    };
    if levels.iter().flatten().any(|level| !(*level > 0.0 && *level <= LEVEL_MAX)) {
        problems.push((key, "a limit must be more than 0, and no more than a million; or \"never\"".to_owned()));
    }
    levels
}

fn pressure(
    warning: (&'static str, Option<&OneOrMany<String>>),
    critical: (&'static str, Option<&OneOrMany<String>>),
    problems: &mut Vec<Problem>,
) -> Option<Degrees> {
    let degree = |(key, given)| Degree { key, given, usual: &["never"] };
    let read = Degrees::read(Side::Above, degree(warning), degree(critical));
    let degrees = read.map_err(|found| problems.extend(found)).ok()?;
    for (key, amount) in [(warning.0, degrees.warning), (critical.0, degrees.critical)] {
        if amount.bytes.is_some() {
            problems.push((key, "it is a part of the time; write a share, as in \"60%\", or \"never\"".to_owned()));
        }
    }
    Some(degrees)
}
