//! Would the job notice that the registration is not well? What the registry said is made wrong and judged as it is in a run.

use crate::Said;
use crate::ask::Answer;
use checker_job::{Mutation, Outcome, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const LIMITS: &str = "set warning to more than a day, such as \"30d\"";
/// The kind judges this whatever its keys are.
const NONE: &str = "";

/// What the job would say of wrong answers in place of `said`, which it calls healthy.
pub(crate) fn mutations(said: &Said, now: Timestamp, judge: impl Fn(&Said) -> Outcome) -> Vec<Mutation> {
    let judged = |name, what, remedy, answer| {
        let wrong = Said { answer, ..said.clone() };
        Mutation::new(name, what, remedy, judge(&wrong))
    };
    let real = &said.answer;
    let free = Answer { status: 404, body: json!({ "errorCode": 404 }).to_string().into_bytes(), ..real.clone() };
    let mut all = vec![
        judged("gone", "a domain that is not registered any more", NONE, free),
        judged("empty_answer", "an answer without a word", NONE, Answer { body: Vec::new(), ..real.clone() }),
    ];
    let Ok(object) = serde_json::from_slice::<Value>(&real.body) else { return all };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut object = object.clone();
        change(&mut object);
        Answer { body: object.to_string().into_bytes(), ..real.clone() }
    };
    let other = with(&|object| set(object, "ldhName", json!("another-domain.invalid")));
    all.push(judged("wrong_answer", "an answer about another domain", NONE, other));
    let eve = with(&|object| ends(object, now.plus(DAY)));
    all.push(judged("one_day_registration", "a registration that ends in a day", LIMITS, eve));
    let over = with(&|object| ends(object, now.minus(DAY)));
    all.push(judged("expired", "a registration that ended a day ago", NONE, over));
    let hold = with(&|object| set(object, "status", json!(["client hold"])));
    all.push(judged("on_hold", "a domain that its registrar has taken out of DNS", NONE, hold));
    all
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// Every end that the registry or the registrar tells of is at this time.
fn ends(object: &mut Value, at: Timestamp) {
    let date = jiff::Timestamp::from_second(at.secs()).unwrap_or_default().to_string();
    for event in object.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten() {
        let action = event.get("eventAction").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        if matches!(&*action, "expiration" | "registrar expiration") {
            set(event, "eventDate", json!(date));
        }
    }
}
