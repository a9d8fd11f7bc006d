use super::super::table::Value;
use super::*;
use proptest::prelude::*;

/// A line as the newest versions write it.
fn line(name: &str, args: &[&str], rest: &str) -> String {
    let whole = [&[name], args].concat().join("|");
    let (state, failures) = rest.rsplit_once('|').unwrap();
    format!("{}|{state}|{}|{failures}", STANDARD.encode(whole), name.replace('|', "#"))
}

const HTTP: &str = "<class 'jobs.HTTPServerChecker.HTTPServerChecker.ServerChecker'> for https://www.example.com/a?b";
const TCP: &str = "<class 'jobs.TCPServerChecker.TCPServerChecker.ServerChecker'> for name server(ns.example.com:53)";
const TLS: &str = "<class 'TLSCertExpiration.CertChecker'> for www.example.com";

fn one_of(text: &str) -> Remembered {
    let (mut found, left) = read(text);
    assert!(left.is_empty() && found.len() == 1, "{text}: {left:?}");
    found.remove(0)
}

fn table_of(text: &str) -> Table {
    match one_of(text).who {
        Who::Job(table) => table,
        other => panic!("{text}: {other:?}"),
    }
}

fn text(table: &Table, key: &str) -> String {
    match table.get(key) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn all_of_a_failing_job_is_read() {
    let got = one_of(&line(HTTP, &["https://www.example.com/a?b"], "Failing|1600000000.25|1600003600.5|7"));
    assert_eq!((got.line, got.failing, got.failures), (1, true, 7));
    assert_eq!(got.since, Some(Timestamp::from_micros(1_600_000_000_250_000)));
    assert_eq!(got.told, Some(Timestamp::from_micros(1_600_003_600_500_000)));
    assert_eq!(got.name, "https://www.example.com/a?b");
    let never = one_of(&line(HTTP, &["https://www.example.com/a?b"], "Failing|1600000000|0|1"));
    assert_eq!(never.told, None);
}

#[test]
fn each_kind_of_job_becomes_a_table() {
    let http = table_of(&line(HTTP, &["https://www.example.com/a?b"], "Succeeding|0|0|0"));
    assert_eq!((http.kind, text(&http, "url").as_str()), ("http", "https://www.example.com/a?b"));
    assert_eq!((http.get("status"), text(&http, "redirects").as_str()), (Some(&Value::Number(200)), "follow"));
    let args = ["ns.example.com", "53", "name server", "hour", "state_change", "3"];
    let tcp = table_of(&line(TCP, &args, "Succeeding|0|0|0"));
    assert_eq!((tcp.kind, text(&tcp, "address").as_str()), ("tcp", "ns.example.com:53"));
    assert_eq!((text(&tcp, "name").as_str(), text(&tcp, "every").as_str()), ("name server", "hour"));
    assert_eq!(
        (text(&tcp, "notify").as_str(), tcp.get("failure_threshold")),
        ("state_change", Some(&Value::Number(3)))
    );
    assert!(tcp.notes.is_empty(), "all of its rules are known: {:?}", tcp.notes);
    let tls = table_of(&line(TLS, &["www.example.com", "day", "every"], "Succeeding|0|0|0"));
    assert_eq!((tls.kind, text(&tls, "address").as_str()), ("tls", "www.example.com:443"));
    assert_eq!((text(&tls, "every").as_str(), text(&tls, "notify").as_str()), ("day", "every"));
}

#[test]
fn older_lines_have_a_hash_and_no_number() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let got = one_of(&format!("{hash}|Failing|1600000000.0|1600000000.0|{TCP}"));
    assert_eq!((got.failures, got.failing), (1, true), "a failing job has failed once at least");
    let Who::Job(table) = got.who else { panic!("no job") };
    assert_eq!(text(&table, "address"), "ns.example.com:53");
    assert_eq!(one_of(&format!("{hash}|Succeeding|0|0|{TCP}")).failures, 0);
}

#[test]
fn what_checker_does_by_itself_and_what_somebody_wrote_is_told_apart() {
    for name in [
        "<class 'jobs.EmailChecker.EmailChecker'>",
        "<class 'jobs.PeerChecker.PeerChecker.IndividualPeerChecker'> for http://b.example.com:5000",
    ] {
        assert!(matches!(one_of(&line(name, &[], "Succeeding|0|0|0")).who, Who::Own(_)), "{name}");
    }
    let mine = "<class 'jobs.BackupChecker.BackupChecker'>";
    let got = one_of(&line(mine, &[], "Failing|1|1|1"));
    assert_eq!((got.who, got.name.as_str()), (Who::Custom, "jobs.BackupChecker.BackupChecker"));
}

#[test]
fn damaged_lines_are_reported_by_number_and_the_others_are_read() {
    let good = line(HTTP, &["https://www.example.com/a?b"], "Succeeding|0|0|0");
    let id = good.split('|').next().unwrap();
    let bad = [
        "nonsense".to_owned(),
        format!("{id}|Failing|1|1"),
        format!("{id}|Perhaps|1|1|x|1"),
        format!("{id}|Failing|soon|1|x|1"),
        format!("{id}|Failing|1|nan|x|1"),
        format!("{id}|Failing|-5|1|x|1"),
        format!("{id}|Failing|1e300|1|x|1"),
        format!("{id}|Failing|1|1|x|many"),
        format!("{id}|Failing|1|1|x|1|more"),
        "?|Failing|1|1|x|1".to_owned(),
        "0123456789abcdef0123456789abcdef01234567|Failing|1|1|no class|1".to_owned(),
    ];
    for one in &bad {
        let (found, left) = read(&format!("{good}\n\n{one}\n{good}"));
        assert_eq!(found.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 4], "{one}");
        assert_eq!(left.iter().map(|l| l.line).collect::<Vec<_>>(), [3], "{one}");
        assert!(left[0].what.contains(one.as_str()), "the line itself is shown: {left:?}");
    }
}

#[test]
fn of_two_lines_for_one_job_the_one_that_told_counts() {
    let told = line(HTTP, &["https://www.example.com/a?b"], "Failing|1600000000|1600000000|4");
    let well = line(HTTP, &["https://www.example.com/a?b", "hour"], "Succeeding|0|0|0");
    for text in [format!("{told}\n{well}"), format!("{well}\n{told}")] {
        let (jobs, left) = jobs(read(&text).0);
        assert_eq!(jobs.len(), 1);
        assert!(jobs[0].0.failing, "{text}");
        assert!(left.len() == 1 && left[0].line != jobs[0].0.line, "{left:?}");
    }
}

proptest! {
    /// No line vanishes, whatever is in it: each is a job or is listed.
    #[test]
    fn no_line_vanishes(text in "([a-zA-Z0-9+/=|#<>'. :\u{e9}\u{7}-]{0,80}\n){0,12}") {
        let (found, left) = read(&text);
        let mut seen: Vec<usize> = found.iter().map(|r| r.line).chain(left.iter().map(|l| l.line)).collect();
        seen.sort_unstable();
        let there: Vec<usize> = (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty()).map(|(n, _)| n).collect();
        prop_assert_eq!(seen, there);
        let lines = found.len();
        let (tables, others) = jobs(found);
        prop_assert_eq!(tables.len() + others.len(), lines);
    }
}
