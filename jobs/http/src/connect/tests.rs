use super::*;
use tokio::net::{TcpListener, TcpSocket};

#[test]
fn a_name_that_does_not_exist_is_the_targets_fault_and_a_silent_resolver_ours() {
    let gone = unresolved("x.example", ResolveError::NoSuchName);
    assert_eq!(gone, Trouble::theirs("could not resolve x.example: there is no such name"));
    let silent = unresolved("x.example", ResolveError::NoResolver("Try again".to_owned()));
    assert_eq!(silent.cause.as_deref(), Some("the resolver does not answer"));
    assert_eq!(silent.sentence, "could not ask for x.example: the resolver does not answer (Try again)");
    let late = resolver_silent("x.example", Duration::from_secs(10));
    assert_eq!(late.sentence, "could not ask for x.example: the resolver does not answer within 10 s");
    assert_eq!(late.cause, silent.cause);
    let resolver = Some(Blame::NoResolver);
    assert_eq!((gone.blame, silent.blame, late.blame), (None, resolver, resolver));
}

#[test]
fn what_this_host_lacks_is_never_the_targets_fault() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let full = Miss::Said(net::Trouble::Ours("this host has no file handle left".to_owned()));
    let misses = vec![(address, Miss::Said(net::Trouble::Refused)), (address, full)];
    let trouble = all_failed("x.example", misses);
    assert_eq!(trouble.cause.as_deref(), Some("this host has no file handle left"));
}

#[test]
fn an_address_without_route_is_not_counted() {
    let address = |n| SocketAddr::from(([192, 0, 2, n], 443));
    let no_route = || Miss::Said(net::Trouble::NoRoute);
    let misses = vec![(address(1), no_route()), (address(2), Miss::Said(net::Trouble::Refused))];
    let trouble = all_failed("x", misses);
    assert_eq!(trouble, Trouble::theirs("could not connect: 192.0.2.2:443 refused the connection"));
    let trouble = all_failed("x.example", vec![(address(1), no_route())]);
    assert_eq!((trouble.cause.as_deref(), trouble.blame), (Some(NO_ROUTE), Some(Blame::NoRoute)));
}

#[test]
fn only_who_was_never_heard_leaves_a_doubt() {
    let address = |n| SocketAddr::from(([192, 0, 2, n], 443));
    let late = || Miss::Said(net::Trouble::TimedOut);
    let silent = all_failed("x", vec![(address(1), Miss::Silent(Duration::ZERO)), (address(2), late())]);
    assert_eq!((silent.cause, silent.blame), (None, Some(Blame::Silence)));
    let heard = all_failed("x", vec![(address(1), late()), (address(2), Miss::Said(net::Trouble::Refused))]);
    assert_eq!(heard.blame, None);
    let forbidden = all_failed("x", vec![(address(1), Miss::Said(net::Trouble::Forbidden))]);
    assert_eq!(forbidden.blame, Some(Blame::Firewall));
}

/// A queue of one that nobody empties: the kernel drops what comes after.
async fn black_hole() -> (TcpListener, Vec<tokio::task::JoinHandle<io::Result<Line>>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let waiting = (0..6).map(|_| tokio::spawn(net::dial(at))).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    (listener, waiting)
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses_or_is_silent() {
    let (hole, waiting) = black_hole().await;
    let refusing = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (hole, open) = (hole.local_addr().unwrap(), open.local_addr().unwrap());
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut p = Progress::new();
    let stream = connect_any("x", &[refusing, hole, open], deadline, &mut p).await.unwrap();
    drop(stream);
    assert_eq!(p.address, Some(open));
    assert_eq!(p.notes.len(), 2);
    assert!(p.notes[0].ends_with("refused the connection") && p.notes[1].contains("did not answer within"), "{p:?}");
    let trouble = connect_any("x", &[refusing, hole, refusing], deadline, &mut p).await.unwrap_err();
    assert!(trouble.cause.is_none() && trouble.sentence.matches("refused").count() == 2, "{trouble:?}");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}
