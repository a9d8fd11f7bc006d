//! Delivery on a thread of its own, with a connection of its own to the store.

use super::cron::degraded::Noted;
use crate::channel::command::Command;
use crate::channel::mail::{MailSettings, Mailer, message_id};
use crate::channel::webhook::Webhook;
use crate::decide::delivery::{Limits, Outgoing};
use crate::decide::fallback::Ways;
use crate::decide::{Delivery, Recipient, SendResult};
use crate::message::{self, Facts, Rendered};
use crate::outbox::{Channel, Drained, Outbox};
use crate::pass::Courier;
use crate::settings::{self, Way};
use crate::store::{Home, Result, StoreError};
use checker_job::Timestamp;
use jiff::tz::TimeZone;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What delivery works on.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) home: Arc<Home>,
    /// What is the matter with the state is told with what leaves.
    pub(super) noted: Noted,
    /// Whom that is told.
    pub(super) contacts: Vec<Recipient>,
    pub(super) mail: MailSettings,
    /// The other ways out.
    pub(super) channels: Arc<[settings::Channel]>,
    pub(super) zone: TimeZone,
    pub(super) limits: Limits,
    pub(super) nomail: bool,
    /// How a person calls the program with these settings.
    pub(super) command: String,
    /// Who drains: its lock tells whether it lives.
    pub(super) holder: Uuid,
}

impl Channel for Mailer {
    fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult {
        Mailer::send(self, delivery, deadline)
    }
}

impl Channel for Webhook {
    fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult {
        Webhook::send(self, delivery, deadline)
    }
}

impl Channel for Command {
    fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult {
        Command::send(self, delivery, deadline)
    }
}

/// A channel that is not in the settings.
struct Gone;

impl Channel for Gone {
    fn send(&mut self, delivery: &Delivery, _: Instant) -> SendResult {
        let to = &delivery.recipient;
        SendResult::Refused {
            why: format!("there is no channel \"{to}\" in the settings; add a table [[channel.*]] with this name"),
        }
    }
}

impl Desk {
    /// The way out to `to`. Nothing is connected to or started yet.
    fn open(&self, to: &Recipient) -> Box<dyn Channel> {
        if to.is_mail() {
            return Box::new(Mailer::new(self.mail.clone()));
        }
        match self.channels.iter().find(|c| c.name == to.0).map(|c| &c.way) {
            None => Box::new(Gone),
            Some(Way::Command { command, timeout }) => Box::new(Command::new(&to.0, command, *timeout)),
            Some(Way::Webhook { url, template, ca_file }) => {
                Box::new(Webhook::new(&to.0, &self.mail.servername, *template, url.clone(), ca_file.clone()))
            }
        }
    }

    /// Drains the outbox once, within `within`.
    pub(super) fn drain(&self, within: Duration) -> Result<Drained> {
        let store = self.home.open()?;
        self.noted.update(&self.home, &store, &self.contacts);
        let ways = Ways {
            channels: self.channels.iter().map(|c| c.name.clone()).collect(),
            contacts: self.contacts.clone(),
            ..Ways::default()
        };
        let mut outbox = Outbox {
            shared: &store.shared(),
            own: &store.own(),
            holder: self.holder,
            is_gone: &|other| self.home.is_gone(other),
            open: &|to| self.open(to),
            ways: &ways,
            render: &|outgoing, now| self.render(outgoing, now),
            message_id: &|id| message_id(id, &self.mail.from),
            limits: if self.home.is_nowhere() { Limits { few: 0, ..self.limits } } else { self.limits },
            nomail: self.nomail,
        };
        outbox.drain(within)
    }

    fn render(&self, outgoing: &Outgoing, now: Timestamp) -> Rendered {
        let facts = Facts { servername: &self.mail.servername, zone: &self.zone, now, command: &self.command };
        match outgoing.groups.as_slice() {
            [one] => message::single(&facts, one),
            many => message::digest(&facts, many),
        }
    }
}

/// Starts its thread with the first wave, so that a pass with nothing to tell pays nothing.
pub(super) struct ThreadCourier {
    desk: Desk,
    running: Option<(mpsc::Sender<Duration>, JoinHandle<Result<Drained>>)>,
}

impl ThreadCourier {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk, running: None }
    }
}

impl Courier for ThreadCourier {
    fn wave(&mut self, within: Duration) {
        if self.running.is_none() {
            let (sender, waves) = mpsc::channel();
            let desk = self.desk.clone();
            match std::thread::Builder::new().name("outbox".to_owned()).spawn(move || serve(&desk, &waves)) {
                Ok(thread) => self.running = Some((sender, thread)),
                Err(why) => {
                    tracing::error!("no thread to deliver on: {why}; what waits leaves with the next pass");
                    return;
                }
            }
        }
        if let Some((sender, _)) = &self.running {
            // It has ended early only with an error, which `finish` tells.
            if sender.send(within).is_err() {
                tracing::debug!("delivery has ended already");
            }
        }
    }

    fn finish(&mut self) -> Result<Drained> {
        let Some((sender, thread)) = self.running.take() else { return Ok(Drained::default()) };
        drop(sender);
        let ended =
            || StoreError::Unavailable("delivery ended in the middle; the next pass goes on with it".to_owned());
        thread.join().unwrap_or_else(|_| Err(ended()))
    }
}

fn serve(desk: &Desk, waves: &mpsc::Receiver<Duration>) -> Result<Drained> {
    let mut all = Drained::default();
    for within in waves {
        all.add(&desk.drain(within)?);
    }
    Ok(all)
}
