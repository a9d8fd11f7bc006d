use super::*;
use crate::bundled;
use crate::settings::{self, Env};

/// As the first program's documentation has it: every key, comments, and the peers.
const WHOLE: &str = "\
# what this server is called
[general]
servername=alpha
alertcontact=you@example.com
logfile=checker.log
statefile=checker.state

[email]
user=alpha-checker@example.com
pass=10%% of nothing
smtpserver=smtp.example.com
smtpport=587
imapserver=imap.example.com
ideletesentmessagesautomatically=True
; a comment of the other kind
bustgmailthreading=False
nomail=False

[peers]
beta=http://beta.example.com:5000,admin@beta.example.com
gamma=http://gamma.example.com:5000,admin@gamma.example.com
";

/// The settings code takes it once the password is in its file.
fn loads(toml: &str) {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("mail.secret");
    std::fs::write(&secret, "x\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let path = folder.path().join("settings.cfg");
    let loaded = settings::load_text(&path, toml, &bundled(), &Env::bare(folder.path()));
    loaded.unwrap_or_else(|report| panic!("{}\n{toml}", report.render()));
}

#[test]
fn whole_settings_are_taken_over_but_for_the_password() {
    let moved = convert(WHOLE).unwrap();
    let toml = moved.made.to_toml();
    loads(&toml);
    for line in [
        "servername = \"alpha\"",
        "alertcontact = \"you@example.com\"",
        "host = \"smtp.example.com\"",
        "port = 587",
        "user = \"alpha-checker@example.com\"",
        "host = \"imap.example.com\"",
        "ideletesentmessagesautomatically = true",
        "name = \"beta\"",
        "url = \"http://gamma.example.com:5000\"",
        "admin = \"admin@gamma.example.com\"",
        "file = \"checker.log\"",
    ] {
        assert!(toml.lines().any(|l| l == line), "{line}\n{toml}");
    }
    assert!(!toml.contains("of nothing"), "{toml}");
    assert_eq!(moved.password.as_deref(), Some("10% of nothing"));
    let lines: Vec<usize> = moved.made.left.iter().map(|l| l.line).collect();
    assert_eq!(lines, [6, 10], "the state file and the password: {:?}", moved.made.left);
}

#[test]
fn whatever_is_no_key_of_the_first_program_is_listed_with_its_line() {
    let text = "[general]\nservername=alpha\nalertcontact=you@example.com\ncolour=red\nwhat is this\n[email]\nuser=me\n\
                smtpserver=a.example.com ; the old one\nsmtpport=many\nsmtpserver=b.example.com\n[peers]\nbeta=http://b:5000\n\
                [mine]\nkey=%(other)s\n";
    let left = convert(text).unwrap().made.left;
    let has = |line: usize, words: &str| left.iter().any(|l| l.line == line && l.what.contains(words));
    for (line, words) in [
        (4, "[general] colour: the first program had no such key"),
        (5, "\"what is this\" is neither a header"),
        (0, "who sends is not known"),
        (8, "what begins with \";\""),
        (9, "\"many\" is no port"),
        (10, "a second time"),
        (12, "no address of the peer's admin"),
        (14, "[mine] key: the first program had no such key"),
        (14, "stands for the value of another key"),
    ] {
        assert!(has(line, words), "{line}: {words}: {left:#?}");
    }
}

#[test]
fn samples_are_named_as_samples() {
    let left = convert("[peers]\nb=http://b.example.com:5000,a@b.example.com\n").unwrap().made.left;
    for key in ["servername", "alertcontact", "smtpserver"] {
        assert!(left.iter().any(|l| l.what.contains(key) && l.remedy.contains("is a sample")), "{key}: {left:#?}");
    }
}

#[test]
fn other_files_are_not_taken_for_it() {
    for text in [
        "",
        "endpoints:\n  - name: a\n",
        "[general]\nservername = \"alpha\"\nalertcontact = \"a@b.c\"\n",
        "[[job.tcp]]\n",
    ] {
        assert!(convert(text).is_none(), "{text}");
    }
}

#[test]
fn lines_go_on_where_they_are_indented_deeper_than_their_key() {
    // As Python's configparser reads it: keys of an indented section are keys.
    let text = "[general]\nservername=a\nalertcontact=you@example.com,\n  her@example.com\n[email]\n  user=a@example.com\n  \
                pass=hunter2\n  # a note\n  smtpserver=smtp.example.com,\n    backup.example.com\n[email]\n    smtpport=25\n[peers]\n";
    let Moved { made, password } = convert(text).unwrap();
    assert_eq!(password.as_deref(), Some("hunter2"));
    let toml = made.to_toml();
    assert!(!toml.contains("hunter2") && toml.contains("from = \"a@example.com\""), "{toml}");
    let ini = read(text).unwrap();
    assert_eq!(ini.get("general", "alertcontact"), Some("you@example.com, her@example.com"));
    assert_eq!(ini.get("email", "smtpserver"), Some("smtp.example.com, backup.example.com"));
    assert_eq!(ini.get("email", "smtpport"), Some("25"), "a header ends what went on");
}

#[test]
fn a_password_may_be_anything_and_what_is_no_utf8_is_told() {
    let text =
        |pass: &str| format!("[general]\nservername=a\nalertcontact=you@example.com\n[email]\npass={pass}\n[peers]\n");
    assert_eq!(convert(&text("ab[[cd")).unwrap().password.as_deref(), Some("ab[[cd"));
    assert!(convert("[[job.http]]\nname=\"a\"\n[peers]\n").is_none(), "this is TOML");
    let Moved { made, .. } = convert(&text("gr\u{FFFD}n")).unwrap();
    assert!(made.left.iter().any(|l| l.line == 5 && l.what.contains("not written in UTF-8")), "{:?}", made.left);
}

#[test]
fn no_text_becomes_a_setting() {
    let text = "[general]\nservername=a\"]\\\nalertcontact=you@example.com\nx\u{7}y=[[job.command]]\n[peers]\n";
    let made = convert(text).unwrap().made;
    let toml: toml::Table = made.to_toml().parse().unwrap();
    assert_eq!(toml["general"]["servername"].as_str(), Some("a\"]\\"));
}
