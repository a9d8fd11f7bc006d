//! The keys that a settings struct declares, learned without any settings: a derived `Deserialize` hands the names of
//! its fields to the deserializer before it reads anything.

use serde::de::{Deserialize, Deserializer, Visitor};
use std::fmt;

/// The field names of `T`, or `None` if `T` is no plain struct.
pub(crate) fn of<T: for<'de> Deserialize<'de>>() -> Option<&'static [&'static str]> {
    let mut found = None;
    // It ends with the error below in every case; what counts is what was noted on the way.
    match T::deserialize(Probe(&mut found)) {
        Ok(_) | Err(Done) => found,
    }
}

struct Probe<'a>(&'a mut Option<&'static [&'static str]>);

#[derive(Debug)]
struct Done;

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only the names of the fields were asked for")
    }
}

impl std::error::Error for Done {}

impl serde::de::Error for Done {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Done;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Done> {
        Err(Done)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Done> {
        *self.0 = Some(fields);
        Err(Done)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Done> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_learned_with_their_names_in_the_settings() {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its field names matter")]
        struct S {
            address: String,
            #[serde(rename = "starttls")]
            start: Option<bool>,
        }
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its field names matter")]
        struct N(S);
        assert_eq!(of::<S>(), Some(&["address", "starttls"][..]));
        assert_eq!(of::<N>(), Some(&["address", "starttls"][..]));
        assert_eq!(of::<Vec<u8>>(), None);
    }
}
