//! `checker demo`: the whole life of an alert, on loopback, in a temporary folder, with real passes.

mod peers;

use super::args;
use super::cron;
use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, args::Options};
use crate::decide::schedule::Called;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use uuid::Uuid;

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Demo) -> Result<Exit, Failure> {
    let folder = std::env::temp_dir().join(format!("checker-demo-{}", Uuid::now_v7().simple()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|e| {
        Failure::Other(Exit::CannotCreate, format!("the folder {} cannot be made: {e}", folder.display()))
    })?;
    let told = play(cx, &folder);
    if args.keep {
        writeln!(cx.out, "\nKept: {}", folder.display())?;
    } else if let Err(why) = std::fs::remove_dir_all(&folder) {
        writeln!(cx.out, "\nThe folder {} stays: {why}", folder.display())?;
    }
    told
}

fn play(cx: &mut Cx<'_>, folder: &Path) -> Result<Exit, Failure> {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let target = Target::start(here).map_err(trouble)?;
    let address = target.address;
    let settings = folder.join("settings.cfg");
    write_settings(&settings, folder, address).map_err(trouble)?;
    say(cx, "A server is listening on this machine, and Checker is told to watch it:")?;
    indent(cx.out, &text(address))?;
    let options = Options { file: Some(settings), ..cx.options.clone() };
    let mut world = World::load(&Cx { registry: cx.registry, options: &options, out: &mut io::sink() }, true)?;
    // As it would be installed; the real folder is gone in half a minute.
    "checker".clone_into(&mut world.command);

    say(cx, "Cron starts a pass each minute. This is one; it finds the server well and keeps silent:")?;
    pass(cx, &world)?;
    say(cx, "Now the server dies. The next pass sees it, but one failure may be chance, so nobody is told yet:")?;
    drop(target);
    pass(cx, &world)?;
    say(
        cx,
        "The second failure in a row reaches the threshold. State and alert are committed together, then it is sent:",
    )?;
    pass(cx, &world)?;
    let mut seen = BTreeSet::new();
    let down = new_message(&folder.join("mail"), &mut seen)?;
    say(cx, "This is the message:")?;
    indent(cx.out, &down)?;
    say(cx, "It keeps failing, but it has been told: the next pass sends nothing.")?;
    pass(cx, &world)?;
    say(cx, "Somebody mends the server:")?;
    let target = Target::start(address).map_err(trouble)?;
    pass(cx, &world)?;
    let up = new_message(&folder.join("mail"), &mut seen)?;
    say(cx, "Who was told that it is down is told that it is up:")?;
    indent(cx.out, &up)?;
    drop(target);
    say(
        cx,
        "Five passes, one message when it broke, one when it was well again. Each message was committed to the state\n\
         before it left and marked after it was accepted: a crash between repeats it at most once and never loses it.",
    )?;
    peers::play(cx, &folder.join("peers"))?;
    say(cx, "Now your own server: checker init")?;
    Ok(Exit::Ok)
}

fn say(cx: &mut Cx<'_>, words: &str) -> io::Result<()> {
    writeln!(cx.out, "\n{words}")?;
    cx.out.flush()
}

fn indent(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out)?;
    for line in text.lines() {
        writeln!(out, "    {line}")?;
    }
    out.flush()
}

fn pass(cx: &mut Cx<'_>, world: &World) -> Result<(), Failure> {
    writeln!(cx.out, "\n    $ checker cron --now")?;
    cx.out.flush()?;
    // So that the times in the messages are more than zero, and a reader can follow.
    std::thread::sleep(Duration::from_millis(1_200));
    let report = cron::pass(world, Called::Now)?.report;
    let mut text = Vec::new();
    cron::show(&mut text, &report)?;
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(cx.out, "    {line}")?;
    }
    cx.out.flush()?;
    Ok(())
}

/// The one message that was not there before.
fn new_message(folder: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<String, Failure> {
    let files = std::fs::read_dir(folder).map_err(trouble)?.filter_map(|f| Some(f.ok()?.path()));
    let fresh: Vec<PathBuf> = files.filter(|f| !seen.contains(f)).collect();
    let [file] = fresh.as_slice() else {
        let what = format!("the demo expected one new message and found {}: please report this", fresh.len());
        return Err(Failure::Other(Exit::Io, what));
    };
    seen.insert(file.clone());
    Ok(std::fs::read_to_string(file).map_err(trouble)?.replace('\r', ""))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn trouble(e: io::Error) -> Failure {
    Failure::Other(Exit::Io, format!("the demo cannot go on: {e}"))
}

fn text(address: SocketAddr) -> String {
    format!(
        "[general]\nservername = \"demo\"\nalertcontact = \"you@example.com\"\n\n[email]\ntransport = \"file\"\nfrom = \
         \"checker@example.com\"\n\n[[job.tcp]]\nname = \"my server\"\naddress = \"{address}\"\n"
    )
}

/// Writes what is shown, and that everything stays in this folder even where systemd names others for the state.
fn write_settings(path: &Path, folder: &Path, address: SocketAddr) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let inside = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    let state = format!("[general]\nstate = {}\n", inside("checker.db"));
    let mail = format!("[email]\nfolder = {}\n", inside("mail"));
    let log = format!("\n[log]\nfile = {}\n", inside("checker.log"));
    let text = text(address).replace("[general]\n", &state).replace("[email]\n", &mail);
    file.write_all((text + &log).as_bytes())
}

/// A server that accepts connections until it is dropped.
struct Target {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                drop(connection);
                if seen.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        Ok(Self { address, stop, thread: Some(thread) })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // One more connection, so that it looks at `stop`.
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
