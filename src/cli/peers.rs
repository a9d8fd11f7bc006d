//! `checker peers`, `checker away`, `checker leave`: what people do about the watch of others over them.

mod invite;

use super::args::{self, PeersCommand};
use super::exit::{Exit, Failure};
use super::watch::socket;
use super::world::World;
use super::{Cx, counted, json_line, local_time};
use crate::clock;
use crate::control::{self, Answer, Ask};
use crate::decide::pace;
use crate::decide::peers::View;
use crate::decide::status::{Sees, Status};
use crate::rounds::{self, Peer};
use checker_job::{Timestamp, duration_words};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Peers) -> Result<Exit, Failure> {
    match &args.command {
        Some(PeersCommand::Invite(invite)) => invite::run(cx, invite),
        None => list(cx),
    }
}

/// How each peer was when it was last asked, and whether it watches us.
fn list(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let peers = world.peers()?;
    let home = world.home(false);
    let views = match world.look(&home)? {
        Some(store) => rounds::views(&store.own())?,
        None => BTreeMap::new(),
    };
    let daemon = socket(&world).and_then(|s| control::ask(&s, &Ask::Status, pace::DAEMON).ok());
    let status = daemon.and_then(|a| a.status).and_then(|s| serde_json::from_value::<Status>(s).ok());
    let now = clock::now().wall;
    let lines: Vec<Line<'_>> =
        peers.iter().map(|p| Line::of(p, views.get(&p.watched.name), status.as_ref(), now)).collect();
    if cx.options.json {
        let all: Vec<_> = lines.iter().map(Line::to_json).collect();
        json_line(cx, &json!({"v": 1, "peers": all}))?;
        return Ok(Exit::Ok);
    }
    if lines.is_empty() {
        writeln!(cx.out, "There are no peers. `checker peers invite` prints what a friend needs to watch this node.")?;
    }
    for line in lines {
        writeln!(cx.out, "{}", line.words())?;
    }
    Ok(Exit::Ok)
}

/// One peer, for people and programs.
struct Line<'a> {
    peer: &'a Peer,
    view: Option<&'a View>,
    /// How we see it, as our daemon says; and how it sees us, as it says itself.
    sees: Option<Sees>,
    sees_us: Option<Sees>,
    known: bool,
    now: Timestamp,
}

impl<'a> Line<'a> {
    fn of(peer: &'a Peer, view: Option<&'a View>, status: Option<&Status>, now: Timestamp) -> Self {
        let sees = status.and_then(|s| s.sees.iter().find(|s| Some(&s.node) == peer.watched.node.as_ref()).cloned());
        let theirs = view.and_then(|v| v.status.as_ref());
        let sees_us = theirs.zip(status).and_then(|(theirs, ours)| theirs.sees.iter().find(|s| s.node == ours.node));
        Self { peer, view, sees, sees_us: sees_us.cloned(), known: status.is_some(), now }
    }

    fn state(&self) -> (&'static str, String) {
        let Some((view, asked)) = self.view.and_then(|v| Some((v, v.asked?))) else {
            return ("new", "not asked yet".to_owned());
        };
        let ago = duration_words(Duration::from_secs(self.now.since(asked).as_secs()));
        let asked = if self.peer.watched.pushes { "looked at what it pushed" } else { "asked" };
        let word = view.status.as_ref().and_then(|s| s.word).map(|w| w.to_string()).unwrap_or_default();
        if let Some(until) = view.away.filter(|until| self.now < *until) {
            let left = duration_words(Duration::from_secs(until.since(self.now).as_secs()));
            return ("away", format!("it has announced to be away for {left} more; {asked} {ago} ago"));
        }
        match view.bad {
            n if n > 0 && view.is_there() && view.answered.is_none() => (
                "unpaired",
                format!("it answers, but does not know our key, or ours of it is wrong; {asked} {ago} ago"),
            ),
            0 => ("ok", format!("{asked} {ago} ago")),
            n if view.is_there() => {
                ("problem", format!("{word}, {} in a row; {asked} {ago} ago", counted(n as usize, "time")))
            }
            n => {
                let looks = counted(n as usize, if self.peer.watched.pushes { "look" } else { "question" });
                ("silent", format!("{looks} in a row without an answer; {asked} {ago} ago"))
            }
        }
    }

    fn watches(&self) -> String {
        if self.peer.key.is_none() {
            return "a first program: whether it watches us cannot be known".to_owned();
        }
        if self.peer.watched.push && self.known {
            return match &self.sees_us {
                Some(s) => {
                    format!("it looked at our status {} before that", duration_words(Duration::from_secs(s.polled_s)))
                }
                None => "it has not looked at the status that we push to it".to_owned(),
            };
        }
        match self.sees.as_ref().and_then(|s| s.asked_s) {
            Some(s) => format!("it asked about us {} ago", duration_words(Duration::from_secs(s))),
            None if self.known => "it has not asked about us since our daemon started".to_owned(),
            None => "whether it watches us is not known: our daemon does not answer".to_owned(),
        }
    }

    fn words(&self) -> String {
        let (state, words) = self.state();
        let name = &self.peer.watched.name;
        format!("{state:8} {name}: {words}\n         {}; its admin: {}", self.watches(), self.peer.admin)
    }

    fn to_json(&self) -> serde_json::Value {
        let view = self.view.cloned().unwrap_or_default();
        json!({
            "name": self.peer.watched.name, "state": self.state().0, "bad_in_a_row": view.bad, "told": view.told,
            "asked_us_s": self.sees.as_ref().and_then(|s| s.asked_s), "skew_s": view.skew_s,
            "node": self.peer.watched.node, "legacy": self.peer.key.is_none(), "cloned": view.cloned.is_some(),
        })
    }
}

/// A planned absence, announced by the daemon in its signed status.
pub(super) fn away(cx: &mut Cx<'_>, args: &args::Away) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let until = match args.time.as_str() {
        "end" => None,
        text => {
            let time = checker_job::parse_duration(text).map_err(Failure::usage)?;
            if time > crate::decide::peers::AWAY_MAX {
                return Err(Failure::usage(
                    "peers believe an absence of 4 hours at most: announce it again when that is over",
                ));
            }
            Some(clock::now().wall.plus(time))
        }
    };
    ask(&world, &Ask::Away { until })?;
    match until {
        Some(at) => writeln!(
            cx.out,
            "Peers that ask from now on will not worry before {}. Each asks every 5 minutes: wait until `checker peers` shows \
             that all have asked, or one pass where we push. It ends by itself, or with: checker away end",
            local_time(&world, at)
        )?,
        None => writeln!(cx.out, "The absence is over.")?,
    }
    Ok(Exit::Ok)
}

/// How to take this node out of the watch of its peers, so that nobody is told that it died.
pub(super) fn leave(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let until = clock::now().wall.plus(crate::decide::peers::AWAY_MAX);
    ask(&world, &Ask::Away { until: Some(until) })?;
    writeln!(cx.out, "For 4 hours, peers that ask are told that this node is away. In that time:")?;
    for peer in &world.settings.peers {
        writeln!(
            cx.out,
            "  - let {} take the [[peer]] table for this node out of the settings of {}",
            peer.admin, peer.name
        )?;
    }
    writeln!(cx.out, "  - take the crontab line out, and end the daemon")?;
    writeln!(cx.out, "Peers that still have the table afterwards will tell that this node is silent.")?;
    Ok(Exit::Ok)
}

fn ask(world: &World, ask: &Ask) -> Result<Answer, Failure> {
    let Some(socket) = socket(world) else {
        return Err(Failure::Other(
            Exit::Settings,
            "there is no daemon in these settings: add the table [daemon]".to_owned(),
        ));
    };
    let answer = control::ask(&socket, ask, pace::DAEMON)
        .map_err(|why| Failure::Other(Exit::Io, format!("the daemon does not answer: {why}")))?;
    match answer.problem {
        Some(why) => Err(Failure::Other(Exit::Io, format!("the daemon did not do it: {why}"))),
        None => Ok(answer),
    }
}
