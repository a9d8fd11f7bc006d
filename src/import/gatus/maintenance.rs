//! Maintenance of Gatus, for all endpoints or for one, becomes windows.

use super::super::Left;
use super::super::table::{Table, Value, WINDOW};
use super::super::yaml::{Entry, Node};
use super::condition::{go_millis, time};
use super::fields::Fields;

/// Its words for days, and ours.
const WEEK: [(&str, &str); 7] = [
    ("monday", "mon"),
    ("tuesday", "tue"),
    ("wednesday", "wed"),
    ("thursday", "thu"),
    ("friday", "fri"),
    ("saturday", "sat"),
    ("sunday", "sun"),
];
/// What Gatus takes where no length is said.
const LENGTH: &str = "1h";
/// And where no zone is.
const ZONE: &str = "UTC";

/// The window of all endpoints, which became these jobs: there may be others beside them.
pub(super) fn of_all(entry: &Entry, jobs: Vec<String>, left: &mut Vec<Left>) -> Option<Table> {
    window(&entry.value, entry.line, "maintenance", jobs, left)
}

/// The windows of one endpoint, which became these jobs.
pub(super) fn of_one(entry: &Entry, shown: &str, jobs: &[String], left: &mut Vec<Left>) -> Vec<Table> {
    let list = entry.value.list();
    if list.is_empty() && !entry.value.is_empty() {
        let what = format!("{shown}: maintenance-windows is no list");
        left.push(Left::new(entry.line, what, "Each window begins with a dash"));
    }
    let name = |n: usize| match n {
        1 => format!("maintenance of {shown}"),
        n => format!("maintenance of {shown} ({n})"),
    };
    let windows = (1..).zip(list).filter_map(|(n, node)| window(node, node.line, &name(n), jobs.to_vec(), left));
    windows.collect()
}

fn window(node: &Node, line: usize, name: &str, jobs: Vec<String>, left: &mut Vec<Left>) -> Option<Table> {
    let mut f = Fields::new(node);
    let on = f.flag("enabled", left) != Some(false);
    let length = f.text("duration", left).unwrap_or(LENGTH);
    let mut table = Table::new(WINDOW, line).with("name", name).with("jobs", Value::Texts(jobs));
    table.set("start", f.text("start", left).unwrap_or_default());
    // What is no time is left as it is: the settings code says what is wrong with it.
    table.set("length", go_millis(length).map_or_else(|| length.to_owned(), time));
    let every = f.take("every");
    if let Some(entry) = every.filter(|e| e.value.list().is_empty() && !e.value.is_empty()) {
        left.push(Left::new(entry.line, format!("{name}: every is no list of days"), "Each day is taken: set days"));
    }
    let days = every.map(|e| e.value.list()).unwrap_or_default();
    let days: Vec<String> = days.iter().map(|day| our_day(day.text().unwrap_or_default())).collect();
    if !days.is_empty() {
        table.set("days", Value::Texts(days));
    }
    table.set("timezone", f.text("timezone", left).unwrap_or(ZONE));
    f.rest(&format!("{name}: "), left);
    if !on {
        left.push(Left::new(line, format!("{name} is switched off"), "Nothing is to be done"));
    }
    on.then_some(table)
}

fn our_day(day: &str) -> String {
    let known = WEEK.iter().find(|(theirs, _)| day.eq_ignore_ascii_case(theirs));
    known.map_or(day, |(_, ours)| ours).to_owned()
}
