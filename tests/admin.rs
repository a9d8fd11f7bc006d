//! What the admin gets, over hours: every message of five stories, whole, as it lies in the mailbox.
//!
//! The messages stand in `tests/admin`. A change of wording shows there: look at it with `cargo insta review`, or write
//! the new ones with `INSTA_UPDATE=always`.

use crate::support::binary::{Home, Mail, has_faketime, usual, utc};
use checker_job::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Runs what the file `NAME.says` says.
const JOB: &str = ". \"$2/$1.says\"\n";

/// A story: what happens, in minutes after noon in Berlin.
struct Story {
    home: Home,
    passes: u64,
}

impl Story {
    fn new(jobs: &[(&str, &str)]) -> Self {
        let table = |(name, keys): &(&str, &str)| {
            format!(
                "[[job.command]]\nname = \"{name}\"\n{keys}\ncommand = [\"/bin/sh\", \"HOME/job.sh\", \"{name}\", \"HOME\"]\n\n"
            )
        };
        let defaults = "[defaults]\nevery = \"5min\"\nfailure_threshold = 3\nremind = \"1h\"\n\n".to_owned();
        let home = Home::new(&usual(&jobs.iter().map(table).fold(defaults, |all, one| all + &one)));
        home.write("job.sh", JOB);
        let story = Self { home, passes: 0 };
        for (name, _) in jobs {
            story.good(name);
        }
        story
    }

    fn good(&self, name: &str) {
        self.home.write(&format!("{name}.says"), "echo 'all is well'\n");
    }

    fn bad(&self, name: &str, says: &str) {
        let text = format!("echo '{says}'; echo 'tried twice,'; echo 'waited 5 s each time'; exit 2\n");
        self.home.write(&format!("{name}.says"), &text);
    }

    /// Each pass comes a second later in its minute than the one before, so that the times between them are never a
    /// little less than they seem.
    fn at(&mut self, minute: u64) -> Timestamp {
        self.passes += 1;
        assert!(self.passes < 59, "a story has room for 58 moments");
        utc("2026-05-01 10:00:00").plus(Duration::from_secs(60 * minute + self.passes))
    }

    /// Passes each five minutes, the first and the last included.
    fn passes(&mut self, minutes: std::ops::RangeInclusive<u64>) {
        for minute in minutes.step_by(5) {
            let at = self.at(minute);
            self.home.pass_at(at);
        }
    }

    fn say(&mut self, minute: u64, args: &[&str]) -> String {
        let at = self.at(minute);
        self.home.run_at(at, args).ended(0).out
    }

    /// All messages, with what differs from run to run made alike.
    fn mailbox(&self) -> String {
        let mails = self.home.mails();
        let mut names = BTreeMap::new();
        for (n, mail) in (1..).zip(&mails) {
            names.insert(mail.id().to_owned(), format!("<MESSAGE-{n}>"));
            names.insert(mail.head["x-checker-delivery"].clone(), format!("DELIVERY-{n}"));
        }
        let mut text = format!("{} messages\n", mails.len());
        for mail in &mails {
            let mut raw = plain(mail).replace(&self.home.text("settings.cfg"), "/SETTINGS");
            for (id, name) in &names {
                raw = raw.replace(id, name);
            }
            write!(text, "\n==========\n{raw}").expect("a text");
        }
        text
    }
}

/// The message without seconds.
fn plain(mail: &Mail) -> String {
    let (head, body) = mail.raw.split_once("\n\n").expect("a header and a body");
    let head: Vec<String> = head.lines().map(dateless).collect();
    let parts: Vec<String> = body.split("\n\n").map(secondless).collect();
    format!("{}\n\n{}", head.join("\n"), parts.join("\n\n"))
}

/// `Date: Fri, 01 May 2026 10:00:07 +0000` without the seconds.
fn dateless(line: &str) -> String {
    match line.strip_prefix("Date: ").and_then(|date| date.rsplit_once(':')) {
        Some((minute, _)) => format!("Date: {minute}:SS +0000"),
        None => secondless(line),
    }
}

/// A paragraph in which a time below ten minutes stands is one line, and the time has no seconds: where it was broken
/// depends on them.
fn secondless(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.trim_start_matches('(').parse::<u64>().ok();
    let unit = |word: &str| word.trim_end_matches([',', ':', '.', ')']).to_owned();
    let is_short = |two: &[&str]| match unit(two[1]).as_str() {
        "s" | "ms" => number(two[0]).is_some(),
        "min" => number(two[0]).is_some_and(|n| n < 10),
        _ => false,
    };
    let quoted = text.lines().any(|line| line.starts_with("  "));
    if quoted || !words.windows(2).any(is_short) {
        return text.to_owned();
    }
    let mut line: Vec<String> = Vec::new();
    for word in words {
        let last = line.last().and_then(|last| number(last));
        match (unit(word).as_str(), last) {
            ("s", Some(_)) if line.len() > 1 && line[line.len() - 2] == "min" => {
                line.pop();
                let tail = word.trim_start_matches('s');
                line.last_mut().expect("a unit").push_str(tail);
            }
            ("s" | "ms", Some(_)) => {
                line.pop();
                line.push(format!("SOME SECONDS{}", word.trim_start_matches(['m', 's'])));
            }
            _ => line.push(word.to_owned()),
        }
    }
    line.join(" ")
}

fn same(name: &str, story: &Story) {
    let mailbox = story.mailbox();
    insta::with_settings!({ snapshot_path => "admin", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, mailbox);
    });
}

#[test]
fn a_target_that_flaps() {
    if !has_faketime() {
        return;
    }
    let mut story = Story::new(&[("link", "failure_threshold = 1")]);
    for minute in (0..40).step_by(10) {
        story.bad("link", "no carrier");
        story.passes(minute..=minute);
        story.good("link");
        story.passes(minute + 5..=minute + 5);
    }
    story.passes(40..=120);
    same("flapping", &story);
}

#[test]
fn a_host_whose_jobs_fail_together() {
    if !has_faketime() {
        return;
    }
    let names = ["dns", "imap", "ldap", "ping", "smtp", "ssh", "web"];
    let note = "host = \"db1\"\nnote = \"Call the night shift, 4711\"";
    let jobs = names.map(|name| (name, if name == "web" { note } else { "host = \"db1\"" }));
    let mut story = Story::new(&jobs);
    story.passes(0..=0);
    for name in names {
        story.bad(name, &format!("{name} refused the connection"));
    }
    story.passes(5..=85);
    for name in &names[..5] {
        story.good(name);
    }
    story.passes(90..=130);
    for name in names {
        story.good(name);
    }
    story.passes(135..=150);
    same("host", &story);
}

#[test]
fn a_dependency_that_is_down() {
    if !has_faketime() {
        return;
    }
    let behind = "depends_on = [\"router\"]";
    let mut story = Story::new(&[("router", "host = \"gw\""), ("shop", behind), ("wiki", behind)]);
    story.passes(0..=0);
    story.bad("router", "no answer");
    story.bad("shop", "no route");
    story.bad("wiki", "no route");
    story.passes(5..=55);
    story.good("router");
    story.good("shop");
    story.bad("wiki", "status 502");
    story.passes(60..=85);
    story.good("wiki");
    story.passes(90..=100);
    same("dependency", &story);
}

#[test]
fn a_job_that_is_acknowledged() {
    if !has_faketime() {
        return;
    }
    let mut story = Story::new(&[("disk", "host = \"db1\"")]);
    story.passes(0..=0);
    story.bad("disk", "97 % full");
    story.passes(5..=80);
    let said = story.say(81, &["ack", "disk", "--note", "a new one is ordered"]);
    assert_eq!(said, "disk: no reminders until it recovers; the recovery is told\n");
    story.passes(85..=190);
    story.good("disk");
    story.passes(195..=195);
    story.bad("disk", "98 % full");
    story.passes(200..=220);
    same("acknowledged", &story);
}

#[test]
fn a_job_that_is_silenced() {
    if !has_faketime() {
        return;
    }
    let mut story = Story::new(&[("backup", ""), ("mirror", ""), ("queue", "")]);
    story.bad("queue", "4000 wait");
    story.passes(0..=10);
    for name in ["backup", "mirror", "queue"] {
        let said = story.say(11, &["silence", name, "2h", "--note", "we move house"]);
        assert!(said.starts_with(&format!("{name}: nothing new is told for 2 h")), "{said}");
    }
    story.bad("backup", "the newest is two days old");
    story.bad("mirror", "out of date");
    story.passes(15..=45);
    story.good("mirror");
    story.good("queue");
    story.passes(50..=150);
    story.good("backup");
    story.passes(155..=160);
    same("silenced", &story);
}
