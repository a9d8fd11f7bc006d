//! Rules about `settings.cfg.example`: it shows every key that Checker reads, in use or behind `# `.

use super::File;
use super::code::without_tests;

/// The keys whose names are fixed, because documents and other people's files rely on them. Those that the code reads
/// beside these are found in the code itself ([`read_keys_are_shown`]).
const DESIGNED: [(&str, &str); 14] = [
    ("general", "servername alertcontact state timezone include"),
    ("email", "transport from folder daily_limit nomail"),
    ("email.smtp", "host port security user pass_file ca_file"),
    ("email.fallback", "host"),
    ("canary", "via host user pass_file every within"),
    ("channel.webhook", "name url_file template"),
    ("deadman", "url"),
    ("log", "file max_bytes keep level stderr_level format stderr_format"),
    ("daemon", "peer_listen web_listen control respawn"),
    ("peer", "name url admin key"),
    ("defaults", "every notify remind failure_threshold recovery_threshold timeout host depends_on contacts note"),
    ("job.tcp", "address"),
    ("job.http", "url status body_contains"),
    ("job.command", "command"),
];

/// How `src/settings/` asks a table for a key.
const ASKS: [&str; 10] = ["any_text", "text", "need", "flag", "whole", "time", "texts", "word", "table", "tables"];

/// The tables and keys that the example shows.
struct Shown {
    /// `(table, key)`
    keys: Vec<(String, String)>,
    tables: Vec<String>,
}

impl Shown {
    fn in_text(example: &str) -> Self {
        let mut shown = Self { keys: Vec::new(), tables: Vec::new() };
        let mut table = String::new();
        for line in example.lines() {
            let line = line.trim_start().trim_start_matches('#').trim_start();
            if let Some(name) = header(line) {
                name.clone_into(&mut table);
                shown.tables.push(table.clone());
            } else if let Some(key) = key(line) {
                shown.keys.push((table.clone(), key.to_owned()));
            }
        }
        shown
    }

    fn has(&self, table: &str, key: &str) -> bool {
        self.keys.iter().any(|(t, k)| t == table && k == key)
    }

    fn anywhere(&self, word: &str) -> bool {
        let in_table = |t: &String| t.split('.').any(|part| part == word);
        self.keys.iter().any(|(_, key)| key == word) || self.tables.iter().any(in_table)
    }
}

fn header(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('[')?.split_once(']')?.0;
    Some(inner.trim_start_matches('[')).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || ".-_".contains(c)))
}

fn key(line: &str) -> Option<&str> {
    let key = line.split_once('=')?.0.trim_end();
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!key.is_empty() && key.chars().all(name)).then_some(key)
}

/// The keys of the design.
pub(super) fn designed_keys_are_shown(example: &str) -> Vec<String> {
    let shown = Shown::in_text(example);
    let all = DESIGNED.iter().flat_map(|(table, keys)| keys.split(' ').map(move |key| (*table, key)));
    all.filter(|(table, key)| !shown.has(table, key))
        .map(|(table, key)| {
            format!("settings.cfg.example does not show `{key}` of [{table}]: add it with its default and why")
        })
        .collect()
}

/// The keys that one file of `src/settings/` reads.
pub(super) fn read_keys_are_shown(file: &File, example: &str) -> Vec<String> {
    if file.is_test {
        return Vec::new();
    }
    let shown = Shown::in_text(example);
    let missing = keys_read(without_tests(&file.text)).into_iter().filter(|key| !shown.anywhere(key));
    missing
        .map(|key| {
            format!(
                "settings.cfg.example does not show `{key}`, which {} reads: add it with its default and why",
                file.path
            )
        })
        .collect()
}

/// The texts that are the first argument of a method in [`ASKS`].
fn keys_read(text: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    for (at, _) in text.match_indices('(') {
        let method = text[..at].rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let is_method = text[..at - method.len()].ends_with('.');
        let argument = text[at + 1..].trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
        if let (true, Some((key, _))) = (is_method && ASKS.contains(&method), argument) {
            keys.push(key);
        }
    }
    keys
}

#[test]
fn a_key_that_is_not_shown_is_found() {
    let whole: String = DESIGNED
        .iter()
        .map(|(table, keys)| {
            let keys: String = keys.split(' ').map(|k| format!("# {k} = 1\n")).collect();
            format!("[{table}]   # why\n{keys}")
        })
        .collect();
    assert!(designed_keys_are_shown(&whole).is_empty());
    let less = whole.replace("# keep = 1\n", "# we keep = 1 of them\n");
    let found = designed_keys_are_shown(&less);
    assert!(found.len() == 1 && found[0].contains("`keep` of [log]"), "{found:?}");
    assert!(designed_keys_are_shown("").len() > 50);
}

#[test]
fn a_key_that_the_code_reads_is_found() {
    let code = "let a = s.text(\"host\", \"x\");\nlet b = s\n    .whole(\n        \"port\",\n        1..=9)\n;\
                let c = s.table(\"smtp\", \"[email.smtp]\"); other(\"no\"); s.unrelated(\"no\");";
    assert_eq!(keys_read(code), ["host", "port", "smtp"]);
    let file = File::sample("src/settings/email.rs", code);
    assert!(read_keys_are_shown(&file, "[email.smtp]\nhost = \"a\"\n#port = 25\n").is_empty());
    let found = read_keys_are_shown(&file, "[email.smtp]\nhost = \"a\"\n");
    assert!(found.len() == 1 && found[0].contains("`port`, which src/settings/email.rs reads"), "{found:?}");
}
