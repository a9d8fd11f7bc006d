//! The keys of one table with their values.
//!
//! The parser's own tables are trees that set a thousand bytes aside for their first key. There may be ten thousand
//! tables, and most have one or two keys: these are kept as a list.

use std::borrow::Cow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key with its place.
pub(crate) type Key<'i> = Spanned<Cow<'i, str>>;
/// A value with its place.
pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// Keys, each once, with their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs<'i>(Vec<(Key<'i>, Value<'i>)>);

impl<'i> Pairs<'i> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Key<'i>, Value<'i>)> {
        self.0.iter()
    }

    /// All of them, to change the values.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value<'i>)> {
        self.0.iter_mut().map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// The keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.get_ref().as_ref())
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value<'i>> {
        self.0.iter().find(|(k, _)| k.get_ref() == key).map(|(_, value)| value)
    }

    /// Takes the value of `key` out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Value<'i>> {
        let at = self.0.iter().position(|(k, _)| k.get_ref() == key)?;
        Some(self.0.remove(at).1)
    }

    /// Adds what is not given here.
    pub(crate) fn add_missing(&mut self, others: &Self) {
        for (key, value) in others.iter() {
            if self.get(key.get_ref()).is_none() {
                self.0.push((key.clone(), value.clone()));
            }
        }
    }

    /// As the parser's own table.
    pub(crate) fn to_table(&self) -> DeTable<'i> {
        self.0.iter().cloned().collect()
    }
}

impl<'i> From<DeTable<'i>> for Pairs<'i> {
    fn from(table: DeTable<'i>) -> Self {
        Self(table.into_iter().collect())
    }
}

impl<'i> Extend<(Key<'i>, Value<'i>)> for Pairs<'i> {
    /// Adds keys that are not given here.
    fn extend<I: IntoIterator<Item = (Key<'i>, Value<'i>)>>(&mut self, pairs: I) {
        self.0.extend(pairs);
    }
}

impl<'i> FromIterator<(Key<'i>, Value<'i>)> for Pairs<'i> {
    /// Of keys that differ.
    fn from_iter<I: IntoIterator<Item = (Key<'i>, Value<'i>)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<'i> IntoIterator for Pairs<'i> {
    type Item = (Key<'i>, Value<'i>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
