//! Two machines with one key.

use super::{Node, SOON, fleet, settings};
use crate::support::binary::Home;
use crate::support::{free_ports, wait_until};

#[test]
fn a_key_that_two_machines_use_is_told() {
    let [alpha, mut beta] = fleet(["alpha", "beta"]);
    alpha.passes(1);
    // The same key on a machine of its own: another instance answers at the same address, and then the first one again.
    let table = alpha.table(alpha.port);
    let copy = Home::new(&settings("beta", beta.port, &table));
    std::fs::copy(beta.home.path("checker.db.key"), copy.path("checker.db.key")).expect("a copy");
    beta.kill();
    let mut other = Node { name: "beta", port: beta.port, home: copy, daemon: None };
    other.start();
    alpha.passes(1);
    other.kill();
    beta.start();
    // A word that is no problem is not there without proof of mail: what is told is the newest of all.
    alpha.passes(2);
    let views = checker::rounds::views(
        &checker::store::Sqlite::open_read_only(&alpha.home.path("checker.db"), checker::store::StoreClock::system())
            .expect("the state")
            .own(),
    );
    assert!(views.expect("views")["beta"].cloned.is_some());
}

#[test]
fn a_copy_that_only_asks_is_told_too() {
    let [alpha, beta] = fleet(["alpha", "beta"]);
    // The same key on a machine that nobody asks: it asks alpha, in turn with the first one.
    let [elsewhere] = free_ports::<1>();
    let copy = Home::new(&settings("beta", elsewhere, &alpha.table(alpha.port)));
    std::fs::copy(beta.home.path("checker.db.key"), copy.path("checker.db.key")).expect("a copy");
    let other = Node { name: "beta", port: elsewhere, home: copy, daemon: None };
    let told = wait_until(SOON, || {
        beta.pass();
        other.pass();
        alpha.pass();
        let views = checker::rounds::views(
            &checker::store::Sqlite::open_read_only(
                &alpha.home.path("checker.db"),
                checker::store::StoreClock::system(),
            )
            .expect("the state")
            .own(),
        );
        views.expect("views")["beta"].cloned
    });
    assert!(told.is_some(), "{}", alpha.home.read("checker.log"));
}
