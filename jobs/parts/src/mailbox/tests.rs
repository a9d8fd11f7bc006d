//! Sessions over servers that are scripts, good and bad. The real server is met in the tests of the whole program.

mod survey;
mod token;
mod visit;

use super::*;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

const TEXT: &str = "0123456789abcdefghijklmnop";

/// A server that answers each command with what the script says; `$` stands for the command's tag.
struct Script {
    answers: VecDeque<Vec<u8>>,
    ready: VecDeque<u8>,
    said: Vec<u8>,
    /// All that was said to it.
    log: Rc<RefCell<String>>,
    /// How much comes at once.
    piece: usize,
}

impl Script {
    fn new(answers: &[&[u8]]) -> Self {
        let mut answers: VecDeque<Vec<u8>> = answers.iter().map(|a| a.to_vec()).collect();
        let ready = answers.pop_front().unwrap_or_default().into();
        Self { answers, ready, said: Vec::new(), log: Rc::default(), piece: 4096 }
    }
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(self.piece).min(self.ready.len());
        for slot in buf.iter_mut().take(count) {
            *slot = self.ready.pop_front().unwrap();
        }
        Ok(count)
    }
}

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.said.extend_from_slice(buf);
        self.log.borrow_mut().push_str(&String::from_utf8_lossy(buf));
        if self.said.ends_with(b"\r\n") {
            let tag = self.said.split(|&b| b == b' ').next().unwrap().to_vec();
            for byte in self.answers.pop_front().unwrap_or_default() {
                if byte == b'$' { self.ready.extend(&tag) } else { self.ready.push_back(byte) }
            }
            self.said.clear();
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn by(pass: &str) -> LoginBy {
    Password::new(pass).into()
}

fn token() -> Token {
    Token::new(TEXT, None).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn run(script: Script) -> Result<Looked, LookError> {
    look_over(script, "me", &by("hunter2"), &[token()], soon())
}

fn why(answers: &[&[u8]]) -> String {
    let error = run(Script::new(answers)).expect_err("a session that cannot go well");
    assert!(!error.to_string().contains('\n') && !error.to_string().ends_with('.'), "{error}");
    error.to_string()
}

const OK: &[u8] = b"$ OK done\r\n";
const HELLO: &[u8] = b"* OK hello\r\n";
const ABLE: &[u8] = b"* CAPABILITY IMAP4rev1\r\n$ OK done\r\n";
const INBOX: &[u8] = b"* LIST () \"/\" INBOX\r\n$ OK done\r\n";
const ONE: &[u8] = b"* FLAGS (\\Seen)\r\n* 1 EXISTS\r\n$ OK [READ-ONLY] done\r\n";
const HIT: &[u8] = b"* SEARCH 7\r\n$ OK done\r\n";

fn fetched(header: &str) -> Vec<u8> {
    let size = header.len();
    format!("* 1 FETCH (UID 7 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[HEADER]<0> {{{size}}}\r\n{header})\r\n$ OK done\r\n")
        .into_bytes()
}

#[test]
fn a_plain_session_finds_what_is_there_however_it_comes() {
    let header = format!("Received: x\r\nX-Checker-Canary: {TEXT}\r\nSubject: a1 OK ) {{5}}\r\n\r\n");
    for piece in [1, 2, 7, 4096] {
        let mut script = Script::new(&[HELLO, OK, ABLE, INBOX, ONE, HIT, &fetched(&header), b"* BYE\r\n$ OK\r\n"]);
        script.piece = piece;
        let looked = run(script).unwrap();
        let [seen] = looked.sightings.as_slice() else { panic!("{looked:?}") };
        assert!(seen.received && seen.place == Place::Inbox && seen.token == TEXT && !seen.by_name);
        assert_eq!(seen.internal_date.unwrap().to_string(), "1996-07-17T09:44:25Z");
        assert_eq!(arrival(TEXT, &looked.sightings), Arrival::Arrived("INBOX".to_owned()));
    }
}

#[test]
fn servers_are_asked_for_uses_as_they_can_tell_them_and_only_looked_at() {
    let able: &[u8] = b"* CAPABILITY IMAP4rev1 Special-Use LIST-EXTENDED\r\n$ OK\r\n";
    let list: &[u8] = b"* LIST (\\Junk) \"/\" Odd\r\n$ OK\r\n";
    let none: &[u8] = b"* 0 EXISTS\r\n$ OK\r\n";
    let extended = "LIST \"\" \"*\" RETURN (SPECIAL-USE)\r\n";
    let plain = "LIST \"\" \"*\"\r\n";
    for (answers, said, unsaid) in [
        ([HELLO, OK, able, list, none, none, OK], extended, plain),
        ([HELLO, OK, ABLE, list, none, none, OK], plain, extended),
        // One that promises what it cannot do is asked again.
        ([HELLO, OK, able, b"$ BAD what\r\n", list, none, none], plain, "STORE"),
    ] {
        let script = Script::new(&answers);
        let log = script.log.clone();
        assert!(run(script).unwrap().skipped.is_empty());
        let log = log.borrow();
        assert!(log.contains(said) && !log.contains(unsaid), "{log}");
        assert!(
            log.contains("EXAMINE \"INBOX\"") && log.contains("EXAMINE \"Odd\"") && !log.contains("SELECT"),
            "{log}"
        );
    }
}

#[test]
fn what_the_search_says_is_not_believed() {
    let other = fetched("Received: x\r\nX-Checker-Canary: another0another0another\r\n\r\n");
    let looked = run(Script::new(&[HELLO, OK, ABLE, INBOX, ONE, HIT, &other, OK])).unwrap();
    assert!(looked.sightings.is_empty());
    assert_eq!(arrival(TEXT, &looked.sightings), Arrival::Missing);
}

#[test]
fn a_message_that_vanishes_is_no_fault_and_one_that_is_withheld_is() {
    let no: &[u8] = b"$ NO [EXPUNGEISSUED] some are gone\r\n";
    let ours = fetched(&format!("X-Checker-Canary: {TEXT}\r\n\r\n"));
    let two: &[u8] = b"* SEARCH 5 7\r\n$ OK done\r\n";
    let none: &[u8] = b"* SEARCH\r\n$ OK done\r\n";
    let looked = run(Script::new(&[HELLO, OK, ABLE, INBOX, ONE, two, no, &ours, no, OK, none, OK])).unwrap();
    assert_eq!(looked.sightings.len(), 1);
    assert!(why(&[HELLO, OK, ABLE, INBOX, ONE, HIT, no, no, OK, HIT]).contains("[EXPUNGEISSUED] some are gone"));
}

/// Small numbers that look random and are the same each time.
fn dice(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |sides| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap() % sides
    }
}

#[test]
fn damaged_sessions_end_without_a_panic() {
    let rounds = std::env::var("CHECKER_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let seed = std::env::var("CHECKER_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1_u64);
    let list = b"* LIST (\\Noselect) \"/\" \"a\\\\b\"\r\n* LIST (\\Junk) NIL {3}\r\na b\r\n* LIST () \"/\" INBOX\r\n$ OK done\r\n";
    let able: &[u8] = b"* CAPABILITY IMAP4rev1 UIDPLUS SPECIAL-USE LIST-EXTENDED AUTH=PLAIN\r\n$ OK [ALERT] done\r\n";
    let fetch = fetched(&format!("Received: x\r\n y\r\nX-Checker-Canary: {TEXT}\r\n\r\n"));
    let pieces: [&[u8]; 14] = [
        b"(",
        b")",
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"{9}\r\n",
        b"\r\n",
        b"* ",
        b"$ ",
        b"* 1 FETCH (",
        b"NIL",
        b"[CAPABILITY ",
        b"\xff",
    ];
    let good = [HELLO, OK, able, list, ONE, HIT, &fetch, ONE, HIT, &fetch, ONE, &fetch, OK, OK, HIT, OK];
    let mut random = dice(0x9e37_79b9_7f4a_7c15 ^ seed);
    let mut whole = 0;
    for _ in 0..rounds {
        let mut answers: Vec<Vec<u8>> = good.iter().map(|a| a.to_vec()).collect();
        for _ in 0..random(4) {
            let which = random(answers.len());
            let answer = &mut answers[which];
            let at = random(answer.len() + 1);
            match random(4) {
                0 => answer.truncate(at),
                1 => drop(answer.splice(at..at, pieces[random(pieces.len())].iter().copied())),
                2 => answer.iter_mut().skip(at).take(1).for_each(|b| *b = u8::try_from(random(256)).unwrap()),
                _ => drop(answer.drain(at..answer.len().min(at + 1 + random(5)))),
            }
        }
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        for done in [
            run(Script::new(&answers)).map(drop),
            clean_over(Script::new(&answers), "me", &by("x"), &[token()], soon()).map(drop),
        ] {
            whole += usize::from(done.is_ok());
            let panicked = done.is_err_and(|e| e.to_string().contains("cannot be read at all"));
            assert!(!panicked, "{:?}", answers.iter().map(|a| a.escape_ascii().to_string()).collect::<Vec<_>>());
        }
    }
    assert!(whole > rounds / 10 && whole < rounds * 2, "{whole} sessions came to their end");
}

#[test]
fn noise_and_odd_letters_do_no_harm() {
    let list = "* OK [ALERT] größer\r\n* NO naß\r\n* X-THING {3}\r\nabc (\r\n* LIST (\\Sent) \"/\" \"Ge\\\"sendet\"\r\n\
                * LIST (\\Junk \\Odd) \"/\" \"Verdächtig\"\r\n* LIST (\\Noselect) NIL \"\"\r\n+ what\r\n$ OK schön\r\n";
    let no = b"* NO [ALERT] careful\r\n* 3 RECENT\r\n$ NO [NOPERM] verboten, gr\xfcnlich\r\n";
    let empty = b"* BAD what\r\n* 0 EXISTS\r\n$ OK\r\n";
    let script = Script::new(&[HELLO, OK, ABLE, list.as_bytes(), empty, no, empty, OK]);
    let looked = run(script).unwrap();
    let [skipped] = looked.skipped.as_slice() else { panic!("{looked:?}") };
    assert_eq!(skipped.folder, "Verdächtig");
    assert_eq!(skipped.why, "[NOPERM] verboten, gr?nlich");
}

#[test]
fn each_fault_has_its_sentence() {
    let cases: &[(&[&[u8]], &str)] = &[
        (&[b""], "closed the connection while we waited for its greeting"),
        (&[b"* BYE too many\r\n"], "turned us away before the login (overloaded, or we are locked out): too many"),
        (&[b"220 mail ESMTP\r\n"], "does not speak IMAP; is the port right? It begins with: 220 mail ESMTP"),
        (&[b"\x16\x03\x01\r\n"], "does not speak IMAP"),
        (&[HELLO, b"$ NO [AUTHENTICATIONFAILED] no\r\n"], "login as \"me\" refused; correct user or password"),
        (&[HELLO, b"$ BAD me \"hunter2\"?\r\n"], "It says: me \"(hidden)\"?"),
        (&[HELLO, b"$ NO [UNAVAILABLE] disk\r\n"], "the password is not at fault: [UNAVAILABLE] disk"),
        (&[HELLO, b"* BYE hunter2\r\n"], "ended the session while we waited for its answer to the login: (hidden)"),
        (&[HELLO, b"$ BYE x\r\n"], "ended the session"),
        (&[HELLO, b"garbage\r\n"], "sent what is no IMAP while we waited for its answer to the login"),
        (&[HELLO, b"z9 OK\r\n"], "the answer to a command that was not given"),
        (
            &[HELLO, OK, ABLE, b"* LIST oops\r\n$ OK\r\n"],
            "sent what is no IMAP while we waited for its list of folders",
        ),
        (&[HELLO, OK, ABLE, b"$ NO no\r\n"], "refused while we waited for its list of folders: no"),
        (&[HELLO, OK, ABLE, INBOX, b"$ NO [SERVERBUG] x\r\n"], "the inbox cannot be opened or searched: [SERVERBUG] x"),
        (&[HELLO, OK, ABLE, INBOX, ONE, b"$ NO no search\r\n"], "the inbox cannot be opened or searched: no search"),
        (&[HELLO, OK, ABLE, INBOX, b"* NO x\r\n* BYE gone\r\n"], "while we waited for the folder \"INBOX\": gone"),
        (&[HELLO, OK, ABLE, INBOX, ONE, b"* SEARCH 1 x\r\n$ OK\r\n"], "sent what is no IMAP"),
        (&[HELLO, OK, ABLE, INBOX, ONE, HIT, b"* 1 FETCH (BODY[] NIL INTERNALDATE NIL)\r\n"], "a message without date"),
        (
            &[HELLO, OK, ABLE, INBOX, ONE, HIT, b"* 1 FETCH (BODY[HEADER] {2000000000}\r\n"],
            "it announces 2000000000 bytes",
        ),
        (&[HELLO, OK, ABLE, b"* LIST () \"/\" {99999999999999999999}\r\n"], "announces 18446744073709551615 bytes"),
    ];
    // Words that are cut in the middle of the password.
    let found = why(&[HELLO, format!("* BYE {}hunter2\r\n", "x".repeat(196)).as_bytes()]);
    assert!(found.contains("ended the session") && !found.contains("hunt"), "{found}");
    for (answers, sentence) in cases {
        let found = why(answers);
        assert!(found.starts_with("mail server: ") && found.contains(sentence), "wanted {sentence}, got {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
}

#[test]
fn a_stack_cannot_be_made_to_overflow() {
    let mut deep = b"* 1 FETCH (BODY[] NIL BODYSTRUCTURE ".to_vec();
    deep.resize(60_000, b'(');
    deep.extend_from_slice(b"\r\n$ OK\r\n");
    assert!(why(&[HELLO, OK, ABLE, INBOX, ONE, HIT, &deep]).contains("lists within lists"));
    // Depth is counted in each part, so parts are counted as well.
    let parts = format!("* 1 FETCH ({}\r\n", "BODY[HEADER] {1}\r\nx ".repeat(9));
    assert!(why(&[HELLO, OK, ABLE, INBOX, ONE, HIT, parts.as_bytes()]).contains("more than 8 literals in one reply"));
}

#[test]
fn nobody_fills_our_memory() {
    let long = vec![b'x'; 70 << 10];
    assert!(why(&[&long]).contains("a line of more than 64 KiB"));
    let lines = b"* 1 EXISTS\r\n".repeat(30 << 10);
    assert!(why(&[HELLO, &lines]).contains("an answer of more than 256 KiB"));
    let many = format!("* 1 FETCH (BODY[] NIL{})\r\n", " UID 1".repeat(3_000));
    assert!(why(&[HELLO, OK, ABLE, INBOX, ONE, HIT, many.as_bytes()]).contains("more than 16 KiB about messages"));
    let uids: Vec<String> = (1..=64).map(|n: u32| n.to_string()).collect();
    let hits = format!("* SEARCH {}\r\n$ OK\r\n", uids.join(" "));
    let mut large = Vec::new();
    for _ in 0..64 {
        let header = "x".repeat(100 << 10);
        large.extend_from_slice(
            format!("* 1 FETCH (UID 3 BODY[HEADER] {{{}}}\r\n{header})\r\n", header.len()).as_bytes(),
        );
    }
    assert!(why(&[HELLO, OK, ABLE, INBOX, ONE, hits.as_bytes(), &large]).contains("more than 4 MiB in one session"));
}

#[test]
fn the_deadline_holds_while_bytes_keep_coming() {
    /// Never ends, never says anything whole.
    struct Drip;
    impl Read for Drip {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(5));
            buf[0] = b'*';
            Ok(1)
        }
    }
    impl Write for Drip {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let deadline = Instant::now() + Duration::from_millis(100);
    let error = look_over(Drip, "me", &by("x"), &[token()], deadline).unwrap_err();
    assert_eq!(error.why, Why::Slow("its greeting".to_owned()));
}

#[test]
fn without_uidplus_nothing_is_removed() {
    let header = format!("X-Checker-Canary: {TEXT}\r\n\r\n");
    let script = Script::new(&[HELLO, OK, ABLE, INBOX, ONE, HIT, &fetched(&header), OK]);
    let cleaned = clean_over(script, "me", &by("x"), &[token()], soon()).unwrap();
    assert_eq!((cleaned.removed, cleaned.left), (0, 1));
    assert!(cleaned.skipped[0].why.contains("UIDPLUS"), "{cleaned:?}");
}

#[test]
fn a_folder_made_anew_keeps_its_messages() {
    let ours = fetched(&format!("X-Checker-Canary: {TEXT}\r\n\r\n"));
    let able: &[u8] = b"* CAPABILITY IMAP4rev1 uidplus\r\n$ OK done\r\n";
    // Between EXAMINE and SELECT another message got the number. A STORE would meet an answer that makes no sense.
    let foreign = fetched("Subject: dear\r\n\r\n");
    let script = Script::new(&[HELLO, OK, able, INBOX, ONE, HIT, &ours, ONE, &foreign, OK, b"oops\r\n"]);
    let cleaned = clean_over(script, "me", &by("x"), &[token()], soon()).unwrap();
    assert_eq!((cleaned.removed, cleaned.left), (0, 0));
    // And one that the server keeps is not counted as gone.
    let script = Script::new(&[HELLO, OK, able, INBOX, ONE, HIT, &ours, ONE, &ours, OK, OK, HIT, OK]);
    let cleaned = clean_over(script, "me", &by("x"), &[token()], soon()).unwrap();
    assert_eq!((cleaned.removed, cleaned.left), (0, 1));
    assert!(cleaned.skipped[0].why.contains("keeps 1"), "{cleaned:?}");
}

#[test]
fn arrival_is_judged_by_place_and_by_received() {
    let seen = |place, received| Sighting {
        token: TEXT.to_owned(),
        folder: format!("{place:?}"),
        place,
        by_name: false,
        received,
        internal_date: None,
        proof: None,
    };
    let at = |place: Place| Arrival::Arrived(format!("{place:?}"));
    let astray = |place: Place| Arrival::Astray(format!("{place:?}"), place);
    for (sightings, expected) in [
        (vec![], Arrival::Missing),
        (vec![seen(Place::Sent, false)], Arrival::OwnCopy),
        (vec![seen(Place::Sent, true), seen(Place::Drafts, true)], Arrival::OwnCopy),
        (vec![seen(Place::Inbox, false)], Arrival::OwnCopy),
        (vec![seen(Place::Sent, false), seen(Place::Other, true)], at(Place::Other)),
        (vec![seen(Place::Junk, true), seen(Place::Inbox, true)], at(Place::Inbox)),
        (vec![seen(Place::All, true), seen(Place::Junk, true)], astray(Place::Junk)),
        (vec![seen(Place::Trash, true)], astray(Place::Trash)),
        (vec![seen(Place::All, true)], at(Place::All)),
        (vec![seen(Place::All, true), seen(Place::Sent, true)], Arrival::OwnCopy),
        (vec![seen(Place::All, false)], Arrival::OwnCopy),
    ] {
        assert_eq!(arrival(TEXT, &sightings), expected, "{sightings:?}");
        assert_eq!(arrival("another0another0another", &sightings), Arrival::Missing);
    }
}

#[test]
fn tokens_cannot_break_out_of_a_command() {
    assert!(Token::new(TEXT, Some("<a.b-c@d>")).is_ok());
    for bad in ["short", "0123456789abcdef\"", "0123456789abcdef x", "0123456789abcdefä"] {
        assert!(Token::new(bad, None).is_err(), "{bad}");
    }
    for bad in ["", "<>", "a b", "a\"b", "a\r\nb", "a\\b"] {
        assert!(Token::new(TEXT, Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn the_password_does_not_show_itself() {
    let account = ImapAccount {
        host: "::1".to_owned(),
        port: 993,
        security: Security::Tls,
        user: "me".to_owned(),
        by: Password::new("a\"b\\c").into(),
        trust: Arc::new(Trust::system(&[])),
    };
    let shown = format!("{account:?}");
    assert!(shown.contains("hidden") && !shown.contains("a\\\"b") && !shown.contains("a\"b"), "{shown}");
    assert_eq!(account.at(), "mail server [::1]:993");
    assert_eq!(Password::new("a\"b\\c").scrub("LOGIN \"a\\\"b\\\\c\" a\"b\\c\u{1b}"), "LOGIN \"(hidden)\" (hidden) ");
    assert_eq!(Password::new("").scrub("fine"), "fine");
    assert_eq!(Password::new("gehe\u{ef}m").scrub("no gehe\u{ef}m, no gehe??m"), "no (hidden), no (hidden)");
}

#[test]
fn a_password_goes_only_where_it_is_safe() {
    let mut account = ImapAccount {
        host: "192.0.2.1".to_owned(),
        port: 143,
        security: Security::Plain,
        user: "me".to_owned(),
        by: Password::new("hunter2").into(),
        trust: Arc::new(Trust::system(&[])),
    };
    assert_eq!(look(&account, &[token()], soon()).unwrap_err().why, Why::Unprotected);
    account.host = "127.0.0.1".to_owned();
    account.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = look(&account, &[token()], soon()).unwrap_err();
    assert!(error.to_string().ends_with("connection refused by 127.0.0.1: nothing listens at that port"), "{error}");
    assert_eq!(error.blame(), None);
}
