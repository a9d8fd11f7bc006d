//! Reads a mail as its reader would: header lines unfolded and decoded, text decoded.

/// A mail as it was stored.
#[derive(Clone, Debug)]
pub struct ParsedMail {
    pub raw: String,
    /// Names in lower case, values unfolded but not decoded, in order.
    pub headers: Vec<(String, String)>,
    /// The decoded text; lines end with `\n`.
    pub text: String,
}

impl ParsedMail {
    pub fn new(raw: &[u8]) -> Self {
        let raw = String::from_utf8(raw.to_vec()).expect("our mails are ASCII");
        let (head, body) = raw.split_once("\r\n\r\n").expect("an empty line after the header");
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.split("\r\n") {
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut().expect("a header before its continuation");
                value.push_str(line);
            } else {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header line: {line:?}"));
                headers.push((name.to_ascii_lowercase(), value.trim_start().to_owned()));
            }
        }
        let mut mail = Self { text: String::new(), headers, raw: raw.clone() };
        mail.text = mail.decode(body).replace("\r\n", "\n");
        mail
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == &name.to_ascii_lowercase()).map(|(_, v)| v.as_str()).collect()
    }

    /// The one value of a header, decoded. Panics if there is not exactly one.
    pub fn header(&self, name: &str) -> String {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.raw);
        words(all[0])
    }

    fn decode(&self, body: &str) -> String {
        let bytes = match self.all("content-transfer-encoding").first().copied().unwrap_or("7bit") {
            "7bit" => body.as_bytes().to_vec(),
            "quoted-printable" => quoted(&body.replace("=\r\n", ""), false),
            "base64" => base64(body),
            other => panic!("encoding {other}"),
        };
        String::from_utf8(bytes).expect("UTF-8")
    }
}

/// RFC 2047.
fn words(value: &str) -> String {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some((between, after)) = rest.split_once("=?") {
        // White space between two encoded words is not part of the text.
        if out.is_empty() || !between.trim().is_empty() {
            out.extend_from_slice(between.as_bytes());
        }
        let parts: Vec<&str> = after.splitn(4, '?').collect();
        let [charset, encoding, text, tail] = parts[..] else { panic!("broken word in {value:?}") };
        assert!(charset.eq_ignore_ascii_case("utf-8"), "{value:?}");
        out.extend(match encoding {
            "b" | "B" => base64(text),
            "q" | "Q" => quoted(text, true),
            other => panic!("encoding {other}"),
        });
        rest = tail.strip_prefix('=').expect("the word's end");
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).expect("UTF-8")
}

fn quoted(text: &str, word: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'=' => {
                let hex = [bytes.next().expect("hex"), bytes.next().expect("hex")];
                let hex = std::str::from_utf8(&hex).expect("hex");
                out.push(u8::from_str_radix(hex, 16).expect("hex"));
            }
            b'_' if word => out.push(b' '),
            other => out.push(other),
        }
    }
    out
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=') {
        let value = ALPHABET.iter().position(|b| *b == byte).expect("base64");
        bits = bits << 6 | u32::try_from(value).expect("6 bits");
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).expect("8 bits"));
        }
    }
    out
}
