//! Logs: stderr and a file that rotates, each with its own level and line format.
//!
//! Code logs by `tracing`'s macros. `error!(critical = true, ...)` is a critical line: what ends the program. Fields
//! stand behind the message as `key=value`, as they were given: whoever logs a field takes care that it is no secret.
//! Of other crates only warnings and errors are logged, because at level debug some of them show what they send.
//!
//! **Invariant:** logging never stops the program and never speaks twice of its own trouble.

mod file;
mod line;

use crate::clock;
use file::RotatingFile;
use line::{Event, Format};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The form of a line where none is given.
pub const FORMAT: &str = "%(asctime)s %(levelname)s - %(message)s";

/// What may stand as `%(NAME)s` or `%(NAME)d` in a format.
pub use line::PLACEHOLDERS;

/// How grave a line is. As a setting: this level and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 10: for people who look closer.
    Debug,
    /// 20: what happens when all is well.
    Info,
    /// 30: it goes on, but look at it.
    Warning,
    /// 40: something was not done.
    Error,
    /// 50: what ends the program.
    Critical,
}

impl Level {
    /// All levels, from 10 to 50.
    pub const ALL: [Self; 5] = [Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The number that stands for it.
    pub fn number(self) -> u8 {
        match self {
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warning => 30,
            Self::Error => 40,
            Self::Critical => 50,
        }
    }

    /// Reads a word, or a number from 10 to 50: one between two levels means the graver one.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let word = text.trim().to_ascii_lowercase();
        if let Some(level) = Self::ALL.into_iter().find(|l| l.word() == word) {
            return Ok(level);
        }
        let at_least = |n: u8| Self::ALL.into_iter().find(|l| l.number() >= n);
        word.parse().ok().filter(|n| (10..=50).contains(n)).and_then(at_least).ok_or_else(|| {
            format!(
                "\"{text}\" is no log level; use debug, info, warning, error or critical, or a number from 10 to 50"
            )
        })
    }

    /// The level of a `tracing` event; `None` for `trace!`, which is below everything that can be asked for.
    fn of(level: tracing::Level, critical: bool) -> Option<Self> {
        match level {
            tracing::Level::ERROR if critical => Some(Self::Critical),
            tracing::Level::ERROR => Some(Self::Error),
            tracing::Level::WARN => Some(Self::Warning),
            tracing::Level::INFO => Some(Self::Info),
            tracing::Level::DEBUG => Some(Self::Debug),
            _ => None,
        }
    }
}

/// What `[log]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The log file, or none.
    pub file: Option<PathBuf>,
    /// Before it would grow longer than this, it becomes `FILE.1`.
    pub max_bytes: u64,
    /// How many old files are kept: `FILE.1`, the youngest, to `FILE.N`.
    pub keep: u32,
    /// What goes into the file.
    pub level: Level,
    /// What goes to stderr.
    pub stderr_level: Level,
    /// The form of a line of the file.
    pub format: String,
    /// The form of a line on stderr.
    pub stderr_format: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            file: None,
            max_bytes: 1_000_000,
            keep: 50,
            level: Level::Info,
            stderr_level: Level::Error,
            format: FORMAT.to_owned(),
            stderr_format: FORMAT.to_owned(),
        }
    }
}

/// Starts logging, once per process. The file is opened at its first line, and a file that cannot be written is no
/// error: that is said on stderr, once.
///
/// # Errors
/// A sentence if a format holds an unknown placeholder, or if this process logs already.
pub fn init(settings: &LogSettings) -> Result<(), String> {
    let subscriber = tracing_subscriber::registry().with(Log::new(settings)?);
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| "logging was started already; call checker::log::init once per process".to_owned())
}

/// Both ways out.
struct Log {
    file: Option<(Level, Format, Mutex<RotatingFile>)>,
    stderr: (Level, Format),
}

impl Log {
    fn new(settings: &LogSettings) -> Result<Self, String> {
        let format = |key: &str, text: &str| Format::parse(text).map_err(|why| format!("[log] {key}: {why}"));
        let file = match &settings.file {
            Some(path) => {
                let file = RotatingFile::new(path.clone(), settings.max_bytes, settings.keep);
                Some((settings.level, format("format", &settings.format)?, Mutex::new(file)))
            }
            None => None,
        };
        Ok(Self { file, stderr: (settings.stderr_level, format("stderr_format", &settings.stderr_format)?) })
    }

    fn least(&self) -> Level {
        self.file.as_ref().map_or(self.stderr.0, |(level, ..)| self.stderr.0.min(*level))
    }

    /// Whether lines from here can be wanted. Errors can turn out critical, so they always can.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let Some(level) = Level::of(*metadata.level(), true) else {
            return false;
        };
        let own = metadata.target().starts_with("checker");
        metadata.is_event() && level >= self.least() && (own || level >= Level::Warning)
    }

    fn to_file(&self, event: &Event<'_>) {
        let Some((level, format, file)) = &self.file else {
            return;
        };
        if event.level < *level {
            return;
        }
        let line = format.line(event);
        let note = |lost: u64| {
            let message = format!("{lost} lines before this one could not be written and are lost");
            format.line(&Event { level: Level::Warning, target: module_path!(), message: &message, ..*event })
        };
        let trouble = file.lock().unwrap_or_else(PoisonError::into_inner).write(&line, &note);
        match trouble {
            Some(trouble) if HOLDS.load(Ordering::Relaxed) => {
                HELD.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
            }
            Some(trouble) => to_stderr(&format!("checker: {trouble}\n")),
            None => {}
        }
    }
}

/// Whether trouble of the log file waits for [`held_trouble`].
static HOLDS: AtomicBool = AtomicBool::new(false);
static HELD: Mutex<Option<String>> = Mutex::new(None);

/// From now on the log file's trouble is not said on stderr at once: a pass says it at its end, because a disk that is in
/// trouble has more to say than that, and stderr is mailed by cron.
pub fn hold_trouble() {
    HOLDS.store(true, Ordering::Relaxed);
}

/// The trouble that was held, if there was any.
pub fn held_trouble() -> Option<String> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// One write, so that the lines of several threads do not mix. There is nobody to tell if stderr is gone.
fn to_stderr(line: &str) {
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}

impl<S: Subscriber> Layer<S> for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.least() {
            Level::Debug => LevelFilter::DEBUG,
            Level::Info => LevelFilter::INFO,
            Level::Warning => LevelFilter::WARN,
            Level::Error | Level::Critical => LevelFilter::ERROR,
        })
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let Some(level) = Level::of(*event.metadata().level(), said.critical) else {
            return;
        };
        if level < self.least() {
            return;
        }
        let message = said.whole();
        let thread = std::thread::current();
        let event = Event {
            level,
            target: event.metadata().target(),
            thread: thread.name().unwrap_or("-"),
            at: clock::now().wall,
            message: &message,
        };
        if level >= self.stderr.0 {
            to_stderr(&self.stderr.1.line(&event));
        }
        self.to_file(&event);
    }
}

/// What an event says: its message, and its fields behind it.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
    critical: bool,
}

impl Said {
    fn whole(self) -> String {
        if self.message.is_empty() {
            return self.fields.trim_start().to_owned();
        }
        self.message + &self.fields
    }

    fn add(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
            return;
        }
        let plain = !value.is_empty() && !value.contains([' ', '"', '=']);
        let quoted = if plain { value.to_owned() } else { format!("\"{}\"", value.replace('"', "\\\"")) };
        self.fields.extend([" ", field.name(), "=", &quoted]);
    }
}

impl Visit for Said {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "critical" {
            self.critical = value;
        } else {
            self.add(field, if value { "true" } else { "false" });
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
