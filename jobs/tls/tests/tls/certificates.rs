//! Certificates of every sort, judged at every time.

use crate::authority::{Authority, NINETY, Wanted, openssl};
use crate::server::{Server, day, run, run_all, table};
use checker_job::Verdict;

#[test]
fn a_good_certificate_says_how_long_it_is_good_and_for_what() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let outcome = run(&table(&authority, server.at, ""), day(10, 1, 0));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert_eq!(outcome.summary, "certificate of server is good for another 60 d, until 2026-11-30");
    let lines: Vec<&str> = outcome.detail.lines().collect();
    let own = "\"server\" (for www.example.test, example.test), from \"middle\": 2026-09-01 to 2026-11-30, SHA-256 ";
    assert!(lines[0].starts_with(own), "{lines:?}");
    assert!(lines[1].starts_with("\"middle\", from \"root\": 2020-01-01 to 2030-01-01, SHA-256 "), "{lines:?}");
    let [days, time] = outcome.metrics.as_slice() else { panic!("{outcome:?}") };
    assert!(&*days.label == "days" && (days.value - 60.0).abs() < 0.01, "{days:?}");
    assert_eq!((days.warning.as_deref(), days.critical.as_deref()), (Some("21:"), Some("7:")));
    assert_eq!((&*time.label, &*time.unit), ("time", "s"));
}

#[test]
fn each_time_of_its_life_has_its_sentence() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let table = table(&authority, server.at, "");
    for (now, verdict, sentence) in [
        (
            day(8, 31, 12),
            Verdict::Failed,
            "certificate not yet valid: it starts on 2026-09-01 (or the clock of this host is wrong)",
        ),
        (day(9, 1, 0), Verdict::Ok, "certificate of server is good for another 90 d, until 2026-11-30"),
        (day(11, 8, 23), Verdict::Ok, "certificate of server is good for another 21 d, until 2026-11-30"),
        (day(11, 9, 1), Verdict::Warning, "certificate expires in 20 d, on 2026-11-30"),
        (day(11, 23, 1), Verdict::Failed, "certificate expires in 6 d, on 2026-11-30"),
        (day(11, 29, 1), Verdict::Failed, "certificate expires in 23 h, on 2026-11-30"),
        (day(12, 3, 1), Verdict::Failed, "certificate expired 3 d ago, on 2026-11-30"),
    ] {
        let outcome = run(&table, now);
        assert_eq!((outcome.verdict, &*outcome.summary), (verdict, sentence));
    }
}

#[test]
fn one_that_lives_for_days_is_judged_by_its_life() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "short", by: "middle", days: ("2026-10-01", "2026-10-07"), ..NINETY });
    let server = Server::start(&authority, "short", Some("middle"), &[]);
    let usual = table(&authority, server.at, "");
    for (now, verdict) in [
        (day(10, 1, 1), Verdict::Ok),
        (day(10, 5, 11), Verdict::Ok),
        (day(10, 5, 13), Verdict::Warning),
        (day(10, 6, 9), Verdict::Warning),
        (day(10, 6, 10), Verdict::Failed),
    ] {
        let outcome = run(&usual, now);
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    }
    let own = table(&authority, server.at, "warning = \"90%\"\ncritical = \"1h\"\n");
    let outcome = run(&own, day(10, 1, 20));
    assert_eq!((outcome.verdict, &*outcome.summary), (Verdict::Warning, "certificate expires in 5 d, on 2026-10-07"));
    assert_eq!(run(&own, day(10, 1, 1)).verdict, Verdict::Ok);
    assert_eq!(run(&own, day(10, 6, 22)).verdict, Verdict::Warning);
}

#[test]
fn one_that_it_depends_on_may_end_first() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "brief", by: "root", hosts: None, days: ("2026-01-01", "2026-10-10") });
    authority.issue(&Wanted { name: "leaf", by: "brief", ..NINETY });
    let server = Server::start(&authority, "leaf", Some("brief"), &[]);
    let table = table(&authority, server.at, "");
    let brief = "certificate of the authority \"brief\", which it depends on,";
    let brief_ends = "(when that of the authority \"brief\" ends)";
    for (now, verdict, sentence) in [
        (
            day(9, 2, 0),
            Verdict::Ok,
            format!("certificate of leaf is good for another 38 d, until 2026-10-10 {brief_ends}"),
        ),
        (day(10, 1, 0), Verdict::Warning, format!("{brief} expires in 9 d, on 2026-10-10")),
        (day(10, 12, 1), Verdict::Failed, format!("{brief} expired 2 d 1 h ago, on 2026-10-10")),
        (
            day(12, 3, 1),
            Verdict::Failed,
            format!("certificate expired 3 d ago, on 2026-11-30; {brief} expired 54 d ago, on 2026-10-10"),
        ),
    ] {
        let outcome = run(&table, now);
        assert_eq!((outcome.verdict, outcome.summary), (verdict, sentence));
        let left = f64::from(i32::try_from(day(10, 10, 0).secs() - now.secs()).unwrap()) / 86_400.0;
        assert!((outcome.metrics[0].value - left).abs() < 0.01, "{:?}", outcome.metrics);
    }
    let chain = run(&format!("{table}judge = \"chain\"\n"), day(10, 12, 1));
    assert_eq!(
        (chain.verdict, chain.summary),
        (Verdict::Failed, format!("{brief} expired 2 d 1 h ago, on 2026-10-10")),
        "nobody vouches any more"
    );
}

#[test]
fn of_several_that_it_depends_on_the_first_to_end_is_named() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let (sooner, later) = (("2026-01-01", "2026-10-10"), ("2026-01-01", "2026-10-15"));
    for (upper, lower, days) in [("u1", "l1", (sooner, later)), ("u2", "l2", (later, sooner))] {
        authority.issue(&Wanted { name: upper, by: "root", hosts: None, days: days.0 });
        authority.issue(&Wanted { name: lower, by: upper, hosts: None, days: days.1 });
        authority.issue(&Wanted { name: "leaf", by: lower, ..NINETY });
        authority.join(&[lower, upper], "chain");
        let server = Server::start(&authority, "leaf", Some("chain"), &[]);
        let outcome = run(&table(&authority, server.at, ""), day(10, 1, 0));
        assert!(outcome.summary.ends_with(", which it depends on, expires in 9 d, on 2026-10-10"), "{outcome:?}");
    }
}

#[test]
fn an_authority_of_another_time_is_named() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let now = day(10, 1, 0);
    let shows = |name: &str, by: &str, days: (&str, &str)| {
        authority.issue(&Wanted { name, by, hosts: None, days: (days.0, days.1) });
        let leaf = format!("of-{name}");
        authority.issue(&Wanted { name: &leaf, by: name, ..NINETY });
        let server = Server::start(&authority, &leaf, Some(name), &[]);
        let outcome = run(&table(&authority, server.at, ""), now);
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        outcome.summary
    };
    let named = |name: &str| format!("certificate of the authority \"{name}\", which it depends on,");
    assert_eq!(
        shows("old", "root", ("2026-01-01", "2026-08-01")),
        format!("{} expired 61 d ago, on 2026-08-01", named("old")),
        "it had ended before ours began"
    );
    let coming = "is not yet valid: it starts on 2026-11-01 (or the clock of this host is wrong)";
    assert_eq!(shows("new", "root", ("2026-11-01", "2030-01-01")), format!("{} {coming}", named("new")));
    authority.issue(&Wanted { name: "foreign", by: "foreign", hosts: None, days: ("2020-01-01", "2030-01-01") });
    let both = shows("lost", "foreign", ("2026-01-01", "2026-09-20"));
    let expired = format!("{} expired 11 d ago, on 2026-09-20; certificate is signed by an unknown", named("lost"));
    assert!(both.starts_with(&expired), "{both}");
}

#[test]
fn one_that_nobody_needs_may_end() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    // `middle` again, with the same key, by an authority that is not trusted: a cross-signature that has had its day.
    authority.issue(&Wanted { name: "former", by: "former", hosts: None, days: ("2020-01-01", "2026-09-15") });
    authority.sign_again("middle", "crossed", "former", ("2020-01-01", "2026-09-15"));
    authority.join(&["crossed", "middle"], "chain");
    let server = Server::start(&authority, "server", Some("chain"), &[]);
    let outcome = run(&table(&authority, server.at, ""), day(10, 1, 0));
    assert_eq!(outcome.summary, "certificate of server is good for another 60 d, until 2026-11-30", "{outcome:?}");
    assert_eq!(outcome.detail.lines().count(), 3);
}

#[test]
fn the_own_authority_may_end_first() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "house", by: "house", hosts: None, days: ("2020-01-01", "2026-10-10") });
    authority.issue(&Wanted { name: "inside", by: "house", ..NINETY });
    let server = Server::start(&authority, "inside", None, &[]);
    let table = table(&authority, server.at, "").replace("root.pem", "house.pem");
    let house = "certificate of the authority \"house\", which it depends on,";
    for (now, verdict, sentence) in [
        (day(10, 1, 0), Verdict::Warning, format!("{house} expires in 9 d, on 2026-10-10")),
        (day(10, 12, 1), Verdict::Failed, format!("{house} expired 2 d 1 h ago, on 2026-10-10")),
    ] {
        let outcome = run(&table, now);
        assert_eq!((outcome.verdict, outcome.summary), (verdict, sentence));
    }
}

#[test]
fn of_several_own_authorities_the_last_that_vouches_counts() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    // `house` again, with the same key, twice.
    authority.issue(&Wanted { name: "house", by: "house", hosts: None, days: ("2020-01-01", "2026-10-10") });
    authority.sign_again("house", "renewed", "house", ("2020-01-01", "2026-10-15"));
    authority.sign_again("house", "lasting", "house", ("2020-01-01", "2040-01-01"));
    authority.issue(&Wanted { name: "inside", by: "house", ..NINETY });
    let server = Server::start(&authority, "inside", None, &[]);
    let well = "certificate of inside is good for another 60 d, until 2026-11-30";
    let house = "certificate of the authority \"house\", which it depends on, expires in 14 d, on 2026-10-15";
    for (trusted, sentence) in [
        (&["house", "lasting"][..], well),
        (&["root", "house", "lasting", "renewed"], well),
        (&["house", "renewed"], house),
        (&["renewed", "house", "root"], house),
    ] {
        authority.join(trusted, "trusted");
        let table = table(&authority, server.at, "").replace("root.pem", "trusted.pem");
        assert_eq!(run(&table, day(10, 1, 0)).summary, sentence, "{trusted:?}");
    }
}

#[test]
fn each_table_trusts_its_own_authorities_alone() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "house", by: "house", hosts: None, days: ("2020-01-01", "2040-01-01") });
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let knows = table(&authority, server.at, "");
    let stranger = knows.replace("root.pem", "house.pem");
    for (tables, verdicts) in [
        ([&*knows, &*stranger], [Verdict::Ok, Verdict::Failed]),
        ([&*stranger, &*knows], [Verdict::Failed, Verdict::Ok]),
    ] {
        let outcomes = run_all(&tables, day(10, 1, 0));
        assert_eq!(outcomes.iter().map(|o| o.verdict).collect::<Vec<_>>(), verdicts, "{outcomes:?}");
    }
}

#[test]
fn the_host_is_asked_for_by_its_name() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "usual", by: "root", hosts: Some("DNS:usual.example.test"), ..NINETY });
    let (certificate, key) = ["server.pem", "server.key"].map(|f| authority.file(f).display().to_string()).into();
    let (middle, cert2, key2) = (authority.file("middle.pem").display().to_string(), certificate, key);
    let by_name = ["-servername", "www.example.test", "-cert2", &cert2, "-key2", &key2, "-CAfile", &middle];
    let server = Server::start(&authority, "usual", Some("middle"), &by_name);
    let table = table(&authority, server.at, "judge = [\"expiry\", \"host\"]\n");
    let asked = run(&table, day(10, 1, 0)).summary;
    assert_eq!(asked, "certificate of server is good for another 60 d, until 2026-11-30");
    let usual = run(&table.replace("www.example.test", "usual.example.test"), day(10, 1, 0)).summary;
    assert_eq!(usual, "certificate of usual is good for another 60 d, until 2026-11-30");
}

#[test]
fn names_in_a_certificate_do_not_fill_the_line_nor_break_it() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let name = format!("a\u{1b}[31m{}", "x".repeat(58));
    let long = format!("{}.example.test", "h".repeat(63));
    let hosts = format!("DNS:www.example.test,DNS:{long},DNS:c.test,DNS:d.test,DNS:e.test,DNS:f.test,DNS:g.test");
    authority.issue(&Wanted { name: &name, by: "root", hosts: Some(&hosts), ..NINETY });
    let server = Server::start(&authority, &name, None, &[]);
    let outcome = run(&table(&authority, server.at, ""), day(10, 1, 0));
    let shown = format!("a[31m{}", "x".repeat(54));
    assert_eq!(outcome.summary, format!("certificate of {shown} is good for another 60 d, until 2026-11-30"));
    let h = "h".repeat(60);
    let line = format!("\"{shown}\" (for www.example.test, {h}, c.test, d.test, e.test and 2 more), from \"root\": ");
    assert!(outcome.detail.starts_with(&line), "{}", outcome.detail);
}

/// Run by the test below in a process of its own, because it needs another environment.
#[test]
#[ignore = "started by without_ca_certificates_on_this_host_nothing_is_said_of_the_target"]
fn child_without_ca_certificates() {
    let authority = Authority::new();
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let table = format!("address = \"{}\"\nserver_name = \"www.example.test\"\n", server.at);
    let hindered = run(&table, day(10, 1, 0));
    let cause = Some("no system CA certificates");
    assert_eq!((hindered.verdict, hindered.cause.as_deref()), (Verdict::Unknown, cause), "{hindered:?}");
    assert!(hindered.summary.contains("install the package ca-certificates"), "{hindered:?}");
    let old = run(&table, day(12, 3, 1));
    assert_eq!((old.verdict, old.cause.as_deref()), (Verdict::Failed, None), "{old:?}");
    assert!(old.summary.starts_with("certificate expired 3 d ago, on 2026-11-30; this host has no CA"), "{old:?}");
    assert_eq!(run(&format!("{table}judge = [\"expiry\", \"host\"]\n"), day(10, 1, 0)).verdict, Verdict::Ok);
}

#[test]
fn without_ca_certificates_on_this_host_nothing_is_said_of_the_target() {
    if openssl().is_none() {
        return;
    }
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "certificates::child_without_ca_certificates"])
        .env("SSL_CERT_FILE", "/nonexistent/ca.pem")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn chain_and_host_are_judged_apart_from_expiry_and_said_together() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let bare = Server::start(&authority, "server", None, &[]);
    let now = day(10, 1, 0);
    let chain = run(&table(&authority, bare.at, ""), now);
    assert_eq!(chain.verdict, Verdict::Failed);
    assert!(chain.summary.starts_with("certificate is signed by an unknown authority"), "{}", chain.summary);
    assert!(chain.summary.contains("does not send its intermediate certificates"), "{}", chain.summary);
    let elsewhere = table(&authority, bare.at, "").replace("www.example.test", "mail.example.test");
    let all = run(&elsewhere, day(12, 3, 0)).summary;
    assert!(
        all.starts_with("certificate expired 3 d ago, on 2026-11-30; certificate is signed by an unknown"),
        "{all}"
    );
    assert!(all.ends_with("; certificate is for www.example.test, example.test, not for mail.example.test"), "{all}");
    let only = |what: &str, now| run(&format!("{elsewhere}judge = {what}\n"), now);
    assert_eq!(only("\"expiry\"", now).verdict, Verdict::Ok);
    assert!(only("[\"expiry\", \"host\"]", now).summary.starts_with("certificate is for www"));
    let chain = only("[\"chain\"]", day(12, 3, 0)).summary;
    assert!(chain.starts_with("certificate is signed by") && !chain.contains("expired"), "{chain}");
    let whole = Server::start(&authority, "server", Some("middle"), &[]);
    let only = |what: &str| run(&format!("{}judge = {what}\n", table(&authority, whole.at, "")), day(12, 3, 0)).summary;
    assert_eq!(only("\"chain\""), "certificate of server is vouched for by \"middle\"");
    assert_eq!(only("\"host\""), "certificate of server is for www.example.test");
    let both = "certificate of server is vouched for by \"middle\" and is for www.example.test";
    assert_eq!(only("[\"host\", \"chain\"]"), both, "nothing is said of what is not judged");
}

#[test]
fn a_server_that_vouches_for_itself_is_trusted_where_the_settings_name_it() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "self", by: "self", ..NINETY });
    let server = Server::start(&authority, "self", None, &[]);
    let now = day(10, 1, 0);
    let stranger = run(&table(&authority, server.at, ""), now);
    assert!(stranger.summary.starts_with("certificate is signed by an unknown authority"), "{}", stranger.summary);
    let named = table(&authority, server.at, "").replace("root.pem", "self.pem");
    assert_eq!(run(&named, now).verdict, Verdict::Ok);
    assert_eq!(run(&named, day(12, 3, 0)).verdict, Verdict::Failed, "it ends all the same");
    let server = Server::start(&authority, "server", None, &[]);
    let named = table(&authority, server.at, "").replace("root.pem", "server.pem");
    assert_eq!(run(&named, now).verdict, Verdict::Ok, "whoever has signed it");
}

#[test]
fn the_address_itself_may_be_the_host() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "number", by: "root", hosts: Some("IP:127.0.0.1"), ..NINETY });
    let server = Server::start(&authority, "number", None, &[]);
    let root = authority.file("root.pem");
    let outcome = run(&format!("address = \"{}\"\nca_file = {root:?}\n", server.at), day(10, 1, 0));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}
