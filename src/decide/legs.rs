//! How far the way of our mail to each human is proven. Pure.
//!
//! A canary proves the way to one mailbox. For another one at the same provider it proves most of the way, and for all
//! others only that mail leaves.

use super::Recipient;
use checker_job::Timestamp;
use std::time::Duration;

/// What is known of the way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// A message to ourselves arrived in this very mailbox, so long ago.
    Proven(Duration),
    /// One arrived in another mailbox of the same domain, so long ago.
    Provider(Recipient, Duration),
    /// One arrived in a maildir of this host, so long ago: mail on this host works, which proves no arrival elsewhere.
    Local(Duration),
    /// The server took the last message for it then, which proves no arrival.
    Taken(Timestamp),
    /// Nothing was ever taken for it.
    Untried,
}

/// The way to `to`. `proven`: the mailbox in which our own messages arrive, and how long ago the last one was sent that did;
/// `None` while mail is not proven. `local`: that mailbox is a maildir of this host. `taken`: when the server last took a message
/// for `to`.
pub fn leg(to: &Recipient, proven: Option<(&Recipient, Duration)>, local: bool, taken: Option<Timestamp>) -> Leg {
    match proven {
        Some((mailbox, age)) if local && domain(to).is_some() && domain(to) == domain(mailbox) => Leg::Local(age),
        _ if local => taken.map_or(Leg::Untried, Leg::Taken),
        Some((mailbox, age)) if same(&to.0, &mailbox.0) => Leg::Proven(age),
        Some((mailbox, age)) if domain(to).is_some() && domain(to) == domain(mailbox) => {
            Leg::Provider(mailbox.clone(), age)
        }
        _ => taken.map_or(Leg::Untried, Leg::Taken),
    }
}

impl Leg {
    /// The word for it in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proven(_) => "proven",
            Self::Provider(..) => "provider_proven",
            Self::Local(_) => "local",
            Self::Taken(_) => "taken",
            Self::Untried => "untried",
        }
    }
}

/// Hardly any provider tells upper from lower case, and none that does has both.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn domain(of: &Recipient) -> Option<String> {
    of.0.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_proves_its_own_mailbox_and_less_of_others() {
        let to = |text: &str| Recipient(text.to_owned());
        let (age, then) = (Duration::from_secs(180), Timestamp::from_secs(1_000_000));
        let box_of = to("Me@Example.com");
        let seen = Some((&box_of, age));
        assert_eq!(leg(&to("me@example.com"), seen, false, Some(then)), Leg::Proven(age));
        assert_eq!(leg(&to("you@EXAMPLE.com"), seen, false, Some(then)), Leg::Provider(box_of.clone(), age));
        assert_eq!(leg(&to("you@sub.example.com"), seen, false, Some(then)), Leg::Taken(then));
        assert_eq!(leg(&to("phone"), seen, false, None), Leg::Untried);
        assert_eq!(leg(&to("me@example.com"), None, false, Some(then)), Leg::Taken(then), "mail is not proven now");
    }

    #[test]
    fn a_maildir_of_this_host_proves_the_way_to_nobody() {
        let to = |text: &str| Recipient(text.to_owned());
        let (age, then) = (Duration::from_secs(180), Timestamp::from_secs(1_000_000));
        let box_of = to("me@example.com");
        let seen = Some((&box_of, age));
        for (address, known) in [
            ("me@example.com", Leg::Local(age)),
            ("you@example.com", Leg::Local(age)),
            ("you@example.org", Leg::Taken(then)),
        ] {
            assert_eq!(leg(&to(address), seen, true, Some(then)), known, "{address}");
        }
        assert_eq!(leg(&to("me@example.com"), None, true, None), Leg::Untried);
        assert_eq!(Leg::Local(age).name(), "local");
    }
}
