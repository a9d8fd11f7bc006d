//! A program of this host that carries a delivery: it gets the message on stdin, and its exit code is the answer.

use crate::decide::{Delivery, SendResult};
use crate::message::text::{cut, one_line};
use checker_parts::child::{Exit, Program, Report};
use std::time::{Duration, Instant};

/// What is kept of each of stdout and stderr, in bytes.
const OUTPUT_KEPT: usize = 4_096;
/// Of its words, this many characters are passed on.
const WORDS_MAX: usize = 200;

/// Gives deliveries to a program.
pub struct Command {
    name: String,
    argv: Vec<String>,
    timeout: Duration,
}

impl Command {
    /// Touches nothing yet. `argv` is the program and its arguments; there is no shell.
    pub fn new(name: &str, argv: &[String], timeout: Duration) -> Self {
        Self { name: name.to_owned(), argv: argv.to_vec(), timeout }
    }

    /// Carries one delivery and comes back by `deadline`, or after the channel's timeout.
    ///
    /// Exit 0 is `Accepted`. 65, 67 and 68 (of sysexits.h: bad data, no such user, no such host) are `Refused`. All else,
    /// a program that cannot be started or does not end included, is `Later`: so nothing is given up by mistake.
    pub fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult {
        let limit = self.timeout.min(deadline.saturating_duration_since(Instant::now()));
        let channel = format!("the command \"{}\"", self.name);
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(why) => return SendResult::Later { why: format!("{channel} could not be started: {why}") },
        };
        let program = self.program(delivery);
        let ended = runtime.block_on(program.run(&delivery.id.to_string(), limit));
        runtime.shutdown_background();
        match ended {
            Err(why) => SendResult::Later { why: format!("{channel}: {why}") },
            Ok(report) => judge(&channel, limit, &report),
        }
    }

    fn program(&self, delivery: &Delivery) -> Program {
        let subject = one_line(&delivery.subject);
        let urgent = if delivery.urgent { "1" } else { "0" };
        let variable = |name: &str, value: &str| (format!("CHECKER_{name}"), value.replace('\0', ""));
        Program {
            env: vec![
                variable("SUBJECT", &subject),
                variable("MESSAGE_ID", delivery.message_id.trim_matches(['<', '>'])),
                variable("RECIPIENT", &delivery.recipient.0),
                variable("URGENT", urgent),
            ],
            input: format!("{subject}\n\n{}", delivery.body).into_bytes(),
            output_kept: OUTPUT_KEPT,
            ..Program::new(self.argv.iter().cloned())
        }
    }
}

fn judge(channel: &str, limit: Duration, report: &Report) -> SendResult {
    let words = [&report.stderr, &report.stdout].map(|said| cut(&one_line(&said.text), WORDS_MAX));
    let words = words.iter().find(|w| !w.is_empty()).map(|w| format!(" and says \"{w}\"")).unwrap_or_default();
    match report.exit {
        Exit::Exited(0) => SendResult::Accepted { answer: format!("exit 0{words}") },
        Exit::Exited(code @ (65 | 67 | 68)) => SendResult::Refused {
            why: format!("{channel} refuses this message for good (exit {code}){words}; see what it means by that"),
        },
        Exit::Exited(75) => SendResult::Later { why: format!("{channel} asks to try later (exit 75){words}") },
        Exit::Exited(code) => SendResult::Later {
            why: format!("{channel} failed (exit {code}){words}; try it by hand with a text on stdin"),
        },
        Exit::Signalled(signal) => SendResult::Later { why: format!("{channel} was killed by signal {signal}{words}") },
        Exit::TimedOut => SendResult::Later {
            why: format!(
                "{channel} did not end within {} s and was killed; mend it, or set a longer timeout{words}",
                limit.as_secs()
            ),
        },
        Exit::Flooded => SendResult::Later { why: format!("{channel} printed without end and was killed; mend it") },
    }
}
