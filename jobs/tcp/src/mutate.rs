//! Would the job notice that something else answers at the port?

use crate::judge;
use crate::probe::{Talk, replay};
use checker_job::{Mutation, Outcome, Vacuity, Verdict};
use checker_parts::probe::Limit;
use std::net::SocketAddr;

const NONE: &str = "set expect (and send, if the server does not speak first)";
const MORE: &str = "let expect be what this service alone says";

/// What servers say that are not the one that is meant. None of them says what the other does.
const ANSWERS: [(&str, &str, &[u8]); 2] = [
    ("empty_answer", "a server that takes the connection and says nothing", b""),
    ("wrong_answer", "another service at this port", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
];

/// `outcome` is that of the real run; `to` is an address that was tried.
pub(crate) async fn vacuity(outcome: Outcome, to: SocketAddr, talk: &Talk, limit: &Limit) -> Vacuity {
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let remedy = if talk.expect.is_empty() { NONE } else { MORE };
    let mut mutations = Vec::new();
    for (name, what, answer) in ANSWERS {
        let said = judge::one(to, &replay(to, talk, limit, answer).await);
        mutations.push(Mutation::new(name, what, remedy, said));
    }
    Vacuity::new(outcome, mutations)
}
