//! The message that makes the trip, and the notes about it.

use crate::plan::Plan;
use checker_job::Timestamp;
use checker_parts::mailbox::{NOTE, TRIP};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::Write as _;
use std::time::Duration;

/// Bytes of a token, and of a mark.
const TOKEN: usize = 16;
/// The longest part of a name in a subject.
const NAME_MAX: usize = 60;
/// No message takes longer; more in a note is damage.
const TOOK_MAX: Duration = Duration::from_secs(366 * 86_400);

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) token: String,
    pub(crate) sent: Timestamp,
}

/// What became of a message, as a note has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server has taken it.
    Sent,
    /// Nobody knows whether the server has taken it.
    Perhaps,
    /// It has arrived, and took this long.
    Arrived(Duration),
}

/// What a note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) letter: Letter,
    pub(crate) fate: Fate,
}

/// What stands in all messages of the job with this id.
pub(crate) fn mark(id: &str) -> String {
    let whole = digest(&SHA256, format!("checker mail\n{id}").as_bytes());
    hex(whole.as_ref().get(..TOKEN).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// An instant for people.
pub(crate) fn shown(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

impl Letter {
    /// A new one; `None` if this host has no random numbers.
    pub(crate) fn new(sent: Timestamp) -> Option<Self> {
        let mut random = [0; TOKEN];
        SystemRandom::new().fill(&mut random).ok()?;
        Some(Self { token: hex(&random), sent })
    }

    /// Header and text: ASCII, and lines that end with CR LF.
    pub(crate) fn text(&self, plan: &Plan) -> String {
        let mut text = self.head(plan, "Checker round trip");
        let Self { token, sent } = self;
        write!(text, "{TRIP}: {} {token} {}\r\n\r\n", plan.mark, sent.micros()).ok();
        text.push_str(
            "This message was sent by Checker, a watchdog, to see whether it arrives. It is removed\r\n\
             when it was found. There is nothing to do.\r\n",
        );
        text
    }

    /// From a message's field [`TRIP`], if it is one of the job with this mark.
    pub(crate) fn parse(value: &str, mark: &str) -> Option<Self> {
        let words: Vec<&str> = value.split_whitespace().collect();
        let [whose, token, sent] = words.as_slice() else { return None };
        (*whose == mark).then_some(())?;
        of_words(token, sent)
    }

    fn head(&self, plan: &Plan, subject: &str) -> String {
        let date = jiff::Timestamp::from_microsecond(self.sent.micros()).unwrap_or_default();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&date).unwrap_or_default();
        let host = plan.from.rsplit_once('@').map_or("localhost", |(_, host)| host);
        format!(
            "From: <{}>\r\nTo: <{}>\r\nSubject: {subject}: {}\r\nDate: {date}\r\nMessage-ID: <{}@{host}>\r\n\
             Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n",
            plan.from,
            plan.to,
            plain(&plan.name),
            self.token
        )
    }
}

fn of_words(token: &str, sent: &str) -> Option<Letter> {
    let is_token = token.len() == 2 * TOKEN && token.bytes().all(|b| b.is_ascii_hexdigit());
    let sent = sent.parse::<i64>().ok().filter(|micros| (0..=253_402_300_799_000_000).contains(micros))?;
    is_token.then(|| Letter { token: token.to_owned(), sent: Timestamp::from_micros(sent) })
}

/// A name as it can stand in a subject.
fn plain(name: &str) -> String {
    let of = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    name.chars().map(of).take(NAME_MAX).collect::<String>().replace("=?", "= ?")
}

impl Note {
    /// Header and text of a note. It has no field `Received`, and another `Message-ID` than the message.
    pub(crate) fn text(&self, plan: &Plan) -> String {
        let (word, took) = match self.fate {
            Fate::Sent => ("sent", Duration::ZERO),
            Fate::Perhaps => ("perhaps", Duration::ZERO),
            Fate::Arrived(took) => ("arrived", took),
        };
        let Letter { token, sent } = &self.letter;
        let of_note = Letter { token: format!("note-{word}-{token}"), sent: *sent };
        let mut text = of_note.head(plan, "Checker's note of a round trip");
        let (mark, sent, took) = (&plan.mark, sent.micros(), took.as_millis());
        write!(text, "{NOTE}: {mark} {word} {token} {sent} {took}\r\n\r\n").ok();
        text.push_str(
            "Checker, a watchdog, sends messages to this mailbox and looks whether they arrive. This note\r\n\
             says what was sent last. It is replaced at each run; without it, nothing is known of slow\r\n\
             messages for a while.\r\n",
        );
        text
    }

    /// From a note's field [`NOTE`], if it is one of the job with this mark.
    pub(crate) fn parse(value: &str, mark: &str) -> Option<Self> {
        let words: Vec<&str> = value.split_whitespace().collect();
        let [whose, word, token, sent, took] = words.as_slice() else { return None };
        (*whose == mark).then_some(())?;
        let took = Duration::from_millis(took.parse().ok()?);
        let fate = match *word {
            "sent" => Fate::Sent,
            "perhaps" => Fate::Perhaps,
            "arrived" if took <= TOOK_MAX => Fate::Arrived(took),
            _ => return None,
        };
        Some(Self { letter: of_words(token, sent)?, fate })
    }
}
