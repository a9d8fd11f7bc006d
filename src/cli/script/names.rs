//! The original's names and options: a link `script-monitor` to the program is `checker script monitor`, and what the original
//! says to a wrong argument is said here.

use super::super::args::Told;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// What Nagios takes for "unknown".
const UNKNOWN: u8 = 3;
/// Wrong arguments (sysexits). The original ended with 2, which Nagios takes for "critical".
const USAGE: u8 = 64;
/// Options of the original's database, and whether a value follows in the next word.
const DATABASE: [&str; 8] = ["-d", "--dbname", "-H", "--host", "-p", "--port", "-U", "--user"];

/// The arguments as this program has them, if it was called by one of the original's names.
pub(in crate::cli) fn by_name(argv: Vec<OsString>) -> Vec<OsString> {
    let name = argv.first().and_then(|p| Path::new(p).file_name()).and_then(|n| n.to_str());
    let command = match name {
        Some("script-monitor") => "monitor",
        Some("script-monitor-nagios") => "nagios",
        _ => return argv,
    };
    let mut words = argv.into_iter();
    let program = words.next();
    program.into_iter().chain(["script", command].map(OsString::from)).chain(words).collect()
}

/// The exit code, if these are arguments of `script monitor` or `script nagios` that are refused as the original would, or
/// that clap (`told`) refuses.
pub(in crate::cli) fn refused(argv: &[OsString], told: Option<&Told>) -> Option<u8> {
    // What stands behind is another program's.
    let words: Vec<&str> = argv.iter().map(|w| w.to_str().unwrap_or_default()).take_while(|w| *w != "--").collect();
    let at = words.windows(2).position(|w| matches!(w, ["script", "monitor" | "nagios"]))?;
    let is_nagios = words.get(at + 1) == Some(&"nagios");
    let why = match (database_option(words.get(at + 2..).unwrap_or_default()), told) {
        (Some(option), _) => format!(
            "the option {option} is of the original's database: Checker keeps the records in its own state (see -f FILE), so \
             leave it out"
        ),
        (None, Some(told)) if is_nagios && !told.is_help() => told.first_line(),
        _ => return None,
    };
    // Whoever called knows by the exit code, too.
    if is_nagios {
        drop(writeln!(io::stdout().lock(), "{why}"));
        Some(UNKNOWN)
    } else {
        drop(writeln!(io::stderr().lock(), "checker script monitor: error: {why}"));
        Some(USAGE)
    }
}

fn database_option<'w>(words: &[&'w str]) -> Option<&'w str> {
    let is_one = |word: &&&str| {
        let name = word.split('=').next().unwrap_or_default();
        let short = DATABASE.iter().any(|o| o.len() == 2 && word.starts_with(o) && !word.starts_with("--"));
        DATABASE.contains(&name) || short
    };
    words.iter().take_while(|word| **word != "--").find(is_one).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_link_with_the_originals_name_is_the_command() {
        for (typed, meant) in [
            ("/usr/local/bin/script-monitor 30 a:b", "/usr/local/bin/script-monitor script monitor 30 a:b"),
            ("script-monitor-nagios 30 a:b", "script-monitor-nagios script nagios 30 a:b"),
            ("checker script monitor 30 a:b", "checker script monitor 30 a:b"),
        ] {
            assert_eq!(by_name(words(typed)), words(meant));
        }
    }

    #[test]
    fn options_of_the_database_are_known() {
        for (typed, option) in [
            ("-d launchpad 30 a:b", Some("-d")),
            ("30 a:b --dbname=x", Some("--dbname=x")),
            ("-Upeter 30 a:b", Some("-Upeter")),
            ("--host db 30 a:b", Some("--host")),
            ("30 a:b --perfdata", None),
            ("30 a:-d", None),
            ("-- -d", None),
        ] {
            assert_eq!(database_option(&typed.split(' ').collect::<Vec<_>>()), option, "{typed}");
        }
    }
}
