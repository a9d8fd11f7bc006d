//! `checker peers invite`: the block that a friend pastes.

use super::super::Cx;
use super::super::args;
use super::super::exit::{Exit, Failure};
use super::super::world::World;
use crate::node::host_name;
use crate::peer::PublicKey;
use crate::settings::http_url;
use std::io::Write as _;
use std::net::Ipv6Addr;

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Invite) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let Some(listen) = world.settings.daemon.as_ref().and_then(|d| d.peer_listen) else {
        return Err(Failure::Other(
            Exit::Settings,
            "peers could not ask this node: set peer_listen = \"[::]:5000\" under [daemon], and start `checker daemon`"
                .to_owned(),
        ));
    };
    let host = args.host.clone().unwrap_or_else(host_name);
    let url = url(&host, listen.port()).map_err(Failure::usage)?;
    let key: PublicKey = world.key()?.public();
    let name = &world.settings.general.servername;
    let admin = world.settings.general.alertcontact.iter().find(|c| c.contains('@')).cloned().unwrap_or_default();
    if listen.ip().is_loopback() {
        let port = listen.port();
        let words = format!(
            "checker: no other machine can reach peer_listen = \"{listen}\": write peer_listen = \"[::]:{port}\", unless \
             something before it passes questions on"
        );
        // Nobody is left to tell if stderr is closed.
        drop(writeln!(std::io::stderr().lock(), "{words}"));
    }
    writeln!(cx.out, "# Paste this into the settings of the Checker that is to watch {name}:\n")?;
    writeln!(cx.out, "[[peer]]\nname = \"{name}\"\nurl = \"{url}\"\nadmin = \"{admin}\"\nkey = \"{key}\"\n")?;
    writeln!(cx.out, "# There, see whether it answers (one of True, MailProblem, JobProblem):")?;
    writeln!(cx.out, "#   curl {url}/")?;
    writeln!(cx.out, "# Then run there: checker check && checker peers invite")?;
    writeln!(cx.out, "# and paste what that prints into the settings of {name}: watching is mutual.")?;
    Ok(Exit::Ok)
}

/// The URL of this node, whatever form `host` has: a name, an address, either with a port, or a whole URL.
fn url(host: &str, port: u16) -> Result<String, String> {
    let host = host.trim().trim_end_matches('/');
    let wrong = |why: &str| format!("--host {host}: {why}; write a name or an address, such as alpha.example.com");
    if !host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:/[]%~".contains(c)) {
        return Err(wrong("this holds a character that no host has"));
    }
    let url = if let Some((scheme, rest)) = host.split_once("://") {
        // A URL of https:// is that of a proxy, which knows its port.
        if scheme == "http" && !rest.contains('/') {
            format!("http://{}", with_port(rest, port))
        } else {
            host.to_owned()
        }
    } else if host.contains('/') {
        return Err(wrong("a path belongs to a URL, with http:// or https:// before it"));
    } else {
        format!("http://{}", with_port(host, port))
    };
    http_url(&url).map_err(|fault| wrong(&fault.message))?;
    Ok(url)
}

/// A host with the port that it has, else with this one.
fn with_port(host: &str, port: u16) -> String {
    if host.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok() {
        return format!("[{}]:{port}", host.trim_matches(['[', ']']));
    }
    if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_names_this_host_leads_to_a_right_url() {
        for (host, right) in [
            ("foo", "http://foo:5000"),
            ("foo:80", "http://foo:80"),
            ("http://foo:5000", "http://foo:5000"),
            ("http://foo/", "http://foo:5000"),
            ("https://foo.example.com/checker/", "https://foo.example.com/checker"),
            ("192.0.2.1", "http://192.0.2.1:5000"),
            ("2001:db8::1", "http://[2001:db8::1]:5000"),
            ("[2001:db8::1]", "http://[2001:db8::1]:5000"),
            ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]:5000"),
        ] {
            assert_eq!(url(host, 5000).as_deref(), Ok(right), "{host}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for host in ["", "foo bar", "foo\"", "foo/x", "ftp://foo", "http://", "foo:99999", "foo:x", "me@foo"] {
            let why = url(host, 5000).unwrap_err();
            assert!(why.starts_with("--host ") && why.contains("write a name or an address"), "{host}: {why}");
        }
    }
}
