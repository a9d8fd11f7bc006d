//! Conditions of Gatus: `[STATUS] == any(200, 429)`, `len([BODY].data) < 5`.

/// How two sides are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Op {
    const ALL: [(&'static str, Self); 6] = [
        (" == ", Self::Equal),
        (" != ", Self::NotEqual),
        (" <= ", Self::LessOrEqual),
        (" >= ", Self::GreaterOrEqual),
        (" < ", Self::Less),
        (" > ", Self::Greater),
    ];

    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(word, _)| word.trim())
    }

    /// The same with the sides exchanged.
    fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Whether it holds for two numbers.
    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => (left - right).abs() < f64::EPSILON,
            Self::NotEqual => (left - right).abs() >= f64::EPSILON,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// What is asked of the placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Itself,
    Length,
    Exists,
}

/// What it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Pattern(String),
    Any(Vec<String>),
}

/// One condition, with the placeholder on the left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) function: Function,
    /// Without brackets: `STATUS`.
    pub(super) of: String,
    /// What follows it: `.data[0].id`.
    pub(super) path: String,
    pub(super) op: Op,
    pub(super) value: Value,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Why it cannot be said in settings.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let found = Op::ALL.iter().find_map(|(word, op)| text.split_once(word).map(|(a, b)| (a, *op, b)));
        let (left, op, right) = found.ok_or("it has no comparison with spaces around it")?;
        let (left, right) = (left.trim(), right.trim());
        let (side, op, other) = match (placeholder(left), placeholder(right)) {
            (Some(_), Some(_)) => return Err("two parts of an answer cannot be compared with each other".to_owned()),
            (Some(side), None) => (side, op, right),
            (None, Some(side)) => (side, op.mirrored(), left),
            (None, None) => return Err("no part of the answer stands in it".to_owned()),
        };
        let (function, of, path) = side;
        let value = value(other);
        if !matches!(value, Value::Text(_)) && !matches!(op, Op::Equal | Op::NotEqual) {
            return Err("pat() and any() go with == and != only".to_owned());
        }
        Ok(Self { function, of: of.to_owned(), path: path.to_owned(), op, value })
    }

    /// Whether it is `[of] op text`, and nothing more.
    pub(super) fn is(&self, of: &str, op: Op, text: &str) -> bool {
        self.function == Function::Itself
            && (self.of.as_str(), self.op) == (of, op)
            && self.path.is_empty()
            && self.value == Value::Text(text.to_owned())
    }
}

fn placeholder(text: &str) -> Option<(Function, &str, &str)> {
    let inner = |name: &str| text.strip_prefix(name).and_then(|t| t.strip_suffix(')'));
    let (function, text) = match (inner("len("), inner("has(")) {
        (Some(text), _) => (Function::Length, text),
        (_, Some(text)) => (Function::Exists, text),
        _ => (Function::Itself, text),
    };
    let (of, path) = text.strip_prefix('[')?.split_once(']')?;
    let known = [
        "STATUS",
        "RESPONSE_TIME",
        "IP",
        "BODY",
        "CONNECTED",
        "CERTIFICATE_EXPIRATION",
        "DOMAIN_EXPIRATION",
        "DNS_RCODE",
        "CONTEXT",
    ];
    known.contains(&of).then_some((function, of, path))
}

fn value(text: &str) -> Value {
    if let Some(inner) = text.strip_prefix("pat(").and_then(|t| t.strip_suffix(')')) {
        return Value::Pattern(inner.to_owned());
    }
    if let Some(inner) = text.strip_prefix("any(").and_then(|t| t.strip_suffix(')')) {
        return Value::Any(inner.split(',').map(|t| t.trim().to_owned()).collect());
    }
    Value::Text(text.to_owned())
}

/// What a pattern of Gatus means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Anything.
    All,
    /// `*text*`
    Contains(String),
    /// All else, as a regular expression that matches the whole.
    Regex(String),
}

/// Reads a pattern; `None` if it has a set of characters.
pub(super) fn pattern(text: &str) -> Option<Pattern> {
    if text.contains(['[', '\\']) {
        return None;
    }
    if text.chars().all(|c| c == '*') && !text.is_empty() {
        return Some(Pattern::All);
    }
    let inner = text.strip_prefix('*').and_then(|t| t.strip_suffix('*'));
    if let Some(inner) = inner.filter(|t| !t.is_empty() && !t.contains(['*', '?'])) {
        return Some(Pattern::Contains(inner.to_owned()));
    }
    let mut regex = String::from("(?s)^\\s*");
    for c in text.chars() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            c => regex.push_str(&escaped(c)),
        }
    }
    regex.push_str("\\s*$");
    Some(Pattern::Regex(regex))
}

fn escaped(c: char) -> String {
    // With a backslash these two are the borders of a word.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') { format!("\\{c}") } else { c.to_string() }
}

/// A regular expression for one of these texts, and nothing else but space around it.
pub(super) fn one_of(texts: &[String]) -> String {
    let words: Vec<String> = texts.iter().map(|t| t.chars().map(escaped).collect()).collect();
    format!("^\\s*(?:{})\\s*$", words.join("|"))
}

/// A time of Go (`1h30m`, `1.5s`, `300ms`), in milliseconds.
pub(super) fn go_millis(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?)?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, tail) = after.split_at_checked(end)?;
        let millis = match unit {
            "ns" => 1e-6,
            "us" | "µs" | "μs" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3_600e3,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * millis;
        rest = tail;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a century")]
    (0.0..3.2e12).contains(&total).then(|| total.ceil() as u64)
}

/// A time as settings have it.
pub(super) fn time(millis: u64) -> String {
    match millis {
        m if m % 86_400_000 == 0 && m > 0 => format!("{}d", m / 86_400_000),
        m if m % 3_600_000 == 0 && m > 0 => format!("{}h", m / 3_600_000),
        m if m % 60_000 == 0 && m > 0 => format!("{}min", m / 60_000),
        m if m % 1_000 == 0 && m > 0 => format!("{}s", m / 1_000),
        m => format!("{m}ms"),
    }
}
