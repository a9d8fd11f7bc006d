//! What a run does, read off the settings once.

use std::net::IpAddr;
use std::time::Duration;

/// Which addresses of a name are pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    Four,
    Six,
}

impl Family {
    pub(crate) fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Four => ip.is_ipv4(),
            Self::Six => ip.is_ipv6(),
        }
    }
}

/// How to ping and what is good.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// 1 to 100.
    pub(crate) count: u16,
    pub(crate) interval: Duration,
    /// More than this is crossed; in hundredths of a percent, as `amount::parse_percent` reads it.
    pub(crate) loss_warning: u64,
    /// As above.
    pub(crate) loss_critical: u64,
    pub(crate) rtt_warning: Option<Duration>,
    pub(crate) rtt_critical: Option<Duration>,
    /// Bytes behind the header of ICMP.
    pub(crate) size: usize,
    pub(crate) family: Family,
}
