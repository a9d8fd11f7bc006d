//! What one outage of a network would silence together. Pure.

use core::net::{IpAddr, Ipv4Addr};

/// Where one peer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the peer.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Our own addresses, on the ways to these.
    pub ours: Vec<IpAddr>,
}

/// A network, as far as one outage is likely to take all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Net {
    ip: IpAddr,
    bits: u8,
}

/// Sentences for the peers that stand in one network with us, and for those that stand in one with each other.
pub fn same_network(places: &[Place]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, place) in places.iter().enumerate() {
        if place.addresses.iter().any(|a| place.ours.contains(a) || a.is_loopback()) {
            found.push(format!("{}: it runs on this very machine", place.name));
        } else if let Some(net) = place.addresses.iter().find_map(|a| common(*a, &place.ours)) {
            found.push(format!("{}: it stands in the same network as this node ({})", place.name, net.words()));
        }
        for other in places.iter().skip(at + 1) {
            if let Some(net) = place.addresses.iter().find_map(|a| common(*a, &other.addresses)) {
                found.push(format!(
                    "{} and {}: they stand in the same network ({})",
                    place.name,
                    other.name,
                    net.words()
                ));
            }
        }
    }
    found
}

fn common(one: IpAddr, others: &[IpAddr]) -> Option<Net> {
    if one.is_loopback() {
        return None;
    }
    let net = Net::of(one);
    others.iter().any(|o| Net::of(*o) == net).then_some(net)
}

impl Net {
    /// A house has a /24 of private addresses or an own IPv6 prefix; a provider's machine room shares a /16, or a /32.
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = if v4.is_private() || v4.is_link_local() || is_shared(v4) { 24 } else { 16 };
                let mask = u32::MAX << (32 - bits);
                Self { ip: IpAddr::V4((u32::from(v4) & mask).into()), bits }
            }
            IpAddr::V6(v6) => {
                let bits = if v6.is_unique_local() || v6.is_unicast_link_local() { 48 } else { 32 };
                let mask = u128::MAX << (128 - bits);
                Self { ip: IpAddr::V6((u128::from(v6) & mask).into()), bits }
            }
        }
    }

    fn words(self) -> String {
        format!("{}/{}", self.ip, self.bits)
    }
}

/// The addresses of carriers' NAT and of some private networks over the net (RFC 6598).
fn is_shared(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    a == 100 && (64..128).contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, addresses: &[&str], ours: &str) -> Place {
        let ips = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect();
        Place { name: name.to_owned(), addresses: ips(addresses), ours: ips(&[ours]) }
    }

    #[test]
    fn a_common_network_is_named_and_an_accident_is_not() {
        for (theirs, ours, said) in [
            ("198.51.100.7", "198.51.7.7", Some("198.51.0.0/16")),
            ("198.51.100.7", "198.52.100.7", None),
            ("192.168.1.7", "192.168.1.9", Some("192.168.1.0/24")),
            ("192.168.1.7", "192.168.2.9", None),
            ("100.64.3.7", "100.64.4.7", None),
            ("2001:db8:1::1", "2001:db8:2::1", Some("2001:db8::/32")),
            ("fd00:1::1", "fd00:2::1", None),
            ("198.51.100.7", "2001:db8::1", None),
            ("::ffff:198.51.100.7", "198.51.7.7", Some("198.51.0.0/16")),
        ] {
            let found = same_network(&[place("beta", &[theirs], ours)]);
            match said {
                Some(net) => assert!(found.len() == 1 && found[0].contains(net), "{theirs} {ours}: {found:?}"),
                None => assert!(found.is_empty(), "{theirs} {ours}: {found:?}"),
            }
        }
        for here in ["127.0.0.1", "::1", "198.51.100.7"] {
            let found = same_network(&[place("beta", &[here], "198.51.100.7")]);
            assert!(found.len() == 1 && found[0].contains("this very machine"), "{here}: {found:?}");
        }
    }

    #[test]
    fn peers_that_stand_together_are_named_once() {
        let found = same_network(&[
            place("beta", &["198.51.100.7", "2001:db8::7"], "203.0.113.1"),
            place("gamma", &["192.0.2.1"], "203.0.113.1"),
            place("delta", &["198.51.9.9", "2001:db8::9"], "203.0.113.1"),
        ]);
        assert_eq!(found, ["beta and delta: they stand in the same network (198.51.0.0/16)"]);
    }
}
