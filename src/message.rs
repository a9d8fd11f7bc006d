//! Temporary.
#![allow(missing_docs)]
use crate::decide::Alert;
use checker_job::Timestamp;
pub struct Rendered {
    pub subject: String,
    pub body: String,
}
pub struct Facts<'a> {
    pub servername: &'a str,
    pub zone: &'a jiff::tz::TimeZone,
    pub now: Timestamp,
}
pub fn single(f: &Facts<'_>, a: &[Alert]) -> Rendered {
    let a = a.last().unwrap();
    Rendered { subject: format!("[{}] {}", f.servername, a.subject), body: a.body.clone() }
}
pub fn digest(f: &Facts<'_>, a: &[Vec<Alert>]) -> Rendered {
    Rendered { subject: format!("[{}] {} alerts", f.servername, a.len()), body: String::new() }
}
