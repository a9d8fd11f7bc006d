//! What became of a unit, in words. The names are systemd's own: `Result=` in systemd.exec(5) and its source, exit codes from
//! 200 on in the table "Process Exit Codes" there.

use crate::show::Unit;
use nix::sys::signal::Signal;

/// `ExecMainCode` as waitid(2) has it.
const EXITED: u64 = 1;

/// How the unit ended, as the end of a sentence; `None` if nothing is known, or it ended well.
pub(crate) fn ended(unit: &Unit) -> Option<String> {
    let status = unit.number("ExecMainStatus").unwrap_or(0);
    let words = match unit.get("Result") {
        "" | "success" => return None,
        "exit-code" => match unit.number("ExecMainCode") {
            Some(EXITED) => exit_code(status),
            // A command before or after the main one.
            _ => "one of its commands ended with an exit code that is not 0".to_owned(),
        },
        "signal" => format!("it was killed by {}", signal(status)),
        "core-dump" => format!("it crashed by {} and left a core dump", signal(status)),
        "timeout" => "it did not start or stop within its time (TimeoutStartSec, TimeoutStopSec)".to_owned(),
        "watchdog" => "it did not report to systemd's watchdog in time (WatchdogSec)".to_owned(),
        "oom-kill" => "it was killed because memory ran out (OOM)".to_owned(),
        "start-limit-hit" => "it ended so often that systemd gave up starting it (StartLimitBurst)".to_owned(),
        "resources" => "systemd could not get what it needs for it (a file, a user, memory)".to_owned(),
        "protocol" => "it did not say that it is ready as its Type= wants".to_owned(),
        "exec-condition" => "its ExecCondition= said no".to_owned(),
        "trigger-limit-hit" => "it was triggered too often in a short time".to_owned(),
        "service-start-limit-hit" | "unit-start-limit-hit" => "what it starts ended too often".to_owned(),
        other => format!("systemd calls it {other:?}"),
    };
    Some(words)
}

fn exit_code(code: u64) -> String {
    let why = match code {
        200 => " (its WorkingDirectory= cannot be entered)",
        203 => " (its program could not be run: is it there, and executable?)",
        208 => " (its input or output could not be set up)",
        216 => " (its Group= does not exist)",
        217 => " (its User= does not exist)",
        218 => " (its capabilities could not be set)",
        226 => " (its own view of the file system could not be set up: is a path missing?)",
        238 => " (its StateDirectory= could not be set up)",
        243 => " (its credentials could not be set up)",
        _ => "",
    };
    format!("it ended with exit code {code}{why}")
}

fn signal(number: u64) -> String {
    let known = i32::try_from(number).ok().and_then(|n| Signal::try_from(n).ok());
    known.map_or_else(|| format!("signal {number}"), |signal| format!("signal {number} ({})", signal.as_str()))
}
