//! The five fields of a crontab line, each a set of numbers. Debian's grammar: `entry.c` of its cron 3.0pl1-162.

/// One of the five fields.
pub(super) struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the numbers from `low` on.
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[] };
pub(super) const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[] };
pub(super) const DAY: Field = Field { name: "day of month", low: 1, high: 31, names: &[] };
pub(super) const MONTH: Field = Field { name: "month", low: 1, high: 12, names: &MONTHS };
/// 0 and 7 are Sunday.
pub(super) const WEEKDAY: Field = Field { name: "day of week", low: 0, high: 7, names: &WEEKDAYS };

/// What is wrong, and what to write instead.
type Wrong = (String, String);

/// What a field says.
#[derive(Clone, Copy)]
pub(super) struct Set {
    /// Bit n is the number n.
    pub(super) numbers: u64,
    /// It begins with `*`. So does `*/2`.
    pub(super) star: bool,
}

/// The words of an expression, a nickname replaced by what it stands for.
pub(super) fn words(text: &str) -> Result<[&str; 5], String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words.as_slice() {
        [] => Err("the crontab expression is empty; write five fields, such as `0 3 * * *`".to_owned()),
        [name] if name.starts_with('@') => nickname(name),
        [name, more, ..] if name.starts_with('@') => {
            Err(format!("`{more}` stands after `{name}`, which is a whole expression; leave it out"))
        }
        &[minute, hour, day, month, weekday] => Ok([minute, hour, day, month, weekday]),
        [.., last] if words.len() > 5 => Err(too_many(text.trim_ascii(), words.len(), last)),
        few => Err(format!("`{}` has {} of five fields; write {ORDER}", text.trim_ascii(), few.len())),
    }
}

const ORDER: &str = "minute, hour, day of month, month and day of week, such as `0 3 * * *`";

fn too_many(text: &str, count: usize, last: &str) -> String {
    let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let named = |part: &str| WEEKDAYS.iter().any(|day| day.eq_ignore_ascii_case(part));
    let field = last.split(['*', '?', '/', ',', '-', '#', 'L']).all(|part| numeric(part) || named(part));
    let seconds =
        "is Quartz's syntax, with a field for seconds or years that crontab does not know; write five fields:";
    let command = "goes on after its fifth field; leave out the user and the command, and write five fields:";
    let wrong = if count <= 7 && field { seconds } else { command };
    format!("`{text}` ({count} fields) {wrong} {ORDER}")
}

/// Their sets are those of Debian's cron. As there, only lower case counts.
fn nickname(name: &str) -> Result<[&'static str; 5], String> {
    match name {
        "@hourly" => Ok(["0", "*", "*", "*", "*"]),
        "@daily" | "@midnight" => Ok(["0", "0", "*", "*", "*"]),
        "@weekly" => Ok(["0", "0", "*", "*", "0"]),
        "@monthly" => Ok(["0", "0", "1", "*", "*"]),
        "@yearly" | "@annually" => Ok(["0", "0", "1", "1", "*"]),
        "@reboot" => Err("`@reboot` has no time at which it is due; write `every` instead".to_owned()),
        _ => Err(format!(
            "`{name}` is no nickname of crontab; write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually"
        )),
    }
}

impl Field {
    /// Reads what the field says.
    pub(super) fn parse(&self, text: &str) -> Result<Set, String> {
        let numbers = text.split(',').try_fold(0, |all, item| {
            let wrong = |(wrong, remedy)| {
                let within = if item == text { String::new() } else { format!(" in `{text}`") };
                format!("{} `{item}`{within} {wrong}; {remedy}", self.name)
            };
            Ok(all | self.item(item).map_err(wrong)?)
        });
        numbers.map(|numbers: u64| Set { numbers, star: text.starts_with('*') })
    }

    /// One place of the list.
    fn item(&self, item: &str) -> Result<u64, Wrong> {
        if let Some((wrong, remedy)) = foreign(item) {
            return Err((wrong.to_owned(), remedy.to_owned()));
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (first, last) = if range == "*" {
            (self.low, self.high)
        } else if let Some((first, last)) = range.split_once('-') {
            (self.number(first)?, self.number(last)?)
        } else {
            let only = self.number(range)?;
            if let Some(step) = step {
                let remedy = format!("write {only}-{}/{step} or */{step}", self.high);
                return Err(("has a step without a range".to_owned(), remedy));
            }
            (only, only)
        };
        if first > last {
            let step = step.map(|step| format!("/{step}")).unwrap_or_default();
            let part = |a: u8, b: u8| if a == b { a.to_string() } else { format!("{a}-{b}{step}") };
            let remedy = format!("write {},{}", part(first, self.high), part(self.low, last));
            return Err(("runs backwards, and cron would never call it".to_owned(), remedy));
        }
        let step = step.map_or(Ok(1), step_of)?;
        Ok((first..=last).step_by(step).fold(0, |all, n| all | 1_u64.checked_shl(n.into()).unwrap_or(0)))
    }

    fn number(&self, word: &str) -> Result<u8, Wrong> {
        let mut names = (self.low..).zip(self.names);
        if let Some((n, _)) = names.find(|(_, name)| name.eq_ignore_ascii_case(word)) {
            return Ok(n);
        }
        let remedy = || {
            let names = match self.names {
                [first, .., last] => format!(", or a name from {first} to {last}"),
                _ => String::new(),
            };
            format!("write a number from {} to {}{names}", self.low, self.high)
        };
        if word.is_empty() {
            return Err(("lacks a number".to_owned(), remedy()));
        }
        if !word.bytes().all(|b| b.is_ascii_digit()) {
            return Err(("is no number".to_owned(), remedy()));
        }
        let number = word.parse().ok().filter(|n| (self.low..=self.high).contains(n));
        number.ok_or_else(|| ("is out of range".to_owned(), remedy()))
    }
}

/// A step wider than the field is allowed, as in Debian's cron: its first number alone is left.
fn step_of(step: &str) -> Result<usize, Wrong> {
    let digits = !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
    // Too large for the type is wider than each field.
    let step = digits.then(|| step.parse().unwrap_or(usize::MAX));
    let wrong = || ("has a step that is no number above 0".to_owned(), "write for example */5".to_owned());
    step.filter(|step| *step > 0).ok_or_else(wrong)
}

/// What other schedulers have and crontab has not: what is wrong, and what to write.
fn foreign(item: &str) -> Option<(&'static str, &'static str)> {
    let letters: String = item.chars().filter(char::is_ascii_alphabetic).collect();
    if item.contains('?') {
        return Some(("is Quartz's syntax (`?`), which crontab does not know", "write *"));
    }
    if item.contains('#') {
        return Some((
            "is Quartz's syntax (`#`), which crontab does not know",
            "write the day's name alone, such as mon",
        ));
    }
    if item.contains('~') {
        return Some(("is a random number (`~`), which no clock can foresee", "write a fixed number"));
    }
    match letters.to_ascii_uppercase().as_str() {
        "L" => Some(("is Quartz's syntax (`L`), which crontab does not know", "write a fixed day")),
        "W" | "LW" => Some(("is Quartz's syntax (`W`), which crontab does not know", "write 1-5 as day of week")),
        "H" => Some(("is Jenkins's syntax (`H`), which crontab does not know", "write a fixed number")),
        _ => None,
    }
}
