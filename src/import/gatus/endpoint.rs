//! One endpoint: what it is called, how often, where to, and who is alerted after how many failures.

use super::super::table::{Table, Value};
use super::super::yaml::{Entry, Node};
use super::super::{Converted, Left};
use super::Defaults;
use super::condition::{go_millis, time};
use super::conditions;
use super::fields::Fields;
use super::maintenance;

/// What a message of Gatus waits for, if it is not said.
const FAILURES: i64 = 3;
const SUCCESSES: i64 = 2;
/// A job of a pass each minute must end before the next pass.
const TIMEOUT_MAX: u64 = 50_000;

/// Keys that mean nothing here.
const ASIDE: [(&str, &str); 4] = [
    ("ui", "There are no web pages"),
    ("extra-labels", "There are no metrics; the key host groups jobs"),
    ("always-run", "It is for steps of a suite"),
    ("store", "It is for steps of a suite"),
];

/// An endpoint on its way to a table.
pub(super) struct Draft {
    pub(super) table: Table,
    /// Jobs that judge what the first one cannot: certificate, registration.
    pub(super) more: Vec<Table>,
    /// `http`, `tcp` ... as in the URL.
    pub(super) scheme: String,
    /// What follows the scheme.
    pub(super) target: String,
    pub(super) id: String,
    pub(super) insecure: bool,
    /// Whether the body is a query of GraphQL.
    graphql: bool,
}

pub(super) fn convert(node: &Node, defaults: &Defaults, kinds: &[&str], made: &mut Converted) {
    let mut f = Fields::new(node);
    let left = &mut made.left;
    let name = f.text("name", left).unwrap_or_default().to_owned();
    let group = f.text("group", left).map(str::to_owned);
    let url = f.text("url", left).unwrap_or_default().trim().to_owned();
    let dns = f.take("dns");
    let shown = group.as_ref().map_or_else(|| name.clone(), |g| format!("{g}/{name}"));
    let (scheme, target) = if dns.is_some() { ("dns".to_owned(), url.clone()) } else { scheme_of(&url) };
    let kind = match kind_of(&scheme).filter(|kind| kinds.contains(kind)) {
        Some(kind) if !name.is_empty() => kind,
        Some(_) => {
            return whole(node, left, "an endpoint without a name", "Gatus does not take it either: give it one");
        }
        None => {
            let what = format!("{shown}: {} is nothing that this program looks at", quoted_url(&url));
            let remedy = "Run a plugin or a script that does, as [[job.command]]: docs/jobs.md";
            return whole(node, left, &what, remedy);
        }
    };
    let id = [group.as_deref(), Some(&name)].map(|t| key(t.unwrap_or_default())).join("_");
    let mut table = Table::new(kind, node.line).with("name", name.as_str()).with("id", id.as_str());
    if let Some(group) = &group {
        table.set("host", group.as_str());
    }
    let mut d = Draft {
        table,
        more: Vec::new(),
        scheme,
        target: target.trim_end_matches('/').to_owned(),
        id,
        insecure: false,
        graphql: false,
    };
    address(&mut d, &url, dns, &shown, left);
    if f.flag("enabled", left) == Some(false) {
        d.table.set("enabled", Value::Flag(false));
    }
    interval(&mut d, &mut f, left, &shown);
    client(&mut d, f.take("client"), &shown, left);
    request(&mut d, &mut f, &shown, &url, left);
    alerts(&mut d, &mut f, defaults, &shown, left);
    conditions::apply(&mut d, f.take("conditions"), &shown, kinds, left);
    for (key, remedy) in ASIDE {
        if let Some(entry) = f.take(key) {
            left.push(Left::new(entry.line, format!("{shown}: {key} is not taken over"), remedy));
        }
    }
    let windows = f.take("maintenance-windows");
    f.rest(&format!("{shown}: "), left);
    let jobs: Vec<String> = std::iter::once(&d.table).chain(&d.more).filter_map(Table::job).collect();
    made.windows.extend(windows.into_iter().flat_map(|entry| maintenance::of_one(entry, &shown, &jobs, left)));
    made.tables.push(d.table);
    made.tables.extend(d.more);
}

/// `http` of `http://host`, and what follows. Without slashes as in `icmp:host`.
fn scheme_of(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").or_else(|| url.split_once(':')).unwrap_or(("", url));
    (scheme.to_ascii_lowercase(), rest.to_owned())
}

fn quoted_url(url: &str) -> String {
    // What stands before a host or after it may be a password.
    let end = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(end..).unwrap_or_default();
    let host = rest.split(['/', '?']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    format!("\"{}{host}\"", url.get(..end).unwrap_or_default())
}

fn kind_of(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "http" | "https" => "http",
        "tcp" => "tcp",
        "tls" | "starttls" => "tls",
        "ssh" => "ssh",
        "icmp" => "ping",
        "dns" => "dns",
        _ => return None,
    })
}

/// An endpoint of which nothing is taken: one entry for it and all its keys.
fn whole(node: &Node, left: &mut Vec<Left>, what: &str, remedy: &str) {
    left.push(Left::new(node.line, what, remedy));
    for entry in node.map() {
        left.push(Left::new(entry.line, format!("   of it: {}", entry.key), "See above"));
    }
}

/// Names as Gatus has them in its own keys.
fn key(text: &str) -> String {
    text.chars().map(|c| if " /_,.#+&".contains(c) { '-' } else { c }).collect::<String>().to_lowercase()
}

fn address(d: &mut Draft, url: &str, dns: Option<&Entry>, shown: &str, left: &mut Vec<Left>) {
    match d.scheme.as_str() {
        "http" | "https" => d.table.set("url", url),
        "dns" => {
            d.table.set("server", d.target.clone());
            let mut fields = dns.map(|entry| {
                no_map(entry, "dns", shown, left);
                Fields::new(&entry.value)
            });
            if let Some(f) = &mut fields {
                for (theirs, ours) in [("query-name", "query"), ("query-type", "type")] {
                    if let Some(text) = f.text(theirs, left) {
                        d.table.set(ours, text);
                    }
                }
            }
            if let Some(f) = fields {
                f.rest(&format!("{shown}: dns."), left);
            }
        }
        "ssh" => {
            let bare = d.target.clone();
            d.table.set("address", if has_port(&bare) { bare } else { format!("{bare}:22") });
        }
        "starttls" => {
            d.table.set("address", d.target.clone());
            d.table.set("starttls", "smtp");
        }
        _ => d.table.set("address", d.target.clone()),
    }
}

/// Lists what should have keys and has none.
fn no_map(entry: &Entry, key: &str, shown: &str, left: &mut Vec<Left>) {
    if entry.value.map().is_empty() && !entry.value.is_empty() {
        left.push(Left::new(entry.line, format!("{shown}: {key} is no map"), "Look what it was meant to be"));
    }
}

pub(super) fn has_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')))
}

/// Passes are a minute apart, so times between are rounded up.
fn interval(d: &mut Draft, f: &mut Fields<'_>, left: &mut Vec<Left>, shown: &str) {
    let line = f.line("interval");
    let Some(text) = f.text("interval", left) else { return };
    let Some(millis) = go_millis(text).filter(|m| *m > 0) else {
        left.push(Left::new(
            line,
            format!("{shown}: interval \"{text}\" is no time"),
            "Each minute is taken: set every",
        ));
        return;
    };
    let minutes = millis.div_ceil(60_000);
    let every = match minutes {
        1 => "minute".to_owned(),
        60 => "hour".to_owned(),
        m if m > 1_440 => "day".to_owned(),
        m if m % 60 == 0 => format!("{}h", m / 60),
        m => format!("{m}min"),
    };
    if minutes * 60_000 != millis || minutes > 1_440 {
        d.table.note(format!("In Gatus each {text}: passes are a minute apart, and a job runs once a day at least."));
    }
    d.table.set("every", every);
}

fn client(d: &mut Draft, entry: Option<&Entry>, shown: &str, left: &mut Vec<Left>) {
    let is_http = d.table.kind == "http";
    if is_http {
        d.table.set("redirects", "follow");
    }
    let Some(entry) = entry else { return };
    no_map(entry, "client", shown, left);
    let mut f = Fields::new(&entry.value);
    if f.flag("insecure", left) == Some(true) {
        d.insecure = true;
        if d.table.kind == "tls" {
            d.table.set("judge", Value::Texts(vec!["expiry".to_owned()]));
        } else if d.scheme == "https" {
            left.push(Left::new(
                f.line("insecure"),
                format!("{shown}: client.insecure: Checker always looks whether a certificate is good"),
                "Give your own authority, or the very certificate, as ca_file",
            ));
        }
    }
    let line = f.line("timeout");
    match f.text("timeout", left).map(|text| (text, go_millis(text))) {
        Some((_, Some(millis))) if (100..=TIMEOUT_MAX).contains(&millis) => {
            d.table.set("timeout", time(millis));
            // Gatus sends one, and the five of ours take longer.
            if d.table.kind == "ping" && millis < 1_500 {
                d.table.set("count", Value::Number(1));
            }
        }
        Some((text, _)) => left.push(Left::new(
            line,
            format!("{shown}: client.timeout \"{text}\" is not taken: a run ends within 50 s"),
            "10 s are taken: set timeout",
        )),
        None => {}
    }
    if is_http {
        if f.flag("ignore-redirect", left) == Some(true) {
            d.table.set("redirects", "never");
        }
        if let Some(proxy) = f.text("proxy-url", left) {
            d.table.set("proxy", proxy);
        }
    }
    if d.table.kind == "ping"
        && let Some(ip) = f.text("network", left).and_then(|n| n.strip_prefix("ip")).filter(|n| ["4", "6"].contains(n))
    {
        d.table.set("ip", ip);
    }
    f.rest(&format!("{shown}: client."), left);
}

/// Method, headers and body.
fn request(d: &mut Draft, f: &mut Fields<'_>, shown: &str, url: &str, left: &mut Vec<Left>) {
    body(d, f, shown, url, left);
    if d.table.kind == "http" {
        if let Some(method) = f.text("method", left) {
            d.table.set("method", method);
        }
        headers(d, f.take("headers"), shown, left);
    }
    if d.table.kind == "ssh"
        && let Some(entry) = f.take("ssh")
    {
        left.push(Left::new(
            entry.line,
            format!("{shown}: ssh: Checker looks at a server without logging in"),
            "Pin its key: checker try NAME shows it. To run a command there, let a script do it: [[job.command]]",
        ));
    }
}

fn body(d: &mut Draft, f: &mut Fields<'_>, shown: &str, url: &str, left: &mut Vec<Left>) {
    let line = f.line("body");
    let Some(body) = f.text("body", left) else { return };
    let text = |key: &str| match d.table.get(key) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let body = body.replace("[ENDPOINT_NAME]", &text("name")).replace("[ENDPOINT_GROUP]", &text("host"));
    let body = body.replace("[ENDPOINT_URL]", url);
    if ["[RANDOM_STRING_", "[LOCAL_ADDRESS]", "[CONTEXT]"].iter().any(|part| body.contains(part)) {
        left.push(Left::new(
            line,
            format!("{shown}: the body has a part that Gatus makes anew each time; it stands there as text"),
            "Put a fixed text in, or let a script ask: [[job.command]]",
        ));
    }
    match d.table.kind {
        "http" if f.flag("graphql", left) == Some(true) => {
            d.table.set("body", serde_json::json!({ "query": body }).to_string());
            d.graphql = true;
        }
        "http" => d.table.set("body", body),
        "tcp" => d.table.set("send", body),
        kind => left.push(Left::new(
            line,
            format!("{shown}: body: [[job.{kind}]] sends nothing of yours"),
            "Let a script do it: [[job.command]]",
        )),
    }
}

fn headers(d: &mut Draft, entry: Option<&Entry>, shown: &str, left: &mut Vec<Left>) {
    let mut pairs = Vec::new();
    for header in entry.map(|e| e.value.map()).unwrap_or_default() {
        if let Some(text) = header.value.text() {
            pairs.push((header.key.clone(), text.to_owned()));
        } else {
            left.push(Left::new(
                header.line,
                format!("{shown}: the header {} has no value", header.key),
                "Leave it out",
            ));
        }
    }
    // As Gatus does by itself.
    if d.graphql && !pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        pairs.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    if !pairs.is_empty() {
        d.table.set("headers", Value::Map(pairs));
    } else if let Some(entry) = entry {
        left.push(Left::new(entry.line, format!("{shown}: there is no header in headers"), "Leave it out"));
    }
}

/// The first of the alerts says when; whom to tell is said elsewhere.
fn alerts(d: &mut Draft, f: &mut Fields<'_>, defaults: &Defaults, shown: &str, left: &mut Vec<Left>) {
    let alerts = f.take("alerts");
    if let Some(entry) = alerts.filter(|e| e.value.list().is_empty() && !e.value.is_empty()) {
        left.push(Left::new(entry.line, format!("{shown}: alerts is no list"), "Each alert begins with a dash"));
    }
    let list = alerts.map(|e| e.value.list()).unwrap_or_default();
    let (mut failures, mut successes): (Option<i64>, Option<i64>) = (None, None);
    for node in list {
        let mut a = Fields::new(node);
        let kind = a.text("type", left).unwrap_or("?").to_owned();
        let empty = Node::nothing(node.line);
        let mut standard = Fields::new(defaults.get(&kind).map_or(&empty, |n| n));
        let mut count = |key: &str, or: i64, left: &mut Vec<Left>| {
            let own = a.text(key, left).or_else(|| standard.text(key, left));
            own.and_then(|t| t.parse().ok()).filter(|n| *n > 0).unwrap_or(or)
        };
        let (bad, good) = (count("failure-threshold", FAILURES, left), count("success-threshold", SUCCESSES, left));
        let on = a.flag("enabled", left).or_else(|| standard.flag("enabled", left));
        if on == Some(false) {
            left.push(Left::new(
                node.line,
                format!("{shown}: the alert by {kind} is switched off"),
                "Nothing is to be done",
            ));
        } else {
            failures = Some(failures.map_or(bad, |n| n.min(bad)));
            successes = Some(successes.map_or(good, |n| n.min(good)));
            left.push(Left::new(
                node.line,
                format!("{shown}: the alert by {kind} goes to [general] alertcontact"),
                "For another way set contacts, to addresses or to names of channels",
            ));
        }
        if let Some(text) = a.text("description", left).or_else(|| standard.text("description", left)) {
            d.table.set("note", text);
        }
        if a.flag("send-on-resolved", left) == Some(false) {
            let what =
                format!("{shown}: send-on-resolved: Checker tells a recovery to all who were told of the failure");
            left.push(Left::new(node.line, what, "Nothing is to be done"));
        }
        a.rest(&format!("{shown}: alert by {kind}: "), left);
    }
    match (failures, successes) {
        (Some(bad), Some(good)) => {
            d.table.set("failure_threshold", Value::Number(bad));
            d.table.set("recovery_threshold", Value::Number(good));
        }
        _ => d.table.note("Gatus told nobody of this. Checker tells [general] alertcontact."),
    }
}
