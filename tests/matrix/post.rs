//! Mail that is refused, lost, sorted away, delayed, forged; mailboxes that cannot be seen; mail that is off.

use super::row::{Due, Row, Word, word};
use super::world::{HOSTILE, PLAN, Plan, World, smtp_address};
use crate::support::hostile::{Hostile, Manners};
use crate::support::mail::Site;
use crate::support::tls::Ca;
use std::net::SocketAddr;

const REFUSED: Due = Due::Within("mail_refused");
const LOST: Due = Due::Within("mail_lost");
/// What is broken is our own mail, so a peer tells.
const PEER: &[Word] =
    &[word("beta", "alpha", "PEER: alpha: alpha says that its messages may not arrive (MailProblem)")];
const WELL: &[Word] = &[word("beta", "alpha", "SOLVED: alpha")];
/// Our own news of it, which waits until mail works again, or comes if only canaries are lost.
const OWN: &[Word] = &[
    word("alpha", "alpha", "mail: mail is"),
    word("alpha", "alpha", "SOLVED: mail"),
    word("alpha", "alpha", "mail: mail comes"),
    word("alpha", "alpha", "mail: it is long ago"),
];
/// A good night's sleep for the canaries of alpha.
const CANARIES: &str = "checker@alpha.test";

/// A row of mail that is refused by what `strike` does.
const fn refused(id: &'static str, fault: &'static str, strike: fn(&mut World)) -> Row {
    Row { id, fault, due: REFUSED, plan: PLAN, strike, told: PEER, also: OWN, heal: None, check: |_| () }
}

pub(super) const ROWS: &[Row] = &[
    Row {
        heal: Some((|world| world.set_password(0, PLAN.password), WELL)),
        ..refused("8", "SMTP: the login is refused (535)", |world| world.set_password(0, "another"))
    },
    Row {
        heal: Some((|world| world.smtp(0, true), WELL)),
        ..refused("9", "SMTP: the host is not there", |world| world.smtp(0, false))
    },
    Row {
        due: LOST,
        heal: Some((|world| world.mail.reconfigure(|site| drop(site.rules.pop())), WELL)),
        ..refused("10", "mail is accepted and thrown away", |world| rule(world, "DISCARD"))
    },
    Row {
        due: Due::Within("mail_spam"),
        heal: Some((|world| lead(world, "alpha-checker/"), WELL)),
        ..refused("10b", "mail lands in the folder for spam", |world| lead(world, "alpha-checker/.Spam-Verdacht/"))
    },
    Row {
        due: LOST,
        heal: Some((
            |world| {
                world.mail.reconfigure(|site| drop(site.rules.pop()));
                world.mail.release();
            },
            WELL,
        )),
        ..refused("10c", "mail is accepted and stays in the provider's queue", |world| rule(world, "HOLD"))
    },
    Row {
        due: Due::Within("mailbox_blind"),
        told: &[word("alpha", "alpha", "CHECKER ITSELF: mail: nobody can see whether mail arrives")],
        also: &[PEER[0], WELL[0]],
        heal: Some((|world| world.imap(0, true), &[word("alpha", "alpha", "SOLVED: mail")])),
        ..refused("11", "IMAP is not there, SMTP is well", |world| world.imap(0, false))
    },
    Row {
        due: Due::Quiet(45),
        plan: Plan {
            settings: |name, text| match name {
                "alpha" => text.replace("[email]\n", "[email]\nideletesentmessagesautomatically = true\n"),
                _ => text,
            },
            mail: |site| lead_in(site, "alpha-checker/.Papierkorb/"),
            ..PLAN
        },
        told: &[],
        check: |world| assert!(world.is_steady(), "mail is proven all the while"),
        ..refused(
            "12",
            "a filter of the mailbox throws our own messages away (ideletesentmessagesautomatically)",
            |_| (),
        )
    },
    refused("13", "only the mail server cannot be reached from me", |world| world.lose(0, smtp_address(0))),
    Row {
        due: Due::Both("mail_refused", "target_down"),
        told: &[word("alpha", "alpha", "DOWN: shop")],
        also: &[PEER[0], OWN[0], OWN[1], OWN[3], WELL[0], word("beta", "beta", "DOWN: shop")],
        heal: Some((|world| world.shop(true), &[word("alpha", "alpha", "UP: shop"), word("beta", "beta", "UP: shop")])),
        ..refused("20", "SMTP is down for a moment exactly when a job fails", |world| {
            world.smtp(0, false);
            world.shop(false);
            world.await_log(0, "admin@alpha.test");
            world.smtp(0, true);
        })
    },
    Row {
        due: Due::Quiet(30),
        plan: Plan { password: "100%s-of%%it%", ..PLAN },
        told: &[],
        check: |world| assert!(world.is_steady(), "mail is proven with that password"),
        ..refused("29", "a password with %", |_| ())
    },
    Row {
        due: Due::Within("mail_off"),
        also: &[],
        heal: Some((|world| world.nodes[0].edit(|text| text.replace("nomail = true\n", "")), WELL)),
        ..refused("32", "nomail = true is left on", |world| {
            world.nodes[0].edit(|text| text.replace("[email]\n", "[email]\nnomail = true\n"));
        })
    },
    refused("41", "SMTP takes connections and says nothing (half-open)", |world| {
        hostile(world, Manners { greeting: None, ..Manners::default() });
    }),
    refused("45", "SMTP has a certificate of somebody else", |world| {
        let forged = Ca::new().identity("smtp.alpha.test");
        hostile(world, Manners { starttls: Some(forged), ..Manners::default() });
    }),
    refused("45b", "somebody on the way takes STARTTLS out", |world| hostile(world, Manners::default())),
    Row {
        due: Due::Within("mail_off"),
        also: &[],
        ..refused("53", "--nomail stands in the line of cron", |world| {
            let node = &world.nodes[0];
            let (program, settings) = (node.program(), node.home.text("settings.cfg"));
            let table = format!("CHECKER_SETTINGS={settings}\n* * * * * root {program} --nomail cron\n");
            world.nodes[0].machine().set_table(&table);
        })
    },
];

/// What the server does from now on with messages that alpha sends to itself.
fn rule(world: &mut World, rule: &str) {
    world.mail.reconfigure(|site| site.rules.push((CANARIES.to_owned(), rule.to_owned())));
}

/// Into which folder it puts them.
fn lead(world: &mut World, folder: &str) {
    world.mail.reconfigure(|site| lead_in(site, folder));
}

fn lead_in(site: &mut Site, folder: &str) {
    for (_, place) in site.boxes.iter_mut().filter(|(to, _)| to == CANARIES) {
        folder.clone_into(place);
    }
}

/// The name of alpha's server leads to this one.
fn hostile(world: &mut World, manners: Manners) {
    let at = SocketAddr::from((HOSTILE, world.mail.ports.starttls));
    world.hostile = Some(Hostile::start_at(at, manners));
    world.names.lead("smtp.alpha.test", HOSTILE);
}
