//! A real cron runs wrapped scripts, a real mail server takes what is told of them.

use crate::support::binary::Home;
use crate::support::cron::Cron;
use crate::support::mail::MailServer;
use crate::support::{need, wait_until};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Each script has a mailbox of its own, so that no two of them share a message: what is expected of it, and its message.
const SCRIPTS: [(&str, &str, &str, &str); 6] = [
    ("healthy", "every = \"1min\"\nmax_runtime = \"20s\"\nmax_slowdown_warning = 20", "crowd", ""),
    ("skipped", "every = \"1min\"\ngrace = \"2s\"", "watch", "overdue: expected at"),
    ("hanging", "every = \"1h\"\nmax_runtime = \"3s\"", "oncall", "running too long: for "),
    ("slow", "every = \"1min\"\nmax_average_runtime = \"200ms\"", "probe", "average runtime too long: "),
    ("failing", "every = \"1min\"", "names", "failed with exit 3 after"),
    ("twice", "every = \"1min\"\nmax_slowdown_warning = 2", "vault", "average runtime doubled: "),
];

const SERVER: &str = "scripts-and-cron";

fn home(mail: &MailServer) -> Home {
    let jobs = SCRIPTS.map(|(name, keys, user, _)| {
        let to = MailServer::address(user);
        format!("[[job.script]]\nname = \"{name}\"\n{keys}\ncontacts = [\"{to}\"]\nremind = \"never\"\n\n")
    });
    Home::new(&format!(
        "[general]\nservername = \"{SERVER}\"\nalertcontact = \"{}\"\n\n[email]\nfrom = \"{}\"\n[email.smtp]\n\
         host = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n\n{}",
        MailServer::address("crowd"),
        MailServer::address("watch"),
        mail.ports.plain,
        jobs.concat()
    ))
}

/// Cron's minutes are seconds; what it starts sees the true time. A pass judges whatever its slot.
fn table(home: &Home, lines: &[(&str, &str)]) -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_checker"));
    let (program, mark) = (program.display(), home.text("hangs"));
    let mut table = vec![
        format!("CHECKER_SETTINGS={}", home.text("settings.cfg")),
        format!("* * * * * root {program} cron --now"),
        // One that hangs is started once.
        format!("* * * * * root test -e {mark} || {{ touch {mark}; exec {program} run hanging -- sleep 600; }}"),
    ];
    table.extend(lines.iter().map(|(name, command)| format!("* * * * * root {program} run {name} -- {command}")));
    table.join("\n")
}

/// The subjects of what we told, by mailbox.
fn told(mail: &MailServer) -> BTreeMap<&'static str, Vec<String>> {
    let subjects = |user| {
        let all = mail.mailbox(user).into_iter().map(|m| m.header("Subject"));
        all.filter(|s| s.contains(SERVER)).collect::<Vec<_>>()
    };
    SCRIPTS.iter().map(|(name, _, user, _)| (*name, subjects(user))).collect()
}

#[test]
fn a_real_cron_and_each_thing_that_is_wrong_is_told_once_by_real_mail() {
    if !need("cron") || !need("faketime") || !need("postfix") {
        return;
    }
    let mail = MailServer::start();
    let home = home(&mail);
    home.run(&["cron"]).silent();
    // As it was: three successes of 200 ms, some hours ago.
    for hour in 3..6 {
        let start = checker::clock::now().wall.minus(Duration::from_secs(24 * 3_600 + hour * 3_600));
        let end = start.plus(Duration::from_millis(200));
        let text = |at: checker_job::Timestamp| jiff::Timestamp::from_microsecond(at.micros()).unwrap().to_string();
        for name in ["healthy", "twice"] {
            home.run(&["script", "record", name, "--started", &text(start), "--completed", &text(end)]).silent();
        }
    }
    let lines = [("healthy", "true"), ("slow", "sleep 0.5"), ("failing", "sh -c 'exit 3'"), ("twice", "sleep 0.45")];
    let with_skipped = [&lines[..], &[("skipped", "true")]].concat();
    let cron = Cron::start_fast(&table(&home, &with_skipped), 60);
    let ran = |name: &str| !super::history(&home, name).is_empty();
    let all = wait_until(Duration::from_secs(20), || SCRIPTS.iter().all(|(name, ..)| ran(name)).then_some(()));
    assert!(all.is_some(), "cron did not run all of them: {}", cron.log());
    // From now on one is not started any more.
    cron.set_table(&table(&home, &lines));
    let expected = |told: &BTreeMap<&str, Vec<String>>| {
        SCRIPTS.iter().all(|(name, .., text)| text.is_empty() || told[name].iter().any(|s| s.contains(text)))
    };
    let done = wait_until(Duration::from_secs(110), || {
        std::thread::sleep(Duration::from_millis(500));
        expected(&told(&mail)).then_some(())
    });
    assert!(done.is_some(), "{:#?}\n{}", told(&mail), home.run(&["status"]).out);
    // Nothing more comes in the seconds after.
    std::thread::sleep(Duration::from_secs(5));
    let told = told(&mail);
    for (name, .., text) in SCRIPTS {
        let subjects = &told[name];
        let once = if text.is_empty() { subjects.is_empty() } else { subjects.len() == 1 };
        assert!(once, "{name}: {subjects:?}");
    }
    // What cron mailed is the output of scripts, and there was none.
    assert_eq!(cron.mails(), Vec::<String>::new());
    println!("{told:#?}");
}
