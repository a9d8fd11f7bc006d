//! Tokens end to end: the real program, a real mail server, one account that sends and another one whose mailbox is looked at.

use crate::support::binary::{Done, Home};
use crate::support::mail::token::token;
use crate::support::mail::{HARBOUR, shared};
use crate::support::need;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::os::unix::fs::PermissionsExt;

/// Settings in which `watch@` sends and the account `harbour`, which is no address, receives. `./token` stands beside them.
fn home(name: &str, jobs: &str) -> Home {
    let server = shared();
    let home = Home::new("");
    home.write("ca.pem", &server.ca.pem);
    home.write("token", "#!/bin/sh\ncat \"$(dirname \"$0\")/$1.jwt\" || exit 4\n");
    std::fs::set_permissions(home.path("token"), std::fs::Permissions::from_mode(0o700)).expect("a program");
    home.settings(&format!(
        "[general]\nservername = \"{name}\"\nalertcontact = \"oncall@checker.test\"\ntimezone = \"UTC\"\n\n[email]\nfrom = \
         \"watch@checker.test\"\n\n[email.smtp]\nhost = \"localhost\"\nport = {}\nuser = \"watch@checker.test\"\n\
         token_command = [\"./token\", \"watch\"]\nca_file = \"ca.pem\"\n\n[canary]\nvia = \"imap\"\nhost = \
         \"localhost\"\nport = {}\nuser = \"{HARBOUR}\"\nto = \"harbour@checker.test\"\nwithin = \"1min\"\n\
         token_command = [\"./token\", \"harbour\"]\nca_file = \"ca.pem\"\n\n[log]\nlevel = \"debug\"\n\n{jobs}",
        server.ports.starttls, server.ports.imaps
    ));
    home.write("watch.jwt", &token("watch@checker.test", 600));
    home.write("harbour.jwt", &token(HARBOUR, 600));
    home
}

/// Neither token is in what was printed, nor in a file of the home but its own: not as it is, and not as it goes over the wire.
fn search(home: &Home, printed: &[Done]) {
    let own = [("watch.jwt", "watch@checker.test"), ("harbour.jwt", HARBOUR)];
    let (mut files, mut folders) = (Vec::new(), vec![home.path("")]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && !own.iter().any(|(name, _)| path.ends_with(name)) {
                files.push(path);
            }
        }
    }
    assert!(files.len() >= 3, "settings, state and more: only {files:?}");
    for (name, user) in own {
        let token = home.read(name);
        let signature = token.rsplit('.').next().expect("a signature");
        let wire = STANDARD.encode(format!("user={user}\x01auth=Bearer {}\x01\x01", token.trim_end()));
        // A line of a log may hold a part of it.
        let words = [signature, wire.get(40..120).expect("a long one")];
        for done in printed {
            assert!(words.iter().all(|w| !done.out.contains(w) && !done.err.contains(w)), "{done:?}");
        }
        for file in &files {
            let bytes = std::fs::read(file).expect("a file");
            let holds = |word: &&str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
            assert!(!words.iter().any(holds), "a token is in {}", file.display());
        }
    }
}

#[test]
fn two_accounts_log_in_by_tokens_and_the_receipt_comes() {
    if !need("postfix") {
        return;
    }
    let home = home("token-good", "");
    let check = home.run(&["check"]).ended(0);
    // The settings have no daemon, so that none is started.
    let warnings: Vec<&str> = check.out.lines().filter(|line| line.contains("warning:")).collect();
    assert!(warnings.iter().all(|line| line.contains("without [daemon]")) && check.err.is_empty(), "{check:?}");
    let test = home.run(&["test", "--mail-only"]).ended(0);
    assert!(test.out.contains("logged in as watch@checker.test by token_command"), "{test:?}");
    assert!(test.out.contains("receipt   arrived after ") && test.out.contains("in the folder INBOX"), "{test:?}");
    search(&home, &[check, test]);
}

#[test]
fn what_is_wrong_with_either_login_is_told_by_test() {
    if !need("postfix") {
        return;
    }
    let home = home("token-bad", "");
    // What cannot be looked for is tried for as long.
    home.write("settings.cfg", &home.read("settings.cfg").replace("within = \"1min\"", "within = \"2s\""));
    home.write("harbour.jwt", &token(HARBOUR, -60));
    let expired = home.run(&["test", "--mail-only"]).ended(75);
    assert!(expired.out.contains("the access token for \"harbour\" is refused"), "{expired:?}");
    home.write("watch.jwt", &token("watch@checker.test", -60));
    let both = home.run(&["test", "--mail-only"]).ended(75);
    assert!(both.out.contains("refuses the access token for \"watch@checker.test\" (535"), "{both:?}");
    search(&home, &[expired, both]);
    std::fs::remove_file(home.path("watch.jwt")).expect("it was there");
    let none = home.run(&["test", "--mail-only"]).ended(75);
    let words = ["token_command under [email.smtp] (", "/token) failed with exit 4 and says \"cat: "];
    assert!(words.iter().all(|w| none.out.contains(w)), "{none:?}");
    // A password that the mailbox refuses leads to the key.
    let settings = home.read("settings.cfg");
    home.write("watch.jwt", &token("watch@checker.test", 600));
    home.write("harbour.secret", "wrong");
    home.write(
        "settings.cfg",
        &settings.replace("token_command = [\"./token\", \"harbour\"]", "pass_file = \"harbour.secret\""),
    );
    let password = home.run(&["test", "--mail-only"]).ended(75);
    let words = ["login as \"harbour\" refused", "Gmail and Microsoft 365 want token_command under [canary]"];
    assert!(words.iter().all(|w| password.out.contains(w)), "{password:?}");
}

#[test]
fn the_accepted_copy_of_the_settings_still_finds_the_program() {
    if !need("postfix") {
        return;
    }
    let job = "[[job.command]]\nname = \"well\"\ncommand = [\"true\"]\n";
    let home = home("token-copy", job);
    home.run(&["cron", "--now"]).ended(0);
    home.write("settings.cfg", &home.read("settings.cfg").replace("via = \"imap\"", "via = \"imp\""));
    home.run(&["cron", "--now"]).ended(78);
    let mails = shared().wait_for("oncall", "[token-copy]");
    assert!(mails.iter().any(|m| m.header("Subject").contains("settings")), "told by a login with a token");
}
