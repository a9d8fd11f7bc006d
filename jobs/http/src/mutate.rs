//! Would the job notice that the answer is not the one that it should be? The real answer is made wrong, and judged as it is in
//! a run.

use crate::exchange::Answer;
use crate::job::HttpJob;
use crate::progress::Progress;
use checker_job::{Mutation, Timestamp};
use hyper::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use std::borrow::Cow;

const STATUS: &str = "take 500 out of status";
const HEAD: &str = "ask with GET, and set body_contains, body_matches or json";
const VALUES: &str = "set json to what a value must be, as in '$.status == \"ok\"'";

/// Where a proxy or an application sends those whom it does not know.
const LOGIN: &str = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form method=\"post\" action=\"/login\">\
    <label>Name <input name=\"username\"></label><label>Password <input type=\"password\" name=\"password\"></label>\
    <button>Log in</button></form></body></html>\n";
/// A web server without its application.
const DEFAULT_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>It works!</title></head><body><h1>It works!</h1>\
    <p>The web server is running, but no content has been added yet.</p></body></html>\n";
/// An application that does not set the status when it fails.
const ERROR_JSON: &str = "{\"status\":\"error\",\"error\":\"internal error\"}";

/// What the job would say, had it got wrong answers in place of `answer`, which it calls healthy.
pub(crate) fn mutations(job: &HttpJob, answer: &Answer, p: &mut Progress, now: Timestamp) -> Vec<Mutation> {
    let real = p.body;
    let mut judged = |name: &'static str, what: &'static str, remedy: &str, wrong: Answer| {
        p.body = u64::try_from(wrong.body.len()).unwrap_or(u64::MAX);
        Mutation::new(name, what, remedy.to_owned(), job.outcome(&Ok(wrong), p))
    };
    let status = Answer { status: StatusCode::INTERNAL_SERVER_ERROR, ..answer.clone() };
    let mut all = vec![judged("status_500", "status 500 with the same body", STATUS, status)];
    all.extend(bodies(job, answer, real > 0, &mut judged));
    for shown in p.shown.iter().flatten() {
        let at = (shown.host.as_str(), shown.port);
        all.extend(job.plan.trust.mutations(&shown.name, at, &shown.certificates, now));
    }
    all
}

/// Other bodies than that of `answer`, which may be filled without being kept, `judged` by name, words and remedy.
fn bodies(
    job: &HttpJob,
    answer: &Answer,
    is_filled: bool,
    judged: &mut dyn FnMut(&'static str, &'static str, &str, Answer) -> Mutation,
) -> Vec<Mutation> {
    let (mut all, body) = (Vec::new(), &remedy(job, answer));
    // An error page and a redirect are known by their status.
    if has_body(job, answer) && is_filled && answer.status.is_success() {
        all.push(judged("empty_body", "an empty body", body, with_body(answer, b"", "text/plain")));
    }
    // Both come with a good status, whatever is expected. Of an answer to HEAD that is all there is to see.
    let page = |text: &str, kind| {
        let text = if job.plan.method == Method::HEAD { "" } else { text };
        Answer { status: StatusCode::OK, ..with_body(answer, text.as_bytes(), kind) }
    };
    if !is_login(answer) {
        all.push(judged("login_page", "a login page", body, page(LOGIN, "text/html")));
    }
    all.push(if is_json(answer) {
        judged("wrong_answer", "JSON that tells of an error", body, page(ERROR_JSON, "application/json"))
    } else {
        judged("wrong_answer", "the default page of a web server", body, page(DEFAULT_PAGE, "text/html"))
    });
    if has_body(job, answer) && is_json(answer) {
        let json = |body: &[u8]| with_body(answer, body, "application/json");
        if let Some(other) = other_values(&answer.body) {
            all.push(judged("other_values", "the same JSON with other values", VALUES, json(other.as_bytes())));
        }
        let half = answer.body.get(..answer.body.len() / 2).unwrap_or_default();
        all.push(judged("truncated_json", "JSON that ends in the middle", "set json", json(half)));
    }
    all
}

fn remedy(job: &HttpJob, answer: &Answer) -> Cow<'static, str> {
    if has_body(job, answer) {
        Cow::Borrowed(if job.plan.conditions.is_empty() {
            "set body_contains, body_matches or json"
        } else {
            "ask for what stands in the right answer alone, with body_contains, body_matches or json"
        })
    } else if answer.status.is_success() && !is_bodiless(answer) {
        Cow::Borrowed(HEAD)
    } else {
        Cow::Owned(format!("set status = {}", answer.status.as_u16()))
    }
}

/// Whether the right page is one where people log in: then another such page is no sign of anything.
fn is_login(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    ["type=\"password\"", "type='password'", "type=password"].iter().any(|field| text.contains(field))
}

/// Whether an answer like this one carries a body (RFC 9110, 6.4.1).
fn has_body(job: &HttpJob, answer: &Answer) -> bool {
    job.plan.method != Method::HEAD && !is_bodiless(answer)
}

/// Whether an answer with this status has none, whatever was asked.
fn is_bodiless(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 204 | 205 | 304)
}

/// By its own word, or by its looks. The body is there only where a condition needs it.
fn is_json(answer: &Answer) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json") || {
        let looks = answer.body.trim_ascii_start().first().is_some_and(|first| b"{[".contains(first));
        looks && serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok()
    }
}

/// The same JSON, letter by letter, but with true for false, false for true, and null for each text, number and list: who looks
/// only for the names in it does not see that. Nothing if that is the same.
fn other_values(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let (mut other, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => end_of_text(rest),
            '[' => end_of_list(rest),
            '-' | '0'..='9' | 'a'..='z' => rest.find([',', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let is_name = first == '"' && after.trim_start().starts_with(':');
        other.push_str(match first {
            '"' if is_name => token,
            't' => "false",
            'f' => "true",
            '"' | '[' | '-' | '0'..='9' => "null",
            _ => token,
        });
        rest = after;
    }
    (other != text).then_some(other)
}

/// How long the text in quotes is that `json` begins with.
fn end_of_text(json: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

/// How long the list is that `json` begins with.
fn end_of_list(json: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = json.as_bytes().get(at) {
        match byte {
            b'"' => {
                at += json.get(at..).map_or(1, end_of_text);
                continue;
            }
            b'[' => depth += 1,
            b']' if depth == 1 => return at + 1,
            b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    json.len()
}

fn with_body(answer: &Answer, body: &[u8], kind: &'static str) -> Answer {
    let mut wrong = Answer { body: body.to_vec(), cut: false, ..answer.clone() };
    wrong.headers.remove(CONTENT_ENCODING);
    wrong.headers.insert(CONTENT_TYPE, hyper::http::HeaderValue::from_static(kind));
    wrong
}

#[cfg(test)]
mod tests {
    use super::other_values;

    #[test]
    fn values_are_others_and_names_stay() {
        for (json, wanted) in [
            (r#"{"status": "ok", "up": true, "down": false}"#, r#"{"status": null, "up": false, "down": true}"#),
            (r#"{"a":{"b":-1.5e3,"c" : 7 },"d":null}"#, r#"{"a":{"b":null,"c" : null },"d":null}"#),
            (r#"{"list": [1, ["]", {"x": "[\""}]], "n\"a:": "\\"}"#, r#"{"list": null, "n\"a:": null}"#),
            ("[1, 2]\n", "null\n"),
            (r#""ok""#, "null"),
            ("true", "false"),
            (r#"{"é": "ü"}"#, r#"{"é": null}"#),
        ] {
            assert_eq!(other_values(json.as_bytes()).as_deref(), Some(wanted), "{json}");
        }
        for same in ["{}", "null", r#"{"a": {"b": null}}"#, "", "no JSON", r#"{"a": "#, "{\"\u{0}"] {
            assert_eq!(other_values(same.as_bytes()), None, "{same}");
        }
    }
}
