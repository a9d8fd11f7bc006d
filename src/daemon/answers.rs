//! What peers are answered, and what they push.

use super::codes::is_code;
use super::duties::Event;
use super::knowledge::Knowledge;
use super::looks::Looks;
use crate::decide::Word;
use crate::decide::status::{NodeId, Status};
use crate::peer::PublicKey;
use crate::peer::listen::{Answers, Asked, Looking, PushAnswer};
use std::collections::BTreeSet;
use std::sync::{Mutex, mpsc::Sender};

/// The daemon, as peers see it.
#[derive(Debug)]
pub struct Door {
    knowledge: Knowledge,
    pinned: BTreeSet<PublicKey>,
    looks: Looks,
    /// A peer that asks may end the time in which nobody did.
    events: Mutex<Sender<Event>>,
}

impl Door {
    /// Answers peers with these keys.
    pub fn new(knowledge: Knowledge, pinned: BTreeSet<PublicKey>, looks: Looks, events: Sender<Event>) -> Self {
        Self { knowledge, pinned, looks, events: Mutex::new(events) }
    }

    fn wake(&self) {
        let sent = self.events.lock().map(|events| events.send(Event::Look));
        if !matches!(sent, Ok(Ok(()))) {
            tracing::debug!("the duties of the daemon have ended");
        }
    }
}

impl Answers for Door {
    fn word(&self) -> Word {
        self.knowledge.word()
    }

    fn pinned(&self, key: &PublicKey) -> bool {
        self.pinned.contains(key)
    }

    fn status(&self, asked: &Asked) -> Vec<u8> {
        let news = self.knowledge.was_asked(&NodeId(asked.key.id()), asked.instance.as_str());
        if news {
            self.wake();
        }
        self.knowledge.status().bytes()
    }

    fn pushed(&self, asked: &Asked, body: &[u8]) -> PushAnswer {
        let Ok(status) = Status::read(body) else { return PushAnswer::Garbled };
        let node = NodeId(asked.key.id());
        if status.node != node {
            return PushAnswer::Garbled;
        }
        let code = status.drill.clone().filter(|code| is_code(code));
        if !self.knowledge.take(node.clone(), status) {
            return PushAnswer::Old;
        }
        if let Some(code) = code {
            self.knowledge.lock().codes.insert(node, code);
            self.wake();
        }
        PushAnswer::Taken
    }

    fn look<'a>(&'a self, asked: &'a Asked, question: Vec<u8>) -> Looking<'a> {
        Box::pin(async move { self.looks.look(&asked.key, &question).await })
    }
}
