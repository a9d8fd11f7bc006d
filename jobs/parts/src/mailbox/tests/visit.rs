//! Visits: what is found, put there and removed.

use super::*;

const WORD: &str = "00112233445566778899aabbccddeeff";
const WELL: &[u8] = b"* CAPABILITY IMAP4rev1 UIDPLUS LITERAL+\r\n$ OK done\r\n";
const BOTH: &[u8] = b"* LIST () \"/\" INBOX\r\n* LIST (\\Junk) \"/\" Spam\r\n$ OK done\r\n";

/// A visit to a server that says this after the login, and all that was said to it.
fn go<T>(
    able: &[u8],
    answers: &[&[u8]],
    work: impl FnOnce(&mut Visit<'_>) -> Result<T, Why>,
) -> (Result<T, LookError>, String) {
    let all: Vec<&[u8]> = [HELLO, able, OK, able, BOTH].into_iter().chain(answers.iter().copied()).collect();
    let script = Script::new(&all);
    let log = script.log.clone();
    let done = visit_over(script, "me", &by("hunter2"), soon(), work);
    let said = log.borrow().clone();
    (done, said)
}

#[test]
fn the_folders_are_those_of_the_settings_or_of_the_server() {
    let names = |spots: &[Spot]| spots.iter().map(|s| s.shown().to_owned()).collect::<Vec<_>>();
    for (folder, spam, wanted) in [
        ("inbox", None, Some(("INBOX", vec!["Spam"], None))),
        ("INBOX", Some("Spam"), Some(("INBOX", vec!["Spam"], None))),
        ("Spam", None, Some(("Spam", vec![], None))),
        // It may be made when there is something to put there.
        ("INBOX", Some("Odd"), Some(("INBOX", vec![], Some("Odd")))),
        ("Odd", None, None),
    ] {
        let (found, _) = go(WELL, &[OK], |mailbox| mailbox.folders(folder, spam));
        let found = found.ok().map(|s| (s.here.shown().to_owned(), names(&s.spam), s.missing.map(|m| m.folder)));
        let wanted = wanted.map(|(here, spam, missing)| {
            (here.to_owned(), spam.into_iter().map(str::to_owned).collect(), missing.map(str::to_owned))
        });
        assert_eq!(found, wanted, "{folder} {spam:?}");
    }
}

#[test]
fn what_is_removed_may_end_up_among_all_messages_or_in_the_trash() {
    let all: &[u8] = b"* LIST () \"/\" INBOX\r\n* LIST (\\Trash) \"/\" Bin\r\n* LIST (\\All) \"/\" \"All Mail\"\r\n\
                       * LIST (\\Sent) \"/\" Sent\r\n* LIST (\\Junk) \"/\" Spam\r\n$ OK done\r\n";
    for (folder, spam, wanted) in [
        ("INBOX", None, vec!["All Mail", "Bin"]),
        ("INBOX", Some("Bin"), vec!["All Mail"]),
        ("All Mail", None, vec!["Bin"]),
    ] {
        let script = Script::new(&[HELLO, WELL, OK, WELL, all, OK]);
        let spots = visit_over(script, "me", &by("hunter2"), soon(), |mailbox| mailbox.folders(folder, spam)).unwrap();
        assert_eq!(spots.last.iter().map(Spot::shown).collect::<Vec<_>>(), wanted, "{folder} {spam:?}");
    }
}

#[test]
fn a_trip_counts_whoever_brought_it_and_a_note_if_nobody_did() {
    let trip = format!("X-Checker-Mail: m {WORD} 5\r\n");
    let note = format!("X-Checker-Mail-Note: {WORD} sent\r\n");
    let received = "Received: by x\r\n";
    for (header, is_trip, is_note) in [
        (format!("{received}{trip}\r\n"), Some(true), false),
        (format!("{trip}\r\n"), Some(false), false),
        (format!("{note}\r\n"), None, true),
        (format!("{note}{received}\r\n"), None, false),
        (format!("{received}X-Checker-Mail: x{WORD}\r\n\r\n"), None, false),
        (format!("{received}X-Checker-Mail: other\r\n{trip}\r\n"), None, false),
        (format!("{received}Subject: x\r\n\r\n{trip}"), None, false),
        (format!("{received}Subject: {WORD}\r\nMessage-ID: <{WORD}@a.example>\r\n\r\n"), None, false),
    ] {
        let fetched = fetched(&header);
        let answers: &[&[u8]] = &[ONE, HIT, &fetched, ONE, HIT, &fetched, OK];
        let (found, said) = go(WELL, answers, |mailbox| {
            let here = mailbox.folders("INBOX", None)?.here;
            let trips = mailbox.find(&here, Sought::Trips { words: &[WORD], host: "a.example" })?;
            Ok((trips, mailbox.find(&here, Sought::Notes(WORD))?))
        });
        let (trips, notes) = found.unwrap();
        assert_eq!(trips.iter().map(|t| t.received).next(), is_trip, "{header}");
        assert_eq!(notes.len(), usize::from(is_note), "{header}");
        let of_trips = format!(
            "OR OR HEADER X-Checker-Mail \"{WORD}\" HEADER Message-ID \"{WORD}@a.example\" SUBJECT \"{WORD}\"\r\n"
        );
        assert!(said.contains(&of_trips), "{said}");
        assert!(
            said.contains(&format!("1:* OR HEADER X-Checker-Mail-Note \"{WORD}\" SUBJECT \"{WORD}\"\r\n")),
            "{said}"
        );
        assert!(
            said.matches("EXAMINE").count() == 2 && !said.contains("SELECT") && !said.contains("Received"),
            "{said}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_read_does_not_end_the_visit() {
    let (done, _) = go(WELL, &[b"$ NO no such right\r\n", OK], |mailbox| {
        let spots = mailbox.folders("INBOX", None)?;
        let sought = Sought::Trips { words: &[WORD], host: "a.example" };
        let refused = spots.spam.first().map(|spam| mailbox.find(spam, sought));
        Ok(refused.unwrap().unwrap_err())
    });
    assert_eq!(done, Ok(Why::Folder("Spam".to_owned(), "no such right".to_owned())));
}

#[test]
fn a_note_is_put_there_with_its_command_or_when_it_may_come() {
    let put = |mailbox: &mut Visit<'_>| {
        let here = mailbox.folders("INBOX", None)?.here;
        mailbox.put(&here, "A: b\r\n\r\nc\r\n")
    };
    let (done, said) = go(WELL, &[OK, OK], put);
    assert_eq!(done, Ok(None), "{said}");
    assert!(said.contains("APPEND \"INBOX\" (\\Seen) {11+}\r\nA: b\r\n\r\nc\r\n\r\n"), "{said}");
    let (done, _) = go(WELL, &[b"$ NO [OVERQUOTA] full, hunter2\r\n", OK], put);
    assert_eq!(done, Ok(Some("[OVERQUOTA] full, (hidden)".to_owned())));
    // Others may get mail at any time, and the server says so.
    for leave in [&b"+ go on\r\n"[..], b"* 5 EXISTS\r\n+ go on\r\n", b"* 5 EXISTS\r\n* 1 RECENT\r\n+\r\n"] {
        let (done, said) = go(ABLE, &[leave, b"* 6 exists\r\na5 OK done\r\n", OK], put);
        assert_eq!(done, Ok(None), "{said}");
        assert!(said.contains("APPEND \"INBOX\" (\\Seen) {11}\r\nA: b\r\n\r\nc\r\n\r\n"), "{said}");
    }
    for (answer, words) in [
        (&b"$ NO [OVERQUOTA] full, hunter2\r\n"[..], "[OVERQUOTA] full, (hidden)"),
        (b"* 5 EXISTS\r\n$ BAD what\r\n", "what"),
        (b"$ NO\r\n", "NO, and it does not say why"),
    ] {
        assert_eq!(go(ABLE, &[answer, OK], put).0, Ok(Some(words.to_owned())));
    }
}

#[test]
fn a_panic_of_who_visits_is_not_the_servers() {
    let caught = std::panic::catch_unwind(|| go(WELL, &[OK], |_| -> Result<(), Why> { panic!("a fault of our own") }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"a fault of our own"));
}

#[test]
fn only_what_still_says_the_same_is_removed() {
    let (ours, other) = (format!("Received: by x\r\nX-Checker-Mail: m {WORD} 5\r\n\r\n"), "Received: by x\r\n\r\n");
    for (then, able, removes) in [(ours.as_str(), WELL, true), (other, WELL, false), (&ours, ABLE, false)] {
        let (first, second) = (fetched(&ours), fetched(then));
        let answers: &[&[u8]] = &[ONE, HIT, &first, ONE, &second, OK, OK, b"* SEARCH\r\n$ OK\r\n", OK];
        let (done, said) = go(able, answers, |mailbox| {
            let here = mailbox.folders("INBOX", None)?.here;
            let found = mailbox.find(&here, Sought::Trips { words: &[WORD], host: "a.example" })?;
            assert_eq!((found.len(), mailbox.can_remove()), (1, able == WELL));
            mailbox.remove(&here, &found.iter().collect::<Vec<_>>())
        });
        assert_eq!(said.contains("UID STORE 7 +FLAGS.SILENT (\\Deleted)\r\n"), removes, "{said}");
        assert_eq!(said.contains("UID EXPUNGE 7\r\n"), removes, "{said}");
        assert_eq!(done.unwrap().is_some_and(|why| why.contains("lacks UIDPLUS")), able == ABLE);
    }
}

#[test]
fn a_visit_ends_with_the_reason_of_who_visits() {
    let (done, _) = go(WELL, &[OK], |_| Err::<(), _>(Why::Unprotected));
    assert_eq!(done.unwrap_err().why, Why::Unprotected);
    let disabled: &[u8] = b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n$ OK done\r\n";
    let (done, said) = go(disabled, &[OK], |_| Ok(()));
    assert!(done.is_err() && !said.contains("hunter2"), "{said}");
}
