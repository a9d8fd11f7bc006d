//! What a pass has to do with the outside besides its jobs: it tells the service of `[deadman]` that it lives, and says
//! which channels take nothing.

use crate::channel::call::{Answer, CallError, Caller, Request};
use crate::decide::Recipient;
use crate::outbox::channel_health;
use crate::settings::{self, Settings};
use crate::store::{Own, Result, StoreError};
use crate::{clock, node};
use checker_job::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where what is known of the calls is kept in the own group.
const DEADMAN: &str = "deadman";
/// One call takes no longer than this.
const TIME_MAX: Duration = Duration::from_secs(5);

/// How the calls go, across passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Health {
    failing_since: Option<Timestamp>,
}

/// Calls the service of `[deadman]`, once in a pass, on a thread of its own.
pub(super) struct Deadman<'a> {
    settings: Option<&'a settings::Deadman>,
    call: Option<JoinHandle<std::result::Result<Answer, CallError>>>,
}

impl<'a> Deadman<'a> {
    pub(super) fn new(settings: Option<&'a settings::Deadman>) -> Self {
        Self { settings, call: None }
    }

    /// The pass lives and works. Returns at once.
    pub(super) fn alive(&mut self) {
        let (Some(settings), None) = (self.settings, &self.call) else { return };
        let mut caller = Caller::new(settings.url.clone(), settings.ca_file.clone());
        let request = Request { method: Method::GET, headers: Vec::new(), body: String::new() };
        let call = move || caller.call(request, Instant::now() + TIME_MAX);
        match std::thread::Builder::new().name("deadman".to_owned()).spawn(call) {
            Ok(call) => self.call = Some(call),
            Err(why) => tracing::warn!("no thread to call the address under [deadman] on: {why}"),
        }
    }

    /// Waits for the call, at most until its time is over, and notes how it went.
    pub(super) fn finish(self, own: &dyn Own, contacts: &[Recipient]) {
        let noted = match (self.settings, self.call) {
            (None, _) => note(own, contacts, Ok(())),
            (Some(_), None) => Ok(()),
            (Some(_), Some(call)) => {
                let answered = call.join().unwrap_or_else(|_| Err(CallError::Later("the call broke off".to_owned())));
                let judged = judge(answered);
                if let Err(why) = &judged {
                    tracing::warn!("the address under [deadman] was called in vain: {why}");
                }
                note(own, contacts, judged)
            }
        };
        if let Err(why) = noted {
            tracing::warn!("how the call of [deadman] went cannot be noted: {why}");
        }
    }
}

/// Whether the service has heard us.
fn judge(answered: std::result::Result<Answer, CallError>) -> std::result::Result<(), String> {
    match answered {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => {
            let words = if answer.words.is_empty() { String::new() } else { format!(" and says \"{}\"", answer.words) };
            Err(format!("it answers {}{words}", answer.line))
        }
        Err(CallError::Later(why) | CallError::Never(why)) => Err(why),
    }
}

/// Writes only if something changes.
fn note(own: &dyn Own, contacts: &[Recipient], answer: std::result::Result<(), String>) -> Result<()> {
    let now = clock::now().wall;
    let before: Option<Health> = own.meta(DEADMAN)?.and_then(|t| serde_json::from_str(&t).ok());
    match (answer, before) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(_)) => {
            node::deadman(own, contacts, None, now)?;
            own.set_meta(DEADMAN, None)
        }
        (Err(why), before) => {
            // A beginning in the future was noted while the clock was ahead.
            let known = before.as_ref().and_then(|h| h.failing_since).filter(|at| *at <= now);
            let since = known.unwrap_or(now);
            node::deadman(own, contacts, Some((since, &why)), now)?;
            if known.is_some() {
                return Ok(());
            }
            let text = serde_json::to_string(&Health { failing_since: Some(since) });
            own.set_meta(DEADMAN, Some(&text.map_err(|e| StoreError::Refused(e.to_string()))?))
        }
    }
}

/// Notes which channels take nothing, as troubles of this node.
pub(super) fn watch_channels(own: &dyn Own, settings: &Settings, contacts: &[Recipient]) -> Result<()> {
    let now = clock::now().wall;
    for channel in &settings.channels {
        let health = channel_health(own, &channel.name)?;
        let failing = health.failing_since.map(|since| (since, health.why.as_deref().unwrap_or_default()));
        node::channel(own, contacts, &channel.name, failing, now)?;
    }
    for name in node::channels_in_trouble(own)? {
        if !settings.channels.iter().any(|c| c.name == name) {
            node::channel(own, contacts, &name, None, now)?;
        }
    }
    Ok(())
}
