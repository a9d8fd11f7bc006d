//! One node of a world: its settings, and the machine that it lives on.

use super::machine::Machine;
use super::world::{Plan, imap_of, node_of, smtp_of};
use crate::support::binary::{Done, Home, clocked, done};
use crate::support::mail::Ports;
use checker::control::{Ask, ask};
use checker_job::Timestamp;
use std::path::Path;
use std::time::Duration;

pub(super) const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) at: usize,
    pub(super) home: Home,
    pub(super) machine: Option<Machine>,
    plan: Plan,
}

impl Node {
    /// A folder with settings; the peers are not known yet.
    pub(super) fn new(at: usize, plan: Plan, ports: Ports, ca: &str) -> Self {
        let name = NAMES[at];
        let mut home = Home::new("");
        if let Some(program) = plan.program {
            home = home.running(&program());
        }
        if plan.disk {
            std::fs::create_dir(home.path("disk")).expect("a folder");
        }
        home.write("ca.pem", ca);
        home.write("mail.secret", plan.password);
        let node = Self { name, at, home, machine: None, plan };
        node.write(ports, "");
        node
    }

    /// Its settings, with these tables of peers.
    pub(super) fn write(&self, ports: Ports, peers: &str) {
        let text = settings(self.name, ports) + peers;
        let text = (self.plan.settings)(self.name, text).replace("SHOP", &format!("10.99.0.50:{}", ports.plain));
        self.home.settings(&text);
    }

    /// The table for it in the settings of others.
    pub(super) fn table(&self) -> String {
        let key = self.home.run(&["key"]).ended(0).out;
        let key = key.lines().next().expect("a key");
        let host = if self.plan.v6 { format!("[fd99::{}]", self.at + 101) } else { node_of(self.at).to_string() };
        let name = self.name;
        format!("[[peer]]\nname = \"{name}\"\nurl = \"http://{host}:5000\"\nadmin = \"admin@{name}.test\"\n{key}\n\n")
    }

    /// Changes its settings while it runs.
    pub(super) fn edit(&self, edit: impl FnOnce(String) -> String) {
        self.home.settings(&edit(self.home.read("settings.cfg")));
    }

    /// What cron is to do: as `crontab.example` says it.
    fn cron_table(&self) -> String {
        let (program, settings) = (self.program(), self.home.text("settings.cfg"));
        let table =
            format!("CHECKER_SETTINGS={settings}\n@reboot root {program} daemon\n* * * * * root {program} cron\n");
        (self.plan.table)(self.name, table).replace("HOME", &self.home.text(""))
    }

    pub(super) fn program(&self) -> String {
        self.home.command(&[]).get_program().to_string_lossy().into_owned()
    }

    /// Boots its machine, which is not on any net yet.
    pub(super) fn boot(&mut self, resolver: &Path) -> &mut Machine {
        let machine = Machine::boot(&self.home.path("machine"), resolver, &self.cron_table());
        if self.plan.disk {
            // Its state is on a disk of its own.
            let disk = self.home.text("disk");
            machine.sh(&format!(
                "cp -a {disk} {disk}.before && mount -t tmpfs -o size=3m,mode=700 tmpfs {disk} && cp -a {disk}.before/. {disk}/"
            ));
        }
        self.machine.insert(machine)
    }

    pub(super) fn is_by_hand(&self) -> bool {
        self.plan.by_hand
    }

    /// One pass on its machine, at `when` by its own clock.
    pub(super) fn pass_at(&self, when: Timestamp, args: &[&str]) -> Done {
        let machine = self.machine.as_ref().expect("the machine is on");
        done(&machine.wrap(&clocked(&self.home.command(args), when)).output().expect("the program starts"))
    }

    #[track_caller]
    pub(super) fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().expect("the machine is on")
    }

    /// Runs a line of shell on its machine; HOME is its folder.
    #[track_caller]
    pub(super) fn sh(&self, line: &str) -> String {
        let machine = self.machine.as_ref().expect("the machine is on");
        machine.sh(&line.replace("HOME", self.home.text("").trim_end_matches('/')))
    }

    /// What its daemon knows, if it answers.
    pub(super) fn status(&self) -> Option<serde_json::Value> {
        ask(&self.home.path("checker.sock"), &Ask::Status, Duration::from_secs(5)).ok()?.status
    }

    /// The number of its daemon's process, on its machine.
    #[track_caller]
    pub(super) fn daemon(&self) -> u32 {
        let answer = ask(&self.home.path("checker.sock"), &Ask::Hello, Duration::from_secs(5));
        answer.expect("the daemon answers").pid
    }

    /// It is well, and so are all its peers as it sees them.
    pub(super) fn is_steady(&self, peers: usize) -> bool {
        let Some(status) = self.status() else { return false };
        let sees = status["sees"].as_array().cloned().unwrap_or_default();
        status["word"] == "True" && sees.len() == peers && sees.iter().all(|s| s["ok"] == true)
    }

    /// The end of its log, for failures.
    pub(super) fn log(&self) -> String {
        let log = self.home.read("checker.log");
        let lines: Vec<&str> = log.lines().collect();
        format!("{}:\n{}", self.name, lines[lines.len().saturating_sub(25)..].join("\n"))
    }
}

/// Times are short, and all ways are real: SMTP with STARTTLS and login, IMAP over TLS.
fn settings(name: &str, ports: Ports) -> String {
    let (smtp, imap) = (smtp_of(name), imap_of(name));
    format!(
        "[general]\nservername = \"{name}\"\nalertcontact = \"admin@{name}.test\"\ntimezone = \"UTC\"\n\n[email]\nfrom = \
         \"checker@{name}.test\"\ndaily_limit = 100000\n\n[email.smtp]\nhost = \"{smtp}\"\nport = {}\nuser = \
         \"sender@{name}.test\"\npass_file = \"mail.secret\"\nca_file = \"ca.pem\"\n\n[canary]\nvia = \"imap\"\nhost = \
         \"{imap}\"\nport = {}\nuser = \"checker@{name}.test\"\npass_file = \"mail.secret\"\nca_file = \"ca.pem\"\nevery = \
         \"10s\"\nwithin = \"20s\"\n\n[daemon]\npeer_listen = \"[::]:5000\"\n\n[watch]\npasses = \"4s\"\npoll = \"8s\"\nquick = \
         \"4s\"\nstale = \"16s\"\n\n[defaults]\nfailure_threshold = 1\ntimeout = \"5s\"\n\n[[job.tcp]]\nname = \"shop\"\nid = \
         \"shop\"\naddress = \"SHOP\"\n\n",
        ports.starttls, ports.imaps
    )
}
