//! State, settings and clock of a node itself.

use super::row::{Due, Row, Word, word};
use super::world::{PLAN, Plan, World};
use crate::support::binary::fake_clock;

const STATE: &[Word] = &[word("alpha", "alpha", "CHECKER ITSELF: state")];
const SETTINGS: &[Word] = &[word("alpha", "alpha", "CHECKER ITSELF: settings: the settings do not load")];
const CLOCK: &[Word] = &[word("alpha", "alpha", "CHECKER ITSELF: clock: the clock of this host was set")];
/// A peer sees that something is not as it should be, and may be quicker to say it than to hear that it was told.
const PEER: Word = word("beta", "alpha", "alpha says that its checks do not run as they should (JobProblem)");
const UNWATCHED: Word = word("beta", "beta", "alpha has not asked about us");
/// Two clocks differ: each side sees it.
const APART: &[Word] = &[word("alpha", "alpha", "our clock is"), word("beta", "beta", "our clock is")];

/// All that cron starts has a clock that can be set, by HOME/clock.
const CLOCKED: Plan = Plan { table: clocked, ..PLAN };

fn clocked(name: &str, table: String) -> String {
    if name != "alpha" {
        return table;
    }
    let variables =
        fake_clock(None, &["FAKETIME_TIMESTAMP_FILE=HOME/clock".to_owned(), "FAKETIME_NO_CACHE=1".to_owned()]);
    format!("{}\n{table}", variables.join("\n"))
}

const fn own(
    id: &'static str,
    fault: &'static str,
    class: &'static str,
    told: &'static [Word],
    strike: fn(&mut World),
) -> Row {
    Row { id, fault, due: Due::Within(class), plan: PLAN, strike, told, also: &[PEER], heal: None, check: |_| () }
}

pub(super) const ROWS: &[Row] = &[
    Row {
        // It is replaced by a fresh one at once. Who had the old one open may find it broken once more; then both are one message.
        also: &[word("alpha", "alpha", "SOLVED: state"), word("alpha", "alpha", "1 down, 1 up: state"), PEER],
        ..own("24", "the state is overwritten with garbage", "state_broken", STATE, |world| {
            world.nodes[0].sh("head -c 40000 /dev/urandom >HOME/checker.db && rm -f HOME/checker.db-wal");
        })
    },
    Row {
        plan: Plan {
            disk: true,
            settings: |_, text| text.replace("[general]\n", "[general]\nstate = \"disk/checker.db\"\n"),
            ..PLAN
        },
        heal: Some((
            |world| drop(world.nodes[0].sh("rm HOME/disk/filled")),
            &[word("alpha", "alpha", "SOLVED: state")],
        )),
        ..own("25", "the disk of the state is full", "state_broken", STATE, |world| {
            world.nodes[0].sh("dd if=/dev/zero of=HOME/disk/filled bs=64k 2>/dev/null || true");
        })
    },
    Row {
        heal: Some((
            |world| world.nodes[0].edit(|text| text.replace("pee r", "peer")),
            &[word("alpha", "alpha", "SOLVED: settings")],
        )),
        ..own("30", "an edit breaks the table of a peer", "settings_broken", SETTINGS, |world| {
            world.nodes[0].edit(|text| text.replace("[[peer]]", "[[pee r]]"));
        })
    },
    Row {
        heal: Some((
            |world| drop(world.nodes[0].sh("mv HOME/settings.away HOME/settings.cfg")),
            &[word("alpha", "alpha", "SOLVED: settings")],
        )),
        ..own("31", "the settings file is gone", "settings_broken", SETTINGS, |world| {
            world.nodes[0].sh("mv HOME/settings.cfg HOME/settings.away");
        })
    },
    Row {
        plan: CLOCKED,
        also: &[UNWATCHED, PEER, APART[0], APART[1], CLOCK[0]],
        ..own(
            "37",
            "the clock is set back by 20 hours, and cron dies",
            "cron_dead",
            &[word("alpha", "alpha", "CHECKER ITSELF: passes")],
            |world| {
                world.nodes[0].home.write("clock", "-20h\n");
                world.nodes[0].machine().kill_cron();
            },
        )
    },
    Row {
        plan: CLOCKED,
        also: &[PEER, APART[0], APART[1]],
        ..own("37b", "the clock is set back by 20 hours", "clock_step", CLOCK, |world| {
            world.nodes[0].home.write("clock", "-20h\n");
        })
    },
    Row {
        plan: CLOCKED,
        also: &[PEER, APART[0], APART[1]],
        ..own("38", "the clock is set ahead by 20 hours", "clock_step", CLOCK, |world| {
            world.nodes[0].home.write("clock", "+20h\n");
        })
    },
    Row {
        also: &[UNWATCHED, PEER],
        check: |world| {
            let said = world.nodes[0].home.read("tried");
            assert!(said.contains("another user"), "the socket is for its user alone: {said}");
        },
        ..own(
            "43",
            "cron dies, and another user of the host says that all is well",
            "cron_dead",
            &[word("alpha", "alpha", "CHECKER ITSELF: passes: no pass has run for")],
            |world| {
                world.nodes[0].machine().kill_cron();
                forge(world);
            },
        )
    },
    Row {
        due: Due::Both("cron_dead", "mail_refused"),
        told: &[word("beta", "alpha", "PEER: alpha: alpha says that")],
        also: &[UNWATCHED],
        ..own("47", "cron dies and mail is refused, both at once", "cron_dead", &[], |world| {
            world.set_password(0, "another");
            world.nodes[0].machine().kill_cron();
        })
    },
];

/// The user nobody asks the daemon to say that it is away.
fn forge(world: &mut World) {
    let node = &world.nodes[0];
    let settings = node.home.read("settings.cfg");
    let general = settings.split("[email.smtp]").next().expect("a part");
    let theirs = general.replace("[email]\n", "[email]\ntransport = \"file\"\n");
    let control = format!("{theirs}\n[daemon]\ncontrol = \"{}\"\n", node.home.text("checker.sock"));
    node.home.write("theirs.cfg", &control);
    node.sh("chmod 755 HOME && chmod 644 HOME/theirs.cfg");
    let program = node.program();
    let line = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups {program} -f HOME/theirs.cfg away 1h >HOME/tried 2>&1 || true"
    );
    node.sh(&line);
}
