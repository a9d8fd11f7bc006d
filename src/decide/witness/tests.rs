use super::*;

fn reference(answer: Answer) -> (String, Answer) {
    ("mail.example.com:25".to_owned(), answer)
}

fn silent() -> Answer {
    Answer::Silent("silent for 3 s".to_owned())
}

fn unresolved() -> Answer {
    Answer::Unresolved("try again".to_owned())
}

fn evidence(route: bool, resolver: Option<bool>, references: &[Answer]) -> Evidence {
    Evidence {
        route,
        resolver: resolver.map(|good| if good { Ok(()) } else { Err("SERVFAIL".to_owned()) }),
        references: references.iter().cloned().map(reference).collect(),
        shortage: None,
    }
}

/// What is explained, in the order silence, no route, no resolver, firewall, shortage, other.
fn explained(evidence: &Evidence) -> [bool; 6] {
    let finding = Finding::of(evidence);
    [Blame::Silence, Blame::NoRoute, Blame::NoResolver, Blame::Firewall, Blame::Shortage, Blame::Other]
        .map(|blame| finding.explains(blame))
}

#[test]
fn what_each_evidence_explains() {
    let (yes, no) = (true, false);
    let good = [Answer::Answers];
    for (evidence, expected, why) in [
        (evidence(yes, Some(yes), &good), [no, no, no, no, yes, no], "all is well: only what a run met itself"),
        (evidence(yes, None, &[]), [no, no, no, no, yes, no], "no references, no evidence"),
        (
            evidence(no, None, &[]),
            [no, yes, no, no, yes, no],
            "a host without routes: who was reached and silent is down",
        ),
        (evidence(no, None, &good), [no, yes, no, no, yes, no], "a reference on the same link, and no way further"),
        (evidence(yes, Some(no), &good), [no, no, yes, no, yes, no], "the resolver alone"),
        (evidence(yes, None, &[silent()]), [yes, yes, yes, yes, yes, no], "cut off behind the first router"),
        (evidence(no, Some(no), &[silent(), unresolved()]), [yes, yes, yes, yes, yes, no], "nothing works"),
        (evidence(yes, Some(no), &[unresolved()]), [yes, yes, yes, yes, yes, no], "nobody can be asked"),
        (evidence(yes, Some(yes), &[silent(), Answer::Answers]), [no, no, no, no, yes, no], "one answer is enough"),
        (evidence(yes, Some(yes), &[Answer::Useless]), [no, no, no, no, yes, no], "a typing error is no evidence"),
    ] {
        assert_eq!(explained(&evidence), expected, "{why}");
    }
}

#[test]
fn many_red_jobs_are_no_evidence() {
    let red = Outcome::failed("timed out").blaming(Blame::Silence);
    let good = Finding::of(&evidence(true, Some(true), &[Answer::Answers]));
    assert!(must_ask((0..50).map(|_| (&red, false))), "they only make us ask");
    assert!((0..50).all(|_| hidden(&red, good).is_none()));
}

#[test]
fn the_witness_is_asked_for_news_only() {
    let silent = Outcome::failed("timed out").blaming(Blame::Silence);
    let refused = Outcome::failed("refused");
    let no_route = Outcome::unknown("no route", "no route").blaming(Blame::NoRoute);
    let full = Outcome::unknown("no handle", "no handle").blaming(Blame::Shortage);
    let ask = |outcomes: &[(&Outcome, bool)]| must_ask(outcomes.iter().copied());
    assert!(!ask(&[]));
    assert!(!ask(&[(&refused, false), (&full, false), (&Outcome::ok("fine").blaming(Blame::Silence), false)]));
    assert!(ask(&[(&silent, false)]), "its first silence");
    assert!(!ask(&[(&silent, true), (&silent, true)]), "down for long: a healthy pass asks nobody");
    assert!(ask(&[(&silent, true), (&silent, true), (&silent, true)]));
    assert!(ask(&[(&no_route, true)]));
}

#[test]
fn who_answered_is_never_hidden() {
    let worst = Finding { no_route: true, no_reference: true, no_resolver: true, shortage: true };
    for outcome in [Outcome::failed("refused"), Outcome::warning("slow"), Outcome::failed("no such name")] {
        assert_eq!(hidden(&outcome, worst), None, "{outcome:?}");
    }
    assert_eq!(hidden(&Outcome::ok("fine").blaming(Blame::Silence), worst), None);
}

#[test]
fn a_disguise_keeps_what_the_check_said() {
    let finding = Finding { no_reference: true, ..Finding::default() };
    let red = Outcome::failed("timed out").with_detail("connect 10 s").blaming(Blame::Silence);
    let kept = disguised(&red, Blame::Silence, finding);
    assert_eq!((kept.verdict, kept.blame), (Verdict::Unknown, Some(Blame::Silence)));
    assert_eq!(kept.cause.as_deref(), Some("this host is cut off: no reference address answers"));
    assert_eq!(kept.detail, "The check said: timed out\nconnect 10 s");
    let full = Outcome::unknown("could not connect: no handle left", "no handle left").blaming(Blame::Shortage);
    assert_eq!(disguised(&full, Blame::Shortage, Finding::default()).cause.as_deref(), Some("no handle left"));
}

#[test]
fn jobs_run_again_when_their_own_reason_is_over() {
    let jobs = [("a", Blame::Silence), ("b", Blame::NoResolver), ("c", Blame::Shortage), ("d", Blame::NoRoute)];
    let memory = Hidden { jobs: jobs.into_iter().map(|(name, blame)| (JobId::literal(name), blame)).collect() };
    let again = |evidence: &Evidence| -> String {
        memory.to_run_again(Finding::of(evidence)).iter().map(JobId::as_str).collect()
    };
    let good = [Answer::Answers];
    assert_eq!(again(&evidence(true, Some(true), &good)), "abcd");
    assert_eq!(again(&evidence(true, Some(false), &good)), "acd");
    assert_eq!(again(&evidence(true, None, &[silent()])), "c");
    let full = Evidence { shortage: Some("no handle".to_owned()), ..evidence(true, Some(true), &good) };
    assert_eq!(again(&full), "abd");
    assert_eq!(memory.of(Part::Network).count(), 3);
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Hidden>(&text).unwrap(), memory);
}

#[test]
fn the_gravest_fault_is_named() {
    let silence = BTreeSet::from([Blame::Silence]);
    let names = BTreeSet::from([Blame::NoResolver, Blame::Silence]);
    let fault = |evidence: &Evidence, blames| Finding::of(evidence).fault(blames);
    let route = "this host has no route to other networks";
    let resolver = "the resolver does not answer";
    let cut_off = "this host is cut off: no reference address answers";
    assert_eq!(fault(&evidence(false, Some(false), &[silent()]), &names), route);
    assert_eq!(fault(&evidence(true, Some(false), &[Answer::Answers]), &names), resolver);
    assert_eq!(fault(&evidence(true, Some(false), &[unresolved()]), &silence), resolver);
    assert_eq!(fault(&evidence(true, None, &[silent()]), &silence), cut_off);
    // No default route by intention, and the resolver breaks: that is the fault.
    assert_eq!(
        fault(&evidence(false, Some(false), &[Answer::Answers]), &BTreeSet::from([Blame::NoResolver])),
        resolver
    );
}
