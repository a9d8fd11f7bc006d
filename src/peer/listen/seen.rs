//! Nonces that were used: a question that was overheard and is asked again is a stranger's.

use crate::peer::envelope::Nonce;
use crate::peer::key::PublicKey;
use std::collections::{BTreeMap, VecDeque};

/// So many are remembered of each peer: some days of its questions.
const NONCES_MAX: usize = 512;
/// Keys that are not pinned any more are forgotten beyond this many.
const KEYS_MAX: usize = 64;

/// The nonces of each peer, oldest first. Only proved ones come in here, so no stranger can wash them out.
#[derive(Debug, Default)]
pub(super) struct Seen {
    by_key: BTreeMap<PublicKey, VecDeque<Nonce>>,
}

impl Seen {
    /// Whether this peer used this nonce before.
    pub(super) fn knows(&self, key: &PublicKey, nonce: Nonce) -> bool {
        self.by_key.get(key).is_some_and(|all| all.contains(&nonce))
    }

    /// Remembers it. `pinned` says which keys still matter.
    pub(super) fn note(&mut self, key: PublicKey, nonce: Nonce, pinned: impl Fn(&PublicKey) -> bool) {
        if self.by_key.len() >= KEYS_MAX && !self.by_key.contains_key(&key) {
            self.by_key.retain(|key, _| pinned(key));
        }
        let all = self.by_key.entry(key).or_default();
        if all.len() >= NONCES_MAX {
            all.pop_front();
        }
        all.push_back(nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_cannot_wash_out_anothers_nonces() {
        let key = |n: u8| PublicKey::of([n; 32]).unwrap();
        let mut seen = Seen::default();
        let first = Nonce::fresh().unwrap();
        seen.note(key(2), first, |_| true);
        let mut last = first;
        for _ in 0..2 * NONCES_MAX {
            last = Nonce::fresh().unwrap();
            seen.note(key(3), last, |_| true);
        }
        assert!(seen.knows(&key(2), first) && seen.knows(&key(3), last));
        assert!(!seen.knows(&key(3), first) && !seen.knows(&key(2), last));
        assert_eq!(seen.by_key[&key(3)].len(), NONCES_MAX);
        for n in 4..200 {
            seen.note(key(n), first, |k| *k == key(2));
        }
        assert!(seen.by_key.len() <= KEYS_MAX && seen.knows(&key(2), first));
    }
}
