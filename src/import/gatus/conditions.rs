//! Conditions become keys of the job's kind, or jobs beside it. What no key says is listed, and noted at the job.

use super::super::Left;
use super::super::table::{Table, Value, quoted};
use super::super::yaml::Entry;
use super::condition::{Condition, Function, Op, Pattern, Value as With, go_millis, one_of, pattern, time};
use super::endpoint::{Draft, has_port};

/// Looks at all conditions of an endpoint.
pub(super) fn apply(d: &mut Draft, entry: Option<&Entry>, shown: &str, kinds: &[&str], left: &mut Vec<Left>) {
    let mut statuses: Vec<u16> = (100..=599).collect();
    for node in entry.map(|e| e.value.list()).unwrap_or_default() {
        let text = node.text().unwrap_or_default();
        let why = match Condition::parse(text) {
            Ok(condition) => one(d, &condition, &mut statuses, kinds).err(),
            Err(why) => Some(why),
        };
        if let Some(why) = why {
            d.table.note(format!("This looks at less than Gatus did: {text}"));
            left.push(Left::new(
                node.line,
                format!("{shown}: the condition {text}: {why}"),
                "docs/jobs.md says what the kind can judge; a script can judge the rest: [[job.command]]",
            ));
        }
    }
    if let Some(entry) = entry.filter(|e| e.value.list().is_empty() && !e.value.is_empty()) {
        left.push(Left::new(
            entry.line,
            format!("{shown}: conditions is no list"),
            "Each condition begins with a dash",
        ));
    }
    if d.table.kind == "http" {
        status(d, &statuses, shown, left);
    }
}

/// Without a condition on it any status will do, as in Gatus.
fn status(d: &mut Draft, statuses: &[u16], shown: &str, left: &mut Vec<Left>) {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for &status in statuses {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == status => *last = status,
            _ => ranges.push((status, status)),
        }
    }
    if ranges.is_empty() {
        let what = format!("{shown}: no status can meet all its conditions");
        left.push(Left::new(d.table.line, what, "200 to 299 are taken: set status"));
        return;
    }
    let one = |&(low, high): &(u16, u16)| {
        if low == high { Value::Number(i64::from(low)) } else { Value::Text(format!("{low}-{high}")) }
    };
    let value = match ranges.as_slice() {
        [range] => one(range),
        many => Value::Mixed(many.iter().map(one).collect()),
    };
    d.table.set("status", value);
}

fn one(d: &mut Draft, c: &Condition, statuses: &mut Vec<u16>, kinds: &[&str]) -> Result<(), String> {
    // A job that cannot connect fails.
    if c.is("CONNECTED", Op::Equal, "true") || c.is("CONNECTED", Op::NotEqual, "false") {
        return Ok(());
    }
    match (c.of.as_str(), d.table.kind) {
        ("CERTIFICATE_EXPIRATION", _) => certificate(d, c),
        ("DOMAIN_EXPIRATION", _) => domain(d, c, kinds),
        ("RESPONSE_TIME", "http" | "dns") => latency(d, c, "latency_critical"),
        ("RESPONSE_TIME", "ping") => latency(d, c, "rtt_critical"),
        ("STATUS", "http") => status_condition(c, statuses),
        ("BODY", "http") if c.path.is_empty() => whole_body(d, c),
        ("BODY", "http") => json(d, c),
        ("BODY", "tcp") => expect(d, c),
        ("BODY", "dns") => records(d, c),
        ("DNS_RCODE", "dns") => match (&c.value, c.op) {
            (With::Text(code), Op::Equal) => {
                once(&d.table, "expect_rcode")?;
                d.table.set("expect_rcode", code.as_str());
                Ok(())
            }
            _ => Err("only == with one code can be said".to_owned()),
        },
        (of, kind) => Err(format!("[[job.{kind}]] does not judge [{of}]")),
    }
}

/// Takes out the statuses that do not meet it.
fn status_condition(c: &Condition, statuses: &mut Vec<u16>) -> Result<(), String> {
    if c.function != Function::Itself || !c.path.is_empty() {
        return Err("a status has no parts".to_owned());
    }
    match &c.value {
        With::Pattern(text) if text.len() > 16 || text.contains(['[', '\\']) => {
            return Err("this pattern cannot be said of a status".to_owned());
        }
        With::Text(text) if !matches!(c.op, Op::Equal | Op::NotEqual) && text.parse::<f64>().is_err() => {
            return Err("only numbers are less or greater".to_owned());
        }
        _ => {}
    }
    statuses.retain(|status| fits(c, &status.to_string()));
    Ok(())
}

/// Whether a value meets it, as Gatus compares.
fn fits(c: &Condition, value: &str) -> bool {
    let equal = match &c.value {
        With::Text(text) => match (text.parse::<f64>(), value.parse::<f64>()) {
            (Ok(right), Ok(left)) => return c.op.holds(left, right),
            _ => text == value,
        },
        With::Any(texts) => texts.iter().any(|t| t == value),
        With::Pattern(text) => glob(text.as_bytes(), value.as_bytes()),
    };
    equal == (c.op == Op::Equal)
}

/// `*` stands for any text, `?` for one character. For statuses only, which are short.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob(rest, text) => true,
        (Some((b'*', _)), Some((_, tail))) => glob(pattern, tail),
        (Some((p, rest)), Some((t, tail))) if *p == b'?' || p == t => glob(rest, tail),
        _ => false,
    }
}

fn limit(c: &Condition, wanted: [Op; 2]) -> Result<u64, String> {
    let With::Text(text) = &c.value else { return Err("it is no limit".to_owned()) };
    let millis = text.parse::<u64>().ok().or_else(|| go_millis(text));
    match millis {
        Some(millis) if wanted.contains(&c.op) && c.function == Function::Itself && c.path.is_empty() => Ok(millis),
        _ => Err(format!("only {} or {} with a time can be said", wanted[0].word(), wanted[1].word())),
    }
}

fn latency(d: &mut Draft, c: &Condition, key: &'static str) -> Result<(), String> {
    let millis = limit(c, [Op::Less, Op::LessOrEqual])?;
    if millis == 0 {
        return Err("no answer takes no time".to_owned());
    }
    once(&d.table, key)?;
    d.table.set(key, time(millis));
    // Slower than the job may take would never be seen.
    if millis >= 10_000 && d.table.get("timeout").is_none() {
        d.table.set("timeout", time((millis + 1_000).min(50_000)));
    }
    Ok(())
}

/// Several conditions may say the same key, and only one of them can.
fn once(table: &Table, key: &str) -> Result<(), String> {
    let taken = || format!("an earlier condition has set {key}, and it stands there once: put in the stricter one");
    if table.get(key).is_some() { Err(taken()) } else { Ok(()) }
}

/// What Gatus fails at fails here; a little before that is a warning, because the kind wants one.
fn ends(table: &mut Table, millis: u64, margin: u64) {
    table.set("critical", time(millis));
    table.set("warning", time(millis + margin));
}

fn certificate(d: &mut Draft, c: &Condition) -> Result<(), String> {
    let millis = limit(c, [Op::Greater, Op::GreaterOrEqual])?;
    if millis == 0 {
        return Err("a certificate that has ended fails in any case".to_owned());
    }
    if d.table.kind == "tls" {
        once(&d.table, "critical")?;
        ends(&mut d.table, millis, 3_600_000);
        return Ok(());
    }
    if d.scheme != "https" {
        return Err(format!("{} shows no certificate", d.scheme));
    }
    twice(d, "tls")?;
    let host = host_of(&d.target);
    let address = if has_port(&host) { host } else { format!("{host}:443") };
    let mut table = beside(d, "tls", "certificate");
    table.set("address", address);
    ends(&mut table, millis, 3_600_000);
    if d.insecure {
        table.set("judge", Value::Texts(vec!["expiry".to_owned()]));
    }
    d.more.push(table);
    Ok(())
}

fn domain(d: &mut Draft, c: &Condition, kinds: &[&str]) -> Result<(), String> {
    let millis = limit(c, [Op::Greater, Op::GreaterOrEqual])?;
    if !kinds.contains(&"domain") {
        return Err("this program has no kind domain".to_owned());
    }
    let host = host_of(&d.target);
    let host = if has_port(&host) { host.rsplit_once(':').map_or("", |(h, _)| h).to_owned() } else { host };
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    // `example.co.uk` has three; the list of all such is long, so a person looks.
    let three = matches!(labels.as_slice(), [.., _, second, top] if top.len() == 2 && second.len() <= 3);
    let from = labels.len().saturating_sub(if three { 3 } else { 2 });
    let registered = labels.get(from..).unwrap_or_default().join(".");
    if registered.is_empty()
        || registered.parse::<std::net::IpAddr>().is_ok()
        || host.parse::<std::net::IpAddr>().is_ok()
    {
        return Err("an address has no registration".to_owned());
    }
    twice(d, "domain")?;
    let mut table = beside(d, "domain", "domain");
    table.note(format!("Look whether {registered} is the name that is registered. Registries are asked once a day."));
    table.set("domain", registered);
    ends(&mut table, millis.max(1_000), 86_400_000);
    table.set("every", "day");
    table.set("failure_threshold", Value::Number(1));
    if table.get("recovery_threshold").is_some() {
        table.set("recovery_threshold", Value::Number(1));
    }
    table.set("timeout", "60s");
    d.more.push(table);
    Ok(())
}

/// There is one job of each kind beside an endpoint.
fn twice(d: &Draft, kind: &str) -> Result<(), String> {
    d.more.iter().find(|table| table.kind == kind).map_or(Ok(()), |table| once(table, "critical"))
}

/// A job for the rest of an endpoint.
fn beside(d: &Draft, kind: &'static str, what: &str) -> Table {
    let mut table = Table::new(kind, d.table.line);
    if let Some(Value::Text(name)) = d.table.get("name") {
        table.set("name", format!("{name} ({what})"));
    }
    table.set("id", format!("{}:{kind}", d.id));
    for key in ["host", "enabled", "every", "failure_threshold", "recovery_threshold", "note"] {
        if let Some(value) = d.table.get(key) {
            table.set(key, value.clone());
        }
    }
    table
}

/// Host and port of what follows `https://`.
fn host_of(target: &str) -> String {
    let host = target.split(['/', '?', '#']).next().unwrap_or_default();
    host.rsplit('@').next().unwrap_or_default().to_owned()
}

fn add(table: &mut Table, key: &'static str, text: String) {
    let mut texts = match table.get(key) {
        Some(Value::Texts(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    texts.push(text);
    table.set(key, Value::Texts(texts));
}

fn whole_body(d: &mut Draft, c: &Condition) -> Result<(), String> {
    if c.function != Function::Itself {
        return Err("len() and has() need a part of the body".to_owned());
    }
    match (&c.value, c.op) {
        (With::Pattern(text), op) => match (pattern(text).ok_or("sets in a pattern cannot be said")?, op) {
            (Pattern::All, Op::Equal) => {}
            (Pattern::Contains(text), Op::Equal) => add(&mut d.table, "body_contains", text),
            (Pattern::Contains(text), Op::NotEqual) => add(&mut d.table, "body_not_contains", text),
            (Pattern::Regex(regex), Op::Equal) => add(&mut d.table, "body_matches", regex),
            _ => return Err("that a pattern does not match can be said of *text* only".to_owned()),
        },
        (With::Text(text), Op::Equal) => add(&mut d.table, "body_matches", one_of(std::slice::from_ref(text))),
        (With::Any(texts), Op::Equal) => add(&mut d.table, "body_matches", one_of(texts)),
        _ => return Err("only == can be said of the whole body".to_owned()),
    }
    Ok(())
}

fn json(d: &mut Draft, c: &Condition) -> Result<(), String> {
    let path = json_path(&c.path)?;
    let condition = match (c.function, &c.value, c.op) {
        (Function::Exists, With::Text(text), Op::Equal | Op::NotEqual) => match (text.as_str(), c.op == Op::Equal) {
            ("true", true) | ("false", false) => format!("{path} exists"),
            ("false", true) | ("true", false) => format!("{path} missing"),
            _ => return Err("has() is true or false".to_owned()),
        },
        (Function::Length, With::Text(text), op) => {
            let number: u64 = text.parse().map_err(|_| "a length is a number")?;
            format!("{path}.length {} {number}", op.word())
        }
        (Function::Itself, With::Text(text), Op::Equal | Op::NotEqual) => {
            format!("{path} {} {}", c.op.word(), literal(text))
        }
        (Function::Itself, With::Text(text), op) => {
            let number: f64 = text.parse().map_err(|_| "only numbers are less or greater")?;
            format!("{path} {} {number}", op.word())
        }
        (Function::Itself, With::Pattern(text), Op::Equal) => match pattern(text) {
            Some(Pattern::All) => format!("{path} exists"),
            Some(Pattern::Contains(text)) => format!("{path} contains {}", quoted(&text)),
            _ => return Err("of patterns on a part of the body only *text* can be said".to_owned()),
        },
        (Function::Itself, With::Any(texts), Op::NotEqual) => {
            for text in texts {
                add(&mut d.table, "json", format!("{path} != {}", literal(text)));
            }
            return Ok(());
        }
        (Function::Itself, With::Any(texts), Op::Equal) if texts.len() == 1 => {
            format!("{path} == {}", literal(&texts.concat()))
        }
        _ => return Err("several values for a part of the body cannot be said".to_owned()),
    };
    add(&mut d.table, "json", condition);
    Ok(())
}

/// Gatus has no quotes: numbers, true, false and null are taken as such.
fn literal(text: &str) -> String {
    let as_is = matches!(
        serde_json::from_str(text),
        Ok(serde_json::Value::Bool(_) | serde_json::Value::Number(_) | serde_json::Value::Null)
    );
    if as_is { text.to_owned() } else { serde_json::Value::String(text.to_owned()).to_string() }
}

/// `.data[0].first name` as `$.data[0]["first name"]`.
fn json_path(path: &str) -> Result<String, String> {
    let mut out = String::from("$");
    let dotted = path.strip_prefix('.').unwrap_or(path);
    for step in dotted.split('.') {
        let (name, indexes) = step.split_at_checked(step.find('[').unwrap_or(step.len())).unwrap_or((step, ""));
        if name.is_empty() && indexes.is_empty() {
            return Err("a step of its path is empty".to_owned());
        }
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            if !name.is_empty() {
                out.push('.');
                out.push_str(name);
            }
        } else {
            out.push('[');
            out.push_str(&serde_json::Value::String(name.to_owned()).to_string());
            out.push(']');
        }
        let whole =
            indexes.split_terminator(']').all(|i| i.strip_prefix('[').is_some_and(|n| n.parse::<u32>().is_ok()));
        if !whole {
            return Err(format!("{indexes} in its path is no index"));
        }
        out.push_str(indexes);
    }
    Ok(out)
}

fn expect(d: &mut Draft, c: &Condition) -> Result<(), String> {
    match (&c.value, c.op) {
        (With::Pattern(text), Op::Equal) if c.path.is_empty() && c.function == Function::Itself => {
            match pattern(text) {
                Some(Pattern::Contains(text)) if d.table.get("expect").is_none() => {
                    d.table.set("expect", text);
                    Ok(())
                }
                _ => Err("one pattern *text* can be said".to_owned()),
            }
        }
        _ => Err("only == pat(*text*) can be said".to_owned()),
    }
}

/// Gatus looks at one record, whichever comes last.
fn records(d: &mut Draft, c: &Condition) -> Result<(), String> {
    if !c.path.is_empty() || c.function != Function::Itself || c.op != Op::Equal || d.table.get("expect").is_some() {
        return Err("one condition == on the whole answer can be said".to_owned());
    }
    let (texts, how) = match &c.value {
        With::Text(text) => (vec![text.clone()], "contains"),
        With::Any(texts) => (texts.clone(), "any"),
        With::Pattern(_) => return Err("patterns cannot be said of records".to_owned()),
    };
    d.table.set("expect", Value::Texts(texts));
    d.table.set("match", how);
    Ok(())
}
