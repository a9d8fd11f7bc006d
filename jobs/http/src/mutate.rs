//! Would the job notice that the answer is not the one that it should be? The real answer is made wrong, and judged as it is in
//! a run.

use crate::exchange::Answer;
use crate::job::HttpJob;
use crate::progress::Progress;
use checker_job::{Mutation, Timestamp};
use hyper::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Method, StatusCode};

const STATUS: &str = "take 500 out of status";

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
    let mut judged = |name, what, remedy, wrong: Answer| {
        p.body = u64::try_from(wrong.body.len()).unwrap_or(u64::MAX);
        Mutation::new(name, what, remedy, job.outcome(&Ok(wrong), p))
    };
    let status = Answer { status: StatusCode::INTERNAL_SERVER_ERROR, ..answer.clone() };
    let mut all = vec![judged("status_500", "status 500 with the same body", STATUS, status)];
    if has_body(job, answer) {
        let body = remedy(job);
        // An error page and a redirect are known by their status.
        if real > 0 && answer.status.is_success() {
            all.push(judged("empty_body", "an empty body", body, with_body(answer, b"", "text/plain")));
        }
        // Both come with a good status, whatever is expected.
        let page = |text: &str, kind| Answer { status: StatusCode::OK, ..with_body(answer, text.as_bytes(), kind) };
        if !is_login(answer) {
            all.push(judged("login_page", "a login page", body, page(LOGIN, "text/html")));
        }
        all.push(if is_json(answer) {
            judged("wrong_answer", "JSON that tells of an error", body, page(ERROR_JSON, "application/json"))
        } else {
            judged("wrong_answer", "the default page of a web server", body, page(DEFAULT_PAGE, "text/html"))
        });
        if is_json(answer) {
            let half = answer.body.get(..answer.body.len() / 2).unwrap_or_default();
            let what = "JSON that ends in the middle";
            all.push(judged("truncated_json", what, "set json", with_body(answer, half, "application/json")));
        }
    }
    for shown in p.shown.iter().flatten() {
        let at = (shown.host.as_str(), shown.port);
        all.extend(job.plan.trust.mutations(&shown.name, at, &shown.certificates, now));
    }
    all
}

fn remedy(job: &HttpJob) -> &'static str {
    if job.plan.conditions.is_empty() {
        "set body_contains, body_matches or json"
    } else {
        "ask for what stands in the right answer alone, with body_contains, body_matches or json"
    }
}

/// Whether the right page is one where people log in: then another such page is no sign of anything.
fn is_login(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    ["type=\"password\"", "type='password'", "type=password"].iter().any(|field| text.contains(field))
}

/// Whether an answer like this one carries a body (RFC 9110, 6.4.1).
fn has_body(job: &HttpJob, answer: &Answer) -> bool {
    job.plan.method != Method::HEAD && !matches!(answer.status.as_u16(), 204 | 205 | 304)
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

fn with_body(answer: &Answer, body: &[u8], kind: &'static str) -> Answer {
    let mut wrong = Answer { body: body.to_vec(), cut: false, ..answer.clone() };
    wrong.headers.remove(CONTENT_ENCODING);
    wrong.headers.insert(CONTENT_TYPE, hyper::http::HeaderValue::from_static(kind));
    wrong
}
