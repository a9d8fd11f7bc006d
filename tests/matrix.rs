//! The fault matrix: each row is a fault on real parts (machines in namespaces with Debian's cron, Postfix, Dovecot, kills,
//! cuts, full disks), who is told of it, and after how long, against what `checker bound` says for the settings of that row.
//!
//! A short set runs with all tests. The whole, one row, or several:
//!
//! ```text
//! cargo test --test checker -- --ignored --exact matrix::whole --nocapture
//! ROW=10,14b cargo test --test checker -- --ignored --exact matrix::whole --nocapture
//! ```

mod deaths;
mod jobs;
mod links;
mod machine;
mod node;
mod own;
mod post;
mod row;
mod strangers;
mod world;

use crate::support::need;
use row::{Row, Seen};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

/// So many rows are played at once, unless `AT_ONCE` says otherwise.
const AT_ONCE: usize = 3;
/// What runs with all tests.
const SHORT: [&str; 6] = ["1", "3", "31", "32", "36", "44"];

fn rows() -> Vec<&'static Row> {
    let all = [deaths::ROWS, jobs::ROWS, links::ROWS, own::ROWS, post::ROWS];
    let mut rows: Vec<&Row> = all.into_iter().flatten().collect();
    rows.sort_by_key(|row| (row.number(), row.id));
    rows
}

fn ready() -> bool {
    need("postfix") && need("cron") && need("namespaces") && need("faketime")
}

/// Plays rows, some at once; prints the table, and fails if one is not as it must be.
fn play(rows: Vec<&'static Row>, at_once: usize) {
    let count = rows.len();
    let waiting = Mutex::new(VecDeque::from(rows));
    let done = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let Some(row) = waiting.lock().expect("no panic").pop_front() else { return };
                    let seen = std::panic::catch_unwind(|| row.play()).unwrap_or_else(|why| Err(words(why.as_ref())));
                    eprintln!("{}", line(row, &seen));
                    done.lock().expect("no panic").push((row, seen));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no panic");
    done.sort_by_key(|(row, _)| (row.number(), row.id));
    eprintln!(
        "\n| row | fault | who notices | who was told | after | bound | end told after | result |\n|---|---|---|---|---|---|---|---|"
    );
    for (row, seen) in &done {
        eprintln!("{}", line(row, seen));
    }
    let wrong: Vec<&str> = done.iter().filter(|(_, seen)| seen.is_err()).map(|(row, _)| row.id).collect();
    eprintln!("\n{count} rows in {} s; {} not as they must be", began.elapsed().as_secs(), wrong.len());
    assert!(wrong.is_empty(), "rows that are not as they must be: {wrong:?}");
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

/// A line of the table.
fn line(row: &Row, seen: &Result<Seen, String>) -> String {
    let time = |s: Option<f64>| s.map_or_else(String::new, |s| format!("{s:.0} s"));
    match seen {
        Ok(seen) => {
            let result = if seen.seconds.is_some() { "held" } else { &seen.bound };
            format!(
                "| {} | {} | {} | {} | {} | {} | {} | {result} |",
                row.id,
                row.fault,
                seen.detector,
                seen.told,
                time(seen.seconds),
                seen.bound,
                time(seen.recovery)
            )
        }
        Err(why) => format!("| {} | {} | | | | | | WRONG: {why} |", row.id, row.fault),
    }
}

#[test]
fn the_most_telling_rows() {
    if !ready() {
        return;
    }
    play(rows().into_iter().filter(|row| SHORT.contains(&row.id)).collect(), SHORT.len());
}

#[test]
#[ignore = "a quarter of an hour: the whole matrix, or the rows that ROW names"]
fn whole() {
    if !ready() {
        return;
    }
    let wanted = std::env::var("ROW").ok();
    let is_wanted =
        |row: &&Row| wanted.as_ref().is_none_or(|w| w.split(',').any(|w| w == row.id || w.parse() == Ok(row.number())));
    let rows: Vec<&Row> = rows().into_iter().filter(is_wanted).collect();
    assert!(!rows.is_empty(), "there is no row {wanted:?}");
    let at_once = std::env::var("AT_ONCE").ok().and_then(|n| n.parse().ok()).unwrap_or(AT_ONCE);
    play(rows, at_once);
}

#[test]
fn every_row_of_the_short_set_is_there_and_no_number_is_given_twice() {
    let rows = rows();
    for id in SHORT {
        assert_eq!(rows.iter().filter(|row| row.id == id).count(), 1, "{id}");
    }
    for row in &rows {
        assert_eq!(rows.iter().filter(|other| other.id == row.id).count(), 1, "{}", row.id);
    }
}
