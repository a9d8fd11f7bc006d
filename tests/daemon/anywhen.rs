//! The daemon with real mail in flight, alone and beside passes, killed at random moments.

use crate::passes::ordeal::{Chance, Ordeal, TARGETS, arrived, is_canary, kill, next_length};
use crate::support::binary::{Done, has_faketime, sweep};
use crate::support::mail::{self, MailServer};
use crate::support::moments::Moments;
use crate::support::relay::Accepted;
use crate::support::{need, wait_until};
use checker::decide::mail::{Fate, Proof};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// So many homes at once, so many kills a round.
const HOMES: u64 = 6;
const KILLS: usize = 3;
/// In each phase that counts, at least so many kills.
const ENOUGH: u32 = 20;
/// As in `passes::anywhen`: a sleep by chance before each write, send and thread, in microseconds.
const SLOWED: u64 = 4_000;
/// From the server's word for a canary to its note, and of all the talk about its news, in microseconds: kills are aimed at
/// both, because these phases are short.
const NOTING: u64 = 15_000;
const SENDING: u64 = 80_000;
const SEED: u64 = 0x0dae_0217;
/// What is waited for takes no longer, on a machine that is busy.
const SOON: Duration = Duration::from_secs(120);

/// How far a daemon had come when it was killed. Its life begins with mail of both kinds to be sent: first what a pass has
/// left, then a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// News of a pass are committed, and it has connected nowhere.
    Committed,
    /// It talks to the mail server about them.
    Sending,
    /// The server took one over, and it is not marked.
    Accepted,
    /// They are told. A canary is committed, and no server took it yet.
    Canary,
    /// The server took the canary, and that is not noted.
    CanaryAccepted,
    /// Nothing is in flight.
    Told,
    /// A pass worked beside it: who of them was how far is not asked.
    Beside,
}

/// What a kill is aimed at: it comes a random time later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// A connection for news.
    News,
    /// The server took news over; a canary is next.
    NewsTaken,
    /// The server took the canary over.
    CanaryTaken,
}

/// The phases that count.
const COUNTED: [Phase; 6] =
    [Phase::Committed, Phase::Sending, Phase::Accepted, Phase::Canary, Phase::CanaryAccepted, Phase::Beside];

/// A daemon that does not outlive its test.
struct Daemon(Option<Child>);

impl Daemon {
    fn kill(mut self) -> Instant {
        kill(self.0.take().expect("it runs"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().ok();
            child.wait().ok();
            sweep(child.id());
        }
    }
}

struct Home {
    all: Ordeal,
    chance: Chance,
    port: u16,
    kills: BTreeMap<Phase, u32>,
    /// Tokens of canaries that were found committed. A server may take one over when its daemon is dead.
    committed: BTreeSet<String>,
    /// A daemon needs about this long until all is told, in microseconds: kills come within it.
    length: u64,
    /// After how long kills came in the shortest phases.
    rare: Vec<u64>,
}

impl Home {
    /// Passes are told nothing of the daemon: they look for it in vain most of the time, and would say so.
    fn new(nth: u64, server: &MailServer) -> Self {
        let [port] = crate::support::free_ports();
        let tables = format!(
            "[daemon]\npeer_listen = \"127.0.0.1:{port}\"\nrespawn = false\n\n[canary]\nvia = \"maildir\"\npath = \"{}\"\nto = \
             \"canary@checker.test\"\nevery = \"1min\"\nwithin = \"4h\"\n",
            server.maildir("canary").display()
        );
        let mut all = Ordeal::new(server.ports.plain, [""; TARGETS], &tables);
        let settings = all.home.read("settings.cfg");
        let (without, _) = settings.split_once("[daemon]").expect("the table");
        all.home.write("passes.cfg", without);
        all.now = all.now.plus(Duration::from_secs(60));
        all.home.run_at(all.now, &["-f", "passes.cfg", "cron"]).silent();
        let (kills, committed, rare) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { all, chance: Chance(SEED + nth), port, kills, committed, length: 600_000, rare }
    }

    fn minute(&mut self) {
        self.all.now = self.all.now.plus(Duration::from_secs(60));
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

    fn daemon(&mut self, moments: &Moments) -> Daemon {
        self.minute();
        Daemon(Some(self.all.home.start_with(self.all.now, &["daemon"], moments)))
    }

    /// A pass finds what has changed, and leaves it to others to tell.
    fn news(&mut self) {
        self.minute();
        let quiet: Done = self.all.home.run_at(self.all.now, &["-f", "passes.cfg", "--nomail", "cron"]);
        quiet.ended(0);
    }

    /// A daemon that is killed at a random moment, every fourth time beside a pass that sends as well; that one is killed too,
    /// half of the time.
    fn killed(&mut self) -> Phase {
        let (delay, seed) = (self.delay(), self.chance.below(u64::MAX >> 33));
        let beside = self.chance.below(4) == 0;
        let aimed = !beside && self.chance.below(2) == 0;
        let moments = Moments::slowed(SLOWED, seed);
        let started = Instant::now();
        let daemon = self.daemon(&moments);
        let pass = beside.then(|| self.all.home.start_with(self.all.now, &["-f", "passes.cfg", "cron"], &moments));
        if aimed {
            let aim =
                [Aim::News, Aim::NewsTaken, Aim::CanaryTaken][usize::try_from(self.chance.below(3)).expect("few")];
            self.await_mail(aim, started);
            let window = if aim == Aim::CanaryTaken { NOTING } else { SENDING };
            std::thread::sleep(Duration::from_micros(self.chance.below(window)));
        } else {
            std::thread::sleep(Duration::from_micros(delay));
        }
        let killed = daemon.kill();
        if let Some(pass) = pass {
            if self.chance.below(2) == 0 {
                kill(pass);
            } else {
                let id = pass.id();
                pass.wait_with_output().expect("its end");
                sweep(id);
            }
        }
        let phase = if beside { Phase::Beside } else { self.phase(started, killed) };
        let when = format!("{phase:?}");
        self.all.check_store(&when);
        self.check_canaries(&when, started);
        if !beside && !aimed {
            self.length = next_length(self.length, phase == Phase::Told);
        }
        if !aimed && matches!(phase, Phase::CanaryAccepted | Phase::Sending | Phase::Accepted) {
            self.rare.push(delay);
        }
        *self.kills.entry(phase).or_default() += 1;
        phase
    }

    /// Waits until a daemon that began at `started` has come so far; at most 3 s.
    fn await_mail(&self, aim: Aim, started: Instant) {
        let taken = |canary: bool| {
            let all = self.all.relay.accepted().into_iter();
            all.map(|a| (a.at, is_canary(&a.mail))).rfind(|(at, is)| *at >= started && *is == canary).map(|(at, _)| at)
        };
        wait_until(Duration::from_secs(3), || match aim {
            Aim::News => self.all.relay.connected().filter(|at| *at >= started),
            Aim::NewsTaken => taken(false),
            Aim::CanaryTaken => taken(true),
        });
    }

    fn proof(&self) -> Proof {
        let kept = self.all.home.db().query_row("SELECT value FROM meta WHERE key = 'canary'", [], |r| r.get(0));
        kept.ok().map(|text: String| serde_json::from_str(&text).expect("what is known of mail")).unwrap_or_default()
    }

    /// How far the daemon had come that began at `started` and is dead since `killed`.
    fn phase(&self, started: Instant, killed: Instant) -> Phase {
        let within = |at: Instant| at >= started && at <= killed;
        let accepted: Vec<Accepted> = self.all.relay.accepted().into_iter().filter(|a| within(a.at)).collect();
        let unsent = self.all.ids("SELECT message_id FROM delivery WHERE state = 'unsent'");
        if accepted.iter().any(|a| unsent.contains(a.mail.id())) {
            return Phase::Accepted;
        }
        let proof = self.proof();
        if proof.last.is_some_and(|at| at >= self.all.now) {
            let Some(sending) = proof.out.iter().find(|c| c.fate == Fate::Sending) else { return Phase::Told };
            let taken = accepted.iter().any(|a| a.mail.head.get("x-checker-canary") == Some(&sending.token));
            return if taken { Phase::CanaryAccepted } else { Phase::Canary };
        }
        let waits = self.all.home.count("SELECT count(*) FROM addressee WHERE state = 'waiting'") > 0;
        match (unsent.is_empty() && !waits, self.all.relay.connected().is_some_and(within)) {
            (true, _) => Phase::Told,
            (false, true) => Phase::Sending,
            (false, false) => Phase::Committed,
        }
    }

    /// Canaries are committed before they are sent, noted as taken after the server said so, and never sent twice.
    fn check_canaries(&mut self, when: &str, started: Instant) {
        let proof = self.proof();
        let token = |a: &Accepted| a.mail.head["x-checker-canary"].clone();
        let canaries: Vec<Accepted> = self.all.relay.accepted().into_iter().filter(|a| is_canary(&a.mail)).collect();
        let delivered: BTreeSet<String> = canaries.iter().map(token).collect();
        assert_eq!(delivered.len(), canaries.len(), "killed {when}: a canary is sent once");
        for noted in proof.out.iter().filter(|c| c.fate != Fate::Sending) {
            assert!(
                delivered.contains(&noted.token),
                "killed {when}: noted as taken before the server took it: {noted:?}"
            );
        }
        self.committed.extend(proof.out.iter().map(|c| c.token.clone()));
        for new in canaries.iter().filter(|a| a.at >= started).map(token) {
            let known = self.committed.contains(&new) || proof.proven.is_some_and(|p| p.sent >= self.all.now);
            assert!(known, "killed {when}: sent before it was committed: {new} {proof:?}");
        }
    }

    /// Each killed daemon has news of its own to tell. The answer is how many messages were repeated.
    fn round(&mut self, nth: u32) -> usize {
        // More than an hour later, so that nothing flaps.
        self.all.now = self.all.now.plus(Duration::from_secs(3_700));
        let before = self.all.relay.accepted().len();
        let first = usize::try_from(self.chance.below(TARGETS as u64)).expect("a small number");
        let mut expected = Vec::new();
        let mut in_flight = 0;
        for i in 0..KILLS {
            expected.push((self.all.flip((first + i) % TARGETS), "watch"));
            self.news();
            // Beside a pass, either of the two may have had a message in flight.
            in_flight += match self.killed() {
                Phase::Sending | Phase::Accepted => 1,
                Phase::Beside => 2,
                _ => 0,
            };
        }
        self.whole_life();
        let news = self.all.relay.all_accepted().split_off(before);
        let news: Vec<Accepted> = news.into_iter().filter(|a| !is_canary(&a.mail)).collect();
        let when = format!("round {nth}");
        self.all.check_told(&when, &expected, &news, in_flight);
        if nth.is_multiple_of(10) {
            self.all.check_states(&when);
        }
        let ids: BTreeSet<&str> = news.iter().map(|a| a.mail.id()).collect();
        news.len() - ids.len()
    }

    /// A daemon that is left alone until all is told, and then asked to end. What it says meanwhile is not `True`: no pass has
    /// spoken with it.
    fn whole_life(&mut self) {
        // What a dead pass held is free for the next one.
        self.news();
        let mut daemon = self.daemon(&Moments::default());
        let open = "SELECT (SELECT count(*) FROM addressee WHERE state <> 'told') + (SELECT count(*) FROM delivery WHERE state \
                    = 'unsent')";
        let told = wait_until(SOON, || (self.all.home.count(open) == 0).then_some(()));
        assert!(told.is_some(), "what was committed is not told\n{}", self.all.home.read("checker.log"));
        let word = wait_until(SOON, || Some(self.word()).filter(|w| w != "nobody")).expect("a word");
        assert!(
            ["JobProblem", "MailProblem"].contains(&word.as_str()),
            "{word}\n{}",
            self.all.home.read("checker.log")
        );
        end(daemon.0.take().expect("it runs"));
    }

    /// Passes that speak with it, and a canary that arrives: then it says that all is well.
    fn all_is_well(&mut self) {
        self.all.now = self.all.now.plus(Duration::from_secs(3_700));
        let before = self.all.relay.accepted().len();
        let mut daemon = self.daemon(&Moments::default());
        wait_until(SOON, || (self.word() != "nobody").then_some(())).expect("it answers");
        self.all.home.run_at(self.all.now, &["cron"]).silent();
        let well = wait_until(SOON, || (self.word() == "True").then_some(()));
        assert!(well.is_some(), "the word stays {}\n{}", self.word(), self.all.home.read("checker.log"));
        end(daemon.0.take().expect("it runs"));
        let news = self.all.relay.all_accepted().split_off(before);
        let news: Vec<&str> = news.iter().filter(|a| !is_canary(&a.mail)).map(|a| a.mail.subject()).collect();
        assert_eq!(news, Vec::<&str>::new(), "a thousand kills are no news");
    }

    fn word(&self) -> String {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            answer.rsplit("\r\n\r\n").next().map(|word| word.trim().to_owned())
        };
        ask().unwrap_or_else(|| "nobody".to_owned())
    }
}

/// Asks a daemon to end and sees that it does.
fn end(child: Child) {
    let id = child.id();
    nix::sys::signal::kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM).expect("a signal");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{output:?}");
    sweep(id);
}

/// At least so many kills, and in each phase that counts [`ENOUGH`].
fn killed_often(wanted: u32) {
    if !has_faketime() || !need("postfix") || !need("gcc") {
        return;
    }
    let server = mail::shared();
    let counts = Mutex::new(BTreeMap::new());
    let rounds = wanted.div_ceil(u32::try_from(KILLS).expect("few") * u32::try_from(HOMES).expect("few"));
    let began = Instant::now();
    let homes: Vec<(Home, usize)> = std::thread::scope(|scope| {
        let live = |nth| {
            let mut home = Home::new(nth, server);
            let (mut repeats, mut done) = (0, 0);
            while done < rounds || (done < 12 * rounds && !is_enough(&sum(&counts.lock().expect("counts")))) {
                repeats += home.round(done);
                done += 1;
                counts.lock().expect("counts").insert(nth, home.kills.clone());
            }
            home.all.check_states("at the end");
            home.all_is_well();
            (home, repeats)
        };
        let threads: Vec<_> = (0..HOMES).map(|nth| scope.spawn(move || live(nth))).collect();
        threads.into_iter().map(|t| t.join().expect("a home")).collect()
    });
    let kills = sum(&counts.lock().expect("counts"));
    let total: u32 = kills.values().sum();
    let news: Vec<String> = homes.iter().flat_map(|(h, _)| h.all.news()).map(|a| a.mail.id().to_owned()).collect();
    let ids: BTreeSet<&str> = news.iter().map(String::as_str).collect();
    let repeats: usize = homes.iter().map(|(_, repeats)| repeats).sum();
    eprintln!(
        "{total} kills of the daemon in {} s, seed {SEED:#x}: {kills:?}; {} messages, {repeats} repeats",
        began.elapsed().as_secs(),
        ids.len()
    );
    assert_eq!(repeats, news.len() - ids.len());
    assert!(total >= wanted);
    for phase in COUNTED {
        let n = kills.get(&phase).copied().unwrap_or(0);
        assert!(n >= ENOUGH, "{n} kills in the phase {phase:?} are too few to prove anything: {kills:?}");
    }
    arrived(server, &news);
}

fn sum(counts: &BTreeMap<u64, BTreeMap<Phase, u32>>) -> BTreeMap<Phase, u32> {
    let mut kills = BTreeMap::new();
    for (phase, n) in counts.values().flatten() {
        *kills.entry(*phase).or_default() += n;
    }
    kills
}

fn is_enough(kills: &BTreeMap<Phase, u32>) -> bool {
    COUNTED.iter().all(|phase| kills.get(phase).is_some_and(|n| *n >= ENOUGH))
}

#[test]
fn two_hundred_daemons_that_are_killed_lose_nothing_and_repeat_little() {
    killed_often(216);
}

#[test]
#[ignore = "takes minutes: cargo test --test checker -- --ignored --nocapture a_thousand_daemons"]
fn a_thousand_daemons_that_are_killed_lose_nothing_and_repeat_little() {
    killed_often(1_000);
}
