//! The form of a line, in the placeholders of Python's logging.

use super::Level;
use checker_job::Timestamp;
use std::fmt::Write;
use std::sync::OnceLock;

/// What may stand as `%(NAME)s` or `%(NAME)d` in a format; `%%` is a percent sign.
pub const PLACEHOLDERS: [&str; 6] = ["asctime", "levelname", "message", "name", "process", "threadName"];

/// A longer message is cut: a log is read by people.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// What a line is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    pub(super) level: Level,
    /// The module that speaks.
    pub(super) target: &'a str,
    pub(super) thread: &'a str,
    pub(super) at: Timestamp,
    pub(super) message: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Asctime,
    Level,
    Message,
    Name,
    Process,
    Thread,
}

/// A format, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format(Vec<Piece>);

impl Format {
    /// # Errors
    /// A sentence that names what is no placeholder, and all that are.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            if let Some(tail) = after.strip_prefix('%') {
                plain.push('%');
                rest = tail;
                continue;
            }
            let (piece, tail) = placeholder(after).ok_or_else(|| unknown(after))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The line with its line feed. Nothing that the event says can begin another one.
    pub(super) fn line(&self, event: &Event<'_>) -> String {
        let mut out = String::with_capacity(64 + event.message.len());
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => escape(&mut out, text),
                Piece::Asctime => asctime(&mut out, event.at),
                Piece::Level => out.push_str(level_name(event.level)),
                Piece::Message => message(&mut out, event.message),
                Piece::Name => escape(&mut out, event.target),
                Piece::Process => out.push_str(&std::process::id().to_string()),
                Piece::Thread => escape(&mut out, event.thread),
            }
        }
        out.push('\n');
        out
    }
}

/// The placeholder that `text` begins with, behind its percent sign, and what follows it.
fn placeholder(text: &str) -> Option<(Piece, &str)> {
    let (name, tail) = text.strip_prefix('(')?.split_once(')')?;
    let tail = tail.strip_prefix(['s', 'd'])?;
    let piece = match name {
        "asctime" => Piece::Asctime,
        "levelname" => Piece::Level,
        "message" => Piece::Message,
        "name" => Piece::Name,
        "process" => Piece::Process,
        "threadName" => Piece::Thread,
        _ => return None,
    };
    Some((piece, tail))
}

fn unknown(after: &str) -> String {
    let len = after.find(')').filter(|&i| i < 30).map_or(8, |i| i + 2);
    let what: String = after.chars().take(len).collect();
    let known: Vec<String> = PLACEHOLDERS.iter().map(|p| format!("%({p})s")).collect();
    format!("%{what} is no placeholder; use {}, and %% for a percent sign", known.join(" "))
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warning => "WARNING",
        Level::Error => "ERROR",
        Level::Critical => "CRITICAL",
    }
}

/// `2026-03-29 03:00:00,250`, in the system's zone, which is read at the first line.
fn asctime(out: &mut String, at: Timestamp) {
    static ZONE: OnceLock<jiff::tz::TimeZone> = OnceLock::new();
    asctime_in(out, at, ZONE.get_or_init(jiff::tz::TimeZone::system));
}

pub(super) fn asctime_in(out: &mut String, at: Timestamp, zone: &jiff::tz::TimeZone) {
    let instant = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    let t = zone.to_datetime(instant);
    // Writing to a String cannot fail.
    write!(
        out,
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03}",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
    .ok();
}

fn message(out: &mut String, text: &str) {
    if text.len() <= MESSAGE_BYTES_MAX {
        return escape(out, text);
    }
    let mut end = MESSAGE_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    escape(out, text.get(..end).unwrap_or_default());
    let left = text.len() - end;
    write!(out, " [... {left} more bytes]").ok();
}

/// Copies text; what could begin a line, steer a terminal or reorder text becomes visible instead: `\n`, `\u{1b}`.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push('\t'),
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}
