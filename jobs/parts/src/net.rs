//! Addresses as settings give them, and whose fault it is that a connection failed.
//!
//! A job that fails must not blame its target for a fault of this host, nor the other way round. So errors are sorted
//! here, once, and only positive local evidence makes one ours: no route, a silent resolver, no file handles.

mod dial;
mod list;
pub mod reach;

use checker_job::Blame;
pub use dial::{Line, dial};
pub use list::endpoints;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The cause of an outcome `Unknown`, where no address can be reached for lack of a route.
pub const NO_ROUTE: &str = "this host has no route";

/// The cause of an outcome `Unknown`, where this host lets no packet out.
pub const FORBIDDEN: &str = "this host's own firewall forbids the connection";

/// The cause of an outcome `Unknown`, where names cannot be resolved.
pub const NO_RESOLVER: &str = "the resolver does not answer";

/// A host and a port, as `"ns.example.com:53"`, `"192.0.2.1:53"` or `"[2001:db8::1]:53"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Host and port as they are shown.
    text: Box<str>,
    port: u16,
    literal: Option<IpAddr>,
}

impl Endpoint {
    /// Reads an address. Names are put in lower case; nothing is resolved.
    ///
    /// # Errors
    /// A sentence without a full stop that says what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_like(text, "ns.example.com:53")
    }

    /// As [`parse`](Self::parse), where errors show an address such as `example`.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn parse_like(text: &str, example: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, usual) = example.rsplit_once(':').unwrap_or((example, "53"));
        // To look for one byte costs a fraction of what looking for three characters does, and most addresses have none.
        if text.as_bytes().contains(&b'/')
            && let Some((scheme, rest)) = text.split_once("://")
        {
            let rest = rest.split('/').next().unwrap_or_default();
            return Err(format!("leave out {scheme}:// and what follows the port, as in \"{}\"", with_port(rest)));
        }
        let (host, port) = split(text, usual)?;
        if host.is_empty() {
            return Err(format!("\"{text}\" has no host; write it before the port, as in \"{name}{text}\""));
        }
        let port = port_of(port, host, usual)?;
        if let Some(inner) = host.strip_prefix('[') {
            let inner = inner.trim_end_matches(']');
            let (address, zone) = inner.split_once('%').map_or((inner, None), |(a, z)| (a, Some(z)));
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| format!("\"{inner}\" is no IPv6 address; names and IPv4 addresses take no brackets"))?;
            let host = zone.map_or_else(|| address.to_string(), |zone| format!("{address}%{zone}"));
            return Ok(Self {
                text: format!("[{host}]:{port}").into(),
                port,
                // The number behind a zone's name is the system's to say, at each run.
                literal: zone.is_none().then_some(IpAddr::V6(address)),
            });
        }
        let literal = host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
        if literal.is_none() {
            name_is_sound(host)?;
        }
        Ok(Self { text: shown(text, host, port), port, literal })
    }

    /// Host and port, as [`parse`](Self::parse) reads them: the same text for whatever way of writing the same.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        let host = self.text.rsplit_once(':').map_or(&*self.text, |(host, _)| host);
        host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host)
    }

    /// The port; never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the settings gave one and no name. Such an endpoint never needs the resolver.
    pub fn literal(&self) -> Option<SocketAddr> {
        self.literal.map(|ip| SocketAddr::new(ip, self.port))
    }

    /// All addresses, each once, in the system's order. The caller sets the limit of time. What is resolved runs on a
    /// thread that blocks, and may live longer than the caller waits.
    ///
    /// # Errors
    /// [`ResolveError`]; never for a literal.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, ResolveError> {
        if let Some(literal) = self.literal() {
            return Ok(vec![literal]);
        }
        let found = tokio::net::lookup_host((self.host(), self.port)).await.map_err(|e| ResolveError::of(&e))?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(ResolveError::NoSuchName);
        }
        Ok(addresses)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How a name or an IPv4 address is shown with its port. Most stand in the settings like that.
fn shown(text: &str, host: &str, port: u16) -> Box<str> {
    let zeros = text.len() > host.len() + 1 && text.as_bytes().get(host.len() + 1) == Some(&b'0');
    if zeros {
        return format!("{}:{port}", host.to_ascii_lowercase()).into();
    }
    let mut text: Box<str> = text.into();
    text.make_ascii_lowercase();
    text
}

fn with_port(host: &str) -> String {
    match split(host, "443") {
        Ok((_, Some(_))) => host.to_owned(),
        _ => format!("{host}:443"),
    }
}

/// Host (with its brackets) and port, if there is one.
fn split<'t>(text: &'t str, usual: &str) -> Result<(&'t str, Option<&'t str>), String> {
    if text.starts_with('[') {
        let end = text
            .find(']')
            .and_then(|at| text.split_at_checked(at + 1))
            .ok_or_else(|| format!("\"{text}\" lacks its closing bracket ]"))?;
        return match end {
            (host, "") => Ok((host, None)),
            (host, rest) => match rest.strip_prefix(':') {
                Some(port) => Ok((host, Some(port))),
                None => Err(format!("\"{text}\" has no : between ] and the port")),
            },
        };
    }
    let colon = |text: &str| text.bytes().position(|b| b == b':');
    let Some((host, port)) = colon(text).and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) else {
        return Ok((text, None));
    };
    if colon(port).is_some() {
        return Err(format!(
            "\"{text}\" has more than one colon; write an IPv6 address in brackets, as in \"[2001:db8::1]:{usual}\""
        ));
    }
    Ok((host, Some(port)))
}

fn port_of(port: Option<&str>, host: &str, usual: &str) -> Result<u16, String> {
    let Some(port) = port else {
        return Err(format!("\"{host}\" has no port; add it, as in \"{host}:{usual}\""));
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if port > 0 && digits => Ok(port),
        _ => Err(format!("\"{port}\" is no port; write a number from 1 to 65535, as in \"{host}:{usual}\"")),
    }
}

fn name_is_sound(host: &str) -> Result<(), String> {
    if let Some(bad) = host.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        return Err(if bad.is_ascii() {
            format!("\"{bad}\" cannot stand in a host's name; write host:port and nothing else")
        } else {
            format!("\"{host}\" is not plain ASCII; write the name's form that begins with xn--")
        });
    }
    let labels = host.strip_suffix('.').unwrap_or(host).split('.');
    if host.len() > 253 || labels.clone().any(|l| l.is_empty() || l.len() > 63) {
        return Err(format!("\"{host}\" is no host's name: the parts between its dots must have 1 to 63 characters"));
    }
    if labels.clone().all(|l| l.bytes().all(|b| b.is_ascii_digit())) {
        return Err(format!("\"{host}\" is no IPv4 address; it has four numbers from 0 to 255, as in \"192.0.2.1\""));
    }
    Ok(())
}

/// Why a name has no address for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// The name does not exist, or has no address: the target's fault.
    NoSuchName,
    /// The resolver is silent, refuses or fails: nothing is known about the name. Holds what the system said.
    NoResolver(String),
    /// This host lacks what it takes to ask. Holds what the system said.
    Ours(String),
}

impl ResolveError {
    /// Whose fault it may be, if not the target's.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::NoSuchName => None,
            Self::NoResolver(_) => Some(Blame::NoResolver),
            Self::Ours(_) => Some(Blame::Shortage),
        }
    }

    /// Sorts an error of the system's resolver. It has no codes by the time it reaches us, only the C library's words,
    /// which are never translated: nothing here sets a locale.
    pub(crate) fn of(error: &io::Error) -> Self {
        if let Some(ours) = local_shortage(error) {
            return Self::Ours(ours);
        }
        let text = error.to_string();
        let said = text.rsplit(": ").next().unwrap_or(&text).to_owned();
        let no_such = [
            "Name or service not known",
            "No address associated with",
            "Name does not resolve",
            "Name has no usable address",
            "nodename nor servname provided",
        ];
        if no_such.iter().any(|words| text.contains(words)) { Self::NoSuchName } else { Self::NoResolver(said) }
    }
}

/// Why a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The target's host answers, and nothing listens at the port.
    Refused,
    /// The connection was cut off from the other side.
    Reset,
    /// Nobody answered in the system's own time.
    TimedOut,
    /// There is a route from here, but a router or the neighbourhood says that the target is not there.
    Unreachable,
    /// This host has no route to such an address.
    NoRoute,
    /// This host's own firewall forbids the connection.
    Forbidden,
    /// This host has run out of something. Holds the cause, worded alike for all jobs.
    Ours(String),
    /// Anything else. Holds what the system said.
    Other(String),
}

impl Trouble {
    /// Sorts an error met while connecting to `to` or talking with it.
    pub fn of(error: &io::Error, to: SocketAddr) -> Self {
        use Errno::{EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, ECONNREFUSED, ECONNRESET, EHOSTUNREACH};
        use Errno::{ENETDOWN, ENETUNREACH, EPERM, EPIPE, ETIMEDOUT};
        if let Some(ours) = local_shortage(error) {
            return Self::Ours(ours);
        }
        match error.raw_os_error().map(Errno::from_raw) {
            Some(ECONNREFUSED) => Self::Refused,
            Some(ECONNRESET | EPIPE) => Self::Reset,
            Some(ETIMEDOUT) => Self::TimedOut,
            Some(EAFNOSUPPORT | ENETDOWN) => Self::NoRoute,
            Some(ENETUNREACH | EHOSTUNREACH | EADDRNOTAVAIL | EACCES | EPERM) if !has_route(to) => Self::NoRoute,
            Some(ENETUNREACH | EHOSTUNREACH) => Self::Unreachable,
            Some(EADDRNOTAVAIL) => Self::Ours("this host has no free local port".to_owned()),
            Some(EACCES | EPERM) => Self::Forbidden,
            _ => Self::Other(error.to_string()),
        }
    }

    /// Whose fault it may be, if not that of the target at `to`. Nobody is cut off from this host itself.
    pub fn blame(&self, to: SocketAddr) -> Option<Blame> {
        match self {
            Self::TimedOut | Self::Unreachable => silence(to),
            Self::NoRoute => Some(Blame::NoRoute),
            Self::Forbidden => Some(Blame::Firewall),
            Self::Ours(_) => Some(Blame::Shortage),
            Self::Refused | Self::Reset | Self::Other(_) => None,
        }
    }
}

/// The blame where `to` has not answered: none if it is on this host, where silence is its own.
pub fn silence(to: SocketAddr) -> Option<Blame> {
    (!to.ip().to_canonical().is_loopback()).then_some(Blame::Silence)
}

/// The cause, if `error` says that this process or host has run out of something.
fn local_shortage(error: &io::Error) -> Option<String> {
    let what = match error.raw_os_error().map(Errno::from_raw)? {
        Errno::EMFILE | Errno::ENFILE => "no file handle",
        Errno::ENOMEM | Errno::ENOBUFS => "no memory",
        Errno::EAGAIN => "no free process or port",
        _ => return None,
    };
    Some(format!("this host has {what} left"))
}

/// Whether this host has a route to `to`. Asks the kernel only: a datagram socket is told its peer, and nothing is sent.
/// In doubt the answer is yes, so that only evidence makes a fault ours.
pub fn has_route(to: SocketAddr) -> bool {
    let from: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let lacks = |error: &io::Error| {
        matches!(
            error.raw_os_error().map(Errno::from_raw),
            Some(
                Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT | Errno::ENETDOWN
            )
        )
    };
    match UdpSocket::bind((from, 0)).and_then(|socket| socket.connect(to)) {
        Ok(()) => true,
        Err(error) => !lacks(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_alike() {
        for (text, shown, literal) in [
            ("ns.example.com:53", "ns.example.com:53", false),
            ("NS.Example.com:53", "ns.example.com:53", false),
            (" 192.0.2.1:80 ", "192.0.2.1:80", true),
            ("NS.example.com:0053", "ns.example.com:53", false),
            ("[2001:DB8::1]:443", "[2001:db8::1]:443", true),
            ("[fe80::1%eth0]:22", "[fe80::1%eth0]:22", false),
            ("_sip.example.com.:5060", "_sip.example.com.:5060", false),
            ("localhost:1", "localhost:1", false),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(endpoint.literal().is_some(), literal, "{text}");
            assert_eq!(Endpoint::parse(shown), Ok(endpoint), "shown and read again");
        }
    }

    #[test]
    fn hosts_are_named_without_port_and_brackets() {
        for (text, host) in [
            ("NS.example.com:53", "ns.example.com"),
            ("192.0.2.1:080", "192.0.2.1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("[fe80::1%eth0]:22", "fe80::1%eth0"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().host(), host);
        }
    }

    #[test]
    fn each_wrong_address_says_what_to_write() {
        for (text, remedy) in [
            ("ns.example.com", "add it, as in \"ns.example.com:53\""),
            ("192.0.2.1", "as in \"192.0.2.1:53\""),
            ("[2001:db8::1]", "as in \"[2001:db8::1]:53\""),
            ("2001:db8::1:53", "in brackets"),
            ("[2001:db8::1:53", "closing bracket"),
            ("[2001:db8::1]53", "no : between"),
            ("[ns.example.com]:53", "no IPv6 address"),
            (":53", "\"ns.example.com:53\""),
            ("", "no host"),
            ("ns:0", "1 to 65535"),
            ("ns:65536", "1 to 65535"),
            ("ns:+5", "1 to 65535"),
            ("ns:", "1 to 65535"),
            ("ns:dns", "1 to 65535"),
            ("https://www.example.com/", "\"www.example.com:443\""),
            ("tcp://ns:53", "\"ns:53\""),
            ("ns 1:53", "\" \" cannot stand"),
            ("bücher.example:80", "xn--"),
            ("256.0.0.1:80", "no IPv4 address"),
            ("10.1:80", "no IPv4 address"),
            ("a..b:80", "between its dots"),
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.contains(remedy), "{text}: {error}");
            assert!(!error.ends_with('.'), "{error}");
        }
    }

    #[test]
    fn the_resolvers_words_are_sorted() {
        let of = |text: &str| ResolveError::of(&io::Error::other(text.to_owned()));
        let prefix = "failed to lookup address information: ";
        for words in ["Name or service not known", "No address associated with hostname", "Name does not resolve"] {
            assert_eq!(of(&format!("{prefix}{words}")), ResolveError::NoSuchName);
        }
        for words in ["Temporary failure in name resolution", "Try again", "Non-recoverable failure in name resolution"]
        {
            assert_eq!(of(&format!("{prefix}{words}")), ResolveError::NoResolver(words.to_owned()));
        }
        let full = io::Error::from_raw_os_error(Errno::EMFILE as i32);
        assert!(matches!(ResolveError::of(&full), ResolveError::Ours(_)));
    }

    #[test]
    fn a_fault_is_ours_only_on_local_evidence() {
        let here: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let of = |errno: Errno| Trouble::of(&io::Error::from_raw_os_error(errno as i32), here);
        assert!(has_route(here));
        assert_eq!(of(Errno::ECONNREFUSED), Trouble::Refused);
        assert_eq!(of(Errno::ENETUNREACH), Trouble::Unreachable, "a route is there, so a router said it");
        assert_eq!(of(Errno::EHOSTUNREACH), Trouble::Unreachable);
        assert_eq!(of(Errno::EAFNOSUPPORT), Trouble::NoRoute);
        assert_eq!(of(Errno::EMFILE), Trouble::Ours("this host has no file handle left".to_owned()));
        assert!(matches!(of(Errno::EADDRNOTAVAIL), Trouble::Ours(_)));
        assert_eq!(of(Errno::EPERM), Trouble::Forbidden);
        assert_eq!(of(Errno::ETIMEDOUT).blame(here), None, "silence on this host is the target's own");
        let there: SocketAddr = "192.0.2.1:9".parse().unwrap();
        assert_eq!(of(Errno::ETIMEDOUT).blame(there), Some(Blame::Silence));
        assert_eq!(of(Errno::ECONNREFUSED).blame(there), None, "a refusal is an answer");
        assert_eq!(of(Errno::ENOBUFS).blame(there), Some(Blame::Shortage));
    }

    #[test]
    fn a_literal_and_localhost_resolve_without_a_network() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let literal = Endpoint::parse("192.0.2.1:80").unwrap();
        assert_eq!(runtime.block_on(literal.resolve()).unwrap(), ["192.0.2.1:80".parse().unwrap()]);
        let local = Endpoint::parse("localhost:80").unwrap();
        let found = runtime.block_on(local.resolve()).unwrap();
        assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 80), "{found:?}");
    }
}
