//! Settings of the first program (INI): recognised, and shown as what they would be here.

use std::collections::BTreeMap;

/// One `key = value`.
pub(crate) struct Entry {
    /// In lower case.
    pub(crate) key: String,
    pub(crate) value: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

/// What stands in settings of the first program, with its places.
pub(crate) struct Ini {
    /// By name, in lower case. What stands before the first header is under the empty name.
    pub(crate) sections: BTreeMap<String, Vec<Entry>>,
    /// Lines that are neither header nor entry nor comment, from 1.
    pub(crate) unread: Vec<usize>,
}

impl Ini {
    /// The first value of this key that is not empty.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<&str> {
        let found = self.sections.get(section)?.iter().find(|e| e.key == key);
        found.map(|e| e.value.as_str()).filter(|v| !v.is_empty())
    }

    /// Whether these are settings of the first program, and no TOML.
    fn is_first(&self, text: &str) -> bool {
        let bare = |section: &str, key: &str| self.get(section, key).is_some_and(|v| !v.starts_with(['"', '\'', '[']));
        let only_there = ["smtpserver", "smtpport", "imapserver"].iter().any(|k| bare("email", k))
            || ["logfile", "statefile"].iter().any(|k| bare("general", k))
            || self.sections.contains_key("peers");
        let both = bare("general", "servername") && bare("general", "alertcontact");
        let has_toml = text.lines().any(|line| line.trim_start().starts_with("[["));
        !has_toml && (only_there || both)
    }
}

/// What stands in `text`, if these are settings of the first program.
pub(crate) fn read(text: &str) -> Option<Ini> {
    let ini = parse(text);
    ini.is_first(text).then_some(ini)
}

/// The same settings as TOML, if `text` are settings of the first program. Passwords are never in it.
pub(crate) fn as_toml(text: &str) -> Option<String> {
    read(text).map(|ini| to_toml(&ini))
}

/// The settings as TOML, without passwords.
pub(crate) fn to_toml(ini: &Ini) -> String {
    let get = |section: &str, key: &str| ini.get(section, key).map(str::to_owned);
    let peers = ini.sections.get("peers").map(Vec::as_slice).unwrap_or_default();
    let mut out = String::new();
    general(&mut out, &get);
    email(&mut out, &get);
    if let Some(host) = get("email", "imapserver") {
        let user = get("email", "user").unwrap_or_else(|| "you@example.com".to_owned());
        table(&mut out, "[canary]");
        line(&mut out, "via", "imap");
        line(&mut out, "host", &host);
        line(&mut out, "user", &user);
        line(&mut out, "pass_file", "mail.secret");
    }
    if get("email", "imapserver").is_some() || !peers.is_empty() {
        table(&mut out, "[daemon]");
        line(&mut out, "peer_listen", "[::]:5000");
    }
    for peer in peers {
        let (url, admin) = peer.value.split_once(',').unwrap_or((&peer.value, "admin@example.com"));
        table(&mut out, "[[peer]]");
        line(&mut out, "name", &peer.key);
        line(&mut out, "url", url.trim());
        line(&mut out, "admin", admin.trim());
        out.push_str("legacy = true\n");
    }
    if let Some(file) = get("general", "logfile") {
        table(&mut out, "[log]");
        line(&mut out, "file", &file);
    }
    out
}

fn general(out: &mut String, get: &dyn Fn(&str, &str) -> Option<String>) {
    out.push_str("[general]\n");
    let name = get("general", "servername").unwrap_or_else(|| "alpha".to_owned());
    line(out, "servername", &name);
    let contact = get("general", "alertcontact").unwrap_or_else(|| "you@example.com".to_owned());
    line(out, "alertcontact", &contact);
}

fn email(out: &mut String, get: &dyn Fn(&str, &str) -> Option<String>) {
    let is_on =
        |key: &str| get("email", key).is_some_and(|v| ["1", "yes", "true", "on"].contains(&v.to_lowercase().as_str()));
    let user = get("email", "user");
    table(out, "[email]");
    let from = user.clone().filter(|u| u.contains('@'));
    line(out, "from", from.as_deref().unwrap_or("alpha-checker@example.com"));
    for key in ["nomail", "bustgmailthreading", "ideletesentmessagesautomatically"] {
        if is_on(key) {
            out.push_str(key);
            out.push_str(" = true\n");
        }
    }
    table(out, "[email.smtp]");
    let host = get("email", "smtpserver").unwrap_or_else(|| "smtp.example.com".to_owned());
    line(out, "host", &host);
    if let Some(port) = get("email", "smtpport").and_then(|p| p.parse::<u16>().ok()) {
        let port = format!("port = {port}\n");
        out.push_str(&port);
    }
    line(out, "security", "starttls");
    if let Some(user) = user {
        line(out, "user", &user);
        line(out, "pass_file", "mail.secret");
    }
}

fn table(out: &mut String, header: &str) {
    out.push('\n');
    out.push_str(header);
    out.push('\n');
}

fn line(out: &mut String, key: &str, value: &str) {
    let quoted: String = value
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            _ => vec![c],
        })
        .collect();
    for part in [key, " = \"", &quoted, "\"\n"] {
        out.push_str(part);
    }
}

/// The dialect of the first program: `key = value` or `key: value`, comments with `#` or `;`, keys in any case, `%%` for a
/// percent sign. A line that is indented deeper than its key goes on (as in Python's configparser).
pub(crate) fn parse(text: &str) -> Ini {
    let mut ini = Ini { sections: BTreeMap::new(), unread: Vec::new() };
    let mut section = String::new();
    // Of the key that a line may go on; at a header there is none.
    let (mut depth, mut goes_on) = (0, false);
    for (number, raw) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indent = raw.len() - raw.trim_start().len();
        if goes_on
            && indent > depth
            && let Some(before) = ini.sections.get_mut(&section).and_then(|entries| entries.last_mut())
        {
            before.value.push(' ');
            before.value.push_str(trimmed);
            continue;
        }
        (depth, goes_on) = (indent, false);
        if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.split_once(']')) {
            section = name.0.trim().to_lowercase();
            ini.sections.entry(section.clone()).or_default();
            continue;
        }
        let entries = ini.sections.entry(section.clone()).or_default();
        let Some(at) = trimmed.find(['=', ':']) else {
            ini.unread.push(number);
            continue;
        };
        let (key, value) = trimmed.split_at(at);
        let value = value.get(1..).unwrap_or_default().trim().replace("%%", "%");
        goes_on = true;
        entries.push(Entry { key: key.trim().to_lowercase(), value, line: number });
    }
    ini
}
