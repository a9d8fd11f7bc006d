use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn policy() -> Canaries {
    Canaries::new(MINUTE * 15, MINUTE * 10, true, 200)
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000).plus(Duration::from_secs(secs))
}

fn accepted() -> SendResult {
    SendResult::Accepted { answer: "250 ok".to_owned() }
}

fn refused() -> SendResult {
    SendResult::Later { why: "535 no".to_owned() }
}

fn found(token: &str, place: Place) -> Vec<(String, Place)> {
    vec![(token.to_owned(), place)]
}

/// One good round trip, begun at `start`.
fn proven(proof: &mut Proof, token: &str, start: u64) {
    assert_eq!(proof.next(&policy(), at(start)), Ok(Duty::Send));
    proof.sent(token.to_owned(), at(start));
    proof.answered(token, &accepted(), at(start + 1));
    assert_eq!(proof.next(&policy(), at(start + 3)), Ok(Duty::Look));
    proof.looked(&found(token, Place::Arrived), &policy(), at(start + 3));
}

#[test]
fn a_round_trip_proves_and_the_proof_grows_old() {
    let mut proof = Proof::default();
    assert_eq!(proof.known(&policy(), at(0)), Known::NotYet);
    proven(&mut proof, "a", 0);
    assert_eq!(proof.known(&policy(), at(10)), Known::Proven(Duration::from_secs(10)));
    assert_eq!(proof.next(&policy(), at(10)), Err(at(900)), "the next one after 15 minutes, and no look before");
    assert_eq!(proof.next(&policy(), at(900)), Ok(Duty::Send));
    let fresh = policy().fresh().as_secs();
    assert!(matches!(proof.known(&policy(), at(fresh)), Known::Proven(_)));
    assert_eq!(proof.known(&policy(), at(fresh + 1)), Known::Stale);
}

#[test]
fn what_a_clock_that_was_set_back_takes_away_is_proven_anew_at_once() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    proof.answered("b", &accepted(), at(900));
    // Restarted with a clock that was slewed a second back meanwhile.
    proof.mend(at(899));
    assert_eq!((proof.out.len(), proof.next(&policy(), at(899))), (0, Ok(Duty::Send)));
    let mut seen = Proof::default();
    proven(&mut seen, "a", 0);
    seen.mend(at(2));
    assert_eq!((seen.proven, seen.next(&policy(), at(2))), (None, Ok(Duty::Send)));
    let mut whole = Proof::default();
    proven(&mut whole, "a", 0);
    whole.mend(at(10));
    assert_eq!(whole.next(&policy(), at(10)), Err(at(900)), "nothing was taken away");
}

#[test]
fn after_a_long_rest_nothing_is_told_before_the_next_canary() {
    let mut proof = Proof::default();
    // It had arrived, but the machine was switched off before anybody looked.
    proof.sent("before".to_owned(), at(0));
    proof.answered("before", &accepted(), at(1));
    proof.looked(&found("before", Place::Arrived), &policy(), at(9_000));
    assert_eq!((proof.known(&policy(), at(9_000)), proof.outcome(&policy(), at(9_000))), (Known::Stale, None));
    assert_eq!(proof.next(&policy(), at(9_000)), Ok(Duty::Send));
}

#[test]
fn what_mail_takes_is_kept_of_the_newest() {
    let mut proof = Proof::default();
    for n in 0..300 {
        proven(&mut proof, &n.to_string(), n * 900);
    }
    assert_eq!(proof.took.len(), history::KEPT);
    assert!(proof.took.iter().all(|secs| *secs == proof.took[0]) && proof.took[0] < 60, "{:?}", proof.took);
}

#[test]
fn an_alert_that_is_seen_proves_and_puts_off_the_next_canary() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.alerted("alert".to_owned(), at(600), &policy(), at(601));
    proof.alerted("alert".to_owned(), at(600), &policy(), at(602));
    assert_eq!((proof.alerts.len(), proof.aside()), (1, vec!["alert".to_owned()]));
    assert_eq!(proof.next(&policy(), at(601)), Err(at(602)));
    assert_eq!(proof.next(&policy(), at(602)), Ok(Duty::Look));
    proof.looked_aside(&found("alert", Place::Arrived), &policy(), at(602));
    assert_eq!(proof.known(&policy(), at(610)), Known::Proven(Duration::from_secs(10)));
    assert_eq!(proof.next(&policy(), at(610)), Err(at(1_500)), "fifteen minutes after the alert");
    assert_eq!(proof.took.len(), 1, "what an alert took is not what mail takes: it may have waited here");
    // Nothing older is news after that.
    proof.alerted("old".to_owned(), at(500), &policy(), at(611));
    assert!(proof.alerts.is_empty());
}

#[test]
fn an_alert_that_is_not_seen_proves_nothing() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.alerted("gone".to_owned(), at(100), &policy(), at(101));
    for secs in [102, 300, 699] {
        proof.looked_aside(&[], &policy(), at(secs));
        assert_eq!(proof.alerts.len(), 1, "after {secs} s");
    }
    proof.looked_aside(&[], &policy(), at(700));
    assert!(proof.alerts.is_empty() && !proof.is_bad(), "its reader has thrown it away");
    assert_eq!(proof.next(&policy(), at(701)), Err(at(900)), "the canary comes as it would have");
    // A mailbox that cannot be seen holds up no judgement because of an alert.
    proof.alerted("blind".to_owned(), at(800), &policy(), at(801));
    proof.blind("down", at(802));
    assert!(matches!(proof.known(&policy(), at(850)), Known::Proven(_)));
}

#[test]
fn an_alert_clears_what_was_bad_only_if_it_began_later_and_one_in_spam_is_bad() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.alerted("before".to_owned(), at(99), &policy(), at(100));
    proof.refused("no", at(200));
    proof.looked_aside(&found("before", Place::Arrived), &policy(), at(201));
    assert!(proof.is_bad(), "it left before mail broke");
    proof.alerted("after".to_owned(), at(205), &policy(), at(206));
    proof.looked_aside(&found("after", Place::Arrived), &policy(), at(207));
    assert!(!proof.is_bad() && proof.bad == 0);
    proof.alerted("spam".to_owned(), at(300), &policy(), at(301));
    proof.looked_aside(&found("spam", Place::Spam), &policy(), at(302));
    assert_eq!(proof.known(&policy(), at(303)), Known::Bad(Wrong::Spam));
}

#[test]
fn a_look_aside_judges_nothing_that_is_under_way() {
    let mut proof = Proof::default();
    proof.sent("lost".to_owned(), at(0));
    proof.answered("lost", &accepted(), at(1));
    proof.looked(&[], &policy(), at(600));
    assert_eq!((proof.under_way().len(), proof.aside()), (0, vec!["lost".to_owned()]));
    proof.sent("new".to_owned(), at(700));
    proof.answered("new", &accepted(), at(701));
    let bad = proof.bad;
    // Its time is over at this very moment, but nobody has looked for it.
    proof.looked_aside(&found("lost", Place::Arrived), &policy(), at(1_300));
    assert_eq!((proof.bad, proof.under_way()), (bad, vec!["new".to_owned()]));
    assert!(proof.is_bad() && proof.aside().is_empty(), "late is no proof");
}

#[test]
fn only_where_we_look_ourselves_alerts_prove() {
    let mut proof = Proof::default();
    proof.alerted("a".to_owned(), at(0), &policy().seen_by(By::Peer), at(1));
    assert!(proof.alerts.is_empty());
    for n in 0..9 {
        proof.alerted(n.to_string(), at(n), &policy(), at(20));
    }
    assert_eq!(proof.alerts.first().map(|a| a.token.as_str()), Some("5"), "the newest few");
}

#[test]
fn only_a_round_trip_that_began_after_the_fault_clears_it() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    proof.answered("b", &accepted(), at(901));
    proof.refused("535 no", at(845));
    proof.refused("535 no", at(905));
    assert_eq!(proof.known(&policy(), at(906)), Known::Bad(Wrong::Refused));
    proof.looked(&found("b", Place::Arrived), &policy(), at(910));
    assert_eq!(proof.known(&policy(), at(911)), Known::Bad(Wrong::Refused), "b was sent before it");
    assert_eq!(proof.next(&policy(), at(960)), Ok(Duty::Send), "soon after a bad one");
    proof.sent("c".to_owned(), at(960));
    proof.answered("c", &accepted(), at(961));
    assert_eq!(proof.known(&policy(), at(962)), Known::Bad(Wrong::Refused), "accepted is not arrived");
    proof.looked(&found("c", Place::Arrived), &policy(), at(965));
    assert!(matches!(proof.known(&policy(), at(966)), Known::Proven(_)));
    assert_eq!(proof.bad, 0);
}

#[test]
fn one_refusal_is_no_news_and_a_second_one_later_is() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    proof.answered("b", &refused(), at(901));
    assert!(matches!(proof.known(&policy(), at(902)), Known::Proven(_)), "the server was away for a moment");
    proof.refused("535 no", at(910));
    assert!(matches!(proof.known(&policy(), at(911)), Known::Proven(_)), "the same moment");
    assert_eq!(proof.next(&policy(), at(960)), Ok(Duty::Send), "tried again soon");
    proof.sent("c".to_owned(), at(960));
    proof.answered("c", &refused(), at(961));
    assert_eq!(proof.known(&policy(), at(962)), Known::Bad(Wrong::Refused));
    let mut new = Proof::default();
    new.sent("a".to_owned(), at(0));
    new.answered("a", &refused(), at(1));
    assert_eq!(new.known(&policy(), at(2)), Known::NotYet);
}

#[test]
fn a_refusal_does_not_hide_what_was_wrong_before() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    proof.answered("b", &accepted(), at(901));
    proof.looked(&[], &policy(), at(1_500));
    assert_eq!(proof.known(&policy(), at(1_501)), Known::Bad(Wrong::NeverArrived));
    proof.sent("c".to_owned(), at(1_560));
    proof.answered("c", &refused(), at(1_561));
    assert_eq!(proof.known(&policy(), at(1_562)), Known::Bad(Wrong::Refused), "seed 36 of the simulation");
}

#[test]
fn a_clock_that_was_set_back_neither_keeps_a_fault_nor_makes_a_proof() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 90_000);
    let mut behind = proof.clone();
    behind.mend(at(10));
    assert_eq!(behind.known(&policy(), at(10)), Known::NotYet, "a proof from the future has no age");
    proof.sent("b".to_owned(), at(90_900));
    proof.answered("b", &accepted(), at(90_901));
    proof.looked(&[], &policy(), at(91_500));
    assert_eq!(proof.known(&policy(), at(91_501)), Known::Bad(Wrong::NeverArrived));
    proof.mend(at(20));
    assert_eq!(proof.known(&policy(), at(1_000)), Known::Bad(Wrong::NeverArrived), "time alone clears nothing");
    proof.sent("c".to_owned(), at(30));
    proof.answered("c", &accepted(), at(31));
    proof.looked(&found("c", Place::Arrived), &policy(), at(40));
    assert!(matches!(proof.known(&policy(), at(41)), Known::Proven(_)), "a round trip does, at once");
}

#[test]
fn after_a_long_rest_the_first_canary_is_waited_for() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    assert!(proof.outcome(&policy(), at(90_000)).is_none(), "the next one leaves at once");
    let lost = Proof { last: Some(at(89_900)), ..proof.clone() };
    assert!(lost.outcome(&policy(), at(90_000)).is_some(), "nothing is under way and nothing is due");
    proof.sent("b".to_owned(), at(90_000));
    proof.answered("b", &accepted(), at(90_001));
    assert_eq!(proof.outcome(&policy(), at(90_002)), None);
    proof.looked(&[], &policy(), at(90_600));
    assert!(proof.outcome(&policy(), at(90_600)).is_some());
}

#[test]
fn refusals_are_followed_by_tries_that_grow_apart() {
    let mut proof = Proof::default();
    let mut now = 0;
    let mut gaps = Vec::new();
    for n in 0..8 {
        let token = n.to_string();
        proof.sent(token.clone(), at(now));
        proof.answered(&token, &refused(), at(now));
        let next = proof.next(&policy(), at(now)).expect_err("not at once");
        gaps.push(next.since(at(now)).as_secs());
        now += next.since(at(now)).as_secs();
    }
    assert_eq!(gaps, [60, 120, 240, 480, 900, 900, 900, 900]);
}

#[test]
fn what_does_not_come_in_time_is_a_fault_at_its_deadline_and_late_is_no_proof() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    proof.answered("b", &accepted(), at(901));
    let (mut now, mut looks) = (at(902), 0);
    while matches!(proof.known(&policy(), now), Known::Proven(_)) {
        match proof.next(&policy(), now) {
            Ok(Duty::Look) => {
                looks += 1;
                proof.looked(&[], &policy(), now);
            }
            Ok(Duty::Send) => panic!("one at a time: {now:?}"),
            Err(wake) => now = wake,
        }
        assert!(looks < 60, "{now:?}");
    }
    assert_eq!(now, at(1_500), "ten minutes after it was sent");
    assert_eq!(proof.known(&policy(), now), Known::Bad(Wrong::NeverArrived));
    proof.looked(&found("b", Place::Arrived), &policy(), at(1_530));
    assert_eq!(proof.known(&policy(), at(1_531)), Known::Bad(Wrong::NeverArrived), "late");
}

#[test]
fn the_folder_for_spam_is_named() {
    let mut proof = Proof::default();
    proof.sent("a".to_owned(), at(0));
    proof.answered("a", &accepted(), at(1));
    proof.looked(&found("a", Place::Spam), &policy(), at(5));
    assert_eq!(proof.known(&policy(), at(6)), Known::Bad(Wrong::Spam));
    assert!(proof.outcome(&policy(), at(6)).unwrap().summary.contains("spam"));
}

#[test]
fn a_mailbox_that_cannot_be_seen_is_told_when_the_canary_should_be_there() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    proof.answered("b", &accepted(), at(901));
    proof.blind("refused", at(903));
    assert!(matches!(proof.known(&policy(), at(904)), Known::Proven(_)), "the old proof is still fresh");
    proof.blind("refused", at(1_500));
    assert_eq!(proof.known(&policy(), at(1_500)), Known::Unverifiable);
    proof.looked(&found("b", Place::Arrived), &policy(), at(1_600));
    assert!(matches!(proof.known(&policy(), at(1_601)), Known::Proven(_)), "it was there all the time");
}

#[test]
fn a_canary_whose_answer_died_with_its_process_is_neither_good_nor_bad() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 0);
    proof.sent("b".to_owned(), at(900));
    assert_eq!(proof.next(&policy(), at(930)), Err(at(960)));
    assert_eq!(proof.next(&policy(), at(960)), Ok(Duty::Send));
    proof.sent("c".to_owned(), at(960));
    assert_eq!(proof.out.len(), 1, "b is forgotten");
    assert!(matches!(proof.known(&policy(), at(961)), Known::Proven(_)));
}

#[test]
fn nothing_is_proved_where_the_settings_prove_nothing() {
    let policy = Canaries::new(MINUTE * 15, MINUTE * 10, false, 200);
    let proof = Proof::default();
    assert_eq!(proof.known(&policy, at(0)), Known::ByChoice);
    assert!(proof.next(&policy, at(0)).is_err());
}

#[test]
fn canaries_take_half_of_what_the_account_may_send() {
    assert_eq!(policy().every, MINUTE * 15);
    assert_eq!(Canaries::new(MINUTE * 15, MINUTE * 10, true, 48).every, MINUTE * 60);
}

#[test]
fn a_clock_that_was_ahead_holds_no_canary_back() {
    let mut proof = Proof::default();
    proven(&mut proof, "a", 900_000);
    assert_eq!(proof.next(&policy(), at(0)), Ok(Duty::Send));
}
