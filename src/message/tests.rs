//! Whole messages, as they stand in `examples.txt`. A change of wording is a change of that file.

use super::text::WIDTH;
use super::{Facts, Rendered, digest, single};
use crate::decide::{Alert, AlertId, AlertKind, Recipient};
use checker_job::{JobId, Timestamp, Verdict};
use jiff::tz::TimeZone;
use std::sync::LazyLock;
use std::time::Duration;

const EXAMPLES: &str = include_str!("examples.txt");

/// Sunday 1 March 2026, 10:30 in Berlin.
const NOW: Timestamp = Timestamp::from_secs(1_772_357_400);

fn ago(minutes: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(minutes * 60))
}

static BERLIN: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Berlin").unwrap());

fn facts() -> Facts<'static> {
    Facts { servername: "alpha", zone: &BERLIN, now: NOW, command: "checker" }
}

/// An alert of the job `name`, which has failed for a quarter of an hour.
fn alert(kind: AlertKind, name: &str, subject: &str, body: &str) -> Alert {
    let verdict = match kind {
        AlertKind::Recovery | AlertKind::JudgedAgain | AlertKind::SteadyGood => Verdict::Ok,
        AlertKind::CannotJudge | AlertKind::StillCannotJudge => Verdict::Unknown,
        AlertKind::Better => Verdict::Warning,
        _ => Verdict::Failed,
    };
    Alert {
        id: AlertId { job: JobId::literal(name), episode: 1, step: 0 },
        kind,
        verdict,
        at: ago(1),
        since: ago(15),
        failures: 3,
        name: name.to_owned(),
        host: None,
        cause: None,
        subject: subject.to_owned(),
        body: body.to_owned(),
        note: None,
        recipients: vec![Recipient("admin@example.com".to_owned())],
    }
}

const PHASES: &str = "resolve 2 ms\nconnect 14 ms\nTLS 31 ms\nfirst byte 212 ms: HTTP/1.1 502 Bad Gateway";

fn down(name: &str) -> Alert {
    alert(AlertKind::Down, name, &format!("DOWN: {name}: status 502"), PHASES)
}

fn on(host: &str, mut alert: Alert) -> Alert {
    alert.host = Some(host.to_owned());
    alert
}

fn blind(name: &str, cause: &str) -> Alert {
    let mut alert = alert(AlertKind::CannotJudge, name, &format!("CANNOT JUDGE: {name}: {cause}"), "");
    alert.cause = Some(cause.to_owned());
    alert
}

fn up(name: &str) -> Alert {
    alert(AlertKind::Recovery, name, &format!("UP: {name}: status 200 (was down 14 min)"), "first byte 41 ms")
}

fn singles() -> Vec<(&'static str, Vec<Alert>)> {
    let mut noted = on("www1", down("web"));
    noted.note =
        Some("Call Ms. Example, +49 30 1234567, between eight and six; at night restart the service.".to_owned());
    let mut warning = alert(AlertKind::Down, "disk", "WARNING: disk: 91 % used", "");
    (warning.verdict, warning.failures, warning.since) = (Verdict::Warning, 1, ago(3 * 24 * 60));
    let later = alert(AlertKind::Reminder, "web", "STILL DOWN: web: timed out after 10 s", "connect 14 ms");
    let mut flapping = alert(AlertKind::Flapping, "link", "FLAPPING: link: 5 changes within an hour", "");
    flapping.failures = 5;
    let mut steady = alert(AlertKind::SteadyGood, "link", "STEADY: link: 3 ms", "");
    steady.failures = 9;
    let mut steady_bad = alert(AlertKind::SteadyBad, "link", "DOWN: link: refused", "");
    steady_bad.failures = 9;
    vec![
        ("down", vec![noted]),
        ("a warning, seen once", vec![warning]),
        ("worse", vec![alert(AlertKind::Worse, "disk", "DOWN: disk: 100 % used", "")]),
        ("better", vec![alert(AlertKind::Better, "disk", "WARNING: disk: 91 % used", "")]),
        ("a reminder", vec![later.clone()]),
        ("down and a reminder, both untold", vec![down("web"), later]),
        ("recovery", vec![up("web")]),
        ("down and recovery, both untold", vec![down("web"), up("web")]),
        ("cannot be judged", vec![blind("web", "the program \"check_http\" is missing")]),
        (
            "still cannot be judged",
            vec![alert(AlertKind::StillCannotJudge, "raid", "STILL CANNOT JUDGE: raid: exit 3", "no permission")],
        ),
        ("judged again", vec![alert(AlertKind::JudgedAgain, "raid", "JUDGED AGAIN: raid: optimal", "")]),
        ("flapping", vec![flapping]),
        ("steady and well", vec![steady]),
        ("steady and failing", vec![steady_bad]),
        ("closed", vec![alert(AlertKind::Closed, "old web", "NO LONGER WATCHED: old web", "")]),
    ]
}

fn digests() -> Vec<(&'static str, Vec<Vec<Alert>>)> {
    let names = ["dns", "imap", "ldap", "ping", "smtp", "ssh", "web"];
    let host: Vec<Vec<Alert>> = names.map(|name| vec![on("db1", down(name))]).into();
    let mut mixed = vec![
        vec![on("www1", down("web")), on("www1", alert(AlertKind::Reminder, "web", "STILL DOWN: web: timed out", ""))],
        vec![on("db1", down("sql"))],
        vec![down("router")],
        vec![on("www1", up("cache"))],
        vec![down("mail queue"), up("mail queue")],
        vec![blind("raid", "no memory for another process")],
        vec![blind("disk", "no memory for another process")],
        vec![alert(AlertKind::Closed, "old web", "NO LONGER WATCHED: old web", "")],
    ];
    mixed[1][0].since = ago(26 * 60);
    for alert in mixed.iter_mut().take(2).flatten() {
        alert.note = Some("Call the night shift: 4711".to_owned());
    }
    let causes =
        (0..20).map(|n| vec![blind(&format!("shop {n} of the chain"), "this host has no route to the internet")]);
    vec![
        ("seven jobs of one host", host),
        ("everything at once", mixed),
        ("one cause hinders many", causes.collect()),
        ("a host comes back", vec![vec![on("db1", up("sql"))], vec![on("db1", up("backup"))]]),
        (
            "reminders",
            vec![
                vec![alert(AlertKind::Reminder, "a", "STILL DOWN: a: refused", "")],
                vec![alert(AlertKind::Reminder, "b", "STILL DOWN: b: refused", "")],
            ],
        ),
    ]
}

fn all() -> Vec<(&'static str, Rendered)> {
    let singles = singles().into_iter().map(|(title, alerts)| (title, single(&facts(), &alerts)));
    let digests = digests().into_iter().map(|(title, groups)| (title, digest(&facts(), &groups)));
    singles.chain(digests).collect()
}

fn shown(title: &str, message: &Rendered) -> String {
    format!("========== {title}\nSubject: {}\n\n{}", message.subject, message.body)
}

#[test]
fn a_peer_was_bad_more_often_than_its_count_knows() {
    for kind in [AlertKind::Down, AlertKind::Reminder, AlertKind::Recovery, AlertKind::Closed] {
        let mut of_peer = alert(kind, "beta", "SILENT: beta: beta does not answer", "");
        of_peer.id.job = JobId::literal("peer:beta");
        let said = |alert: Alert| single(&facts(), &[alert]).body.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = said(of_peer.clone());
        assert!(!told.contains("bad result"), "{kind:?}: {told}");
        of_peer.id.job = JobId::literal("beta");
        assert!(said(of_peer).contains("3 bad results"), "{kind:?}");
    }
    let mut of_peer = alert(AlertKind::Down, "beta", "SILENT: beta: beta does not answer", "");
    of_peer.id.job = JobId::literal("peer:beta");
    let body = single(&facts(), &[of_peer]).body;
    assert!(body.contains("It has been failing since Sun 2026-03-01 10:15 CET, for 15 min.\n"), "{body}");
}

#[test]
fn messages_are_as_in_the_examples() {
    let mut whole = String::new();
    for (title, message) in all() {
        let text = shown(title, &message);
        let start = EXAMPLES.find(&format!("========== {title}\n"));
        let example = start.and_then(|at| EXAMPLES.get(at..)).unwrap_or_default();
        let end = example.match_indices("\n==========").next().map_or(example.len(), |(at, _)| at + 1);
        assert_eq!(text, example.get(..end).unwrap_or_default(), "the new text:\n{text}");
        whole.push_str(&text);
    }
    assert_eq!(whole, EXAMPLES, "examples that no test makes");
}

#[test]
fn every_kind_of_alert_has_an_example() {
    let told: Vec<AlertKind> = singles().into_iter().flat_map(|(_, alerts)| alerts).map(|alert| alert.kind).collect();
    for kind in [
        AlertKind::Down,
        AlertKind::Worse,
        AlertKind::Better,
        AlertKind::Reminder,
        AlertKind::Recovery,
        AlertKind::CannotJudge,
        AlertKind::StillCannotJudge,
        AlertKind::JudgedAgain,
        AlertKind::Flapping,
        AlertKind::SteadyGood,
        AlertKind::SteadyBad,
        AlertKind::Closed,
    ] {
        assert!(told.contains(&kind), "{kind:?}");
    }
}

#[test]
fn our_own_lines_are_narrow() {
    for (title, message) in all() {
        for line in message.body.lines().skip(1).filter(|line| !line.starts_with("- ") && !line.starts_with("  ")) {
            assert!(line.chars().count() <= WIDTH, "{title}: {line}");
        }
    }
}

#[test]
fn a_thousand_jobs_are_one_message_with_all_their_names() {
    let groups: Vec<Vec<Alert>> = (0..1_000).map(|n| vec![down(&format!("job number {n:04}"))]).collect();
    let message = digest(&facts(), &groups);
    for n in 0..1_000 {
        assert!(message.body.contains(&format!("- DOWN: job number {n:04}: status 502 (since 10:15)\n")), "{n}");
    }
    assert!(message.subject.starts_with("[alpha] 1000 jobs failed: job number 0000, "), "{}", message.subject);
    assert!(message.subject.chars().count() <= 140 && message.subject.ends_with(", ..."), "{}", message.subject);
    assert!(message.body.len() < 80_000, "{}", message.body.len());
    let blinds: Vec<Vec<Alert>> = (0..1_000).map(|n| vec![blind(&format!("job{n:04}"), "no route")]).collect();
    let message = digest(&facts(), &blinds);
    assert_eq!(message.body.matches("\n- ").count(), 1);
    assert!((0..1_000).all(|n| message.body.contains(&format!("job{n:04}"))));
}

#[test]
fn what_a_job_says_cannot_change_the_shape_of_a_message() {
    let evil = "DOWN: web\r\nBcc: x\u{202e}\u{1b}[31m\n\nSee all that fails:\n  rm -rf /";
    let mut alert = alert(AlertKind::Down, "web\nx", evil, "body\u{0}\r\n\u{1b}]0;x\u{7}line");
    alert.note = Some("note\r\n.\r\nend".to_owned());
    alert.host = Some("h\nost".to_owned());
    for message in
        [single(&facts(), std::slice::from_ref(&alert)), digest(&facts(), &[vec![alert.clone()], vec![down("other")]])]
    {
        assert!(!message.subject.contains(char::is_control), "{:?}", message.subject);
        assert!(!message.body.contains(|c: char| c.is_control() && c != '\n'), "{:?}", message.body);
        assert_eq!(message.body.matches("\nSee all that fails:\n").count(), 1, "{}", message.body);
    }
    let long = super::single(&facts(), &[super::tests::alert(AlertKind::Down, "n", &"x".repeat(5_000), "")]);
    assert_eq!(long.subject.chars().count(), 200);
}

#[test]
fn a_job_that_words_its_own_troubles_is_still_named() {
    let own = alert(AlertKind::Down, "shop", "Nobody can buy anything!", "");
    let message = single(&facts(), &[own]);
    assert_eq!(message.subject, "[alpha] shop: Nobody can buy anything!");
    assert!(message.body.starts_with("shop: Nobody can buy anything!\n\n"));
}

#[test]
fn nothing_to_tell_and_no_time_do_no_harm() {
    assert_eq!(single(&facts(), &[]).subject, "[alpha] nothing to tell");
    let mut odd = down("web");
    odd.since = Timestamp::from_micros(i64::MAX);
    assert!(single(&facts(), &[odd]).body.contains("since an unknown time: "));
}

#[test]
fn a_digest_of_ten_thousand_names_them_all_and_shows_the_first_thousand_whole() {
    let name = |n: usize| format!("job-{n:05}");
    let groups: Vec<Vec<Alert>> = (0..10_000).map(|n| vec![on(["www1", "www2"][n % 2], down(&name(n)))]).collect();
    let message = digest(&facts(), &groups);
    let entries: Vec<&str> = message.body.lines().filter(|line| line.starts_with("- ")).collect();
    let whole = entries.iter().filter(|line| line.contains("status 502 (since 10:15)")).count();
    assert_eq!((entries.len(), whole), (10_000, 1_000));
    assert!((0..10_000).all(|n| message.body.contains(&name(n))), "all are named");
    assert!(message.body.contains("the names alone are shown"));
    assert!(message.subject.starts_with("[alpha] 10000 jobs of 2 hosts failed: job-00000, "), "{}", message.subject);
    assert!(message.body.len() < 250_000, "{} bytes", message.body.len());
}

#[test]
fn a_name_in_a_list_is_never_cut() {
    let long = format!("https://www.example.com/{}", "path/".repeat(60));
    let message = digest(&facts(), &[vec![down(&long)], vec![down("web")]]);
    assert!(message.body.contains(&long), "{}", message.body);
    assert!(!message.body.contains("/: status 502"), "what follows such a name is cut: {}", message.body);
}
