use super::*;

fn lookup(text: &str) -> io::Error {
    io::Error::other(format!("failed to lookup address information: {text}"))
}

#[test]
fn a_name_that_does_not_exist_is_the_targets_fault_and_a_silent_resolver_ours() {
    for (text, cause) in [
        ("Name or service not known", None),
        ("No address associated with hostname", None),
        ("Name does not resolve", None),
        ("Temporary failure in name resolution", Some(NO_RESOLVER)),
        ("Try again", Some(NO_RESOLVER)),
        ("Non-recoverable failure in name resolution", Some(NO_RESOLVER)),
    ] {
        let trouble = unresolved("x.example", &lookup(text));
        assert_eq!(trouble.cause.as_deref(), cause, "{text}");
        let start = if cause.is_some() { "could not ask for x.example" } else { "could not resolve x.example" };
        assert!(trouble.sentence.starts_with(start), "{}", trouble.sentence);
    }
}

#[test]
fn what_this_host_lacks_is_never_the_targets_fault() {
    for number in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS] {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = io::Error::from_raw_os_error(number);
        let misses = vec![(address, Miss::Refused), (address, Miss::of(&error, address))];
        assert_eq!(all_failed("x", misses).cause.as_deref(), Some(NO_RESOURCES), "{error}");
    }
}

#[test]
fn an_address_without_route_is_not_counted() {
    let address = |n| SocketAddr::from(([192, 0, 2, n], 443));
    let misses = vec![(address(1), Miss::NoRoute), (address(2), Miss::Refused)];
    let trouble = all_failed("x", misses);
    assert_eq!(trouble, Trouble::theirs("could not connect: 192.0.2.2:443 refused the connection"));
    let trouble = all_failed("x.example", vec![(address(1), Miss::NoRoute)]);
    assert_eq!(trouble.cause.as_deref(), Some(NO_ROUTE));
}

#[test]
fn the_routing_table_is_asked_without_sending() {
    assert!(has_route(SocketAddr::from(([127, 0, 0, 1], 9))));
    // The kernel refuses it to a socket that did not ask for broadcast.
    assert!(!has_route(SocketAddr::from(([255, 255, 255, 255], 9))));
}
