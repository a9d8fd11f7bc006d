//! Kinds that are bad on purpose, one for each sentence of the kit.

use super::apart::apart;
use super::fire::through;
use crate::{Context, Failure, Job, JobId, JobSpawner, Message, Metric, Outcome, Policy, SpawnError, Table};
use serde::Deserialize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    does: String,
}

#[derive(Debug)]
struct Sample {
    id: JobId,
    policy: Policy,
    does: String,
}

/// Holds something until the run ends; where that is late, what it holds is left behind.
async fn hold<T>(what: T) {
    std::mem::forget(what);
    tokio::time::sleep(Duration::from_millis(60)).await;
}

impl Job for Sample {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        match self.does.as_str() {
            "block" => std::thread::sleep(Duration::from_secs(4)),
            "never end" => std::thread::sleep(Duration::from_secs(60)),
            "heed" => {
                while !cx.cancel.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(20));
                    if cx.run_id != "conformance-0" {
                        break;
                    }
                }
            }
            "hang" => tokio::time::sleep(Duration::from_secs(60)).await,
            "panic" => panic!("no such luck"),
            "abort" => std::process::abort(),
            "exit" => std::process::exit(0),
            "child" => {
                let child = std::process::Command::new("sleep").arg("9").spawn();
                tokio::time::sleep(Duration::from_millis(60)).await;
                drop(child.map(|mut c| (c.kill(), c.wait())));
            }
            "zombie" => drop(std::process::Command::new("true").spawn()),
            "thread" => drop(std::thread::spawn(|| std::thread::sleep(Duration::from_secs(9)))),
            "handle" => hold(std::fs::File::open("/dev/null")).await,
            "long" => return Outcome::failed("x".repeat(500)),
            "lines" => return Outcome::failed("one\ntwo"),
            "nothing" => return Outcome::ok(" "),
            "no cause" => return Outcome { cause: None, ..Outcome::unknown("who knows", "") },
            "nan" => return Outcome::ok("well").with_metric(Metric::new("x", f64::NAN, "")),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        Outcome::ok("well")
    }

    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut message = failure.message();
        match self.does.as_str() {
            "panic in words" => panic!("no words"),
            "no subject" => message.subject.clear(),
            "chance" => message.body = COUNT.fetch_add(1, Ordering::Relaxed).to_string(),
            _ => {}
        }
        message
    }
}

fn jobs(tables: Vec<Table<Settings>>) -> Vec<Sample> {
    let job = |table: Table<Settings>| {
        let (id, policy) = table.job("sample", &table.settings.does, true);
        Sample { id, policy, does: table.settings.does }
    };
    tables.into_iter().map(job).collect()
}

macro_rules! kind {
    ($name:ident, $blocking:literal) => {
        struct $name;
        impl JobSpawner for $name {
            const KIND: &'static str = "sample";
            const EXAMPLE: &'static str = "[[job.sample]]\ndoes = \"well\"\n";
            const BLOCKING: bool = $blocking;
            type Settings = Settings;
            type Job = Sample;
            fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<Sample>, Vec<SpawnError>> {
                Ok(jobs(tables))
            }
        }
    };
}

kind!(Awaits, false);
kind!(Blocks, true);

fn under_fire<S: JobSpawner>(does: &str) -> Result<(), String> {
    apart(|| through::<S>(&format!("[[job.sample]]\ndoes = \"{does}\"\n")))
}

/// Each sample is found, and with the words that say what to do.
macro_rules! found {
    ($($test:ident: $kind:ident $does:literal => $words:literal;)*) => {
        $(#[test]
        fn $test() {
            let sentence = under_fire::<$kind>($does).expect_err("it is bad, and was not found");
            assert!(sentence.contains($words), "{sentence}");
        })*
    };
}

found! {
    one_that_blocks_the_shared_thread: Awaits "block" => "or say const BLOCKING: bool = true";
    one_that_never_comes_back_to_it: Awaits "never end" => "or say const BLOCKING: bool = true";
    one_that_never_ends: Blocks "never end" => "look at cx.cancel";
    one_that_panics: Awaits "panic" => "execute panicked, see above";
    one_that_panics_on_its_own_thread: Blocks "panic" => "no such luck";
    one_that_aborts: Awaits "abort" => "a job ended the process that ran it (signal 6)";
    one_that_leaves_a_child: Awaits "child" => "a run that was dropped in the middle, as at its timeout left behind a child";
    one_that_waits_for_no_child: Awaits "zombie" => "a run that has ended left behind a child process: kill and wait";
    one_that_leaves_a_thread: Blocks "thread" => "left behind a thread that runs on";
    one_that_leaves_a_handle: Awaits "handle" => "left behind an open file handle";
    one_that_talks_too_much: Awaits "long" => "longer than what Checker keeps";
    one_that_talks_in_lines: Awaits "lines" => "a summary of several lines";
    one_that_says_nothing: Awaits "nothing" => "has no summary";
    one_that_names_no_cause: Awaits "no cause" => "is Unknown and has no cause";
    one_that_measures_nothing: Awaits "nan" => "one that is not a number";
    one_that_panics_over_its_words: Awaits "panic in words" => "on_failure or on_recovery panicked";
    one_without_a_subject: Awaits "no subject" => "gave no subject";
    one_that_words_by_chance: Awaits "chance" => "they must be pure";
}

#[test]
fn one_that_ends_the_process_without_a_word_is_found() {
    let sentence = under_fire::<Awaits>("exit").expect_err("it is bad, and was not found");
    assert!(sentence.contains("a job ended the process that ran it"), "{sentence}");
}

#[test]
fn good_ones_pass() {
    under_fire::<Awaits>("well").unwrap();
}

#[test]
fn a_good_one_that_blocks_passes() {
    under_fire::<Blocks>("well").unwrap();
}

#[test]
fn one_that_waits_for_its_timeout_passes() {
    under_fire::<Awaits>("hang").unwrap();
}

#[test]
fn one_that_heeds_its_cancellation_passes() {
    under_fire::<Blocks>("heed").unwrap();
}
