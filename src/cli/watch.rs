//! Settings become the parts of the watch over Checker itself.

use super::exit::{Exit, Failure};
use super::world::World;
use crate::decide::Recipient;
use crate::decide::bound::{LATENCY, Proof, Site};
use crate::decide::mail::{By, Canaries};
use crate::decide::peers::Watched;
use crate::decide::status::NodeId;
use crate::pass::AskPeers;
use crate::peer::{Instance, KeyError, NodeKey, PublicKey, Target};
use crate::rounds::Peer;
use crate::settings::{self, Via};
use crate::{clock, confirm};
use checker_job::Policy;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);

impl World {
    /// The key of this node, made at its first use.
    pub(super) fn key(&self) -> Result<Arc<NodeKey>, Failure> {
        NodeKey::load_or_make(self.state()).map(Arc::new).map_err(|e| {
            let exit = if matches!(e, KeyError::CannotMake(_)) { Exit::CannotCreate } else { Exit::Io };
            Failure::Other(exit, e.to_string())
        })
    }

    /// Which running machine this is, for peers who want to know whether a key has been copied: it changes at each boot,
    /// and says nothing of the machine.
    pub(super) fn instance(&self) -> Instance {
        let what = format!("{}\n{}", clock::boot_id(), self.state().display());
        Instance::of(Uuid::new_v5(&Uuid::NAMESPACE_OID, what.as_bytes()))
    }

    /// The peers, ready to be asked.
    pub(super) fn peers(&self) -> Result<Vec<Peer>, Failure> {
        self.settings.peers.iter().map(peer).collect()
    }

    /// Whom a pass asks what they see, where a job says so. Without it failures are told all the same.
    pub(super) fn who_confirms(&self) -> Option<Arc<dyn AskPeers>> {
        let wants = &self.settings.wants;
        let can = |p: &&settings::Peer| p.can_confirm();
        if wants.is_empty() || !self.settings.peers.iter().any(|p| can(&p)) {
            return None;
        }
        let key = self.key().map_err(|why| tracing::warn!("peers are not asked what they see: {why}")).ok()?;
        let peers = self.settings.peers.iter().filter(can).filter_map(|p| {
            let peer = peer(p).map_err(|why| tracing::warn!("{} is not asked what it sees: {why}", p.name)).ok()?;
            Some((peer.watched.name, peer.target))
        });
        Some(Arc::new(confirm::Peers::new(peers.collect(), key, self.instance(), Arc::clone(wants))))
    }

    /// How mail is proved.
    pub(super) fn canaries(&self) -> Canaries {
        canaries(&self.settings)
    }

    /// By what mail is proved, as the status says it.
    pub(super) fn mail_by(&self) -> &'static str {
        match self.settings.canary.as_ref().map(|c| &c.via) {
            Some(Via::Imap { .. }) => "mailbox",
            Some(Via::Maildir(_)) => "local",
            Some(Via::Peer(_)) => "peer",
            Some(Via::Human) => "human",
            Some(Via::None) | None => "nothing",
        }
    }

    /// The peers to whose mailboxes our canaries go: the named one, or whoever finds them.
    pub(super) fn lookers(&self) -> Vec<NodeId> {
        let Some(Via::Peer(name)) = self.settings.canary.as_ref().map(|c| &c.via) else { return Vec::new() };
        let peers = self.settings.peers.iter().filter(|p| name.as_ref().is_none_or(|name| p.name == *name));
        let id = |p: &settings::Peer| Some(NodeId(PublicKey::parse(p.key.as_deref()?).ok()?.id()));
        peers.filter_map(id).collect()
    }

    /// Where messages to ourselves go, if the settings say so.
    pub(super) fn canary_to(&self) -> Option<String> {
        let canary = self.settings.canary.as_ref()?;
        let user = match &canary.via {
            Via::Imap { login, .. } if login.user.contains('@') => Some(login.user.clone()),
            Via::Human => self.settings.general.alertcontact.first().cloned(),
            _ => None,
        };
        canary.to.clone().or(user)
    }

    /// Whom a drill tells: the general contacts, and the mailbox that can be looked into.
    pub(super) fn drilled(&self) -> Vec<String> {
        let mut to = self.settings.general.alertcontact.clone();
        let looked = self.settings.canary.as_ref().filter(|c| matches!(c.via, Via::Imap { .. } | Via::Maildir(_)));
        let ours = looked.and_then(|_| self.canary_to().or_else(|| self.settings.email.from.clone()));
        to.extend(ours.filter(|own| !self.settings.general.alertcontact.contains(own)));
        to
    }

    /// What the bounds follow from.
    pub(super) fn site(&self) -> Site {
        let mut site = outside_windows(&self.settings);
        site.windowed = self.windowed(&site, clock::now().wall);
        site
    }

    /// What a single outage would silence together, as far as the settings show it.
    pub(super) fn common_modes(&self) -> Vec<String> {
        let settings = &self.settings;
        let domain = |address: &str| address.rsplit_once('@').map(|(_, d)| d.to_ascii_lowercase());
        let ours = settings.email.from.as_deref().and_then(domain);
        let mut found = Vec::new();
        for peer in &settings.peers {
            let theirs = domain(&peer.admin);
            if theirs.is_some() && settings.general.alertcontact.iter().any(|c| domain(c) == theirs) {
                found.push(format!(
                    "{}: its admin and ours have mailboxes at the same provider ({})",
                    peer.name,
                    theirs.clone().unwrap_or_default()
                ));
            }
            if theirs.is_some() && theirs == ours {
                found.push(format!("{}: its admin's mailbox is where our own mail is sent from", peer.name));
            }
        }
        found
    }
}

fn canaries(settings: &settings::Settings) -> Canaries {
    let (email, pace) = (&settings.email, &settings.pace);
    let Some(canary) = &settings.canary else {
        return Canaries::new(MINUTE * 15, MINUTE * 10, false, email.daily_limit);
    };
    let (by, within) = match canary.via {
        Via::Peer(_) => (By::Peer, canary.within + pace.peer_look()),
        Via::Human => (By::Human, canary.within),
        Via::Imap { .. } | Via::Maildir(_) | Via::None => (By::Mailbox, canary.within),
    };
    let provable = !matches!(canary.via, Via::None) && !email.nomail;
    Canaries::new(canary.every, within, provable, email.daily_limit).seen_by(by)
}

/// What the bounds follow from, while no window is open.
pub(super) fn outside_windows(settings: &settings::Settings) -> Site {
    let proof = match settings.canary.as_ref().map(|c| &c.via) {
        Some(Via::Imap { .. }) => Proof::Mailbox,
        Some(Via::Maildir(_)) => Proof::Local,
        Some(Via::Peer(_)) => Proof::Peer,
        Some(Via::Human) => Proof::Human,
        Some(Via::None) | None => Proof::None,
    };
    let rhythm = |p: &Policy| (p.every, p.failure_threshold, p.until_judged());
    let all: BTreeSet<_> = settings.jobs.iter().map(|job| (rhythm(job.policy()), job.seen_after())).collect();
    let jobs: BTreeSet<_> = all.iter().map(|(job, _)| *job).collect();
    Site {
        pace: settings.pace,
        canaries: canaries(settings),
        proof,
        peers: settings.peers.iter().filter(|p| p.key.is_some()).count(),
        legacy: settings.peers.iter().filter(|p| p.key.is_none()).count(),
        pushed: settings.peers.iter().filter(|p| p.push).count(),
        unasked: settings.peers.iter().filter(|p| p.url.is_none()).count(),
        daemon: settings.daemon.is_some(),
        listens: settings.daemon.as_ref().is_some_and(|d| d.peer_listen.is_some()),
        channels: settings.channels.len(),
        deadman: settings.deadman.is_some(),
        jobs: jobs.into_iter().collect(),
        slow: all.into_iter().filter(|(_, seen_after)| !seen_after.is_zero()).collect(),
        windowed: Vec::new(),
        latency: LATENCY,
    }
}

/// The digest of settings, by which an edit is noticed.
pub(super) fn digest(settings: &settings::Settings) -> String {
    let mut all = String::new();
    for source in &settings.sources {
        all.push_str(&source.path.display().to_string());
        all.push('\n');
        all.push_str(&source.text);
        all.push('\n');
    }
    for secret in secrets(settings) {
        all.push_str(secret);
        all.push('\n');
    }
    for file in ca_files(settings) {
        all.push_str(&std::fs::read_to_string(file).unwrap_or_default());
        all.push('\n');
    }
    Uuid::new_v5(&Uuid::NAMESPACE_OID, all.as_bytes()).simple().to_string()
}

/// What stands in files of its own and is read with the settings: a new password is an edit too.
fn secrets<'a>(settings: &'a settings::Settings) -> Vec<&'a str> {
    let servers = match &settings.email.transport {
        settings::Transport::Smtp(servers) => servers.as_slice(),
        settings::Transport::Sendmail | settings::Transport::File(_) => &[],
    };
    let mut logins: Vec<&settings::Login> = servers.iter().filter_map(|s| s.login.as_ref()).collect();
    if let Some(Via::Imap { login, .. }) = settings.canary.as_ref().map(|c| &c.via) {
        logins.push(login);
    }
    let password = |login: &&'a settings::Login| match &login.by {
        settings::LoginBy::Password(pass) => Some(pass),
        settings::LoginBy::Token(_) => None,
    };
    let mut all: Vec<&settings::Secret> = logins.iter().filter_map(password).collect();
    all.extend(settings.channels.iter().filter_map(|c| match &c.way {
        settings::Way::Webhook { url, .. } => Some(url),
        settings::Way::Command { .. } => None,
    }));
    all.extend(settings.deadman.as_ref().map(|d| &d.url));
    all.into_iter().map(settings::Secret::expose).collect()
}

/// Certificates that are trusted besides the system's.
fn ca_files(settings: &settings::Settings) -> Vec<&Path> {
    let mut all: Vec<&Path> = Vec::new();
    if let settings::Transport::Smtp(servers) = &settings.email.transport {
        all.extend(servers.iter().filter_map(|s| s.ca_file.as_deref()));
    }
    if let Some(Via::Imap { ca_file, .. }) = settings.canary.as_ref().map(|c| &c.via) {
        all.extend(ca_file.as_deref());
    }
    all.extend(settings.channels.iter().filter_map(|c| match &c.way {
        settings::Way::Webhook { ca_file, .. } => ca_file.as_deref(),
        settings::Way::Command { .. } => None,
    }));
    all.extend(settings.deadman.as_ref().and_then(|d| d.ca_file.as_deref()));
    all
}

fn peer(peer: &settings::Peer) -> Result<Peer, Failure> {
    let wrong = |why: String| Failure::Other(Exit::Settings, format!("[[peer]] {}: {why}", peer.name));
    let key = peer.key.as_deref().map(PublicKey::parse).transpose().map_err(wrong)?;
    // One that pushes is never asked; any address will do.
    let url = peer.url.as_deref().unwrap_or("http://localhost:5000");
    Ok(Peer {
        watched: Watched {
            name: peer.name.clone(),
            node: key.as_ref().map(|k| NodeId(k.id())),
            pushes: peer.url.is_none(),
            push: peer.push,
        },
        target: Target::new(url, key).map_err(wrong)?,
        key,
        admin: Recipient(peer.admin.clone()),
    })
}

/// The place of the control socket.
pub(super) fn socket(world: &World) -> Option<PathBuf> {
    world.settings.daemon.as_ref().map(|d| d.control.clone())
}
