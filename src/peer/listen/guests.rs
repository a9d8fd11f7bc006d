//! Who is connected, and who has to go when there is no room.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Bodies that are read at the same time: each may be as long as a push.
const BODIES_MAX: usize = 32;
/// Those of one address.
const BODIES_PER_NET: usize = 4;

/// What counts as one address: anybody with IPv6 has at least a /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Net {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Net {
    pub(super) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Seat {
    /// They rise: the oldest is the smallest.
    number: u64,
    asked: AtomicBool,
    reads_body: AtomicBool,
    since: Instant,
    go: Notify,
}

impl Seat {
    /// The request's head is complete: an answer is on its way.
    pub(super) fn has_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.asked.load(Ordering::Relaxed)
    }

    /// Comes when somebody else needs the place.
    pub(super) async fn asked_to_go(&self) {
        self.go.notified().await;
    }
}

/// Everybody who is connected, by address, oldest first.
#[derive(Debug)]
pub(super) struct Guests {
    by_net: BTreeMap<Net, Vec<Arc<Seat>>>,
    count: usize,
    next: u64,
    per_net: usize,
    total: usize,
    bodies: BTreeMap<Net, usize>,
}

impl Guests {
    pub(super) fn new(per_net: usize, total: usize) -> Self {
        Self { by_net: BTreeMap::new(), count: 0, next: 0, per_net, total, bodies: BTreeMap::new() }
    }

    /// A place for a new connection from `net`, and whether somebody has to go for it: the oldest idle one of the same
    /// address if that has its share, else the oldest idle one of whoever holds most.
    pub(super) fn enter(&mut self, net: Net) -> (Arc<Seat>, bool) {
        let own = self.by_net.get(&net).map_or(0, Vec::len);
        let crowded = if own >= self.per_net {
            self.remove_one(net, Duration::ZERO)
        } else {
            self.count >= self.total && self.make_room(Duration::ZERO)
        };
        let number = self.next;
        self.next += 1;
        let (asked, reads_body) = (false.into(), false.into());
        let seat = Arc::new(Seat { number, asked, reads_body, since: Instant::now(), go: Notify::new() });
        self.by_net.entry(net).or_default().push(Arc::clone(&seat));
        self.count += 1;
        (seat, crowded)
    }

    /// Sends the oldest idle one of the biggest holder away, if it is here for this long. `false`: nobody goes.
    pub(super) fn make_room(&mut self, since: Duration) -> bool {
        let oldest = |seats: &[Arc<Seat>]| seats.first().map_or(0, |s| s.number);
        let biggest = self.by_net.iter().max_by_key(|(_, seats)| (seats.len(), u64::MAX - oldest(seats)));
        biggest.map(|(net, _)| *net).is_some_and(|net| self.remove_one(net, since))
    }

    fn remove_one(&mut self, net: Net, since: Duration) -> bool {
        let Some(seats) = self.by_net.get(&net) else { return false };
        let settled = || seats.iter().filter(|s| s.since.elapsed() >= since);
        let Some(seat) = settled().find(|s| s.is_idle()).or(settled().next()).cloned() else { return false };
        self.leave(net, &seat);
        seat.go.notify_one();
        true
    }

    /// A connection has ended. Whoever was sent away has left already.
    pub(super) fn leave(&mut self, net: Net, seat: &Seat) {
        self.end_body(net, seat);
        let Some(seats) = self.by_net.get_mut(&net) else { return };
        let before = seats.len();
        seats.retain(|s| s.number != seat.number);
        self.count -= before - seats.len();
        if seats.is_empty() {
            self.by_net.remove(&net);
        }
    }

    /// Sends everybody away, or only those who have not asked yet.
    pub(super) fn send_away(&mut self, only_idle: bool) {
        let all = self.by_net.values().flatten();
        all.filter(|s| !only_idle || s.is_idle()).for_each(|s| s.go.notify_one());
    }

    /// Whether there is memory for one more body from `net`.
    pub(super) fn begin_body(&mut self, net: Net, seat: &Seat) -> bool {
        let all: usize = self.bodies.values().sum();
        let own = self.bodies.get(&net).copied().unwrap_or(0);
        let free = all < BODIES_MAX && own < BODIES_PER_NET;
        if free && !seat.reads_body.swap(true, Ordering::Relaxed) {
            self.bodies.insert(net, own + 1);
        }
        free
    }

    /// The body has been handed over, or its reader has gone.
    pub(super) fn end_body(&mut self, net: Net, seat: &Seat) {
        if !seat.reads_body.swap(false, Ordering::Relaxed) {
            return;
        }
        match self.bodies.get_mut(&net) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.bodies.remove(&net)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> Net {
        Net::of(IpAddr::from([127, 0, 0, last]))
    }

    fn numbers(guests: &Guests, net: Net) -> Vec<u64> {
        guests.by_net.get(&net).map_or(Vec::new(), |seats| seats.iter().map(|s| s.number).collect())
    }

    #[test]
    fn an_address_is_what_one_person_has() {
        let net = |text: &str| Net::of(text.parse().unwrap());
        assert_eq!(net("::ffff:192.0.2.1"), net("192.0.2.1"));
        assert_ne!(net("192.0.2.1"), net("192.0.2.2"));
        assert_eq!(net("2001:db8:0:1::1"), net("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(net("2001:db8:0:1::1"), net("2001:db8:0:2::1"));
    }

    #[test]
    fn an_address_that_has_its_share_loses_its_own_oldest() {
        let mut guests = Guests::new(3, 100);
        let first = guests.enter(v4(1)).0;
        first.has_asked();
        let second = guests.enter(v4(1)).0;
        assert!(!guests.enter(v4(1)).1 && !guests.enter(v4(2)).1);
        assert!(guests.enter(v4(1)).1);
        assert_eq!(numbers(&guests, v4(1)), [0, 2, 4], "who is being answered stays");
        assert_eq!(guests.count, 4);
        guests.leave(v4(1), &second);
        assert_eq!(guests.count, 4, "it had left already");
        guests.leave(v4(1), &first);
        assert_eq!((guests.count, numbers(&guests, v4(1))), (3, vec![2, 4]));
    }

    #[test]
    fn a_full_house_takes_from_who_holds_most() {
        let mut guests = Guests::new(10, 6);
        for net in [1, 2, 2, 2, 3, 3] {
            assert!(!guests.enter(v4(net)).1);
        }
        assert!(guests.enter(v4(9)).1);
        assert_eq!(numbers(&guests, v4(2)), [2, 3]);
        // Of 2, 3 and now 9 with two each, the one whose oldest is oldest.
        assert!(guests.enter(v4(9)).1);
        assert_eq!(numbers(&guests, v4(2)), [3]);
        assert_eq!(guests.count, 6);
        let mut alone = Guests::new(10, 1);
        alone.enter(v4(1));
        assert!(alone.enter(v4(1)).1 && alone.count == 1);
        assert!(!Guests::new(1, 1).make_room(Duration::ZERO), "nobody is there");
        assert!(!alone.make_room(Duration::from_secs(60)) && alone.count == 1, "whoever has just come stays");
        assert!(alone.make_room(Duration::ZERO) && alone.count == 0);
    }

    #[test]
    fn bodies_have_a_budget_of_their_own() {
        let mut guests = Guests::new(100, 1000);
        let mut seats = Vec::new();
        for net in 0..20 {
            let mut got = 0;
            for _ in 0..6 {
                let seat = guests.enter(v4(net)).0;
                got += usize::from(guests.begin_body(v4(net), &seat));
                seats.push((v4(net), seat));
            }
            assert_eq!(got, if net < 8 { 4 } else { 0 }, "{net}");
        }
        let (net, seat) = &seats[0];
        guests.end_body(*net, seat);
        guests.end_body(*net, seat);
        let late = guests.enter(v4(30)).0;
        assert!(guests.begin_body(v4(30), &late));
        for (net, seat) in &seats {
            guests.leave(*net, seat);
        }
        guests.leave(v4(30), &late);
        assert!(guests.bodies.is_empty() && guests.by_net.is_empty() && guests.count == 0);
    }
}
