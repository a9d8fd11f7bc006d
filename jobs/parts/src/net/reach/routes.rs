//! Where an address is, as this host's routes have it: here, next to us, or beyond a gateway.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is one of this host's own, or nobody can say that it is not.
    Here,
    /// On a network that this host is part of.
    NextToUs,
    /// Behind a gateway, or nowhere.
    Beyond,
}

/// A local route and one to an anycast address of ours, as `linux/ipv6_route.h` has them.
const RTF_OWN: u32 = 0x8000_0000 | 0x0010_0000;
/// Routes shorter than this are ways to the internet that need no gateway (a tunnel, PPP), and no networks of ours.
const NETWORK_MIN: (u32, u32) = (8, 16);

/// Where `ip` is. Nothing is sent.
pub(super) fn place(ip: IpAddr) -> Place {
    let table = |name: &str| std::fs::read_to_string(format!("/proc/self/net/{name}")).ok();
    match ip.to_canonical() {
        // Only an own address can be taken; where the system lets programs take any, all are kept from being looked at.
        IpAddr::V4(ip) => match UdpSocket::bind((ip, 0)).map_err(|e| e.kind()) {
            Err(io::ErrorKind::AddrNotAvailable) => table("route").map_or(Place::Here, |table| of_v4(&table, ip)),
            Ok(_) | Err(_) => Place::Here,
        },
        IpAddr::V6(ip) => table("ipv6_route").map_or(Place::Here, |table| of_v6(&table, ip)),
    }
}

/// By the most exact of the routes in `table`, which has the form of `/proc/net/route`.
fn of_v4(table: &str, ip: Ipv4Addr) -> Place {
    let route = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let mut number = |nth| u32::from_str_radix(fields.nth(nth)?, 16).ok();
        // Destination, gateway and, five fields later, the mask; each in the order of the network.
        let (to, gateway, mask) = (number(0)?, number(0)?, number(4)?);
        let is_way = u32::from_ne_bytes(ip.octets()) & mask == to;
        is_way.then_some((mask.count_ones(), gateway == 0))
    };
    nearest(table.lines().filter_map(route), NETWORK_MIN.0)
}

/// The same for the form of `/proc/net/ipv6_route`, where own addresses have routes too.
fn of_v6(table: &str, ip: Ipv6Addr) -> Place {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (to, gateway) = (fields.first()?, fields.get(4)?);
        let length = u32::from_str_radix(fields.get(1)?, 16).ok()?;
        let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
        let (to, gateway) = (u128::from_str_radix(to, 16).ok()?, u128::from_str_radix(gateway, 16).ok()?);
        let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
        (ip.to_bits() & mask == to & mask).then_some((length, gateway == 0, flags))
    };
    let ways: Vec<_> = table.lines().filter_map(route).collect();
    if ways.iter().any(|(length, _, flags)| *length > 0 && flags & RTF_OWN != 0) {
        return Place::Here;
    }
    nearest(ways.into_iter().map(|(length, direct, _)| (length, direct)), NETWORK_MIN.1)
}

/// `ways` are the length of each route and whether it needs no gateway. Of equal ones, one without a gateway counts.
fn nearest(ways: impl Iterator<Item = (u32, bool)>, network_min: u32) -> Place {
    match ways.max() {
        Some((length, true)) if length >= network_min => Place::NextToUs,
        _ => Place::Beyond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_routes_the_most_exact_one_says_where_an_address_is() {
        // As a little-endian machine prints it.
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                     eth0\t400200C0\t010200C0\t0003\t0\t0\t0\tC0FFFFFF\t0\t0\t0\n\
                     tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n";
        let place = |ip: [u8; 4]| of_v4(table, ip.into());
        if cfg!(target_endian = "little") {
            assert_eq!(place([192, 0, 2, 9]), Place::NextToUs);
            assert_eq!(place([192, 0, 2, 65]), Place::Beyond, "a part of the network is behind a gateway");
            assert_eq!(place([198, 51, 100, 1]), Place::Beyond);
            assert_eq!(place([9, 9, 9, 9]), Place::Beyond, "a tunnel to half of the world is no network of ours");
        }
        assert_eq!(of_v4("", [192, 0, 2, 9].into()), Place::Beyond);
    }

    #[test]
    fn own_addresses_of_ipv6_have_routes() {
        let zero = "0".repeat(32);
        let route = |to: &str, length: &str, gateway: &str, flags: &str| {
            format!("{to} {length} {zero} 00 {gateway} 00000100 00000001 00000000 {flags} eth0\n")
        };
        let gateway = "fe800000000000000000000000000001";
        let table = [
            route(&zero, "00", gateway, "00000003"),
            route("20010db8000000010000000000000000", "40", &zero, "00000001"),
            route("20010db8000000010000000000000009", "80", &zero, "80200001"),
            route("20010db8000000010000000000000000", "80", &zero, "80300001"),
            route("20010db8000500000000000000000000", "30", &zero, "80200001"),
            route(&zero, "00", &zero, "00200200"),
        ]
        .concat();
        let place = |ip: &str| of_v6(&table, ip.parse().unwrap());
        assert_eq!(place("2001:db8:0:1::9"), Place::Here);
        assert_eq!(place("2001:db8:0:1::"), Place::Here, "anycast of its routers");
        assert_eq!(place("2001:db8:0:1::a"), Place::NextToUs);
        assert_eq!(place("2001:db8:5:1::"), Place::Here, "a whole network is ours");
        assert_eq!(place("2606:4700::1"), Place::Beyond);
    }

    #[test]
    fn this_host_knows_itself() {
        for ip in ["127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1"] {
            assert_eq!(place(ip.parse().unwrap()), Place::Here, "{ip}");
        }
        assert_ne!(place("192.0.2.77".parse().unwrap()), Place::Here);
        if std::path::Path::new("/proc/self/net/if_inet6").exists() {
            assert_eq!(place("::1".parse().unwrap()), Place::Here);
        }
    }
}
