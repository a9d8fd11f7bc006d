//! A real mail server: Postfix and Dovecot on loopback, in a folder of their own, with an authority of their own.
//!
//! * `watch@` and `oncall@`, password `pw-watch` and `pw-oncall`; the domain is [`DOMAIN`]. The tests of looking into
//!   mailboxes have others for themselves. Folders for sent mail, drafts and spam have German names.
//! * `refuse@` is refused with 554, `defer@` with 450, anybody else with 550. Nothing leaves this machine.
//! * `discard@` is accepted and thrown away. What is for `canary@` comes into its inbox, for `junk@` into its folder for spam,
//!   for `trash@` into its folder for what was thrown away.
//! * The account of `harbour@` has another name: `harbour`, password `pw-harbour`.
//! * Each account can also log in by an access token, see [`token`].

mod configuration;
pub mod token;

use super::imap::Imap;
use super::parse::ParsedMail;
use super::process::Daemon;
use super::tls::Ca;
use configuration::{dovecot_conf, main_cf, master_cf};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
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
/// An account whose name is no address.
pub const HARBOUR: &str = "harbour";
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

/// Where a server is, and what it does with whose mail.
#[derive(Clone)]
pub struct Site {
    /// The addresses that it listens on.
    pub addresses: Vec<String>,
    /// The names in its certificate.
    pub names: Vec<String>,
    /// Who can log in, with the password, and the folder of the mailbox.
    pub accounts: Vec<(String, String, String)>,
    /// Which addresses lead into which folders.
    pub boxes: Vec<(String, String)>,
    /// What is done with mail for an address instead of taking it, as Postfix says it.
    pub rules: Vec<(String, String)>,
}

impl Site {
    /// On loopback, for the tests that need a mail server and no more.
    pub fn usual() -> Self {
        let address = |user: &str| MailServer::address(user);
        let mut boxes: Vec<(String, String)> = USERS.iter().map(|u| (address(u), format!("{u}/"))).collect();
        boxes.extend(LED.iter().map(|(to, folder)| (address(to), format!("canary/{folder}/"))));
        let mut accounts: Vec<_> = USERS.iter().map(|u| (address(u), format!("pw-{u}"), (*u).to_owned())).collect();
        accounts.push((HARBOUR.to_owned(), format!("pw-{HARBOUR}"), HARBOUR.to_owned()));
        boxes.push((address(HARBOUR), format!("{HARBOUR}/")));
        let rules = [("refuse", "REJECT 5.7.1 not here"), ("defer", "450 4.2.1 come again"), ("discard", "DISCARD")];
        Self {
            addresses: vec!["127.0.0.1".to_owned()],
            names: vec!["localhost".to_owned()],
            accounts,
            boxes,
            rules: rules.map(|(to, rule)| (address(to), rule.to_owned())).to_vec(),
        }
    }

    /// The domains of its mailboxes.
    fn domains(&self) -> String {
        let domains: BTreeSet<&str> = self.boxes.iter().filter_map(|(to, _)| Some(to.split_once('@')?.1)).collect();
        domains.into_iter().collect::<Vec<_>>().join(", ")
    }
}

pub struct MailServer {
    pub ports: Ports,
    pub ca: Ca,
    site: Site,
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
        Self::start_at(&Site::usual())
    }

    /// The same somewhere else.
    pub fn start_at(site: &Site) -> Self {
        remove_leftovers();
        let mut log = String::new();
        // Between choosing a port and using it, another process may take it.
        for _ in 0..3 {
            let prefix = format!("checker-mail-{}-", std::process::id());
            let folder = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a folder").keep();
            let [plain, starttls, tls, imaps] = super::free_ports();
            let ports = Ports { plain, starttls, tls, imaps };
            let ca = Ca::new();
            prepare(&folder, &ca, site);
            configure(&folder, site, ports);
            let imap_tls = ca.client();
            let mut server = Self { ports, ca, site: site.clone(), folder, imap_tls, postfix: None, dovecot: None };
            if server.up() {
                return server;
            }
            log = server.log();
        }
        panic!("the mail server did not start:\n{log}");
    }

    /// Another configuration, while it runs.
    pub fn reconfigure(&mut self, edit: impl FnOnce(&mut Site)) {
        edit(&mut self.site);
        configure(&self.folder, &self.site, self.ports);
        let pid = fs::read_to_string(self.folder.join("spool/pid/master.pid")).expect("Postfix runs");
        let pid = nix::unistd::Pid::from_raw(pid.trim().parse().expect("a pid"));
        nix::sys::signal::kill(pid, Signal::SIGHUP).expect("Postfix hears it");
    }

    /// The mails in a folder of a mailbox as they lie there, by the names of their files.
    pub fn files(&self, folder: &str) -> BTreeMap<String, ParsedMail> {
        let mut mails = BTreeMap::new();
        for part in ["new", "cur"] {
            let entries = fs::read_dir(self.folder.join("mail").join(folder).join(part)).into_iter().flatten();
            for entry in entries.flatten() {
                // One that is taken away meanwhile is gone.
                let Ok(raw) = fs::read_to_string(entry.path()) else { continue };
                let name = entry.file_name().to_string_lossy().split(':').next().unwrap_or_default().to_owned();
                mails.insert(name, ParsedMail::new(raw.replace('\n', "\r\n").as_bytes()));
            }
        }
        mails
    }

    /// Lets go what waits in the queue.
    pub fn release(&self) {
        let config = self.folder.join("postfix");
        let done = Command::new("/usr/sbin/postsuper").arg("-c").arg(config).args(["-H", "ALL"]).output();
        let done = done.expect("postsuper starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
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
        let name = if user == HARBOUR { user.to_owned() } else { Self::address(user) };
        Imap::login(self.ports.imaps, self.imap_tls.clone(), &name, &format!("pw-{user}"))
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

fn prepare(folder: &Path, ca: &Ca, site: &Site) {
    let tls = folder.join("tls");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("rights");
    for part in ["postfix", "dovecot", "tls", "spool", "mail", "dovecot-state", "postfix-data"] {
        fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    let postfix = nix::unistd::User::from_name("postfix").expect("accounts").expect("the account postfix");
    chown(folder.join("postfix-data"), Some(postfix.uid.as_raw()), None).expect("an owner");
    let names: Vec<&str> = site.names.iter().map(String::as_str).collect();
    let identity = ca.identity_of(&names);
    fs::write(tls.join("server.pem"), identity.certificate).expect("a file");
    fs::write(tls.join("server.key"), identity.key).expect("a file");
}

fn configure(folder: &Path, site: &Site, ports: Ports) {
    let (pf, dc) = (folder.join("postfix"), folder.join("dovecot"));
    let mut accounts = String::new();
    for (user, password, mailbox) in &site.accounts {
        let mailbox = folder.join("mail").join(mailbox);
        fs::create_dir_all(&mailbox).expect("a mailbox");
        chown(&mailbox, Some(OWNER), Some(OWNER)).expect("an owner");
        let home = mailbox.display();
        writeln!(accounts, "{user}:{{PLAIN}}{password}:{OWNER}:{OWNER}::{home}::").expect("memory");
    }
    token::prepare(&dc);
    fs::write(dc.join("users"), accounts).expect("a file");
    fs::write(pf.join("main.cf"), main_cf(folder, site)).expect("a file");
    fs::write(pf.join("master.cf"), master_cf(ports, site)).expect("a file");
    fs::write(dc.join("dovecot.conf"), dovecot_conf(folder, ports, site)).expect("a file");
    let made = Command::new("/usr/sbin/postfix").arg("-c").arg(&pf).arg("check").output().expect("postfix check");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
