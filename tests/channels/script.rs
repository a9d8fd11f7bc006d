//! The command channel, with real programs.

use super::{home, mend, minute, short, target};
use crate::support::binary::{Home, has_faketime};

/// Keeps what it is given, says something, and ends with the code in the file `exit`.
const PAGER: &str = "#!/bin/sh
{ echo \"args: $*\"; env | grep '^CHECKER_\\|^PATH\\|^SECRET' | sort; echo; cat; echo; echo ----; } >>\"$1/paged\"
echo \"the pager says so\" >&2
exit $(cat \"$1/exit\")
";

fn with_pager() -> Home {
    let channel =
        "[[channel.command]]\nname = \"pager\"\ncommand = [\"/bin/sh\", \"HOME/pager.sh\", \"HOME\", \"a b\"]\n\n";
    let home = home(&[target("router", "contacts = [\"pager\"]"), channel.to_owned()], 1);
    home.write("pager.sh", PAGER);
    home
}

#[test]
fn a_program_gets_the_message_and_its_exit_is_the_answer() {
    if !has_faketime() {
        return;
    }
    let home = with_pager();
    home.write("exit", "75\n");
    home.run_at(minute(0), &["cron"]).ended(75);
    let status = home.run_at(minute(0), &["status"]).out;
    assert!(status.contains("CHANNEL pager TAKES NOTHING") && status.contains("(exit 75)"), "{status}");
    assert!(
        status.contains("kept for pager: [alpha] DOWN: router") && status.contains("the pager says so"),
        "{status}"
    );
    home.write("exit", "1\n");
    home.run_at(minute(2), &["cron"]).ended(75);
    assert!(home.run_at(minute(2), &["status"]).out.contains("kept for pager"), "an unknown code gives nothing up");
    home.write("exit", "0\n");
    home.run_at(minute(8), &["cron"]).silent();
    let paged = home.read("paged");
    let parts: Vec<&str> = paged.split("----\n").filter(|p| !p.is_empty()).collect();
    assert_eq!(parts.len(), 3, "{paged}");
    assert_eq!(parts[0], parts[2], "the same message, with the same Message-ID");
    let first = parts[0];
    for words in [
        format!("args: {} a b\n", home.text("")).replace("/ a b", " a b"),
        "CHECKER_RECIPIENT=pager\n".to_owned(),
        "CHECKER_SUBJECT=[alpha] DOWN: router".to_owned(),
        "CHECKER_URGENT=1\n".to_owned(),
        "\n\n[alpha] DOWN: router".to_owned(),
        "Checker on alpha".to_owned(),
    ] {
        assert!(first.contains(&words), "{words:?} in {first}");
    }
    let id = first.split("CHECKER_MESSAGE_ID=").nth(1).and_then(|t| t.lines().next()).expect("a Message-ID");
    assert_eq!(home.count(&format!("SELECT count(*) FROM delivery WHERE message_id = '<{id}>'")), 1);
    mend(&home, "router");
    home.run_at(minute(9), &["cron"]).silent();
    assert!(home.read("paged").contains("CHECKER_URGENT=0\n") && home.read("paged").contains("UP: router"));
}

#[test]
fn a_refusal_is_told_elsewhere_and_a_missing_or_hanging_program_is_tried_again() {
    if !has_faketime() {
        return;
    }
    let home = with_pager();
    home.write("exit", "65\n");
    home.run_at(minute(0), &["cron"]).ended(75);
    home.run_at(minute(1), &["cron"]).ended(75);
    assert_eq!(home.subjects().iter().map(|s| short(s)).collect::<Vec<_>>(), ["DOWN: router"], "the general contact");
    let status = home.run_at(minute(1), &["status"]).out;
    assert!(status.contains("refused for pager") && status.contains("(exit 65)"), "{status}");

    for (script, words) in [("#!/bin/sh\nsleep 60 & sleep 60\n", "did not end within"), ("", "there is no program")] {
        let command = if script.is_empty() { "\"/no/such/pager\"" } else { "\"/bin/sh\", \"HOME/pager.sh\"" };
        let channel = format!("[[channel.command]]\nname = \"pager\"\ncommand = [{command}]\ntimeout = \"1s\"\n\n");
        let home = super::home(&[target("router", "contacts = [\"pager\"]"), channel], 1);
        home.write("pager.sh", script);
        home.run_at(minute(0), &["cron"]).ended(75);
        let status = home.run_at(minute(0), &["status"]).out;
        assert!(status.contains("kept for pager") && status.contains(words), "{status}");
    }
}
