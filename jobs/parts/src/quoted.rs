//! What a server said, for a sentence.

/// So much of what a server said stands in a sentence.
const SHOWN_MAX: usize = 200;

/// The first bytes of what was said, in quotes, without anything that could disturb a line.
pub fn quoted(said: &[u8]) -> String {
    let head = said.get(..SHOWN_MAX).unwrap_or(said).trim_ascii_end();
    let more = if said.len() > SHOWN_MAX { "..." } else { "" };
    let text: String = String::from_utf8_lossy(head).chars().map(|c| if c.is_control() { '.' } else { c }).collect();
    format!("{text:?}{more}")
}
