//! Reads the few fields of a message's header that matter here. Anything may stand in a message, so this never fails and
//! takes what it can.

use super::{DELIVERY, HEADER, NOTE, PROOF, TRIP, Token};

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// All values of our own field.
    canaries: Vec<String>,
    /// The first `Message-ID`, without angle brackets.
    message_id: Option<String>,
    /// The first number of a delivery.
    delivery: Option<String>,
    /// At least one `Received` field.
    pub(super) received: bool,
    /// The first field that proves the sender.
    pub(super) proof: Option<String>,
    /// The first field of a round trip.
    pub(super) trip: Option<String>,
    /// The first field of a note about one.
    pub(super) note: Option<String>,
}

/// Reads a header, up to its empty line or the end of `raw`. Lines that begin with white space belong to the field before
/// (RFC 5322, 2.2.3); a message may end its lines with LF alone.
pub(super) fn read(raw: &[u8]) -> Header {
    let mut header = Header::default();
    let mut field: Vec<u8> = Vec::new();
    for line in raw.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let (Some(b' ' | b'\t'), false) = (line.first(), field.is_empty()) {
            field.extend_from_slice(line);
            continue;
        }
        header.take(&field);
        field.clear();
        if line.is_empty() {
            return header;
        }
        field.extend_from_slice(line);
    }
    header.take(&field);
    header
}

impl Header {
    fn take(&mut self, field: &[u8]) {
        let Some(colon) = field.iter().position(|&b| b == b':') else { return };
        let (name, value) = field.split_at(colon);
        let name = name.trim_ascii_end();
        let value = || String::from_utf8_lossy(value.get(1..).unwrap_or_default()).trim().to_owned();
        if name.eq_ignore_ascii_case(b"Received") {
            self.received = true;
        } else if name.eq_ignore_ascii_case(HEADER.as_bytes()) {
            self.canaries.push(value());
        } else if name.eq_ignore_ascii_case(DELIVERY.as_bytes()) && self.delivery.is_none() {
            self.delivery = Some(value());
        } else if name.eq_ignore_ascii_case(PROOF.as_bytes()) && self.proof.is_none() {
            self.proof = Some(value());
        } else if name.eq_ignore_ascii_case(TRIP.as_bytes()) && self.trip.is_none() {
            self.trip = Some(value());
        } else if name.eq_ignore_ascii_case(NOTE.as_bytes()) && self.note.is_none() {
            self.note = Some(value());
        } else if name.eq_ignore_ascii_case(b"Message-ID") && self.message_id.is_none() {
            self.message_id = Some(bare_id(&value()).to_owned());
        }
    }

    /// Whether the message is the one that carries `token`: its own field says so, its `Message-ID`, or its number.
    pub(super) fn carries(&self, token: &Token) -> bool {
        let is = |mine: &Option<String>, wanted: &Option<String>| wanted.is_some() && mine == wanted;
        self.canaries.contains(&token.text)
            || is(&self.message_id, &token.message_id)
            || is(&self.delivery, &token.delivery)
    }
}

/// A `Message-ID` without its angle brackets.
pub(super) fn bare_id(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdefghijklmnop";

    fn token(id: Option<&str>) -> Token {
        Token::new(TEXT, id).unwrap()
    }

    #[test]
    fn fields_are_read_whatever_their_form() {
        for raw in [
            format!("Received: by x\r\nX-Checker-Canary: {TEXT}\r\n\r\nbody"),
            format!("received:\n by x\nx-checker-canary:\n\t{TEXT}\n\n"),
            format!("RECEIVED : a\r\nX-CHECKER-CANARY : {TEXT}"),
        ] {
            let header = read(raw.as_bytes());
            assert!(header.received && header.carries(&token(None)), "{raw:?}: {header:?}");
        }
        let numbered = Token::of_delivery("0123abcd-0000-4000-8000-00000000beef").unwrap();
        let header = read(b"Received: x\r\nx-checker-delivery: 0123abcd-0000-4000-8000-00000000beef\r\n\r\n");
        assert!(header.carries(&numbered) && !header.carries(&token(None)), "{header:?}");
        assert!(
            Token::of_delivery("0123abcd").is_err()
                && Token::of_delivery("0123abcd-0000-4000-8000-0000000 beef").is_err()
        );
        let header = read(b"X-Checker-Proof: one\r\nx-checker-proof: two\r\n\r\n");
        assert_eq!(header.proof.as_deref(), Some("one"));
        let header = read(b"Message-ID:\r\n <a.b@c>\r\n\r\n");
        assert!(header.carries(&token(Some("<a.b@c>"))) && !header.carries(&token(None)) && !header.received);
    }

    #[test]
    fn what_only_looks_like_it_does_not_count() {
        for raw in [
            format!("Subject: x\r\n\r\nX-Checker-Canary: {TEXT}\r\nReceived: y\r\n"),
            format!("Subject: a\r\n X-Checker-Canary: {TEXT}\r\n Received: x\r\n"),
            format!("X-Checker-Canary: {TEXT}x\r\nX-Received: x\r\n"),
            format!("X-Checker-Canary: x {TEXT}\r\n"),
            format!("In-Reply-To: <a@b>\r\nReferences: <a@b>\r\nMessage-ID: <c@b>\r\nX-Checker-Canary-Old: {TEXT}\r\n"),
            format!("\r\nX-Checker-Canary: {TEXT}\r\n"),
        ] {
            let header = read(raw.as_bytes());
            assert!(!header.carries(&token(Some("a@b"))) && !header.received, "{raw:?}: {header:?}");
        }
    }

    #[test]
    fn any_bytes_are_a_header() {
        for raw in [&b""[..], b"\n", b":", b" : :\r\n\xff:\xfe\r\n:", b"\0\0\r\r\n\r\nX", b" leading\r\nReceived:"] {
            read(raw);
        }
    }
}
