//! A thousand jobs of each kind in one pass, beside the Nagios plugin that does the same.

use super::cases::Cases;
use super::home::Home;
use super::measure::{Entry, cost, in_turn};
use super::rivals::{plugins, sshd};
use super::table::Book;
use super::targets::{Farm, host};
use std::path::Path;
use std::process::Command;

const COUNT: usize = 1_000;
/// A pass of the heaviest kind may hold this.
const MEMORY_MAX: f64 = 64.0;

/// One kind, and what it is measured with.
pub struct Kind {
    name: &'static str,
    /// The keys of job number `n`, besides `id`.
    keys: Box<dyn Fn(usize) -> String>,
    /// The plugin of that name, with its arguments.
    plugin: Option<(&'static str, Vec<String>)>,
}

impl Kind {
    pub fn new(name: &'static str, keys: impl Fn(usize) -> String + 'static, plugin: &str) -> Self {
        // No argument holds a space.
        let mut words = plugin.split_whitespace().map(str::to_owned);
        let plugin = words.next().map(|name| (&*name.leak(), words.collect()));
        Self { name, keys: Box::new(keys), plugin }
    }

    fn tables(&self) -> Home {
        Home::new(COUNT, |n| {
            let (kind, keys) = (self.name, (self.keys)(n));
            format!("[[job.{kind}]]\nid = \"{kind}-{n}\"\nname = \"{kind} {n}\"\ntimeout = \"50s\"\n{keys}")
        })
    }
}

/// Those that ask a server of the farm.
fn of_servers(farm: &Farm) -> Vec<Kind> {
    let p = farm.ports;
    let ca = farm.ca().display().to_string();
    let (tls_ca, domain_ca) = (ca.clone(), ca);
    let one = host(0);
    vec![
        Kind::new(
            "tcp",
            move |n| format!("address = \"{}:{}\"", host(n), p.tcp),
            &format!("check_tcp -H {one} -p {}", p.tcp),
        ),
        Kind::new(
            "http",
            move |n| format!("url = \"http://{}:{}/\"", host(n), p.http),
            &format!("check_http -I {one} -p {}", p.http),
        ),
        Kind::new(
            "tls",
            move |n| {
                format!("address = \"{}:{}\"\nserver_name = \"localhost\"\nca_file = \"{tls_ca}\"", host(n), p.tls)
            },
            &format!("check_http -I {one} -p {} -S --sni -H localhost -C 30", p.tls),
        ),
        Kind::new(
            "smtp",
            move |n| format!("address = \"{}:{}\"\nsecurity = \"none\"", host(n), p.smtp),
            &format!("check_smtp -H {one} -p {}", p.smtp),
        ),
        Kind::new(
            "imap",
            move |n| format!("address = \"{}:{}\"\nsecurity = \"none\"", host(n), p.imap),
            &format!("check_imap -H {one} -p {}", p.imap),
        ),
        Kind::new(
            "dns",
            move |n| format!("query = \"n{n}.example.com\"\nserver = \"127.0.0.1:{}\"\nexpect = \"192.0.2.1\"", p.dns),
            &format!("check_dig -H 127.0.0.1 -p {} -l n0.example.com -a 192.0.2.1", p.dns),
        ),
        Kind::new(
            "domain",
            move |n| {
                format!(
                    "domain = \"n{n}.example\"\nserver = \"https://localhost:{}\"\nca_file = \"{domain_ca}\"",
                    p.tls
                )
            },
            "",
        ),
        Kind::new(
            "ping",
            |n| format!("address = \"{}\"\ncount = 1", host(n)),
            &format!("check_ping -H {one} -p 1 -w 1000,50% -c 2000,80%"),
        ),
    ]
}

/// Those that look at this host.
fn of_this_host() -> Vec<Kind> {
    let me = std::env::current_exe().expect("this program");
    let me = me.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let far = "warning = 9999\ncritical = 99999";
    vec![
        Kind::new(
            "disk",
            |_| "path = \"/\"\nwarning = \"1%\"\ncritical = \"0.5%\"".to_owned(),
            "check_disk -w 1% -c 1% -p /",
        ),
        Kind::new("load", move |_| far.to_owned(), "check_load -w 9999,9999,9999 -c 9999,9999,9999"),
        Kind::new("memory", |_| "warning = \"1MiB\"\ncritical = \"1KiB\"".to_owned(), ""),
        Kind::new(
            "file",
            |_| "path = \"/etc/passwd\"\nmin_size = \"1B\"".to_owned(),
            "check_file_age -w 2000000000 -c 2000000000 -f /etc/passwd",
        ),
        Kind::new("process", move |_| format!("program = \"{me}\""), "check_procs -c 1: -a farm"),
        Kind::new(
            "example",
            |_| "path = \"/etc/passwd\"\nmin_lines = 1".to_owned(),
            "check_file_age -w 2000000000 -c 2000000000 -f /etc/passwd",
        ),
    ]
}

impl Cases {
    /// All kinds that can be measured here.
    pub fn kinds(&mut self) {
        let mut all = of_servers(self.farm());
        all.extend(of_this_host());
        let folder = plugins();
        match &folder {
            Some(folder) => {
                let program = folder.join("check_dummy").display().to_string();
                all.push(Kind::new("command", move |_| format!("command = [\"{program}\", \"0\"]"), "check_dummy 0"));
            }
            None => self.book.lacking("1,000 jobs of the kind command, for want of monitoring-plugins-basic"),
        }
        let server = sshd();
        match &server {
            Some(server) => {
                let port = server.port;
                all.push(Kind::new(
                    "ssh",
                    move |_| format!("address = \"127.0.0.1:{port}\""),
                    &format!("check_ssh -H 127.0.0.1 -p {port}"),
                ));
            }
            None => self.book.lacking("1,000 jobs of the kind ssh, for want of openssh-server"),
        }
        self.book.lacking("1,000 jobs of the kind mail: kinds::mail measures them, by real mail servers");
        for kind in &all {
            self.kind(kind, folder.as_deref());
        }
    }

    pub fn kind(&mut self, kind: &Kind, folder: Option<&Path>) {
        let name = kind.name;
        Book::chapter(&format!("{COUNT} jobs of the kind {name}"));
        let home = kind.tables();
        let plugin = kind.plugin.as_ref().zip(folder).map(|((name, words), folder)| {
            let mut command = Command::new(folder.join(name));
            command.args(words);
            command
        });
        // One that lacks a program of its own, or ends otherwise than we think, compares with nothing.
        let plugin = plugin.filter(works);
        let mut entries = vec![Entry::new("checker cron", || home.pass())];
        entries.extend(plugin.as_ref().map(|p| Entry::new(kind.plugin.as_ref().map_or("", |p| p.0), || cost(p, &[0]))));
        in_turn(&mut entries, self.runs().min(3));
        assert_eq!(home.verdicts("ok"), i64::try_from(COUNT).expect("a number"), "jobs of {name} that are well");
        let (ours, theirs) = entries.split_at(1);
        Book::rows(COUNT, ours);
        Book::rows(1, theirs);
        self.book.goal(&format!("memory of {COUNT} {name} jobs, MiB"), ours[0].memory() / 1024.0, MEMORY_MAX);
        match theirs.first() {
            Some(plugin) => {
                let ratio = ours[0].cpu() / COUNT as f64 / plugin.cpu();
                self.book.goal(
                    &format!("CPU of a {name} check among {COUNT}, in those of {}", plugin.name),
                    ratio,
                    most(name),
                );
            }
            None => {
                self.book.lacking(&format!("CPU of {name} against a plugin: there is none that does the same here"));
            }
        }
    }
}

/// What a check may cost in those of the plugin. A command is that plugin, and what Checker does around it.
fn most(kind: &str) -> f64 {
    if kind == "command" { 2.0 } else { 1.0 }
}

fn works(plugin: &Command) -> bool {
    let mut trial = Command::new(plugin.get_program());
    trial.args(plugin.get_args());
    trial.output().is_ok_and(|out| {
        if !out.status.success() {
            println!("{plugin:?}: {}", String::from_utf8_lossy(&out.stdout));
        }
        out.status.success()
    })
}
