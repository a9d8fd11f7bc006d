//! A real server: what has arrived, what is only a copy, and what is removed.

use crate::support::mail::{MailServer, OWNER, shared};
use crate::support::{need, wait_until};
use checker_parts::mailbox::{
    Arrival, HEADER, ImapAccount, Looked, Password, Place, Security, Sighting, Token, arrival, clean, look, maildir,
};
use checker_parts::tls::Trust;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A token that no other test has.
pub(super) fn token() -> Token {
    Token::new(&uuid::Uuid::now_v7().simple().to_string(), None).unwrap()
}

pub(super) fn account(server: &MailServer, user: &str) -> ImapAccount {
    let pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), &server.ca.pem).unwrap();
    ImapAccount {
        host: "localhost".to_owned(),
        port: server.ports.imaps,
        security: Security::Tls,
        user: MailServer::address(user),
        by: Password::new(format!("pw-{user}")).into(),
        trust: Arc::new(Trust::with_ca_file(pem.path(), &[]).unwrap()),
    }
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn canary(token: &Token) -> String {
    format!("{HEADER}: {0}\r\nMessage-ID: <{0}@checker.test>\r\nSubject: canary\r\n\r\n{0}\r\n", token.text())
}

fn received(token: &Token) -> String {
    format!("Received: from a by b\r\n{}", canary(token))
}

/// Hands a text to Postfix.
fn send(server: &MailServer, user: &str, text: &str) {
    let tcp = TcpStream::connect(("127.0.0.1", server.ports.plain)).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut tcp = BufReader::new(tcp);
    let to = format!("RCPT TO:<{}>", MailServer::address(user));
    let body = format!("{text}\r\n.");
    for command in ["", "HELO here", "MAIL FROM:<>", &to, "DATA", &body, "QUIT"] {
        if !command.is_empty() {
            tcp.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        }
        let mut answer = String::new();
        tcp.read_line(&mut answer).unwrap();
        assert!(answer.starts_with(['2', '3']), "{command}: {answer}");
    }
}

/// Looks until it has arrived somewhere.
fn await_arrival(server: &MailServer, user: &str, token: &Token) -> Looked {
    let account = account(server, user);
    let tokens = std::slice::from_ref(token);
    let found = wait_until(Duration::from_secs(20), || {
        let looked = look(&account, tokens, soon()).unwrap();
        (!looked.sightings.is_empty()).then_some(looked)
    });
    found.unwrap_or_else(|| panic!("the canary did not arrive\n{}", server.log()))
}

fn flags(server: &MailServer, user: &str) -> Vec<String> {
    let mut imap = server.imap(user);
    imap.ask("EXAMINE INBOX");
    imap.ask("UID FETCH 1:* FLAGS").into_iter().map(|(line, _)| line).filter(|l| l.contains("FETCH")).collect()
}

#[test]
fn what_postfix_delivers_has_arrived_and_stays_unseen() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let (first, second) = (token(), token());
    let account = account(server, "probe");
    assert_eq!(look(&account, std::slice::from_ref(&first), soon()).unwrap(), Looked::default());
    send(server, "probe", &canary(&first));
    let looked = await_arrival(server, "probe", &first);
    assert_eq!(arrival(first.text(), &looked.sightings), Arrival::Arrived("INBOX".to_owned()));
    let age = jiff::Timestamp::now().duration_since(looked.sightings[0].internal_date.unwrap());
    assert!(age.as_secs().abs() < 60, "{age}");
    let before = flags(server, "probe");
    assert!(before.len() == 1 && !before[0].contains("Seen"), "{before:?}");
    look(&account, &[first.clone(), second.clone()], soon()).unwrap();
    assert_eq!(flags(server, "probe"), before, "looking changes nothing, not even \\Recent");

    // Where a provider takes our field out, the Message-ID tells.
    let stripped = canary(&second).replace(HEADER, "X-Other");
    send(server, "probe", &stripped);
    let id = format!("<{}@checker.test>", second.text());
    let second = Token::new(second.text(), Some(&id)).unwrap();
    let looked = await_arrival(server, "probe", &second);
    assert_eq!(arrival(second.text(), &looked.sightings), Arrival::Arrived("INBOX".to_owned()));

    // The same mails, seen as files.
    let path = server.maildir("probe");
    let local = maildir::look(&path, &[first.clone(), second.clone()], soon()).unwrap();
    for token in [&first, &second] {
        assert_eq!(arrival(token.text(), &local.sightings), Arrival::Arrived("INBOX".to_owned()));
    }
    assert_eq!(maildir::clean(&path, std::slice::from_ref(&first), soon()).unwrap().removed, 1);
    assert_eq!(clean(&account, &[first, second], soon()).unwrap().removed, 1);
    assert!(flags(server, "probe").is_empty());
}

#[test]
fn a_copy_is_no_arrival_and_spam_is_told_as_spam() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let [sent, draft, spam, junk, own] = std::array::from_fn(|_| token());
    let mut imap = server.imap("spam");
    for folder in ["Gesendet", "Entw&APw-rfe", "Spam-Verdacht"] {
        imap.ask(&format!("CREATE {folder}"));
    }
    imap.append("Gesendet", "\\Seen", &canary(&sent));
    imap.append("Entw&APw-rfe", "\\Draft", &received(&draft));
    imap.append("Spam-Verdacht", "", &received(&spam));
    imap.append("INBOX", "", &canary(&own));
    let tokens = [sent, draft, spam, junk, own];
    let [sent, draft, spam, junk, own] = &tokens;
    let looked = look(&account(server, "spam"), &tokens, soon()).unwrap();
    let fate = |token: &Token, looked: &Looked| arrival(token.text(), &looked.sightings);
    let seen = |token: &Token, looked: &Looked| -> Sighting {
        looked.sightings.iter().find(|s| s.token == token.text()).expect("a sighting").clone()
    };
    assert_eq!(fate(sent, &looked), Arrival::OwnCopy);
    assert_eq!(fate(draft, &looked), Arrival::OwnCopy);
    assert_eq!(fate(own, &looked), Arrival::OwnCopy, "in the inbox, but nobody received it");
    assert_eq!(fate(spam, &looked), Arrival::Astray("Spam-Verdacht".to_owned(), Place::Junk));
    assert_eq!(fate(junk, &looked), Arrival::Missing);
    for (token, place, received) in [
        (sent, Place::Sent, false),
        (draft, Place::Drafts, true),
        (spam, Place::Junk, true),
        (own, Place::Inbox, false),
    ] {
        let seen = seen(token, &looked);
        assert_eq!((seen.place, seen.received, seen.by_name), (place, received, false), "{seen:?}");
    }

    // Without a folder that is marked for spam, its usual name tells.
    imap.ask("DELETE Spam-Verdacht");
    imap.ask("CREATE Junk");
    imap.append("Junk", "", &received(junk));
    let looked = look(&account(server, "spam"), &tokens, soon()).unwrap();
    assert_eq!(fate(junk, &looked), Arrival::Astray("Junk".to_owned(), Place::Junk));
    assert!(seen(junk, &looked).by_name);
}

#[test]
fn only_our_own_messages_are_removed() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let (ours, other) = (token(), token());
    let mut imap = server.imap("vault");
    imap.ask("CREATE Gesendet");
    let foreign = format!("Received: x\r\nSubject: Re: {0}\r\nIn-Reply-To: <{0}>\r\n\r\n{0}\r\n", ours.text());
    imap.append("INBOX", "\\Deleted", &foreign);
    imap.append("INBOX", "", &received(&ours));
    imap.append("INBOX", "\\Seen \\Deleted", &received(&other));
    imap.append("INBOX", "\\Flagged", &foreign);
    imap.append("Gesendet", "\\Seen", &canary(&ours));
    let cleaned = clean(&account(server, "vault"), std::slice::from_ref(&ours), soon()).unwrap();
    assert_eq!((cleaned.removed, cleaned.left, cleaned.skipped.len()), (2, 0, 0), "{cleaned:?}");
    let left = flags(server, "vault");
    let uids: Vec<bool> = ["UID 1 ", "UID 3 ", "UID 4 "].iter().map(|u| left.iter().any(|l| l.contains(u))).collect();
    assert_eq!((left.len(), uids), (3, vec![true, true, true]), "{left:?}");
    assert!(left[0].contains("\\Deleted") && left[1].contains("\\Deleted"), "{left:?}");
    assert!(left[2].contains("\\Flagged") && !left[2].contains("\\Seen"), "{left:?}");
    let again = clean(&account(server, "vault"), &[ours], soon()).unwrap();
    assert_eq!(again.removed, 0);
}

#[test]
fn folders_may_have_any_name() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let mut imap = server.imap("names");
    let names = [
        ("\"with space\"", "with space"),
        ("\"quo\\\"te\"", "quo\"te"),
        ("\"back\\\\slash\"", "back\\slash"),
        ("&ZeVnLIqe-", "日本語"),
        ("parent.child", "parent.child"),
        ("\"{5}\"", "{5}"),
        ("\"a (b) [c] &-\"", "a (b) [c] &"),
        ("NIL", "NIL"),
        ("\"100%\"", "100%"),
    ];
    let tokens: Vec<Token> = names.iter().map(|_| token()).collect();
    for ((name, _), token) in names.iter().zip(&tokens) {
        if name.contains('%') {
            continue;
        }
        imap.ask(&format!("CREATE {name}"));
        imap.append(name, "", &received(token));
    }
    let listed = imap.ask("LIST \"\" \"*\"");
    assert!(listed.iter().any(|(line, _)| line.to_lowercase().contains("\\nosel")), "{listed:?}");
    let looked = look(&account(server, "names"), &tokens, soon()).unwrap();
    assert!(looked.skipped.is_empty(), "{looked:?}");
    for ((name, shown), token) in names.iter().zip(&tokens).filter(|((name, _), _)| !name.contains('%')) {
        assert_eq!(arrival(token.text(), &looked.sightings), Arrival::Arrived((*shown).to_owned()), "{name}");
    }
    let cleaned = clean(&account(server, "names"), &tokens, soon()).unwrap();
    assert_eq!((cleaned.removed, cleaned.left), (8, 0), "{cleaned:?}");
}

#[test]
fn a_crowded_mailbox_is_no_trouble() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    drop(server.imap("crowd"));
    let folder = server.maildir("crowd").join("cur");
    std::fs::create_dir_all(&folder).unwrap();
    chown(&folder, Some(OWNER), Some(OWNER)).unwrap();
    let padding = "line of a letter\r\n".repeat(100);
    for n in 0..5_000 {
        let file = folder.join(format!("{}.M{n}.host:2,S", 1_600_000_000 + n));
        std::fs::write(&file, format!("Received: x\r\nSubject: letter {n}\r\n\r\n{padding}")).unwrap();
        chown(&file, Some(OWNER), Some(OWNER)).unwrap();
    }
    let (ours, missing) = (token(), token());
    send(server, "crowd", &canary(&ours));
    await_arrival(server, "crowd", &ours);
    let begin = Instant::now();
    let looked = look(&account(server, "crowd"), &[ours.clone(), missing.clone()], soon()).unwrap();
    eprintln!("a look into 5,000 mails: {:?}", begin.elapsed());
    assert_eq!(arrival(ours.text(), &looked.sightings), Arrival::Arrived("INBOX".to_owned()));
    assert_eq!(arrival(missing.text(), &looked.sightings), Arrival::Missing);
    let begin = Instant::now();
    let local = maildir::look(&server.maildir("crowd"), std::slice::from_ref(&ours), soon()).unwrap();
    eprintln!("the same in the maildir: {:?}", begin.elapsed());
    assert_eq!(local.sightings.len(), 1);
    assert_eq!(clean(&account(server, "crowd"), &[ours], soon()).unwrap().removed, 1);
}

#[test]
fn refusals_of_a_real_server_are_told_apart() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let good = account(server, "probe");
    let said = |account: &ImapAccount| look(account, &[token()], soon()).unwrap_err().to_string();
    let wrong = said(&ImapAccount { by: Password::new("wrong \"pass\\word").into(), ..good.clone() });
    let at = format!("mail server localhost:{}: ", server.ports.imaps);
    let login = "login as \"probe@checker.test\" refused; correct user or password in the settings. It says: ";
    assert!(wrong.starts_with(&(at.clone() + login)) && wrong.contains("AUTHENTICATIONFAILED"), "{wrong}");
    assert!(!wrong.contains("wrong"), "{wrong}");
    let unknown = said(&ImapAccount { trust: Arc::new(Trust::system(&[])), ..good.clone() });
    assert!(unknown.contains("signed by an unknown authority"), "{unknown}");
    let name = said(&ImapAccount { host: "127.0.0.1".to_owned(), ..good.clone() });
    assert!(name.contains("certificate is for localhost, not for 127.0.0.1"), "{name}");
    let smtp = said(&ImapAccount { port: server.ports.tls, ..good.clone() });
    assert!(smtp.contains("does not speak IMAP; is the port right? It begins with: 220 "), "{smtp}");
    let plain = said(&ImapAccount { port: server.ports.plain, ..good.clone() });
    assert!(plain.contains("server does not speak TLS"), "{plain}");
    let tls = ImapAccount { security: Security::Plain, host: "127.0.0.1".to_owned(), ..good.clone() };
    let tls = look(&tls, &[token()], Instant::now() + Duration::from_millis(500)).unwrap_err().to_string();
    assert!(tls.contains("silent while we waited for its greeting"), "both sides wait for the other: {tls}");
    let nowhere = said(&ImapAccount { host: "nowhere.invalid".to_owned(), ..good });
    assert!(nowhere.starts_with("mail server nowhere.invalid:"), "{nowhere}");
    assert!(nowhere.contains("no such name") || nowhere.contains("cannot be resolved"), "{nowhere}");
}
