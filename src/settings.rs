//! The settings: one text, or several, in; [`Settings`] out, or a [`Report`] of everything that is wrong.
//!
//! In the order in which a load runs:
//!
//! 1. [`locate`] finds the file, [`Env`] is what the environment says about places.
//! 2. `files` reads it, judges its mode, and finds the files that it includes.
//! 3. `source` and `syntax` parse; all files share one space of offsets, so that every value knows its place. `plain` is
//!    the quick way through thousands of tables of jobs, and `pairs` is a table.
//! 4. `section` reads each table key by key; `general`, `email`, `log`, `canary`, `outside`, `peers`, `common`, `jobs`,
//!    `confirm`, `scripts` and `window` say what each table holds; `graph` judges what only all jobs together show, `together` what other tables do, and
//!    `own_key` what only the machine knows whose settings they are.
//! 5. `report` tells the problems, `mask` keeps secrets out of them.
//!
//! `brief` is for a wrapped script, which needs no more than the place of the state.
//!
//! Nothing here uses the network. Files are read where a key names one that holds a secret or certificates.

pub mod accepted;
mod brief;
mod canary;
mod common;
mod confirm;
mod email;
mod env;
mod files;
pub(crate) mod first;
mod general;
mod graph;
mod jobs;
mod log;
mod login;
mod mask;
pub(crate) mod nearest;
mod outside;
mod own_key;
pub(crate) mod pairs;
mod peers;
mod plain;
mod report;
mod scripts;
mod secret;
mod section;
mod source;
mod syntax;
mod together;
mod watch;
mod window;
mod zone;

pub use brief::Brief;
pub use canary::{Canary, Deadman, Via};
pub use common::COMMON_KEYS;
pub use confirm::{Want, Wants};
pub(crate) use email::http_url;
pub use email::{Email, Security, SmtpServer, Transport};
pub use env::{Env, NotFound, locate};
pub use general::General;
pub use log::{FORMAT, Level, Log, PLACEHOLDERS};
pub use login::{Login, LoginBy};
pub use outside::{Channel, Daemon, Network, Peer, Way, endpoint};
pub use own_key::refuse_own_key;
pub use report::{Place, Problem, Report, Severity};
pub use scripts::{Control, Scripts};
pub use secret::Secret;

use crate::decide::pace::Pace;
use crate::decide::window::Windows;
use crate::registry::{DynJob, Registry};
use env::Paths;
use files::Loaded;
use jobs::{Defaults, KindJobs, Rules};
use pairs::{Key, Value};
use peers::Peers;
use plain::{Document, KindTables};
use section::{Cx, Section};
use source::Sources;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// Everything that the settings say, judged; every path is a real one.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[general]`
    pub general: General,
    /// `[email]`
    pub email: Email,
    /// `[log]`
    pub log: Log,
    /// All jobs that run.
    pub jobs: Vec<Arc<dyn DynJob>>,
    /// Jobs with `enabled = false`: they do not run, and their ids stay theirs.
    pub disabled: Vec<Arc<dyn DynJob>>,
    /// What peers are asked to look at, of jobs with `confirm = "peers"`.
    pub wants: Arc<Wants>,
    /// `[canary]`
    pub canary: Option<Canary>,
    /// `[[channel.*]]`
    pub channels: Vec<Channel>,
    /// `[deadman]`
    pub deadman: Option<Deadman>,
    /// `[drill] every`
    pub drill: Option<Duration>,
    /// `[daemon]`
    pub daemon: Option<Daemon>,
    /// `[[peer]]`
    pub peers: Vec<Peer>,
    /// `[watch]`
    pub pace: Pace,
    /// `[network]`
    pub network: Network,
    /// `[scripts]`
    pub scripts: Scripts,
    /// `[[window]]`
    pub windows: Windows,
    /// The files that all this was read from, the main one first.
    pub sources: Vec<SourceText>,
}

/// One file of the settings as it was read. Its text may hold secrets, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceText({}, {} bytes)", self.path.display(), self.text.len())
    }
}

/// Reads and judges the settings file at `path`.
///
/// # Errors
/// The report of all problems, if one of them is an error. Otherwise the report holds the warnings.
pub fn load(path: &Path, registry: &Registry, env: &Env) -> Result<(Settings, Report), Report> {
    let main = files::read(&env.cwd.join(path), path)
        .map_err(|fault| Report::new(vec![Problem::of_file(Severity::Error, path, fault)], 0))?;
    judge(main, None, registry, env)
}

/// Judges `text` as if it stood in the file `path`. Files that it names are read.
///
/// # Errors
/// As [`load`].
pub fn load_text(path: &Path, text: &str, registry: &Registry, env: &Env) -> Result<(Settings, Report), Report> {
    let main = Loaded { path: path.to_owned(), text: text.to_owned(), mode: None };
    judge(main, None, registry, env)
}

/// `kept` are the included files of a copy; without them the patterns of `include` are followed.
fn judge(
    main: Loaded,
    mut kept: Option<Vec<Loaded>>,
    registry: &Registry,
    env: &Env,
) -> Result<(Settings, Report), Report> {
    // Declared first, because what is parsed borrows from it.
    let included = OnceCell::new();
    let mut cx =
        Cx { sources: Sources::new(), env, paths: Paths::new(&main.path, env), problems: RefCell::new(Vec::new()) };
    let root = match cx.sources.add(&main.path, &main.text) {
        Ok(root) => root,
        Err(faults) => {
            match first::as_toml(&main.text) {
                Some(toml) => cx.whole(
                    "these are settings of the first program, in its own form",
                    format!("write them as TOML; put the password alone into the file mail.secret, and: chmod 600 mail.secret\n\n{toml}"),
                ),
                None => faults.into_iter().for_each(|(span, f)| cx.fault(span, f)),
            }
            return Err(Report::new(cx.problems.into_inner(), 0));
        }
    };
    inline_secrets(&cx, &root, main.mode);
    let files: &Vec<Loaded> = included.get_or_init(|| kept.take().unwrap_or_else(|| read_included(&cx, &root.root)));
    let mut others = Vec::new();
    for file in files {
        match cx.sources.add(&file.path, &file.text) {
            Ok(document) => {
                inline_secrets(&cx, &document, file.mode);
                others.push(document);
            }
            Err(faults) => faults.into_iter().for_each(|(span, f)| cx.fault(span, f)),
        }
    }
    for kind in registry.twice() {
        cx.whole(
            format!("two crates of this program claim the job kind \"{kind}\""),
            "rename the KIND of one of them and build again",
        );
    }
    let settings = sections(&cx, root, others, registry);
    let jobs = settings.as_ref().map_or(0, |s| s.jobs.len());
    let report = Report::new(cx.problems.into_inner(), jobs);
    match settings {
        Some(mut settings) if !report.has_errors() => {
            settings.sources = std::iter::once(main)
                .chain(included.into_inner().unwrap_or_default())
                .map(|f| SourceText { path: env.cwd.join(f.path), text: f.text })
                .collect();
            Ok((settings, report))
        }
        _ => Err(report),
    }
}

/// A file that holds a password must be closed to others.
fn inline_secrets(cx: &Cx<'_>, document: &Document<'_>, mode: Option<u32>) {
    let Some(mode) = mode.filter(|m| m & 0o077 != 0) else {
        return;
    };
    let tables = document.jobs.iter().flat_map(|list| &list.tables);
    for (key, value) in tables.flat_map(|(_, pairs)| pairs.iter()) {
        inline_secret(cx, key, value, mode);
    }
    document.root.iter().for_each(|(key, value)| inline_secret(cx, key, value, mode));
}

fn inline_secret(cx: &Cx<'_>, key: &Key<'_>, value: &Value<'_>, mode: u32) {
    let within = |table: &DeTable<'_>| table.iter().for_each(|(key, value)| inline_secret(cx, key, value, mode));
    match value.get_ref() {
        DeValue::Table(inner) => within(inner),
        DeValue::Array(items) => items.iter().filter_map(|i| i.get_ref().as_table()).for_each(within),
        DeValue::String(_) if mask::holds_secret(key.get_ref()) => {
            let file = cx.place(key.span());
            let file = file.rsplit_once(':').map_or("FILE", |(f, _)| f);
            let own = if key.get_ref() == "pass" {
                "   or move it into a file of its own: pass_file = \"mail.secret\""
            } else {
                ""
            };
            cx.error(
                key.span(),
                format!("others on this host can read the secret in this file (its mode is {mode:04o})"),
                format!("chmod 600 {file}{own}"),
            );
        }
        _ => {}
    }
}

/// Reads the files that `[general] include` names.
fn read_included(cx: &Cx<'_>, root: &DeTable<'_>) -> Vec<Loaded> {
    let general = root.get("general").and_then(|g| g.get_ref().as_table());
    let Some((span, value)) = general.and_then(|g| g.get_key_value("include")) else {
        return Vec::new();
    };
    let mut only_include = DeTable::new();
    only_include.insert(span.clone(), value.clone());
    let mut s = Section::new(cx, "[general]", span.span(), only_include);
    let mut out: Vec<Loaded> = Vec::new();
    for pattern in s.texts("include", "[\"settings.d/*.cfg\"]").unwrap_or_default() {
        let found = match files::matching(&cx.paths.base, pattern.get_ref()) {
            Ok(found) => found,
            Err(fault) => {
                cx.fault(pattern.span(), fault);
                continue;
            }
        };
        if found.is_empty() {
            cx.warn(
                pattern.span(),
                format!("no file matches \"{}\"", pattern.get_ref()),
                format!("it is looked for in {}; take it out if it is not needed", cx.paths.base.display()),
            );
        }
        for path in found {
            if out.iter().any(|f| f.path == path) {
                continue;
            }
            match files::read(&path, &path) {
                Ok(file) => out.push(file),
                Err(fault) => {
                    cx.problems.borrow_mut().push(Problem::of_file(Severity::Error, &path, fault));
                }
            }
        }
    }
    out
}

/// What an included file may hold beside jobs: the rest belongs to the whole installation and stands in one place.
const INCLUDED: [&str; 3] = ["peer", "channel", "window"];

/// Reads all tables of all files.
fn sections<'i>(cx: &Cx<'i>, root: Document<'i>, others: Vec<Document<'i>>, registry: &Registry) -> Option<Settings> {
    let mut kinds: Vec<KindTables<'i>> = Vec::new();
    let mut shared: BTreeMap<&'static str, Vec<Value<'i>>> = BTreeMap::new();
    let mut share = |document: Document<'i>| {
        let mut file = Section::new(cx, "the file", 0..0, document.root);
        kinds.extend(document.jobs);
        kinds.extend(file.take("job").into_iter().flat_map(|value| jobs::by_kind(cx, value, registry)));
        for key in INCLUDED {
            shared.entry(key).or_default().extend(file.take(key));
        }
        file
    };
    let mut main = share(root);
    others.into_iter().map(share).for_each(|file| refuse_rest(cx, file));
    let mut take = |key: &str| shared.remove(key).unwrap_or_default();
    let (channels, channel_names) = outside::all_channels(cx, take("channel"));
    let peers = Peers::read(cx, take("peer"));
    let general = match main.table("general", "[general]") {
        Some(s) => general::read(s, &channel_names),
        None => missing_table(&main, "general", "servername and alertcontact"),
    };
    let email = match main.table("email", "[email]") {
        Some(s) => email::read(s),
        None => missing_table(&main, "email", "transport"),
    };
    let log = main.table("log", "[log]").map_or_else(|| usual_log(cx), log::read);
    let tables = together::Tables::of(&main, peers.first.clone());
    let daily = email.as_ref().map(|e| e.daily_limit);
    let canary = main.table("canary", "[canary]").and_then(|s| canary::read(s, &peers.names, daily));
    let deadman = main.table("deadman", "[deadman]").and_then(canary::deadman);
    let drill = main.table("drill", "[drill]").and_then(canary::drill);
    let daemon = main.table("daemon", "[daemon]").map(outside::daemon);
    let pace = main.table("watch", "[watch]").map(watch::read);
    let scripts = main.table("scripts", "[scripts]").map(scripts::read).unwrap_or_default();
    let network = main.table("network", "[network]").map(outside::network);
    let rules = Rules { registry, channels: &channel_names };
    let defaults = main.table("defaults", "[defaults]").map(|s| Defaults::read(s, &rules)).unwrap_or_default();
    main.finish();
    together::judge(cx, &tables, canary.as_ref(), daemon.as_ref(), &scripts);
    let mut kinds = all_jobs(cx, kinds, &defaults, &rules);
    let windows = window::read(cx, take("window"), &kinds, general.as_ref());
    let (wants, (jobs, disabled)) = (confirm::judge(cx, &mut kinds, &peers.usable), by_use(kinds));
    Some(Settings {
        general: general?,
        email: email?,
        log,
        jobs,
        disabled,
        wants,
        canary,
        channels,
        deadman,
        drill,
        daemon,
        peers: peers.usable,
        pace: pace.unwrap_or_default(),
        network: network.unwrap_or_default(),
        scripts,
        windows,
        sources: Vec::new(),
    })
}

fn usual_log(cx: &Cx<'_>) -> Log {
    Log { file: Some(cx.paths.log(log::FILE)), ..Log::default() }
}

fn missing_table<T>(main: &Section<'_, '_>, key: &str, keys: &str) -> Option<T> {
    if !main.given(key) {
        main.cx.whole(
            format!("the table [{key}] is missing"),
            format!("add [{key}] with {keys}, as in settings.cfg.example; or let `checker init` write the file"),
        );
    }
    None
}

fn refuse_rest(cx: &Cx<'_>, mut file: Section<'_, '_>) {
    for (key, _) in file.rest().iter() {
        cx.error(
            key.span(),
            format!("[{}] has no place in an included file", key.get_ref()),
            "write it in the main settings file; included files hold [[job.*]], [[window]], [[peer]] and [[channel.*]]",
        );
    }
}

type Jobs = Vec<Arc<dyn DynJob>>;

/// The jobs of all tables, kind by kind.
fn all_jobs<'i>(
    cx: &Cx<'i>,
    tables: Vec<KindTables<'i>>,
    defaults: &Defaults<'i>,
    rules: &Rules<'_>,
) -> Vec<KindJobs<'i>> {
    let mut kinds: BTreeMap<String, KindJobs<'i>> = BTreeMap::new();
    for list in tables {
        jobs::collect(cx, list, defaults, rules, &mut kinds);
    }
    let mut kinds: Vec<KindJobs<'i>> = kinds.into_values().collect();
    for kind in &mut kinds {
        jobs::spawn(cx, kind, rules.registry);
    }
    graph::check(cx, &kinds, rules.registry);
    kinds
}

/// Those that run, and those that are switched off.
fn by_use(kinds: Vec<KindJobs<'_>>) -> (Jobs, Jobs) {
    let (mut jobs, mut disabled) = (Vec::new(), Vec::new());
    for mut kind in kinds {
        jobs.append(&mut kind.jobs);
        disabled.append(&mut kind.disabled);
    }
    (jobs, disabled)
}
