//! Conditions on a JSON answer: `$.queue.length < 100`.
//!
//! ```text
//! condition = path operator literal | path "exists" | path "missing"
//! path      = "$" { "." name | "[" number "]" | "[" string "]" }
//! operator  = "==" "!=" "<" "<=" ">" ">=" "contains"
//! literal   = a JSON string, number, true, false or null
//! ```
//!
//! `length` at the end of a path is the number of elements of a list, of keys of a table, or of characters of a text,
//! unless a table has a key of that name. A negative number counts from the end of a list.

use serde_json::Value;
use std::cmp::Ordering;

const FORM: &str = "write a condition such as $.status == \"ok\", $.queue.length < 100 or $.items[0].id exists";

/// One condition, read.
#[derive(Clone, Debug)]
pub(crate) struct JsonTest {
    path: Vec<Step>,
    path_text: String,
    operator: Operator,
    literal: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    Exists,
    Missing,
}

impl Operator {
    /// Longer words first: `<=` starts with `<`.
    const ALL: [(&'static str, Self); 9] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("contains", Self::Contains),
        ("exists", Self::Exists),
        ("missing", Self::Missing),
    ];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, o)| *o == self).map_or("", |(word, _)| word)
    }
}

impl JsonTest {
    /// Reads a condition.
    ///
    /// # Errors
    /// A sentence that says what is wrong and shows the form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: String| format!("\"{text}\": {why}; {FORM}");
        let rest = text.trim().strip_prefix('$').ok_or_else(|| bad("a path starts with $".to_owned()))?;
        let (path, after) = read_path(rest).map_err(bad)?;
        let path_text = text.trim().strip_suffix(after).unwrap_or(text).trim().to_owned();
        let after = after.trim();
        let (operator, right) = Operator::ALL
            .into_iter()
            .find_map(|(word, o)| after.strip_prefix(word).map(|right| (o, right.trim())))
            .ok_or_else(|| {
                bad(format!("after the path {path_text} comes ==, !=, <, <=, >, >=, contains, exists or missing"))
            })?;
        let literal = match operator {
            Operator::Exists | Operator::Missing if right.is_empty() => Value::Null,
            Operator::Exists | Operator::Missing => {
                return Err(bad(format!("nothing may follow {}", operator.word())));
            }
            _ => read_literal(right, operator).map_err(bad)?,
        };
        Ok(Self { path, path_text, operator, literal })
    }

    /// `None` if it holds, else a sentence that says what was found instead.
    pub(crate) fn judge(&self, answer: &Value) -> Option<String> {
        let path = &self.path_text;
        let wanted = || format!("expected {} {}", self.operator.word(), self.literal);
        let found = match (find(&self.path, answer), self.operator) {
            (Some(_), Operator::Exists) | (None, Operator::Missing) => return None,
            (None, Operator::Exists) => return Some(format!("{path} is missing")),
            (Some(found), Operator::Missing) => {
                return Some(format!("{path} is {}, expected to be missing", short(&found)));
            }
            (None, _) => return Some(format!("{path} is missing, {}", wanted())),
            (Some(found), _) => found,
        };
        let holds = match self.operator {
            Operator::Equal => same(&found, &self.literal),
            Operator::NotEqual => !same(&found, &self.literal),
            Operator::Contains => contains(&found, &self.literal),
            operator => match order(&found, &self.literal) {
                None => {
                    return Some(format!(
                        "{path} is {}, which cannot be compared with {}",
                        short(&found),
                        self.literal
                    ));
                }
                Some(order) => match operator {
                    Operator::Less => order == Ordering::Less,
                    Operator::LessOrEqual => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                },
            },
        };
        (!holds).then(|| format!("{path} is {}, {}", short(&found), wanted()))
    }
}

/// The steps, and what is left of the text.
fn read_path(text: &str) -> Result<(Vec<Step>, &str), String> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(after.len());
            let (name, tail) = after.split_at_checked(end).unwrap_or((after, ""));
            if name.is_empty() {
                return Err("a name is missing after the dot (other names go into [\"...\"])".to_owned());
            }
            steps.push(Step::Key(name.to_owned()));
            rest = tail;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (step, tail) = read_bracket(after)?;
            steps.push(step);
            rest = tail;
        } else {
            return Ok((steps, rest));
        }
    }
}

fn read_bracket(text: &str) -> Result<(Step, &str), String> {
    let unclosed = || "a ] is missing".to_owned();
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = values.next().and_then(Result::ok).ok_or("the name in [\"...\"] is no JSON string")?;
        let tail = text.get(values.byte_offset()..).and_then(|t| t.strip_prefix(']')).ok_or_else(unclosed)?;
        return Ok((Step::Key(name), tail));
    }
    let (number, tail) = text.split_once(']').ok_or_else(unclosed)?;
    let index =
        number.trim().parse().map_err(|_| format!("[{number}] must hold a whole number or a name in quotes"))?;
    Ok((Step::Index(index), tail))
}

fn read_literal(text: &str, operator: Operator) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| {
        let quoted = text.trim_matches(['\'', '"']);
        format!(
            "after {} comes a string in double quotes (\"{quoted}\"?), a number, true, false or null",
            operator.word()
        )
    })?;
    let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual | Operator::Contains);
    if value.is_array() || value.is_object() {
        return Err("lists and tables cannot be compared".to_owned());
    }
    if ordered && !(value.is_number() || value.is_string()) {
        return Err(format!("{} needs a number or a string", operator.word()));
    }
    Ok(value)
}

/// What the path leads to. A length is made here, so the value may be our own.
fn find<'a>(path: &[Step], answer: &'a Value) -> Option<std::borrow::Cow<'a, Value>> {
    use std::borrow::Cow;
    let mut here = answer;
    for (n, step) in path.iter().enumerate() {
        let next = match step {
            Step::Key(key) => here.get(key),
            Step::Index(index) => here.as_array().and_then(|list| {
                let from_start = if *index < 0 { i64::try_from(list.len()).ok()?.checked_add(*index)? } else { *index };
                list.get(usize::try_from(from_start).ok()?)
            }),
        };
        match next {
            Some(value) => here = value,
            None if n + 1 == path.len() && *step == Step::Key("length".to_owned()) => {
                let length = match here {
                    Value::Array(list) => list.len(),
                    Value::Object(table) => table.len(),
                    Value::String(text) => text.chars().count(),
                    _ => return None,
                };
                return Some(Cow::Owned(Value::from(length)));
            }
            None => return None,
        }
    }
    Some(Cow::Borrowed(here))
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => a == b || order(a, b) == Some(Ordering::Equal),
        _ => a == b,
    }
}

fn contains(found: &Value, literal: &Value) -> bool {
    match (found, literal) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(list), _) => list.iter().any(|v| same(v, literal)),
        (Value::Object(table), Value::String(key)) => table.contains_key(key),
        _ => false,
    }
}

/// Numbers by value, texts by their characters: enough for times in ISO form. Whole numbers are compared as such,
/// because large ones lose digits as floating point.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (whole(x), whole(y)) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => x.as_f64()?.partial_cmp(&y.as_f64()?),
        },
        (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
        _ => None,
    }
}

fn whole(n: &serde_json::Number) -> Option<i128> {
    n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from))
}

/// A value in at most 60 characters: an answer may hold a whole book.
fn short(value: &Value) -> String {
    let text = match value {
        Value::Array(list) => return format!("a list of {}", list.len()),
        Value::Object(table) => return format!("a table of {}", table.len()),
        other => other.to_string(),
    };
    if text.chars().count() <= 60 {
        return text;
    }
    let start: String = text.chars().take(60).collect();
    format!("{start}...")
}

#[cfg(test)]
mod tests;
