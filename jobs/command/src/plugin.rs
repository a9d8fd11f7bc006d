//! What a Nagios plugin prints, taken apart.
//!
//! The first line is the message, up to a `|`; behind it stand performance data. Later lines are more text, up to the
//! next `|`; all that follows are performance data too.

use crate::perfdata;
use checker_job::Metric;

/// The parts of a plugin's output.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Printed {
    /// The first line, or empty.
    pub(crate) text: String,
    /// Further lines, or empty.
    pub(crate) long: String,
    /// What was measured.
    pub(crate) metrics: Vec<Metric>,
    /// Sentences about performance data that could not be read.
    pub(crate) ignored: Vec<String>,
}

impl Printed {
    pub(crate) fn of(stdout: &str) -> Self {
        // Some plugins begin with an empty line; nobody means it.
        let stdout = stdout.trim_start_matches(['\r', '\n']);
        let (first, later) = stdout.split_once('\n').unwrap_or((stdout, ""));
        let (text, first_data) = first.split_once('|').unwrap_or((first, ""));
        let (long, later_data) = later.split_once('|').unwrap_or((later, ""));
        let (metrics, ignored) = perfdata::parse(&format!("{first_data}\n{later_data}"));
        Self { text: text.trim().to_owned(), long: long.trim_end().to_owned(), metrics, ignored }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_of_text_and_data_are_found() {
        let printed = Printed::of(
            "DISK OK - 3 GB free | /=2643MB;5948;5958;0;5968\n/ 15272 MB (77%);\n  /boot 68 MB |/boot=68MB\n/home=69357MB\n'/var log'=1\n",
        );
        assert_eq!(printed.text, "DISK OK - 3 GB free");
        assert_eq!(printed.long, "/ 15272 MB (77%);\n  /boot 68 MB");
        let labels: Vec<&str> = printed.metrics.iter().map(|m| &*m.label).collect();
        assert_eq!(labels, ["/", "/boot", "/home", "/var log"]);
        assert!(printed.ignored.is_empty());
    }

    #[test]
    fn the_odd_ones_are_read_too() {
        assert_eq!(Printed::of(""), Printed::default());
        assert_eq!(Printed::of("\n\nOK\r\n").text, "OK");
        let only_data = Printed::of("|a=1");
        assert_eq!((only_data.text.as_str(), only_data.metrics.len()), ("", 1));
        let late = Printed::of("OK\nmore | a=1");
        assert_eq!((late.long.as_str(), late.metrics.len()), ("more", 1));
        let pipes = Printed::of("OK | a=1 | b=2");
        assert_eq!(pipes.metrics.len(), 2);
        assert_eq!(pipes.ignored.len(), 1, "{pipes:?}");
    }
}
