//! Settings of the first program (INI): recognised, and shown as what they would be here.

use std::collections::BTreeMap;

type Sections = BTreeMap<String, Vec<(String, String)>>;

/// The same settings as TOML, if `text` are settings of the first program. Passwords are never in it.
pub(crate) fn as_toml(text: &str) -> Option<String> {
    let sections = parse(text);
    let get = |section: &str, key: &str| {
        let of_section = sections.get(section)?;
        let found = of_section.iter().find(|(k, _)| k == key);
        found.map(|(_, v)| v.clone()).filter(|v| !v.is_empty())
    };
    let bare = |section: &str, key: &str| get(section, key).is_some_and(|v| !v.starts_with(['"', '\'', '[']));
    let only_there = ["smtpserver", "smtpport", "imapserver"].iter().any(|k| bare("email", k))
        || ["logfile", "statefile"].iter().any(|k| bare("general", k))
        || sections.contains_key("peers");
    let both = bare("general", "servername") && bare("general", "alertcontact");
    if text.contains("[[") || !(only_there || both) {
        return None;
    }
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
    if get("email", "imapserver").is_some() || sections.get("peers").is_some_and(|peers| !peers.is_empty()) {
        table(&mut out, "[daemon]");
        line(&mut out, "peer_listen", "[::]:5000");
    }
    for (name, value) in sections.get("peers").into_iter().flatten() {
        let (url, admin) = value.split_once(',').unwrap_or((value, "admin@example.com"));
        table(&mut out, "[[peer]]");
        line(&mut out, "name", name);
        line(&mut out, "url", url.trim());
        line(&mut out, "admin", admin.trim());
        out.push_str("legacy = true\n");
    }
    if let Some(file) = get("general", "logfile") {
        table(&mut out, "[log]");
        line(&mut out, "file", &file);
    }
    Some(out)
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

/// The dialect of the first program: `key = value` or `key: value`, comments with `#` or `;`, indented lines go on,
/// keys in any case, `%%` for a percent sign.
fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    for raw in text.lines() {
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.split_once(']')) {
            section = name.0.trim().to_lowercase();
            sections.entry(section.clone()).or_default();
            continue;
        }
        let entries = sections.entry(section.clone()).or_default();
        if raw.starts_with([' ', '\t'])
            && let Some((_, value)) = entries.last_mut()
        {
            value.push(' ');
            value.push_str(trimmed);
            continue;
        }
        let Some(at) = trimmed.find(['=', ':']) else {
            continue;
        };
        let (key, value) = trimmed.split_at(at);
        let value = value.get(1..).unwrap_or_default().trim().replace("%%", "%");
        entries.push((key.trim().to_lowercase(), value));
    }
    sections
}
