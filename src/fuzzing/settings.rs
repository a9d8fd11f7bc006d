//! Settings: what an admin types, and what an editor or a disk makes of it.

use super::{choice, in_time, is_line};
use crate::registry::Registry;
use crate::settings::{Env, Report, load_text};
use std::path::Path;
use std::sync::OnceLock;
use toml::Value;

/// Stands where `@@` stands in the input.
const SECRET: &str = "S3CRETofTHEadmin";
/// Keys whose values nobody may see.
const SECRET_KEYS: [&str; 5] = ["pass", "password", "token", "secret", "api_key"];
/// The folder does not exist, so relative names lead nowhere.
const FILE: &str = "/nonexistent/settings.cfg";
/// Problems of the file as a whole, which no line can have.
const WHOLE: [&str; 3] = ["the table [", "these are settings of the first program", "two crates of this program"];

/// The bytes are the text of a settings file; text that is no UTF-8 is refused before it comes here.
///
/// # Panics
/// If an error names no file and line, or words for humans hold control characters or a secret.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace("@@", SECRET);
    let judged = in_time(|| load_text(Path::new(FILE), &text, registry(), &Env::bare("/nonexistent")));
    let hidden = holds_secrets_alone(&text);
    match judged {
        Ok((settings, report)) => {
            assert!(!report.has_errors());
            assert!(!hidden || !format!("{settings:?}").contains(SECRET), "the secret is shown: {settings:?}");
            told(&report, &text, hidden);
        }
        Err(report) => {
            assert!(report.has_errors(), "what cannot be used says why");
            told(&report, &text, hidden);
        }
    }
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(crate::bundled)
}

fn told(report: &Report, text: &str, hidden: bool) {
    let lines = text.matches('\n').count() + 1;
    for problem in &report.problems {
        let Some(place) = &problem.place else {
            let whole = WHOLE.iter().any(|w| problem.message.starts_with(w)) || problem.file != Path::new(FILE);
            assert!(whole, "an error without a line: {problem:?}");
            continue;
        };
        assert!(problem.file == Path::new(FILE) && (1..=lines).contains(&place.line), "{problem:?}");
        let width = place.excerpt.chars().count();
        assert!(place.caret <= width && place.caret_len >= 1 && place.column >= 1, "{problem:?}");
        assert!(is_line(&problem.message) && is_line(&place.excerpt), "words for humans: {problem:?}");
    }
    let rendered = report.render();
    assert!(rendered.lines().all(is_line), "words for humans: {rendered:?}");
    let json = report.to_json().to_string();
    assert!(!hidden || !(rendered.contains(SECRET) || json.contains(SECRET)), "the secret is told:\n{rendered}");
}

/// Whether the secret stands in the text, and nowhere but where secrets stand.
fn holds_secrets_alone(text: &str) -> bool {
    let all = text.matches(SECRET).count();
    if all == 0 || text.contains("'''") || text.contains("\"\"\"") {
        return false;
    }
    match text.parse::<toml::Table>() {
        Ok(table) => of_secret_keys(&Value::Table(table), false) == all,
        Err(_) => text.lines().filter(|line| line.contains(SECRET)).all(is_secret_line),
    }
}

fn of_secret_keys(value: &Value, secret: bool) -> usize {
    match value {
        Value::String(text) if secret => text.matches(SECRET).count(),
        Value::Array(items) => items.iter().map(|item| of_secret_keys(item, secret)).sum(),
        Value::Table(table) => {
            table.iter().map(|(key, value)| of_secret_keys(value, SECRET_KEYS.contains(&key.as_str()))).sum()
        }
        _ => 0,
    }
}

/// `pass = "..."`, and nothing else on the line.
fn is_secret_line(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else { return false };
    let inner = value.trim().strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    SECRET_KEYS.contains(&key.trim()) && inner.is_some_and(|inner| !inner.contains(['"', '\\']))
}

/// `@@` is a password here as well, if it stands under such a key of `[email]`.
///
/// # Panics
/// If what is shown as the same settings in our form is no TOML, or holds a password.
pub fn first_settings(data: &[u8]) {
    let (_, rest) = choice(data);
    let text = String::from_utf8_lossy(rest).replace("@@", SECRET);
    let Some(toml) = in_time(|| crate::settings::first::as_toml(&text)) else { return };
    assert!(toml.parse::<toml::Table>().is_ok(), "it is no TOML:\n{toml}");
    assert!(toml.lines().all(is_line), "words for humans:\n{toml}");
    assert!(!is_password_alone(&text) || !toml.contains(SECRET), "the password is shown:\n{toml}");
}

fn is_password_alone(text: &str) -> bool {
    let mut section = String::new();
    let mut alone = text.contains(SECRET);
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default().trim().to_lowercase();
            alone &= !trimmed.contains(SECRET);
        } else if trimmed.contains(SECRET) {
            let key = trimmed.split(['=', ':']).next().unwrap_or_default().trim().to_lowercase();
            alone &= section == "email" && SECRET_KEYS.contains(&key.as_str()) && !line.starts_with([' ', '\t']);
        }
    }
    alone
}
