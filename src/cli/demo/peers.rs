//! The second half of the demo: two peers, one of which dies.

use super::{indent, say, trouble};
use crate::cli::Cx;
use crate::cli::exit::{Exit, Failure};
use crate::peer::NodeKey;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest time that a daemon may take to answer.
const START_MAX: Duration = Duration::from_secs(20);

pub(super) fn play(cx: &mut Cx<'_>, folder: &Path) -> Result<(), Failure> {
    say(
        cx,
        "But who tells you when Checker itself dies? A peer: another Checker, a friend's or on a second machine of yours. Here\n\
         are two, alpha and beta. Each has a daemon that answers the other, and each looks after the other.",
    )?;
    let alpha = Node::new(folder, "alpha")?;
    let beta = Node::new(folder, "beta")?;
    let key = alpha.meet(&beta)?;
    beta.meet(&alpha)?;
    indent(
        cx.out,
        &format!(
            "[[peer]]\nname = \"beta\"\nurl = \"http://127.0.0.1:{}\"\nadmin = \"beta-admin@example.com\"\n{key}",
            beta.port
        ),
    )?;
    let daemons = (alpha.start()?, beta.start()?);
    say(cx, "A pass of alpha asks beta over a signed wire, and hears that it is there:")?;
    alpha.pass(cx)?;
    say(cx, "Now beta's machine loses its power:")?;
    drop(daemons.1);
    writeln!(cx.out, "\n    $ kill -9 (beta, all of it)")?;
    say(
        cx,
        "The next passes of alpha get no answer. One silence may be chance; the third in a row is told, to the admin of beta:",
    )?;
    let mut told = None;
    for _ in 0..3 {
        alpha.pass(cx)?;
        told = told.or(message_to("beta-admin", &alpha.folder.join("mail")).map_err(trouble)?);
    }
    drop(daemons.0);
    let told =
        told.ok_or_else(|| trouble(io::Error::other("nobody was told that beta is silent: please report this")))?;
    indent(cx.out, &told)?;
    say(
        cx,
        "With real settings that takes some minutes: `checker bound` prints, for each single fault, the longest time until a\n\
         human is told. docs/guarantee.md says what is guaranteed, and what nobody can promise.",
    )?;
    Ok(())
}

/// The message for this admin. Ours gets the same: while nobody else can be asked, the fault may be on our side.
fn message_to(admin: &str, folder: &Path) -> io::Result<Option<String>> {
    let files = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        files => files?,
    };
    for file in files {
        let text = std::fs::read_to_string(file?.path())?.replace('\r', "");
        if text.contains(&format!("\nTo: {admin}@")) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// One of the two, in a folder of its own.
struct Node {
    name: &'static str,
    folder: PathBuf,
    settings: PathBuf,
    port: u16,
}

impl Node {
    fn new(root: &Path, name: &'static str) -> Result<Self, Failure> {
        let folder = root.join(name);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(trouble)?;
        // Free a moment ago; whoever takes it meanwhile makes the demo end with a sentence.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(trouble)?;
        let port = listener.local_addr().map_err(trouble)?.port();
        let settings = folder.join("settings.cfg");
        let node = Self { name, folder, settings, port };
        node.write(&node.text()).map_err(trouble)?;
        Ok(node)
    }

    /// As it would be installed, but with seconds for minutes, and with all files in the folder.
    fn text(&self) -> String {
        let inside = |name: &str| format!("{:?}", self.folder.join(name).display().to_string());
        let (name, port) = (self.name, self.port);
        let (state, mail, log, control) =
            (inside("checker.db"), inside("mail"), inside("checker.log"), inside("checker.sock"));
        format!(
            "[general]\nservername = \"{name}\"\nalertcontact = \"{name}-admin@example.com\"\nstate = {state}\n\n[email]\ntransport = \
             \"file\"\nfrom = \"checker@{name}.example.com\"\nfolder = {mail}\n\n[log]\nfile = {log}\n\n[daemon]\npeer_listen = \
             \"127.0.0.1:{port}\"\ncontrol = {control}\nrespawn = false\n\n[watch]\npasses = \"1s\"\npoll = \"1s\"\nquick = \"1s\"\nstale = \
             \"60s\"\n"
        )
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.settings)?;
        file.write_all(text.as_bytes())
    }

    /// One pass, as cron would start it.
    fn pass(&self, cx: &mut Cx<'_>) -> Result<(), Failure> {
        writeln!(cx.out, "\n    {}$ checker cron", self.name)?;
        cx.out.flush()?;
        std::thread::sleep(Duration::from_millis(1_200));
        let done = self.checker(&["cron"]).output().map_err(trouble)?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            return Err(Failure::Other(Exit::Io, format!("a pass of {} failed: {said}", self.name)));
        }
        Ok(())
    }

    fn checker(&self, args: &[&str]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg("-f").arg(&self.settings).args(args).stdin(Stdio::null());
        command
    }

    /// Writes the other one into the settings; the answer is the line with its key.
    fn meet(&self, other: &Self) -> Result<String, Failure> {
        let key = NodeKey::load_or_make(&other.folder.join("checker.db"))
            .map_err(|e| Failure::Other(Exit::CannotCreate, e.to_string()))?;
        let key = format!("key = \"{}\"", key.public());
        let (name, port) = (other.name, other.port);
        let peer = format!(
            "\n[[peer]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}\"\nadmin = \"{name}-admin@example.com\"\n{key}\n"
        );
        self.write(&(self.text() + &peer)).map_err(trouble)?;
        Ok(key)
    }

    fn start(&self) -> Result<Daemon, Failure> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("-f").arg(&self.settings).arg("daemon");
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(trouble)?;
        let daemon = Daemon(child);
        let since = Instant::now();
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if since.elapsed() > START_MAX {
                let what = format!("the daemon of {} does not answer at port {}", self.name, self.port);
                return Err(Failure::Other(Exit::Io, what));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(daemon)
    }
}

/// Dies when it is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
