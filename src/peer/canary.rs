//! A canary in the mailbox of a peer: how that peer knows that it is ours. Pure.
//!
//! Its token stands in our status, where anybody on the way can read it. So the message carries our signature over the
//! token as well, which nobody else can make, and which stands nowhere but in the message: who holds it has received it.

use super::key::Signature;
use super::{NodeKey, PublicKey};

/// What is signed: this, and the token. No other signature of a node begins like that.
const DOMAIN: &str = "checker-canary-v1\n";

/// The proof that the canary with this token is from the node with this key.
pub fn seal(key: &NodeKey, token: &str) -> String {
    key.sign(signed(token).as_bytes()).to_string()
}

/// Whether `proof`, as it was found in a message, is `sender`'s for this token.
pub fn is_sealed(sender: &PublicKey, token: &str, proof: &str) -> bool {
    Signature::parse(proof.trim()).is_some_and(|signature| sender.verifies(signed(token).as_bytes(), &signature))
}

fn signed(token: &str) -> String {
    format!("{DOMAIN}{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that stand in docs/protocol.md: other nodes rely on them.
    #[test]
    fn version_1_is_frozen() {
        let alpha = NodeKey::from_seed(&[1; 32]).unwrap();
        let block = format!("```\nX-Checker-Proof: {}\n```\n", seal(&alpha, "000102030405060708090a0b0c0d0e0f"));
        assert!(include_str!("../../docs/protocol.md").contains(&block), "docs/protocol.md must show\n{block}");
    }

    #[test]
    fn only_the_sender_can_seal_and_only_this_token() {
        let (alpha, beta) = (NodeKey::from_seed(&[1; 32]).unwrap(), NodeKey::from_seed(&[2; 32]).unwrap());
        let proof = seal(&alpha, "0123456789abcdef");
        assert!(is_sealed(&alpha.public(), "0123456789abcdef", &proof));
        assert!(is_sealed(&alpha.public(), "0123456789abcdef", &format!(" {proof}\r")));
        assert!(!is_sealed(&beta.public(), "0123456789abcdef", &proof));
        assert!(!is_sealed(&alpha.public(), "0123456789abcdee", &proof));
        for forged in ["", "ed25519:", "0123456789abcdef", &seal(&beta, "0123456789abcdef")] {
            assert!(!is_sealed(&alpha.public(), "0123456789abcdef", forged), "{forged}");
        }
    }
}
