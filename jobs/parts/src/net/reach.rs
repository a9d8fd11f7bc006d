//! Which addresses this process may look at, where it looks for somebody else.
//!
//! Whoever asks us to try a target for them must not get further with that than they get from where they are: not to
//! services of this host, which trust whoever is on it, and to private networks only where our admin said so. It is judged
//! at the moment of each connection, behind name and redirect.

mod routes;

use routes::Place;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far this process may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the internet, but for those of networks that this host is part of.
    Public,
    /// Those too, and those of private networks.
    Private,
}

/// Unset in a process that looks for its own node.
static REACH: OnceLock<Reach> = OnceLock::new();
static WAS_REFUSED: AtomicBool = AtomicBool::new(false);

/// From now on this process looks no further, until it ends. False: it was limited before, and stays as it was.
pub fn limit(reach: Reach) -> bool {
    REACH.set(reach).is_ok()
}

/// Whether a connection was refused because of [`limit`]: then what the run found says nothing of its target.
pub fn was_refused() -> bool {
    WAS_REFUSED.load(Ordering::Acquire)
}

/// Lets only addresses through that this process may look at. All that opens connections or sends packets to a target asks here.
///
/// # Errors
/// `PermissionDenied`, if it may not.
pub fn may_look(to: SocketAddr) -> io::Result<()> {
    match REACH.get() {
        Some(reach) if !leads(*reach, to) => {
            WAS_REFUSED.store(true, Ordering::Release);
            let ip = to.ip();
            Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{ip} is not looked at for others")))
        }
        _ => Ok(()),
    }
}

/// Whether `reach` leads there. This host's firewall lets this host itself in where it keeps all others out, and what is next to
/// it may be kept from the internet by a router.
fn leads(reach: Reach, to: SocketAddr) -> bool {
    reach.takes(to.ip())
        && match routes::place(to.ip()) {
            Place::Here => false,
            Place::NextToUs => reach == Reach::Private,
            Place::Beyond => true,
        }
}

impl Reach {
    /// Whether it reaches `ip`.
    pub fn takes(self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.takes_v4(ip),
            IpAddr::V6(ip) => self.takes_v6(ip),
        }
    }

    fn takes_v4(self, ip: Ipv4Addr) -> bool {
        let [a, b, c, _] = ip.octets();
        let nobodys = a == 0
            || ip.is_loopback()
            || ip.is_link_local()
            || a >= 224
            || (a, b, c) == (192, 0, 0)
            // Relays to IPv6 (RFC 7526).
            || (a, b, c) == (192, 88, 99);
        let shared = a == 100 && (64..128).contains(&b);
        let benchmarks = a == 198 && (b == 18 || b == 19);
        let private = ip.is_private() || ip.is_documentation() || shared || benchmarks;
        !nobodys && (self == Self::Private || !private)
    }

    fn takes_v6(self, ip: Ipv6Addr) -> bool {
        let parts = ip.segments();
        let four = |at: usize| match parts.get(at..at + 2) {
            Some(&[high, low]) => Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)),
            _ => Ipv4Addr::UNSPECIFIED,
        };
        // Forms that hold an IPv4 address are as good as that: NAT64 (RFC 6052) and 6to4 (RFC 3056).
        match parts {
            [0x64, 0xff9b, 0, 0, 0, 0, ..] => return self.takes_v4(four(6)),
            [0x2002, ..] => return self.takes_v4(four(1)),
            _ => {}
        }
        let [first, second, ..] = parts;
        let unique_local = first & 0xfe00 == 0xfc00;
        // What the internet uses is 2000::/3; of that, Teredo and what stands for documents and tests is nobody's.
        let global = first & 0xe000 == 0x2000;
        let special = first == 0x2001 && second < 0x0200;
        let documents = (first, second) == (0x2001, 0x0db8) || (first == 0x3fff && second < 0x1000);
        match self {
            Self::Public => global && !special && !documents,
            Self::Private => (global && !special) || unique_local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(reach: Reach, ip: &str) -> bool {
        reach.takes(ip.parse().unwrap())
    }

    #[test]
    fn nobody_is_led_to_this_host_or_its_neighbourhood() {
        for ip in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "100::1",
            "192.88.99.1",
            "240.0.0.1",
        ] {
            assert!(!takes(Reach::Public, ip) && !takes(Reach::Private, ip), "{ip}");
        }
    }

    #[test]
    fn private_networks_are_reached_only_where_that_was_said() {
        for ip in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "fd00::1",
            "fc00::1",
            "2001:db8::1",
        ] {
            assert!(!takes(Reach::Public, ip) && takes(Reach::Private, ip), "{ip}");
        }
    }

    #[test]
    fn what_the_internet_reaches_is_looked_at() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "::ffff:9.9.9.9",
            "64:ff9b::808:808",
            "2001:4860::8888",
        ] {
            assert!(takes(Reach::Public, ip) && takes(Reach::Private, ip), "{ip}");
        }
    }
}
