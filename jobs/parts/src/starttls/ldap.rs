//! LDAP: one extended request in BER, and its answer.

use super::{SAID_MAX, Stop, lines};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Message 1, `ExtendedRequest` with the name of `StartTLS` (RFC 4511, 4.14.1).
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

pub(super) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Stop> {
    stream.write_all(REQUEST).await?;
    let mut came = Vec::new();
    loop {
        if let Some(size) = size(&came)? {
            if came.len() > size {
                return Err(lines::plain_text_after());
            }
            if came.len() == size {
                return judged(&came);
            }
        }
        let mut more = [0; 2_048];
        let count = stream.read(&mut more).await?;
        if count == 0 {
            return Err(Stop::Said("closed the connection instead of answering".to_owned()));
        }
        came.extend_from_slice(more.get(..count).unwrap_or_default());
    }
}

/// How long the whole message is, once that can be seen.
fn size(came: &[u8]) -> Result<Option<usize>, Stop> {
    match came {
        [] | [0x30] => Ok(None),
        [0x30, rest @ ..] => match length(rest) {
            Some((body, head)) if body <= SAID_MAX => Ok(Some(1 + head + body)),
            Some(_) => Err(none_of_ldap(came)),
            None if came.len() > 8 => Err(none_of_ldap(came)),
            None => Ok(None),
        },
        _ => Err(none_of_ldap(came)),
    }
}

/// A length in BER, and how many bytes it takes itself.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((usize::from(first), 1));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Some((usize::MAX, 1));
    }
    let digits = bytes.get(1..=count)?;
    Some((digits.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)), 1 + count))
}

/// One element: its tag, its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (size, head) = length(rest)?;
    let content = rest.get(head..)?;
    Some((*tag, content.get(..size)?, content.get(size..)?))
}

/// The result code and the message that goes with it.
fn result(message: &[u8]) -> Option<(u8, String)> {
    let (_, message, _) = element(message)?;
    let (_, _, answer) = element(message)?;
    let (0x78, answer, _) = element(answer)? else { return None };
    let (0x0a, &[code], rest) = element(answer)? else { return None };
    let (_, _, rest) = element(rest)?;
    let why = element(rest).map_or_else(String::new, |(_, text, _)| String::from_utf8_lossy(text).into_owned());
    Some((code, why))
}

fn judged(message: &[u8]) -> Result<(), Stop> {
    match result(message) {
        Some((0, _)) => Ok(()),
        Some((code, why)) => {
            let why =
                if why.is_empty() { String::new() } else { format!(" ({})", crate::quoted::quoted(why.as_bytes())) };
            Err(Stop::Said(format!("refuses StartTLS with result code {code}{why}")))
        }
        None => Err(none_of_ldap(message)),
    }
}

fn none_of_ldap(came: &[u8]) -> Stop {
    Stop::Said(format!("does not answer as LDAP does, but with {}", crate::quoted::quoted(came)))
}
