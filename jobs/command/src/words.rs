//! The key `command`.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;

/// A program and its arguments, a word each. Reads only a list: a string would need a shell to be taken apart, and the
/// error says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Words {
    /// All words in one line, for ids and lists; those with blanks in quotes. What is very long is cut, and a number of
    /// its whole text added, so that two such commands stay apart.
    pub fn shown(&self) -> String {
        const SHOWN_MAX: usize = 160;
        let quoted: Vec<String> = self
            .0
            .iter()
            .map(|word| {
                let plain = !word.is_empty() && !word.contains([' ', '\t', '\n', '\'', '"']);
                if plain { word.clone() } else { format!("{word:?}") }
            })
            .collect();
        let whole = quoted.join(" ");
        match whole.char_indices().nth(SHOWN_MAX) {
            None => whole,
            Some((at, _)) => {
                let head = whole.get(..at).unwrap_or_default();
                format!("{head}... #{:016x}", fnv1a(whole.as_bytes()))
            }
        }
    }
}

/// The hash FNV-1a: ids are kept for years, so it must never change, as that of the standard library may.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list with a word each, as in [\"/usr/local/bin/my-check\", \"-w\", \"10\"]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        deserializer.deserialize_any(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_in_one_line_and_stay_apart() {
        let words = |list: &[&str]| Words(list.iter().map(|w| (*w).to_owned()).collect());
        assert_eq!(words(&["/bin/x", "-w", "a b", ""]).shown(), "/bin/x -w \"a b\" \"\"");
        let long = |end: &str| words(&["python3", "-c", &"ü".repeat(300), end]).shown();
        assert!(long("a").chars().count() < 190);
        assert_ne!(long("a"), long("b"));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c, "the published value");
    }
}
