//! Our own faults in words: what is outside this host and does not answer us, the ways out and who watches us.

use super::{DAY, PREFIX, judge, trouble};
use crate::decide::Recipient;
use crate::store::{Own, Result};
use checker_job::{JobId, Outcome, Remind, Timestamp, duration_words};
use std::time::Duration;

/// A channel that has taken nothing for this long is told.
const CHANNEL_PATIENCE: Duration = Duration::from_secs(600);
/// A service that is told that we live, and was not reached for this long, is told.
const DEADMAN_PATIENCE: Duration = Duration::from_secs(3_600);

/// The id of the trouble that a channel takes nothing.
fn channel_id(name: &str) -> JobId {
    JobId::literal(format!("{PREFIX}channel:{name}"))
}

/// The channels that are told as taking nothing.
///
/// # Errors
/// Of the store.
pub fn channels_in_trouble(own: &dyn Own) -> Result<Vec<String>> {
    let open = own.slots()?.into_iter().filter(|(_, slot)| slot.open);
    let prefix = channel_id("");
    let mut names: Vec<String> =
        open.filter_map(|(id, _)| Some(id.as_str().strip_prefix(prefix.as_str())?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// A channel fails since `failing`, and what it said; or it does not. It is told to all contacts but itself.
///
/// # Errors
/// Of the store.
pub fn channel(
    own: &dyn Own,
    contacts: &[Recipient],
    channel: &str,
    failing: Option<(Timestamp, &str)>,
    now: Timestamp,
) -> Result<()> {
    let id = channel_id(channel);
    let name = format!("channel {channel}");
    let outcome = match failing {
        Some((since, _)) if now.since(since) < CHANNEL_PATIENCE => return Ok(()),
        Some((since, why)) => {
            let lasts = duration_words(now.since(since));
            Outcome::failed("it takes no messages").with_detail(format!(
                "Since {lasts} every message to the channel \"{channel}\" has failed:\n\n{why}\n\nWhat waits for it is \
                 kept and tried again. Urgent news for it goes to the\ngeneral contacts too.\n\nMend it, then look \
                 with: checker test --mail-only\n"
            ))
        }
        None => Outcome::ok("it takes messages"),
    };
    let others: Vec<Recipient> = contacts.iter().filter(|c| c.0 != channel).cloned().collect();
    let whom = if others.is_empty() { contacts } else { &others };
    judge(own, whom, &trouble(id, name, Remind::Every(DAY)), &outcome, now)
}

/// The service of `[deadman]` has not been reached since `failing`, and why; or it was, or is not called any more.
///
/// # Errors
/// Of the store.
pub fn deadman(
    own: &dyn Own,
    contacts: &[Recipient],
    failing: Option<(Timestamp, &str)>,
    now: Timestamp,
) -> Result<()> {
    let id = JobId::literal(format!("{PREFIX}deadman"));
    let outcome = match failing {
        Some((since, _)) if now.since(since) < DEADMAN_PATIENCE => return Ok(()),
        Some((since, why)) => {
            let lasts = duration_words(now.since(since));
            Outcome::failed("the outside service that watches Checker cannot be reached").with_detail(format!(
                "Each pass calls the address under [deadman], and for {lasts} no call\nwas answered well:\n\n{why}\n\nThe \
                 checks go on, and you are told of what they find. But that\nservice does not hear that Checker lives: if \
                 it works, it has told you\nso by now; if it does not, nobody outside watches.\n\nSee that the address is \
                 still right, and that this host may reach it.\n"
            ))
        }
        None => Outcome::ok("the outside service that watches Checker is reached"),
    };
    judge(own, contacts, &trouble(id, "deadman", Remind::Every(DAY)), &outcome, now)
}
