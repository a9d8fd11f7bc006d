//! `checker test`: logs in at the mail server, sends one marked message through the real outbox to everybody and through
//! each channel, waits for one to ourselves where a mailbox can be looked into, runs each job once.
//! Changes no state of any job.

mod receipt;

use super::args;
use super::exit::{Exit, Failure};
use super::try_job::looked;
use super::world::World;
use super::{Cx, local_time};
use crate::channel::mail::{Mailer, message_id};
use crate::clock;
use crate::decide::{Delivery, DeliveryState, Recipient};
use crate::outbox::again;
use crate::settings::Transport;
use crate::store::{Ledger, Planned};
use checker_job::{Timestamp, duration_words};
use std::time::Duration;
use uuid::Uuid;

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Test) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    write!(cx.out, "{}", world.warnings.render())?;
    writeln!(cx.out, "settings  {}: good", world.path.display())?;
    let mail = mail(cx, &world)?;
    let by_mail = world.contacts().into_iter().filter(|to| mail.sends && to.is_mail());
    let by_channel = world.settings.channels.iter().map(|c| Recipient(c.name.clone()));
    let recipients: Vec<Recipient> = by_mail.chain(by_channel).collect();
    cx.out.flush()?;
    let sent = recipients.is_empty() || send(cx, &world, recipients)?;
    let arrived = !mail.sends || receipt::run(cx, &world)?;
    if !args.mail_only {
        jobs(cx, &world)?;
    }
    Ok(if mail.good && sent && arrived { Exit::Ok } else { Exit::Later })
}

/// What is known of mail before a message is sent.
struct Mail {
    /// Everything about it is as it should be.
    good: bool,
    /// It is worth a try.
    sends: bool,
}

/// Whether mail may leave.
fn mail(cx: &mut Cx<'_>, world: &World) -> Result<Mail, Failure> {
    if world.settings.email.nomail {
        writeln!(cx.out, "mail      switched off (nomail): nobody would be told of anything by mail")?;
        return Ok(Mail { good: false, sends: false });
    }
    let probed = Mailer::new(world.mail()?).probe();
    let (Ok(said) | Err(said)) = &probed;
    for line in said.lines() {
        writeln!(cx.out, "mail      {line}")?;
    }
    let fallback = matches!(&world.settings.email.transport, Transport::Smtp(servers) if servers.len() > 1);
    let sends = probed.is_ok() || fallback;
    if !sends {
        writeln!(cx.out, "mail      NOT SENT: mend this first")?;
    }
    Ok(Mail { good: probed.is_ok(), sends })
}

/// One marked message to each, by the way that alerts take.
fn send(cx: &mut Cx<'_>, world: &World, recipients: Vec<Recipient>) -> Result<bool, Failure> {
    let home = world.home(false);
    let store = world.open(&home)?;
    let own = store.own();
    let id = Uuid::now_v7();
    home.hold(id)?;
    let desk = world.desk(&home, id)?;
    let now = clock::now().wall;
    let mailed = recipients.iter().any(Recipient::is_mail);
    let deliveries: Vec<Delivery> = recipients.into_iter().map(|r| marked(world, r, now)).collect();
    let ids: Vec<Uuid> = deliveries.iter().map(|d| d.id).collect();
    again(|| own.plan(&Planned { deliveries: deliveries.clone(), ..Planned::default() }))?;
    desk.drain(Duration::from_secs(30))?;
    let mut all = true;
    let all_sent = own.deliveries(1_000)?;
    for delivery in ids.iter().filter_map(|id| all_sent.iter().find(|d| d.id == *id)).cloned() {
        let to = &delivery.recipient;
        match delivery.state {
            DeliveryState::Told { answer, .. } => writeln!(cx.out, "message   accepted for {to}: {answer}")?,
            state => {
                all = false;
                let why = delivery.last_error.unwrap_or_else(|| match state {
                    DeliveryState::Refused { why, .. } => why,
                    _ => "another process delivers just now; look with `checker status`".to_owned(),
                });
                writeln!(cx.out, "message   NOT ACCEPTED for {to}, and taken back: {why}")?;
                again(|| own.plan(&Planned { superseded: vec![delivery.id], ..Planned::default() }))?;
            }
        }
    }
    let files = matches!(world.settings.email.transport, Transport::File(_));
    if all && mailed && !files && !receipt::is_possible(world) {
        writeln!(cx.out, "message   now look into the mailbox, and into its spam folder: accepted is not yet arrived")?;
    }
    Ok(all)
}

fn marked(world: &World, recipient: Recipient, now: Timestamp) -> Delivery {
    let id = Uuid::now_v7();
    let name = &world.settings.general.servername;
    let from = world.settings.email.from.clone().unwrap_or_default();
    let when = local_time(world, now);
    let spam = " If this one is in the spam folder,\nthey will be as well: mark it as wanted.";
    let spam = if recipient.is_mail() { spam } else { "" };
    Delivery {
        id,
        recipient,
        alerts: Vec::new(),
        subject: format!("[{name}] TEST: Checker can reach you"),
        body: format!(
            "This is the test message that somebody asked for with `checker test`\non {name} at {when}.\n\nAlerts come by \
             the same way.{spam}\n"
        ),
        message_id: message_id(id, &from),
        in_reply_to: None,
        urgent: true,
        digest: false,
        created_at: now,
        attempts: 0,
        next_try: now,
        last_error: None,
        state: DeliveryState::Unsent,
    }
}

fn jobs(cx: &mut Cx<'_>, world: &World) -> Result<(), Failure> {
    let jobs = &world.settings.jobs;
    if jobs.is_empty() {
        writeln!(cx.out, "jobs      none: add one to {}", world.path.display())?;
        return Ok(());
    }
    for (job, what) in jobs.iter().filter_map(|job| Some((job, job.leaves()?))) {
        writeln!(cx.out, "leaves    {}: {what}", job.policy().name)?;
    }
    cx.out.flush()?;
    let all = looked(world, jobs)?;
    let mut bad = 0;
    for finished in &all {
        let Some(job) = jobs.get(finished.index) else { continue };
        let (verdict, took) = (finished.outcome.verdict, duration_words(finished.took));
        bad += usize::from(verdict != checker_job::Verdict::Ok);
        writeln!(cx.out, "{:9} {}: {} [{took}]", verdict.word(), job.policy().name, finished.outcome.summary)?;
    }
    writeln!(
        cx.out,
        "jobs      {} run, {bad} not ok; their state is as before, and nobody was told of them",
        all.len()
    )?;
    Ok(())
}
