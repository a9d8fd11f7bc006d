//! Moving in: what another program was set up with becomes settings, and what the first program remembers becomes state.
//!
//! Everything here is text in and values out. What cannot be taken over is [`Left`], with its line: nothing is dropped
//! without a word. `cli::import` reads and writes the files, has the real settings code judge what was made, and stores.

pub(crate) mod crontab;
pub(crate) mod first;
pub(crate) mod gatus;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod takeover;
mod yaml;

use std::fmt;
use table::Table;

/// Something that is not taken over, or not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Its line, from 1; 0 if the file as a whole is meant.
    pub(crate) line: usize,
    /// What it is, and why it is left.
    pub(crate) what: String,
    /// What to do instead.
    pub(crate) remedy: String,
}

impl Left {
    pub(crate) fn new(line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}. {}", table::one_line(&self.what), table::one_line(&self.remedy))
    }
}

/// What a conversion has made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Converted {
    /// Lines for the head of the file, without `#`.
    pub(crate) head: Vec<String>,
    /// Tables other than those of jobs, as TOML.
    pub(crate) settings: String,
    /// The jobs.
    pub(crate) tables: Vec<Table>,
    /// Windows of these jobs.
    pub(crate) windows: Vec<Table>,
    /// What cannot be used as it is: it is kept as comments.
    pub(crate) spoilt: Vec<Table>,
    /// What is not in all that.
    pub(crate) left: Vec<Left>,
}

impl Converted {
    /// The whole file.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = String::new();
        for line in &self.head {
            table::comment(&mut out, line);
        }
        out.push_str(&self.settings);
        for table in self.tables.iter().chain(&self.windows) {
            out.push('\n');
            out.push_str(&table.to_toml());
        }
        if !self.left.is_empty() {
            out.push('\n');
            table::comment(&mut out, &format!("Not taken over ({}):", self.left.len()));
            for left in &self.left {
                table::comment(&mut out, &format!("  {left}"));
            }
        }
        for table in &self.spoilt {
            out.push_str("#\n");
            table.to_toml().lines().for_each(|line| table::comment(&mut out, line));
        }
        out
    }

    /// Takes a table out that cannot be used, counted over jobs and then windows; it is kept as a comment, with the reason.
    pub(crate) fn give_up(&mut self, index: usize, why: &str) {
        let (tables, place, what) = match index.checked_sub(self.tables.len()) {
            None => (&mut self.tables, index, "job"),
            Some(behind) if behind < self.windows.len() => (&mut self.windows, behind, "window"),
            Some(_) => return,
        };
        let table = tables.remove(place);
        let job = table.job();
        self.left.push(Left::new(
            table.line,
            format!("this would be a {what} that cannot be used: {why}"),
            "It stands at the end as a comment: mend it there and take the # away",
        ));
        self.spoilt.push(table);
        // Its windows hold the others.
        for window in &mut self.windows {
            window.forget("jobs", job.as_deref());
        }
    }

    /// Puts what is left into the order of its lines.
    pub(crate) fn sort(&mut self) {
        self.left.sort_by_key(|l| l.line);
        self.left.dedup();
    }
}
