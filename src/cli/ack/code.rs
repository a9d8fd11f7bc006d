//! `checker ack CODE`: a human has read the message by which Checker asks whether its mail arrives.

use super::super::exit::{Exit, Failure};
use super::super::watch::socket;
use super::super::world::World;
use super::super::{Cx, json_line};
use crate::control::{self, Ask};
use crate::daemon::canaries;
use crate::decide::mail::{Canary, Fate};
use crate::decide::{canary, pace};
use crate::outbox::{self, again};
use crate::store::Own;
use serde_json::json;

/// Notes the code, and wakes the daemon, which takes it as the proof.
pub(super) fn typed(cx: &mut Cx<'_>, world: &World, code: &str) -> Result<Exit, Failure> {
    let home = world.home(true);
    let store = world.open(&home)?;
    let own = store.own();
    let proof = outbox::proof(&own)?;
    let is = |c: &&Canary| canary::code(&c.token) == code;
    let Some(sent) = proof.out.iter().find(is) else {
        return Err(Failure::usage(format!(
            "no message with the code {code} is under way: it was typed before, or a newer one has taken its place"
        )));
    };
    if sent.fate == Fate::Overdue {
        return Err(Failure::usage(format!(
            "the code {code} comes too late to prove anything: a new message is sent within a day, type the code of that one"
        )));
    }
    let mut typed = canaries::typed(&own)?;
    typed.retain(|old| proof.out.iter().any(|c| canary::code(&c.token) == *old));
    typed.insert(code.to_owned());
    let text = serde_json::to_string(&typed).unwrap_or_default();
    again(|| own.set_meta(canaries::TYPED, Some(&text)))?;
    let daemon = socket(world).map(|at| control::ask(&at, &Ask::Drain, pace::DAEMON));
    if cx.options.json {
        json_line(cx, &json!({"v": 1, "code": code, "daemon": matches!(daemon, Some(Ok(_)))}))?;
    } else if let Some(Ok(_)) = daemon {
        writeln!(cx.out, "{code}: mail is proven; the daemon says so within a minute")?;
    } else {
        writeln!(cx.out, "{code} is noted; the daemon does not run, and takes it up when it does")?;
    }
    Ok(Exit::Ok)
}
