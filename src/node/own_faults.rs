//! Our own faults in words: the network, what this host has run out of, and the clock.

use super::{PREFIX, judge, trouble};
use crate::decide::step::{STEADY, Step};
use crate::decide::trouble::Trouble;
use crate::decide::witness::{Answer, Evidence, Part};
use crate::decide::{Recipient, Waiting};
use crate::store::{Own, Result};
use checker_job::{JobId, Outcome, Remind, Timestamp, duration_words};
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
    let trouble = Trouble { threshold: blind.threshold, ..of(blind.part.word()) };
    judge(own, contacts, &trouble, &outcome, now)
}

/// Whether any of what waits is worth a message before the jobs of a pass have ended. Whether the network is still gone, they
/// show; and while it is, no message leaves.
pub fn waits_for_no_job(waiting: &[Waiting]) -> bool {
    let network = of(Part::Network.word()).id;
    waiting.iter().any(|w| w.alert.id.job != network)
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
    judge(own, contacts, &of(part.word()), &outcome, now)
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
    judge(own, contacts, &Trouble { ends_silently: true, ..of("clock") }, &outcome, now)
}

fn of(name: &str) -> Trouble {
    trouble(JobId::literal(format!("{PREFIX}{name}")), name, Remind::Every(DAY))
}

fn stepped(step: Step) -> Outcome {
    let way = if step.micros > 0 { "forward" } else { "back" };
    let length = duration_words(rounded(step.length()));
    Outcome::failed(format!("the clock of this host was set {way} by {length}")).with_detail(format!(
        "Since an earlier pass the wall clock moved {way} by {length}, against\nthe time since the machine started, \
         which never steps and goes on\nwhile it sleeps. Somebody or a time service has set the clock, or\nthis is a \
         virtual machine that its host had paused.\n\nNo job is told as down for it, reminders keep their \
         distance,\nand jobs go on to run in their slots. But where the clock is\nwrong, so are times in messages and \
         logs.\n\nSee that the clock is right and stays so:\n  timedatectl; chronyc tracking\nFurther steps are told \
         once a day at most."
    ))
}

/// To the second, and to the minute where seconds are mere noise.
fn rounded(time: Duration) -> Duration {
    let unit = if time >= Duration::from_secs(600) { 60 } else { 1 };
    let units = (time + Duration::from_millis(unit * 500)).as_secs() / unit;
    Duration::from_secs(units * unit)
}

/// What was seen, whom it hides, and what to do.
fn explained(blind: &Blind<'_>) -> String {
    let mut parts = Vec::new();
    let lines = blind.evidence.map(|e| evidence_lines(e, blind.part)).unwrap_or_default();
    if !lines.is_empty() {
        parts.push(format!("The witness:\n  {}\n\n", lines.join("\n  ")));
    }
    parts.push("While this lasts, nobody can know whether these jobs are well:\n".to_owned());
    parts.extend(blind.jobs.iter().take(NAMED_MAX).map(|name| format!("  {name}\n")));
    if let more @ 1.. = blind.jobs.len().saturating_sub(NAMED_MAX) {
        parts.push(format!("  and {more} more: see `checker status`\n"));
    }
    parts.push("What can be judged all the same is told as ever.\n\n".to_owned());
    let look = match blind.part {
        Part::Network => "Mend the network of this host. Look with:\n  ip address; ip route; cat /etc/resolv.conf\n",
        Part::Resources => "See what this host lacks:\n  ulimit -n; free -m; ps aux | wc -l; ss -s\n",
    };
    let end = "Once that is mended the jobs above run at once, and what fails\nthen is told.";
    parts.concat() + look + end
}

/// What the witness saw of one part of this host, line by line.
pub fn evidence_lines(evidence: &Evidence, part: Part) -> Vec<String> {
    let mut lines: Vec<String> = evidence.shortage.iter().cloned().collect();
    if part == Part::Resources {
        return lines;
    }
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
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_fault_the_jobs_and_what_to_do_and_is_bounded() {
        let evidence = Evidence {
            route: true,
            resolver: Some(Err("no answer within 3 s".to_owned())),
            references: vec![(
                "mail.example.com:25".to_owned(),
                Answer::Silent("192.0.2.1:25: silent for 3 s".to_owned()),
            )],
            shortage: None,
        };
        let names: Vec<String> = (0..10_000).map(|n| format!("job-{n}")).collect();
        let jobs = names.iter().map(String::as_str).collect();
        let blind = Blind { part: Part::Network, fault: "cut off", evidence: Some(&evidence), jobs, threshold: 1 };
        let text = explained(&blind);
        for words in [
            "  job-0\n",
            "and 9900 more",
            "ip route",
            "mail.example.com:25: 192.0.2.1:25: silent",
            "no answer within 3 s",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(text.len() < 4_000 && text.lines().all(|l| l.chars().count() <= 72), "{text}");
    }

    #[test]
    fn lengths_are_as_precise_as_they_are_known() {
        let words = |secs: f64| duration_words(rounded(Duration::from_secs_f64(secs)));
        assert_eq!([words(17_999.6), words(61.4), words(18_020.0)], ["5 h", "1 min 1 s", "5 h"]);
    }
}
