use super::*;
use crate::decide::peers::Heard;
use crate::decide::status::Status;
use crate::decide::{SendResult, Word};

const MINUTE: Duration = Duration::from_secs(60);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn id(name: &str) -> NodeId {
    NodeId(format!("{name:0>16}"))
}

fn peer(name: &str) -> Watched {
    Watched { name: name.to_owned(), node: Some(id(name)), pushes: false, push: false }
}

/// What is remembered of a peer that answered like this at `when`.
fn view(name: &str, status: Status, when: Timestamp) -> (String, View) {
    let mut view = View::default();
    let status = Status { v: 1, word: Some(Word::True), node: id(name), ..status };
    view.hear(&peer(name), &Heard::Status(Box::new(status)), when);
    (name.to_owned(), view)
}

fn seen(of: &str, token: &str, spam: bool) -> CanarySeen {
    CanarySeen { of: id(of), token: token.to_owned(), spam }
}

fn ask(views: &[(String, View)], lookers: &[&str], now: Timestamp) -> Result<Vec<(String, Place)>, String> {
    let peers = [peer("beta"), peer("gamma")];
    let lookers: Vec<NodeId> = lookers.iter().map(|n| id(n)).collect();
    let tokens = ["one".to_owned(), "two".to_owned()];
    found(&tokens, (&peers, &lookers), &views.iter().cloned().collect(), &id("alpha"), MINUTE * 12, now)
}

#[test]
fn only_peers_that_look_and_were_heard_of_count() {
    let says = |looks, seen| Status { looks, canary_seen: seen, ..Status::default() };
    let one = || vec![seen("alpha", "one", false), seen("gamma", "two", false), seen("alpha", "three", false)];
    let good = view("beta", says(true, one()), at(0));
    assert_eq!(ask(std::slice::from_ref(&good), &["beta"], at(60)), Ok(vec![("one".to_owned(), Place::Arrived)]));
    // Not asked for, too old, never heard of, or blind: nobody has looked.
    assert!(ask(std::slice::from_ref(&good), &["gamma"], at(60)).unwrap_err().contains("gamma gives no status"));
    assert!(ask(std::slice::from_ref(&good), &["beta"], at(721)).unwrap_err().contains("beta gives no status"));
    assert!(ask(&[], &["beta"], at(60)).is_err());
    assert!(ask(std::slice::from_ref(&good), &[], at(60)).unwrap_err().contains("no peer that looks"));
    let blind = view("beta", says(false, one()), at(0));
    assert!(ask(&[blind], &["beta"], at(60)).unwrap_err().contains("cannot look"));
    // One that looks is enough, and wanted mail counts more than spam.
    let spam = view("gamma", says(true, vec![seen("alpha", "one", true), seen("alpha", "two", true)]), at(0));
    let both = ask(&[good, spam], &["beta", "gamma"], at(60)).unwrap();
    assert_eq!(both, [("one".to_owned(), Place::Arrived), ("two".to_owned(), Place::Spam)]);
}

#[test]
fn a_peer_is_told_of_what_is_under_way_to_it_alone() {
    let policy = Canaries::new(MINUTE * 15, MINUTE * 10, true, 200).seen_by(By::Peer);
    let mut proof = mail::Proof::default();
    proof.sent("one".to_owned(), at(0));
    proof.answered("one", &SendResult::Accepted { answer: String::new() }, at(1));
    let ours = out(&proof, &[id("beta")]);
    assert_eq!(ours, [CanaryOut { to: id("beta"), token: "one".to_owned() }]);
    let alpha = view("alpha", Status { canary_out: ours, ..Status::default() }, at(2));
    let views: BTreeMap<String, View> = [alpha].into();
    let look = |me: &str, now| wanted(&[peer("alpha")], &views, &id(me), MINUTE * 12, now);
    assert_eq!(look("beta", at(3)), [(id("alpha"), "one".to_owned())]);
    assert_eq!(look("gamma", at(3)), []);
    assert_eq!(look("beta", at(1_000)), [], "too old");
    // One that was given up is not looked for any more.
    proof.looked(&[], &policy, at(601));
    assert_eq!(out(&proof, &[id("beta")]), []);
    assert!(proof.why.contains("no peer has found it"), "{}", proof.why);
}

#[test]
fn a_flood_of_one_peer_is_cut() {
    let many = (0..100).map(|n| CanaryOut { to: id("beta"), token: n.to_string() }).collect();
    let views = [view("alpha", Status { canary_out: many, ..Status::default() }, at(0))].into();
    assert_eq!(wanted(&[peer("alpha")], &views, &id("beta"), MINUTE, at(1)).len(), OF_ONE_MAX);
}

#[test]
fn a_code_is_the_head_of_its_token() {
    assert_eq!(code("0123456789abcdef"), "01234567");
    assert!(is_code("01234567"));
    for no in ["", "0123456", "012345678", "0123456G", "ABCDEF01"] {
        assert!(!is_code(no), "{no}");
    }
}

#[test]
fn a_human_is_asked_once_at_a_time() {
    let (day, week) = (MINUTE * 1_440, MINUTE * 1_440 * 7);
    let policy = Canaries::new(week, day * 3, true, 200).seen_by(By::Human);
    let mut proof = mail::Proof::default();
    // Refused: nobody has seen it, so the next one comes soon.
    proof.sent("zero".to_owned(), at(0));
    proof.answered("zero", &SendResult::Later { why: "busy".to_owned() }, at(1));
    assert_eq!(proof.next(&policy, at(60)), Ok(mail::Duty::Send));
    proof.sent("one".to_owned(), at(60));
    proof.answered("one", &SendResult::Accepted { answer: String::new() }, at(61));
    let mut now = at(61);
    // Until its time is over, there are looks alone.
    for _ in 0..10_000 {
        match proof.next(&policy, now) {
            Ok(mail::Duty::Look) => proof.looked(&[], &policy, now),
            Ok(mail::Duty::Send) => break,
            Err(wake) => now = wake,
        }
    }
    assert!(now.since(at(60)) >= day * 3, "sent again after {:?}", now.since(at(60)));
    assert!(proof.why.contains("checker ack"), "{}", proof.why);
    assert_eq!(proof.known(&policy, now), mail::Known::Bad(mail::Wrong::NeverArrived));
    // The next one is typed in time.
    let now = now.plus(MINUTE);
    proof.sent("two".to_owned(), now);
    proof.answered("two", &SendResult::Accepted { answer: String::new() }, now);
    proof.looked(&[("two".to_owned(), Place::Arrived)], &policy, now.plus(day));
    assert!(matches!(proof.known(&policy, now.plus(day)), mail::Known::Proven(_)));
}
