//! A statement that runs once for each of many rows.

use super::errors::Step;
use checker_job::Timestamp;
use rusqlite::{CachedStatement, Connection};
use uuid::Uuid;

/// A value that is likely to be the same in the next row.
#[derive(Clone, Copy, PartialEq)]
enum Value {
    Null,
    Int(i64),
    Word(&'static str),
}

/// `SQLite` keeps what is bound when a statement is run again, so a value that is as in the row before is not bound anew.
pub(super) struct Repeated<'a> {
    statement: CachedStatement<'a>,
    /// What is bound, where that is known.
    bound: Vec<Option<Value>>,
}

impl<'a> Repeated<'a> {
    pub(super) fn new(conn: &'a Connection, sql: &str) -> Step<Self> {
        let statement = conn.prepare_cached(sql)?;
        let bound = vec![None; statement.parameter_count() + 1];
        Ok(Self { statement, bound })
    }

    fn keep(&mut self, at: usize, value: Value) -> Step<()> {
        let bound = self.bound.get_mut(at);
        if bound.as_ref().is_some_and(|bound| **bound == Some(value)) {
            return Ok(());
        }
        match value {
            Value::Null => self.statement.raw_bind_parameter(at, rusqlite::types::Null)?,
            Value::Int(number) => self.statement.raw_bind_parameter(at, number)?,
            Value::Word(word) => self.statement.raw_bind_parameter(at, word)?,
        }
        if let Some(bound) = bound {
            *bound = Some(value);
        }
        Ok(())
    }

    fn changes(&mut self, at: usize) {
        if let Some(bound) = self.bound.get_mut(at) {
            *bound = None;
        }
    }

    pub(super) fn int(&mut self, at: usize, number: i64) -> Step<()> {
        self.keep(at, Value::Int(number))
    }

    pub(super) fn int_or_none(&mut self, at: usize, number: Option<i64>) -> Step<()> {
        self.keep(at, number.map_or(Value::Null, Value::Int))
    }

    pub(super) fn time_or_none(&mut self, at: usize, time: Option<Timestamp>) -> Step<()> {
        self.int_or_none(at, time.map(Timestamp::micros))
    }

    pub(super) fn word(&mut self, at: usize, word: Option<&'static str>) -> Step<()> {
        self.keep(at, word.map_or(Value::Null, Value::Word))
    }

    pub(super) fn text(&mut self, at: usize, text: &str) -> Step<()> {
        self.changes(at);
        Ok(self.statement.raw_bind_parameter(at, text)?)
    }

    pub(super) fn text_or_none(&mut self, at: usize, text: Option<&str>) -> Step<()> {
        match text {
            Some(text) => self.text(at, text),
            None => self.keep(at, Value::Null),
        }
    }

    pub(super) fn id(&mut self, at: usize, id: Uuid) -> Step<()> {
        self.changes(at);
        Ok(self.statement.raw_bind_parameter(at, id.as_bytes())?)
    }

    pub(super) fn id_or_none(&mut self, at: usize, id: Option<Uuid>) -> Step<()> {
        match id {
            Some(id) => self.id(at, id),
            None => self.keep(at, Value::Null),
        }
    }

    /// Runs it with what is bound; the answer is how many rows it changed.
    pub(super) fn run(&mut self) -> Step<usize> {
        Ok(self.statement.raw_execute()?)
    }
}
