//! `checker daemon`: the process beside cron. This file only wires.

pub(super) mod hands;

use super::args;
use super::exit::{Exit, Failure};
use super::watch::digest;
use super::world::{World, login_by};
use super::{Cx, is_terminal};
use crate::control::Program;
use crate::daemon::duties::Parts;
use crate::daemon::listen::News;
use crate::daemon::{
    Duties, Event, Knowledge, answers::Door, drills, init, knowledge, listen, looks::Looks, passes, service,
};
use crate::decide::health::Facts;
use crate::decide::mail;
use crate::decide::peers::Watched;
use crate::decide::status::NodeId;
use crate::node::identity;
use crate::peer;
use crate::registry::Registry;
use crate::rounds::views;
use crate::store::Scripts;
use crate::web::Directory;
use crate::{clock, drill, node, settings, web};
use checker_parts::mailbox::{ImapAccount, Security};
use checker_parts::tls::Trust;
use hands::Post;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use uuid::Uuid;

/// So long the duties may take to end.
const FAREWELL: Duration = Duration::from_secs(25);

/// Why the listeners ended.
enum End {
    Stop,
    Renew(&'static str),
}

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Daemon) -> Result<Exit, Failure> {
    init::take_signals();
    if init::is_first() {
        let code = init::serve().map_err(|e| Failure::Other(Exit::Io, format!("the daemon cannot be started: {e}")))?;
        return if code == 0 { Ok(Exit::Ok) } else { Err(Failure::Ended(code)) };
    }
    let mut world = World::load_or_recall(cx, false)?;
    let Some(settings) = world.settings.daemon.clone() else {
        return Err(Failure::Other(
            Exit::Settings,
            "there is no table [daemon] in the settings: add it, with peer_listen = \"[::]:5000\" if there are peers"
                .to_owned(),
        ));
    };
    let site = Site::of(&mut world, args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Other(Exit::Io, format!("the daemon cannot be started: {e}")))?;
    let end = runtime.block_on(site.serve(cx.registry, &world, &settings))?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    match end {
        End::Stop => Ok(Exit::Ok),
        End::Renew(why) => renew(why),
    }
}

/// The same process begins anew: with the program and the settings that are there now.
fn renew(why: &str) -> Result<Exit, Failure> {
    tracing::info!("the daemon begins anew: {why}");
    let mut words = std::env::args_os();
    let program = Program::file();
    let failed = Command::new(&program).arg0(words.next().unwrap_or_default()).args(words).exec();
    Err(Failure::Other(Exit::Io, format!("{} cannot be started: {failed}", program.display())))
}

/// What the daemon works on.
struct Site {
    home: Arc<crate::store::Home>,
    knowledge: Knowledge,
    post: Post,
    peers: Vec<peer::PublicKey>,
    watched: Vec<Watched>,
    key: Arc<peer::NodeKey>,
    program: Program,
    digest: String,
    /// The file of the state, as it was opened.
    opened: Option<Program>,
    /// Which scripts may call.
    directory: Option<Directory>,
    /// With `--cron`: how a pass is started.
    passes: Option<passes::Start>,
}

impl Site {
    fn of(world: &mut World, args: &args::Daemon) -> Result<Self, Failure> {
        let home = world.home(true);
        let store = world.open(&home)?;
        let id = Uuid::now_v7();
        home.hold(id)?;
        identity(&store.own())?;
        let contacts = world.contacts();
        if let Err(why) = node::settings(&store.own(), &contacts, world.broken.as_deref(), clock::now().wall) {
            tracing::warn!("the trouble with the settings cannot be noted: {why}");
        }
        let key = world.key()?;
        let peers = world.peers()?;
        let steady = clock::Steady::start();
        let facts = Facts {
            pass: None,
            started: steady.now(),
            before: None,
            mail: mail::Known::NotYet,
            nomail: world.settings.email.nomail,
            daemon_ok: true,
            pace: world.settings.pace,
        };
        let instance = world.instance().to_string();
        let knowledge = Knowledge::new(steady, facts, NodeId(key.public().id()), instance);
        // By the key in our settings, whatever they call themselves.
        let known = views(&store.own())?;
        let number =
            |p: &crate::rounds::Peer| Some((p.watched.node.clone()?, known.get(&p.watched.name)?.status.as_ref()?.seq));
        let numbers = peers.iter().filter_map(number);
        knowledge.lock().count_from(knowledge::seq(&store.own(), clock::now().wall)?, numbers);
        knowledge.lock().settings_ok = world.broken.is_none();
        knowledge.lock().mail_by = world.mail_by();
        let digest = digest(&world.settings);
        let opened = Program::of(world.state());
        let start = args.cron.then(|| passes::Start { args: pass_args(world) });
        let post = Post::of(world, &home, id)?;
        let expected = world.settings.jobs.iter().chain(&world.settings.disabled).filter_map(|job| job.expected());
        let directory = Some(Directory::new(expected, &world.settings.scripts, &node::host_name()));
        // The daemon runs no jobs: thousands of them need not stay in memory.
        world.settings.jobs = Vec::new();
        world.settings.disabled = Vec::new();
        world.settings.sources = Vec::new();
        Ok(Self {
            home,
            knowledge,
            post,
            watched: peers.iter().map(|p| p.watched.clone()).collect(),
            peers: peers.into_iter().filter_map(|p| p.key).collect(),
            key,
            program: Program::running(),
            digest,
            opened,
            directory,
            passes: start,
        })
    }

    async fn serve(
        mut self,
        registry: &Registry,
        world: &World,
        settings: &crate::settings::Daemon,
    ) -> Result<End, Failure> {
        let trouble = |what: String| move |e: std::io::Error| Failure::Other(Exit::Io, format!("{what}: {e}"));
        let control = listen::bind(&settings.control)
            .map_err(trouble(format!("the control socket {} cannot be made", settings.control.display())))?;
        let (events, duties) = mpsc::channel();
        let (stop, stopped) = watch::channel(false);
        let (renew, mut renewed) = tokio::sync::mpsc::channel(1);
        if let Some(at) = settings.peer_listen {
            let listener = peer::listen::bind(at).map_err(trouble(format!("peers cannot be listened to at {at}")))?;
            let pinned = self.peers.iter().copied().collect();
            let door = Door::new(self.knowledge.clone(), pinned, looks(registry, world), events.clone());
            let mut stopped = stopped.clone();
            let until = async move { drop(stopped.changed().await) };
            tokio::spawn(peer::listen::run(listener, Some(Arc::clone(&self.key)), Arc::new(door), until));
        }
        self.answer_scripts(world, settings, stopped.clone())?;
        let desk = listen::Desk {
            knowledge: self.knowledge.clone(),
            events: events.clone(),
            program: self.program.clone(),
            settings: self.digest.clone(),
            state: world.state().to_owned(),
            opened: self.opened.clone(),
        };
        tokio::spawn(listen::serve(control, desk, renew));
        if let Some(start) = self.passes.take() {
            tokio::spawn(passes::each_minute(start, stopped));
        }
        if let Some(every) = world.settings.drill {
            tokio::spawn(drills::run(self.drills(world, every), stop.subscribe()));
        }
        let listens = settings.peer_listen.is_some();
        let ended = self.start_duties(world, listens, duties)?;
        service::ready();
        if is_terminal() {
            tracing::info!("the daemon runs; end it with Ctrl-C");
        }
        let mut ended = ended;
        let end = self.until_told(registry, world, &events, &mut renewed, &mut ended).await?;
        match end {
            End::Stop => service::stopping(),
            End::Renew(_) => service::reloading(),
        }
        if stop.send(true).is_err() | events.send(Event::Stop).is_err() {
            tracing::debug!("a part of the daemon has ended already");
        }
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            tracing::warn!("the daemon's duties did not end in time; what they were at is found again");
        }
        if matches!(end, End::Stop)
            && let Err(why) = std::fs::remove_file(&settings.control)
        {
            tracing::debug!("the control socket stays: {why}");
        }
        Ok(end)
    }

    /// Where scripts call.
    fn answer_scripts(
        &mut self,
        world: &World,
        settings: &crate::settings::Daemon,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let (Some(at), Some(directory)) = (settings.web_listen, self.directory.take()) else { return Ok(()) };
        let trouble = |e: std::io::Error| {
            Failure::Other(Exit::Io, format!("calls of scripts cannot be listened to at web_listen, {at}: {e}"))
        };
        let listener = web::listen::bind(at).map_err(trouble)?;
        let home = Arc::clone(&self.home);
        let open = move || home.open().map(|store| Box::new(store.shared()) as Box<dyn Scripts + Send>);
        let node = identity(&self.home.open()?.own())?;
        let ledger = web::ledger::Ledger::start(Box::new(open), world.state().to_owned(), world.spool(), node)
            .map_err(trouble)?;
        let until = async move { drop(stopped.changed().await) };
        tokio::spawn(web::listen::run(listener, directory, ledger, until));
        Ok(())
    }

    /// Drills by the calendar.
    fn drills(&self, world: &World, every: Duration) -> drills::Drills {
        let home = Arc::clone(&self.home);
        let last = move || {
            let read = |store: &crate::store::Sqlite| match drill::last(&store.own())? {
                // The time counts from the first look on.
                None => drill::note_last(&store.own(), clock::now().wall).map(|()| Some(clock::now().wall)),
                last => Ok(last),
            };
            home.open().and_then(|store| read(&store)).ok().flatten()
        };
        let mut args = base_args(world);
        args.extend(["drill".into(), "--scheduled".into()]);
        drills::Drills { every, args, last: Box::new(last), now: Box::new(|| clock::now().wall) }
    }

    /// The duties, on a thread of their own. What they answer when they end is that they have.
    fn start_duties(
        &self,
        world: &World,
        listens: bool,
        events: mpsc::Receiver<Event>,
    ) -> Result<tokio::sync::oneshot::Receiver<()>, Failure> {
        let (says, ended) = tokio::sync::oneshot::channel();
        let (home, knowledge, mut post) = (Arc::clone(&self.home), self.knowledge.clone(), self.post.clone());
        let (contacts, canaries, watched) = (world.contacts(), world.canaries(), self.watched.clone());
        let lookers = world.lookers();
        let mailbox = Some(post.to().clone()).filter(|_| post.sees());
        let work = move || {
            let done = home.open().and_then(|store| {
                let (own, shared) = (store.own(), store.shared());
                let alive = (service::watchdog(), &service::alive as &dyn Fn());
                let parts = Parts {
                    own: &own,
                    shared: &shared,
                    contacts: &contacts,
                    canaries,
                    mailbox: mailbox.as_ref(),
                    lookers: &lookers,
                    peers: &watched,
                    listens,
                };
                Duties::new(knowledge, parts, &mut post, alive)?.run(&events);
                Ok(())
            });
            if let Err(why) = done {
                tracing::error!("the daemon's duties cannot begin: {why}");
            }
            if says.send(()).is_err() {
                tracing::debug!("nobody waits for the duties any more");
            }
        };
        let thread = std::thread::Builder::new().name("duties".to_owned()).spawn(work);
        thread.map_err(|e| Failure::Other(Exit::Io, format!("no thread for the daemon's duties: {e}")))?;
        Ok(ended)
    }

    /// Waits until the daemon is to end or to begin anew.
    async fn until_told(
        &self,
        registry: &Registry,
        world: &World,
        events: &mpsc::Sender<Event>,
        renewed: &mut tokio::sync::mpsc::Receiver<News>,
        ended: &mut tokio::sync::oneshot::Receiver<()>,
    ) -> Result<End, Failure> {
        let cannot = |e: std::io::Error| Failure::Other(Exit::Io, format!("signals cannot be received: {e}"));
        let mut term = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut int = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut hup = signal(SignalKind::hangup()).map_err(cannot)?;
        loop {
            tokio::select! {
                _ = term.recv() => return Ok(End::Stop),
                _ = int.recv() => return Ok(End::Stop),
                Some(news) = renewed.recv() => {
                    if let Some(why) = self.is_news(registry, world, events, news) {
                        return Ok(End::Renew(why));
                    }
                }
                _ = hup.recv() => {
                    if self.loads(registry, world, events).is_some() {
                        return Ok(End::Renew("it was asked to (SIGHUP)"));
                    }
                }
                _ = &mut *ended => {
                    return Err(Failure::Other(Exit::Io, "the daemon's duties ended by themselves; see the log".to_owned()));
                }
            }
        }
    }

    /// A pass runs on something else than we do. Whether it concerns us, and why: a pass may have been started by hand, with
    /// another program or other settings than ours.
    fn is_news(
        &self,
        registry: &Registry,
        world: &World,
        events: &mpsc::Sender<Event>,
        news: News,
    ) -> Option<&'static str> {
        match news {
            News::Program => (Program::of(&Program::file())? != self.program).then_some("the program was replaced"),
            News::State => Some("the file of the state was replaced"),
            News::Clock => Some("the clock was set"),
            News::Settings => {
                let now = self.loads(registry, world, events)?;
                (now != self.digest).then_some("the settings were edited")
            }
        }
    }

    /// The digest of the settings that are there now. If they cannot be used, the old ones go on, the admin is told, and the
    /// word is `JobProblem`.
    fn loads(&self, registry: &Registry, world: &World, events: &mpsc::Sender<Event>) -> Option<String> {
        let loaded = world.reload(registry);
        self.knowledge.lock().settings_ok = loaded.is_ok();
        let problem = match &loaded {
            Ok(_) => None,
            Err(problem) => {
                tracing::error!("the settings do not load; the old ones go on: {problem}");
                Some(problem.as_str())
            }
        };
        let told = self
            .home
            .open()
            .and_then(|store| node::settings(&store.own(), &world.contacts(), problem, clock::now().wall));
        if let Err(why) = told {
            tracing::warn!("the trouble with the settings cannot be noted: {why}");
        }
        if events.send(Event::Tell).is_err() {
            tracing::debug!("the duties of the daemon have ended");
        }
        loaded.ok().map(|settings| digest(&settings))
    }
}

/// Looks for the peers that may ask for them.
fn looks(registry: &Registry, world: &World) -> Looks {
    let allowed = world.settings.peers.iter().filter_map(|p| {
        let key = peer::PublicKey::parse(p.key.as_deref()?).ok()?;
        Some((key, p.name.clone(), p.confirm_for?))
    });
    Looks::new(allowed, registry.kinds_elsewhere().collect(), ["/proc/self/exe", "look"].map(str::to_owned))
}

/// The mailbox that canaries arrive in.
fn account(
    host: &str,
    port: u16,
    login: &settings::Login,
    ca_file: Option<&std::path::Path>,
) -> Result<ImapAccount, Failure> {
    let cannot = |e: String| Failure::Other(Exit::Settings, format!("[canary] ca_file: {e}"));
    let trust = match ca_file {
        Some(file) => Trust::with_ca_file(file, &[]).map_err(cannot)?,
        None => Trust::system(&[]),
    };
    Ok(ImapAccount {
        host: host.to_owned(),
        port,
        security: if port == 143 { Security::Plain } else { Security::Tls },
        user: login.user.clone(),
        by: login_by(&login.by),
        trust: Arc::new(trust),
    })
}

/// How `--cron` calls a pass: as this daemon was called.
fn pass_args(world: &World) -> Vec<OsString> {
    let mut args = base_args(world);
    args.push("cron".into());
    args
}

/// The options that this daemon was called with.
fn base_args(world: &World) -> Vec<OsString> {
    let mut args = vec![OsString::from("-f"), world.path.clone().into_os_string()];
    if world.settings.email.nomail {
        args.push("--nomail".into());
    }
    args
}
