//! Lines that call Checker already.

use super::program::{all, base};
use super::words::Word;

/// Options of Checker that take a word.
const VALUES: [&str; 5] = ["-f", "--file", "--config", "--timeout", "--host"];

/// The name of a script has no more bytes.
const NAME_MAX: usize = 200;

/// What a line asks of Checker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// `checker run NAME`, and the host that it is recorded under.
    Run { name: String, host: Option<String> },
    /// `checker run`, with a name that a shell makes, or that is none.
    Open,
    /// Something else.
    Other,
}

/// What the command asks of Checker, which is called `checker`; None: nothing.
pub(super) fn asked(run: &str, checker: &str) -> Option<Own> {
    let mut other = None;
    for words in all(&run.replace(r"\%", "%")) {
        let Some((program, args)) = words.split_first() else { continue };
        if program.text != checker && base(&program.text) != "checker" {
            continue;
        }
        match subcommand(args) {
            Some(("run", args)) => return Some(of_run(args)),
            _ => other = Some(Own::Other),
        }
    }
    other
}

fn subcommand(args: &[Word]) -> Option<(&str, &[Word])> {
    let rest = behind_options(args);
    rest.split_first().map(|(word, rest)| (word.text.as_str(), rest))
}

fn behind_options(mut args: &[Word]) -> &[Word] {
    while let [first, rest @ ..] = args
        && first.text.starts_with('-')
        && first.text != "--"
    {
        let takes = VALUES.contains(&first.text.as_str());
        args = if takes { rest.get(1..).unwrap_or_default() } else { rest };
    }
    args
}

fn of_run(args: &[Word]) -> Own {
    let ours = args.split(|w| w.text == "--").next().unwrap_or_default();
    let (name, host) = (behind_options(ours).first(), host(ours));
    match name {
        Some(name) if is_name(name) && host.is_none_or(|h| !h.open) => {
            let host = host.map(|h| h.text.trim_start_matches("--host=").to_owned());
            Own::Run { name: name.text.clone(), host }
        }
        _ => Own::Open,
    }
}

fn is_name(word: &Word) -> bool {
    !word.open && !word.text.trim().is_empty() && word.text.len() <= NAME_MAX
}

fn host(args: &[Word]) -> Option<&Word> {
    let at = args.iter().position(|w| w.text == "--host" || w.text.starts_with("--host="))?;
    let found = args.get(at).filter(|w| w.text != "--host");
    found.or_else(|| args.get(at.saturating_add(1)))
}
