//! Webhooks: one POST for each delivery, in the form that a service understands.
//!
//! The forms are in `form`, pure; the call itself in [`super::call`]. A delivery carries its Message-ID as the header
//! `Idempotency-Key`, so that a repeat after a lost answer can be recognised.

mod form;

pub use form::{Template, request};

use super::call::{Answer, CallError, Caller, Hidden};
use crate::decide::{Delivery, SendResult};
use crate::settings::Secret;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One POST takes no longer than this.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Carries deliveries to one address.
pub struct Webhook {
    name: String,
    servername: String,
    template: Template,
    url: Secret,
    caller: Option<Caller>,
    ca_file: Option<PathBuf>,
}

impl Webhook {
    /// Touches nothing yet.
    pub fn new(name: &str, servername: &str, template: Template, url: Secret, ca_file: Option<PathBuf>) -> Self {
        let (name, servername) = (name.to_owned(), servername.to_owned());
        Self { name, servername, template, url, caller: None, ca_file }
    }

    /// Carries one delivery and comes back by `deadline`, or after 10 s.
    ///
    /// 2xx is `Accepted`; 3xx, 408, 425, 429, 5xx and a call without an answer are `Later`; another 4xx is `Refused`.
    pub fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult {
        let (address, request) = request(self.template, &self.name, &self.servername, delivery, self.url.expose());
        let ca_file = &self.ca_file;
        let caller = self.caller.get_or_insert_with(|| Caller::new(Secret::new(address), ca_file.clone()));
        let answered = caller.call(request, deadline.min(Instant::now() + TIME_MAX));
        self.judge(answered)
    }

    fn judge(&self, answered: Result<Answer, CallError>) -> SendResult {
        let channel = format!("the webhook \"{}\"", self.name);
        let answer = match answered {
            Ok(answer) => answer,
            Err(CallError::Later(why)) => return SendResult::Later { why: format!("{channel}: {why}") },
            Err(CallError::Never(why)) => return SendResult::Refused { why: format!("{channel}: {why}") },
        };
        let answer = Answer { words: Hidden::of(self.url.expose()).out_of(&answer.words), ..answer };
        let words = if answer.words.is_empty() { String::new() } else { format!(" and says \"{}\"", answer.words) };
        let line = &answer.line;
        let why = |remedy: &str| format!("{channel} answers {line}{words}: {remedy}");
        match answer.status {
            200..=299 => SendResult::Accepted { answer: answer.line },
            300..=399 => SendResult::Later {
                why: why("redirects are not followed, because the address is a secret; set url to where it leads"),
            },
            429 => {
                let wait = answer.retry_after.map(|t| format!(" (it asks to wait: {t})")).unwrap_or_default();
                SendResult::Later { why: why(&format!("it gets too many messages{wait}; it is tried again")) }
            }
            408 | 425 | 500..=599 => {
                let wait = answer.retry_after.map(|t| format!(" (it asks to wait: {t})")).unwrap_or_default();
                SendResult::Later { why: why(&format!("the fault is on its side{wait}; it is tried again")) }
            }
            401 | 403 => {
                SendResult::Refused { why: why("it does not let us in; its address was revoked: make a new one") }
            }
            404 | 410 => SendResult::Refused {
                why: why("there is nothing at this address, it was revoked or mistyped; make a new one and set url"),
            },
            400..=499 => SendResult::Refused {
                why: why(&format!(
                    "it does not take this form; see that template = \"{}\" is the right one",
                    self.template.word()
                )),
            },
            _ => SendResult::Later { why: why("this is no answer of HTTP; see what listens at this address") },
        }
    }
}
