//! Proof of mail by others: a peer who looks into its mailbox, and a human who types a code.

use super::{Node, SOON, by_imap};
use crate::support::mail::{MailServer, shared};
use crate::support::{need, wait_until};
use checker::control::Ask;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const WATCH: &str = "\n[watch]\npasses = \"1s\"\npoll = \"1s\"\nquick = \"1s\"\nstale = \"60s\"\n";

/// `alpha`, whose canaries go to `to`; and `beta`, who looks into the mailbox of `canary@`. Both daemons run.
fn pair(server: &MailServer, names: [&str; 2], to: &str) -> [Node; 2] {
    let canary = format!(
        "[canary]\nvia = \"peer\"\npeer = \"{}\"\nto = \"{to}@checker.test\"\nevery = \"1h\"\nwithin = \"30s\"\n\n[daemon]\nLISTEN\n",
        names[1]
    );
    let beta = by_imap(server, "canary", "1h", "1min");
    let mut nodes = [(names[0], canary), (names[1], beta)]
        .map(|(name, canary)| Node::with_mail(name, server, &format!("{canary}{WATCH}")));
    let tables = nodes.each_ref().map(|node| {
        // Its own settings name a peer that is not there yet.
        let bare = node.home.read("settings.cfg").replace(&format!("peer = \"{}\"\n", names[1]), "");
        let bare = bare.replace("via = \"peer\"", "via = \"none\"");
        node.home.write("bare.cfg", &bare);
        let bare = node.home.path("bare.cfg");
        std::fs::set_permissions(&bare, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let key = node.home.run(&["-f", bare.to_str().unwrap(), "key"]).ended(0).out;
        let (name, port) = (&node.name, node.port);
        format!(
            "\n[[peer]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}\"\nadmin = \"oncall@checker.test\"\n{}\n",
            key.lines().next().unwrap()
        )
    });
    for (at, node) in nodes.iter_mut().enumerate() {
        let settings = node.home.read("settings.cfg") + &tables[1 - at];
        node.home.settings(&settings);
        node.home.run(&["check"]).ended(0);
        node.start();
    }
    nodes
}

/// Passes of both, until `found` has something.
fn passes<T>([alpha, beta]: &[Node; 2], mut found: impl FnMut() -> Option<T>) -> Option<T> {
    wait_until(SOON, || {
        alpha.pass();
        beta.pass();
        std::thread::sleep(std::time::Duration::from_millis(300));
        found()
    })
}

fn status(node: &Node) -> Value {
    node.ask(&Ask::Status).unwrap().status.unwrap()
}

#[test]
fn what_a_peer_finds_in_its_mailbox_proves_our_mail() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let nodes = pair(server, ["byone", "bytwo"], "canary");
    let [alpha, beta] = &nodes;
    assert_ne!(alpha.word(), "True", "nothing is proven yet");
    let proven = passes(&nodes, || (alpha.word() == "True").then_some(()));
    assert!(proven.is_some(), "{}\n{}\n{}", status(alpha), alpha.log(), beta.log());
    assert_eq!(status(alpha)["mail"]["by"], "peer");
    assert_eq!(status(beta)["mail"]["by"], "mailbox");
    assert_eq!(status(beta)["canary_seen"][0]["spam"], false);
    // What was seen is taken away, and remembered: a restart asks for nothing anew.
    let ours = || server.mailbox("canary").iter().any(|m| m.header("Subject").starts_with("[byone]"));
    assert!(wait_until(SOON, || (!ours()).then_some(())).is_some(), "it stays in the mailbox");
}

#[test]
fn a_canary_in_the_spam_folder_of_a_peer_is_told_as_that() {
    if !need("postfix") {
        return;
    }
    let nodes = pair(shared(), ["spamone", "spamtwo"], "junk");
    let told =
        passes(&nodes, || nodes[0].told().iter().any(|s| s.contains("comes into the folder for spam")).then_some(()));
    assert!(told.is_some(), "{}\n{}", status(&nodes[0]), nodes[1].log());
    assert_eq!(nodes[0].word(), "MailProblem");
}

#[test]
fn a_message_that_somebody_else_puts_there_proves_nothing() {
    if !need("postfix") {
        return;
    }
    let server = shared();
    let nodes = pair(server, ["forgedone", "forgedtwo"], "discard");
    let [alpha, beta] = &nodes;
    // The token can be read by anybody on the way between the two.
    let token = passes(&nodes, || Some(status(alpha)["canary_out"][0]["token"].as_str()?.to_owned())).unwrap();
    for proof in ["", "X-Checker-Proof: ed25519:AAAA\r\n"] {
        let text = format!("Subject: [forgedone] canary\r\nX-Checker-Canary: {token}\r\n{proof}\r\nToken: {token}\r\n");
        deliver(server.ports.plain, "canary@checker.test", &text);
    }
    assert!(
        wait_until(SOON, || (server.mailbox("canary").iter().filter(|m| m.raw.contains(&token)).count() == 2)
            .then_some(()))
        .is_some()
    );
    // Both have looked and said what they saw, more than once.
    let mut rounds = 0;
    passes(&nodes, || {
        rounds += 1;
        (rounds >= 8).then_some(())
    });
    assert_eq!(status(beta)["canary_seen"].as_array().unwrap().len(), 0, "{}", status(beta));
    assert_eq!((alpha.word().as_str(), status(beta)["looks"].as_bool()), ("MailProblem", Some(true)));
}

/// Hands a message to the server, as a stranger would.
fn deliver(port: u16, to: &str, text: &str) {
    let mut stream = TcpStream::connect(("localhost", port)).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut said = |wanted: &str| {
        let mut line = String::new();
        while answers.read_line(&mut line).unwrap() > 0 && line.as_bytes()[3] == b'-' {
            line.clear();
        }
        assert!(line.starts_with(wanted), "{line}");
    };
    said("220");
    for (line, wanted) in [
        ("EHLO stranger", "250"),
        ("MAIL FROM:<stranger@checker.test>", "250"),
        (&format!("RCPT TO:<{to}>"), "250"),
        ("DATA", "354"),
        (&format!("{text}."), "250"),
        ("QUIT", "221"),
    ] {
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        said(wanted);
    }
}

#[test]
fn a_code_that_a_human_types_proves_our_mail() {
    let canary = "[canary]\nvia = \"human\"\nevery = \"1h\"\nwithin = \"1min\"\n\n[daemon]\nLISTEN\n";
    let mut node = Node::with_files("typed", canary);
    node.start();
    node.pass().silent();
    let code = wait_until(SOON, || {
        let subject = node.told().into_iter().find(|s| s.contains("to show that mail arrives"))?;
        subject.split_whitespace().find(|w| w.len() == 8 && w.bytes().all(|b| b.is_ascii_hexdigit())).map(str::to_owned)
    })
    .unwrap_or_else(|| panic!("nobody is asked: {:?}\n{}", node.told(), node.log()));
    let mail = node.home.mails().into_iter().find(|m| m.raw.contains(&code)).unwrap();
    let text = mail.raw.replace("=\n", "");
    assert!(text.contains(&format!("settings.cfg ack {code}")), "as it can be typed: {}", mail.raw);
    assert_eq!(mail.head.get("to").map(String::as_str), Some("oncall@checker.test"), "a human reads it");
    node.await_word("MailProblem");
    let other = if code == "00000000" { "00000001" } else { "00000000" };
    let refused = node.home.run(&["ack", other]).ended(64);
    assert!(refused.err.contains("no message with the code"), "{refused:?}");
    assert_eq!(node.word(), "MailProblem");
    // As a telephone types it.
    let done = node.home.run(&["ack", &code.to_uppercase()]).ended(0);
    assert!(done.out.contains("mail is proven"), "{done:?}");
    node.pass();
    node.await_word("True");
    assert_eq!(status(&node)["mail"]["by"], "human");
    node.home.run(&["ack", &code]).ended(64);
    assert_eq!(node.told().len(), 1, "{:?}", node.told());
}
