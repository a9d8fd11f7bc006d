//! What a peer has signed.

use super::{in_time, is_line, keys};
use crate::decide::pace::Pace;
use crate::decide::peers::{Heard, Question, Verdict, View, Watched, judge};
use crate::decide::status::{NodeId, Status};
use crate::runner::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX};
use checker_job::Timestamp;

/// The bytes are a status, or not.
///
/// # Panics
/// If a status that was read and written again is another, has no version or word, or lets the decisions stumble.
pub fn status(data: &[u8]) {
    let read = match in_time(|| Status::read(data)) {
        Ok(read) => read,
        Err(why) => {
            assert!(why.len() < 1_000, "words for humans: {why}");
            return;
        }
    };
    assert!(read.v > 0 && read.word.is_some());
    assert_eq!(Status::read(&read.bytes()).as_ref(), Ok(&read), "read and written again");
    let peer =
        Watched { name: "beta".to_owned(), node: Some(NodeId(keys().peer.public().id())), pushes: false, push: false };
    in_time(|| judged(&peer, &Heard::Status(Box::new(read))));
}

/// Hears the same three times, and judges it beside another peer that says the same.
pub(super) fn judged(peer: &Watched, heard: &Heard) -> (View, Option<Verdict>) {
    let other = Watched {
        name: "gamma".to_owned(),
        node: Some(NodeId(keys().stranger.public().id())),
        pushes: true,
        push: false,
    };
    let mut views = (View::default(), View::default());
    let start = Timestamp::from_secs(1_800_000_000);
    let pace = Pace::default();
    let mut now = start;
    let mut verdict = None;
    for _ in 0..3 {
        now = now.plus(pace.quick);
        views.0.hear(peer, heard, now);
        views.1.hear(&other, heard, now);
        let me = NodeId(keys().me.public().id());
        let others = [(&other, &views.1)];
        verdict = judge(&Question {
            me: &me,
            peer,
            view: &views.0,
            heard,
            others: &others,
            cut_off: false,
            pace: &pace,
            now,
        });
        if let Some(verdict) = &verdict {
            shown(verdict);
        }
    }
    let text = serde_json::to_vec(&views.0).unwrap_or_default();
    assert_eq!(serde_json::from_slice::<View>(&text).ok().as_ref(), Some(&views.0), "kept and read again");
    (views.0, verdict)
}

/// What becomes of it before anybody reads it.
fn shown(verdict: &Verdict) {
    let outcome = verdict.outcome.clone().bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX);
    assert!(is_line(&outcome.summary) && outcome.detail.lines().all(is_line), "words for humans: {outcome:?}");
}
