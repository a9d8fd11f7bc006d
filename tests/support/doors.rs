//! Servers in which TLS is begun by a command: Dovecot, vsftpd, `PostgreSQL`, `OpenLDAP`. Each on loopback, in a folder of its
//! own, without anything to serve.

use super::process::Daemon;
use super::tls::Identity;
use nix::sys::signal::Signal;
use nix::unistd::User;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Dovecot,
    Vsftpd,
    Postgres,
    Slapd,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Dovecot, Self::Vsftpd, Self::Postgres, Self::Slapd];

    /// As [`super::need`] knows it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dovecot => "pop3",
            Self::Vsftpd => "vsftpd",
            Self::Postgres => "postgresql",
            Self::Slapd => "slapd",
        }
    }

    /// What it speaks.
    fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::Dovecot => &["imap", "pop3"],
            Self::Vsftpd => &["ftp"],
            Self::Postgres => &["postgres"],
            Self::Slapd => &["ldap"],
        }
    }

    /// Who must be able to read its files, if it does not start as root.
    fn user(self) -> Option<&'static str> {
        (self == Self::Postgres).then_some("postgres")
    }
}

/// A running server.
pub struct Door {
    _server: Daemon,
    folder: TempDir,
    /// What it speaks, and where.
    pub ports: Vec<(&'static str, u16)>,
}

impl Door {
    /// One that shows this certificate.
    pub fn open(kind: Kind, identity: &Identity) -> Self {
        Self::start(kind, Some(identity))
    }

    /// One that has none.
    pub fn without_tls(kind: Kind) -> Self {
        Self::start(kind, None)
    }

    fn start(kind: Kind, identity: Option<&Identity>) -> Self {
        let mut log = String::new();
        // Between choosing a port and using it, another process may take it.
        for _ in 0..3 {
            let door = Self::begin(kind, identity);
            let open = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            let up =
                super::wait_until(Duration::from_secs(20), || door.ports.iter().all(|(_, p)| open(*p)).then_some(()));
            if up.is_some() {
                return door;
            }
            log = door.log();
        }
        panic!("{kind:?} did not start:\n{log}");
    }

    fn begin(kind: Kind, identity: Option<&Identity>) -> Self {
        let folder = tempfile::Builder::new().prefix("checker-door-").tempdir().expect("a folder");
        let at = folder.path();
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).expect("rights");
        let owner = kind.user().map(|name| User::from_name(name).expect("accounts").expect("an account"));
        if let Some(owner) = &owner {
            chown(at, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).expect("an owner");
        }
        if let Some(identity) = identity {
            for (name, text) in [("server.pem", &identity.certificate), ("server.key", &identity.key)] {
                let file = at.join(name);
                fs::write(&file, text).expect("a file");
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("rights");
                if let Some(owner) = &owner {
                    chown(&file, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).expect("an owner");
                }
            }
        }
        let [first, second] = super::free_ports();
        let ports: Vec<(&str, u16)> = kind.protocols().iter().copied().zip([first, second]).collect();
        let tls = identity.is_some();
        let (mut command, stop) = match kind {
            Kind::Dovecot => (dovecot(at, first, second, tls), Signal::SIGTERM),
            Kind::Vsftpd => (vsftpd(at, first, tls), Signal::SIGTERM),
            Kind::Postgres => (postgres(at, first, tls), Signal::SIGQUIT),
            Kind::Slapd => (slapd(at, first, tls), Signal::SIGTERM),
        };
        let server = Daemon::start(command.current_dir(at), stop);
        Self { _server: server, folder, ports }
    }

    /// What it wrote, for failures.
    pub fn log(&self) -> String {
        ["out.log", "dovecot.log", "vsftpd.log"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .join("\n")
    }
}

fn dovecot(at: &Path, imap: u16, pop3: u16, tls: bool) -> Command {
    let dir = at.display();
    let ssl = if tls {
        format!("ssl = required\nssl_cert = <{dir}/server.pem\nssl_key = <{dir}/server.key")
    } else {
        "ssl = no".to_owned()
    };
    let text = format!(
        "base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
instance_name = {instance}
protocols = imap pop3
listen = 127.0.0.1
mail_location = maildir:{dir}/mail
{ssl}
passdb {{
  driver = passwd-file
  args = {dir}/users
}}
userdb {{
  driver = passwd-file
  args = {dir}/users
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
",
        instance = at.file_name().expect("a name").to_string_lossy(),
    );
    fs::write(at.join("users"), "").expect("a file");
    fs::write(at.join("dovecot.conf"), text).expect("a file");
    let mut command = Command::new("/usr/sbin/dovecot");
    command.arg("-F").arg("-c").arg(at.join("dovecot.conf"));
    command
}

fn vsftpd(at: &Path, port: u16, tls: bool) -> Command {
    let dir = at.display();
    fs::create_dir(at.join("empty")).expect("a folder");
    let ssl = if tls {
        format!("ssl_enable=YES\nrsa_cert_file={dir}/server.pem\nrsa_private_key_file={dir}/server.key\n")
    } else {
        "ssl_enable=NO\n".to_owned()
    };
    let text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n\
         secure_chroot_dir={dir}/empty\nxferlog_enable=NO\nvsftpd_log_file={dir}/vsftpd.log\ndual_log_enable=YES\n\
         ssl_ciphers=HIGH\nseccomp_sandbox=NO\nisolate_network=NO\n{ssl}"
    );
    fs::write(at.join("vsftpd.conf"), text).expect("a file");
    let mut command = Command::new("/usr/sbin/vsftpd");
    command.arg(at.join("vsftpd.conf"));
    command
}

/// The newest of those that are installed.
pub fn postgres_programs() -> Option<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|e| e.path().join("bin")).collect();
    all.sort();
    all.pop().filter(|bin| bin.join("initdb").exists())
}

/// It refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

fn postgres(at: &Path, port: u16, tls: bool) -> Command {
    let (bin, data) = (postgres_programs().expect("PostgreSQL"), at.join("data"));
    let mut made = as_postgres(&bin.join("initdb"));
    let made =
        made.arg("-D").arg(&data).args(["-A", "trust", "--no-sync", "--locale=C.UTF-8"]).current_dir(at).output();
    let made = made.expect("initdb starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let dir = at.display();
    let mut command = as_postgres(&bin.join("postgres"));
    command.arg("-D").arg(&data).args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]);
    command.arg("-c").arg(format!("port={port}")).arg("-c").arg(format!("unix_socket_directories={dir}"));
    if tls {
        command.args(["-c", "ssl=on", "-c"]).arg(format!("ssl_cert_file={dir}/server.pem"));
        command.arg("-c").arg(format!("ssl_key_file={dir}/server.key"));
    }
    command
}

fn slapd(at: &Path, port: u16, tls: bool) -> Command {
    let dir = at.display();
    let ssl = if tls {
        format!("TLSCertificateFile {dir}/server.pem\nTLSCertificateKeyFile {dir}/server.key\n")
    } else {
        String::new()
    };
    let text = format!("pidfile {dir}/slapd.pid\nargsfile {dir}/slapd.args\n{ssl}database config\n");
    fs::write(at.join("slapd.conf"), text).expect("a file");
    let mut command = Command::new("/usr/sbin/slapd");
    command.arg("-h").arg(format!("ldap://127.0.0.1:{port}/"));
    command.arg("-f").arg(at.join("slapd.conf")).args(["-d", "0"]);
    command
}
