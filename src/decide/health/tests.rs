use super::*;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000).plus(Duration::from_secs(secs))
}

fn pass(secs: u64) -> PassReport {
    PassReport {
        served: at(secs),
        state_ok: true,
        settings_ok: true,
        clock_ok: true,
        sighted: true,
        ..PassReport::default()
    }
}

fn good() -> Facts {
    Facts {
        pass: Some(pass(0)),
        started: at(0),
        before: None,
        mail: Known::Proven(Duration::from_secs(60)),
        nomail: false,
        daemon_ok: true,
        pace: Pace::default(),
    }
}

type Spoil = fn(&mut PassReport);

#[test]
fn true_needs_all() {
    assert_eq!(good().word(at(1)), Word::True);
    let spoilt: [(&str, Spoil); 5] = [
        ("overdue", |p| p.overdue = 1),
        ("state", |p| p.state_ok = false),
        ("settings", |p| p.settings_ok = false),
        ("clock", |p| p.clock_ok = false),
        ("sight", |p| p.sighted = false),
    ];
    for (what, spoil) in spoilt {
        let mut facts = good();
        facts.pass.as_mut().map(spoil);
        assert_eq!(facts.word(at(1)), Word::JobProblem, "{what}");
    }
    assert_eq!(Facts { daemon_ok: false, ..good() }.word(at(1)), Word::JobProblem);
    assert_eq!(good().word(at(180)), Word::True);
    assert_eq!(good().word(at(181)), Word::JobProblem, "no pass for too long");
    assert_eq!(Facts { pass: Some(pass(1_000)), ..good() }.word(at(0)), Word::JobProblem, "served in the future");
}

#[test]
fn nothing_but_fresh_proof_is_good_mail() {
    for mail in [
        Known::NotYet,
        Known::ByChoice,
        Known::Unverifiable,
        Known::Bad(Wrong::Refused),
        Known::Bad(Wrong::Spam),
        Known::Stale,
    ] {
        assert_eq!(Facts { mail: mail.clone(), ..good() }.word(at(1)), Word::MailProblem, "{mail:?}");
    }
    assert_eq!(Facts { nomail: true, ..good() }.word(at(1)), Word::MailProblem);
    for spoil in [|p: &mut PassReport| p.nomail = true, |p: &mut PassReport| p.refused = true] {
        let mut facts = good();
        facts.pass.as_mut().map(spoil);
        assert_eq!(facts.word(at(1)), Word::MailProblem);
    }
}

#[test]
fn where_both_are_bad_mail_is_said_unless_its_own_status_is_stale() {
    let both = Facts { mail: Known::Bad(Wrong::NeverArrived), ..good() };
    assert_eq!(both.word(at(500)), Word::MailProblem);
    assert_eq!(Facts { mail: Known::Stale, ..good() }.word(at(500)), Word::JobProblem);
}

#[test]
fn a_restart_is_no_news_for_three_minutes() {
    let restarted = |before| Facts { pass: None, before, ..good() };
    assert_eq!(restarted(Some(Word::True)).word(at(1)), Word::True);
    assert_eq!(restarted(Some(Word::MailProblem)).word(at(1)), Word::JobProblem, "it says nothing of jobs");
    assert_eq!(restarted(Some(Word::JobProblem)).word(at(1)), Word::JobProblem);
    assert_eq!(restarted(None).word(at(1)), Word::JobProblem);
    assert_eq!(restarted(Some(Word::True)).word(at(181)), Word::JobProblem);
    let bad_mail = Facts { mail: Known::Stale, ..good() };
    assert_eq!(bad_mail.remembered(at(1)), Some(Word::True), "mail has facts of its own");
    assert_eq!(good().remembered(at(181)), Some(Word::JobProblem));
    assert_eq!(
        restarted(Some(Word::True)).remembered(at(1)),
        None,
        "started again and again, it would be believed for ever"
    );
}

#[test]
fn missing_passes_are_a_trouble_after_three_minutes_and_no_sooner() {
    let facts = good();
    assert!(facts.passes(at(180)).is_some_and(|o| o.verdict == checker_job::Verdict::Ok));
    assert!(facts.passes(at(181)).is_some_and(|o| o.verdict == checker_job::Verdict::Failed));
    assert_eq!(facts.passes_age(at(181)), Duration::from_secs(181));
    let fresh = Facts { pass: None, ..good() };
    assert!(fresh.passes(at(180)).is_none(), "too early to say");
    assert!(fresh.passes(at(181)).is_some_and(|o| o.summary.contains("3 min")));
}

#[test]
fn the_status_says_what_the_word_says_and_can_be_read() {
    let about = About {
        node: NodeId("00".repeat(8)),
        instance: "i".to_owned(),
        seq: 7,
        version: "0.1.0".to_owned(),
        ..About::default()
    };
    let status = good().status(about, at(30));
    let read = Status::read(&status.bytes()).expect("its own form");
    assert_eq!(read, status);
    assert_eq!((read.word, read.passes.served_s, read.mail.proven_s), (Some(Word::True), Some(30), Some(60)));
    let text = String::from_utf8(status.bytes()).unwrap();
    let more = text.replacen('{', "{\"later\":[1,2],", 1);
    assert_eq!(Status::read(more.as_bytes()), Ok(status), "what a later version adds is ignored");
    for bad in ["", "{}", "[]", "{\"v\":1}", "{\"v\":1,\"word\":\"NotTrue\"}", "True"] {
        assert!(Status::read(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn who_stopped_asking_is_noticed_once_a_whole_round_is_over() {
    let limit = Pace::default().unwatched();
    let of = |asked: Option<u64>, up| unwatched("beta", asked.map(Duration::from_secs), Duration::from_secs(up), limit);
    assert!(of(None, 540).is_none(), "too early to say");
    assert!(of(None, 541).is_some_and(|o| o.verdict == checker_job::Verdict::Failed));
    assert!(of(Some(540), 9_000).is_some_and(|o| o.verdict == checker_job::Verdict::Ok));
    assert!(of(Some(541), 9_000).is_some_and(|o| o.summary.contains("9 min")));
}
