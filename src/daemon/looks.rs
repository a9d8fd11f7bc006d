//! Looks at targets for peers that are allowed to ask for it (`confirm_for`): each in a process of its own, few at once.
//!
//! Whoever has the key of such a peer may choose what is looked at. So it is one look of a kind that only looks, at
//! addresses that our admin said, within a few seconds and a little memory; and what it does to its process it does to that.

use crate::confirm::LOOK_MAX;
use crate::peer::PublicKey;
use crate::peer::confirm::{Answer, Question};
use crate::registry::Elsewhere;
use checker_parts::child::{Exit, Program};
use checker_parts::net::reach::Reach;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Looks at once, for all peers together.
const AT_ONCE: usize = 4;
/// Looks for one peer in [`WINDOW`].
const EACH_MAX: usize = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// What the process takes beside its look.
const START_MAX: Duration = Duration::from_millis(1_500);
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
    allowed: BTreeMap<PublicKey, Reach>,
    /// How the process is started.
    program: Program,
    places: Semaphore,
    /// When each peer asked, within the last [`WINDOW`].
    asked: Mutex<BTreeMap<PublicKey, VecDeque<Instant>>>,
}

impl Looks {
    /// Looks for the peers with these keys, by a process that `argv` starts.
    pub fn new(allowed: BTreeMap<PublicKey, Reach>, argv: impl IntoIterator<Item = String>) -> Self {
        let program = Program { output_kept: OUTPUT_MAX, ..Program::new(argv) };
        Self { allowed, program, places: Semaphore::new(AT_ONCE), asked: Mutex::default() }
    }

    /// Answers one question of the peer with this key.
    pub async fn look(&self, peer: &PublicKey, question: &[u8]) -> Answer {
        let Some(reach) = self.allowed.get(peer) else { return Answer::declined() };
        let Question { timeout_ms, look, .. } = match Question::read(question) {
            Ok(question) => question,
            Err(why) => return Answer::cannot(why),
        };
        if !self.may_ask(peer, Instant::now()) {
            return Answer::cannot(format!("it was asked for more than {EACH_MAX} looks within a minute"));
        }
        let Ok(_place) = self.places.try_acquire() else {
            return Answer::cannot("it looks at as many targets as it can just now");
        };
        let timeout = Duration::from_millis(timeout_ms).min(LOOK_MAX);
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or_default();
        let kind = look.kind.clone();
        let order = Order { look, timeout_ms, private: *reach == Reach::Private };
        let answer = self.run(&order, timeout + START_MAX).await;
        tracing::info!(
            "looked at a target of the kind {kind:?} for the peer {peer}: {:?} {}",
            answer.confirm,
            answer.summary
        );
        answer
    }

    /// Notes that this peer asks. Whether it may.
    fn may_ask(&self, peer: &PublicKey, now: Instant) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(*peer).or_default();
        while times.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            times.pop_front();
        }
        if times.len() >= EACH_MAX {
            return false;
        }
        times.push_back(now);
        true
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::confirm::Word;

    fn key(n: u8) -> PublicKey {
        crate::peer::NodeKey::from_seed(&[n; 32]).unwrap().public()
    }

    fn looks(script: &str) -> Looks {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        Looks::new(BTreeMap::from([(key(1), Reach::Public), (key(2), Reach::Private)]), argv)
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
        let none = Looks::new(BTreeMap::from([(key(1), Reach::Public)]), ["/no/such/program".to_owned()]);
        assert!(asked(&none, 1, &question()).summary.contains("no process left"));
    }

    #[test]
    fn nobody_gets_more_than_a_few_looks() {
        let looks = looks(ECHO);
        let begin = Instant::now();
        assert!((0..EACH_MAX).all(|_| looks.may_ask(&key(1), begin)));
        assert!(!looks.may_ask(&key(1), begin + Duration::from_secs(59)) && looks.may_ask(&key(2), begin));
        assert!(asked(&looks, 1, &question()).summary.contains("more than 30 looks"));
        assert!(looks.may_ask(&key(1), begin + WINDOW));
        let all = looks.places.try_acquire_many(4).unwrap();
        assert!(asked(&looks, 2, &question()).summary.contains("as many targets as it can"));
        drop(all);
        assert!(!asked(&looks, 2, &question()).summary.contains("as it can"));
    }
}
