//! What a fault does to a world, and which messages tell of it.

use super::acts::{Act, SLEW_MAX};
use super::engine::micros;
use super::fleet::{self, admin, phone};
use super::mail::Provider;
use super::node::{Answers, Node};
use super::world::{Moment, Posted, World};
use crate::decide::bound::{Fault, Site};
use crate::decide::schedule::Class;
use checker_job::Frequency;
use std::time::Duration;

/// One fault at one node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    pub(super) fault: Fault,
    pub(super) node: usize,
    /// The other end of a fault that has two.
    pub(super) partner: usize,
    /// The job that is hit.
    pub(super) job: usize,
    /// The class whose line goes.
    pub(super) class: Option<Class>,
    /// The place of a copy.
    pub(super) spare: usize,
}

impl Strike {
    /// What it does, and its worst moment. `odd`: in its other form, if it has one. `ahead`: which way a clock goes.
    pub(super) fn acts(&self, world: &mut World, odd: bool, ahead: bool) -> (Vec<Act>, Option<Moment>) {
        let n = self.node;
        let us = world.nodes.get(n);
        let back = us.and_then(|node| node.setup.peers.first()).is_some();
        let seat = world.nodes.get(self.partner).and_then(|node| seat_of(node, n)).unwrap_or(0);
        let way = if ahead { 1 } else { -1 };
        let (acts, moment) = match self.fault {
            Fault::HostDead if odd => (Act::Uplink(n, false), None),
            Fault::HostDead => (Act::Host(n, false), Some(Moment::Answered)),
            Fault::PortBlocked if odd && ahead && world.nodes.len() > 1 => (Act::Answers(n, Answers::BareTrue), None),
            Fault::PortBlocked if odd => (Act::Answers(n, Answers::Garbage), None),
            Fault::PortBlocked => (Act::Port(n, false), Some(Moment::Answered)),
            Fault::CronDead if odd => (Act::PassesLive(n, false), None),
            Fault::CronDead => (Act::Cron(n, false), Some(Moment::Tick)),
            Fault::DaemonDead if odd => (Act::DaemonTurns(n, false), None),
            Fault::DaemonDead => (Act::Daemon(n, false), Some(Moment::DaemonAsked)),
            Fault::ClassMissing => return (self.class.map(|c| Act::Line(n, c, false)).into_iter().collect(), None),
            Fault::TargetDown | Fault::JobHangs => (Act::Target(n, self.job, false), Some(Moment::JobBegun)),
            Fault::MailRefused if odd => (Act::Mail(n, Provider::Rejects), Some(Moment::CanaryTaken)),
            Fault::MailRefused => (Act::Mail(n, Provider::Refuses), Some(Moment::CanaryTaken)),
            Fault::MailLost => (Act::Mail(n, Provider::Loses), Some(Moment::CanaryTaken)),
            Fault::MailSpam => (Act::Mail(n, Provider::Spams), Some(Moment::CanaryTaken)),
            Fault::MailboxBlind if us.is_some_and(|node| !node.setup.lookers.is_empty()) => {
                (Act::Mailbox(self.partner, false), Some(Moment::CanarySeen))
            }
            Fault::MailboxBlind => (Act::Mailbox(n, false), Some(Moment::CanarySeen)),
            Fault::MailOff => (Act::MailOn(n, false), Some(Moment::Tick)),
            Fault::LinkCut if back => {
                let both = vec![Act::Link(n, self.partner, false), Act::Link(self.partner, n, false)];
                return (both, Some(Moment::Answered));
            }
            Fault::Unwatched if world.nodes.len() > 1 => {
                (Act::Lists(self.partner, seat, false), Some(Moment::Answered))
            }
            Fault::LinkCut | Fault::Unwatched => return (Vec::new(), None),
            Fault::StateBroken => (Act::Disk(n, false), Some(Moment::DaemonAsked)),
            Fault::SettingsBroken => (Act::Settings(n, false), Some(Moment::DaemonAsked)),
            Fault::ClockStep => {
                let far = fleet::secs(60 + world.rng.below(if odd { 100_000 } else { 1_000 }).cast_signed());
                (Act::Step(n, way * far), Some(Moment::DaemonAsked))
            }
            Fault::ClockSkew => (Act::Slew(n, way * micros(SLEW_MAX)), Some(Moment::Answered)),
            Fault::Cloned => (Act::Clone(self.spare, n), Some(Moment::Asked)),
            Fault::AdminMailbox => (Act::Inbox(us.map_or_else(|| admin("?"), |node| admin(&node.name)), false), None),
        };
        (vec![acts], moment)
    }

    /// Whether this message tells an admin concerned of the fault.
    pub(super) fn is_told_by(&self, world: &World, posted: &Posted) -> bool {
        let name = |n: usize| world.nodes.get(n).map_or("", |node| node.name.as_str());
        let (us, partner) = (name(self.node), name(self.partner));
        let theirs = format!("peer:{us}");
        let ours = match self.fault {
            Fault::CronDead => "node:passes".to_owned(),
            Fault::DaemonDead => "node:daemon".to_owned(),
            Fault::ClassMissing => "node:crontab:".to_owned(),
            Fault::TargetDown | Fault::JobHangs => format!("tcp:{us}:{}", self.job),
            Fault::MailRefused | Fault::MailLost | Fault::MailSpam | Fault::MailboxBlind | Fault::AdminMailbox => {
                "node:mail".to_owned()
            }
            Fault::LinkCut => format!("peer:{partner}"),
            Fault::Unwatched => format!("node:unwatched:{partner}"),
            Fault::StateBroken => "node:state".to_owned(),
            Fault::SettingsBroken => "node:settings".to_owned(),
            Fault::ClockStep => "node:clock".to_owned(),
            Fault::ClockSkew => "node:skew:".to_owned(),
            _ => "nothing".to_owned(),
        };
        let two_ends = matches!(self.fault, Fault::LinkCut | Fault::ClockSkew);
        let concerned = posted.to == admin(us) || posted.to == phone(us) || (two_ends && posted.to == admin(partner));
        let silent = matches!(self.fault, Fault::TargetDown | Fault::JobHangs | Fault::Unwatched);
        let skewed = format!("node:skew:{us}");
        let forgotten = format!("peer:{partner}");
        let about = |job: &str| {
            if posted.from == self.node {
                job.starts_with(&ours) || (self.fault == Fault::Unwatched && job == forgotten)
            } else if self.fault == Fault::ClockSkew {
                job == skewed
            } else {
                job == theirs && !silent
            }
        };
        concerned && posted.alerts.iter().any(|(id, _)| about(id.job.as_str()))
    }
}

/// Where `of` stands among the peers of a node.
fn seat_of(node: &Node, of: usize) -> Option<usize> {
    node.setup.peers.iter().position(|p| p.target == super::node::Target::Node(of))
}

/// The class of the longest period.
pub(super) fn class_of(site: &Site) -> Option<Class> {
    let of = |f: &Frequency| match Class::of(*f) {
        Class::Minute => None,
        class => Some((f.period(), class)),
    };
    site.jobs.iter().filter_map(|j| of(&j.0)).max_by_key(|c| (c.0, c.1)).map(|c| c.1)
}

/// The job whose fault is told last.
pub(super) fn worst_job(site: &Site) -> usize {
    let time = |j: &(Frequency, u32, Duration)| site.job_time(j.0, j.1, j.2);
    site.jobs.iter().enumerate().max_by_key(|(_, j)| time(j)).map_or(0, |j| j.0)
}
