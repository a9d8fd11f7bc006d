//! Our own faults in words: the network, what this host has run out of, and the clock.

use super::{PREFIX, Trouble, judge};
use crate::decide::Recipient;
use crate::decide::step::{STEADY, Step};
use crate::decide::witness::{Answer, Evidence, Part};
use crate::store::{Own, Result};
use checker_job::{Outcome, Remind, Timestamp, duration_words};
use std::time::Duration;

/// So many jobs are named in a message.
const NAMED_MAX: usize = 100;
const DAY: Duration = Duration::from_secs(86_400);

/// A fault of this host that keeps jobs from being judged.
#[derive(Clone, Debug)]
pub struct Blind<'a> {
    /// What is at fault.
    pub part: Part,
    /// The fault, in a few words.
    pub fault: &'a str,
    /// What the witness saw, if it was asked.
    pub evidence: Option<&'a Evidence>,
    /// The names of the jobs that this hides.
    pub jobs: Vec<&'a str>,
    /// After so many passes in a row it is told: the least threshold of those jobs.
    pub threshold: u32,
}

/// Counts a pass in which our own fault hid jobs; it is told like any failure, once and then daily.
///
/// # Errors
/// Of the store.
pub fn blind(own: &dyn Own, contacts: &[Recipient], blind: &Blind<'_>, now: Timestamp) -> Result<()> {
    let count = blind.jobs.len();
    let jobs = if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") };
    let outcome = Outcome::failed(format!("{}: {jobs} cannot be judged", blind.fault)).with_detail(explained(blind));
    let id = format!("{PREFIX}{}", blind.part.word());
    let trouble = Trouble { threshold: blind.threshold, ..of(&id, blind.part.word()) };
    judge(own, contacts, &trouble, &outcome, now)
}

/// Nothing is hidden any more.
///
/// # Errors
/// Of the store.
pub fn seen_again(own: &dyn Own, contacts: &[Recipient], part: Part, now: Timestamp) -> Result<()> {
    let outcome = match part {
        Part::Network => Outcome::ok("the network of this host works again"),
        Part::Resources => Outcome::ok("the checks have what they need again"),
    }
    .with_detail("Every job that this hid has run again. What is failing now is told by itself.");
    let id = format!("{PREFIX}{}", part.word());
    judge(own, contacts, &of(&id, part.word()), &outcome, now)
}

/// The wall clock has stepped, or (`None`) has been steady since for long enough. The end is not told.
///
/// # Errors
/// Of the store.
pub fn clock(own: &dyn Own, contacts: &[Recipient], step: Option<Step>, now: Timestamp) -> Result<()> {
    let outcome = match step {
        Some(step) => stepped(step),
        None => Outcome::ok(format!("the clock has been steady for {}", duration_words(STEADY))),
    };
    let id = format!("{PREFIX}clock");
    judge(own, contacts, &Trouble { ends_silently: true, ..of(&id, "clock") }, &outcome, now)
}

fn of<'a>(id: &'a str, name: &'a str) -> Trouble<'a> {
    Trouble { id, name, remind: Remind::Every(DAY), threshold: 1, ends_silently: false }
}

fn stepped(step: Step) -> Outcome {
    let way = if step.micros > 0 { "forward" } else { "back" };
    let length = duration_words(Duration::from_secs(step.length().as_secs()));
    Outcome::failed(format!("the clock of this host was set {way} by {length}")).with_detail(format!(
        "Since an earlier pass the wall clock moved {way} by {length} against the time since the machine started, \
         which never steps and goes on while it sleeps. Somebody or a time service has set the clock, or this is a \
         virtual machine that was paused by its host.\n\nNo job is told as down for it, reminders keep their distance, \
         and every job goes on to run in its slots. But until the clock is right, times in messages and logs are not.\n\n\
         See that the clock is right and stays so: `timedatectl`, `chronyc tracking`. Further steps are told once a day \
         at most."
    ))
}

/// What was seen, whom it hides, and what to do.
fn explained(blind: &Blind<'_>) -> String {
    let mut text = String::new();
    if let Some(evidence) = blind.evidence {
        text.push_str(&seen(evidence, blind.part));
    }
    text.push_str("While this lasts, these jobs are neither well nor failing, because nobody can know:\n");
    for name in blind.jobs.iter().take(NAMED_MAX) {
        text.push_str("  ");
        text.push_str(name);
        text.push('\n');
    }
    if let more @ 1.. = blind.jobs.len().saturating_sub(NAMED_MAX) {
        text.push_str(&format!("  and {more} more: see `checker status`\n"));
    }
    text.push_str("Whatever can be judged all the same is told as ever.\n\n");
    text.push_str(match blind.part {
        Part::Network => {
            "Mend the network of this host: ip address; ip route; cat /etc/resolv.conf. When it works, the jobs above \
             run at once, and what is failing then is told."
        }
        Part::Resources => {
            "See what this host lacks: ulimit -n; free -m; ps aux | wc -l; ss -s. When it is there, the jobs above run \
             at once, and what is failing then is told."
        }
    });
    text
}

fn seen(evidence: &Evidence, part: Part) -> String {
    let mut lines = Vec::new();
    lines.extend(evidence.shortage.clone());
    if part == Part::Network {
        lines.push(format!("a route to other networks: {}", if evidence.route { "yes" } else { "none" }));
        match &evidence.resolver {
            Some(Ok(())) => lines.push("the resolver: answers".to_owned()),
            Some(Err(why)) => lines.push(format!("the resolver: {why}")),
            None => {}
        }
        for (name, answer) in &evidence.references {
            let words = match answer {
                Answer::Answers => "answers",
                Answer::Silent(why) | Answer::Unresolved(why) => why,
                Answer::Useless => "proves nothing: no such name, or this host itself",
            };
            lines.push(format!("reference {name}: {words}"));
        }
        if evidence.references.is_empty() {
            lines.push("reference addresses: there are none ([network] reference)".to_owned());
        }
    }
    if lines.is_empty() { String::new() } else { format!("What was seen:\n  {}\n\n", lines.join("\n  ")) }
}
