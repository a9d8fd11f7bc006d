//! The receipt: one message to ourselves, and where it arrived.

use super::super::Cx;
use super::super::daemon::hands::{Found, Post};
use super::super::exit::Failure;
use super::super::world::World;
use crate::clock;
use crate::daemon::Hands;
use crate::decide::SendResult;
use crate::settings::Via;
use checker_job::duration_words;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Nobody waits longer before a terminal.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks into the mailbox, at first; later a quarter of the time that has passed: each look is a login, and may need
/// a new access token.
const PAUSE: Duration = Duration::from_secs(2);

/// Whether there is a mailbox to look into.
pub(super) fn is_possible(world: &World) -> bool {
    let via = world.settings.canary.as_ref().map(|c| &c.via);
    matches!(via, Some(Via::Imap { .. } | Via::Maildir(_)))
}

/// Sends the message and waits for it; whether it arrived where it is read. True too where nobody can look.
pub(super) fn run(cx: &mut Cx<'_>, world: &World) -> Result<bool, Failure> {
    let Some(canary) = world.settings.canary.as_ref().filter(|_| is_possible(world)) else { return Ok(true) };
    let home = world.home(false);
    let id = Uuid::now_v7();
    home.hold(id)?;
    let mut post = Post::of(world, &home, id)?;
    let (to, limit) = (post.to().clone(), canary.within.min(PATIENCE));
    let token = post.token();
    if let SendResult::Later { why } | SendResult::Refused { why } = post.send(&token, clock::now().wall) {
        writeln!(cx.out, "receipt   NOT ACCEPTED for {to}: {why}")?;
        return Ok(false);
    }
    let most = duration_words(limit);
    writeln!(cx.out, "receipt   waits for a message to {to}, at most {most}; end it with Ctrl-C")?;
    cx.out.flush()?;
    let (found, took) = wait(&post, &token, limit);
    let after = duration_words(Duration::from_secs(took.as_secs().max(1)));
    match &found {
        Ok(Found::Arrived(folder)) => writeln!(cx.out, "receipt   arrived after {after}, in the folder {folder}")?,
        Ok(Found::Spam(folder)) => writeln!(
            cx.out,
            "receipt   IN THE FOLDER FOR SPAM ({folder}) after {after}: mark it as wanted there, or alerts get lost as well"
        )?,
        Ok(Found::Thrown(folder)) => writeln!(
            cx.out,
            "receipt   THROWN AWAY (into {folder}) after {after}: a filter does that. If it is to, set \
             ideletesentmessagesautomatically = true"
        )?,
        Ok(Found::Missing) => writeln!(
            cx.out,
            "receipt   NOT ARRIVED after {most}: it was accepted, and is in no folder of {to}. Ask the mail provider, or give it \
             more time: [canary] within"
        )?,
        Err(why) => writeln!(cx.out, "receipt   CANNOT BE LOOKED FOR: {why}")?,
    }
    let arrived = matches!(found, Ok(Found::Arrived(_)));
    if arrived {
        post.clean(&[token]);
    }
    Ok(arrived)
}

fn wait(post: &Post, token: &str, limit: Duration) -> (Result<Found, String>, Duration) {
    let (started, message_id) = (Instant::now(), post.message_id(token));
    loop {
        let found = post.find(token, &message_id);
        let took = started.elapsed();
        // A mailbox that cannot be looked into now may be there in a moment.
        let open = matches!(found, Ok(Found::Missing) | Err(_));
        if !open || took >= limit {
            return (found, took);
        }
        std::thread::sleep(pause(took, limit));
    }
}

/// How long to wait for the next look, `took` after the message was sent.
fn pause(took: Duration, limit: Duration) -> Duration {
    PAUSE.max(took / 4).min(limit.saturating_sub(took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_fewer_and_the_last_is_at_the_limit() {
        let (mut took, mut looks) = (Duration::ZERO, 1);
        while took < PATIENCE {
            took += pause(took, PATIENCE);
            looks += 1;
        }
        assert_eq!(took, PATIENCE);
        assert!((10..=20).contains(&looks), "{looks} logins in two minutes");
        assert_eq!(pause(Duration::ZERO, PATIENCE), PAUSE, "most messages arrive at once");
    }
}
