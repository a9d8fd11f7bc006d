//! The fields of messages and keys (RFC 4251, 5).

/// Reads fields one after the other. `None`: there is less than that.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes(4)?.try_into().ok()?))
    }

    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.bytes(count)
    }

    /// A string that is a text.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }

    /// A number of any length, without zeros before it.
    pub(crate) fn magnitude(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        bytes.get(zeros..)
    }
}

/// Appends a string.
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a number of any length that is not negative.
pub(crate) fn put_magnitude(out: &mut Vec<u8>, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let bare = bytes.get(zeros..).unwrap_or_default();
    // The highest bit is the sign.
    let sign: &[u8] = if bare.first().is_some_and(|b| b & 0x80 != 0) { &[0] } else { &[] };
    put(out, &[sign, bare].concat());
}
