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
    let shown = |spots: (Spot, Vec<Spot>)| {
        (spots.0.shown().to_owned(), spots.1.iter().map(|s| s.shown().to_owned()).collect::<Vec<_>>())
    };
    for (folder, spam, wanted) in [
        ("inbox", None, Some(("INBOX", vec!["Spam"]))),
        ("INBOX", Some("Spam"), Some(("INBOX", vec!["Spam"]))),
        ("Spam", None, Some(("Spam", vec![]))),
        ("INBOX", Some("Odd"), None),
        ("Odd", None, None),
    ] {
        let (found, _) = go(WELL, &[OK], |mailbox| mailbox.folders(folder, spam).map(shown));
        let wanted = wanted.map(|(here, spam)| (here.to_owned(), spam.into_iter().map(str::to_owned).collect()));
        assert_eq!(found.ok(), wanted, "{folder} {spam:?}");
    }
}

#[test]
fn a_trip_counts_if_it_was_received_and_a_note_if_it_was_not() {
    let trip = format!("X-Checker-Mail: m {WORD} 5\r\n");
    let note = format!("X-Checker-Mail-Note: {WORD} sent\r\n");
    let received = "Received: by x\r\n";
    for (header, is_trip, is_note) in [
        (format!("{received}{trip}\r\n"), true, false),
        (format!("{trip}\r\n"), false, false),
        (format!("{note}\r\n"), false, true),
        (format!("{note}{received}\r\n"), false, false),
        (format!("{received}X-Checker-Mail: x{WORD}\r\n\r\n"), false, false),
        (format!("{received}X-Checker-Mail: other\r\n{trip}\r\n"), false, false),
        (format!("{received}Subject: x\r\n\r\n{trip}"), false, false),
    ] {
        let fetched = fetched(&header);
        let answers: &[&[u8]] = &[ONE, HIT, &fetched, ONE, HIT, &fetched, OK];
        let (found, said) = go(WELL, answers, |mailbox| {
            let (here, _) = mailbox.folders("INBOX", None)?;
            Ok((mailbox.find(&here, Sought::Trips(&[WORD]))?, mailbox.find(&here, Sought::Notes(WORD))?))
        });
        let (trips, notes) = found.unwrap();
        assert_eq!((trips.len(), notes.len()), (usize::from(is_trip), usize::from(is_note)), "{header}");
        assert!(said.contains(&format!("OR HEADER X-Checker-Mail \"{WORD}\" HEADER Message-ID \"{WORD}\"")), "{said}");
        assert!(said.contains(&format!("NOT HEADER Received \"\" HEADER X-Checker-Mail-Note \"{WORD}\"")), "{said}");
        assert!(said.matches("EXAMINE").count() == 2 && !said.contains("SELECT"), "{said}");
    }
}

#[test]
fn a_note_is_put_there_with_its_command_or_when_it_may_come() {
    let put = |mailbox: &mut Visit<'_>| {
        let (here, _) = mailbox.folders("INBOX", None)?;
        mailbox.put(&here, "A: b\r\n\r\nc\r\n")
    };
    let (done, said) = go(WELL, &[OK, OK], put);
    assert_eq!(done, Ok(None), "{said}");
    assert!(said.contains("APPEND \"INBOX\" (\\Seen) {11+}\r\nA: b\r\n\r\nc\r\n\r\n"), "{said}");
    let (done, _) = go(WELL, &[b"$ NO [OVERQUOTA] full, hunter2\r\n", OK], put);
    assert_eq!(done, Ok(Some("[OVERQUOTA] full, (hidden)".to_owned())));
    let (done, said) = go(ABLE, &[b"+ go on\r\n", b"a5 OK done\r\n", OK], put);
    assert_eq!(done, Ok(None), "{said}");
    assert!(said.contains("APPEND \"INBOX\" (\\Seen) {11}\r\nA: b\r\n\r\nc\r\n\r\n"), "{said}");
    let (done, _) = go(ABLE, &[b"$ NO full\r\n", OK], put);
    assert_eq!(done, Ok(Some("it does not say why".to_owned())));
}

#[test]
fn only_what_still_says_the_same_is_removed() {
    let (ours, other) = (format!("Received: by x\r\nX-Checker-Mail: m {WORD} 5\r\n\r\n"), "Received: by x\r\n\r\n");
    for (then, able, removes) in [(ours.as_str(), WELL, true), (other, WELL, false), (&ours, ABLE, false)] {
        let (first, second) = (fetched(&ours), fetched(then));
        let answers: &[&[u8]] = &[ONE, HIT, &first, ONE, &second, OK, OK, b"* SEARCH\r\n$ OK\r\n", OK];
        let (done, said) = go(able, answers, |mailbox| {
            let (here, _) = mailbox.folders("INBOX", None)?;
            let found = mailbox.find(&here, Sought::Trips(&[WORD]))?;
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
