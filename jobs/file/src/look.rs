//! Looks at the file system, and lets [`judge`] say what it is worth.

use crate::entry::{Entry, Type};
use crate::judge::{self, Findings, Subject};
use crate::plan::{Plan, Target};
use crate::read::{self, Hindrance, Patience, Source};
use checker_job::{Context, Metric, Outcome, Timestamp, Verdict, duration_words};
use checker_parts::amount::size_words;
use checker_parts::shown;
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User};
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The whole run.
pub(crate) fn look(target: &Target, plan: &Plan, cx: &Context) -> Outcome {
    let patience = Patience::of(cx);
    let judged = see(target, plan, cx.now, &patience).and_then(|seen| {
        let run = Run { path: target.path(), plan, cx, patience: &patience, open: &read::open };
        run.judge(&seen)
    });
    judged.unwrap_or_else(|hindrance| hindered(target.path(), hindrance, cx))
}

/// What is to be judged, before any file is opened.
#[derive(Clone)]
pub(crate) enum Seen {
    /// At the path itself. A link is set where it leads nowhere.
    Path {
        found: Option<Entry>,
        link: Option<Link>,
    },
    /// In place of a folder whose files should be counted.
    NoFolder {
        found: Option<Entry>,
        link: Option<Link>,
    },
    Folder(Counted),
    /// Time ran out after so many files.
    TooMany(usize),
}

/// Where a link leads to, if that can be told.
pub(crate) type Link = Option<PathBuf>;

/// What is the same for all that a run judges.
pub(crate) struct Run<'a> {
    pub(crate) path: &'a Path,
    pub(crate) plan: &'a Plan,
    pub(crate) cx: &'a Context,
    pub(crate) patience: &'a Patience,
    /// How what stands in a file is had.
    pub(crate) open: &'a dyn Fn(&Path) -> Result<Source, Hindrance>,
}

/// Looks, and judges nothing.
pub(crate) fn see(target: &Target, plan: &Plan, now: Timestamp, patience: &Patience) -> Result<Seen, Hindrance> {
    let link = |path: &Path| match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => Some(fs::read_link(path).ok()),
        _ => None,
    };
    match target {
        Target::Path(path) => {
            // A link that leads nowhere is there, too.
            let link = link(path);
            Ok(Seen::Path { found: entry(path)?, link })
        }
        Target::NewestOf(folder) => match entry(folder)? {
            Some(found) if found.kind == Type::Folder => count(folder, plan, now, patience),
            found => Ok(Seen::NoFolder { found, link: link(folder) }),
        },
    }
}

/// That the file could not be looked at, and whose fault it is.
pub(crate) fn hindered(path: &Path, hindrance: Hindrance, cx: &Context) -> Outcome {
    let path = shown::path(path);
    match hindrance {
        Hindrance::NoFile => {
            Outcome::failed(format!("{path} is replaced by something that is no file, at this moment"))
        }
        Hindrance::Slow(done) => Outcome::unknown(
            format!(
                "{path} cannot be looked through in {}: time ran out after {}; raise `timeout`, or ask for less",
                duration_words(cx.timeout),
                size_words(done)
            ),
            "a file or folder is too large to be looked through in the time of a run",
        ),
        Hindrance::Io(error) if error.kind() == ErrorKind::PermissionDenied => Outcome::unknown(
            format!(
                "Checker's user may not look at {path}: permission denied; give it leave (docs/operating.md, \"What some kinds need\")"
            ),
            "Checker's user may not look at a file that it should check",
        ),
        Hindrance::Io(error)
            if [Errno::EIO, Errno::EUCLEAN].iter().any(|e| error.raw_os_error() == Some(*e as i32)) =>
        {
            Outcome::failed(format!("{path} cannot be read: {error}; the disk may be failing, see dmesg"))
        }
        Hindrance::Io(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
            Outcome::failed(format!("{path} is a link that leads in circles"))
        }
        Hindrance::Io(error) => {
            Outcome::unknown(format!("{path} cannot be looked at: {error}"), format!("files cannot be read: {error}"))
        }
        Hindrance::Names(error) => Outcome::unknown(
            format!("cannot tell whom {path} belongs to: the system gives no names of users and groups: {error}"),
            "the system gives no names of users and groups",
        ),
    }
}

/// What is at the path, links followed; `None` if nothing is there.
fn entry(path: &Path) -> io::Result<Option<Entry>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(Entry::of(&meta))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Run<'_> {
    /// What all that was seen is worth.
    ///
    /// # Errors
    /// That not all could be looked at, unless what could is enough to fail.
    pub(crate) fn judge(&self, seen: &Seen) -> Result<Outcome, Hindrance> {
        let (path, plan) = (self.path, self.plan);
        match seen {
            Seen::Path { found, link } if plan.absent => {
                Ok(judge::absence(path, found.as_ref().map(|e| e.kind).or(link.as_ref().map(|_| Type::Link))))
            }
            Seen::Path { found: None, link } | Seen::NoFolder { found: None, link } => {
                Ok(judge::missing(path, plan, link.as_ref().and_then(Option::as_deref)))
            }
            Seen::Path { found: Some(entry), .. } => {
                let subject = Subject { name: shown::path(path), entry };
                let findings = self.whole(&subject, path)?;
                Ok(judge::outcome(&subject, findings, plan, self.cx.now))
            }
            Seen::NoFolder { found: Some(found), .. } => {
                let what = found.kind.words();
                Ok(Outcome::failed(format!("{} is a {what}, and no folder", shown::path(path))))
            }
            Seen::TooMany(number) => {
                let said = format!(
                    "{} holds too many files: after {number} of them the {} of a run were over; raise `timeout`",
                    shown::path(path),
                    duration_words(self.cx.timeout)
                );
                let cause = "a file or folder is too large to be looked through in the time of a run";
                Ok(Outcome::unknown(said, cause))
            }
            Seen::Folder(counted) => Ok(self.folder(counted)),
        }
    }

    /// Everything about one file. What can be judged without opening it comes first, and what is of the wrong type is not
    /// opened.
    fn whole(&self, subject: &Subject<'_>, path: &Path) -> Result<Findings, Hindrance> {
        let mut findings = judge::attributes(subject.entry, self.plan, self.cx.now);
        let more = self.more(&mut findings, subject.entry, path);
        let has_failed = findings.gravest().is_some_and(|(verdict, _)| verdict == Verdict::Failed);
        match more {
            Err(hindrance) if !has_failed => Err(hindrance),
            _ => Ok(findings),
        }
    }

    /// What `stat` alone does not tell.
    fn more(&self, findings: &mut Findings, entry: &Entry, path: &Path) -> Result<(), Hindrance> {
        let plan = self.plan;
        ownership(findings, entry, plan)?;
        if entry.kind != Type::File {
            return Ok(());
        }
        if !plan.tests.is_empty() {
            findings.content(&read::lines((self.open)(path)?, plan, self.patience)?, plan);
        }
        if let Some(wanted) = &plan.sha256 {
            findings.checksum(&read::sha256((self.open)(path)?, self.patience)?, wanted);
        }
        Ok(())
    }

    /// The newest of what was counted, and how many there are.
    fn folder(&self, counted: &Counted) -> Outcome {
        let (folder, plan) = (self.path, self.plan);
        let (findings, said) = judge::number(folder, plan, counted.files, counted.unfinished, counted.others);
        let Some((entry, path)) = &counted.newest else {
            return judge::none(&findings, &said, plan);
        };
        let noun = if plan.kind == Some(Type::Folder) { "folder" } else { "file" };
        let name = shown::name(path.file_name().unwrap_or_default());
        let whole_name = if counted.files == 1 {
            format!("{name}, the only {noun} in {},", shown::path(folder))
        } else {
            format!("{name}, the newest of {} {noun}s in {},", counted.files, shown::path(folder))
        };
        let subject = Subject { name: whole_name, entry };
        // The file may be taken away between two looks, as when old ones are cleaned up: then nobody has judged it.
        let mut outcome = match self.whole(&subject, path) {
            Ok(of_newest) => judge::outcome(&subject, of_newest, plan, self.cx.now),
            Err(hindrance) => hindered(path, hindrance, self.cx),
        };
        if let Some((verdict, sentence)) = findings.gravest() {
            let also = if outcome.verdict == Verdict::Ok { String::new() } else { format!("; {}", outcome.summary) };
            outcome.summary = judge::cut(format!("{sentence}{also}"));
            // What is known to be broken comes before what could not be found out.
            (outcome.verdict, outcome.cause) = (verdict, None);
        }
        #[expect(clippy::cast_precision_loss, reason = "no folder holds 2^52 files")]
        let files = Metric::new("files", counted.files as f64, "");
        outcome.with_metric(judge::with_range(files, plan.min_files, plan.max_files))
    }
}

/// Names are looked up only where they are asked for.
fn ownership(findings: &mut Findings, entry: &Entry, plan: &Plan) -> Result<(), Hindrance> {
    let no_names = |errno: Errno| Hindrance::Names(errno.into());
    if let Some(wanted) = &plan.owner {
        let user = User::from_uid(Uid::from_raw(entry.uid)).map_err(no_names)?;
        findings.belongs("user", user.map(|user| user.name), entry.uid, wanted);
    }
    if let Some(wanted) = &plan.group {
        let group = Group::from_gid(Gid::from_raw(entry.gid)).map_err(no_names)?;
        findings.belongs("group", group.map(|group| group.name), entry.gid, wanted);
    }
    Ok(())
}

/// What counts in a folder. Nothing is kept but the newest, however many there are.
#[derive(Clone, Default)]
pub(crate) struct Counted {
    pub(crate) files: u64,
    /// Younger than `min_age`.
    pub(crate) unfinished: u64,
    pub(crate) others: u64,
    pub(crate) newest: Option<(Entry, PathBuf)>,
}

impl Counted {
    fn add(&mut self, found: &DirEntry, plan: &Plan, now: Timestamp) -> io::Result<()> {
        let name = found.file_name();
        let is_named = plan.name_matches.as_ref().is_none_or(|regex| regex.is_match(&name.to_string_lossy()));
        if name.as_bytes().starts_with(b".") || !is_named {
            self.others += 1;
            return Ok(());
        }
        let entry = match found.metadata() {
            Ok(meta) => Entry::of(&meta),
            // It was taken away since.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if plan.kind.is_some_and(|kind| kind != entry.kind) {
            self.others += 1;
        } else if plan.min_age.is_some_and(|min| now.since(entry.written) < min) {
            self.unfinished += 1;
        } else {
            self.files += 1;
            // Of two that are equally new, always the same one.
            let key = (entry.written, found.path());
            if self.newest.as_ref().is_none_or(|(newest, path)| key > (newest.written, path.clone())) {
                self.newest = Some((entry, key.1));
            }
        }
        Ok(())
    }
}

fn count(folder: &Path, plan: &Plan, now: Timestamp, patience: &Patience) -> Result<Seen, Hindrance> {
    let mut counted = Counted::default();
    for (number, found) in fs::read_dir(folder)?.enumerate() {
        if number % 64 == 0 && patience.is_over() {
            return Ok(Seen::TooMany(number));
        }
        counted.add(&found?, plan, now)?;
    }
    Ok(Seen::Folder(counted))
}
