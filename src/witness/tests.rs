use super::*;

#[test]
fn names_of_the_hosts_file_say_nothing_of_the_resolver() {
    let hosts = "127.0.0.1 localhost\n192.0.2.7\tmail.example.com Mail # relay.example.com\n";
    assert!(is_in_hosts(hosts, "mail.EXAMPLE.com") && is_in_hosts(hosts, "mail"));
    assert!(!is_in_hosts(hosts, "192.0.2.7") && !is_in_hosts(hosts, "relay.example.com"));
}

#[test]
fn an_answer_of_the_resolver_is_one_whatever_it_says() {
    let seen = |resolved| (None, Seen { resolved, answer: Answer::Useless, shortage: None });
    let late = || seen(Some(Err(ResolveError::NoResolver("late".to_owned()))));
    let judged = |seen: &[(Option<usize>, Seen)]| resolver_of(seen, |_| true);
    assert_eq!(judged(&[late(), seen(Some(Err(ResolveError::NoSuchName)))]), Some(Ok(())));
    assert_eq!(judged(&[late(), seen(Some(Ok(())))]), Some(Ok(())));
    assert_eq!(judged(&[late()]), Some(Err("late".to_owned())));
    assert_eq!(judged(&[seen(None), seen(Some(Err(ResolveError::Ours("full".to_owned()))))]), None);
    assert_eq!(resolver_of(&[seen(Some(Ok(())))], |_| false), None, "names that need no resolver");
}

#[test]
fn this_host_proves_nothing() {
    for (here, text) in
        [(true, "127.0.0.1"), (true, "::1"), (true, "::ffff:127.0.0.1"), (true, "0.0.0.0"), (false, "192.0.2.1")]
    {
        assert_eq!(is_here(text.parse().unwrap()), here, "{text}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let itself = Endpoint::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let evidence = ask(std::slice::from_ref(&itself), false);
    assert_eq!(evidence.references, [(itself.to_string(), Answer::Useless)]);
    assert_eq!(evidence.resolver, None, "it was not asked");
}
