//! Reads what an RDAP server says of a domain (RFC 9083, section 5.3).

use crate::ask::{Answer, Trouble};
use checker_job::Timestamp;
use serde_json::Value;

/// So much of what others wrote stands in a sentence.
const WORDS_MAX: usize = 80;

/// What is said of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registration {
    /// As RFC 8056 writes them.
    pub(crate) states: Vec<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) registrar: Option<String>,
}

/// What the answer says; `None` if the domain is not registered.
pub(crate) fn read(domain: &str, server: &str, answer: &Answer) -> Result<Option<Registration>, Trouble> {
    let trouble = |cause: String| Err(Trouble { detail: shown(&answer.body), ..Trouble::of(cause) });
    match answer.status {
        200 => {}
        404 if is_of_rdap(answer) => return Ok(None),
        404 => {
            return trouble(format!(
                "{server} has no RDAP at this address (status 404, and what it says is no answer of RDAP); mend the key server"
            ));
        }
        401 | 403 => {
            return trouble(format!(
                "the RDAP server {server} refuses to answer (status {}): it may have locked this host out, so ask less often; or look \
                         at its rules",
                answer.status
            ));
        }
        status @ 500.. => return trouble(format!("the RDAP server {server} is out of order (status {status})")),
        status => return trouble(format!("the RDAP server {server} answers with status {status}")),
    }
    let not_rdap = || format!("what {server} answers is not RDAP");
    let Ok(said) = serde_json::from_slice::<Value>(&answer.body) else { return trouble(not_rdap()) };
    if said.get("objectClassName").and_then(Value::as_str) != Some("domain") {
        return trouble(not_rdap());
    }
    let name = said.get("ldhName").and_then(Value::as_str).unwrap_or_default().trim_end_matches('.');
    if !name.eq_ignore_ascii_case(domain) {
        let cause = format!("the RDAP server {server} answers about other domains than it is asked for");
        let sentence = format!("{server} answers about {:?} and not about {domain}", cut(name));
        return Err(Trouble { detail: shown(&answer.body), ..Trouble::with(cause, sentence) });
    }
    Ok(Some(Registration { states: states(&said), expires: expires(&said), registrar: registrar(&said) }))
}

/// Whether "not found" is said of the domain, and not of the address: by RDAP's own media type, by its form of errors (RFC 9083,
/// section 6), or without a word, which RFC 7480, section 5.3, allows. Other servers say it of any address that is wrong.
fn is_of_rdap(answer: &Answer) -> bool {
    let is_error = || {
        let said = serde_json::from_slice::<Value>(&answer.body).ok();
        said.and_then(|said| said.get("errorCode")?.as_u64()) == Some(404)
    };
    answer.kind == "application/rdap+json" || answer.body.trim_ascii().is_empty() || is_error()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().take(1_000)
}

fn states(said: &Value) -> Vec<String> {
    items(said, "status").filter_map(Value::as_str).map(plain).collect()
}

/// A state as RFC 8056 writes it: "client hold". Some servers write it as EPP does ("clientHold"), or with other signs.
fn plain(state: &str) -> String {
    let mut text = String::new();
    let mut was_small = false;
    for c in state.chars() {
        if c.is_ascii_uppercase() && was_small {
            text.push(' ');
        }
        text.push(if matches!(c, '_' | '-') { ' ' } else { c.to_ascii_lowercase() });
        was_small = c.is_ascii_lowercase();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The registry's date or that of the registrar, whatever comes first: a registry renews by itself and takes that back if the
/// registrar, with whom it has ended, asks for it within some weeks.
fn expires(said: &Value) -> Option<Timestamp> {
    let date_of = |action: &str| {
        let is = |event: &&Value| {
            event.get("eventAction").and_then(Value::as_str).is_some_and(|a| a.eq_ignore_ascii_case(action))
        };
        items(said, "events").filter(is).find_map(|event| event.get("eventDate").and_then(Value::as_str).and_then(date))
    };
    [date_of("expiration"), date_of("registrar expiration")].into_iter().flatten().min()
}

/// A date of RFC 3339; some servers leave out the offset, or the whole time.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let candidates = [text.to_owned(), format!("{text}Z"), format!("{text}T00:00:00Z")];
    let read = candidates.iter().find_map(|text| text.parse::<jiff::Timestamp>().ok())?;
    Some(Timestamp::from_secs(read.as_second()))
}

/// The name of the entity that has this role, out of its vCard (RFC 7095).
fn registrar(said: &Value) -> Option<String> {
    let is_registrar = |entity: &&Value| {
        items(entity, "roles").filter_map(Value::as_str).any(|role| role.eq_ignore_ascii_case("registrar"))
    };
    let entity = items(said, "entities").find(is_registrar)?;
    let card = entity.get("vcardArray").and_then(|card| card.get(1)).and_then(Value::as_array);
    let is_name = |field: &&Value| field.get(0).and_then(Value::as_str).is_some_and(|n| n.eq_ignore_ascii_case("fn"));
    let field = card.and_then(|card| card.iter().find(is_name));
    let name = field.and_then(|field| field.get(3)).and_then(Value::as_str);
    let name = name.or_else(|| entity.get("handle").and_then(Value::as_str))?.trim();
    (!name.is_empty()).then(|| cut(name))
}

fn cut(text: &str) -> String {
    text.chars().take(WORDS_MAX).collect()
}

/// The start of an answer, for people who read on.
fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..1_000).unwrap_or(body)).into_owned()
}
