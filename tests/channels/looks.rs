//! What people see of channels: `test`, `status`, `check`.

use super::hook::{Hook, Manner};
use super::{SECRET, home, mail_works, mend, target, webhook};

#[test]
fn a_test_goes_through_each_channel_and_says_what_it_answers() {
    let hook = Hook::start(Manner::says("200 OK"));
    let pager = "[[channel.command]]\nname = \"pager\"\ncommand = [\"/bin/false\"]\n\n".to_owned();
    let home = home(&[target("router", ""), webhook("phone", "template = \"slack\""), pager], hook.port);
    mend(&home, "router");
    let status = home.run(&["status"]).ended(0);
    assert!(status.out.contains("channel phone has not been used yet"), "{status:?}");
    let test = home.run(&["test"]).ended(75);
    for words in [
        "message   accepted for you@example.com: ",
        "message   accepted for phone: 200 OK\n",
        "message   NOT ACCEPTED for pager, and taken back: the command \"pager\" failed (exit 1)",
        "ok        router",
    ] {
        assert!(test.out.contains(words), "{words:?} in {test:?}");
    }
    let sent: serde_json::Value = serde_json::from_str(&hook.got()[0].body).expect("JSON");
    assert!(sent["text"].as_str().is_some_and(|t| t.starts_with("[alpha] TEST: ")), "{sent}");
    let status = home.run(&["status"]).ended(0);
    assert!(status.out.contains("channel phone last took a message"), "{status:?}");
    assert!(status.out.contains("CHANNEL pager TAKES NOTHING since"), "{status:?}");
    let json = home.run(&["--json", "status"]).json();
    assert_eq!(
        (&json["channels"][0]["name"], &json["channels"][0]["why"]),
        (&"phone".into(), &serde_json::Value::Null)
    );

    // Mail that is broken keeps nobody from seeing that the phone rings.
    mail_works(&home, false);
    let test = home.run(&["test", "--mail-only"]).ended(75);
    assert!(test.out.contains("mail      NOT SENT") && test.out.contains("accepted for phone"), "{test:?}");
    hook.set(Manner::Says("404 Not Found", String::new(), format!("no {SECRET} here")));
    let test = home.run(&["test", "--mail-only"]).ended(75);
    assert!(test.out.contains("NOT ACCEPTED for phone, and taken back") && test.out.contains("(hidden)"), "{test:?}");
    assert!(!test.out.contains(SECRET) && !test.err.contains(SECRET), "{test:?}");
    super::no_secret_is_written(&home);
}

#[test]
fn settings_with_channels_are_good_and_need_no_mail_contact() {
    let home = home(
        &[
            target("router", "contacts = [\"phone\"]"),
            webhook("phone", ""),
            "[deadman]\nurl = \"https://hc.example.com/x\"\n".to_owned(),
        ],
        1,
    );
    let check = home.run(&["check"]).ended(0);
    assert!(!check.out.contains("warning") && !check.out.contains("does not act"), "{check:?}");
}
