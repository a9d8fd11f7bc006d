//! Whole runs, one after the other, with a mailbox in memory.

use super::hostile::run_at;
use super::settings::{by_password, jobs, plan_of};
use super::stub::{NOWHERE, Stub};
use crate::letter::{Fate, Letter, Note, Seal};
use crate::memory::LEFT_MAX;
use crate::plan::Plan;
use checker_job::{Outcome, Timestamp, Verdict};
use std::time::Duration;

const NOW: i64 = 1_772_359_200;
const TAKEN: &str = "250 ok\r\n";
const ALL: [&str; 4] = ["INBOX", "Junk", "Trash", "All"];

/// A job with a mailbox, and runs of it.
struct Site {
    stub: Stub,
    settings: String,
    /// For the password.
    _folder: tempfile::TempDir,
}

impl Site {
    fn new(folders: &[&str], fares: &[(&'static str, &'static str)]) -> Self {
        let (stub, folder) = (Stub::new(folders, fares), tempfile::tempdir().unwrap());
        let settings = by_password(folder.path(), "s3cret-word");
        let settings = format!("{settings}smtp = \"{}\"\nimap = \"{}\"\n", stub.smtp(), stub.imap());
        Self { stub, settings, _folder: folder }
    }

    fn run(&self, minutes: i64) -> Outcome {
        run_at(&self.settings, Timestamp::from_secs(NOW + minutes * 60), Duration::from_millis(1_200))
    }

    fn plan(&self) -> Plan {
        plan_of(jobs(&self.settings).unwrap().remove(0))
    }

    /// A note of a message that was sent so many seconds before the runs.
    fn note(&self, ago: i64, fate: Fate) -> Letter {
        let letter = Letter { token: format!("{:032x}", ago.unsigned_abs()), sent: Timestamp::from_secs(NOW - ago) };
        let (plan, note) = (self.plan(), Note { letter: letter.clone(), fate });
        self.stub.put("INBOX", &note.text(&plan, &Seal::new(&plan)));
        letter
    }
}

#[track_caller]
fn is(outcome: &Outcome, verdict: Verdict, words: &[&str]) {
    assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    for word in words {
        assert!(outcome.summary.contains(word) || outcome.detail.contains(word), "{outcome:?}\nwanted {word}");
    }
}

#[test]
fn a_message_is_noted_before_it_is_sent_and_again_when_it_was_taken() {
    let site = Site::new(&ALL, &[]);
    is(&site.run(0), Verdict::Ok, &["arrived at b@b.example"]);
    let heard = site.stub.with(|state| state.heard.clone());
    let at = |what: &str| heard.find(what).unwrap_or_else(|| panic!("no {what} in {heard}"));
    assert!(at("<note-perhaps-") < at("DATA") && at("DATA") < at("<note-sent-"), "{heard}");
    assert_eq!(site.stub.count("INBOX"), (1, 0), "the note of its arrival");
    // A run that dies in between leaves what the next one finds.
    let died = Site::new(&ALL, &[]);
    let letter = died.note(900, Fate::Perhaps);
    died.stub.put("INBOX", &format!("Received: by stub\r\n{}", letter.text(&died.plan())));
    is(&died.run(0), Verdict::Ok, &[]);
    assert_eq!(died.stub.count("INBOX"), (1, 0));
}

#[test]
fn a_message_that_is_refused_leaves_nothing_and_hides_nothing() {
    let site = Site::new(&ALL, &[(NOWHERE, TAKEN), (NOWHERE, "550 spam\r\n"), (NOWHERE, ""), ("INBOX", "")]);
    is(&site.run(0), Verdict::Unknown, &[]);
    is(&site.run(15), Verdict::Failed, &["sending (SMTP): ", "550 spam", "does not arrive: look into"]);
    assert_eq!(site.stub.count("INBOX"), (1, 0), "the note of the first one alone");
    is(&site.run(30), Verdict::Failed, &["nobody knows whether the message is on its way", "does not arrive"]);
    assert_eq!(site.stub.count("INBOX"), (2, 0));
    is(&site.run(45), Verdict::Failed, &["nobody knows whether", "it has arrived all the same"]);
    assert_eq!(site.stub.count("INBOX").1, 0, "what has arrived is removed");
}

#[test]
fn what_was_in_doubt_and_arrives_later_is_told() {
    let site = Site::new(&ALL, &[(NOWHERE, "451 later\r\n")]);
    let letter = site.note(200, Fate::Perhaps);
    site.stub.put("INBOX", &format!("Received: by stub\r\n{}", letter.text(&site.plan())));
    is(
        &site.run(0),
        Verdict::Warning,
        &["sending (SMTP): ", "the message sent 3 min 20 s ago, of which nobody knew whether"],
    );
    assert_eq!(site.stub.count("INBOX"), (1, 0), "the note of its arrival");
}

#[test]
fn a_full_mailbox_fails_and_says_so() {
    let site = Site::new(&ALL, &[(NOWHERE, TAKEN)]);
    site.note(600, Fate::Arrived(Duration::from_secs(2)));
    site.stub.with(|state| state.answers.push(("APPEND", "$ NO [OVERQUOTA] Quota exceeded")));
    is(&site.run(0), Verdict::Failed, &["the mailbox of me is full: its server says \"[OVERQUOTA] Quota exceeded\""]);
    site.stub.with(|state| state.fares.clear());
    is(&site.run(15), Verdict::Ok, &["no note: the mailbox says"]);
}

#[test]
fn a_note_that_is_not_found_again_is_a_warning() {
    let site = Site::new(&ALL, &[]);
    site.stub.with(|state| state.answers.push(("UID SEARCH 1:* OR HEADER X-Checker-Mail-Note", "* SEARCH\r\n$ OK")));
    is(
        &site.run(0),
        Verdict::Warning,
        &["arrived at", "does not find the note that was just put", "is not found again"],
    );
}

#[test]
fn messages_that_cannot_be_removed_are_a_warning_and_the_end_of_sending() {
    let site = Site::new(&ALL, &[]);
    site.stub.with(|state| state.answers.push(("UID EXPUNGE", "$ NO [NOPERM] no such right")));
    is(&site.run(0), Verdict::Warning, &["arrived at", "cannot be removed: [NOPERM] no such right", "not tidied up"]);
    for ago in 0..i64::try_from(LEFT_MAX).unwrap() - 3 {
        site.note(900 + ago, Fate::Sent);
    }
    site.stub.with(|state| state.heard.clear());
    let full = site.run(0);
    is(
        &full,
        Verdict::Warning,
        &["nothing was sent: 60 notes of this job or more lie in \"INBOX\" of me, and its server has not"],
    );
    assert!(site.stub.with(|state| !state.heard.contains("DATA") && !state.heard.contains("APPEND")));
}

#[test]
fn a_spam_folder_that_cannot_be_read_is_told_and_no_more() {
    let site = Site::new(&ALL, &[(NOWHERE, TAKEN), ("Junk", TAKEN)]);
    site.stub.with(|state| state.answers.push(("EXAMINE \"Junk\"", "$ NO no such right")));
    site.note(600, Fate::Arrived(Duration::from_secs(2)));
    is(&site.run(0), Verdict::Ok, &["the folder for spam \"Junk\" is not looked into: no such right"]);
    let named = Site::new(&["INBOX"], &[("Spam", TAKEN)]);
    let named = Site { settings: format!("{}spam_folder = \"Spam\"\n", named.settings), ..named };
    // It is made in the middle of the run.
    is(&named.run(0), Verdict::Failed, &["is taken for spam", "lies in \"Spam\""]);
    let missing = Site::new(&["INBOX"], &[]);
    let missing = Site { settings: format!("{}spam_folder = \"Spam\"\n", missing.settings), ..missing };
    is(&missing.run(0), Verdict::Ok, &["the folder for spam \"Spam\" is not looked into: there is no folder"]);
}

#[test]
fn spam_lies_there_until_it_was_told() {
    let site = Site::new(&ALL, &[("Junk", TAKEN)]);
    is(&site.run(0), Verdict::Failed, &["is taken for spam"]);
    for minutes in [15, 30, 45] {
        is(&site.run(minutes), Verdict::Warning, &["arrived at", "lies in \"Junk\", as spam"]);
        assert_eq!(site.stub.count("Junk"), (0, 1));
    }
    is(&site.run(60), Verdict::Ok, &[]);
    assert_eq!((site.stub.count("Junk"), site.stub.count("INBOX")), ((0, 0), (1, 0)));
}

#[test]
fn what_is_only_moved_when_it_is_removed_is_removed_again() {
    for to in ["All", "Trash"] {
        let site = Site::new(&ALL, &[]);
        site.stub.put(to, "Subject: of somebody else\r\n\r\n");
        site.stub.with(|state| state.moves_to = Some(to));
        is(&site.run(0), Verdict::Ok, &[]);
        is(&site.run(15), Verdict::Ok, &[]);
        assert_eq!((site.stub.count("INBOX"), site.stub.count(to)), ((1, 0), (0, 1)), "{to}");
    }
}

#[test]
fn a_message_without_a_field_received_counts_and_is_remarked() {
    let site = Site::new(&ALL, &[(NOWHERE, "550 no\r\n")]);
    let letter = site.note(900, Fate::Sent);
    site.stub.put("INBOX", &letter.text(&site.plan()));
    let outcome = site.run(0);
    assert!(outcome.summary.contains("550 no") && !outcome.summary.contains("does not arrive"), "{outcome:?}");
    is(&outcome, Verdict::Failed, &["has no field Received, which servers on the way usually add"]);
}

#[test]
fn notes_of_others_and_of_wrong_clocks_are_not_believed() {
    let site = Site::new(&ALL, &[(NOWHERE, TAKEN)]);
    site.note(-61, Fate::Arrived(Duration::from_secs(2)));
    let plan = site.plan();
    let letter = Letter { token: "0".repeat(32), sent: Timestamp::from_secs(NOW - 600) };
    let arrived = Note { letter, fate: Fate::Arrived(Duration::from_secs(2)) }.text(&plan, &Seal::new(&plan));
    site.stub.put("INBOX", &format!("Received: by stub\r\n{arrived}"));
    site.stub.put("INBOX", &arrived.replace(" arrived ", " sent "));
    is(&site.run(0), Verdict::Unknown, &["nothing is known of earlier ones"]);
    assert_eq!(site.stub.count("INBOX"), (4, 0), "they stay");
    site.stub.put("INBOX", &arrived);
    site.stub.with(|state| state.fares.push((NOWHERE, TAKEN)));
    is(&site.run(1), Verdict::Ok, &["the last message, sent "]);
}

#[test]
fn a_clock_of_the_mailbox_that_is_wrong_is_told() {
    // The stub dates all messages at the time of the first run.
    let site = Site::new(&ALL, &[(NOWHERE, TAKEN)]);
    let letter = site.note(-6, Fate::Sent);
    site.stub.put("INBOX", &format!("Received: by stub\r\n{}", letter.text(&site.plan())));
    is(&site.run(2), Verdict::Ok, &["sent 1 min 5", "came before that; one of the clocks is wrong"]);
}

#[test]
fn two_runs_at_once_leave_each_other_alone() {
    let site = Site::new(&ALL, &[]);
    let beside = site.note(1, Fate::Sent);
    site.stub.put("INBOX", &format!("Received: by stub\r\n{}", beside.text(&site.plan())));
    is(&site.run(0), Verdict::Ok, &[]);
    assert_eq!(site.stub.count("INBOX"), (2, 1), "its note, its message, and what has arrived now");
    let both = std::thread::scope(|scope| {
        let runs = [(); 2].map(|()| scope.spawn(|| site.run(15)));
        runs.map(|run| run.join().unwrap().verdict)
    });
    assert_eq!(both, [Verdict::Ok; 2]);
}
