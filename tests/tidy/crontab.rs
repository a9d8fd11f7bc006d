//! Rules about `crontab.example`: each line that it shows, in use or behind `#`, is one that cron takes.

use checker::decide::schedule::Class;

/// Minute, hour, day of the month, month, day of the week.
const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

/// One line that starts something.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    when: String,
    /// In a file below `/etc/cron.d` only.
    user: Option<&'a str>,
    command: &'a str,
}

/// The lines with what they start. A line behind `#` without a blank is one to be taken out of its comment.
fn shown(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    numbered.filter_map(|(number, line)| match line.strip_prefix('#') {
        None if line.trim().is_empty() => None,
        None => Some((number, line, true)),
        Some(rest) => {
            rest.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '@').then_some((number, rest, false))
        }
    })
}

fn parse(line: &str) -> Result<Entry<'_>, String> {
    let (when, rest) = if line.starts_with('@') {
        let (word, rest) = line.split_once(' ').ok_or("no command")?;
        let words = ["@reboot", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"];
        if !words.contains(&word) {
            return Err(format!("{word} is no word of cron"));
        }
        (word.to_owned(), rest.trim_start())
    } else {
        five_fields(line)?
    };
    // In /etc/cron.d a user stands before the command.
    let (user, command) = match rest.split_once(' ') {
        Some((first, command)) if !first.contains('/') => (Some(first), command.trim_start()),
        _ => (None, rest),
    };
    if !command.starts_with('/') {
        return Err(format!("\"{command}\": cron has a short PATH; begin with the whole path"));
    }
    if command.replace("\\%", "").contains('%') {
        return Err("a % means a line feed to cron; write \\%".to_owned());
    }
    Ok(Entry { when, user, command })
}

fn five_fields(line: &str) -> Result<(String, &str), String> {
    let mut rest = line;
    let mut fields = Vec::new();
    for (least, most) in RANGES {
        let (field, after) = rest.split_once(' ').ok_or("five fields and a command are needed")?;
        for item in field.split(',') {
            item_is_valid(item, least, most)?;
        }
        fields.push(field);
        rest = after.trim_start();
    }
    Ok((fields.join(" "), rest))
}

fn item_is_valid(item: &str, least: u32, most: u32) -> Result<(), String> {
    let wrong = || format!("\"{item}\" is not within {least}-{most}");
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| (least..=most).contains(n)).ok_or_else(wrong);
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|s| s.parse::<u32>().ok().is_none_or(|n| n == 0)) {
        return Err(wrong());
    }
    match range.split_once('-') {
        _ if range == "*" => Ok(()),
        Some((from, to)) if number(from)? <= number(to)? => Ok(()),
        Some(_) => Err(wrong()),
        None => number(range).map(drop),
    }
}

/// Everything that is wrong with the file.
pub(super) fn problems(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.ends_with('\n') {
        found.push("crontab.example: the last line needs a line feed: cron ignores the whole file without".to_owned());
    }
    let mut used = 0;
    for (number, line, in_use) in shown(text) {
        match parse(line) {
            Ok(entry) if in_use => {
                used += 1;
                if entry.user.is_some() {
                    found.push(format!("crontab.example:{number}: a user's crontab names no user"));
                }
            }
            Ok(_) => {}
            Err(why) => found.push(format!("crontab.example:{number}: {why}")),
        }
    }
    if used != 1 {
        found.push(format!("crontab.example: {used} lines are in use: one is enough, the others stand behind #"));
    }
    found
}

/// The four lines that owners of the first program know, each with its class, and the forms for `/etc/cron.d`.
pub(super) fn first_programs_lines(text: &str) -> Vec<String> {
    let entries: Vec<Entry<'_>> = shown(text).filter_map(|(_, line, _)| parse(line).ok()).collect();
    let mut found = Vec::new();
    for class in [Class::Minute, Class::Hour, Class::Day, Class::DayNoon] {
        let ends = format!(" -m cron -c {class}");
        if !entries.iter().any(|e| e.user.is_none() && e.when == class.crontab() && e.command.ends_with(&ends)) {
            found.push(format!("crontab.example must show the line `{} .../checker{ends}`", class.crontab()));
        }
    }
    if !entries.iter().any(|e| e.user.is_some() && e.command.ends_with(" cron")) {
        found.push("crontab.example must show the form for /etc/cron.d, with a user before the command".to_owned());
    }
    found
}

#[test]
fn lines_are_read_as_cron_reads_them() {
    let entry = parse("0 1-11,13-23 * * *   /usr/bin/checker cron -c hour").unwrap();
    let want = Entry { when: "0 1-11,13-23 * * *".to_owned(), user: None, command: "/usr/bin/checker cron -c hour" };
    assert_eq!(entry, want);
    let entry = parse("*/5 * * * 0-7/2 checker /usr/bin/checker cron").unwrap();
    assert_eq!((entry.user, entry.command), (Some("checker"), "/usr/bin/checker cron"));
    assert_eq!(parse("@reboot /usr/bin/checker daemon").unwrap().when, "@reboot");
    for (bad, why) in [
        ("60 * * * * /x", "\"60\" is not within 0-59"),
        ("* 9-8 * * * /x", "\"9-8\" is not within 0-23"),
        ("*/0 * * * * /x", "\"*/0\" is not within 0-59"),
        ("* * 0 * * /x", "\"0\" is not within 1-31"),
        ("* * * * /x", "five fields"),
        ("* * * * * checker cron", "short PATH"),
        ("@often /x", "@often is no word"),
        ("* * * * * /bin/date +%s", "write \\%"),
        ("MAILTO=you", "five fields"),
    ] {
        let said = parse(bad).unwrap_err();
        assert!(said.contains(why), "{bad}: {said}");
    }
}

#[test]
fn a_wrong_example_is_found() {
    let fine = "# Words.\n* * * * * /usr/bin/checker cron\n#@reboot /usr/bin/checker daemon\n";
    assert_eq!(problems(fine), Vec::<String>::new());
    assert_eq!(problems(fine.trim_end()).len(), 1);
    assert_eq!(problems(&fine.replace("#@", "@")).len(), 1);
    assert_eq!(problems(&fine.replace("* /usr", "* root /usr")).len(), 1);
    assert_eq!(problems(&format!("{fine}#61 * * * * /x\n")).len(), 1);
    assert_eq!(first_programs_lines(fine).len(), 5);
}
