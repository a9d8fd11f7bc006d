//! Targets that die, and jobs that hang, panic, lie, or come in crowds.

use super::row::{Due, Row, Word, word};
use super::world::{PLAN, Plan, World};
use crate::support::binary::utc;
use std::time::Duration;

const DOWN: &[Word] = &[word("alpha", "alpha", "DOWN: shop")];

/// A row of alpha alone whose settings end with `jobs`.
const fn job(id: &'static str, fault: &'static str, told: &'static [Word], strike: fn(&mut World)) -> Row {
    Row { id, fault, due: Due::Within("target_down"), plan: ALONE, strike, told, also: &[], heal: None, check: |_| () }
}

const ALONE: Plan = Plan { nodes: 1, ..PLAN };

/// Four lines in the crontab, no daemon, and the usual times.
fn by_the_hour(text: &str) -> String {
    let (before, rest) = text.split_once("[canary]").expect("a table");
    let (_, jobs) = rest.split_once("[defaults]").expect("a table");
    format!(
        "{before}[defaults]{jobs}[[job.command]]\nname = \"report\"\nid = \"report\"\nevery = \"hour\"\ncommand = [\"/bin/true\"]\n"
    )
}

fn touch(world: &mut World, name: &str) {
    world.nodes[0].home.write(name, "");
}

pub(super) const ROWS: &[Row] = &[
    Row {
        due: Due::Within("class_missing"),
        plan: Plan { by_hand: true, settings: |_, text| by_the_hour(&text), ..ALONE },
        ..job(
            "4",
            "the line for the hour is missing in the crontab (by a clock that is set)",
            &[word("alpha", "alpha", "CHECKER ITSELF: crontab line for hour")],
            |world| {
                let begin = utc("2026-06-01 10:00:05");
                let minute = |n: u64| begin.plus(Duration::from_secs(n * 60));
                world.nodes[0].pass_at(minute(0), &["cron", "-c", "hour"]).silent();
                // From now on, only the other line is there.
                for n in 1..=300 {
                    world.nodes[0].pass_at(minute(n), &["cron", "-c", "minute"]);
                    if !world.told().is_empty() {
                        world.took = Some(minute(n).since(begin));
                        return;
                    }
                }
            },
        )
    },
    Row {
        due: Due::Within("job_hangs"),
        ..job("5", "an hourly job hangs", &[word("alpha", "alpha", "DOWN: report")], |world| {
            // One that is new is due at once.
            world.nodes[0].edit(|text| {
                format!("{text}[[job.command]]\nname = \"report\"\nid = \"report\"\nevery = \"hour\"\nplain = true\ncommand = [\"/bin/sleep\", \"1000\"]\n")
            });
        })
    },
    Row {
        due: Due::Within("job_hangs"),
        plan: Plan {
            settings: |_, text| {
                text + "[[job.command]]\nname = \"hangs\"\nid = \"hangs\"\nplain = true\ncommand = [\"/bin/sh\", \"-c\", \"test ! -e HOME/hang || sleep 1000\"]\n"
            },
            ..ALONE
        },
        heal: Some((|world| drop(world.nodes[0].sh("rm HOME/hang")), &[word("alpha", "alpha", "UP: hangs")])),
        ..job("6", "a job of each minute hangs", &[word("alpha", "alpha", "DOWN: hangs")], |world| touch(world, "hang"))
    },
    Row {
        plan: Plan {
            program: Some(|| crate::isolation::program().to_owned()),
            settings: |_, text| {
                text + "[[job.bad]]\nid = \"panics\"\nname = \"panics\"\ndoes = \"panic\"\nunless = \"HOME/behave\"\n"
                    + "[[job.bad_async]]\nid = \"works\"\nname = \"works\"\ndoes = \"well\"\nnotes = \"HOME/notes\"\n"
            },
            table: |_, table| format!("{table}@reboot root touch HOME/behave\n"),
            ..ALONE
        },
        check: |world| {
            let before = world.nodes[0].home.read("notes").lines().count();
            let after = crate::support::wait_until(Duration::from_secs(130), || {
                (world.nodes[0].home.read("notes").lines().count() > before).then_some(())
            });
            assert!(after.is_some(), "the other job goes on");
        },
        ..job("21", "a job panics", &[word("alpha", "alpha", "panics")], |world| {
            world.nodes[0].sh("rm HOME/behave");
        })
    },
    Row {
        also: DOWN,
        ..job("22", "a target is well again (from then on)", &[word("alpha", "alpha", "UP: shop")], |world| {
            world.shop(false);
            world.await_told("DOWN: shop");
            world.begins();
            world.shop(true);
        })
    },
    job("23", "a target is down, and ten passes overlap", DOWN, |world| {
        world.shop(false);
        let node = &world.nodes[0];
        let line = format!("CHECKER_SETTINGS={} {} cron --now", node.home.text("settings.cfg"), node.program());
        let machine = node.machine.as_ref().expect("the machine is on");
        let passes: Vec<_> = (0..10).map(|_| machine.start(&line)).collect();
        for mut pass in passes {
            pass.wait().expect("an end");
        }
    }),
    Row {
        plan: Plan {
            settings: |_, text| {
                let jobs = (0..300)
                    .map(|n| format!("[[job.tcp]]\nname = \"shop {n}\"\nid = \"shop {n}\"\naddress = \"SHOP\"\n"));
                text + &jobs.collect::<String>()
            },
            ..ALONE
        },
        check: |world| {
            let told = world.told();
            let text: String = told.iter().map(|t| t.text.as_str()).collect();
            let missing: Vec<u32> = (0..300).filter(|n| !text.contains(&format!("shop {n}"))).collect();
            assert!(missing.is_empty() && told.len() <= 3, "{} messages, without {missing:?}", told.len());
        },
        ..job("26", "301 jobs fail at once", &[word("alpha", "alpha", "")], |world| world.shop(false))
    },
    Row {
        plan: Plan {
            settings: |_, text| {
                text.replace("servername = \"alpha\"", "servername = \"Älpha ☂\"")
                    .replace("name = \"shop\"", "name = \"Käse-Lager 🧀 λ\"")
            },
            ..ALONE
        },
        ..job(
            "33",
            "a target is down whose name is not ASCII",
            &[word("alpha", "alpha", "[Älpha ☂] DOWN: Käse-Lager 🧀 λ")],
            |world| {
                world.shop(false);
            },
        )
    },
    Row {
        plan: Plan {
            settings: |_, text| {
                text + "[[job.command]]\nname = \"liar\"\nid = \"liar\"\nplain = true\ncommand = [\"/bin/sh\", \"-c\", \"printf 'gone\\\\r\\\\nBcc: \
                        victim@beta.test\\\\r\\\\n\\\\r\\\\nforged'; test ! -e HOME/lie\"]\n"
            },
            ..ALONE
        },
        check: |world| {
            let told = world.told();
            let head = told[0].raw.split("\r\n\r\n").next().expect("a head").to_lowercase();
            assert!(!head.contains("\nbcc:"), "{head}");
        },
        ..job("34", "what a job prints has lines like headers", &[word("alpha", "alpha", "DOWN: liar")], |world| {
            touch(world, "lie");
        })
    },
];
