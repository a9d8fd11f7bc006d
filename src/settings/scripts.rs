//! `[scripts]`: what all scripts have in common.

use super::login::secret_file;
use super::secret::Secret;
use super::section::Section;
use std::path::PathBuf;
use toml::Spanned;

/// What `[scripts]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// The key in `/ping/KEY/SLUG`.
    pub ping_key: Option<Secret>,
    /// What hosts without a state say with the successes that they record.
    pub token: Option<Secret>,
    /// Where it stands which scripts are switched off.
    pub control: Option<Control>,
}

/// Where it stands which scripts are switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// In this file.
    File(PathBuf),
    /// At this address, by http or https.
    Url(String),
}

impl Control {
    /// Reads `"cronscripts.ini"`, `"file:/etc/cronscripts.ini"` or an address; relative paths are made whole with `beside`.
    pub(super) fn parse(text: &str, beside: impl Fn(&str) -> PathBuf) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return super::http_url(text).map(|()| Self::Url(text.to_owned())).map_err(|fault| fault.message);
        }
        let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(format!("\"{text}\" names neither a file nor an address that begins with http"));
        }
        Ok(Self::File(beside(path)))
    }
}

/// Reads `[scripts]`.
pub(super) fn read(mut s: Section<'_, '_>) -> Scripts {
    let ping_key = secret(&mut s, "ping_key_file", "\"ping.key\"").filter(|(span, key)| {
        let good = key.expose().len() >= 16
            && key.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !good {
            s.cx.error(
                span.clone(),
                "the ping key must be 16 characters or more, of letters, digits, - and _: it stands in URLs",
                "make one with: head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '='",
            );
        }
        good
    });
    let token = secret(&mut s, "token_file", "\"scripts.token\"").filter(|(span, token)| {
        let good = token.expose().len() >= 16 && token.expose().bytes().all(|b| b.is_ascii_graphic());
        if !good {
            s.cx.error(
                span.clone(),
                "the token must be 16 characters or more, without spaces",
                "make one with: head -c 24 /dev/urandom | base64",
            );
        }
        good
    });
    let control = s.text("control", "\"cronscripts.ini\"").and_then(|text| {
        let parsed = Control::parse(text.get_ref(), |path| s.cx.paths.beside(path));
        let parsed = parsed.map_err(|why| s.cx.error(text.span(), why, "write a file, or https://...")).ok()?;
        if let Control::File(path) = &parsed
            && !path.exists()
        {
            let why = format!("there is no file {}: nothing is switched off", path.display());
            s.cx.warn(text.span(), why, "is its name right? An empty file says the same without this warning");
        }
        Some(parsed)
    });
    s.finish();
    Scripts { ping_key: ping_key.map(|(_, key)| key), token: token.map(|(_, token)| token), control }
}

fn secret(s: &mut Section<'_, '_>, key: &'static str, example: &str) -> Option<(std::ops::Range<usize>, Secret)> {
    let name: Spanned<String> = s.text(key, example)?;
    Some((name.span(), secret_file(s, &name)?))
}
