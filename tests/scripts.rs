//! Scripts: wrapped by `checker run`, recorded, shown, monitored, and judged by `[[job.script]]`.

mod import;
mod judged;
mod killed;
mod library;
mod monitor;
mod pings;
mod session;
mod spooled;
mod told;
mod wrapper;

use crate::support::binary::Home;
use crate::support::wait_until;
use std::time::Duration;

/// A home with these jobs, and this host's name.
fn home(jobs: &str) -> (Home, String) {
    (Home::with_jobs(jobs), host())
}

/// The system's host name.
fn host() -> String {
    nix::unistd::gethostname().unwrap().into_string().unwrap()
}

/// Word of `checker script history NAME`: verdict and summary of each run, newest first.
fn history(home: &Home, name: &str) -> Vec<(String, String)> {
    let told = home.run(&["script", "history", name, "--json"]).ended(0).json();
    let runs = told["runs"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    runs.map(|run| match &run["outcome"] {
        serde_json::Value::Null => (text(&run["status"]), String::new()),
        outcome => (text(&outcome["verdict"]), text(&outcome["summary"])),
    })
    .collect()
}

/// Waits until a run of this script has begun.
fn wrapper_begins(home: &Home, name: &str) {
    let begun = || history(home, name).first().is_some_and(|(word, _)| word == "active").then_some(());
    assert!(wait_until(Duration::from_secs(10), begun).is_some(), "{:?}", history(home, name));
}
