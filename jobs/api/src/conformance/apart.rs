//! The fire burns in a process of its own: the test starts itself again. So a job that ends its process is found like any
//! other, and no other test of the crate changes what is counted.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

/// Set in the process that burns.
const MARK: &str = "CHECKER_CONFORMANCE";
/// What begins the sentence that it ends with.
const SAYS: &str = "checker-conformance: ";
/// That sentence if all is well: a process that a job has ended does not get so far.
const WELL: &str = "all is well";

/// Runs `burn` apart and hands on its sentence. To be called on the thread of a test.
#[expect(clippy::exit, clippy::print_stderr, reason = "the process was started for this alone")]
pub(super) fn apart(burn: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    if std::env::var_os(MARK).is_some() {
        // Whatever stands around this in the test is the business of the process that started us.
        let code = match burn() {
            Ok(()) => {
                eprintln!("{SAYS}{WELL}");
                0
            }
            Err(what) => {
                eprintln!("{SAYS}{what}");
                101
            }
        };
        std::process::exit(code);
    }
    let thread = std::thread::current();
    let test = match thread.name() {
        Some(name) if name != "main" => name,
        // One test at a time: there is nobody to be disturbed by, and no name to be found by.
        _ => return burn(),
    };
    let program = std::env::current_exe().map_err(|e| format!("this test program is not found: {e}"))?;
    // With two threads the test gets one of its own, with its name.
    let again = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=2"])
        .env(MARK, "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("this test cannot be started again: {e}"))?;
    heard(&again)
}

fn heard(again: &Output) -> Result<(), String> {
    let words = String::from_utf8_lossy(&again.stderr);
    let well = words.contains(&format!("{SAYS}{WELL}"));
    if again.status.success() && well {
        return Ok(());
    }
    if let Some((before, sentence)) = words.split_once(SAYS) {
        let before = before.trim();
        return Err(format!("{}{}{before}", sentence.trim(), if before.is_empty() { "" } else { "\n\n" }));
    }
    let how = again.status.signal().map_or_else(|| again.status.to_string(), |signal| format!("signal {signal}"));
    Err(format!(
        "a job ended the process that ran it ({how}); no job may do that, whatever it finds\n\n{}",
        words.trim()
    ))
}
