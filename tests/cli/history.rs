//! `checker bound --history`: what was told, when, and whether that was in time.

use super::{JOBS, home};
use crate::support::binary::Home;

#[test]
fn past_news_is_shown_beside_its_bound() {
    let home = home();
    let nothing = home.run(&["bound", "--history"]).ended(0).out;
    assert!(nothing.contains("Nothing was told of late") && nothing.contains("2 min are assumed"), "{nothing}");
    home.run(&["cron", "--now"]).silent();
    assert_eq!(home.mails().len(), 1);
    let all = home.run(&["bound", "--history", "--json"]).ended(0).json();
    assert_eq!((all["v"].as_u64(), all["latency_s"].as_u64(), all["measured"].is_null()), (Some(1), Some(120), true));
    let told = all["alerts"].as_array().unwrap();
    assert_eq!((told.len(), told[0]["job"].as_str()), (1, Some("the-ill")), "{all}");
    assert_eq!(told[0]["held"], true, "{all}");
    // Once a minute, told at the first failure: what is left of the bound after the first failed run.
    let bound = home.run(&["bound", "--json"]).ended(0).json();
    let rows = bound["faults"].as_array().unwrap();
    let target = rows.iter().find(|r| r["fault"] == "target_down").unwrap()["longest_s"].as_u64().unwrap();
    assert!(told[0]["limit_s"].as_u64().unwrap() < target, "{all}\n{bound}");
    let text = home.run(&["bound", "--history"]).ended(0).out;
    let line = text.lines().find(|l| l.contains("  ill")).unwrap_or_else(|| panic!("{text}"));
    assert!(!line.contains("LATER"), "{line}");
    // Nothing was measured, and it says so where it counts.
    assert!(line.contains("~2 min") && text.contains("\n~  accepted, and 2 min that are assumed"), "{text}");
    assert!(text.contains("The newest first") && text.contains("\n-  not there yet"), "{text}");
    assert!(!text.contains("NEVER") && !text.contains("for each single fault"), "the table is another command: {text}");
}

#[test]
fn what_comes_too_late_is_called_that() {
    let home = home();
    // Mail was switched off while the job failed: told long after, by a later pass.
    home.run(&["--nomail", "cron", "--now"]).silent();
    let db = rusqlite::Connection::open(home.path("checker.db")).unwrap();
    let hours = 3 * 3_600 * 1_000_000_i64;
    db.execute_batch("BEGIN").unwrap();
    let (body, at): (String, i64) =
        db.query_row("SELECT body, at FROM alert", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    let mut alert: serde_json::Value = serde_json::from_str(&body).unwrap();
    for key in ["at", "since"] {
        let then = alert[key].as_i64().unwrap_or(at) - hours;
        alert[key] = then.into();
    }
    db.execute("UPDATE alert SET body = ?1, at = at - ?2", (alert.to_string(), hours)).unwrap();
    db.execute_batch("COMMIT").unwrap();
    drop(db);
    let open = home.run(&["bound", "--history", "--json"]).ended(0).json();
    assert_eq!((&open["alerts"][0]["held"], open["alerts"][0]["accepted"].is_null()), (&false.into(), true), "{open}");
    home.run(&["cron", "--now"]).silent();
    let late = home.run(&["bound", "--history"]).ended(0).out;
    assert!(late.lines().any(|l| l.contains("  ill") && l.contains("LATER THAN THE BOUND")), "{late}");
}

#[test]
fn news_of_a_window_that_is_over_is_late_only_by_more_than_the_window_held_it() {
    let limit = |windows: &str| {
        let home = Home::with_jobs(&format!("{windows}{JOBS}"));
        home.run(&["cron", "--now"]).silent();
        let all = home.run(&["bound", "--history", "--json"]).ended(0).json();
        all["alerts"][0]["limit_s"].as_u64().unwrap_or_else(|| panic!("{all}"))
    };
    let window = |from: i64, until: i64| {
        let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
        let at = |hours: i64| (&now + jiff::SignedDuration::from_hours(hours)).strftime("%Y-%m-%d %H:%M").to_string();
        format!("[[window]]\nname = \"work\"\njobs = [\"ill\"]\nfrom = \"{}\"\nuntil = \"{}\"\n\n", at(from), at(until))
    };
    let (without, over) = (limit(""), limit(&window(-30, -10)));
    assert!(over >= without + 20 * 3_600, "{over} s with a window of 20 h, {without} s without");
}
