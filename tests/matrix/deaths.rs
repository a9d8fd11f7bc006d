//! Hosts, daemons and crons that die, hang, or begin anew.

use super::row::{Due, Row, Word, word};
use super::world::{PLAN, Plan, World};
use crate::support::wait_until;
use std::time::Duration;

const HOST: Due = Due::Within("host_dead");
/// What the admins of a pair hear of the death of alpha, and of its return.
const GONE: &[Word] = &[
    word("beta", "alpha", "PEER: alpha: alpha does not answer"),
    word("beta", "beta", "PEER: alpha: alpha does not answer"),
];
const BACK: &[Word] = &[word("beta", "alpha", "SOLVED: alpha"), word("beta", "beta", "SOLVED: alpha")];
/// Who is silent does not ask either.
const UNWATCHED: Word = word("beta", "beta", "alpha has not asked about us");

const TRIO: Plan = Plan { nodes: 3, ..PLAN };
const ALONE: Plan = Plan { nodes: 1, ..PLAN };
/// No pass starts a daemon again.
const NO_RESPAWN: Plan = Plan { settings: |_, text| text.replace("[daemon]\n", "[daemon]\nrespawn = false\n"), ..PLAN };

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "1",
        fault: "host off",
        due: HOST,
        plan: PLAN,
        strike: |world| world.power_off(0),
        told: GONE,
        also: &[UNWATCHED],
        heal: Some((|world| world.power_on(0), BACK)),
        check: |_| (),
    },
    Row {
        id: "1b",
        fault: "host frozen: each process stops",
        due: HOST,
        plan: PLAN,
        strike: |world| world.nodes[0].machine().signal_all("STOP"),
        told: GONE,
        also: &[UNWATCHED],
        heal: Some((|world| world.nodes[0].machine().signal_all("CONT"), BACK)),
        check: |_| (),
    },
    Row {
        id: "2",
        fault: "daemon killed, and nobody may start it",
        due: Due::Within("daemon_dead"),
        plan: NO_RESPAWN,
        strike: |world| kill_daemon(world, "KILL"),
        told: &[word("alpha", "alpha", "CHECKER ITSELF: daemon: the daemon does not answer")],
        also: &[GONE[0], GONE[1]],
        heal: Some((start_daemon, &[word("alpha", "alpha", "SOLVED: daemon")])),
        check: |_| (),
    },
    Row {
        id: "2b",
        fault: "daemon hangs",
        due: Due::Within("daemon_dead"),
        plan: PLAN,
        strike: |world| kill_daemon(world, "STOP"),
        told: &[word("alpha", "alpha", "CHECKER ITSELF: daemon: the daemon does not answer")],
        also: &[GONE[0], GONE[1], UNWATCHED],
        heal: Some((
            |world| drop(world.nodes[0].sh("kill -CONT $(cat HOME/daemon.pid)")),
            &[word("alpha", "alpha", "SOLVED: daemon")],
        )),
        check: |_| (),
    },
    Row {
        id: "3",
        fault: "cron dead, daemon alive",
        due: Due::Within("cron_dead"),
        plan: PLAN,
        strike: |world| world.nodes[0].machine().kill_cron(),
        told: &[word("alpha", "alpha", "CHECKER ITSELF: passes: no pass has run for")],
        also: &[UNWATCHED, word("beta", "alpha", "alpha says that its checks do not run")],
        heal: Some((|world| world.nodes[0].machine().start_cron(), &[word("alpha", "alpha", "SOLVED: passes")])),
        check: |_| (),
    },
    Row {
        id: "3b",
        fault: "the line in the crontab is gone",
        due: Due::Within("cron_dead"),
        plan: PLAN,
        strike: |world| world.nodes[0].machine().set_table("# nothing\n"),
        told: &[word("alpha", "alpha", "CHECKER ITSELF: passes: no pass has run for")],
        also: &[UNWATCHED, word("beta", "alpha", "alpha says that its checks do not run")],
        heal: None,
        check: |_| (),
    },
    Row {
        id: "18",
        fault: "two of three hosts off together",
        due: HOST,
        plan: TRIO,
        strike: |world| {
            world.power_off(0);
            world.power_off(1);
        },
        told: &[
            word("gamma", "alpha", "PEER: alpha: alpha does not answer"),
            word("gamma", "beta", "PEER: beta: beta does not answer"),
        ],
        also: &[word("gamma", "gamma", "does not answer"), word("gamma", "gamma", "has not asked about us")],
        heal: None,
        check: |_| (),
    },
    Row {
        id: "18b",
        fault: "one node alone, off",
        due: Due::Never("host_dead", 40),
        plan: ALONE,
        strike: |world| world.power_off(0),
        told: &[],
        also: &[],
        heal: None,
        check: |_| (),
    },
    Row {
        id: "19",
        fault: "the mail of one peer is refused, and then I die (three nodes)",
        due: Due::Both("host_dead", "mail_refused"),
        plan: TRIO,
        strike: |world| {
            world.set_password(1, "another");
            world.power_off(0);
        },
        told: &[
            word("gamma", "alpha", "PEER: alpha: alpha does not answer"),
            word("gamma", "beta", "PEER: beta: beta says that its messages may not arrive"),
        ],
        also: &[word("gamma", "gamma", "PEER: alpha"), word("gamma", "gamma", "has not asked about us")],
        heal: None,
        check: |_| (),
    },
    Row {
        id: "35",
        fault: "reboot",
        due: Due::Quiet(45),
        plan: Plan {
            settings: |_, text| text.replace("poll = \"8s\"\nquick = \"4s\"", "poll = \"8s\"\nquick = \"8s\""),
            ..PLAN
        },
        strike: |world| {
            world.power_off(0);
            world.power_on(0);
        },
        told: &[],
        also: &[],
        heal: None,
        check: |world| assert!(world.is_steady(), "all are well again"),
    },
    Row {
        id: "36",
        fault: "daemon crashes, and the next pass starts it",
        due: Due::Quiet(40),
        plan: PLAN,
        strike: |world| kill_daemon(world, "KILL"),
        told: &[],
        also: &[],
        heal: None,
        check: |world| {
            assert!(world.is_steady(), "all are well again");
            let before = world.nodes[0].home.read("daemon.pid");
            assert_ne!(before.trim(), world.nodes[0].daemon().to_string(), "it is another process");
        },
    },
    Row {
        id: "48",
        fault: "host off, and its admin's mailbox refuses",
        due: HOST,
        plan: PLAN,
        strike: |world| {
            world
                .mail
                .reconfigure(|site| site.rules.push(("admin@alpha.test".to_owned(), "REJECT 5.2.2 full".to_owned())));
            world.begins();
            world.power_off(0);
        },
        told: &[GONE[1]],
        also: &[UNWATCHED, word("beta", "beta", "")],
        heal: None,
        check: |_| (),
    },
    Row {
        id: "49",
        fault: "host off, watched by two: one message",
        due: HOST,
        plan: Plan { settings: |_, text| slower(&text), ..TRIO },
        strike: |world| world.power_off(0),
        told: &[word("", "alpha", "PEER: alpha: alpha does not answer")],
        also: &[word("", "beta", "has not asked about us"), word("", "gamma", "has not asked about us")],
        heal: None,
        check: |world| {
            // As long as the second one would wait, and more.
            std::thread::sleep(Duration::from_secs(40));
            let told = world.told().iter().filter(|t| t.to == "alpha").count();
            assert_eq!(told, 1, "the other one saw that it was told");
        },
    },
];

/// Questions lie further apart than one may take, as they do with the built-in times: who tells first can be seen.
fn slower(text: &str) -> String {
    text.replace("poll = \"8s\"\nquick = \"4s\"", "poll = \"24s\"\nquick = \"12s\"")
}

/// A signal for alpha's daemon; its number is noted.
fn kill_daemon(world: &mut World, signal: &str) {
    let pid = world.nodes[0].daemon();
    world.nodes[0].home.write("daemon.pid", &pid.to_string());
    world.begins();
    world.nodes[0].sh(&format!("kill -{signal} {pid}"));
}

fn start_daemon(world: &mut World) {
    let node = &world.nodes[0];
    let line = format!("CHECKER_SETTINGS={} exec setsid {} daemon", node.home.text("settings.cfg"), node.program());
    node.machine.as_ref().expect("the machine is on").leave(&line);
    let up = wait_until(Duration::from_secs(20), || node.status());
    assert!(up.is_some(), "the daemon starts");
}
