//! One table into the settings type of its kind, with every problem and not only the first.
//!
//! serde stops at the first problem. So: unknown keys are compared with the declared ones before; after an error the
//! key (or the element of a list) at fault is taken out and the table tried again; and where a key is missing, a
//! stand-in of some type is put in its place, to learn whether more are missing.

use super::{RawTable, TableProblem};
use crate::settings::nearest::nearest;
use crate::settings::pairs::{Key, Pairs, Value};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess};
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

/// More problems than this in one table help nobody.
const PROBLEMS_MAX: usize = 50;

/// The keys that a settings type declares, if it is a plain struct.
type Declared = Option<&'static [&'static str]>;

/// Reads `raw`, which is table number `index` of `kind`.
pub(crate) fn table<T: DeserializeOwned>(
    kind: &str,
    declared: Declared,
    raw: &RawTable<'_>,
    index: usize,
) -> Result<T, Vec<TableProblem>> {
    // Most tables are right. What is wrong is read once more, step by step, to learn of every problem.
    if let Some(settings) = right(declared, &raw.own) {
        return Ok(settings);
    }
    let mut attempt = Attempt { kind, raw, index, own: raw.own.to_table(), problems: Vec::new(), handled: Vec::new() };
    attempt.unknown_keys(declared);
    for _ in 0..PROBLEMS_MAX {
        match attempt.read::<T>() {
            Ok(settings) if attempt.problems.is_empty() => return Ok(settings),
            Ok(_) => break,
            Err(error) => {
                if !attempt.learn::<T>(&error) {
                    break;
                }
            }
        }
    }
    Err(attempt.problems)
}

/// The settings of a table in which nothing is wrong.
fn right<T: DeserializeOwned>(declared: Declared, own: &Pairs<'_>) -> Option<T> {
    if declared.is_some_and(|declared| own.keys().any(|k| !declared.contains(&k))) {
        return None;
    }
    T::deserialize(MapAccessDeserializer::new(Reader { rest: own.iter(), value: None })).ok()
}

/// Hands a table to serde, without a copy of it.
struct Reader<'t, 'i> {
    rest: std::slice::Iter<'t, (Key<'i>, Value<'i>)>,
    value: Option<&'t Value<'i>>,
}

impl<'i> MapAccess<'i> for Reader<'_, 'i> {
    type Error = toml::de::Error;

    fn next_key_seed<K: DeserializeSeed<'i>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::new(key.get_ref())).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'i>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(ValueDeserializer::from(value.clone())),
            None => Err(Self::Error::custom("a value was asked for before its key")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Attempt<'t, 'i> {
    kind: &'t str,
    raw: &'t RawTable<'i>,
    index: usize,
    own: DeTable<'i>,
    problems: Vec<TableProblem>,
    /// Keys that have their report: what follows from taking them out is not told.
    handled: Vec<String>,
}

impl<'i> Attempt<'_, 'i> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        let value = Spanned::new(self.raw.span.clone(), DeValue::Table(self.own.clone()));
        T::deserialize(ValueDeserializer::from(value))
    }

    fn note(&mut self, span: Range<usize>, message: String, remedy: String) {
        self.problems.push(TableProblem { table: self.index, span, message, remedy });
    }

    fn unknown_keys(&mut self, declared: Declared) {
        let Some(declared) = declared else {
            return;
        };
        let unknown: Vec<Spanned<String>> = self
            .own
            .keys()
            .filter(|k| !declared.contains(&k.get_ref().as_ref()))
            .map(|k| Spanned::new(k.span(), k.get_ref().to_string()))
            .collect();
        for key in unknown {
            self.own.remove(key.get_ref().as_str());
            let (message, remedy) = unknown_key(key.get_ref(), self.kind, declared);
            self.note(key.span(), message, remedy);
        }
    }

    /// Notes the problem and changes the table so that the next attempt meets the next one. False if that is not
    /// possible.
    fn learn<T: DeserializeOwned>(&mut self, error: &toml::de::Error) -> bool {
        let span = error.span().unwrap_or_else(|| self.raw.span.clone());
        let Some(key) = self.key_at(&span) else {
            if let Some(key) = missing(error.message()) {
                return self.missing::<T>(&key);
            }
            let (message, remedy) = words(error.message(), "this");
            self.note(self.raw.span.clone(), message, remedy);
            return false;
        };
        let part = self.in_value(&key, &span);
        let inner = self.take_element(&key, &span);
        if inner || !self.handled.contains(&key) {
            let named = if part { format!("a value in \"{key}\"") } else { format!("\"{key}\"") };
            let (message, remedy) = words(error.message(), &named);
            self.note(span, message, remedy);
        }
        if !inner {
            self.own.remove(key.as_str());
        }
        self.handled.push(key);
        true
    }

    fn key_at(&self, span: &Range<usize>) -> Option<String> {
        self.own
            .iter()
            .find(|(k, v)| within(span, &k.span()) || within(span, &v.span()))
            .map(|(k, _)| k.get_ref().to_string())
    }

    /// Whether `span` is a true part of the value of `key`.
    fn in_value(&self, key: &str, span: &Range<usize>) -> bool {
        let value = self.own.get(key).map(Spanned::span);
        value.is_some_and(|v| within(span, &v) && *span != v)
    }

    /// Takes the element of the list `key` that holds `span` out, if there is one.
    fn take_element(&mut self, key: &str, span: &Range<usize>) -> bool {
        let Some(value) = self.own.get_mut(key) else {
            return false;
        };
        let DeValue::Array(items) = value.get_mut() else {
            return false;
        };
        let before = items.len();
        let empty: DeArray<'i> = std::iter::empty().collect();
        let kept: DeArray<'i> =
            std::mem::replace(items, empty).into_iter().filter(|item| !within(span, &item.span())).collect();
        *items = kept;
        items.len() < before
    }

    /// A key is missing: notes it, and puts something in its place.
    fn missing<T: DeserializeOwned>(&mut self, key: &str) -> bool {
        if !self.handled.iter().any(|h| h == key) {
            let header = format!("[[job.{}]]", self.kind);
            self.note(
                self.raw.span.clone(),
                format!("{header} needs the key \"{key}\""),
                format!("add a line {key} = ...; settings.cfg.example shows a whole {header} table"),
            );
        }
        self.handled.push(key.to_owned());
        // Beyond every file, so that an error about it is told apart from all others.
        let nowhere = usize::MAX - 1..usize::MAX;
        let text = |t: &'static str| DeValue::String(Cow::Borrowed(t));
        let one = match DeValue::parse("1") {
            Ok(one) => one.into_inner(),
            Err(_) => return false,
        };
        let stand_ins = [
            text("localhost:1"),
            one,
            DeValue::Boolean(true),
            DeValue::Array([Spanned::new(nowhere.clone(), text("x"))].into_iter().collect()),
            text("1min"),
            DeValue::Array(DeArray::default()),
            DeValue::Table(DeTable::new()),
        ];
        for value in stand_ins {
            let spanned = Spanned::new(nowhere.clone(), value);
            self.own.insert(Spanned::new(nowhere.clone(), Cow::Owned(key.to_owned())), spanned);
            match self.read::<T>() {
                Err(e) if e.span().is_some_and(|s| s.start >= nowhere.start) => {}
                Err(e) if missing(e.message()).as_deref() == Some(key) => {}
                _ => return true,
            }
        }
        false
    }
}

fn within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Words for an unknown key of `kind`, which declares `keys`.
pub(crate) fn unknown_key(key: &str, kind: &str, keys: &[&str]) -> (String, String) {
    let common = crate::settings::COMMON_KEYS;
    let remedy = match nearest(key, keys.iter().copied().chain(common)) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("{kind} knows: {}; every job knows: {}", keys.join(", "), common.join(", ")),
    };
    (format!("unknown key \"{key}\" in [[job.{kind}]]"), remedy)
}

fn missing(message: &str) -> Option<String> {
    let rest = message.strip_prefix("missing field `")?;
    Some(rest.trim_end().trim_end_matches('`').to_owned())
}

/// serde's sentence in words for people. The value is not repeated: the report shows it, or hides it.
fn words(message: &str, named: &str) -> (String, String) {
    let message = message.trim();
    if let Some(inner) = missing(message) {
        let remedy = format!("add {inner} = ... to it");
        return (format!("{named} needs the key \"{inner}\""), remedy);
    }
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((found, wanted)) = message.strip_prefix(start).and_then(|r| r.rsplit_once(", expected ")) {
            let sentence = if start == "invalid type: " {
                format!("{named} must be {}, and this is {}", plain(wanted), plain(found))
            } else {
                format!("{named} must be {}", plain(wanted))
            };
            return (sentence, advice(wanted).to_owned());
        }
    }
    if let Some((word, known)) = message.strip_prefix("unknown variant `").and_then(|r| r.split_once('`')) {
        return suggestion(format!("\"{word}\" is no word for {named}"), word, known);
    }
    if let Some((word, known)) = message.strip_prefix("unknown field `").and_then(|r| r.split_once('`')) {
        return suggestion(format!("unknown key \"{word}\" within {named}"), word, known);
    }
    let (sentence, remedy) = split(message);
    (format!("{named}: {sentence}"), remedy)
}

fn suggestion(message: String, word: &str, known: &str) -> (String, String) {
    let all: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let near = nearest(word, all.iter().copied());
    let all = all.join(", ");
    let remedy = match near {
        Some(near) => format!("did you mean \"{near}\"? known are: {all}"),
        None => format!("known are: {all}"),
    };
    (message, remedy)
}

/// A sentence of a kind: what is wrong, and after a semicolon what to do.
pub(crate) fn split(message: &str) -> (String, String) {
    match message.split_once("; ") {
        Some((what, remedy)) => (what.to_owned(), remedy.to_owned()),
        None => (message.to_owned(), String::new()),
    }
}

/// serde's word for a type in words for people.
fn plain(word: &str) -> String {
    let first = word.split([' ', '`']).next().unwrap_or_default();
    let known = match first {
        "string" | "str" | "a" if word.contains("string") => "a text",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "integer" => "a whole number",
        "f32" | "f64" | "floating" => "a number",
        "boolean" => "true or false",
        "a" if word == "a boolean" => "true or false",
        "a" | "sequence" if word.contains("sequence") => "a list",
        "map" | "a" if word.contains("map") => "a table",
        "struct" => "a table",
        _ => return word.to_owned(),
    };
    known.to_owned()
}

fn advice(wanted: &str) -> &'static str {
    match plain(wanted).as_str() {
        "a text" => "write it in quotes: \"...\"",
        "a whole number" => "write it as digits, without quotes",
        "true or false" => "write true or false, without quotes",
        "a list" => "write it in brackets: [\"...\", \"...\"]",
        _ => "",
    }
}
