//! What is known of the ways out, across passes: in the own group, so that a restart changes nothing.

use crate::decide::fallback::{self, Ways};
use crate::decide::mail::Proof;
use crate::decide::{Recipient, SendResult};
use crate::store::{Own, Result, StoreError};
use checker_job::Timestamp;
use serde::{Deserialize, Serialize};

/// Where what is known of mail is kept in the own group.
pub const MAIL_HEALTH: &str = "mail";
/// Where what is known of round trips is kept in the own group.
pub const PROOF: &str = "canary";
/// The same of a channel, before its name.
const CHANNEL_HEALTH: &str = "channel:";

/// What is known of mail, across passes. Deliveries by mail alone change it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailHealth {
    /// When a message was last accepted.
    pub accepted_at: Option<Timestamp>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    /// When a try last failed, be others accepted since.
    pub failed_at: Option<Timestamp>,
    /// What it said.
    pub why: Option<String>,
}

/// What is known of one channel, across passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelHealth {
    /// When it last took a message.
    pub accepted_at: Option<Timestamp>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    /// When a try last failed.
    pub failed_at: Option<Timestamp>,
    /// What it said.
    pub why: Option<String>,
}

/// What is known of mail.
///
/// # Errors
/// Of the store.
pub fn mail_health(own: &dyn Own) -> Result<MailHealth> {
    let text = own.meta(MAIL_HEALTH)?;
    Ok(text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
}

/// What is known of round trips.
///
/// # Errors
/// Of the store.
pub fn proof(own: &dyn Own) -> Result<Proof> {
    Ok(own.meta(PROOF)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
}

/// What is known of the channel of this name.
///
/// # Errors
/// Of the store.
pub fn channel_health(own: &dyn Own, name: &str) -> Result<ChannelHealth> {
    let text = own.meta(&format!("{CHANNEL_HEALTH}{name}"))?;
    Ok(text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
}

/// Notes what the way of `to` has answered.
pub(super) fn note(own: &dyn Own, to: &Recipient, result: &SendResult, at: Timestamp) -> Result<()> {
    if to.is_mail() {
        return note_mail(own, result, at);
    }
    let mut health = channel_health(own, &to.0)?;
    match result {
        SendResult::Accepted { .. } => {
            health = ChannelHealth { accepted_at: Some(at), ..ChannelHealth::default() };
        }
        SendResult::Later { why } | SendResult::Refused { why } => {
            health.failing_since = health.failing_since.or(Some(at));
            health.failed_at = Some(at);
            health.why = Some(why.clone());
        }
    }
    write(own, &format!("{CHANNEL_HEALTH}{to}"), &health)
}

fn note_mail(own: &dyn Own, result: &SendResult, at: Timestamp) -> Result<()> {
    let mut health = mail_health(own)?;
    match result {
        SendResult::Accepted { .. } => {
            // That it failed once is still news to whoever asks for proof: an acceptance is none.
            (health.accepted_at, health.failing_since) = (Some(at), None);
        }
        SendResult::Later { why } | SendResult::Refused { why } => {
            health.failing_since = health.failing_since.or(Some(at));
            health.failed_at = Some(at);
            health.why = Some(why.clone());
        }
    }
    write(own, MAIL_HEALTH, &health)
}

fn write(own: &dyn Own, key: &str, health: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(health).map_err(|e| StoreError::Refused(e.to_string()))?;
    own.set_meta(key, Some(&text))
}

/// `ways`, with what is known of them at `now`.
pub(super) fn known(own: &dyn Own, ways: &Ways, now: Timestamp) -> Result<Ways> {
    let mut known = ways.clone();
    // Without a channel there is no other way, and nothing to look up.
    if ways.channels.is_empty() {
        return Ok(known);
    }
    known.mail_is_broken = fallback::is_broken(mail_health(own)?.failing_since, now) || proof(own)?.is_bad();
    for name in &ways.channels {
        if fallback::is_broken(channel_health(own, name)?.failing_since, now) {
            known.broken.insert(name.clone());
        }
    }
    Ok(known)
}
