//! Pings and their answers (RFC 792, RFC 4443). Pure.

/// Bytes of the header of an echo message.
pub(crate) const HEADER: usize = 8;
/// So many random bytes stand at the begin of what a ping carries.
pub(crate) const TOKEN: usize = 16;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Four,
    Six,
}

impl Version {
    fn request(self) -> u8 {
        match self {
            Self::Four => 8,
            Self::Six => 128,
        }
    }

    pub(crate) fn reply(self) -> u8 {
        match self {
            Self::Four => 0,
            Self::Six => 129,
        }
    }
}

/// The pings of a run to one address.
#[derive(Clone, Debug)]
pub(crate) struct Pings {
    pub(crate) version: Version,
    /// On a datagram socket the kernel puts its own one there.
    pub(crate) id: u16,
    payload: Vec<u8>,
}

/// What a packet says to our pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The answer to this one.
    Answer(u16),
    /// The answer to this one, with other bytes than were sent.
    Changed(u16),
    /// Nothing.
    Foreign,
}

impl Pings {
    pub(crate) fn new(version: Version, id: u16, token: [u8; TOKEN], size: usize) -> Self {
        let mut payload = token.to_vec();
        // Each byte is another one than its neighbours, as what is lost or doubled in the middle is then seen.
        payload.extend((TOKEN..size).map(|at| at.to_le_bytes()[0]));
        payload.truncate(size.max(TOKEN));
        Self { version, id, payload }
    }

    /// The ping with this number.
    pub(crate) fn request(&self, number: u16) -> Vec<u8> {
        let mut packet = vec![self.version.request(), 0, 0, 0];
        packet.extend(self.id.to_be_bytes());
        packet.extend(number.to_be_bytes());
        packet.extend(&self.payload);
        // For IPv6 the kernel sums, since the addresses are part of it.
        if self.version == Version::Four {
            let sum = checksum(&packet).to_be_bytes();
            packet.splice(2..4, sum);
        }
        packet
    }

    /// Reads what came in. It may begin with the header of IP, as it does on raw sockets for IPv4.
    pub(crate) fn said(&self, packet: &[u8]) -> Said {
        let packet = self.without_ip(packet);
        let (Some([kind, 0, _, _, _, _, high, low]), Some(payload)) = (packet.get(..HEADER), packet.get(HEADER..))
        else {
            return Said::Foreign;
        };
        let number = u16::from_be_bytes([*high, *low]);
        if *kind != self.version.reply() || payload.get(..TOKEN) != self.payload.get(..TOKEN) {
            Said::Foreign
        } else if payload == self.payload {
            Said::Answer(number)
        } else {
            Said::Changed(number)
        }
    }

    /// The number of the ping that a router quotes. It need not quote what the ping carried.
    pub(crate) fn quoted(&self, packet: &[u8], any_id: bool) -> Option<u16> {
        let Some([kind, _, _, _, id1, id2, high, low]) = self.without_ip(packet).get(..HEADER) else { return None };
        let ours = *kind == self.version.request() && (any_id || u16::from_be_bytes([*id1, *id2]) == self.id);
        ours.then_some(u16::from_be_bytes([*high, *low]))
    }

    fn without_ip<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        // No message that is looked for begins with these.
        let header = match (self.version, packet.first()) {
            (Version::Four, Some(first)) if first >> 4 == 4 => usize::from(first & 0xf) * 4,
            (Version::Six, Some(first)) if first >> 4 == 6 => 40,
            _ => 0,
        };
        packet.get(header..).unwrap_or_default()
    }
}

/// The sum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}
