//! The message that makes the trip, and the notes about it.

use crate::plan::Plan;
use checker_job::Timestamp;
use checker_parts::login::LoginBy;
use checker_parts::mailbox::{NOTE, TRIP};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hmac, pbkdf2};
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

/// Bytes of a token, and of a mark.
const TOKEN: usize = 16;
/// The longest part of a name in a subject.
const NAME_MAX: usize = 60;
/// No message takes longer; more in a note is damage.
const TOOK_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Whoever reads a note and guesses at the password it is sealed with has this work with each guess.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

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

/// What makes the notes of a job known as its own: nobody can write one without the password of the mailbox. Where a program
/// prints tokens there is no secret that lasts, and whoever can put messages into the mailbox can write notes.
#[derive(Debug)]
pub(crate) struct Seal {
    key: hmac::Key,
    /// Stands in all notes of the job.
    pub(crate) mark: String,
}

impl Seal {
    /// It takes some hundredths of a second, so a run makes it and not whoever reads the settings.
    pub(crate) fn new(plan: &Plan) -> Self {
        let secret = match &plan.mailbox.by {
            LoginBy::Password(pass) => pass.reveal(),
            LoginBy::Token(_) => "",
        };
        let mut key = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, plan.mark.as_bytes(), secret.as_bytes(), &mut key);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Self { mark: sealed(&key, "the notes of"), key }
    }

    pub(crate) fn of(&self, words: &str) -> String {
        sealed(&self.key, words)
    }
}

fn sealed(key: &hmac::Key, words: &str) -> String {
    let whole = hmac::sign(key, format!("checker mail note\n{words}").as_bytes());
    hex(whole.as_ref().get(..TOKEN).unwrap_or_default())
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
        let mut text = self.head(plan, "Checker round trip", &self.token);
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

    /// Not all servers find a field of our own, so the subject holds the word that is searched for.
    fn head(&self, plan: &Plan, subject: &str, word: &str) -> String {
        let date = jiff::Timestamp::from_microsecond(self.sent.micros()).unwrap_or_default();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&date).unwrap_or_default();
        let host = host(plan);
        format!(
            "From: <{}>\r\nTo: <{}>\r\nSubject: {subject}: {} ({word})\r\nDate: {date}\r\nMessage-ID: <{}@{host}>\r\n\
             Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n",
            plan.from,
            plan.to,
            plain(&plan.name),
            self.token
        )
    }
}

/// What stands behind the `@` of a `Message-ID`, in messages and in searches.
pub(crate) fn host(plan: &Plan) -> &str {
    let host = plan.from.rsplit_once('@').map_or("", |(_, host)| host);
    let is_sound = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if is_sound { host } else { "localhost" }
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
    pub(crate) fn text(&self, plan: &Plan, seal: &Seal) -> String {
        let (word, took) = match self.fate {
            Fate::Sent => ("sent", Duration::ZERO),
            Fate::Perhaps => ("perhaps", Duration::ZERO),
            Fate::Arrived(took) => ("arrived", took),
        };
        let Letter { token, sent } = &self.letter;
        let of_note = Letter { token: format!("note-{word}-{token}"), sent: *sent };
        let mut text = of_note.head(plan, "Checker's note of a round trip", &seal.mark);
        let words = format!("{} {word} {token} {} {}", seal.mark, sent.micros(), took.as_millis());
        write!(text, "{NOTE}: {words} {}\r\n\r\n", seal.of(&words)).ok();
        text.push_str(
            "Checker, a watchdog, sends messages to this mailbox and looks whether they arrive. This note\r\n\
             says what was sent last. It is replaced at each run; without it, nothing is known of slow\r\n\
             messages for a while.\r\n",
        );
        text
    }

    /// From a note's field [`NOTE`], if the job with this seal has written it.
    pub(crate) fn parse(value: &str, seal: &Seal) -> Option<Self> {
        let words: Vec<&str> = value.split_whitespace().collect();
        let [whose, word, token, sent, took, sealed] = words.as_slice() else { return None };
        let is_ours = seal.mark == *whose && seal.of(&[*whose, *word, *token, *sent, *took].join(" ")) == *sealed;
        is_ours.then_some(())?;
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
