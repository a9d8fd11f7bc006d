//! What bad jobs do.
#![expect(clippy::panic, clippy::exit, reason = "that is what they are for")]

use checker_job::Outcome;
use nix::sys::signal::{Signal, raise};
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Adds a line to a file.
pub(crate) fn note(file: &Path, line: &str) {
    let open = File::options().append(true).create(true).open(file);
    drop(open.and_then(|mut f| f.write_all(format!("{line}\n").as_bytes())));
}

/// Panics where it is dropped.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

pub(crate) async fn act(does: &str) -> Outcome {
    match does {
        "fail" => return Outcome::failed("it is broken"),
        does if does.starts_with("fail, ") => return Outcome::failed("it is broken"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        // The first one only takes the handler away that looks for overflows of the stack.
        "segv" => drop((raise(Signal::SIGSEGV), raise(Signal::SIGSEGV))),
        "overflow" => drop(black_box(deeper(0))),
        "eat" => eat(),
        "panic" => panic!("no such luck"),
        "panic in drop" => {
            let _trap = Trap;
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        "block" => std::thread::sleep(Duration::from_secs(600)),
        "block a second" => std::thread::sleep(Duration::from_millis(1_500)),
        "hang" => tokio::time::sleep(Duration::from_secs(600)).await,
        "take handles" => {
            let mut all = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                all.push(file);
            }
            std::mem::forget(all);
        }
        "leave" => return leave(),
        "much" => return Outcome::failed("x".repeat(1 << 24)).with_detail("\u{1b}[2J\u{0}\n".repeat(1 << 20)),
        _ => {}
    }
    Outcome::ok("well")
}

/// What it does where it should only find words.
pub(crate) fn words(does: &str) {
    if !does.contains("in words") {
        return;
    }
    match does {
        "fail, panic in words" => panic!("no words"),
        "fail, abort in words" => std::process::abort(),
        "fail, block in words" => std::thread::sleep(Duration::from_secs(600)),
        _ => {}
    }
}

/// Far more than any stack holds.
#[expect(unconditional_recursion, reason = "it is meant to overflow")]
fn deeper(n: u64) -> [u64; 64] {
    let mut mine = [n; 64];
    mine[0] = black_box(deeper(black_box(n + 1)))[1];
    black_box(mine)
}

/// Until the system gives no more.
fn eat() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(black_box(vec![1; 16 << 20]));
    }
}

/// A process that outlives its run, and its group.
fn leave() -> Outcome {
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", "sleep 5 & sleep 5"]).stdin(Stdio::null());
    match command.spawn() {
        Ok(_) => Outcome::ok("left something"),
        Err(why) => Outcome::unknown(why.to_string(), why.to_string()),
    }
}
