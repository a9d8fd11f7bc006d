//! `[[window]]`: which jobs one holds, and what all of them together may not do. What is wrong with one by itself stands
//! in `tests/data/settings/window.cfg`.

use super::good::{HEAD, MAIL, good};
use super::{folder, judged};
use checker::decide::window::{Days, When};
use checker::settings::Settings;
use std::time::Duration;

const JOBS: &str = "[[job.tcp]]\nname = \"web\"\nhost = \"a\"\naddress = \"a:1\"\n\
                    [[job.tcp]]\nname = \"db\"\nhost = \"b\"\naddress = \"b:1\"\n\
                    [[job.tcp]]\nname = \"db\"\nid = \"second\"\naddress = \"b:2\"\nenabled = false\n";

fn window(name: &str, keys: &str) -> String {
    format!("[[window]]\nname = \"{name}\"\n{keys}\n")
}

fn nightly(name: &str, jobs: &str) -> String {
    window(name, &format!("{jobs}\nstart = \"02:00\"\nlength = \"2h\""))
}

/// The ids that each window holds.
fn held(settings: &Settings) -> Vec<String> {
    let ids = |jobs: &[checker_job::JobId]| jobs.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>().join(" ");
    settings.windows.iter().map(|(_, jobs)| ids(jobs)).collect()
}

/// The messages of all problems.
fn wrong(text: &str) -> Vec<String> {
    let report = judged(&folder(text)).expect_err("it is wrong");
    report.problems.into_iter().map(|p| format!("{}: {}", p.place.map_or(0, |at| at.line), p.message)).collect()
}

#[test]
fn a_window_holds_jobs_by_name_id_and_host_or_all() {
    let all: String = [
        "jobs = \"web\"",
        "jobs = [\"db\"]",
        "jobs = [\"second\", \"tcp:a:1\"]",
        "hosts = [\"a\", \"b\"]",
        "jobs = \"web\"\nhosts = \"a\"",
        "jobs = \"*\"",
    ]
    .iter()
    .zip(1..)
    .map(|(jobs, n)| nightly(&format!("w{n}"), jobs))
    .collect();
    let s = good(&format!("{HEAD}{MAIL}{JOBS}{all}"));
    let every = "second tcp:a:1 tcp:b:1";
    assert_eq!(held(&s), ["tcp:a:1", "second tcp:b:1", "second tcp:a:1", "tcp:a:1 tcp:b:1", "tcp:a:1", every]);
    assert_eq!(s.windows.of(s.jobs[0].id()).count(), 5);
}

#[test]
fn what_a_window_does_not_say_is_each_day_and_the_zone_of_the_installation() {
    let head = HEAD.replace("[general]\n", "[general]\ntimezone = \"Asia/Tehran\"\n");
    let own = window(
        "own",
        "jobs = \"web\"\nstart = \"23:59\"\nlength = \"24h\"\ndays = [\"sun\", \"mon\"]\ntimezone = \"UTC\"",
    );
    let once = window("once", "jobs = \"web\"\nfrom = \"2026-12-24 20:00\"\nuntil = 2026-12-25T06:30:15");
    let days = window("days", "jobs = \"web\"\nstart = \"00:00\"\nlength = \"1min\"\nmonth_days = 31");
    let s = good(&format!("{head}{MAIL}{JOBS}{}{own}{once}{days}", nightly("plain", "jobs = \"web\"")));
    let all: Vec<_> = s.windows.iter().map(|(window, _)| window.clone()).collect();
    let zones: Vec<_> = all.iter().map(|w| w.zone.iana_name().unwrap_or_default()).collect();
    assert_eq!(zones, ["Asia/Tehran", "UTC", "Asia/Tehran", "Asia/Tehran"]);
    assert!(
        matches!(&all[0].when, When::Again { days: Days::Daily, length, .. } if *length == Duration::from_secs(7_200))
    );
    assert!(matches!(&all[1].when, When::Again { days: Days::Week(days), .. } if days.len() == 2));
    assert!(matches!(&all[2].when, When::Once { until, .. } if until.to_string() == "2026-12-25T06:30:15"));
    assert!(matches!(&all[3].when, When::Again { days: Days::Month(days), .. } if days == &[31]));
}

#[test]
fn windows_stand_in_included_files_too() {
    let file = format!("#! file more.cfg 0600 {}\n", nightly("far", "jobs = \"web\"").replace('\n', "\\n"));
    let head = HEAD.replace("[general]\n", "[general]\ninclude = [\"more.cfg\"]\n");
    let s = good(&format!("{file}{head}{MAIL}{JOBS}{}", nightly("near", "jobs = \"db\"")));
    assert_eq!(held(&s), ["second tcp:b:1", "tcp:a:1"]);
}

#[test]
fn a_window_for_a_job_that_could_not_be_read_is_no_second_error() {
    let broken = "[[job.tcp]]\nname = \"late\"\nhost = \"c\"\nadress = \"c:1\"\n";
    let windows = nightly("w", "jobs = [\"late\"]\nhosts = [\"c\"]");
    let found = wrong(&format!("{HEAD}{MAIL}{JOBS}{broken}{windows}"));
    assert!(found.iter().all(|message| message.contains("adress") || message.contains("address")), "{found:?}");
    let found = wrong(&format!("{HEAD}{MAIL}{JOBS}{}", nightly("w", "jobs = [\"late\"]")));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn windows_that_never_end_together_are_an_error_for_the_jobs_that_both_hold() {
    let night = window("night", "jobs = \"web\"\nstart = \"20:00\"\nlength = \"12h\"");
    let day = |jobs: &str, length: &str| window("day", &format!("{jobs}\nstart = \"08:00\"\nlength = \"{length}\""));
    let text = |day: &str| format!("{HEAD}{MAIL}{JOBS}{night}{day}");
    let found = wrong(&text(&day("jobs = \"*\"", "11h 56min")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("the windows night, day leave no pause") && found[0].contains("tcp:a:1"), "{found:?}");
    good(&text(&day("jobs = \"*\"", "11h 50min")));
    good(&text(&day("jobs = \"db\"", "12h")));
    // Two that come once and meet, in any year; and one of a month that a nightly one goes on.
    let once = |name: &str, from: &str, until: &str| {
        window(name, &format!("jobs = \"web\"\nfrom = \"{from} 00:00\"\nuntil = \"{until} 00:00\""))
    };
    for more in [
        once("january", "2031-01-01", "2031-02-01") + &once("february", "2031-02-01", "2031-03-01"),
        once("january", "2031-01-01", "2031-02-01")
            + &window("w", "jobs = \"web\"\nstart = \"00:00\"\nlength = \"1h\""),
    ] {
        let found = wrong(&format!("{HEAD}{MAIL}{JOBS}{more}"));
        assert!(found.len() == 1 && found[0].contains("leave no pause in more than 31 d"), "{found:?}");
    }
    let apart = once("january", "2031-01-01", "2031-02-01") + &once("february", "2031-02-02", "2031-03-01");
    good(&format!("{HEAD}{MAIL}{JOBS}{apart}"));
    // A whole weekend ends.
    good(&format!(
        "{HEAD}{MAIL}{JOBS}{}",
        window("weekend", "jobs = \"*\"\nstart = \"00:00\"\nlength = \"24h\"\ndays = [\"sat\", \"sun\"]")
    ));
}
