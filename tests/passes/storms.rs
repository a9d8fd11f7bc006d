//! Many failures at once, one job that never rests, and ten thousand failures within an hour.

use super::{mend, smash, target};
use crate::support::binary::{Home, has_faketime, usual, utc};
use crate::support::{mail, need};
use checker_job::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

fn minute(n: u64) -> Timestamp {
    utc("2026-05-01 10:00:01").plus(Duration::from_secs(60 * n))
}

/// Jobs that fail, `numbers` in their names: nobody listens on port 1.
fn closed(numbers: std::ops::Range<usize>, keys: &str) -> String {
    let mut jobs = String::new();
    for n in numbers {
        write!(
            jobs,
            "[[job.tcp]]\nid = \"job-{n:05}\"\nname = \"job-{n:05}\"\naddress = \"127.0.0.1:1\"\nfailure_threshold = 1\n\
             {keys}\n\n"
        )
        .expect("memory");
    }
    jobs
}

fn names(text: &str) -> BTreeSet<&str> {
    let at = |at: usize| text.get(at..at + 9);
    text.match_indices("job-").filter_map(|(start, _)| at(start)).collect()
}

#[test]
fn a_thousand_failures_of_one_wave_are_one_message_at_once() {
    if !has_faketime() || !need("postfix") {
        return;
    }
    let server = mail::shared();
    let smtp = format!(
        "[email]\nfrom = \"storm@checker.test\"\n[email.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n",
        server.ports.plain
    );
    let settings = usual(&closed(0..1_000, ""))
        .replace("[email]\ntransport = \"file\"\nfrom = \"checker@example.com\"\n", &smtp)
        .replace("you@example.com", "oncall@checker.test");
    let home = Home::new(&settings);
    home.pass_at(minute(0));
    let told = home.count("SELECT count(*) FROM addressee WHERE state = 'told'");
    assert_eq!((told, home.count("SELECT count(*) FROM delivery")), (1_000, 1), "with the pass that found them");
    home.pass_at(minute(1));
    assert_eq!(home.count("SELECT count(*) FROM delivery"), 1, "once");
    let mails = server.wait_for("oncall", "storm@checker.test");
    assert_eq!(mails.len(), 1);
    let text = &mails[0].text;
    assert_eq!(names(text).len(), 1_000, "all are named");
    assert_eq!(text.lines().filter(|l| l.starts_with("- DOWN: job-")).count(), 1_000);
    assert!(mails[0].header("Subject").starts_with("[alpha] 1000 jobs"), "{}", mails[0].header("Subject"));
    let widest = mails[0].raw.lines().map(str::len).max();
    assert!(widest <= Some(998) && text.len() < 150_000, "{widest:?}, {} bytes", text.len());
    println!("1,000 failures: one message, {} bytes", mails[0].raw.len());
}

/// One job goes down and comes back 30 times, `pause` minutes between two changes. Then another fails.
fn thirty_flaps(pause: u64) -> Vec<String> {
    let home = Home::with_jobs(&(target("restless", "") + &target("other", "")));
    mend(&home, "restless");
    mend(&home, "other");
    home.pass_at(minute(0));
    for n in 0..30 {
        smash(&home, "restless");
        home.pass_at(minute(1 + pause * 2 * n));
        mend(&home, "restless");
        home.pass_at(minute(1 + pause * (2 * n + 1)));
    }
    smash(&home, "other");
    let before = home.subjects();
    home.pass_at(minute(2 + pause * 59));
    let news = home.subjects().split_off(before.len());
    assert!(news.len() == 1 && news[0].contains("DOWN: other"), "told at once, and alone: {news:?}");
    before
}

#[test]
fn a_job_that_never_rests_does_not_hold_up_another() {
    if !has_faketime() {
        return;
    }
    // Over a day: too slow to be flapping, so each change is told.
    assert_eq!(thirty_flaps(24).len(), 60);
    // Minute by minute: after four changes one message says so.
    let quick = thirty_flaps(1);
    assert_eq!(quick.len(), 5, "{quick:?}");
    assert!(quick[4].contains("FLAPPING"), "{quick:?}");
}

/// Each minute of an hour, so many jobs fail that were not watched before.
const STEP: usize = 167;
const HOUR: usize = 10_000;

/// When a message was decided and when it was accepted, in microseconds.
struct Sent {
    at: i64,
    accepted: i64,
}

/// When each job was told first, and all messages, as the store has them.
fn read(home: &Home) -> (BTreeMap<String, i64>, Vec<Sent>) {
    let (mut told, mut sent) = (BTreeMap::new(), Vec::new());
    let db = home.db();
    let sql = "SELECT created_at, settled_at, body FROM delivery WHERE state = 'told'";
    let mut rows = db.prepare(sql).expect("a query");
    let mut rows = rows.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        let accepted: i64 = row.get(1).expect("a time");
        let body: String = row.get(2).expect("a text");
        for name in names(&body) {
            let first = told.entry(name.to_owned()).or_insert(accepted);
            *first = accepted.min(*first);
        }
        sent.push(Sent { at: row.get(0).expect("a time"), accepted });
    }
    (told, sent)
}

/// The most messages of any ten minutes.
fn most_of(sent: &[Sent], when: impl Fn(&Sent) -> i64) -> usize {
    let within = |a: i64, b: i64| b >= a && b - a < 600_000_000;
    let count = |a: &Sent| sent.iter().filter(|b| within(when(a), when(b))).count();
    sent.iter().map(count).max().unwrap_or(0)
}

#[test]
fn ten_thousand_failures_in_an_hour_are_all_told_within_ten_minutes() {
    if !has_faketime() {
        return;
    }
    // Others fail all the while, remind with each run, and use up what the day allows.
    let noisy = (0..20).map(|n| target(&format!("noisy{n}"), "notify = \"every\"")).collect::<String>();
    let settings = usual(&noisy).replace("[email]\n", "[email]\ndaily_limit = 40\n");
    let settings = settings.replace("[general]\n", "[general]\ninclude = [\"more/*.cfg\"]\n");
    let home = Home::new(&settings);
    std::fs::create_dir(home.path("more")).expect("a folder");
    let mut failed_at: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    for n in 0..75 {
        let first = HOUR.min(n * STEP);
        let next = HOUR.min(first + STEP);
        if first < next {
            // Once a day: they fail once, and only what fails anew runs.
            home.write(&format!("more/{n:02}.cfg"), &closed(first..next, "every = \"day\""));
        }
        // Cron is some seconds late, now more, now less.
        let late = [0, 7, 2, 13, 5, 1, 9][n % 7];
        let now = minute(n as u64).plus(Duration::from_secs(late));
        failed_at.extend((first..next).map(|n| (format!("job-{n:05}"), now)));
        let started = std::time::Instant::now();
        home.pass_at(now);
        longest = longest.max(started.elapsed());
    }
    let (told, sent) = read(&home);
    assert_eq!(told.len(), HOUR, "every failure is told");
    let waits = failed_at.iter().map(|(name, at)| told[name] - at.micros()).max().expect("some");
    assert!(waits <= 600_000_000, "the last of them waited {} s", waits / 1_000_000);
    let most = most_of(&sent, |s| s.at);
    let most_accepted = most_of(&sent, |s| s.accepted);
    assert!(most <= 10 && most_accepted <= 10, "{most} decided and {most_accepted} sent in ten minutes");
    let left = home.count("SELECT count(*) FROM addressee WHERE state <> 'told' AND job LIKE 'job-%'");
    assert_eq!(left, 0, "no first failure is left");
    // Once the day's limit is near (30 of 40), reminders come along with digests of failures, or once an hour.
    let reminding = home.count("SELECT count(*) FROM delivery WHERE urgent = 0");
    println!(
        "{HOUR} failures: {} messages ({reminding} without first news), at most {most} in ten minutes; the longest wait {} s; the \
         longest pass {longest:?}",
        sent.len(),
        waits / 1_000_000
    );
    assert!(sent.len() <= 75 + 5 && reminding <= 32, "{} messages, {reminding} without first news", sent.len());
}
