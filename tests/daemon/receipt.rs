//! `checker test` says where a message to ourselves has arrived, or that it has not.

use super::{Node, by_imap};
use crate::support::binary::Done;
use crate::support::mail::shared;
use crate::support::need;

fn test(name: &str, to: &str, within: &str) -> Done {
    let canary = by_imap(shared(), to, "1h", within).replace("[daemon]\nLISTEN", "");
    Node::with_mail(name, shared(), &canary).home.run(&["test", "--mail-only"])
}

#[test]
fn a_receipt_says_where_the_message_is_and_after_how_long() {
    if !need("postfix") {
        return;
    }
    let good = test("receipt-good", "canary", "1min").ended(0).out;
    assert!(good.contains("at most 1 min") && good.contains("receipt   arrived after "), "{good}");
    assert!(good.contains("in the folder INBOX"), "{good}");
    let spam = test("receipt-spam", "junk", "1min").ended(75).out;
    assert!(spam.contains("IN THE FOLDER FOR SPAM (Spam-Verdacht)"), "{spam}");
    let thrown = test("receipt-thrown", "trash", "1min").ended(75).out;
    assert!(thrown.contains("THROWN AWAY (into Papierkorb)") && thrown.contains("ideletesent"), "{thrown}");
    let lost = test("receipt-lost", "discard", "3s").ended(75).out;
    assert!(lost.contains("NOT ARRIVED after 3 s"), "{lost}");
    let refused = test("receipt-refused", "refuse", "3s").ended(75).out;
    assert!(refused.contains("NOT ACCEPTED for refuse@checker.test"), "{refused}");
}
