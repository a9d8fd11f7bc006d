//! Warnings of tables that do nothing without another one, or less than they say.

use super::good::{HEAD, MAIL};
use super::{folder, judged, put};

const CANARY: &str = "[canary]\nvia = \"maildir\"\npath = \"x\"\n";
const DAEMON: &str = "[daemon]\npeer_listen = \"[::]:5000\"\n";
const DRILL: &str = "[drill]\nevery = \"30d\"\n";
const SCRIPTS: &str = "[scripts]\nping_key_file = \"ping.key\"\n";
const PEER: &str = "[[peer]]\nname = \"beta\"\nurl = \"http://beta.example.com:5000\"\nadmin = \"admin@beta.example.com\"\n\
                    key = \"ed25519:Wc3ChBG4f/U/rIp7HQ6AKb8ais0V6aU4/K2PS8gt5mY=\"\n";

/// The line and the message of each warning; `mail` are more keys of `[email]`.
fn warned(mail: &str, tables: &[&str]) -> Vec<(String, String)> {
    let dir = folder(&format!("{HEAD}{MAIL}{mail}{}", tables.concat()));
    put(&dir.path().join("x.ini"), 0o644, "");
    put(&dir.path().join("ping.key"), 0o600, "fqOOd6-F4MMNuCEnzTU01w");
    let (_, report) = judged(&dir).unwrap_or_else(|r| panic!("{r}"));
    let at = |p: checker::settings::Problem| {
        (p.place.map(|at| at.excerpt).unwrap_or_default(), p.message + "; " + &p.remedy)
    };
    report.problems.into_iter().map(at).collect()
}

#[test]
fn a_table_that_does_nothing_by_itself_is_a_warning_that_says_so() {
    let alone = |tables: &[&str], header: &str, words: &[&str]| {
        let found = warned("", tables);
        assert_eq!(found.len(), 1, "{tables:?}: {found:?}");
        assert_eq!(found[0].0, header, "{found:?}");
        assert!(words.iter().all(|w| found[0].1.contains(w)), "{words:?}: {found:?}");
    };
    alone(&[CANARY], "[canary]", &["proves nothing without [daemon]", "add [daemon]", "checker daemon"]);
    alone(&[DRILL], "[drill]", &["does nothing without [daemon]", "add [daemon]"]);
    alone(&[PEER], "[[peer]]", &["without [daemon] nobody answers peers", "peer_listen"]);
    alone(&[DAEMON, PEER], "[[peer]]", &["without [canary] our word is MailProblem", "add [canary]"]);
    alone(&[DAEMON, "[canary]\nvia = \"none\"\n", PEER], "[[peer]]", &["with via = \"none\" our word is MailProblem"]);
    alone(&[DAEMON, SCRIPTS], "[scripts]", &["nothing listens for them", "web_listen"]);
    alone(&[SCRIPTS], "[scripts]", &["nothing listens for them"]);
    assert_eq!(warned("", &[DAEMON, "web_listen = \"127.0.0.1:5555\"\n", SCRIPTS]), []);
    assert_eq!(warned("", &["[scripts]\ncontrol = \"x.ini\"\n"]), []);
    alone(&["[scripts]\ncontrol = \"y.ini\"\n"], "control = \"y.ini\"", &["nothing is switched off", "name right"]);
    assert_eq!(warned("", &[CANARY, DRILL, PEER]).len(), 3, "one for each table");
    for good in [&[][..], &[DAEMON], &["[canary]\nvia = \"none\"\n"], &[DAEMON, CANARY, DRILL, PEER]] {
        assert_eq!(warned("", good), [], "{good:?}");
    }
}

#[test]
fn messages_to_ourselves_that_the_account_does_not_allow_are_a_warning() {
    let every = |limit: &str, every: &str| warned(limit, &[CANARY, every, DAEMON]);
    let found = every("", "every = \"10s\"\nwithin = \"5s\"\n");
    assert_eq!(found.len(), 1, "within may be as short as it likes: {found:?}");
    assert_eq!(
        found[0].1,
        "\"every\" is 10 s, but with daily_limit = 200 a message to ourselves leaves every 14 min 24 s at most; raise daily_limit \
         under [email] (to 17280 or more), or write every = \"15min\""
    );
    // What it says helps.
    for good in
        [("daily_limit = 17280\n", "every = \"10s\"\n"), ("", "every = \"15min\"\n"), ("", "every = \"864s\"\n")]
    {
        let found = every(good.0, good.1);
        assert!(found.iter().all(|(_, words)| words.contains("below 1 min")), "{good:?}: {found:?}");
        assert_eq!(found.len(), usize::from(good.1.contains("10s")), "{good:?}: {found:?}");
    }
    assert_eq!(every("", "every = \"863s\"\n").len(), 1);
    assert_eq!(every("daily_limit = 17279\n", "every = \"10s\"\n").len(), 1);
}
