//! What a folder holds, told by servers that are scripts.

use super::*;

fn surveyed(folder: &str, answers: &[&[u8]]) -> (Result<Survey, String>, String) {
    let script = Script::new(answers);
    let log = script.log.clone();
    let survey = survey_over(script, "me", &by("hunter2"), folder, soon());
    let said = log.borrow().clone();
    (survey.map_err(|e| e.to_string()), said)
}

const LIST: &[u8] = b"* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"Entw&APw-rfe\"\r\n$ OK done\r\n";

fn dated(dates: &[&str]) -> Vec<u8> {
    let line = |(at, date): (usize, &&str)| {
        format!("* {} FETCH (UID {} INTERNALDATE \"{date}\" BODY[HEADER]<0> {{3}}\r\nSub)\r\n", at + 1, at + 7)
    };
    format!("{}$ OK done\r\n", dates.iter().enumerate().map(line).collect::<String>()).into_bytes()
}

#[test]
fn the_newest_counts_wherever_it_stands_and_nothing_is_changed() {
    let three: &[u8] = b"* 3 EXISTS\r\n$ OK done\r\n";
    let dates = dated(&["17-Jul-1996 02:44:25 -0700", "18-Jul-1996 02:44:25 -0700", "16-Jul-1996 02:44:25 -0700"]);
    let (survey, said) = surveyed("inbox", &[HELLO, ABLE, OK, ABLE, LIST, three, &dates, OK]);
    let survey = survey.unwrap();
    assert_eq!(survey.messages, 3);
    assert_eq!(survey.newest.unwrap().to_string(), "1996-07-18T09:44:25Z");
    assert!(said.contains("EXAMINE ") && !said.contains("SELECT") && !said.contains("BODY["), "{said}");
    let (survey, said) = surveyed("Entwürfe", &[HELLO, ABLE, OK, ABLE, LIST, b"* 0 EXISTS\r\n$ OK done\r\n", OK]);
    assert_eq!(survey, Ok(Survey { messages: 0, newest: None }));
    assert!(said.contains("EXAMINE \"Entw&APw-rfe\"") && !said.contains("FETCH"), "{said}");
}

#[test]
fn of_a_large_folder_only_the_end_is_read() {
    let many: &[u8] = b"* 100000 EXISTS\r\n$ OK done\r\n";
    let (survey, said) =
        surveyed("INBOX", &[HELLO, ABLE, OK, ABLE, LIST, many, &dated(&["17-Jul-1996 02:44:25 -0700"]), OK]);
    assert_eq!(survey.unwrap().messages, 100_000);
    assert!(said.contains("FETCH 99993:* "), "{said}");
}

#[test]
fn a_folder_that_is_not_there_or_closed_is_told() {
    let (missing, _) = surveyed("Work", &[HELLO, ABLE, OK, ABLE, LIST]);
    assert_eq!(missing.unwrap_err(), "mail server: there is no folder \"Work\", but \"INBOX\", \"Entwürfe\"");
    let (closed, _) = surveyed("Entwürfe", &[HELLO, ABLE, OK, ABLE, LIST, b"$ NO [NOPERM] not yours\r\n"]);
    assert_eq!(closed.unwrap_err(), "mail server: the folder \"Entwürfe\" cannot be opened: [NOPERM] not yours");
    let none: &[u8] = b"* 0 EXISTS\r\n$ OK done\r\n";
    let (emptied, _) = surveyed("INBOX", &[HELLO, ABLE, OK, ABLE, LIST, ONE, b"$ NO gone\r\n", none, OK]);
    assert_eq!(emptied, Ok(Survey { messages: 0, newest: None }));
    let (damaged, _) = surveyed("INBOX", &[HELLO, ABLE, OK, ABLE, LIST, ONE, b"$ NO [SERVERBUG] bad index\r\n", ONE]);
    let said = "mail server: refused while we waited for the dates of its newest messages: [SERVERBUG] bad index";
    assert_eq!(damaged.unwrap_err(), said);
}

#[test]
fn no_password_is_sent_to_who_wants_none() {
    let able: &[u8] = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n$ OK done\r\n";
    let (survey, said) = surveyed("INBOX", &[HELLO, able, OK, ABLE, LIST]);
    let why = survey.unwrap_err();
    assert!(why.contains("the password is not at fault: it allows no login by password"), "{why}");
    assert!(!said.contains("hunter2") && !said.contains("LOGIN"), "{said}");
}

#[test]
fn a_server_is_greeted_without_a_login() {
    let greeted = |answers: &[&[u8]]| {
        let script = Script::new(answers);
        let log = script.log.clone();
        let result = session::greet(script, &Until::new(soon())).map_err(|why| why.to_string());
        let said = log.borrow().clone();
        (result, said)
    };
    let (good, said) = greeted(&[HELLO, ABLE, b"* BYE\r\n$ OK\r\n"]);
    assert_eq!(good, Ok(()));
    assert!(said.contains(" CAPABILITY\r\n") && said.ends_with(" LOGOUT\r\n"), "{said}");
    assert!(greeted(&[b"* BYE busy\r\n"]).0.unwrap_err().contains("turned us away before the login"));
    assert!(greeted(&[b"220 mail\r\n"]).0.unwrap_err().contains("does not speak IMAP"));
    assert!(greeted(&[HELLO, b"$ BAD what\r\n"]).0.unwrap_err().contains("refused while we waited for its abilities"));
}
