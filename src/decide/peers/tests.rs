use super::*;
use crate::decide::status::{Mail, Sees};
use checker_job::Verdict as V;

fn pace() -> Pace {
    Pace::default()
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000).plus(Duration::from_secs(secs))
}

fn id(name: &str) -> NodeId {
    NodeId(name.repeat(16))
}

fn keyed(name: &str) -> Watched {
    Watched { name: name.to_owned(), node: Some(id(name)), pushes: false, push: false }
}

fn legacy() -> Watched {
    Watched { name: "old".to_owned(), node: None, pushes: false, push: false }
}

fn status(word: Word, sees: Vec<Sees>) -> Heard {
    Heard::Status(Box::new(Status {
        v: 1,
        at: at(0).secs(),
        word: Some(word),
        mail: Mail::default(),
        sees,
        instance: "i".to_owned(),
        ..Status::default()
    }))
}

fn silent() -> Heard {
    Heard::Silent("refused".to_owned())
}

/// One that was silent often enough.
fn gone() -> View {
    View { bad: SILENT, silent: SILENT, ..View::default() }
}

fn sees(node: &str, ok: bool, told: bool) -> Sees {
    Sees { node: id(node), ok, there: ok, told, ..Sees::default() }
}

/// Three nodes a, b, c; we are `me` and look at b, which is silent; the third one says `third`.
fn look(me: &str, third: Option<Heard>) -> Verdict {
    let other = if me == "a" { "c" } else { "a" };
    let peers = [keyed("b"), keyed(other)];
    let mut views = [View::default(), View::default()];
    let mut answers = vec![(0, silent())];
    answers.extend(third.map(|heard| (1, heard)));
    for (n, heard) in [(0, silent()), (0, silent())].iter().chain(&answers) {
        views[*n].hear(&peers[*n], heard, at(0));
    }
    judge_round(&id(me), &peers, &views, &answers, false, &pace(), at(1)).remove(0).1
}

#[test]
fn who_told_a_broken_link_has_told_nothing_of_the_peer() {
    let link = |ok: bool| Sees { link: true, ..sees("b", ok, true) };
    // `a` comes before us, and told that its link to `b` is broken; now `b` is silent to us too.
    let verdict = look("c", Some(status(Word::True, vec![Sees { polled_s: 10, ..link(false) }])));
    assert!(!verdict.held && !verdict.link, "{verdict:?}");
    assert_eq!(verdict.threshold, 1, "nobody is waited for");
    let told = look("c", Some(status(Word::True, vec![sees("b", false, true)])));
    assert!(told.held, "who told the silence itself has told it");
    // `a` reaches `b` and told of a problem that it has: of our link to it that says nothing.
    let problem = Sees { there: true, polled_s: 10, ..sees("b", false, true) };
    let verdict = look("c", Some(status(Word::True, vec![problem])));
    assert!(verdict.link && !verdict.held && verdict.threshold == 1, "{verdict:?}");
}

#[test]
fn what_was_told_as_a_silence_turns_out_to_be_the_link() {
    let mut view = View { told: true, ..View::default() };
    let alone = look("a", None);
    view.judged(&alone, true);
    assert!(!view.link, "nobody could say");
    let reached = look("a", Some(status(Word::True, vec![Sees { polled_s: 10, ..sees("b", true, false) }])));
    assert!(reached.link);
    view.judged(&reached, false);
    view.judged(&alone, false);
    assert!(view.link, "what was told was the link, whatever happens to the peer now");
    view.judged(&alone, true);
    assert!(!view.link, "a reminder tells of the peer");
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let peers = [keyed("b"), keyed("a")];
    let mut views = [View::default(), View::default()];
    views[1].hear(&peers[1], &status(Word::True, vec![sees("b", false, false)]), at(0));
    for second in [0, 60, 120] {
        views[0].hear(&peers[0], &silent(), at(second));
    }
    let judged = |views: &[View], answers: &[(usize, Heard)]| {
        judge_round(&id("c"), &peers, views, answers, false, &pace(), at(120)).remove(0).1.threshold
    };
    assert_eq!(judged(&views, &[(0, silent())]), 1 + RANK, "`a` comes first");
    views[1].hear(&peers[1], &status(Word::MailProblem, vec![sees("b", false, false)]), at(60));
    assert_eq!(judged(&views, &[(0, silent())]), 1, "`a` cannot mail");
    views[1].hear(&peers[1], &status(Word::True, vec![sees("b", false, false)]), at(100));
    views[1].hear(&peers[1], &silent(), at(120));
    assert_eq!(judged(&views, &[(0, silent())]), 1, "`a` has fallen silent itself");
}

#[test]
fn a_well_peer_is_asked_every_five_minutes_and_a_bad_one_each_minute() {
    let (peer, mut view) = (keyed("b"), View::default());
    assert!(view.due(&peer, false, &pace(), at(0)), "never asked");
    view.hear(&peer, &status(Word::True, Vec::new()), at(0));
    assert!(!view.due(&peer, false, &pace(), at(240)) && view.due(&peer, false, &pace(), at(299)));
    assert!(view.due(&peer, true, &pace(), at(59)), "while another one fails");
    view.hear(&peer, &silent(), at(300));
    assert!(!view.due(&peer, false, &pace(), at(330)) && view.due(&peer, false, &pace(), at(359)));
    view.hear(&legacy(), &Heard::Word(Word::True), at(300));
    assert!(view.due(&legacy(), false, &pace(), at(359)), "a first program each minute");
    assert!(view.due(&peer, false, &pace(), at(10)), "asked in the future: the clock was wrong");
}

#[test]
fn true_without_a_signature_is_no_answer_and_a_problem_is_believed() {
    let (peer, mut view) = (keyed("b"), View::default());
    view.hear(&peer, &Heard::Word(Word::True), at(0));
    assert_eq!((view.bad, view.answered), (1, None));
    let verdict = |heard: &Heard| {
        let known = View { answered: Some(at(0)), ..gone() };
        judge_round(&id("a"), &[keyed("b")], &[known], &[(0, heard.clone())], false, &pace(), at(0)).remove(0).1
    };
    let forged = verdict(&Heard::Word(Word::True));
    assert_eq!((forged.outcome.verdict, forged.threshold), (V::Failed, 1));
    let problem = verdict(&Heard::Word(Word::MailProblem));
    assert_eq!((problem.outcome.verdict, problem.threshold), (V::Warning, PROBLEM));
}

#[test]
fn a_first_program_is_believed_by_its_words_alone_and_its_mail_problem_at_once() {
    let verdict = |heard: &Heard| {
        judge_round(&id("a"), &[legacy()], &[gone()], &[(0, heard.clone())], false, &pace(), at(0)).remove(0).1
    };
    assert_eq!(verdict(&Heard::Word(Word::True)).outcome.verdict, V::Ok);
    assert_eq!(verdict(&Heard::Word(Word::MailProblem)).threshold, 1);
    assert_eq!(verdict(&Heard::Word(Word::JobProblem)).threshold, PROBLEM);
    assert_eq!(verdict(&silent()).threshold, 1);
}

#[test]
fn a_silence_or_two_say_nothing_also_after_a_problem() {
    let peer = keyed("b");
    let mut view = View::default();
    view.hear(&peer, &status(Word::MailProblem, Vec::new()), at(0));
    for n in 1..=SILENT {
        view.hear(&peer, &silent(), at(60));
        let looks = judge_round(
            &id("a"),
            std::slice::from_ref(&peer),
            &[view.clone()],
            &[(0, silent())],
            false,
            &pace(),
            at(60),
        );
        assert_eq!(looks.len(), usize::from(n == SILENT), "{n}");
    }
    view.hear(&peer, &status(Word::MailProblem, Vec::new()), at(120));
    assert_eq!((view.silent, view.is_there(), view.is_ok()), (0, true, false));
}

#[test]
fn who_is_alone_tells_both_admins() {
    let verdict = look("a", None);
    assert!(verdict.ours_too && !verdict.held);
    assert_eq!(verdict.threshold, 1, "the third silence");
}

#[test]
fn who_is_confirmed_tells_the_peers_admin_alone() {
    let verdict = look("a", Some(status(Word::True, vec![sees("b", false, false)])));
    assert!(!verdict.ours_too && !verdict.held);
    assert!(verdict.outcome.detail.contains("c cannot reach it either"), "{}", verdict.outcome.detail);
}

#[test]
fn a_link_is_told_as_a_link_to_both_owners() {
    let verdict = look("a", Some(status(Word::True, vec![sees("b", true, false)])));
    assert!(verdict.ours_too);
    assert!(verdict.outcome.summary.contains("the link to b is broken: c reaches it"), "{}", verdict.outcome.summary);
}

#[test]
fn the_second_watcher_waits_and_is_silent_once_the_first_has_told() {
    let first = look("a", Some(status(Word::True, vec![sees("b", false, false)])));
    let second = look("c", Some(status(Word::True, vec![sees("b", false, false)])));
    assert_eq!((first.threshold, second.threshold), (1, 1 + RANK));
    assert!(look("c", Some(status(Word::True, vec![sees("b", false, true)]))).held);
    let cannot_mail = look("c", Some(status(Word::MailProblem, vec![sees("b", false, true)])));
    assert!(!cannot_mail.held, "who cannot mail has told nobody");
}

#[test]
fn nothing_is_said_of_silence_while_we_are_cut_off() {
    let (peers, views) = ([keyed("b")], [gone()]);
    assert!(judge_round(&id("a"), &peers, &views, &[(0, silent())], true, &pace(), at(0)).is_empty());
    let problem = status(Word::JobProblem, Vec::new());
    assert_eq!(
        judge_round(&id("a"), &peers, &views, &[(0, problem)], true, &pace(), at(0)).len(),
        1,
        "an answer is an answer"
    );
}

#[test]
fn an_announced_absence_is_held_and_capped() {
    let (peer, mut view) = (keyed("b"), View::default());
    let away = Status {
        v: 1,
        at: at(0).secs(),
        word: Some(Word::True),
        away_until: Some(at(100_000).secs()),
        ..Status::default()
    };
    view.hear(&peer, &Heard::Status(Box::new(away)), at(0));
    assert_eq!(view.away, Some(at(4 * 3_600)));
    view.silent = SILENT;
    let held = |secs| {
        judge_round(&id("a"), &[keyed("b")], &[view.clone()], &[(0, silent())], false, &pace(), at(secs))
            .remove(0)
            .1
            .held
    };
    assert!(held(600) && !held(4 * 3_600));
}

#[test]
fn what_its_own_admin_was_told_is_not_told_again_but_silence_is() {
    let told = Status { v: 1, word: Some(Word::JobProblem), told_self: true, ..Status::default() };
    let (peer, mut view) = (keyed("b"), View::default());
    let heard = Heard::Status(Box::new(told));
    view.hear(&peer, &heard, at(0));
    view.silent = SILENT;
    let held = |heard: &Heard| {
        judge_round(&id("a"), &[keyed("b")], &[view.clone()], &[(0, heard.clone())], false, &pace(), at(0))
            .remove(0)
            .1
            .held
    };
    assert!(held(&heard) && !held(&silent()));
}

#[test]
fn a_restart_is_no_clone_and_a_way_back_is_one() {
    let mut view = View::default();
    for instance in ["one", "one", "two", "three"] {
        view.spoke(instance, at(0));
    }
    assert_eq!(view.cloned, None);
    view.spoke("two", at(5));
    assert_eq!(view.cloned, Some(at(5)));
    for n in 0..100 {
        view.spoke(&n.to_string(), at(6));
    }
    assert!(view.instances.len() <= 8);
}

#[test]
fn all_are_asked_while_one_fails() {
    let peers = [keyed("b"), keyed("c")];
    let mut views = [View::default(), View::default()];
    for (peer, view) in peers.iter().zip(&mut views) {
        view.hear(peer, &status(Word::True, Vec::new()), at(0));
    }
    assert!(round(&peers, &views, &pace(), at(60)).is_empty());
    views[0].hear(&peers[0], &silent(), at(60));
    assert_eq!(round(&peers, &views, &pace(), at(120)), [0, 1]);
}

#[test]
fn a_node_that_was_just_installed_is_given_time() {
    let peer = keyed("b");
    let verdict = |is: &str, served_s: Option<u64>| {
        let mut view = View::default();
        let Heard::Status(mut status) = status(Word::MailProblem, Vec::new()) else { unreachable!() };
        status.mail.is = is.to_owned();
        status.passes.served_s = served_s;
        let heard = Heard::Status(status);
        view.hear(&peer, &heard, at(0));
        let me = id("a");
        judge(&Question {
            me: &me,
            peer: &peer,
            view: &view,
            heard: &heard,
            others: &[],
            cut_off: false,
            pace: &pace(),
            now: at(0),
        })
        .unwrap()
    };
    assert!(verdict("not_yet", Some(1)).held, "its first message to itself is under way");
    assert!(!verdict("refused", Some(1)).held);
    assert_eq!(
        (verdict("refused", Some(1)).threshold, verdict("refused", None).threshold),
        (PROBLEM, PROBLEM + FIRST_PASS)
    );
}

#[test]
fn a_clone_is_told_at_once_and_who_sees_a_peer_well_delays_nobody() {
    let peer = keyed("b");
    let mut view = View::default();
    for instance in ["i", "copy", "i"] {
        view.spoke(instance, at(0));
    }
    let heard = status(Word::True, Vec::new());
    view.hear(&peer, &heard, at(0));
    let me = id("c");
    let verdict = judge(&Question {
        me: &me,
        peer: &peer,
        view: &view,
        heard: &heard,
        others: &[],
        cut_off: false,
        pace: &pace(),
        now: at(1),
    })
    .unwrap();
    assert_eq!((verdict.outcome.verdict, verdict.threshold), (V::Failed, 1));
    assert_eq!(look("c", Some(status(Word::True, vec![sees("b", true, false)]))).threshold, 1);
}

#[test]
fn silences_of_overlapping_passes_count_if_they_lie_as_far_apart_as_questions_do() {
    let quick = Pace { passes: Duration::from_secs(4), quick: Duration::from_secs(4), ..pace() };
    let heard = |asked: u64| View { asked: Some(at(asked)), bad: 1, silent: 1, ..View::default() };
    // Asked at 4, while the one of 0 was still under way; it heard nothing at 10.
    assert!(heard(10).counts(&silent(), at(4), &quick, at(14)));
    assert!(!heard(10).counts(&silent(), at(4), &quick, at(11)), "one moment, one silence");
    assert!(!heard(10).counts(&silent(), at(4), &pace(), at(14)), "a minute apart, as questions are");
    assert!(heard(0).counts(&silent(), at(4), &quick, at(5)), "nobody else has asked");
    assert!(View::default().counts(&silent(), at(4), &quick, at(5)));
    assert!(heard(10).counts(&status(Word::True, Vec::new()), at(4), &quick, at(11)), "an answer always counts");
    assert!(heard(900).counts(&silent(), at(4), &quick, at(11)), "the clock was set back");
}

#[test]
fn who_never_answered_with_its_key_concerns_our_own_admin_alone() {
    let (peer, mut view) = (keyed("b"), View::default());
    for (word, times) in [(Word::JobProblem, 2), (Word::True, 3)] {
        view = View::default();
        for n in 0..times {
            view.hear(&peer, &Heard::Word(word), at(n * 60));
        }
        let answers = [(0, Heard::Word(word))];
        let verdict =
            judge_round(&id("a"), std::slice::from_ref(&peer), &[view.clone()], &answers, false, &pace(), at(180))
                .remove(0)
                .1;
        assert!(verdict.ours_only && verdict.outcome.summary.contains("not as a peer"), "{verdict:?}");
    }
    view.hear(&peer, &status(Word::True, Vec::new()), at(200));
    let said = judge_round(
        &id("a"),
        std::slice::from_ref(&peer),
        &[view.clone()],
        &[(0, status(Word::True, Vec::new()))],
        false,
        &pace(),
        at(200),
    );
    assert_eq!((said[0].1.outcome.verdict, said[0].1.ours_only), (V::Ok, false));
}

#[test]
fn an_unsigned_word_is_not_excused_by_what_was_signed_before() {
    let (peer, mut view) = (keyed("b"), View::default());
    let mut told = Status { word: Some(Word::JobProblem), told_self: true, ..Status::default() };
    told.mail.is = NOT_YET.to_owned();
    view.hear(&peer, &Heard::Status(Box::new(told.clone())), at(0));
    let judged = |heard: Heard, view: &View| {
        judge_round(
            &id("a"),
            std::slice::from_ref(&peer),
            std::slice::from_ref(view),
            &[(0, heard)],
            false,
            &pace(),
            at(120),
        )
        .remove(0)
        .1
    };
    assert!(judged(Heard::Status(Box::new(told)), &view).held, "it says so itself");
    view.hear(&peer, &Heard::Word(Word::JobProblem), at(60));
    let verdict = judged(Heard::Word(Word::JobProblem), &view);
    assert!(!verdict.held && !verdict.ours_only, "{verdict:?}");
}
