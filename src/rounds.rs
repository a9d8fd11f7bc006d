//! What each pass does for the watch of Checker over itself and over its peers, beside the jobs: it asks our own daemon
//! whether it is there, and the peers how they are. What the answers mean is decided in [`crate::decide::peers`].

use crate::control::{self, Answer, Ask};
use crate::decide::pace::{self, Pace};
use crate::decide::peers::{self, Brought, Heard, SKEW, Verdict, View, Watched};
use crate::decide::status::{NodeId, Sees, Status};
use crate::decide::{Recipient, health};
use crate::node;
use crate::peer::{self, Instance, NodeKey, Nonce, PublicKey, Target};
use crate::store::{Own, Result};
use checker_job::{JobId, Outcome, Timestamp, duration_words};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Where what is remembered of peers is kept in the own group.
const VIEWS: &str = "peers";
/// When the daemon was last started by a pass, in the own group.
const RESPAWNED: &str = "respawned_at";
/// Not more often than this.
const RESPAWN_EVERY: Duration = Duration::from_secs(300);

/// A peer, ready to be asked.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What decisions need to know of it.
    pub watched: Watched,
    /// Where it is asked.
    pub target: Target,
    /// Its key; a first program has none.
    pub key: Option<PublicKey>,
    /// Its admin.
    pub admin: Recipient,
}

/// What rounds work on.
pub struct Rounds<'a> {
    /// This node's own group.
    pub own: &'a dyn Own,
    /// Our own admin.
    pub contacts: &'a [Recipient],
    /// Our key.
    pub key: &'a Arc<NodeKey>,
    /// This running machine.
    pub instance: &'a Instance,
    /// The peers.
    pub peers: &'a [Peer],
    /// The machines that have asked us with the key of each peer.
    pub askers: &'a BTreeMap<NodeId, Vec<String>>,
    /// The times that hold.
    pub pace: Pace,
    /// The time of all decisions.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Whether this host is cut off; asked only when these are silent, and nobody else has answered.
    pub cut_off: &'a dyn Fn(&[&Peer]) -> bool,
}

/// Asks our own daemon whether it is there, and tells if it is not. `respawn` starts it again and says what came of it.
///
/// # Errors
/// Of the store.
pub fn watch_daemon(
    own: &dyn Own,
    contacts: &[Recipient],
    socket: &Path,
    respawn: Option<&dyn Fn() -> String>,
    now: Timestamp,
) -> Result<Option<Answer>> {
    let answer = hello(socket);
    let outcome = match &answer {
        // Another one could not begin beside it.
        Ok(answer) if answer.hangs => {
            tracing::warn!("the daemon answers, and its duties hang");
            let end = format!("End it; the next pass starts it again: kill -9 {}", answer.pid);
            health::daemon(Err("its duties hang"), Some(&end))
        }
        Ok(_) => health::daemon(Ok(()), None),
        Err(why) => {
            tracing::warn!("the daemon does not answer: {why}");
            let tried = respawn.map(|respawn| again(own, respawn, now)).transpose()?.flatten();
            health::daemon(Err(why), tried.as_deref())
        }
    };
    node::judge(own, contacts, &node::daemon(), &outcome, now)?;
    Ok(answer.ok())
}

/// A daemon that begins anew, as after an upgrade, is not there for a moment. That is no reason to start another one.
fn hello(socket: &Path) -> std::result::Result<Answer, String> {
    let until = Instant::now() + pace::DAEMON;
    loop {
        let answer = control::ask(socket, &Ask::Hello, pace::DAEMON);
        if answer.is_ok() || Instant::now() >= until {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts the daemon, unless that was tried a moment ago.
fn again(own: &dyn Own, respawn: &dyn Fn() -> String, now: Timestamp) -> Result<Option<String>> {
    let last = own.meta(RESPAWNED)?.and_then(|t| t.parse().ok()).map(Timestamp::from_micros);
    if let Some(at) = last
        && at <= now
        && now.since(at) < RESPAWN_EVERY
    {
        let (ago, pause) = (duration_words(now.since(at)), duration_words(RESPAWN_EVERY));
        return Ok(Some(format!("A pass started it {ago} ago. None does so twice within {pause}.")));
    }
    own.set_meta(RESPAWNED, Some(&now.micros().to_string()))?;
    Ok(Some(respawn()))
}

impl Rounds<'_> {
    /// Asks whoever is due and decides on the answers; `brought` are statuses that came by themselves: `None` where
    /// our daemon, which takes them, does not answer. The answer is how we see all peers, or `None` if nobody was due.
    ///
    /// # Errors
    /// Of the store.
    pub fn watch_peers(&self, brought: Option<&Brought>) -> Result<Option<Vec<Sees>>> {
        let watched: Vec<Watched> = self.peers.iter().map(|p| p.watched.clone()).collect();
        let before = self.views_of(&watched)?;
        let began = (self.now)();
        let due = peers::round(&watched, &before, &self.pace, began);
        let mut answers = self.ask(&due);
        if let Some(brought) = brought {
            answers.extend(brought.heard(&watched, &before, &self.pace, (self.now)()));
        }
        if answers.is_empty() {
            return Ok(None);
        }
        let cut_off = self.is_cut_off(&answers);
        peers::counted(&watched, &mut answers, cut_off);
        // All that takes time, and another pass may have heard something meanwhile.
        let mut all = self.views_of(&watched)?;
        let now = (self.now)();
        answers.retain(|(at, heard)| all.get(*at).is_some_and(|v| v.counts(heard, began, &self.pace, now)));
        if answers.is_empty() {
            return Ok(None);
        }
        for (peer, view) in watched.iter().zip(&mut all) {
            let askers = peer.node.as_ref().and_then(|id| self.askers.get(id));
            askers.into_iter().flatten().for_each(|instance| view.spoke(instance, now));
        }
        for (at, heard) in &answers {
            if let (Some(peer), Some(view)) = (watched.get(*at), all.get_mut(*at)) {
                view.hear(peer, heard, now);
            }
        }
        let me = NodeId(self.key.public().id());
        let verdicts = peers::judge_round(&me, &watched, &all, &answers, cut_off, &self.pace, now);
        for (at, verdict) in &verdicts {
            self.tell(*at, verdict, now)?;
        }
        self.note_told(&mut all, &verdicts, now)?;
        self.watch_clocks(&all, &answers, now)?;
        self.watch_watchers(&me, &mut all, &answers, now)?;
        save(self.own, &watched, &all)?;
        Ok(Some(sees(&watched, &all, now)))
    }

    /// Whether the silences of this round may be ours. Whoever answers shows that they are not.
    fn is_cut_off(&self, answers: &[(usize, Heard)]) -> bool {
        let is_silent = |heard: &Heard| matches!(heard, Heard::Silent(_) | Heard::Garbled(_));
        let (silent, answered): (Vec<_>, Vec<_>) = answers.iter().partition(|(_, heard)| is_silent(heard));
        let asked = |(at, _): &&(usize, Heard)| self.peers.get(*at).is_some_and(|p| !p.watched.pushes);
        let silent: Vec<&Peer> = silent.into_iter().filter_map(|(at, _)| self.peers.get(*at)).collect();
        !silent.is_empty() && !answered.iter().any(asked) && (self.cut_off)(&silent)
    }

    /// What is remembered of each of them now.
    fn views_of(&self, watched: &[Watched]) -> Result<Vec<View>> {
        let mut known = views(self.own)?;
        Ok(watched.iter().map(|p| known.remove(&p.name).unwrap_or_default()).collect())
    }

    /// All who are due, at once.
    fn ask(&self, due: &[usize]) -> Vec<(usize, Heard)> {
        if due.is_empty() {
            return Vec::new();
        }
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(why) => {
                tracing::error!("peers cannot be asked: {why}");
                return Vec::new();
            }
        };
        let answers = runtime.block_on(async {
            let deadline = Instant::now() + pace::ANSWER;
            let mut asked = JoinSet::new();
            for at in due {
                let Some(peer) = self.peers.get(*at) else { continue };

                let (target, key, instance, at) =
                    (peer.target.clone(), Arc::clone(self.key), self.instance.clone(), *at);
                asked.spawn(async move {
                    let nonce = match Nonce::fresh() {
                        Ok(nonce) => nonce,
                        Err(why) => return (at, Heard::Silent(why.to_string())),
                    };
                    (at, read(peer::ask(&target, &key, &instance, nonce, deadline).await))
                });
            }
            let mut answers = Vec::new();
            while let Some(done) = asked.join_next().await {
                answers.extend(done.ok());
            }
            answers.sort_by_key(|(at, _)| *at);
            answers
        });
        // A resolver that hangs keeps a thread; nobody waits for it.
        runtime.shutdown_background();
        answers
    }

    fn tell(&self, at: usize, verdict: &Verdict, now: Timestamp) -> Result<()> {
        let Some(peer) = self.peers.get(at) else { return Ok(()) };
        let ours = || self.contacts.iter().filter(|c| verdict.ours_only || **c != peer.admin).cloned();
        let mut to = if verdict.ours_only { Vec::new() } else { vec![peer.admin.clone()] };
        if verdict.ours_too || verdict.ours_only {
            to.extend(ours());
        }
        let trouble = node::peer(&peer.watched.name, verdict.threshold, verdict.once);
        node::judge_held(self.own, &to, &trouble, &verdict.outcome, verdict.held, now).map(drop)
    }

    /// Told means accepted by a channel: only that lets others be silent.
    fn note_told(&self, views: &mut [View], verdicts: &[(usize, Verdict)], now: Timestamp) -> Result<()> {
        if views.iter().all(|v| v.bad == 0 && !v.told) {
            return Ok(());
        }
        let ids: Vec<JobId> = self.peers.iter().map(|p| node::peer(&p.watched.name, 1, false).id).collect();
        let (states, waiting, unsent) = (self.own.states(&ids)?, self.own.waiting()?, self.own.unsent()?);
        for (at, (id, view)) in ids.iter().zip(views).enumerate() {
            let told_at = states.get(id).and_then(|s| s.failure.as_ref()).and_then(|e| e.told_at);
            let decided = told_at.is_some();
            if let Some((_, verdict)) = verdicts.iter().find(|(n, _)| *n == at) {
                view.judged(verdict, told_at == Some(now));
            }
            let open = waiting.iter().any(|w| w.alert.id.job == *id)
                || unsent.iter().any(|d| d.alerts.iter().any(|a| a.job == *id));
            view.told = decided && !open;
        }
        Ok(())
    }

    fn watch_clocks(&self, views: &[View], answers: &[(usize, Heard)], now: Timestamp) -> Result<()> {
        for (at, heard) in answers {
            let (Some(peer), Some(view), Heard::Status(_)) = (self.peers.get(*at), views.get(*at), heard) else {
                continue;
            };
            let name = &peer.watched.name;
            let apart = Duration::from_secs(view.skew_s.unsigned_abs());
            let outcome = if apart > SKEW {
                let way = if view.skew_s > 0 { "behind" } else { "ahead of" };
                Outcome::failed(format!("our clock is {} {way} that of {name}", duration_words(apart))).with_detail(
                    "One of the two is wrong. Compare both with the world:\n  timedatectl; chronyc tracking\nWhere a clock is wrong, so are \
                     the times in messages and logs, and what runs by the hour\nor the day runs at the wrong time.",
                )
            } else {
                Outcome::ok(format!("our clock and that of {name} agree"))
            };
            node::judge(self.own, self.contacts, &node::skew(name), &outcome, now)?;
        }
        Ok(())
    }

    /// Those that we push to do not ask us, so the daemon cannot see whether they watch us: what they say shows it.
    fn watch_watchers(
        &self,
        me: &NodeId,
        views: &mut [View],
        answers: &[(usize, Heard)],
        now: Timestamp,
    ) -> Result<()> {
        for (at, heard) in answers {
            let (Some(peer), Some(view)) = (self.peers.get(*at), views.get_mut(*at)) else { continue };
            if let Some(outcome) = view.looked_at(me, &peer.watched, heard, &self.pace, now) {
                node::judge(self.own, self.contacts, &node::unwatched(&peer.watched.name), &outcome, now)?;
            }
        }
        Ok(())
    }
}

/// Pushes our status to the peers that want it. Whether one of them knows a higher number: then a copy of us has counted
/// on, or our state is an old one.
pub fn push(peers: &[Peer], key: &Arc<NodeKey>, instance: &Instance, status: &[u8]) -> bool {
    let wanted: Vec<&Peer> = peers.iter().filter(|p| p.watched.push).collect();
    if wanted.is_empty() {
        return false;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            tracing::error!("the status is not pushed: {why}");
            return false;
        }
    };
    let old = runtime.block_on(async {
        let deadline = Instant::now() + pace::ANSWER;
        let mut all = JoinSet::new();
        for peer in wanted {
            let Ok(nonce) = Nonce::fresh() else { continue };
            let (peer, key, instance, body) = (peer.clone(), Arc::clone(key), instance.clone(), status.to_vec());
            all.spawn(async move {
                let pushed = peer::push(&peer.target, &key, &instance, nonce, body, deadline).await;
                if pushed != peer::Pushed::Taken {
                    tracing::warn!("{} did not take our status: {pushed:?}", peer.watched.name);
                }
                pushed == peer::Pushed::Old
            });
        }
        // One that does not answer delays no other.
        let mut old = false;
        while let Some(done) = all.join_next().await {
            old |= done.unwrap_or(false);
        }
        old
    });
    runtime.shutdown_background();
    old
}

/// What came over the wire, as decisions want it.
pub(crate) fn read(heard: peer::Heard) -> Heard {
    match heard {
        peer::Heard::Status(body) => match Status::read(&body) {
            Ok(status) => Heard::Status(Box::new(status)),
            Err(why) => Heard::Garbled(why),
        },
        peer::Heard::Word(word) | peer::Heard::UnsignedWord(word) => Heard::Word(word),
        peer::Heard::Silent { why, .. } => Heard::Silent(why),
        peer::Heard::Garbled(why) => Heard::Garbled(why),
    }
}

/// What is remembered of peers, by name.
///
/// # Errors
/// Of the store.
pub fn views(own: &dyn Own) -> Result<BTreeMap<String, View>> {
    Ok(own.meta(VIEWS)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
}

fn save(own: &dyn Own, peers: &[Watched], views: &[View]) -> Result<()> {
    let all: BTreeMap<&str, &View> = peers.iter().map(|p| p.name.as_str()).zip(views).collect();
    own.set_meta(VIEWS, Some(&serde_json::to_string(&all).unwrap_or_default()))
}

/// How we see the peers that have a key.
pub fn sees(peers: &[Watched], views: &[View], now: Timestamp) -> Vec<Sees> {
    let pairs = peers.iter().zip(views);
    pairs
        .filter_map(|(peer, view)| {
            Some(Sees {
                node: peer.node.clone()?,
                ok: view.is_ok(),
                there: view.is_there(),
                polled_s: now.since(view.asked?).as_secs(),
                told: view.told,
                link: view.bad > 0 && view.link,
                ..Sees::default()
            })
        })
        .collect()
}
