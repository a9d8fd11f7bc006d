//! `checker drill --peer`: the peer mails a code to our admin, who types it here. So both know that the peer can do what it
//! is there for.

use super::super::Cx;
use super::super::exit::{Exit, Failure};
use super::super::watch::socket;
use super::super::world::World;
use crate::control::{self, Ask};
use crate::decide::pace;
use crate::peer::{self, Heard, Nonce, Pushed};
use crate::rounds::Peer;
use crate::settings::nearest::nearest;
use checker_job::duration_words;
use std::io;
use std::time::{Duration, Instant};

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
    writeln!(
        cx.out,
        "{name} was asked to mail a code to our admin, at the address that its settings have. Type it here when it has\ncome \
         (Ctrl-D gives up). It mails one an hour at most."
    )?;
    cx.out.flush()?;
    typed(cx, name, &code)
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

fn typed(cx: &mut Cx<'_>, name: &str, code: &str) -> Result<Exit, Failure> {
    let started = Instant::now();
    for _ in 0..TRIES {
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            break;
        }
        if line.trim().eq_ignore_ascii_case(code) {
            let after = duration_words(Duration::from_secs(started.elapsed().as_secs()));
            writeln!(cx.out, "good: {name} reaches our admin (typed after {after})")?;
            return Ok(Exit::Ok);
        }
        writeln!(cx.out, "that is not the code")?;
        cx.out.flush()?;
    }
    writeln!(
        cx.out,
        "FAILED: the code of {name} was not typed. If its message has not come, {name} could not tell you either that this node \
         is\nsilent: ask its admin whether the address in its [[peer]] table for us is right, and whether its mail leaves."
    )?;
    Ok(Exit::Later)
}
