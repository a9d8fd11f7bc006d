//! From Gatus: a configuration becomes a file of jobs that the program runs.

use super::empty;
use crate::support::binary::{Done, Home, done, usual};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

fn run(home: &Home, words: &[&str]) -> Done {
    done(&home.bare(words).env("KEY", "a%20value").output().unwrap())
}

#[test]
fn endpoints_become_an_included_file_whose_jobs_run() {
    let home = empty();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let [gone] = crate::support::free_ports();
    home.write(
        "config.yaml",
        &format!(
            "storage: {{type: memory}}\nendpoints:\n  - name: up\n    url: tcp://127.0.0.1:{port}\n    conditions: [\"[CONNECTED] == true\"]\n  \
             - name: down\n    group: core\n    url: tcp://127.0.0.1:{gone}\n    alerts: [{{type: email, failure-threshold: 1}}]\n  \
             - name: deep\n    url: udp://127.0.0.1:53\n  - name: odd\n    url: \"http://a.example.com/$KEY$NOT_SET\"\n    \
             body: with GET\n"
        ),
    );
    std::fs::create_dir(home.path("settings.d")).unwrap();
    let made = run(&home, &["import", "gatus", "config.yaml", "-o", "settings.d/gatus.cfg"]).ended(0);
    assert!(made.out.contains("Written: settings.d/gatus.cfg\n2 jobs; "), "{made:?}");
    assert_eq!(home.path("settings.d/gatus.cfg").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = home.read("settings.d/gatus.cfg");
    for words in [
        "# line 1: storage is not taken over",
        "deep: \"udp://127.0.0.1:53\" is nothing",
        "a job that cannot be used: \"body\": a body goes with POST",
        "# body = \"with GET\"",
        "$KEY was replaced",
        "$NOT_SET is not set here",
    ] {
        let words = words.replacen("# line", "#   line", 1);
        assert!(text.contains(&words), "{words}\n{text}");
    }
    assert!(made.err.contains("checker: config.yaml: line 1: storage is not taken over"), "{made:?}");

    let around = usual("").replace("alertcontact", "include = [\"settings.d/*.cfg\"]\nalertcontact");
    home.settings(&around);
    let judged = home.run(&["check"]).ended(0);
    assert!(judged.out.contains("the settings are good: 2 jobs"), "{judged:?}");
    home.run(&["cron", "--now"]).silent();
    let subjects = home.subjects();
    assert!(subjects.len() == 1 && subjects[0].contains("DOWN: down"), "{subjects:?}");

    let again = run(&home, &["import", "gatus", "config.yaml", "-o", "settings.d/gatus.cfg"]).ended(73);
    assert!(again.err.contains("nothing is written over"), "{again:?}");
    assert_eq!(home.read("settings.d/gatus.cfg"), text);
}

#[test]
fn what_is_no_configuration_is_told() {
    let home = empty();
    for (text, words) in
        [("a: [1\n", "config.yaml: line"), ("- x: y\n", "config.yaml: it is no map"), ("a: &a [*a]\n", "the alias")]
    {
        home.write("config.yaml", text);
        let refused = run(&home, &["import", "gatus", "config.yaml"]).ended(64);
        assert!(refused.err.contains(words) && refused.out.is_empty(), "{text}: {refused:?}");
    }
    home.write("config.yaml", "endpoints:\n  - {name: a, url: \"https://a.example.com\"}\n");
    let json = run(&home, &["import", "gatus", "config.yaml", "--json"]).ended(0).json();
    assert_eq!((&json["jobs"], json["left"].as_array().unwrap().len()), (&serde_json::json!(1), 0), "{json}");
    run(&home, &["import", "gatus", "missing.yaml"]).ended(74);
}
