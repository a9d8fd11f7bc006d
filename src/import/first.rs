//! Settings of the first program (INI) become ours.

use super::{Converted, Left};
use crate::settings::first::{Ini, read, to_toml};

/// What stands in them beside the password, and where: everything else is listed.
const GENERAL: [&str; 3] = ["servername", "alertcontact", "logfile"];
const EMAIL: [&str; 7] = [
    "nomail",
    "user",
    "smtpserver",
    "smtpport",
    "imapserver",
    "ideletesentmessagesautomatically",
    "bustgmailthreading",
];
/// Without these there is a sample in their place.
const NEEDED: [(&str, &str, &str); 3] = [
    ("general", "servername", "servername = \"alpha\" is a sample: put in this server's name"),
    ("general", "alertcontact", "alertcontact = \"you@example.com\" is a sample: put in who is told"),
    (
        "email",
        "smtpserver",
        "host = \"smtp.example.com\" is a sample: put in your mail server, or transport = \"sendmail\"",
    ),
];

/// Settings that were converted, and the password, which stands in a file of its own from now on.
pub(crate) struct Moved {
    pub(crate) made: Converted,
    pub(crate) password: Option<String>,
}

/// Converts `text`; `None` if these are no settings of the first program.
pub(crate) fn convert(text: &str) -> Option<Moved> {
    let ini = read(text)?;
    let mut left = Vec::new();
    unread(&ini, text, &mut left);
    needed(&ini, &mut left);
    for (section, entries) in &ini.sections {
        let mut seen: Vec<&str> = Vec::new();
        for entry in entries {
            if seen.contains(&entry.key.as_str()) {
                let what = format!("[{section}] {}: it stands there a second time; the first one counts", entry.key);
                left.push(Left::new(entry.line, what, "Put in the one that is right"));
            } else {
                judge(section, entry, &mut left);
            }
            seen.push(&entry.key);
        }
    }
    let password = ini.get("email", "pass").map(str::to_owned);
    let mut made = Converted {
        head: vec!["Settings of the first program, as Checker has them.".to_owned()],
        settings: to_toml(&ini),
        left,
        ..Converted::default()
    };
    made.sort();
    Some(Moved { made, password })
}

fn unread(ini: &Ini, text: &str, left: &mut Vec<Left>) {
    for &number in &ini.unread {
        let line = text.lines().nth(number - 1).unwrap_or_default().trim();
        let what = format!("\"{line}\" is neither a header nor a key with a value");
        left.push(Left::new(number, what, "Look what it was meant to be"));
    }
}

fn needed(ini: &Ini, left: &mut Vec<Left>) {
    for (section, key, remedy) in NEEDED {
        if ini.get(section, key).is_none() {
            left.push(Left::new(0, format!("[{section}] {key} is not given"), remedy));
        }
    }
    let sender = ini.get("email", "user").is_some_and(|user| user.contains('@'));
    if !sender {
        let what = "[email] user is no address, so who sends is not known";
        left.push(Left::new(0, what, "from = \"alpha-checker@example.com\" is a sample: put in the sender's address"));
    }
    if ini.get("email", "imapserver").is_some() && ini.get("email", "user").is_none() {
        let what = "[email] imapserver is given, but no user";
        left.push(Left::new(0, what, "user = \"you@example.com\" in [canary] is a sample: put in whose mailbox it is"));
    }
}

fn judge(section: &str, entry: &crate::settings::first::Entry, left: &mut Vec<Left>) {
    let (key, value, line) = (entry.key.as_str(), entry.value.as_str(), entry.line);
    let mut note = |what: String, remedy: &str| left.push(Left::new(line, what, remedy));
    if value.contains('\u{FFFD}') {
        let what = format!("[{section}] {key}: it is not written in UTF-8, and letters of it were lost");
        note(what, "Write it anew where it went; a password into mail.secret");
    }
    match (section, key) {
        ("email", "pass") => {
            let what = "[email] pass: a password does not stand among the settings";
            note(
                what.to_owned(),
                "It belongs into the file mail.secret, alone, closed to others: chmod 600 mail.secret",
            );
            return;
        }
        ("general", "statefile") => note(
            "[general] statefile: the state has another form, and a file of its own, checker.db".to_owned(),
            "What the old file remembers is taken over by: checker import first-state FILE",
        ),
        ("email", "smtpport") if value.parse::<u16>().is_err() => {
            note(
                format!("[email] smtpport: \"{value}\" is no port"),
                "587 is taken; set port in [email.smtp] if it is another",
            );
        }
        ("peers", _) => {
            if !value.contains(',') {
                let what = format!("[peers] {key}: there is no comma, and no address of the peer's admin after it");
                note(what, "admin = \"admin@example.com\" is a sample: put in whom to tell when this peer is silent");
            }
            return;
        }
        ("general", key) if GENERAL.contains(&key) => {}
        ("email", key) if EMAIL.contains(&key) => {}
        (section, key) => {
            let what = format!("[{section}] {key}: the first program had no such key");
            note(what, "If a job of yours reads it, that job has to get it in another way");
        }
    }
    if value.contains("%(") {
        let what = format!("[{section}] {key}: \"%(\" stands for the value of another key, and was not filled in");
        note(what, "Write the value itself");
    }
    if value.contains(" ;") {
        let what = format!("[{section}] {key}: what begins with \";\" was taken as a part of the value");
        note(what, "Take it out if it was meant as a comment");
    }
}

#[cfg(test)]
mod tests;
