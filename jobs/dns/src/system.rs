//! The resolvers of this host, as `/etc/resolv.conf` has them (resolv.conf(5)).

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// Where they stand.
pub(crate) const FILE: &str = "/etc/resolv.conf";
/// The C library asks no more (`MAXNS`).
const MAX: usize = 3;
/// A longer file is none.
const FILE_MAX: u64 = 64 * 1024;

/// The servers of the file. Without any, and without the file, the C library asks the one on this host.
///
/// # Errors
/// A sentence, if the file cannot be read.
pub(crate) fn resolvers(file: &Path) -> Result<Vec<SocketAddr>, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", file.display());
    let text = match std::fs::metadata(file) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(why) => return Err(cannot(&why)),
        Ok(about) if !about.is_file() => return Err(cannot(&"it is no file")),
        Ok(_) => {
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(file).and_then(|f| f.take(FILE_MAX).read_to_end(&mut bytes));
            opened.map_err(|why| cannot(&why))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let found = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            return None;
        }
        words.next().and_then(address)
    });
    let mut found: Vec<SocketAddr> = found.take(MAX).collect();
    if found.is_empty() {
        found.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
    }
    Ok(found)
}

/// An address, perhaps with the number or name of an interface behind `%`.
fn address(word: &str) -> Option<SocketAddr> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, 53));
    }
    let (ip, zone) = word.split_once('%')?;
    let index = std::fs::read_to_string(format!("/sys/class/net/{}/ifindex", zone.replace('/', "")));
    let scope = zone.parse().ok().or_else(|| index.ok()?.trim().parse().ok())?;
    Some(std::net::SocketAddrV6::new(ip.parse().ok()?, 53, 0, scope).into())
}
