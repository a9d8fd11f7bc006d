//! A thousand passes with real mail in flight, each killed at a random moment.

use super::job;
use super::ordeal::{Chance, Ordeal, Phase, TARGETS, arrived, kill, next_length};
use crate::support::binary::has_faketime;
use crate::support::moments::Moments;
use crate::support::{mail, need};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// So many homes at once, so many rounds each, so many kills a round.
const HOMES: u64 = 8;
const ROUNDS: u32 = 42;
const KILLS: usize = 3;
/// The phases that count.
const COUNTED: [Phase; 5] = [Phase::Claimed, Phase::Running, Phase::Committed, Phase::Sending, Phase::Accepted];
/// In each of them, at least so many kills.
const ENOUGH: u32 = 20;
/// A pass sleeps by chance for up to so many microseconds before each write, send and thread, so that its phases last
/// long enough to be hit.
const SLOWED: u64 = 4_000;
const SEED: u64 = 0x0dd5_eed5;

/// Words for [`super::JOB`]. This one holds no message up, and sits there when its pass is dead.
const LINGER: &str = "if test -e go; then touch lingered; else sleep 45; fi";
/// A whole pass ends in one wave: the quick one waits for the other.
const QUICK: &str =
    "if test -e go; then for i in $(seq 500); do test -e lingered && break; sleep 0.02; done; sleep 0.1; fi";

struct Home {
    all: Ordeal,
    chance: Chance,
    kills: BTreeMap<Phase, u32>,
    /// A pass takes about this long until all is told, in microseconds: kills come within it.
    length: u64,
    /// After how long kills came in the two shortest phases.
    rare: Vec<u64>,
}

impl Home {
    fn new(nth: u64, server: u16) -> Self {
        let jobs = job("linger", LINGER, "timeout = \"50s\"") + &job("quick", QUICK, "");
        let mut all = Ordeal::new(server, [""; TARGETS], &jobs);
        all.whole_pass();
        Self { all, chance: Chance(SEED + nth), kills: BTreeMap::new(), length: 300_000, rare: Vec::new() }
    }

    /// A random time; now and then one that is near to where a kill came in a short phase.
    fn delay(&mut self) -> u64 {
        let known = self.rare.len() as u64;
        if known > 0 && self.chance.below(3) == 0 {
            let nth = usize::try_from(self.chance.below(known)).expect("a small number");
            return self.rare[nth] * (90 + self.chance.below(21)) / 100;
        }
        self.chance.below(self.length)
    }

    /// A pass that is killed at a random moment; the answer is how far it had come.
    fn killed_pass(&mut self) -> Phase {
        let (delay, seed) = (self.delay(), self.chance.below(u64::MAX >> 33));
        let started = Instant::now();
        let mut pass = self.all.start(&Moments::slowed(SLOWED, seed));
        std::thread::sleep(Duration::from_micros(delay));
        assert!(pass.try_wait().expect("its state").is_none(), "it waits for the job that lingers");
        let killed = kill(pass);
        let phase = self.all.phase(started, killed);
        self.all.check_store(&format!("{phase:?}"));
        self.all.settle();
        self.length = next_length(self.length, phase == Phase::Told);
        if matches!(phase, Phase::Claimed | Phase::Accepted) {
            self.rare.push(delay);
        }
        *self.kills.entry(phase).or_default() += 1;
        phase
    }

    /// Each killed pass has news of its own to tell. The answer is how many messages were repeated.
    fn round(&mut self, nth: u32) -> usize {
        // More than an hour later, so that nothing flaps.
        self.all.now = self.all.now.plus(Duration::from_secs(3_700));
        let before = self.all.relay.accepted().len();
        let first = usize::try_from(self.chance.below(TARGETS as u64)).expect("a small number");
        let mut expected = Vec::new();
        let mut in_flight = 0;
        for i in 0..KILLS {
            expected.push((self.all.flip((first + i) % TARGETS), "watch"));
            in_flight += usize::from(matches!(self.killed_pass(), Phase::Sending | Phase::Accepted));
        }
        self.all.whole_pass();
        let news = self.all.relay.all_accepted().split_off(before);
        let when = format!("round {nth}");
        self.all.check_told(&when, &expected, &news, in_flight);
        if nth.is_multiple_of(10) {
            self.all.check_states(&when);
        }
        let ids: BTreeSet<&str> = news.iter().map(|a| a.mail.id()).collect();
        news.len() - ids.len()
    }
}

#[test]
fn a_thousand_passes_that_are_killed_lose_nothing_and_repeat_little() {
    if !has_faketime() || !need("postfix") || !need("gcc") {
        return;
    }
    let server = mail::shared();
    let counts = Mutex::new(BTreeMap::new());
    let homes: Vec<(Home, usize)> = std::thread::scope(|scope| {
        let live = |nth| {
            let mut home = Home::new(nth, server.ports.plain);
            let (mut repeats, mut rounds) = (0, 0);
            // On a busy machine a short phase may be hit less often: then there are more kills.
            while rounds < ROUNDS || (rounds < 2 * ROUNDS && !is_enough(&counts.lock().expect("counts"))) {
                repeats += home.round(rounds);
                rounds += 1;
                counts.lock().expect("counts").insert(nth, home.kills.clone());
            }
            home.all.check_states("at the end");
            (home, repeats)
        };
        let threads: Vec<_> = (0..HOMES).map(|nth| scope.spawn(move || live(nth))).collect();
        threads.into_iter().map(|t| t.join().expect("a home")).collect()
    });
    let kills = sum(&counts.lock().expect("counts"));
    let total: u32 = kills.values().sum();
    let accepted: Vec<String> =
        homes.iter().flat_map(|(h, _)| h.all.relay.accepted()).map(|a| a.mail.id().to_owned()).collect();
    let ids: BTreeSet<&str> = accepted.iter().map(String::as_str).collect();
    let repeats = accepted.len() - ids.len();
    println!("{total} kills, seed {SEED:#x}: {kills:?}; {} messages, {repeats} repeats", ids.len());
    assert_eq!(repeats, homes.iter().map(|(_, repeats)| repeats).sum::<usize>());
    assert!(total >= 1_000);
    for phase in COUNTED {
        let n = kills.get(&phase).copied().unwrap_or(0);
        assert!(n >= ENOUGH, "{n} kills in the phase {phase:?} are too few to prove anything: {kills:?}");
    }
    arrived(server, &accepted);
}

/// Of all homes.
fn sum(counts: &BTreeMap<u64, BTreeMap<Phase, u32>>) -> BTreeMap<Phase, u32> {
    let mut kills = BTreeMap::new();
    for (phase, n) in counts.values().flatten() {
        *kills.entry(*phase).or_default() += n;
    }
    kills
}

fn is_enough(counts: &BTreeMap<u64, BTreeMap<Phase, u32>>) -> bool {
    let kills = sum(counts);
    COUNTED.iter().all(|phase| kills.get(phase).is_some_and(|n| *n >= ENOUGH))
}
