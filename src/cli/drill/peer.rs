//! `checker drill --peer`: the peer mails a code to our admin, who types it here; where that is the mailbox that we look
//! into, we see it arrive. So both know that the peer can do what it is there for.

use super::super::Cx;
use super::super::daemon::hands::{Found, Post};
use super::super::exit::{Exit, Failure};
use super::super::watch::socket;
use super::super::world::World;
use super::LOOK_PAUSE;
use crate::control::{self, Ask};
use crate::decide::pace;
use crate::peer::{self, Heard, Nonce, Pushed};
use crate::rounds::Peer;
use crate::settings::nearest::nearest;
use checker_job::duration_words;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// So often a code may be mistyped.
const TRIES: usize = 3;

pub(super) fn run(cx: &mut Cx<'_>, world: &World, name: &str) -> Result<Exit, Failure> {
    let peers = world.peers()?;
    let peer = find(&peers, name)?;
    let Some(socket) = socket(world) else {
        return Err(Failure::Other(
            Exit::Settings,
            "there is no [daemon] in these settings: no peer is asked".to_owned(),
        ));
    };
    let nonce = Nonce::fresh().map_err(|e| Failure::Other(Exit::Io, e.to_string()))?;
    let code = nonce.to_string().get(..8).unwrap_or_default().to_owned();
    let later = |why: String| Failure::Other(Exit::Later, why);
    let mut status = control::ask(&socket, &Ask::Status, pace::DAEMON)
        .map_err(|why| later(format!("our daemon does not answer: {why}")))?
        .status
        .unwrap_or_default();
    if let Some(fields) = status.as_object_mut() {
        fields.insert("drill".to_owned(), code.clone().into());
    }
    push(world, peer, serde_json::to_vec(&status).unwrap_or_default()).map_err(later)?;
    let home = world.home(false);
    let post = Some(Post::of(world, &home, Uuid::now_v7())?).filter(Post::sees);
    let or =
        post.as_ref().map_or_else(String::new, |p| format!(" The mailbox of {} is looked into meanwhile.", p.to()));
    writeln!(
        cx.out,
        "{name} was asked to mail a code to our admin, at the address that its settings have. Type it here when it has\ncome \
         (Ctrl-D gives up). It mails one an hour at most.{or}"
    )?;
    cx.out.flush()?;
    Course { name, code, post, within: world.canaries().within, started: Instant::now() }.watch(cx)
}

fn find<'a>(peers: &'a [Peer], name: &str) -> Result<&'a Peer, Failure> {
    let Some(peer) = peers.iter().find(|p| p.watched.name == name) else {
        let near = nearest(name, peers.iter().map(|p| p.watched.name.as_str()));
        let hint = near.map_or_else(|| "`checker peers` lists them".to_owned(), |n| format!("did you mean \"{n}\"?"));
        return Err(Failure::usage(format!("there is no peer \"{name}\"; {hint}")));
    };
    if peer.key.is_none() {
        return Err(Failure::usage(format!("{name} is a first program, which knows no drills")));
    }
    if peer.watched.pushes {
        return Err(Failure::usage(format!("{name} cannot be reached from here; run the drill there, for this node")));
    }
    Ok(peer)
}

/// Brings it to the peer; or why not.
fn push(world: &World, peer: &Peer, body: Vec<u8>) -> Result<(), String> {
    let key = world.key().map_err(|e| e.to_string())?;
    let nonce = Nonce::fresh().map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let deadline = tokio::time::Instant::now() + pace::ANSWER;
    let instance = world.instance();
    let pushed = runtime.block_on(peer::push(&peer.target, &key, &instance, nonce, body, deadline));
    runtime.shutdown_background();
    let name = &peer.watched.name;
    match pushed {
        Pushed::Taken => Ok(()),
        Pushed::Old => Err(format!("{name} knows a newer status of ours already: try again")),
        Pushed::Unreadable => Err(format!("{name} cannot read our status: is its Checker older?")),
        Pushed::Failed(Heard::Silent { why, .. } | Heard::Garbled(why)) => Err(format!("{name} was not asked: {why}")),
        Pushed::Failed(_) => Err(format!("{name} does not know our key: is our [[peer]] table still in its settings?")),
    }
}

/// The ways in which the code may come back to us.
struct Course<'a> {
    name: &'a str,
    code: String,
    /// The mailbox that we can look into. The peer's message is there if that is where it writes to our admin.
    post: Option<Post>,
    /// How long it is looked for when nobody types.
    within: Duration,
    started: Instant,
}

/// What came of it.
enum End {
    Typed,
    Seen(String),
    /// It lies in this folder, where nobody reads it.
    Astray(String),
    Nothing,
}

impl Course<'_> {
    fn watch(&self, cx: &mut Cx<'_>) -> Result<Exit, Failure> {
        let end = self.wait(cx)?;
        let (name, after) = (self.name, duration_words(Duration::from_secs(self.started.elapsed().as_secs())));
        match end {
            End::Typed => writeln!(cx.out, "good: {name} reaches our admin (typed after {after})")?,
            End::Seen(folder) => {
                writeln!(cx.out, "good: {name} reaches our admin (arrived after {after}, in the folder {folder})")?;
            }
            End::Astray(folder) => {
                writeln!(
                    cx.out,
                    "FAILED: the message of {name} came into the folder {folder}, where nobody reads it: mark it as wanted there"
                )?;
                return Ok(Exit::Later);
            }
            End::Nothing => {
                let seen = if self.post.is_some() { " and is not in our mailbox" } else { "" };
                writeln!(
                    cx.out,
                    "FAILED: the code of {name} was not typed{seen}. If its message has not come, {name} could not tell you either \
                     that this node is\nsilent: ask its admin whether the address in its [[peer]] table for us is right, and \
                     whether its mail leaves."
                )?;
                return Ok(Exit::Later);
            }
        }
        Ok(Exit::Ok)
    }

    /// Waits for the code, typed or in the mailbox.
    fn wait(&self, cx: &mut Cx<'_>) -> Result<End, Failure> {
        let lines = typed_lines();
        let mut tries = TRIES;
        loop {
            let line = if self.post.is_some() {
                lines.recv_timeout(LOOK_PAUSE)
            } else {
                lines.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match line {
                Ok(line) if line.trim().eq_ignore_ascii_case(&self.code) => return Ok(End::Typed),
                Ok(_) => {
                    tries = tries.saturating_sub(1);
                    writeln!(cx.out, "that is not the code")?;
                    cx.out.flush()?;
                }
                Err(RecvTimeoutError::Disconnected) => tries = 0,
                Err(RecvTimeoutError::Timeout) => {}
            }
            match self.post.as_ref().map(|p| p.find_code(&self.code)) {
                Some(Ok(Found::Arrived(folder))) => return Ok(End::Seen(folder)),
                Some(Ok(Found::Spam(folder) | Found::Thrown(folder))) => return Ok(End::Astray(folder)),
                Some(Ok(Found::Missing)) | None => {}
                Some(Err(why)) => tracing::warn!("the mailbox cannot be looked into: {why}"),
            }
            if tries == 0 && (self.post.is_none() || self.started.elapsed() > self.within) {
                return Ok(End::Nothing);
            }
            if tries == 0 {
                std::thread::sleep(LOOK_PAUSE);
            }
        }
    }
}

/// What is typed, line by line. Its thread waits for the keyboard until the program ends.
fn typed_lines() -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    let read =
        move || io::stdin().lines().map_while(Result::ok).take_while(|line| tell.send(line.clone()).is_ok()).count();
    if let Err(why) = std::thread::Builder::new().name("keyboard".to_owned()).spawn(read) {
        tracing::warn!("nothing can be typed: {why}");
    }
    lines
}
