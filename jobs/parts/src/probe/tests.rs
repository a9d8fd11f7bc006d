use super::*;
use nix::errno::Errno;

fn at(last: u8) -> SocketAddr {
    SocketAddr::new([192, 0, 2, last].into(), 443)
}

fn endpoint() -> Endpoint {
    Endpoint::parse("www.example.com:443").unwrap()
}

fn well() -> Outcome {
    Outcome::ok("all is well").with_detail("line")
}

#[test]
fn what_all_addresses_say_is_said_once() {
    let one = merged(&endpoint(), vec![(at(1), Ok(well()))]);
    assert_eq!((one.verdict, &*one.summary, &*one.detail), (Verdict::Ok, "all is well", "line"));
    let all = merged(&endpoint(), vec![(at(1), Ok(well())), (at(2), Ok(well())), (at(3), Err(Problem::NoRoute))]);
    assert_eq!(all.summary, "all is well (at all 2 addresses) (1 not counted)");
    assert!(all.detail.starts_with("192.0.2.1:443: all is well\nline\n192.0.2.2:443: all is well"), "{}", all.detail);
    let lone = merged(&endpoint(), vec![(at(1), Err(Problem::NoRoute)), (at(2), Ok(well()))]);
    assert_eq!(lone.summary, "all is well (1 not counted)");
}

#[test]
fn the_worst_address_counts_and_is_named() {
    let old = || Ok(Outcome::failed("certificate expired"));
    let some = merged(&endpoint(), vec![(at(1), Ok(well())), (at(2), old()), (at(3), Ok(well()))]);
    assert_eq!(some.verdict, Verdict::Failed);
    assert_eq!(some.summary, "1 of 3 addresses of www.example.com:443: 192.0.2.2:443: certificate expired");
    let gone = merged(&endpoint(), vec![(at(1), Ok(well())), (at(2), Err(Problem::target("192.0.2.2:443 is gone")))]);
    assert_eq!(gone.verdict, Verdict::Warning, "the target works");
    assert_eq!(gone.summary, "1 of 2 addresses of www.example.com:443: 192.0.2.2:443 is gone");
    let other = merged(&endpoint(), vec![(at(1), Ok(well())), (at(2), Ok(Outcome::ok("well too")))]);
    assert_eq!(other.summary, "all is well (and 1 other address is well too)");
}

#[test]
fn what_is_known_to_be_bad_counts_more_than_what_cannot_be_known() {
    let hindered = || Ok(Outcome::unknown("nothing to judge by", "no system CA certificates").blaming(Blame::Other));
    let failed = merged(&endpoint(), vec![(at(1), hindered()), (at(2), Ok(Outcome::failed("expired")))]);
    assert_eq!((failed.verdict, failed.cause, failed.blame), (Verdict::Failed, None, None));
    assert!(failed.summary.contains("192.0.2.2:443: expired"), "{}", failed.summary);
    let gone = merged(&endpoint(), vec![(at(1), hindered()), (at(2), Err(Problem::target("192.0.2.2:443 is gone")))]);
    assert_eq!((gone.verdict, gone.cause, gone.blame), (Verdict::Warning, None, None));
    let unknown = merged(&endpoint(), vec![(at(1), Ok(well())), (at(2), hindered())]);
    assert_eq!(unknown.verdict, Verdict::Unknown);
    assert_eq!((unknown.cause.as_deref(), unknown.blame), (Some("no system CA certificates"), Some(Blame::Other)));
}

#[test]
fn where_none_can_be_asked_the_blame_is_where_it_belongs() {
    let silent = |n| (at(n), Err::<Outcome, _>(Problem::Target(format!("{n} is silent"), Some(Blame::Silence))));
    let refused = |n| (at(n), Err::<Outcome, _>(Problem::target(format!("{n} refuses"))));
    let all = merged(&endpoint(), vec![silent(1), silent(2)]);
    assert_eq!((all.verdict, all.blame), (Verdict::Failed, Some(Blame::Silence)));
    assert_eq!(all.summary, "none of the 2 addresses of www.example.com:443 works: 1 is silent; 2 is silent");
    let answered = merged(&endpoint(), vec![silent(1), refused(2)]);
    assert_eq!(
        (answered.verdict, answered.blame),
        (Verdict::Failed, None),
        "one that said anything shows that we are not cut off"
    );
    let no_route = merged(&endpoint(), vec![(at(1), Err(Problem::NoRoute)), (at(2), Err(Problem::NoRoute))]);
    assert_eq!((no_route.verdict, no_route.blame), (Verdict::Unknown, Some(Blame::NoRoute)));
    let short = Problem::Ours("this host has no file handle left".to_owned(), Blame::Shortage);
    let ours = merged(&endpoint(), vec![(at(1), Err(Problem::NoRoute)), (at(2), Err(short))]);
    assert_eq!((ours.verdict, ours.blame), (Verdict::Unknown, Some(Blame::Shortage)));
}

#[test]
fn a_long_list_does_not_fill_the_line() {
    let tried = (1..=9).map(|n| (at(n), Err::<Outcome, _>(Problem::target(format!("{n} refuses"))))).collect();
    let outcome = merged(&endpoint(), tried);
    assert!(outcome.summary.ends_with("1 refuses; 2 refuses; 3 refuses; and 6 more"), "{}", outcome.summary);
    assert_eq!(outcome.detail.lines().count(), 9);
}

#[test]
fn a_name_that_is_not_there_is_the_targets_fault() {
    let failed = unresolved("ns.example.com", ResolveError::NoSuchName);
    assert_eq!(failed.verdict, Verdict::Failed);
    assert!(failed.summary.starts_with("could not resolve ns.example.com: there is no such name"));
    let silent = unresolved("ns.example.com", ResolveError::NoResolver("Try again".to_owned()));
    assert_eq!((silent.verdict, silent.cause.as_deref()), (Verdict::Unknown, Some("the resolver does not answer")));
}

#[test]
fn each_error_of_a_connection_has_its_own_sentence_and_its_own_blame() {
    let limit = Limit::of(Duration::from_secs(10));
    let after = |errno: Errno| {
        let error = io::Error::from_raw_os_error(errno as i32);
        Problem::connecting(SocketAddr::new([127, 0, 0, 1].into(), 443), Some(&error), &limit)
    };
    let late = Problem::connecting(at(1), None, &limit);
    let sentence = "timed out connecting to 192.0.2.1:443 after 10 s".to_owned();
    assert_eq!(late, Problem::Target(sentence, Some(Blame::Silence)), "our time ran out");
    for (errno, sentence) in [
        (Errno::ECONNREFUSED, "127.0.0.1:443 refuses the connection"),
        (Errno::ECONNRESET, "127.0.0.1:443 reset the connection"),
        (Errno::ETIMEDOUT, "timed out connecting to 127.0.0.1:443"),
        (Errno::EHOSTUNREACH, "127.0.0.1:443 is not there: the network answers that it cannot be reached"),
    ] {
        assert_eq!(after(errno), Problem::target(sentence));
    }
    let broken = after(Errno::EPROTO);
    assert!(matches!(&broken, Problem::Target(s, None) if s.starts_with("the connection to 127.0.0.1:443 broke: ")));
    assert_eq!(after(Errno::EAFNOSUPPORT), Problem::NoRoute);
    assert_eq!(after(Errno::EPERM), Problem::Ours(net::FORBIDDEN.to_owned(), Blame::Firewall));
    let short = "this host has no file handle left".to_owned();
    assert_eq!(after(Errno::EMFILE), Problem::Ours(short, Blame::Shortage));
}

#[test]
fn a_run_ends_before_the_framework_ends_it() {
    for (timeout, least) in [(10_000, 9_950), (100, 90)] {
        let limit = Limit::of(Duration::from_millis(timeout));
        assert_eq!(limit.until - limit.begin, Duration::from_millis(least));
    }
}

#[test]
fn all_addresses_are_asked_at_the_same_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let addresses = [at(1), at(2), at(3)];
    let met = tokio::sync::Barrier::new(addresses.len());
    let met = &met;
    let all = each(&addresses, |to| async move {
        met.wait().await;
        Ok::<_, Problem>(to)
    });
    let tried = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), all).await });
    assert_eq!(tried.expect("none waits for another"), addresses.map(|to| (to, Ok(to))));
}
