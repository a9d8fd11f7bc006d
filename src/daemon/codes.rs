//! A peer asks for proof that we can reach its admin: we mail its code there, as we would mail that it is silent.

use super::duties::Duties;
use crate::outbox::again;
use crate::store::{Planned, Result};
use checker_job::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// When a code was last mailed for each peer, in the own group.
const CODES: &str = "codes";
/// No peer makes us write to its admin more often.
const PAUSE: Duration = Duration::from_secs(3_600);

/// Whether this may be a code: it is mailed as it is.
pub(super) fn is_code(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl Duties<'_> {
    /// Mails the codes that peers have asked for.
    pub(super) fn mail_codes(&mut self, tell: &mut bool) -> Result<()> {
        let asked = std::mem::take(&mut self.knowledge.lock().codes);
        for (node, code) in asked {
            let Some(peer) = self.parts.peers.iter().find(|p| p.node.as_ref() == Some(&node)) else { continue };
            let now = self.now();
            let text = self.parts.own.meta(CODES)?.unwrap_or_default();
            let mut mailed: BTreeMap<String, Timestamp> = serde_json::from_str(&text).unwrap_or_default();
            if mailed.get(&peer.name).is_some_and(|at| *at <= now && now.since(*at) < PAUSE) {
                tracing::warn!("{} has asked for a code again within the hour: none is mailed", peer.name);
                continue;
            }
            let Some(delivery) = self.hands.code(&peer.name, &code, now) else { continue };
            mailed.insert(peer.name.clone(), now);
            self.parts.own.set_meta(CODES, Some(&serde_json::to_string(&mailed).unwrap_or_default()))?;
            let planned = Planned { deliveries: vec![delivery], ..Planned::default() };
            again(|| self.parts.own.plan(&planned))?;
            *tell = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_code;

    #[test]
    fn only_eight_digits_are_mailed_to_anybody() {
        assert!(is_code("0123abcd"));
        for no in ["", "0123abc", "0123abcde", "0123ABCD", "buy now!", "0123abc\n"] {
            assert!(!is_code(no), "{no:?}");
        }
    }
}
