//! `tls` where it is begun by a command: Postfix, Dovecot, vsftpd, `PostgreSQL`, `OpenLDAP`.

use crate::support::binary::{Home, done};
use crate::support::doors::{Door, Kind};
use crate::support::network::wrapped;
use crate::support::process::Daemon;
use crate::support::tls::{Ca, Identity};
use crate::support::{free_ports, mail, need, wait_until};
use nix::sys::signal::Signal;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn table(name: &str, port: u16, ca: &str) -> String {
    format!(
        "[[job.tls]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\nserver_name = \"localhost\"\nstarttls = \
         \"{name}\"\nca_file = \"{ca}\"\n\n"
    )
}

#[test]
fn each_protocol_goes_over_to_tls_on_a_real_server() {
    if !need("postfix") || Kind::ALL.iter().any(|kind| !need(kind.word())) {
        return;
    }
    let ca = Ca::new();
    let doors: Vec<Door> = Kind::ALL.iter().map(|kind| Door::open(*kind, &ca.identity("localhost"))).collect();
    let server = mail::shared();
    let home = Home::with_jobs("");
    home.write("ca.pem", &ca.pem);
    home.write("mail-ca.pem", &server.ca.pem);
    let mut jobs = table("smtp", server.ports.starttls, "HOME/mail-ca.pem");
    for door in &doors {
        for (starttls, port) in &door.ports {
            jobs.push_str(&table(starttls, *port, "HOME/ca.pem"));
        }
    }
    home.settings(&crate::support::binary::usual(&jobs));
    for name in ["smtp", "imap", "pop3", "ftp", "postgres", "ldap"] {
        let done = home.run(&["try", name]);
        let logs: Vec<String> = doors.iter().map(Door::log).collect();
        let well = done.out.starts_with(&format!("{name}: ok"));
        assert!(well, "{name}: {}{}\n{}", done.out, done.err, logs.join("\n"));
        assert!(done.out.contains("certificate of localhost is good for another"), "{name}: {}", done.out);
    }
    for door in &doors {
        let log = door.log().to_lowercase();
        assert!(!log.contains("invalid") && !log.contains("error"), "we leave as guests do: {log}");
    }
}

#[test]
fn a_server_without_tls_says_so_in_each_protocol() {
    if !need("postfix") || Kind::ALL.iter().any(|kind| !need(kind.word())) {
        return;
    }
    let server = mail::shared();
    let doors: Vec<Door> = Kind::ALL.iter().map(|kind| Door::without_tls(*kind)).collect();
    let mut jobs = table("smtp", server.ports.plain, "HOME/mail-ca.pem");
    for door in &doors {
        for (starttls, port) in &door.ports {
            jobs.push_str(&table(starttls, *port, "HOME/mail-ca.pem"));
        }
    }
    let home = Home::with_jobs("");
    home.write("mail-ca.pem", &server.ca.pem);
    home.settings(&crate::support::binary::usual(&jobs));
    for (name, sentence) in [
        ("smtp", "does not offer STARTTLS"),
        ("imap", "refuses STARTTLS"),
        ("pop3", "refuses STLS"),
        ("ftp", "refuses AUTH TLS"),
        ("postgres", "does not offer TLS"),
        ("ldap", "refuses StartTLS"),
    ] {
        let done = home.run(&["try", name]);
        assert!(done.out.starts_with(&format!("{name}: failed")), "{name}: {}", done.out);
        assert!(done.out.contains(sentence), "{name}: {}{}", done.out, done.err);
    }
}

/// `openssl s_server` at this address, in a folder of its own below `place`.
fn showing(place: &Path, at: &str, identity: &Identity) -> Daemon {
    let folder = place.join(at);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("server.pem"), &identity.certificate).unwrap();
    std::fs::write(folder.join("server.key"), &identity.key).unwrap();
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["s_server", "-quiet", "-www", "-accept", at]);
    command.arg("-cert").arg(folder.join("server.pem")).arg("-key").arg(folder.join("server.key"));
    let server = Daemon::start(command.current_dir(&folder), Signal::SIGTERM);
    let up = wait_until(Duration::from_secs(20), || TcpStream::connect(at).ok());
    assert!(up.is_some(), "openssl s_server does not start: {:?}", std::fs::read_to_string(folder.join("out.log")));
    server
}

#[test]
fn a_server_that_was_forgotten_at_the_renewal_is_found() {
    if !need("openssl") || !need("mounts") {
        return;
    }
    let ca = Ca::new();
    let home = Home::with_jobs("");
    let [port] = free_ports();
    let name = "www.example.test";
    std::fs::create_dir(home.path("sooner")).unwrap();
    let fresh = showing(&home.path(""), &format!("127.0.0.1:{port}"), &ca.identity(name));
    let old = showing(&home.path(""), &format!("127.0.0.2:{port}"), &ca.expired(name));
    home.write("ca.pem", &ca.pem);
    home.write("hosts", &format!("127.0.0.1 {name}\n127.0.0.2 {name}\n"));
    home.settings(&crate::support::binary::usual(&format!(
        "[[job.tls]]\nname = \"web\"\naddress = \"{name}:{port}\"\nca_file = \"HOME/ca.pem\"\n"
    )));
    let look = || {
        let known = format!("mount --bind {} /etc/hosts && exec \"$0\" \"$@\"", home.text("hosts"));
        done(
            &wrapped(&home.command(&["try", "web"]), &["/usr/bin/unshare", "-m", "/bin/sh", "-c", &known])
                .output()
                .unwrap(),
        )
    };
    let one_is_old = look();
    let wanted = format!("1 of 2 addresses of {name}:{port}: 127.0.0.2:{port}: certificate expired ");
    assert!(
        one_is_old.out.starts_with("web: failed") && one_is_old.out.contains(&wanted),
        "{}{}",
        one_is_old.out,
        one_is_old.err
    );
    drop(old);
    let sooner = showing(&home.path("sooner"), &format!("127.0.0.2:{port}"), &ca.sooner(name));
    let both_are_well = look();
    let wanted = "until 3000-01-01 (and 1 other address is well too)";
    assert!(both_are_well.out.contains(wanted), "who ends first speaks: {}", both_are_well.out);
    drop(sooner);
    let one_is_gone = look();
    assert!(one_is_gone.out.contains(&format!("127.0.0.2:{port} refuses the connection")), "{}", one_is_gone.out);
    drop(fresh);
    let none = look();
    assert!(none.out.contains(&format!("none of the 2 addresses of {name}:{port} works")), "{}", none.out);
}
