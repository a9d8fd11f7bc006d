//! One line of a crontab: a comment, a setting of the environment, or a call.
//!
//! Sources: Debian's cron 3.0pl1-162, `load_env` in env.c, `skip_comments` in misc.c and `load_entry` in entry.c, and its
//! crontab(5); cronie's src/entry.c for the dash before a line.

use super::Form;
use crate::decide::script::cron::Cron;

/// What cron takes for a gap between words.
pub(super) const BLANK: [char; 2] = [' ', '\t'];
const WRONG_END: &str = "it ends with a carriage return, which cron takes for a part of the command; write the file with the \
                         ends of lines that Unix has (sed -i 's/\\r$//')";
/// Each cron has its own rules for these, and none a good one.
const CONTROL: &str = "it holds a control character; take it out";

const NEITHER: &str = "it has neither a user nor a command; write both after the time";

/// What a line is.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// Nothing for cron.
    Still,
    /// NAME=value.
    Setting { name: &'a str, value: &'a str },
    /// A time and a command.
    Call(Call<'a>),
    /// What is left as it is.
    Wrong(Wrong),
}

/// Why a line is left.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) why: String,
    /// Debian's cron takes none of it.
    pub(super) refused: bool,
}

impl Wrong {
    fn refused(why: String) -> Self {
        Self { why, refused: true }
    }
}

/// cron takes it, but hardly as it was meant.
impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self { why, refused: false }
    }
}

/// When a line calls.
#[derive(Debug)]
pub(super) enum When {
    Reboot,
    At(Box<Cron>),
}

/// A line that calls a command.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// All that stands before the command, as it is.
    pub(super) before: &'a str,
    /// It begins with cronie's dash.
    pub(super) dash: bool,
    pub(super) when: When,
    /// Whose command it is, in a system crontab.
    pub(super) user: Option<&'a str>,
    /// The rest of the line, as it is.
    pub(super) command: &'a str,
}

/// Reads a line, which has no end any more.
pub(super) fn read(line: &str, form: Form) -> Line<'_> {
    let text = line.trim_start_matches(BLANK);
    if text.is_empty() || text.starts_with('#') {
        return Line::Still;
    }
    if let Some((name, value)) = setting(text) {
        return Line::Setting { name, value };
    }
    if text.contains(|c: char| c.is_control() && c != '\t') {
        let alone = text.strip_suffix('\r').is_some_and(|rest| !rest.contains('\r'));
        return Line::Wrong(if alone { WRONG_END } else { CONTROL }.to_owned().into());
    }
    call(line, text, form).map_or_else(Line::Wrong, Line::Call)
}

/// A setting of the environment. Both its sides may be quoted; an empty value must be.
fn setting(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = match quoted(text) {
        Some((name, rest)) => (name, rest),
        None if text.starts_with(['"', '\'']) => return None,
        None => text.split_at_checked(text.find(|c: char| c == '=' || c.is_ascii_whitespace())?)?,
    };
    let value = rest.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
    if name.contains('=') || value.is_empty() {
        return None;
    }
    match quoted(value) {
        Some((value, rest)) => rest.trim_ascii().is_empty().then_some((name, value)),
        None if value.starts_with(['"', '\'']) => None,
        None => Some((name, value.trim_ascii_end())),
    }
}

/// What stands between two quotes, and what behind them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.strip_prefix(quote)?.split_once(quote)
}

fn call<'a>(line: &'a str, text: &'a str, form: Form) -> Result<Call<'a>, Wrong> {
    let (dash, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (when, rest) = when(text).map_err(Wrong::refused)?;
    let (user, rest) = match form {
        Form::User => (None, rest),
        Form::System => {
            let (user, rest) = word(rest).ok_or_else(|| NEITHER.to_owned())?;
            (Some(checked(user)?), rest)
        }
    };
    let command = rest.trim_start_matches(BLANK);
    let before = line.get(..line.len().saturating_sub(command.len())).unwrap_or_default();
    possible(command, form)?;
    Ok(Call { before, dash, when, user, command })
}

/// The time of a call, and what stands behind it.
fn when(text: &str) -> Result<(When, &str), String> {
    let mut rest = text;
    let mut fields = Vec::new();
    let count = if text.starts_with('@') { 1 } else { 5 };
    while fields.len() < count
        && let Some((field, behind)) = word(rest)
    {
        fields.push(field);
        rest = behind;
    }
    let fields = fields.join(" ");
    if fields == "@reboot" {
        return Ok((When::Reboot, rest));
    }
    if let Some((name, "")) = text.trim_end_matches(BLANK).split_once('=')
        && let name = name.trim_end_matches(BLANK)
        && !name.contains(BLANK)
    {
        return Err(format!("an empty value needs quotes; write {name}=\"\""));
    }
    Ok((When::At(Box::new(Cron::parse(&fields)?)), rest))
}

/// The user is a name, and a command in its place tells that there is none.
fn checked(user: &str) -> Result<&str, String> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '$' | ':' | '@' | '\\');
    if user.chars().all(good) {
        return Ok(user);
    }
    Err(format!(
        "`{user}` stands where a system crontab names the user; if this is the crontab of one user, import it as such"
    ))
}

/// What can be no command of this form.
fn possible(command: &str, form: Form) -> Result<(), Wrong> {
    let first = command.split(BLANK).next().unwrap_or_default();
    if first.is_empty() || first.starts_with('%') {
        return Err("it has no command; write one after the time".to_owned().into());
    }
    if first.starts_with('*') {
        let why = format!("its command begins with `{first}`, as if it had six fields; write five");
        return Err(Wrong::refused(why));
    }
    if first.starts_with('-') {
        return Err(
            format!("`{first}` in front of the command is an option of a BSD's cron, and not one of Debian's").into()
        );
    }
    if form == Form::User && first == "root" && command != first {
        return Err("its command begins with `root`; if this is a system crontab, import it as such".to_owned().into());
    }
    Ok(())
}

/// The first word, and what stands behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(BLANK);
    let end = text.find(BLANK).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}
