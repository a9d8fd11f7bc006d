//! The daemon on real parts: the real program, real mail, real signals and kills.

mod anew;
mod anywhen;
mod drill;
mod life;
mod proof;
mod quiet;
mod receipt;
mod service;
mod unit;
mod via;
mod watch;

use crate::support::binary::{Done, Home, done};
use crate::support::mail::{MailServer, shared};
use crate::support::wait_until;
use checker::control::{Answer, Ask, ask};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Nothing here takes that long on an idle machine; a loaded one is given time.
const SOON: Duration = Duration::from_secs(60);

/// A folder with settings, and the daemon that runs on them.
struct Node {
    home: Home,
    name: String,
    port: u16,
    child: Option<Child>,
}

impl Node {
    /// Messages leave by `server`; `more` are further tables. The daemon answers peers.
    fn with_mail(name: &str, server: &MailServer, more: &str) -> Self {
        let email = format!(
            "from = \"watch@checker.test\"\ndaily_limit = 1000000\nEMAIL\n[email.smtp]\nhost = \"localhost\"\nport = {}\nsecurity = \
             \"none\"\n",
            server.ports.plain
        );
        let node = Self::new(name, &email, more);
        node.home.write("ca.pem", &server.ca.pem);
        node.home.write("canary.secret", "pw-canary");
        node
    }

    /// Messages are files.
    fn with_files(name: &str, more: &str) -> Self {
        Self::new(name, "transport = \"file\"\nfrom = \"watch@checker.test\"\nEMAIL\n", more)
    }

    /// `email = ...` lines at the head of `more` go into `[email]`.
    fn new(name: &str, email: &str, more: &str) -> Self {
        let [port] = crate::support::free_ports();
        let (own, more): (Vec<&str>, Vec<&str>) = more.lines().partition(|l| l.starts_with("idelete"));
        let home = Home::new("");
        home.settings(&format!(
            "[general]\nservername = \"{name}\"\nalertcontact = \"oncall@checker.test\"\ntimezone = \"UTC\"\n\n[email]\n{}\n{}\n",
            email.replace("EMAIL", &own.join("\n")),
            more.join("\n").replace("LISTEN", &format!("peer_listen = \"127.0.0.1:{port}\""))
        ));
        Self { home, name: name.to_owned(), port, child: None }
    }

    /// The daemon, which ends with the thread of the test at the latest.
    fn command(&self, args: &[&str]) -> Command {
        let bare = self.home.command(args);
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(bare.get_program()).args(bare.get_args());
        command.env_clear().envs(bare.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.current_dir(self.home.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts the daemon and waits until it answers.
    fn start(&mut self) -> Answer {
        let mut command = self.command(&["daemon"]);
        self.begin(&mut command)
    }

    fn begin(&mut self, command: &mut Command) -> Answer {
        self.child = Some(command.spawn().unwrap());
        let answer = wait_until(SOON, || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap().is_some();
            if ended { Some(None) } else { self.ask(&Ask::Hello).ok().map(Some) }
        });
        match answer {
            Some(Some(answer)) => answer,
            _ => panic!("the daemon did not start: {:?}\n{}", self.wait(), self.log()),
        }
    }

    fn ask(&self, question: &Ask) -> Result<Answer, String> {
        ask(&self.home.path("checker.sock"), question, Duration::from_secs(5))
    }

    fn pid(&self) -> Pid {
        pid_of(self.child.as_ref().unwrap().id())
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for its end.
    fn wait(&mut self) -> Done {
        let mut child = self.child.take().unwrap();
        if wait_until(SOON, || child.try_wait().unwrap()).is_none() {
            child.kill().unwrap();
            panic!("it does not end\n{}", self.log());
        }
        done(&child.wait_with_output().unwrap())
    }

    fn end(&mut self) -> Done {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// One pass, at once.
    fn pass(&self) -> Done {
        self.home.run(&["cron"])
    }

    /// What a stranger reads.
    fn word(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return "nobody".to_owned() };
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        if stream.read_to_string(&mut answer).is_err() {
            return "no answer".to_owned();
        }
        answer.rsplit("\r\n\r\n").next().unwrap_or_default().trim().to_owned()
    }

    /// Waits until the word is this one.
    #[track_caller]
    fn await_word(&self, word: &str) {
        // Refusals are a problem of mail when they last for a minute.
        let came = wait_until(SOON * 3, || (self.word() == word).then_some(()));
        assert!(came.is_some(), "the word stays {}, not {word}\n{}", self.word(), self.log());
    }

    /// Subjects of what our admin was told, by mail or file, oldest first.
    fn told(&self) -> Vec<String> {
        if self.home.read("settings.cfg").contains("transport = \"file\"") {
            return self.home.subjects();
        }
        let mark = format!("[{}]", self.name);
        let mails = shared().mailbox("oncall");
        mails.iter().map(|m| m.header("Subject")).filter(|s| s.starts_with(&mark)).collect()
    }

    /// Waits until something was told whose subject has `needle`; the answer is how many such there are.
    #[track_caller]
    fn await_told(&self, needle: &str) -> usize {
        let count = || self.told().iter().filter(|s| s.contains(needle)).count();
        let came = wait_until(SOON, || Some(count()).filter(|n| *n > 0));
        came.unwrap_or_else(|| panic!("nobody was told \"{needle}\": {:?}\n{}", self.told(), self.log()))
    }

    fn log(&self) -> String {
        self.home.read("checker.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
        // One that a pass started.
        if let Ok(answer) = self.ask(&Ask::Hello)
            && answer.pid > 1
        {
            kill(pid_of(answer.pid), Signal::SIGKILL).ok();
        }
    }
}

fn pid_of(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap())
}

/// Canaries for `to`, looked for in the mailbox of `canary@`.
fn by_imap(server: &MailServer, to: &str, every: &str, within: &str) -> String {
    format!(
        "[canary]\nvia = \"imap\"\nhost = \"localhost\"\nport = {}\nuser = \"canary@checker.test\"\npass_file = \
         \"canary.secret\"\nca_file = \"ca.pem\"\nto = \"{to}@checker.test\"\nevery = \"{every}\"\nwithin = \"{within}\"\n\n[daemon]\nLISTEN\n",
        server.ports.imaps
    )
}
