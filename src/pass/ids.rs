//! Ids for the runs of one pass: UUIDs of version 7 in the order in which they are made.
//!
//! They are many, and to ask the system for random bytes for each costs more than a check of it should. So it is asked once:
//! what is random in them are hashes, under a key of the system, of a number that never comes twice.

use checker_job::Timestamp;
use std::hash::{BuildHasher, RandomState};
use uuid::{Builder, Uuid};

/// Bits of an id that count.
const COUNT_BITS: u32 = 18;

/// Makes ids.
pub(super) struct Ids {
    millis: u64,
    key: RandomState,
    count: u64,
}

impl Ids {
    /// Ids of runs that are chosen at `now`.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { millis: u64::try_from(now.micros() / 1_000).unwrap_or(0), key: RandomState::new(), count: 0 }
    }

    pub(super) fn fresh(&mut self) -> Uuid {
        let count = self.count;
        self.count += 1;
        let [_, b3, b4, b5, b6, b7, b8, b9] = self.key.hash_one(count).to_be_bytes();
        // Four bits of the first byte and six of the third are the id's own; the rest is fixed by its version.
        let [.., b0, b1, b2] = ((count >> 14 & 0xf) << 16 | (count >> 6 & 0xff) << 8 | count & 0x3f).to_be_bytes();
        // More than fit into one millisecond go into the next.
        let millis = self.millis + (count >> COUNT_BITS);
        Builder::from_unix_timestamp_millis(millis, &[b0, b1, b2, b3, b4, b5, b6, b7, b8, b9]).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_of_version_7_in_order_and_never_twice() {
        let now = Timestamp::from_secs(1_700_000_000);
        let (mut one, mut other) = (Ids::new(now), Ids::new(now));
        let ids: Vec<Uuid> = (0..300_000).map(|_| one.fresh()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        let first = ids.first().and_then(|id| Some((id.get_version_num(), id.get_timestamp()?.to_unix().0)));
        assert_eq!(first, Some((7, 1_700_000_000)));
        let known: BTreeSet<Uuid> = ids.into_iter().collect();
        assert!((0..1_000).all(|_| !known.contains(&other.fresh())), "another pass of the same instant");
    }
}
