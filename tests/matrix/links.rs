//! Networks that are cut, and what strangers say in a peer's place.

use super::row::{Due, Row, Word, word};
use super::strangers::Says;
use super::world::{PLAN, Plan, World, node_of};

const HOST: Due = Due::Within("host_dead");
const GONE: &[Word] = &[word("beta", "alpha", "PEER: alpha: alpha"), word("beta", "beta", "PEER: alpha: alpha")];
const BACK: &[Word] = &[word("beta", "alpha", "SOLVED: alpha"), word("beta", "beta", "SOLVED: alpha")];
const UNWATCHED: Word = word("beta", "beta", "alpha has not asked about us");
const TRIO: Plan = Plan { nodes: 3, ..PLAN };

/// A row in which something else answers at alpha's address.
const fn instead(id: &'static str, fault: &'static str, strike: fn(&mut World)) -> Row {
    Row { id, fault, due: HOST, plan: PLAN, strike, told: GONE, also: &[UNWATCHED], heal: None, check: |_| () }
}

/// Nothing comes from alpha to beta, nor back; each reaches everybody else.
fn cut(world: &mut World) {
    world.lose(0, node_of(1));
    world.lose(1, node_of(0));
}

fn mend(world: &mut World) {
    world.find(0, node_of(1));
    world.find(1, node_of(0));
}

pub(super) const ROWS: &[Row] = &[
    instead("7", "a peer drips one byte a second, for ever", |world| world.replace(0, Says::Drip)),
    Row {
        due: Due::Within("link_cut"),
        told: &[
            GONE[0],
            GONE[1],
            word("alpha", "alpha", "PEER: beta: beta"),
            word("alpha", "beta", "PEER: beta: beta"),
        ],
        also: &[word("", "alpha", "has not asked about us"), word("", "beta", "has not asked about us")],
        heal: Some((
            mend,
            &[BACK[0], BACK[1], word("alpha", "alpha", "SOLVED: beta"), word("alpha", "beta", "SOLVED: beta")],
        )),
        ..instead("14", "the link between two is cut, both live", cut)
    },
    Row {
        due: Due::Within("link_cut"),
        plan: TRIO,
        told: &[
            word("alpha", "alpha", "the link to beta is broken: gamma reaches it"),
            word("beta", "beta", "the link to alpha is broken: gamma reaches it"),
        ],
        also: &[
            word("alpha", "beta", "the link to beta is broken"),
            word("beta", "alpha", "the link to alpha is broken"),
            word("", "alpha", "has not asked about us"),
            word("", "beta", "has not asked about us"),
        ],
        ..instead("14b", "the same among three: the third reaches both", cut)
    },
    Row {
        heal: Some((|world| world.uplink(0, true), BACK)),
        also: &[UNWATCHED, word("alpha", "alpha", "CHECKER ITSELF")],
        ..instead("15", "the uplink of one node is down", |world| world.uplink(0, false))
    },
    Row {
        due: Due::Within("mail_refused"),
        told: &[word("beta", "alpha", "alpha says that its messages may not arrive (MailProblem)")],
        also: &[word("beta", "alpha", "alpha says that its checks do not run")],
        ..instead("16", "the resolver is dead for one host", |world| world.lose_resolver(0))
    },
    Row {
        due: Due::Within("unwatched"),
        told: &[word("alpha", "alpha", "beta has not asked about us")],
        // It answers, and has no signature for whom it does not know.
        also: &[word("alpha", "alpha", "PEER: beta: beta answers"), word("alpha", "beta", "PEER: beta: beta answers")],
        ..instead("17", "a peer takes me out of its settings", |world| {
            world.nodes[1].edit(|text| {
                let (before, _) = text.split_once("[[peer]]").expect("a peer");
                before.to_owned()
            });
        })
    },
    Row {
        due: Due::Quiet(40),
        told: &[],
        also: &[],
        check: |world| {
            assert!(world.held.len() > 20, "connections are held: {}", world.held.len());
            assert!(world.is_steady(), "who asks is answered all the while");
        },
        ..instead("42", "a thousand slow connections to the port of peers", |world| world.crowd(0, 1_000))
    },
    instead("44", "a page with True in it answers for a dead peer", |world| {
        world.replace(
            0,
            Says::All("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>True</html>"),
        );
    }),
    instead("44b", "True without a signature answers for a dead peer", |world| {
        world.replace(0, Says::All("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nTrue"));
    }),
    instead("44c", "a redirect answers for a dead peer", |world| {
        let text = "HTTP/1.1 302 Found\r\nLocation: http://10.99.0.102:5000/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        world.replace(0, Says::All(text));
    }),
    instead("46", "HTTP 500 answers for a dead peer", |world| {
        let text = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nTrue";
        world.replace(0, Says::All(text));
    }),
    Row {
        plan: Plan { v6: true, ..PLAN },
        heal: Some((|world| world.power_on(0), BACK)),
        ..instead("54", "host off, among peers that know each other by IPv6 alone", |world| world.power_off(0))
    },
];
