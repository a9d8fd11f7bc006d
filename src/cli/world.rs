//! Settings become the parts that a subcommand works with.

use super::exit::{Exit, Failure};
use super::named::no_job;
use super::{Cx, courier::Desk, cron::degraded::Noted};
use crate::channel::mail::{Login, LoginBy, MailSettings, Security, Server, Transport};
use crate::decide::Recipient;
use crate::decide::delivery::Limits;
use crate::node::host_name;
use crate::pass::{self, Setup};
use crate::registry::{DynJob, Registry};
use crate::runner::AtOnce;
use crate::script::spool::Spool;
use crate::settings::{self, Env, Report, Settings};
use crate::store::{Home, Sqlite, StoreClock};
use crate::{apart, log};
use checker_job::Policy;
use checker_parts::mailbox::Password;
use checker_parts::net::Endpoint;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The settings in use.
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) warnings: Report,
    pub(super) path: PathBuf,
    /// How a person calls the program with these settings, from any folder.
    pub(super) command: String,
    /// What is wrong with the settings file, if these are the last accepted ones in its place.
    pub(super) broken: Option<String>,
    /// `$RUNTIME_DIRECTORY`.
    runtime: Option<PathBuf>,
}

impl World {
    /// Finds, reads and judges the settings. `for_person`: look at `./settings.cfg` too.
    pub(super) fn load(cx: &Cx<'_>, for_person: bool) -> Result<Self, Failure> {
        let env = Env::from_process();
        let path = settings::locate(cx.options.file.as_deref(), for_person, &env)?;
        let (settings, warnings) = settings::load(&path, cx.registry, &env)?;
        Self::of(cx, &env, path, settings, warnings)
    }

    /// As [`Self::load`], but if an edit has broken the file, or it has gone, the last accepted settings serve.
    pub(super) fn load_or_recall(cx: &Cx<'_>, for_person: bool) -> Result<Self, Failure> {
        let env = Env::from_process();
        let found = settings::locate(cx.options.file.as_deref(), for_person, &env);
        let path = match &found {
            Ok(path) => path.clone(),
            Err(places) => places.tried.first().map(|(path, _)| path.clone()).unwrap_or_default(),
        };
        let failure = match found {
            Ok(_) => match settings::load(&path, cx.registry, &env) {
                Ok((settings, warnings)) => return Self::of(cx, &env, path, settings, warnings),
                Err(report) => Failure::Settings(report),
            },
            Err(places) => Failure::NoSettings(places),
        };
        let Some((settings, warnings)) = settings::accepted::recall(&path, cx.registry, &env) else {
            return Err(failure);
        };
        let mut world = Self::of(cx, &env, path, settings, warnings)?;
        world.broken = Some(failure.to_string());
        Ok(world)
    }

    fn of(cx: &Cx<'_>, env: &Env, path: PathBuf, mut settings: Settings, warnings: Report) -> Result<Self, Failure> {
        settings.email.nomail |= cx.options.nomail;
        if cx.options.verbose {
            settings.log.level = log::Level::Debug;
        }
        if cx.options.debug {
            settings.log.stderr_level = log::Level::Debug;
        }
        if let Err(why) = log::init(&settings.log) {
            return Err(Failure::Other(Exit::Settings, format!("[log]: {why}")));
        }
        let command = command(env, &path);
        Ok(Self { settings, warnings, path, command, broken: None, runtime: env.runtime.clone() })
    }

    /// The settings that are at this place now, or why they cannot be used.
    pub(super) fn reload(&self, registry: &Registry) -> Result<Settings, String> {
        let loaded = settings::load(&self.path, registry, &Env::from_process());
        loaded.map(|(settings, _)| settings).map_err(|report| report.render())
    }

    /// The state file.
    pub(super) fn state(&self) -> &Path {
        &self.settings.general.state
    }

    /// Where the state is. A pass mends what it can and goes on elsewhere if it must; commands of a person do neither.
    pub(super) fn home(&self, mends: bool) -> Arc<Home> {
        Home::new(self.state(), self.runtime.as_deref(), StoreClock::system(), mends)
    }

    /// Where runs of scripts wait while the state takes none.
    pub(super) fn spool(&self) -> Spool {
        Spool::of(self.state())
    }

    /// Opens the state where it is, and makes it if it is missing.
    pub(super) fn open(&self, home: &Arc<Home>) -> Result<Sqlite, Failure> {
        let exists = self.state().symlink_metadata().is_ok();
        home.open().map_err(|e| match (exists, e) {
            (false, e) => Failure::Other(Exit::CannotCreate, e.to_string()),
            (true, e) => Failure::Store(e),
        })
    }

    /// Opens the state to look at it; `None` if there is none yet.
    pub(super) fn look(&self, home: &Arc<Home>) -> Result<Option<Sqlite>, Failure> {
        if home.refuge().is_some() {
            return Ok(Some(home.open()?));
        }
        if self.state().symlink_metadata().is_err() {
            return Ok(None);
        }
        Ok(Some(Sqlite::open_read_only(self.state(), StoreClock::system())?))
    }

    /// Whom alerts go to where a job names nobody.
    pub(super) fn contacts(&self) -> Vec<Recipient> {
        self.settings.general.alertcontact.iter().cloned().map(Recipient).collect()
    }

    /// Whom a job's alerts go to.
    pub(super) fn recipients(&self, policy: &Policy) -> Vec<Recipient> {
        pass::recipients(policy, &self.contacts())
    }

    /// Addresses that show whether we ourselves are on the net: those of the settings, else mail servers and peers.
    pub(super) fn references(&self) -> Vec<Endpoint> {
        let settings = &self.settings;
        if !settings.network.reference.is_empty() {
            return settings.network.reference.clone();
        }
        let peers = settings.peers.iter().filter_map(settings::Peer::endpoint);
        self.mail_servers().into_iter().chain(peers).collect()
    }

    /// The same without the peers, whose silence is the question, and always with the mail servers.
    pub(super) fn references_but_peers(&self) -> Vec<Endpoint> {
        let peers = self.peer_endpoints();
        let mut others = self.references();
        others.extend(self.mail_servers());
        others.retain(|r| !peers.iter().any(|(_, p)| p == r));
        others
    }

    /// Where each peer answers, by its name.
    pub(super) fn peer_endpoints(&self) -> Vec<(String, Endpoint)> {
        self.settings.peers.iter().filter_map(|p| Some((p.name.clone(), p.endpoint()?))).collect()
    }

    fn mail_servers(&self) -> Vec<Endpoint> {
        match &self.settings.email.transport {
            settings::Transport::Smtp(servers) => {
                servers.iter().filter_map(|s| settings::endpoint(&s.host, s.port)).collect()
            }
            settings::Transport::Sendmail | settings::Transport::File(_) => Vec::new(),
        }
    }

    /// What a pass works on.
    pub(super) fn setup(&self, node: Uuid) -> Setup {
        Setup {
            jobs: self.settings.jobs.clone(),
            paused: self.settings.disabled.iter().map(|j| j.id().clone()).collect(),
            windows: self.settings.windows.clone(),
            contacts: self.contacts(),
            zone: self.settings.general.timezone.clone(),
            command: self.command.clone(),
            node,
            host: host_name(),
            at_once: AtOnce::default(),
            again: self.again(),
            scratch: std::env::temp_dir().join(format!("checker-{}", Uuid::now_v7().simple())),
        }
    }

    /// How this program starts itself for jobs that run apart: the very file that runs, even if a newer one has taken its
    /// name meanwhile.
    fn again(&self) -> apart::Program {
        let args = ["-f".into(), self.path.clone().into_os_string(), "apart".into()];
        apart::Program { path: PathBuf::from("/proc/self/exe"), args: args.to_vec() }
    }

    /// What delivery works on.
    pub(super) fn desk(&self, home: &Arc<Home>, holder: Uuid) -> Result<Desk, Failure> {
        let email = &self.settings.email;
        Ok(Desk {
            home: Arc::clone(home),
            noted: Noted::default(),
            contacts: self.contacts(),
            mail: self.mail()?,
            channels: self.settings.channels.clone().into(),
            zone: self.settings.general.timezone.clone(),
            limits: Limits { daily: email.daily_limit as usize, ..Limits::default() },
            nomail: email.nomail,
            command: self.command.clone(),
            holder,
        })
    }

    /// How mail leaves.
    pub(super) fn mail(&self) -> Result<MailSettings, Failure> {
        let email = &self.settings.email;
        let servername = self.settings.general.servername.clone();
        Ok(MailSettings {
            from: email.from.clone().unwrap_or_else(|| format!("checker@{}", host_name())),
            servername,
            transport: transport(&email.transport)?,
            timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(20),
            bust_gmail_threading: email.bustgmailthreading,
        })
    }

    /// The job of this name or id.
    pub(super) fn job(&self, name: &str) -> Result<Arc<dyn DynJob>, Failure> {
        let jobs = &self.settings.jobs;
        let by_id = jobs.iter().find(|j| j.id().as_str() == name);
        let mut named = jobs.iter().filter(|j| j.policy().name == name);
        match (by_id, named.next(), named.next()) {
            (Some(job), _, _) | (None, Some(job), None) => Ok(Arc::clone(job)),
            (None, Some(a), Some(b)) => Err(Failure::usage(format!(
                "several jobs are called \"{name}\": say which by id, such as \"{}\" or \"{}\"",
                a.id(),
                b.id()
            ))),
            (None, None, _) => Err(Failure::usage(no_job(name, &words(jobs), &words(&self.settings.disabled)))),
        }
    }
}

/// Name and id of each.
fn words(jobs: &[Arc<dyn DynJob>]) -> Vec<(&str, &str)> {
    jobs.iter().map(|job| (job.policy().name.as_str(), job.id().as_str())).collect()
}

/// The variable and the current folder of whoever reads a message are not ours, so the file is named, unless it is at the
/// place of the system.
fn command(env: &Env, settings: &Path) -> String {
    let path = env.cwd.join(settings);
    if path == env.system_settings {
        return "checker".to_owned();
    }
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+,:@".contains(c));
    if plain { format!("checker -f {text}") } else { format!("checker -f '{}'", text.replace('\'', "'\\''")) }
}

/// The login name of whoever runs this, for acknowledgements.
pub(super) fn user_name() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    user.map_or_else(|| format!("uid {}", nix::unistd::getuid()), |u| u.name)
}

fn transport(transport: &settings::Transport) -> Result<Transport, Failure> {
    Ok(match transport {
        settings::Transport::Smtp(servers) => {
            let many = servers.iter().enumerate().map(|(n, s)| server(n, s));
            Transport::Smtp(many.collect::<Result<_, _>>()?)
        }
        settings::Transport::Sendmail => Transport::Sendmail { program: PathBuf::from("/usr/sbin/sendmail") },
        settings::Transport::File(folder) => Transport::File { folder: folder.clone() },
    })
}

fn server(n: usize, s: &settings::SmtpServer) -> Result<Server, Failure> {
    let ca = s.ca_file.as_ref().map(|file| {
        std::fs::read(file)
            .map_err(|e| Failure::Other(Exit::Settings, format!("the CA file {} cannot be read: {e}", file.display())))
    });
    Ok(Server {
        host: s.host.clone(),
        port: s.port,
        security: match s.security {
            settings::Security::StartTls => Security::Starttls,
            settings::Security::Tls => Security::Tls,
            settings::Security::None => Security::None,
        },
        login: s.login.as_ref().map(|l| Login { user: l.user.clone(), by: login_by(&l.by) }),
        ca: ca.transpose()?,
        table: if n == 0 { "[email.smtp]".to_owned() } else { "[[email.fallback]]".to_owned() },
    })
}

/// What a login is done by, for those who log in.
pub(super) fn login_by(by: &settings::LoginBy) -> LoginBy {
    match by {
        settings::LoginBy::Password(pass) => Password::new(pass.expose()).into(),
        settings::LoginBy::Token(command) => LoginBy::Token(command.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_works_in_any_folder() {
        let env = Env::bare("/home/me");
        for (settings, words) in [
            ("/etc/checker/settings.cfg", "checker"),
            ("settings.cfg", "checker -f /home/me/settings.cfg"),
            ("/srv/my checks/it's.cfg", "checker -f '/srv/my checks/it'\\''s.cfg'"),
        ] {
            assert_eq!(command(&env, Path::new(settings)), words);
        }
    }
}
