//! A way for fuzzers to what is private. No part of the crate's interface.

use crate::json::JsonTest;
use serde_json::Value;

/// What the condition `test` says of `answer`: `None` if it holds.
///
/// # Errors
/// A sentence, if it is no condition.
pub fn condition(test: &str, answer: &Value) -> Result<Option<String>, String> {
    JsonTest::parse(test).map(|test| test.judge(answer))
}
