//! Settings keys that take one value or a list of values.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// One value or a list of values. The form is read off the value itself, so that an error in one element keeps its
/// place in the file, which `#[serde(untagged)]` would lose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> OneOrMany<T> {
    /// Whether the list is empty. A single value never is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The values, in the order of the settings.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T> IntoIterator for OneOrMany<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a OneOrMany<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

/// A single value goes to `T` as it is, so that `T` words its own errors.
macro_rules! single {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<Self::Value, E> {
            T::deserialize(value.into_deserializer()).map(|one| OneOrMany(vec![one]))
        })*
    };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list of values")
    }

    single! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_f64: f64,
        visit_str: &str,
        visit_string: String,
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(|one| OneOrMany(vec![one]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Keys {
        address: OneOrMany<String>,
        #[serde(default)]
        port: OneOrMany<u16>,
    }

    #[test]
    fn one_value_and_a_list_are_both_read() {
        let one: Keys = toml::from_str("address = 'a:1'\nport = 5").unwrap();
        assert_eq!(one.address, OneOrMany(vec!["a:1".to_owned()]));
        assert_eq!(one.port.0, [5]);
        let many: Keys = toml::from_str("address = ['a:1', 'b:2']\nport = [5, 6]").unwrap();
        assert_eq!(many.address.0, ["a:1", "b:2"]);
        assert_eq!(many.port.len(), 2);
        let none: Keys = toml::from_str("address = []").unwrap();
        assert!(none.address.is_empty() && none.port.is_empty());
    }

    #[test]
    fn an_error_keeps_its_words_and_its_place() {
        let text = "address = ['a:1', 7]";
        let error = toml::from_str::<Keys>(text).unwrap_err();
        assert!(error.message().contains("expected a string"), "{error}");
        assert_eq!(error.span().and_then(|s| text.get(s)), Some("7"), "{error}");
        let text = "address = 'a'\nport = 70000";
        let error = toml::from_str::<Keys>(text).unwrap_err();
        assert!(error.message().contains("70000"), "{error}");
        assert_eq!(error.span().and_then(|s| text.get(s)), Some("70000"), "{error}");
    }
}
