//! What routers say about pings that they do not deliver, in words (RFC 792, RFC 1812, RFC 4443). Pure.

use crate::packet::Version;
use std::net::IpAddr;

/// A word from the way to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reason {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    /// Who said it.
    pub(crate) by: Option<IpAddr>,
    /// This host itself did: nobody answers to the address on its own network.
    pub(crate) by_us: bool,
}

impl Reason {
    /// As the end of a sentence about the host `to`.
    pub(crate) fn words(self, version: Version, to: IpAddr) -> String {
        let unreachable = match version {
            Version::Four => (self.kind, self.code) == (3, 1),
            Version::Six => (self.kind, self.code) == (1, 3),
        };
        if self.by_us && unreachable {
            return "nobody on this host's own network has that address".to_owned();
        }
        let who = match self.by {
            Some(_) if self.by_us => "this host itself".to_owned(),
            Some(by) if by == to => "it".to_owned(),
            Some(by) => format!("the router {by}"),
            None => "a router".to_owned(),
        };
        format!("{who} says that {}", what(version, self.kind, self.code))
    }
}

fn what(version: Version, kind: u8, code: u8) -> String {
    let known = match (version, kind, code) {
        (Version::Four, 3, 0 | 6) | (Version::Six, 1, 0) => "it has no route to the host's network",
        (Version::Four, 3, 1 | 7) | (Version::Six, 1, 3) => "the host cannot be reached",
        (Version::Four, 3, 2) => "the host does not know ICMP",
        (Version::Four, 3, 3) | (Version::Six, 1, 4) => "the port cannot be reached",
        (Version::Four, 3, 4) | (Version::Six, 2, _) => "the packets are too large for the way",
        (Version::Four, 3, 9 | 10 | 13) | (Version::Six, 1, 1 | 5) => "it is forbidden (administratively prohibited)",
        (Version::Six, 1, 6) => "the route is closed (reject)",
        (Version::Four, 11, 0) | (Version::Six, 3, 0) => "the packets go in circles (time to live exceeded)",
        (Version::Four, 11, _) | (Version::Six, 3, _) => "parts of the packets are missing (reassembly time exceeded)",
        _ => return format!("it does not deliver them (ICMP type {kind}, code {code})"),
    };
    known.to_owned()
}
