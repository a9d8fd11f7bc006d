//! Planted secrets: wherever one may stand, no report and no `Debug` shows it.

use super::{PLANTED, folder, judged, kinds};
use checker::settings::{Env, load_text};
use std::path::Path;

#[test]
fn settings_that_load_do_not_show_their_secrets() {
    let dir = folder(
        "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n[email]\nfrom = \"a@example.com\"\n\
         [email.smtp]\nhost = \"h\"\nuser = \"a\"\npass = \"hunter2-mail\"\n\
         [canary]\nvia = \"imap\"\nhost = \"h\"\nuser = \"a\"\npass = \"hunter2-imap\"\n\
         [deadman]\nurl = \"https://hc.example.com/hunter2-ping\"\n\
         [[channel.webhook]]\nname = \"phone\"\nurl = \"https://ntfy.example.com/hunter2-topic\"\n\
         [[job.tcp]]\naddress = \"a:1\"\ntoken = \"hunter2-token\"\n",
    );
    let (settings, report) = judged(&dir).unwrap_or_else(|r| panic!("{r}"));
    let shown = format!("{settings:?} {settings:#?} {report:?} {report} {}", report.to_json());
    assert!(!shown.contains(PLANTED), "{shown}");
    assert_eq!(shown.matches("Secret(hidden)").count(), 8, "the secrets are there, hidden");
}

/// For every form of a secret, a problem on its very line.
#[test]
fn a_problem_on_the_line_of_a_secret_hides_it() {
    let head = "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n";
    let smtp = "[email]\nfrom = \"a@example.com\"\n[email.smtp]\nhost = \"h\"\nuser = \"a\"\n";
    let job = "[email]\ntransport = \"file\"\n[[job.tcp]]\naddress = \"a:1\"\n";
    let cases = [
        format!("{smtp}pass = [\"hunter2-a\"]\n"),
        format!("{smtp}pass = \"\"\"\nhunter2-a\nhunter2-b\n\"\"\"\n"),
        format!("{smtp}pass = hunter2-a\n"),
        format!("{smtp}pass: hunter2-a\n"),
        format!("{smtp}pass = \"hunter2-a\" hunter2-b\n"),
        format!("{smtp}pass = \"hunter2-a\\q\"\n"),
        format!("{smtp}passwort = \"hunter2-a\"\n"),
        format!("{smtp}pasword = \"hunter2-a\"\n"),
        format!("{smtp}secret = \"hunter2-a\"\n"),
        "[email]\nfrom = \"a@example.com\"\nsmtp = { host = 7, user = \"a\", pass = \"hunter2-a\" }\n".to_owned(),
        "[email]\nfrom = \"a@example.com\"\nsmtp = { user = \"a\", pass = \"hunter2-a\", host = 7 }\n".to_owned(),
        format!("{job}token = 5 # was hunter2-a\n"),
        format!("{job}token = [\n  \"hunter2-a\",\n  7,\n  \"hunter2-b\",\n]\n"),
        format!("{job}headers = {{ \"X-Api-Key\" = \"hunter2-a\", b = 7 }}\n"),
        format!("{job}api_token = \"hunter2-a\"\n"),
        format!("{job}mode = \"hunter2-a\"\ntoken = \"hunter2-a\"\n"),
        format!("{job}address = \"http://me:hunter2-a@host/\"\n"),
        format!("{job}url = \"https://me:hunter2-a@host/\"\n"),
        format!("{job}[deadman]\nurl = \"ftp://hc.example.com/hunter2-a\"\n"),
        format!("{job}[[channel.webhook]]\nname = \"x\"\nurl = \"hunter2-a\"\n"),
        format!("{job}[[peer]]\nname = \"x\"\nurl = \"http://b\"\nadmin = \"b@example.com\"\nkey = \"hunter2-a\"\n"),
    ];
    for case in cases {
        let text = format!("{head}{case}");
        let report = load_text(Path::new("/x/settings.cfg"), &text, &kinds::registry(), &Env::bare("/"))
            .err()
            .unwrap_or_else(|| panic!("accepted:\n{text}"));
        for shown in [report.render(), report.to_json().to_string(), format!("{report:?}")] {
            assert!(!shown.contains(PLANTED), "{text}\n{shown}");
        }
    }
}
