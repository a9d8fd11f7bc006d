//! A wrapper that is killed (`kill -9`) at any moment: every start is recorded, and no success is invented.

use super::{history, home};
use crate::support::binary::Home;
use crate::support::moments::Moments;
use crate::support::need;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the command takes.
const TAKES: &str = "0.04";

/// What is seen of one wrapper that was killed, or came to its end before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Before the command was started.
    Beginning,
    /// While it ran.
    Running,
    /// It had ended, and its end was not written.
    Ending,
    /// Both were written.
    Written,
}

/// One run, with a kill at a moment of its writes or after a time, and then a pass.
fn killed(home: &Home, name: &str, moments: Option<&Moments>, after: Option<Duration>) -> Option<Phase> {
    let script = format!("echo begun >{name}.begun; sleep {TAKES}; echo ended >{name}.ended");
    let mut command = home.command(&["run", name, "--", "/bin/sh", "-c", &script]);
    if let Some(moments) = moments {
        moments.set_up(&mut command);
    }
    let mut wrapper = command.spawn().unwrap();
    if let Some(after) = after {
        std::thread::sleep(after);
        wrapper.kill().unwrap();
    }
    let was_killed = !wrapper.wait().unwrap().success();
    let (begun, ended) = (home.path(&format!("{name}.begun")).exists(), home.path(&format!("{name}.ended")).exists());
    home.run(&["cron"]).silent();
    let mut known = history(home, name);
    if known.first().is_some_and(|(word, _)| word == "active") {
        // Killed between fork and exec: for a moment the command's process held what shows that the wrapper lives.
        std::thread::sleep(Duration::from_millis(200));
        home.run(&["cron"]).silent();
        known = history(home, name);
    }
    let words: Vec<&str> = known.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert!(words.len() <= 1, "{name}: {known:?}");
    assert!(!begun || words.len() == 1, "{name}: the command was started, and nothing is known of it");
    assert!(words != ["active"], "{name}: nobody lives any more, and it was not given up");
    assert!(words != ["ok"] || ended, "{name}: a success was invented");
    if words == ["failed"] {
        assert_eq!(known[0].1, "started, never finished", "{name}");
    }
    was_killed.then_some(match (begun, ended, &words[..]) {
        (_, _, ["ok"]) => Phase::Written,
        (_, true, _) => Phase::Ending,
        (true, false, _) => Phase::Running,
        (false, ..) => Phase::Beginning,
    })
}

#[test]
fn three_hundred_kills_lose_no_start_and_invent_no_success() {
    if !need("gcc") {
        return;
    }
    let (home, _) = home("");
    home.run(&["cron"]).silent();
    let log = home.path("moments");
    assert_eq!(killed(&home, "whole", Some(&Moments::logged(&log)), None), None);
    let count = home.read("moments").lines().count();
    assert!(count >= 8, "{count} moments");
    let mut phases: BTreeMap<Phase, usize> = BTreeMap::new();
    let mut note = |phase: Option<Phase>| {
        if let Some(phase) = phase {
            *phases.entry(phase).or_default() += 1;
        }
        phases.values().sum::<usize>()
    };
    for round in 0.. {
        for number in 1..=count {
            for after in [false, true] {
                let name = format!("m{round}-{number}-{after}");
                note(killed(&home, &name, Some(&Moments::killed(number, after)), None));
            }
        }
        let mut all = 0;
        for nth in 0..2 * count {
            let after = Duration::from_micros(1_000 + 70_000 / (2 * count as u64) * nth as u64);
            all = note(killed(&home, &format!("t{round}-{nth}"), None, Some(after)));
        }
        if all >= 300 {
            break;
        }
    }
    println!("{count} moments; kills {phases:?}");
    for phase in [Phase::Beginning, Phase::Running, Phase::Ending] {
        assert!(phases.get(&phase).is_some_and(|n| *n >= 20), "too few to prove anything: {phases:?}");
    }
    assert_eq!(home.count("SELECT count(*) FROM run WHERE source = 'script' AND status <> 'done'"), 0);
}
