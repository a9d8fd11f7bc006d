//! How far the way to each of our admins is proven, as `checker status` says it.

use super::super::world::World;
use super::super::{local_time, rfc3339};
use crate::decide::legs::{Leg, leg};
use crate::decide::mail::Known;
use crate::decide::{DeliveryState, Recipient};
use crate::outbox;
use crate::settings::Via;
use crate::store::{Ledger, Result, Sqlite};
use checker_job::{Timestamp, duration_words};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// So many of the newest messages are looked through.
const NEWEST: usize = 500;

/// The way to each general contact that is a mail address.
pub(super) fn of(world: &World, store: &Sqlite, now: Timestamp) -> Result<Vec<(Recipient, Leg)>> {
    let (own, shared) = (store.own(), store.shared());
    let ledgers: [&dyn Ledger; 2] = [&own, &shared];
    let mut taken: BTreeMap<Recipient, Timestamp> = BTreeMap::new();
    for ledger in ledgers {
        for delivery in ledger.deliveries(NEWEST)? {
            if let DeliveryState::Told { at, .. } = delivery.state {
                let newest = taken.entry(delivery.recipient).or_insert(at);
                *newest = at.max(*newest);
            }
        }
    }
    let mailbox = world.canary_to().or_else(|| world.settings.email.from.clone()).map(Recipient);
    let known = outbox::proof(&own)?.known(&world.canaries(), now);
    let proven = match (&mailbox, known) {
        (Some(mailbox), Known::Proven(age)) => Some((mailbox, age)),
        _ => None,
    };
    let local = matches!(world.settings.canary.as_ref().map(|c| &c.via), Some(Via::Maildir(_)));
    let contacts = world.contacts().into_iter().filter(Recipient::is_mail);
    Ok(contacts.map(|to| (to.clone(), leg(&to, proven, local, taken.get(&to).copied()))).collect())
}

pub(super) fn show(out: &mut dyn Write, world: &World, legs: &[(Recipient, Leg)]) -> io::Result<()> {
    for (to, leg) in legs {
        match leg {
            Leg::Proven(age) => {
                writeln!(out, "way to {to}: proven, our own message of {} ago arrived there", duration_words(*age))?;
            }
            Leg::Provider(mailbox, age) => writeln!(
                out,
                "way to {to}: proven as far as its provider, where {mailbox} got our own message of {} ago",
                duration_words(*age)
            )?,
            Leg::Local(age) => writeln!(
                out,
                "way to {to}: NOT PROVEN: our message of {} ago reached a maildir of this host, which shows local delivery only",
                duration_words(*age)
            )?,
            Leg::Taken(at) => {
                writeln!(
                    out,
                    "way to {to}: NOT PROVEN; its last message was taken by our server {}",
                    local_time(world, *at)
                )?;
            }
            Leg::Untried => writeln!(out, "way to {to}: NOT PROVEN; no message was taken for it yet")?,
        }
    }
    Ok(())
}

pub(super) fn to_json(legs: &[(Recipient, Leg)]) -> serde_json::Value {
    let one = |(to, leg): &(Recipient, Leg)| {
        let (age, by, taken) = match leg {
            Leg::Proven(age) => (Some(age.as_secs()), Some(to), None),
            Leg::Provider(mailbox, age) => (Some(age.as_secs()), Some(mailbox), None),
            Leg::Taken(at) => (None, None, Some(rfc3339(*at))),
            Leg::Local(_) | Leg::Untried => (None, None, None),
        };
        json!({"to": to.0, "state": leg.name(), "proven_by": by.map(|b| &b.0), "proven_age_s": age, "taken_at": taken})
    };
    legs.iter().map(one).collect()
}
