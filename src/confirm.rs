//! Asks peers what they see of a target that we are about to call down: `confirm = "peers"`.

use crate::decide::Word;
use crate::decide::confirm::{Said, Sight};
use crate::pass::AskPeers;
use crate::peer::confirm::{self, Answer, Question};
use crate::peer::{Heard, Instance, NodeKey, Nonce, PATIENCE, Target, ask_to_look};
use crate::settings::{Want, Wants};
use checker_job::{JobId, Verdict};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// So many peers are asked about one target, in the order of the settings.
const PEERS_MAX: usize = 4;
/// A peer's look takes no longer: the rest of [`PATIENCE`] is for the way there and back.
pub const LOOK_MAX: Duration = Duration::from_secs(6);

/// Who can be asked, and about what.
pub struct Peers {
    /// Each with its name.
    all: Vec<(String, Target)>,
    me: Arc<NodeKey>,
    instance: Instance,
    wants: Arc<Wants>,
}

impl Peers {
    /// Asks `all` of them, each with its name, about the jobs of `wants`. `me` and `instance` say who asks.
    pub fn new(all: Vec<(String, Target)>, me: Arc<NodeKey>, instance: Instance, wants: Arc<Wants>) -> Self {
        Self { all, me, instance, wants }
    }
}

/// What peers say of this job just now, for a person who asks.
///
/// # Errors
/// If this host has no runtime for it.
pub fn ask_now(asks: &dyn AskPeers, job: &JobId) -> std::io::Result<Vec<Sight>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sights = runtime.block_on(asks.ask(job));
    runtime.shutdown_background();
    Ok(sights)
}

impl AskPeers for Peers {
    fn can(&self, job: &JobId) -> bool {
        self.wants.contains_key(job)
    }

    fn ask<'a>(&'a self, job: &'a JobId) -> Pin<Box<dyn Future<Output = Vec<Sight>> + Send + 'a>> {
        Box::pin(self.ask_all(job))
    }
}

impl Peers {
    /// All of them at once. The answers are in the order of the settings.
    async fn ask_all(&self, job: &JobId) -> Vec<Sight> {
        let Some(Want { look, timeout }) = self.wants.get(job).cloned() else { return Vec::new() };
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or_default();
        let question = Arc::new(Question { v: 1, timeout_ms, look });
        let deadline = Instant::now() + PATIENCE;
        let mut asked = JoinSet::new();
        for (at, (name, target)) in self.all.iter().take(PEERS_MAX).enumerate() {
            let (target, question) = (target.clone(), Arc::clone(&question));
            let (me, instance, peer) = (Arc::clone(&self.me), self.instance.clone(), name.clone());
            asked.spawn(async move {
                let said = one(&target, &me, &instance, &question, deadline).await;
                (at, Sight { peer, said })
            });
        }
        let mut sights = asked.join_all().await;
        sights.sort_by_key(|(at, _)| *at);
        sights.into_iter().map(|(_, sight)| sight).collect()
    }
}

async fn one(target: &Target, me: &NodeKey, instance: &Instance, question: &Question, deadline: Instant) -> Said {
    let nonce = match Nonce::fresh() {
        Ok(nonce) => nonce,
        Err(why) => return Said::Silent(why.to_string()),
    };
    match ask_to_look(target, me, instance, nonce, question, deadline).await {
        Ok(answer) => said(answer),
        Err(heard) => Said::Silent(instead(heard)),
    }
}

fn said(answer: Answer) -> Said {
    match answer.confirm {
        confirm::Word::Tried => Said::Saw(answer.verdict.unwrap_or(Verdict::Unknown), answer.summary),
        confirm::Word::Declined => Said::Declined,
        confirm::Word::Cannot => Said::Cannot(answer.summary),
    }
}

fn instead(heard: Heard) -> String {
    let plain = |word: Word| {
        let word = word.as_str();
        format!(
            "it says \"{word}\" without a signature: it does not know this node's key, or we do not know its key, or it has too much to do"
        )
    };
    match heard {
        Heard::Status(_) => "it answers with its status".to_owned(),
        Heard::Word(word) | Heard::UnsignedWord(word) => plain(word),
        Heard::Silent { why, .. } | Heard::Garbled(why) => why,
    }
}
