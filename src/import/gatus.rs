//! A Gatus `config.yaml` becomes jobs.
//!
//! 1. `yaml` reads it as a tree with lines; aliases, merged maps and variables are filled in.
//! 2. `fields` hands out the keys of one map, and lists each that nobody asked for.
//! 3. `endpoint` makes a table of an endpoint: its common keys, its scheme, its alerts.
//! 4. `condition` reads conditions, `conditions` turns them into keys; what a kind cannot judge is listed.
//! 5. `maintenance` makes windows.

mod condition;
mod conditions;
mod endpoint;
mod fields;
mod maintenance;

use super::yaml::{self, Document, Node};
use super::{Converted, Left, table};
use fields::Fields;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What is beside the endpoints, and what stands in its place here.
const BESIDE: [(&str, &str); 12] = [
    ("metrics", "Nothing is measured for others: `checker status --json` is for programs"),
    ("storage", "The state is a file of its own, [general] state"),
    ("security", "There are no web pages to protect"),
    ("web", "There are no web pages; [daemon] has the addresses that Checker listens on"),
    ("ui", "There are no web pages: `checker status` shows how the jobs are"),
    ("announcements", "There are no web pages"),
    ("connectivity", "Checker judges by itself whether this host is cut off: [network] reference names what to ask"),
    ("concurrency", "Checker finds by itself how many jobs to run at once"),
    ("remote", "Let both look at each other as peers: [[peer]]"),
    ("tunneling", "Let a command of yours go through the tunnel: [[job.command]]"),
    ("disable-monitoring-lock", "Checker finds by itself how many jobs to run at once"),
    ("skip-invalid-config-update", "Checker goes on with the last good settings by itself, and tells you"),
];

/// What an alert says where an endpoint does not: the thresholds of `default-alert`, by provider.
type Defaults = BTreeMap<String, Rc<Node>>;

/// Converts `text`. `env` says what variables are; `kinds` are the job kinds of this program.
///
/// # Errors
/// Why it is no YAML, with the line; or no map.
pub(crate) fn convert(text: &str, env: &dyn Fn(&str) -> Option<String>, kinds: &[&str]) -> Result<Converted, String> {
    let Document { root, variables, second } = yaml::read(text, env)?;
    let mut made = Converted {
        head: vec![
            "The endpoints of Gatus, as jobs of Checker. What is not in them is listed at the end.".to_owned(),
            "In Gatus 1 and \"1\" of a JSON answer are the same; here they are not.".to_owned(),
        ],
        ..Converted::default()
    };
    if let Some(line) = second {
        made.left.push(Left::new(
            line,
            "a second document begins here",
            "Put it into a file of its own, and import that too",
        ));
    }
    if !root.is_empty() && root.map().is_empty() {
        return Err("it is no map; a configuration of Gatus has the key endpoints".to_owned());
    }
    if root.is_empty() {
        made.left.push(Left::new(0, "there is nothing in it", "It should be a map with the key endpoints"));
    }
    let mut fields = Fields::new(&root);
    let defaults = alerting(&mut fields, &mut made.left);
    // Until 2022 they were called services.
    for key in ["endpoints", "services"] {
        let Some(entry) = fields.take(key) else { continue };
        if entry.value.list().is_empty() && !entry.value.is_empty() {
            made.left.push(Left::new(entry.line, format!("{key} is no list"), "Each endpoint begins with a dash"));
        }
        for node in entry.value.list() {
            endpoint::convert(node, &defaults, kinds, &mut made);
        }
    }
    let jobs = made.tables.iter().filter_map(table::Table::job).collect();
    let of_all = fields.take("maintenance").and_then(|entry| maintenance::of_all(entry, jobs, &mut made.left));
    made.windows.extend(of_all);
    outside(&mut fields, &mut made.left);
    for (key, remedy) in BESIDE {
        if let Some(entry) = fields.take(key) {
            made.left.push(Left::new(entry.line, format!("{key} is not taken over"), remedy));
        }
    }
    fields.rest("", &mut made.left);
    tell_variables(&variables, &mut made);
    made.sort();
    Ok(made)
}

/// Providers are ways out: their keys are secrets, and whoever is told is said once for all jobs.
fn alerting(fields: &mut Fields<'_>, left: &mut Vec<Left>) -> Defaults {
    let mut defaults = Defaults::new();
    let Some(alerting) = fields.take("alerting") else { return defaults };
    if alerting.value.map().is_empty() && !alerting.value.is_empty() {
        left.push(Left::new(alerting.line, "alerting is no map", "It names ways out, such as slack"));
    }
    for provider in alerting.value.map() {
        let remedy = match provider.key.as_str() {
            "email" => "Mail goes to [general] alertcontact: put the addresses there, and the server in [email.smtp]".to_owned(),
            name @ ("slack" | "discord" | "telegram" | "ntfy") => format!(
                "Write [[channel.webhook]] with template = \"{name}\", its address in a file (url_file), and its name in \
                 alertcontact or in contacts of the jobs"
            ),
            _ => "Write [[channel.webhook]] or [[channel.command]], and its name in alertcontact or in contacts of the jobs"
                .to_owned(),
        };
        left.push(Left::new(provider.line, format!("alerting by {} is not taken over", provider.key), remedy));
        let of_alert = provider.value.map().iter().find(|e| e.key == "default-alert");
        defaults.extend(of_alert.map(|e| (provider.key.clone(), Rc::clone(&e.value))));
    }
    defaults
}

/// What others push into Gatus, and steps that build on each other.
fn outside(fields: &mut Fields<'_>, left: &mut Vec<Left>) {
    let lists = [
        (
            "external-endpoints",
            "Let what pushed its result write a file, and watch its age: [[job.file]] with max_age; or run it as [[job.command]]",
        ),
        ("suites", "Steps that hand on values are a script: run it as [[job.command]] with plain = true"),
    ];
    for (key, remedy) in lists {
        let Some(entry) = fields.take(key) else { continue };
        if entry.value.list().is_empty() {
            left.push(Left::new(entry.line, format!("{key} is empty"), "Nothing is to be done"));
        }
        for node in entry.value.list() {
            let name = node.map().iter().find(|e| e.key == "name").and_then(|e| e.value.text()).unwrap_or("?");
            left.push(Left::new(node.line, format!("{key}: {name} is not taken over"), remedy));
        }
    }
}

fn tell_variables(variables: &[(usize, String, bool)], made: &mut Converted) {
    let variables: BTreeSet<&(usize, String, bool)> = variables.iter().collect();
    let tomls: Vec<String> = made.tables.iter().map(table::Table::to_toml).collect();
    for (line, name, set) in variables {
        let left = if *set {
            Left::new(
                *line,
                format!("${name} was replaced by its value at this moment"),
                "Settings have no variables: passwords belong into files (pass_file, bearer_file, url_file)",
            )
        } else {
            Left::new(
                *line,
                format!("${name} is not set here, so it was left as it is, and no job with it is enabled"),
                "Import once more with it set, or put the value in",
            )
        };
        made.left.push(left);
        let words = [format!("${{{name}}}"), format!("${name}")];
        if *set {
            continue;
        }
        for (table, toml) in made.tables.iter_mut().zip(&tomls) {
            if words.iter().any(|w| toml.contains(w.as_str())) {
                table.set("enabled", super::table::Value::Flag(false));
            }
        }
    }
}

#[cfg(test)]
mod tests;
