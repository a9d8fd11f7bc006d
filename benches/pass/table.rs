//! What was measured, as a table, and which goals hold.

use super::measure::Entry;

/// The rows so far, and the goals.
#[derive(Default)]
pub struct Book {
    goals: Vec<(bool, String)>,
}

impl Book {
    /// Says what comes.
    pub fn chapter(title: &str) {
        println!("\n## {title}\n");
    }

    /// Prints entries that were run in turn; `checks` is how many checks each made, and the first is what all are compared
    /// with.
    pub fn rows(checks: usize, entries: &[Entry<'_>]) {
        let Some(first) = entries.first() else { return };
        println!("| program | checks | CPU us a check | wall ms | memory MiB | CPU ratio | wall ratio |");
        println!("|---|---|---|---|---|---|---|");
        for entry in entries {
            println!(
                "| {} | {checks} | {:.1} | {:.2} | {:.1} | {:.2} | {:.2} |",
                entry.name,
                entry.cpu() / checks as f64,
                entry.wall() / 1e3,
                entry.memory() / 1024.0,
                entry.ratio(first, |c| c.cpu),
                entry.ratio(first, |c| c.wall),
            );
        }
        println!();
    }

    /// Notes a goal: `found` must not be more than `most`.
    pub fn goal(&mut self, what: &str, found: f64, most: f64) {
        self.goals.push((found <= most, format!("{what}: {found:.2}, at most {most}")));
    }

    /// Notes what could not be measured.
    pub fn lacking(&mut self, what: &str) {
        self.goals.push((true, format!("{what}: NOT MEASURED")));
    }

    /// Prints the goals; whether all hold.
    pub fn close(&self) -> bool {
        println!("\n## Goals\n");
        for (held, what) in &self.goals {
            println!("* {} {what}", if *held { "held" } else { "MISSED" });
        }
        self.goals.iter().all(|(held, _)| *held)
    }
}
