//! A real mail server: Postfix and Dovecot on loopback, in a folder of their own, with an authority of their own.
//!
//! * `watch@` and `oncall@`, password `pw-watch` and `pw-oncall`; the domain is [`DOMAIN`]. The tests of looking into
//!   mailboxes have others for themselves. Folders for sent mail, drafts and spam have German names.
//! * `refuse@` is refused with 554, `defer@` with 450, anybody else with 550. Nothing leaves this machine.
//! * `discard@` is accepted and thrown away. What is for `canary@` comes into its inbox, for `junk@` into its folder for spam,
//!   for `trash@` into its folder for what was thrown away.

use super::imap::Imap;
use super::parse::ParsedMail;
use super::process::Daemon;
use super::tls::Ca;
use nix::sys::signal::Signal;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub const DOMAIN: &str = "checker.test";
pub const USERS: [&str; 8] = ["watch", "oncall", "probe", "spam", "vault", "names", "crowd", "canary"];
/// Addresses that lead into a folder of `canary@`, and one that leads nowhere.
const LED: [(&str, &str); 3] = [("junk", ".Spam-Verdacht"), ("trash", ".Papierkorb"), ("discard", "")];
/// Who owns the mailboxes: a number that no account needs to have.
pub const OWNER: u32 = 5000;

/// The ports of a server.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// No TLS, no login.
    pub plain: u16,
    /// STARTTLS and login are demanded.
    pub starttls: u16,
    /// TLS from the first byte, login is demanded.
    pub tls: u16,
    /// IMAP with TLS from the first byte.
    pub imaps: u16,
}

pub struct MailServer {
    pub ports: Ports,
    pub ca: Ca,
    folder: PathBuf,
    imap_tls: Arc<rustls::ClientConfig>,
    postfix: Option<Daemon>,
    dovecot: Option<Daemon>,
}

/// One server for all tests that only send. It ends with the test process.
pub fn shared() -> &'static MailServer {
    static SERVER: LazyLock<MailServer> = LazyLock::new(MailServer::start);
    &SERVER
}

impl MailServer {
    /// Starts both servers and waits until all ports answer.
    pub fn start() -> Self {
        remove_leftovers();
        let mut log = String::new();
        // Between choosing a port and using it, another process may take it.
        for _ in 0..3 {
            let prefix = format!("checker-mail-{}-", std::process::id());
            let folder = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a folder").keep();
            let [plain, starttls, tls, imaps] = super::free_ports();
            let ports = Ports { plain, starttls, tls, imaps };
            let ca = Ca::new();
            configure(&folder, &ca, ports);
            let imap_tls = ca.client();
            let mut server = Self { ports, ca, folder, imap_tls, postfix: None, dovecot: None };
            if server.up() {
                return server;
            }
            log = server.log();
        }
        panic!("the mail server did not start:\n{log}");
    }

    /// Stops SMTP and IMAP, and waits until nobody listens there any more. The mailboxes stay.
    pub fn down(&mut self) {
        self.postfix = None;
        self.dovecot = None;
        // The masters are gone now; a child of theirs may hold its listening socket for a moment longer.
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        super::wait_until(Duration::from_secs(10), || self.all_ports().iter().all(free).then_some(()));
    }

    /// Starts both again, on the same ports. A start that fails is tried again: a port may be taken for a moment.
    pub fn up(&mut self) -> bool {
        (0..4).any(|attempt| {
            if attempt > 0 {
                self.down();
            }
            self.try_up()
        })
    }

    fn all_ports(&self) -> [u16; 4] {
        [self.ports.plain, self.ports.starttls, self.ports.tls, self.ports.imaps]
    }

    fn try_up(&mut self) -> bool {
        let (pf, dc) = (self.folder.join("postfix"), self.folder.join("dovecot"));
        // A stale socket of the penalty service would cost the first login seconds.
        fs::remove_dir_all(self.folder.join("run")).ok();
        let socket = self.folder.join("spool/private/auth");
        fs::remove_file(&socket).ok();
        // Dovecot first: it makes the socket for logins in Postfix's queue folder.
        let mut dovecot = Command::new("/usr/sbin/dovecot");
        dovecot.arg("-F").arg("-c").arg(dc.join("dovecot.conf")).current_dir(&dc);
        self.dovecot = Some(Daemon::start(&mut dovecot, Signal::SIGTERM));
        // A smtpd that finds nobody to ask for logins ends at once, and is not started again for a minute.
        super::wait_until(Duration::from_secs(10), || {
            let alive = self.dovecot.as_mut().is_some_and(Daemon::is_running);
            (!alive || UnixStream::connect(&socket).is_ok()).then_some(())
        });
        let mut postfix = Command::new("/usr/lib/postfix/sbin/master");
        postfix.arg("-d").arg("-c").arg(&pf).env("MAIL_CONFIG", &pf).current_dir(&pf);
        self.postfix = Some(Daemon::start(&mut postfix, Signal::SIGTERM));
        let ports = self.all_ports();
        let up = super::wait_until(Duration::from_secs(15), || {
            let alive = [&mut self.postfix, &mut self.dovecot].into_iter().flatten().all(Daemon::is_running);
            if !alive {
                return Some(false);
            }
            let open = |port: &u16| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok();
            (ports.iter().all(open) && socket.exists()).then_some(true)
        });
        up == Some(true)
    }

    /// The address of a user.
    pub fn address(user: &str) -> String {
        format!("{user}@{DOMAIN}")
    }

    /// A session of a user over IMAPS.
    pub fn imap(&self, user: &str) -> Imap {
        Imap::login(self.ports.imaps, self.imap_tls.clone(), &Self::address(user), &format!("pw-{user}"))
    }

    /// Where the mails of a user lie, owned by user and group [`OWNER`].
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.folder.join("mail").join(user)
    }

    /// All mails of a user, oldest first, read over IMAPS.
    pub fn mailbox(&self, user: &str) -> Vec<ParsedMail> {
        self.imap(user).fetch_all().iter().map(|(_, raw)| ParsedMail::new(raw)).collect()
    }

    /// The mails of a user whose raw text contains `needle`, as soon as there is one.
    pub fn wait_for(&self, user: &str, needle: &str) -> Vec<ParsedMail> {
        let found = super::wait_until(Duration::from_secs(10), || {
            let found: Vec<ParsedMail> = self.mailbox(user).into_iter().filter(|m| m.raw.contains(needle)).collect();
            (!found.is_empty()).then_some(found)
        });
        found.unwrap_or_else(|| panic!("no mail for {user} with {needle}\n{}", self.log()))
    }

    /// The end of what Postfix wrote, for failures.
    pub fn log(&self) -> String {
        let logs = ["postfix.log", "dovecot.log", "postfix/out.log", "dovecot/out.log"].map(|name| {
            let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("{name}:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"))
        });
        logs.join("\n")
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.down();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A shared server is never dropped, so its folder stays; the next run removes it.
fn remove_leftovers() {
    for entry in fs::read_dir(std::env::temp_dir()).expect("the temporary folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("checker-mail-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn configure(folder: &Path, ca: &Ca, ports: Ports) {
    let (pf, dc, tls) = (folder.join("postfix"), folder.join("dovecot"), folder.join("tls"));
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("rights");
    for part in ["postfix", "dovecot", "tls", "spool", "mail", "dovecot-state", "postfix-data"] {
        fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    let postfix = nix::unistd::User::from_name("postfix").expect("accounts").expect("the account postfix");
    chown(folder.join("postfix-data"), Some(postfix.uid.as_raw()), None).expect("an owner");
    let identity = ca.identity("localhost");
    fs::write(tls.join("server.pem"), identity.certificate).expect("a file");
    fs::write(tls.join("server.key"), identity.key).expect("a file");
    let mut accounts = String::new();
    for user in USERS {
        let mailbox = folder.join("mail").join(user);
        fs::create_dir_all(&mailbox).expect("a mailbox");
        chown(&mailbox, Some(OWNER), Some(OWNER)).expect("an owner");
        let home = mailbox.display();
        writeln!(accounts, "{user}@{DOMAIN}:{{PLAIN}}pw-{user}:{OWNER}:{OWNER}::{home}::").expect("memory");
    }
    fs::write(dc.join("users"), accounts).expect("a file");
    fs::write(pf.join("main.cf"), main_cf(folder)).expect("a file");
    fs::write(pf.join("master.cf"), master_cf(ports)).expect("a file");
    fs::write(dc.join("dovecot.conf"), dovecot_conf(folder, ports)).expect("a file");
    let made = Command::new("/usr/sbin/postfix").arg("-c").arg(&pf).arg("check").output().expect("postfix check");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn main_cf(folder: &Path) -> String {
    let dir = folder.display();
    let mut boxes: Vec<String> = USERS.iter().map(|u| format!("{{ {u}@{DOMAIN} = {u}/ }}")).collect();
    boxes.extend(LED.iter().map(|(to, folder)| format!("{{ {to}@{DOMAIN} = canary/{folder}/ }}")));
    format!(
        "compatibility_level = 3.6
config_directory = {dir}/postfix
queue_directory = {dir}/spool
data_directory = {dir}/postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
process_id_directory = pid
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
myhostname = mail.{DOMAIN}
mydomain = {DOMAIN}
myorigin = {DOMAIN}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_transport = error:5.1.1 nobody lives here
local_recipient_maps =
alias_maps =
alias_database =
default_transport = error:5.7.1 nothing leaves this machine
relay_transport = error:5.7.1 nothing leaves this machine
relay_domains =
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
notify_classes =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_minimum_uid = 1000
virtual_uid_maps = static:{OWNER}
virtual_gid_maps = static:{OWNER}
virtual_mailbox_limit = 0
smtpd_tls_cert_file = {dir}/tls/server.pem
smtpd_tls_key_file = {dir}/tls/server.key
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ refuse@{DOMAIN} = REJECT 5.7.1 not here }}, {{ defer@{DOMAIN} = 450 4.2.1 come again }}, {{ discard@{DOMAIN} = DISCARD }} }}
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
queue_run_delay = 5s
",
        boxes = boxes.join(", ")
    )
}

fn master_cf(ports: Ports) -> String {
    let login = "-o smtpd_sasl_auth_enable=yes\n  -o smtpd_client_restrictions=permit_sasl_authenticated,reject";
    format!(
        "127.0.0.1:{} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
127.0.0.1:{} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  {login}
127.0.0.1:{} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  {login}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
",
        ports.plain, ports.starttls, ports.tls
    )
}

#[expect(clippy::too_many_lines, reason = "it is one file of settings")]
fn dovecot_conf(folder: &Path, ports: Ports) -> String {
    let dir = folder.display();
    format!(
        "base_dir = {dir}/run
state_dir = {dir}/dovecot-state
log_path = {dir}/dovecot.log
instance_name = {instance}
protocols = imap
listen = 127.0.0.1
mail_location = maildir:%h
first_valid_uid = {OWNER}
last_valid_uid = {OWNER}
first_valid_gid = {OWNER}
mail_fsync = never
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = required
ssl_cert = <{dir}/tls/server.pem
ssl_key = <{dir}/tls/server.key
passdb {{
  driver = passwd-file
  args = {dir}/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = {dir}/dovecot/users
}}
namespace inbox {{
  inbox = yes
  mailbox Gesendet {{
    special_use = \\Sent
  }}
  mailbox Entwürfe {{
    special_use = \\Drafts
  }}
  mailbox Papierkorb {{
    special_use = \\Trash
  }}
  mailbox Spam-Verdacht {{
    special_use = \\Junk
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service auth {{
  unix_listener {dir}/spool/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
",
        instance = folder.file_name().expect("a name").to_string_lossy(),
        imaps = ports.imaps
    )
}
