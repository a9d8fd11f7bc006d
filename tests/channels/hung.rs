//! Ways out that hang, beside ways out that work.

use super::hook::{Hook, Manner};
use super::{home, minute, target, webhook};
use crate::support::binary::{done, has_faketime};
use crate::support::hostile::{Hostile, Manners};
use crate::support::wait_until;
use std::time::{Duration, Instant};

/// The longest time that a hanging webhook may hold a pass: 10 s of it, and room for a busy machine.
const PASS_MAX: Duration = Duration::from_secs(25);

#[test]
fn a_webhook_that_hangs_holds_up_no_mail() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::Hangs);
    let both = target("router", "contacts = [\"net@example.com\", \"phone\"]");
    let home = home(&[both, webhook("phone", "template = \"ntfy\"")], hook.port);
    let begin = Instant::now();
    let pass = home.start_at(minute(0), &["cron"]);
    wait_until(Duration::from_secs(30), || (!home.mails().is_empty()).then_some(())).expect("mail leaves");
    let mailed = Instant::now();
    let ended = done(&pass.wait_with_output().expect("the pass ends"));
    assert_eq!(ended.code, 75, "{ended:?}");
    assert!(ended.err.contains("no answer within"), "{ended:?}");
    let (at_phone, whole) = (hook.got()[0].at, begin.elapsed());
    // The hang lasts 10 s: mail did not wait for it, whatever the machine was busy with.
    assert!(mailed < at_phone + Duration::from_secs(8), "mail waited {:?}", mailed.duration_since(at_phone));
    assert!(whole < PASS_MAX, "{whole:?}");
    eprintln!("a hanging webhook: mail after {:?}, the pass took {whole:?}", mailed.duration_since(begin));
}

#[test]
fn a_mail_server_that_hangs_holds_up_no_phone() {
    if !has_faketime() {
        return;
    }
    let hook = Hook::start(Manner::says("200 OK"));
    let server = Hostile::start(Manners { greeting: None, ..Manners::default() });
    let both = target("router", "contacts = [\"net@example.com\", \"phone\"]");
    let home = home(&[], hook.port);
    home.settings(&format!(
        "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n\n[email]\ntransport = \"smtp\"\nfrom = \
         \"checker@example.com\"\n[email.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n\n{both}{}",
        server.port,
        webhook("phone", "template = \"ntfy\"")
    ));
    let begin = Instant::now();
    let ended = home.run_at(minute(0), &["cron"]);
    let whole = begin.elapsed();
    assert_eq!(ended.code, 75, "{ended:?}");
    assert_eq!(hook.titles(), ["DOWN: router"]);
    let rang = hook.got()[0].at.duration_since(begin);
    assert!(rang + Duration::from_secs(4) < whole, "it rang after {rang:?} of {whole:?}");
    eprintln!("a hanging mail server: the phone rang after {rang:?}, the pass took {whole:?}");
}
