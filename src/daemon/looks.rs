//! Looks at targets for peers that are allowed to ask for it (`confirm_for`): each in a process of its own, few at once.
//!
//! Whoever has the key of such a peer may choose what is looked at. So it is one look of a kind that only looks, at
//! addresses that our admin said, within a few seconds and a little memory; and what it does to its process it does to that.

use crate::confirm::LOOK_MAX;
use crate::peer::PublicKey;
use crate::peer::confirm::{Answer, Question};
use crate::registry::Elsewhere;
use checker_job::Outcome;
use checker_parts::child::{Exit, Program};
use checker_parts::net::reach::Reach;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Looks at once, for all peers together and for each.
const AT_ONCE: (usize, usize) = (12, 8);
/// So long a question waits for its turn.
const TURN: Duration = Duration::from_millis(1_500);
/// Looks for one peer in [`WINDOW`].
const EACH_MAX: usize = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// What the process takes beside its look.
const START_MAX: Duration = Duration::from_millis(1_500);
/// So much is logged of what was asked for, in bytes.
const SHOWN_MAX: usize = 200;
/// The longest answer of the process, in bytes.
const OUTPUT_MAX: usize = 4 * 1024;

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// What to look at.
    pub look: Elsewhere,
    /// The longest time that the look may take, in milliseconds.
    pub timeout_ms: u64,
    /// Private networks may be looked at.
    pub private: bool,
}

/// Who may ask for looks, and what is going on.
#[derive(Debug)]
pub struct Looks {
    allowed: BTreeMap<PublicKey, Guest>,
    /// Kinds that look at nothing but their target.
    kinds: BTreeSet<&'static str>,
    /// How the process is started.
    program: Program,
    places: Semaphore,
}

/// A peer that may ask.
#[derive(Debug)]
struct Guest {
    name: String,
    reach: Reach,
    places: Semaphore,
    /// When it asked, within the last [`WINDOW`].
    asked: Mutex<VecDeque<Instant>>,
}

impl Looks {
    /// Looks at targets of these kinds for the peers with these keys and names, by a process that `argv` starts.
    pub fn new(
        allowed: impl IntoIterator<Item = (PublicKey, String, Reach)>,
        kinds: BTreeSet<&'static str>,
        argv: impl IntoIterator<Item = String>,
    ) -> Self {
        let guest = |name, reach| Guest { name, reach, places: Semaphore::new(AT_ONCE.1), asked: Mutex::default() };
        let allowed = allowed.into_iter().map(|(key, name, reach)| (key, guest(name, reach))).collect();
        let program = Program { output_kept: OUTPUT_MAX, ..Program::new(argv) };
        Self { allowed, kinds, program, places: Semaphore::new(AT_ONCE.0) }
    }

    /// Answers one question of the peer with this key.
    pub async fn look(&self, peer: &PublicKey, question: &[u8]) -> Answer {
        let Some(guest) = self.allowed.get(peer) else { return Answer::declined() };
        let Question { timeout_ms, look, .. } = match Question::read(question) {
            Ok(question) => question,
            Err(why) => return Answer::cannot(why),
        };
        let Some(kind) = self.kinds.get(look.kind.as_str()) else {
            return Answer::cannot("jobs of this kind are not tried here");
        };
        if !guest.may_ask(Instant::now()) {
            return Answer::cannot(format!("it was asked for more than {EACH_MAX} looks within a minute"));
        }
        let turn = async { (guest.places.acquire().await, self.places.acquire().await) };
        let Ok((Ok(_own), Ok(_place))) = tokio::time::timeout(TURN, turn).await else {
            return Answer::cannot("it looks at as many targets as it can just now");
        };
        let timeout = Duration::from_millis(timeout_ms).min(LOOK_MAX);
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or_default();
        let order = Order { look, timeout_ms, private: guest.reach == Reach::Private };
        let answer = self.run(&order, timeout + START_MAX).await;
        tracing::info!("looked for {}: {kind} {}: {}", guest.name, shown(&order.look), told(&answer));
        answer
    }

    async fn run(&self, order: &Order, limit: Duration) -> Answer {
        let mut program = self.program.clone();
        program.input = serde_json::to_vec(order).unwrap_or_default();
        match program.run("", limit).await {
            Ok(report) => match report.exit {
                Exit::Exited(0) => Answer::read(report.stdout.text.as_bytes())
                    .unwrap_or_else(|| Answer::cannot("what it found cannot be read")),
                Exit::TimedOut => Answer::cannot("its look did not end in time"),
                exit => Answer::cannot(format!("its look was ended: {exit:?}")),
            },
            Err(why) => {
                tracing::warn!("a peer asked for a look, and it cannot be started: {why}");
                Answer::cannot("it has no process left for it")
            }
        }
    }
}

/// What was asked for, fit for a line of the log.
fn shown(look: &Elsewhere) -> String {
    let keys = serde_json::to_string(&look.keys).unwrap_or_default();
    Outcome::ok(keys).bounded(SHOWN_MAX, 0).summary
}

fn told(answer: &Answer) -> String {
    match answer.verdict {
        Some(verdict) => format!("{}: {}", verdict.word(), answer.summary),
        None => format!("not looked at: {}", answer.summary),
    }
}

impl Guest {
    /// Notes that it asks. Whether it may.
    fn may_ask(&self, now: Instant) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        while asked.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            asked.pop_front();
        }
        let may = asked.len() < EACH_MAX;
        if may {
            asked.push_back(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::confirm::Word;

    fn key(n: u8) -> PublicKey {
        crate::peer::NodeKey::from_seed(&[n; 32]).unwrap().public()
    }

    fn looks(script: &str) -> Looks {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        let name = str::to_owned;
        Looks::new(
            [(key(1), name("one"), Reach::Public), (key(2), name("two"), Reach::Private)],
            BTreeSet::from(["tcp"]),
            argv,
        )
    }

    fn question() -> Vec<u8> {
        br#"{"v":1,"timeout_ms":60000,"kind":"tcp","keys":{"address":"ns.example.com:53"}}"#.to_vec()
    }

    fn asked(looks: &Looks, n: u8, question: &[u8]) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(looks.look(&key(n), question))
    }

    /// The process answers what it was told.
    const ECHO: &str = r#"printf '{"v":1,"confirm":"cannot","summary":"%s"}' "$(cat | tr -d '"')""#;

    #[test]
    fn only_peers_that_may_ask_get_a_look_and_only_as_far_as_was_said() {
        let looks = looks(ECHO);
        assert_eq!(asked(&looks, 3, &question()), Answer::declined());
        let order = |private: bool| {
            format!("{{look:{{kind:tcp,keys:{{address:ns.example.com:53}}}},timeout_ms:6000,private:{private}}}")
        };
        assert_eq!(asked(&looks, 1, &question()).summary, order(false));
        assert_eq!(asked(&looks, 2, &question()).summary, order(true));
        assert!(asked(&looks, 1, b"{}").summary.contains("cannot be read here"));
        let other = String::from_utf8(question()).unwrap().replace("tcp", "command");
        assert_eq!(asked(&looks, 1, other.as_bytes()).summary, "jobs of this kind are not tried here");
    }

    #[test]
    fn a_look_that_goes_wrong_says_nothing_of_the_target() {
        for (script, words) in [
            ("kill -9 $$", "was ended: Signalled(9)"),
            ("exit 3", "was ended: Exited(3)"),
            ("echo nonsense", "cannot be read"),
            (r#"echo '{"v":1,"confirm":"tried"}'"#, "cannot be read"),
        ] {
            let answer = asked(&looks(script), 1, &question());
            assert!(answer.confirm == Word::Cannot && answer.summary.contains(words), "{script}: {answer:?}");
        }
        let none = Looks::new(
            [(key(1), "one".to_owned(), Reach::Public)],
            BTreeSet::from(["tcp"]),
            ["/no/such/program".to_owned()],
        );
        assert!(asked(&none, 1, &question()).summary.contains("no process left"));
    }

    #[test]
    fn nobody_gets_more_than_a_few_looks() {
        let looks = looks(ECHO);
        let (one, two) = (&looks.allowed[&key(1)], &looks.allowed[&key(2)]);
        let begin = Instant::now();
        assert!((0..EACH_MAX).all(|_| one.may_ask(begin)));
        assert!(!one.may_ask(begin + Duration::from_secs(59)) && two.may_ask(begin));
        assert!(asked(&looks, 1, &question()).summary.contains("more than 30 looks"));
        assert!(one.may_ask(begin + WINDOW));
        let busy = |n| asked(&looks, n, &question()).summary.contains("as many targets as it can");
        let own = two.places.try_acquire_many(8).unwrap();
        assert!(busy(2));
        drop(own);
        assert!(!busy(2));
        let all = looks.places.try_acquire_many(12).unwrap();
        assert!(busy(2));
        drop(all);
    }

    #[test]
    fn those_that_come_together_have_their_turns() {
        let looks = looks(r#"sleep 0.2; echo '{"v":1,"confirm":"tried","verdict":"ok","summary":"fine"}'"#);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (key, question) = (key(1), question());
        let look = || looks.look(&key, &question);
        let _busy = looks.places.try_acquire_many(10).unwrap();
        let all = runtime.block_on(async { tokio::join!(look(), look(), look(), look(), look(), look()) });
        for answer in [all.0, all.1, all.2, all.3, all.4, all.5] {
            assert_eq!((answer.confirm, answer.summary.as_str()), (Word::Tried, "fine"));
        }
    }
}
