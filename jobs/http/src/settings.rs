//! The keys of `[[job.http]]`, as they stand in the settings.

use checker_parts::hidden::Hidden;
use checker_parts::one_or_many::OneOrMany;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The keys of `[[job.http]]`. `example.toml` says what each means, its default and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) url: OneOrMany<String>,
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Hidden>,
    pub(crate) body: Option<Hidden>,
    pub(crate) status: Option<Statuses>,
    #[serde(default)]
    pub(crate) body_contains: OneOrMany<String>,
    #[serde(default)]
    pub(crate) body_not_contains: OneOrMany<String>,
    #[serde(default)]
    pub(crate) body_matches: OneOrMany<String>,
    #[serde(default)]
    pub(crate) json: OneOrMany<String>,
    pub(crate) body_max: Option<u64>,
    pub(crate) latency_warning: Option<String>,
    pub(crate) latency_critical: Option<String>,
    pub(crate) redirects: Option<String>,
    pub(crate) redirects_max: Option<u8>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) pass_file: Option<PathBuf>,
    pub(crate) bearer_file: Option<PathBuf>,
    pub(crate) proxy: Option<Hidden>,
    pub(crate) address: Option<String>,
    pub(crate) ip: Option<String>,
}

impl Settings {
    /// Whether both ask for the same, each of its own URL. What is compared with the URL is not shared.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        self.ip.is_none() && self.all_but_url() == other.all_but_url()
    }

    fn all_but_url(&self) -> impl PartialEq {
        let Self { url: _, method, headers, body, status, body_contains, body_not_contains, body_matches, .. } = self;
        let Self { json, body_max, latency_warning, latency_critical, redirects, redirects_max, ca_file, .. } = self;
        let Self { user, pass_file, bearer_file, proxy, address, ip, .. } = self;
        (
            (method, headers, body, status, body_contains, body_not_contains, body_matches),
            (json, body_max, latency_warning, latency_critical, redirects, redirects_max, ca_file),
            (user, pass_file, bearer_file, proxy, address, ip),
        )
    }
}

/// The statuses that are expected, as ranges with both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses(Vec<(u16, u16)>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl Statuses {
    /// Whether `status` is one of them.
    pub(crate) fn accept(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (low, high)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            if low == high {
                write!(f, "{low}")?;
            } else {
                write!(f, "{low}-{high}")?;
            }
        }
        Ok(())
    }
}

const STATUS_FORM: &str = "a status such as 200, a range such as \"200-299\", or a list of these";

/// One number or range. A seed of its own, so that a wrong element of a list is pointed at alone.
struct Range((u16, u16));

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl Visitor<'_> for One {
            type Value = Range;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(STATUS_FORM)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Range, E> {
                let status = status_of(number)?;
                Ok(Range((status, status)))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Range, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Range, E> {
                let (low, high) = text.split_once('-').unwrap_or((text, text));
                let end = |part: &str| {
                    let number = part
                        .trim()
                        .parse()
                        .map_err(|_| E::custom(format!("\"{text}\" is no status; use {STATUS_FORM}")))?;
                    status_of(number)
                };
                let (low, high) = (end(low)?, end(high)?);
                if low > high {
                    return Err(E::custom(format!("the range \"{text}\" is empty; write the smaller status first")));
                }
                Ok(Range((low, high)))
            }
        }
        deserializer.deserialize_any(One)
    }
}

fn status_of<E: Error>(number: i64) -> Result<u16, E> {
    u16::try_from(number)
        .ok()
        .filter(|n| (100..=599).contains(n))
        .ok_or_else(|| E::custom(format!("{number} is no HTTP status; they go from 100 to 599")))
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(STATUS_FORM)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Statuses, E> {
                let status = status_of(number)?;
                Ok(Statuses(vec![(status, status)]))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Statuses, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Statuses, E> {
                let range: Range = Range::deserialize(serde::de::value::StrDeserializer::new(text))?;
                Ok(Statuses(vec![range.0]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
                let mut ranges = Vec::new();
                while let Some(Range(range)) = list.next_element()? {
                    ranges.push(range);
                }
                if ranges.is_empty() {
                    return Err(A::Error::custom(format!(
                        "an empty list would accept no answer at all; use {STATUS_FORM}"
                    )));
                }
                Ok(Statuses(ranges))
            }
        }
        deserializer.deserialize_any(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        #[serde(default)]
        status: Statuses,
    }

    fn read(text: &str) -> Result<Holder, String> {
        toml::from_str(text).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn statuses_read_and_print() {
        for (text, shown, yes, no) in [
            ("status = 200", "200", 200, 201),
            ("status = \"200-299\"", "200-299", 299, 300),
            ("status = [200, \"300-399\"]", "200, 300-399", 302, 201),
            ("status = \"404\"", "404", 404, 200),
            ("", "200-299", 204, 404),
        ] {
            let status = read(text).unwrap().status;
            assert_eq!(status.to_string(), shown);
            assert!(status.accept(yes) && !status.accept(no), "{text}");
        }
    }

    #[test]
    fn wrong_statuses_are_explained() {
        for (text, want) in [
            ("status = 99", "99 is no HTTP status"),
            ("status = -1", "-1 is no HTTP status"),
            ("status = \"ok\"", "\"ok\" is no status; use a status such as 200"),
            ("status = \"299-200\"", "write the smaller status first"),
            ("status = [200, 700]", "700 is no HTTP status"),
            ("status = []", "would accept no answer at all"),
            ("status = true", "expected a status such as 200"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
