//! The control socket's side of the daemon.

use super::duties::Event;
use super::knowledge::Knowledge;
use crate::control::{Answer, Ask, LINE_MAX, Program};
use crate::decide::peers;
use checker_job::Timestamp;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// One exchange takes no longer.
const EXCHANGE: Duration = Duration::from_secs(5);
/// So many may speak at once.
const AT_ONCE: usize = 32;

/// Makes the socket: mode 0600, at its place only when nobody else can have it. A dead daemon's socket is replaced.
///
/// # Errors
/// If a living daemon listens there, or the place cannot be used.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("a daemon runs already: it listens at {}", path.display()),
        ));
    }
    // Bound beside and moved: nobody can connect before its mode is right.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    match std::fs::remove_file(beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(beside)?;
    std::fs::set_permissions(beside, Permissions::from_mode(0o600))?;
    std::fs::rename(beside, path)?;
    Ok(listener)
}

/// What a pass may run on that is not what we run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Another program.
    Program,
    /// Other settings.
    Settings,
    /// The file of the state is another one than that which we opened.
    State,
    /// The wall clock was set.
    Clock,
}

/// What the control socket needs.
#[derive(Clone, Debug)]
pub struct Desk {
    /// What is known.
    pub knowledge: Knowledge,
    /// Wakes the duties.
    pub events: Sender<Event>,
    /// The program that this daemon runs.
    pub program: Program,
    /// The settings that it runs on, as a digest.
    pub settings: String,
    /// The file of the state.
    pub state: std::path::PathBuf,
    /// That file as it was opened.
    pub opened: Option<Program>,
}

/// By so much the wall clock may differ from our steady one: less is how clocks are set right bit by bit.
const STEADY: Duration = Duration::from_secs(5);

impl Desk {
    /// What we run on that is not what is there now, as far as we can see that ourselves.
    fn news(&self) -> Option<News> {
        let same = |a: &Program, b: &Program| (a.dev, a.ino) == (b.dev, b.ino);
        if let (Some(opened), Some(there)) = (&self.opened, Program::of(&self.state))
            && !same(opened, &there)
        {
            return Some(News::State);
        }
        let (wall, ours) = (crate::clock::now().wall, self.knowledge.lock().now());
        (wall.since(ours).max(ours.since(wall)) > STEADY).then_some(News::Clock)
    }
}

/// Answers until the process ends.
pub async fn serve(listener: UnixListener, desk: Desk, renew: tokio::sync::mpsc::Sender<News>) {
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = std::sync::Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (desk, renew) = (desk.clone(), renew.clone());
                tokio::spawn(async move {
                    let _place = place;
                    let talked = tokio::time::timeout(EXCHANGE, talk(stream, &desk, &renew)).await;
                    if let Ok(Err(why)) = talked {
                        tracing::debug!("control: {why}");
                    }
                });
            }
            Err(why) => {
                tracing::warn!("the control socket: {why}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn talk(mut stream: UnixStream, desk: &Desk, renew: &tokio::sync::mpsc::Sender<News>) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    if uid != 0 && uid != nix::unistd::getuid().as_raw() {
        tracing::warn!("control: user {uid} is not ours and was sent away");
        return Ok(());
    }
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(LINE_MAX)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => answer(ask, desk, renew),
        Err(why) => Answer { problem: Some(format!("not understood: {why}")), ..desk.knowledge.answer(false) },
    };
    let mut text = serde_json::to_string(&answer).unwrap_or_default();
    text.push('\n');
    writer.write_all(text.as_bytes()).await
}

fn answer(ask: Ask, desk: &Desk, renew: &tokio::sync::mpsc::Sender<News>) -> Answer {
    match ask {
        Ask::Hello => desk.knowledge.answer(false),
        Ask::Status => desk.knowledge.answer(true),
        Ask::Pass { report, program, settings } => {
            {
                let mut known = desk.knowledge.lock();
                // An edit that was taken back leaves us with what we run on.
                known.settings_ok |= report.settings_ok && settings == desk.settings;
                known.served(report);
            }
            wake(desk, Event::Look);
            if program != Program::default() && program != desk.program {
                newer(renew, News::Program);
            } else if settings != desk.settings {
                newer(renew, News::Settings);
            } else if let Some(news) = desk.news() {
                newer(renew, news);
            }
            desk.knowledge.answer(false)
        }
        Ask::CountOn => {
            desk.knowledge.lock().count_on(crate::clock::now().wall);
            desk.knowledge.answer(false)
        }
        Ask::Sees { sees, askers } => {
            desk.knowledge.lock().saw(sees, &askers);
            wake(desk, Event::Look);
            desk.knowledge.answer(false)
        }
        Ask::Away { until } => {
            away(desk, until);
            desk.knowledge.answer(false)
        }
        Ask::Drain => {
            wake(desk, Event::Tell);
            desk.knowledge.answer(false)
        }
    }
}

fn away(desk: &Desk, until: Option<Timestamp>) {
    let mut known = desk.knowledge.lock();
    let latest = known.now().plus(peers::AWAY_MAX);
    known.away = until.map(|at| at.min(latest));
    drop(known);
    wake(desk, Event::Look);
}

fn wake(desk: &Desk, event: Event) {
    if desk.events.send(event).is_err() {
        tracing::error!("the duties of the daemon have ended");
    }
}

fn newer(renew: &tokio::sync::mpsc::Sender<News>, news: News) {
    // One that waits is enough.
    if renew.try_send(news).is_err() {
        tracing::debug!("{news:?}: it is looked at already");
    }
}
