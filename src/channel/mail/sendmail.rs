//! Mail by a program of this host that understands sendmail's arguments.

use super::{Letter, words};
use crate::decide::SendResult;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest part of the program's complaints that is read, in bytes.
const STDERR_MAX: u64 = 4096;
/// What sendmail programs may need of our environment; the rest, and what is secret in it, is not theirs.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "USER", "LOGNAME", "TZ"];

/// Gives one letter to `program`; its process group is killed at `deadline`.
pub(super) fn send(program: &Path, letter: &Letter, deadline: Instant) -> SendResult {
    let shown = program.display();
    let mut child = match start(program, letter) {
        Ok(child) => child,
        Err(e) => {
            return SendResult::Later { why: format!("{shown} could not be started ({e}): {ADVICE}") };
        }
    };
    let complaint = feed(&mut child, letter);
    match wait(&mut child, deadline) {
        Ok(Some(status)) => judge(program, letter, status, &hear(&complaint)),
        Ok(None) => SendResult::Later {
            why: format!(
                "{shown} did not end in time and was killed; look at the host's mail queue. Whether it took the message is \
                 not known; it is sent again with the same Message-ID."
            ),
        },
        Err(e) => SendResult::Later { why: format!("{shown} could not be waited for: {e}") },
    }
}

/// Whether the program is there and may be run.
pub(super) fn probe(program: &Path) -> Result<String, String> {
    let shown = program.display();
    match std::fs::metadata(program) {
        Err(e) => Err(format!("{shown} cannot be used ({e}): {ADVICE}")),
        Ok(meta) if !meta.is_file() => Err(format!("{shown} is no file: {ADVICE}")),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err(format!("{shown} may not be run: {ADVICE}")),
        Ok(_) => Ok(format!("{shown} is there; whether it delivers, only a message shows")),
    }
}

const ADVICE: &str = "install a mail server such as postfix or msmtp-mta, or use transport = \"smtp\" under [email]";

fn start(program: &Path, letter: &Letter) -> std::io::Result<Child> {
    let kept = ENVIRONMENT.into_iter().filter_map(|key| std::env::var_os(key).map(|value| (key, value)));
    Command::new(program)
        .args(["-i", "-f"])
        .arg(AsRef::<str>::as_ref(&letter.from))
        .arg("--")
        .arg(AsRef::<str>::as_ref(&letter.to))
        .env_clear()
        .envs(kept)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .inspect(|child| checker_parts::handles::give_back(child.id()))
}

/// Writes the letter and reads complaints, each in a thread, so that a program that does neither cannot hold us.
fn feed(child: &mut Child, letter: &Letter) -> Receiver<String> {
    if let Some(mut stdin) = child.stdin.take() {
        // Programs of this kind expect the host's own line ends.
        let text: Vec<u8> = letter.bytes.iter().copied().filter(|b| *b != b'\r').collect();
        std::thread::spawn(move || drop(stdin.write_all(&text)));
    }
    let (say, heard) = channel();
    if let Some(stderr) = child.stderr.take() {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            drop(stderr.take(STDERR_MAX).read_to_end(&mut text));
            drop(say.send(String::from_utf8_lossy(&text).into_owned()));
        });
    }
    heard
}

/// What the program complained about, if it has closed that pipe; its own children may hold it open.
fn hear(complaint: &Receiver<String>) -> String {
    let text = complaint.recv_timeout(Duration::from_millis(200)).unwrap_or_default();
    words::one_line(&text, 300)
}

/// Waits for the end, at most until `deadline`; then nothing of the program's group is left.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if let Ok(pid) = i32::try_from(child.id()) {
                killpg(Pid::from_raw(pid), Signal::SIGKILL).ok();
            }
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// The exit codes of sysexits.h as sendmail uses them.
fn judge(program: &Path, letter: &Letter, status: ExitStatus, complaint: &str) -> SendResult {
    let shown = program.display();
    let said = if complaint.is_empty() { String::new() } else { format!(": \"{complaint}\"") };
    match status.code() {
        Some(0) => SendResult::Accepted { answer: format!("{shown} took it") },
        Some(code @ (65 | 67 | 68)) => {
            SendResult::Refused { why: format!("{shown} refuses the message to {} (exit {code}){said}", letter.to) }
        }
        Some(75) => SendResult::Later { why: format!("{shown} takes no mail at the moment (exit 75){said}") },
        Some(code) => SendResult::Later { why: format!("{shown} failed (exit {code}){said}") },
        None => SendResult::Later { why: format!("{shown} was killed by a signal ({status}){said}") },
    }
}
