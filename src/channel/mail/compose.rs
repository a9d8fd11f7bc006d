//! A delivery becomes the bytes of a mail.
//!
//! **Invariant:** whatever the texts of a delivery contain, the mail has exactly one of each header, no bare CR or LF,
//! only ASCII, and no line longer than 998 characters.

use super::MailSettings;
use crate::decide::{Delivery, SendResult};
use crate::message::text::{cut, lines, one_line};
use checker_job::Timestamp;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};
use lettre::{Address, address::AddressError};
use std::error::Error;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// The longest subject, in characters, before it is encoded.
const SUBJECT_MAX: usize = 200;
/// The longest part of the server's name that is shown as sender, in characters.
const NAME_MAX: usize = 60;
/// The last second that the header `Date` can say: the end of the year 9999.
const DATE_MAX_SECS: u64 = 253_402_300_799;

/// A mail that is ready to go.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The envelope's sender.
    pub from: Address,
    /// The envelope's recipient.
    pub to: Address,
    /// Header and text: ASCII, lines end with CR LF.
    pub bytes: Vec<u8>,
}

/// What a message to ourselves carries in its header.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    /// Its token.
    pub token: &'a str,
    /// The proof that it is ours, where somebody else looks for it (`peer::canary`).
    pub proof: Option<&'a str>,
}

/// The Message-ID of a delivery, with angle brackets. It follows from the delivery alone, so that a repeat can be
/// recognised. `from` is the sender's address, whose domain is used.
pub fn message_id(delivery: Uuid, from: &str) -> String {
    let domain: String = from
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        .take(200)
        .collect();
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    let domain = if domain.is_empty() { "checker.invalid" } else { &domain };
    format!("<{delivery}@{domain}>")
}

/// The mail that carries `delivery`. It depends on its arguments alone: a repeat has the same bytes.
///
/// # Errors
/// `Refused` if the recipient is no mail address, `Later` if the sender is none.
pub fn compose(settings: &MailSettings, delivery: &Delivery) -> Result<Letter, SendResult> {
    letter(settings, delivery, None)
}

/// The same for a message to ourselves, whose token stands in a header as well as in the text.
///
/// # Errors
/// As [`compose`].
pub(super) fn compose_canary(
    settings: &MailSettings,
    delivery: &Delivery,
    canary: &Marks<'_>,
) -> Result<Letter, SendResult> {
    letter(settings, delivery, Some(canary))
}

fn letter(settings: &MailSettings, delivery: &Delivery, canary: Option<&Marks<'_>>) -> Result<Letter, SendResult> {
    let from = address(&settings.from).map_err(|e| SendResult::Later {
        why: format!("the sender \"{}\" is no mail address ({e}): mend from under [email]", one_line(&settings.from)),
    })?;
    let to = address(&delivery.recipient.0).map_err(|e| SendResult::Refused {
        why: format!(
            "\"{}\" is no mail address ({e}): mend alertcontact under [general], or contacts of the job",
            one_line(&delivery.recipient.0)
        ),
    })?;
    let message = build(settings, delivery, canary, from.clone(), to.clone()).map_err(|e| SendResult::Later {
        why: format!("the mail could not be put together ({e}); please report this"),
    })?;
    Ok(Letter { from, to, bytes: message.formatted() })
}

fn build(
    settings: &MailSettings,
    delivery: &Delivery,
    canary: Option<&Marks<'_>>,
    from: Address,
    to: Address,
) -> Result<Message, lettre::error::Error> {
    let servername = cut(&one_line(&settings.servername), NAME_MAX);
    let sender = Mailbox::new(Some(format!("Checker on {servername}")), from);
    let mut message = Message::builder()
        .from(sender)
        .to(Mailbox::new(None, to))
        .subject(subject(settings, delivery))
        .date(date(delivery.created_at))
        .message_id(Some(safe_id(&delivery.message_id).unwrap_or_else(|| message_id(delivery.id, &settings.from))))
        .header(AutoSubmitted)
        .header(SuppressReplies)
        .header(DeliveryId(delivery.id));
    if let Some(marks) = canary.filter(|m| m.token.bytes().all(|b| b.is_ascii_alphanumeric())) {
        message = message.header(Canary(marks.token.to_owned()));
        if let Some(proof) = marks.proof.filter(|p| p.bytes().all(|b| b.is_ascii_graphic())) {
            message = message.header(Proof(proof.to_owned()));
        }
    }
    let thread = delivery.in_reply_to.as_deref().and_then(safe_id);
    if let Some(thread) = thread.filter(|_| !settings.bust_gmail_threading) {
        message = message.in_reply_to(thread.clone()).references(thread);
    }
    message.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(lines(&delivery.body)))
}

fn address(text: &str) -> Result<Address, AddressError> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(AddressError::InvalidInput);
    }
    text.parse()
}

/// The subject: one line, cut, and with a number of its own where grouping is not wanted.
fn subject(settings: &MailSettings, delivery: &Delivery) -> String {
    // What looks encoded would be decoded by the reader's program into something that we never saw.
    let text = one_line(&delivery.subject).replace("=?", "= ?");
    if !settings.bust_gmail_threading {
        return cut(&text, SUBJECT_MAX);
    }
    let number = format!(" ({})", delivery.id.as_u128() % 1_000_000_000);
    cut(&text, SUBJECT_MAX - number.len()) + &number
}

/// A Message-ID that is safe in a header, or nothing.
fn safe_id(id: &str) -> Option<String> {
    let inner = id.strip_prefix('<')?.strip_suffix('>')?;
    let (left, right) = inner.split_once('@')?;
    let plain =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '@'));
    (id.len() <= 300 && plain(left) && plain(right)).then(|| id.to_owned())
}

fn date(at: Timestamp) -> SystemTime {
    let secs = u64::try_from(at.secs()).unwrap_or(0).min(DATE_MAX_SECS);
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

/// A header with a fixed name; our own headers are written, never read.
macro_rules! own_header {
    ($type:ty, $name:literal, $value:expr) => {
        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }
            fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
                Err(concat!($name, " is never read").into())
            }
            fn display(&self) -> HeaderValue {
                let value: fn(&Self) -> String = $value;
                HeaderValue::new(Self::name(), value(self))
            }
        }
    };
}

/// Tells other machines not to answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;
own_header!(AutoSubmitted, "Auto-Submitted", |_| "auto-generated".to_owned());

/// The same for servers that do not know RFC 3834.
#[derive(Clone)]
struct SuppressReplies;
own_header!(SuppressReplies, "X-Auto-Response-Suppress", |_| "All".to_owned());

/// Which delivery this is, in words of our own store.
#[derive(Clone)]
struct DeliveryId(Uuid);
own_header!(DeliveryId, "X-Checker-Delivery", |id| id.0.to_string());

/// The token of a canary.
#[derive(Clone)]
struct Canary(String);
own_header!(Canary, "X-Checker-Canary", |token| token.0.clone());

/// The proof that a canary is ours.
#[derive(Clone)]
struct Proof(String);
own_header!(Proof, "X-Checker-Proof", |proof| proof.0.clone());
