//! Looks at the file system, and lets [`judge`] say what it is worth.

use crate::entry::{Entry, Type};
use crate::judge::{self, Findings, Subject};
use crate::plan::{Plan, Target};
use crate::read::{self, Hindrance, Patience};
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
    let looked = match target {
        Target::Path(path) => at_path(path, plan, cx.now, &patience),
        Target::NewestOf(folder) => into_folder(folder, plan, cx, &patience),
    };
    looked.unwrap_or_else(|hindrance| hindered(target.path(), hindrance, cx))
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

fn at_path(path: &Path, plan: &Plan, now: Timestamp, patience: &Patience) -> Result<Outcome, Hindrance> {
    // A link that leads nowhere is there, too.
    let link = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_symlink).map(|_| fs::read_link(path));
    let found = entry(path)?;
    if plan.absent {
        let kind = found.map(|e| e.kind).or(link.map(|_| Type::Link));
        return Ok(judge::absence(path, kind));
    }
    let Some(entry) = found else {
        return Ok(judge::missing(path, plan, link.and_then(Result::ok).as_deref()));
    };
    let subject = Subject { name: shown::path(path), entry: &entry };
    let findings = whole(&subject, path, plan, now, patience)?;
    Ok(judge::outcome(&subject, findings, plan, now))
}

/// Everything about one file. What can be judged without opening it comes first, and what is of the wrong type is not opened.
///
/// # Errors
/// That not all could be looked at, unless what could is enough to fail.
fn whole(
    subject: &Subject<'_>,
    path: &Path,
    plan: &Plan,
    now: Timestamp,
    patience: &Patience,
) -> Result<Findings, Hindrance> {
    let mut findings = judge::attributes(subject.entry, plan, now);
    let more = more(&mut findings, subject.entry, path, plan, patience);
    let has_failed = findings.gravest().is_some_and(|(verdict, _)| verdict == Verdict::Failed);
    match more {
        Err(hindrance) if !has_failed => Err(hindrance),
        _ => Ok(findings),
    }
}

/// What `stat` alone does not tell.
fn more(
    findings: &mut Findings,
    entry: &Entry,
    path: &Path,
    plan: &Plan,
    patience: &Patience,
) -> Result<(), Hindrance> {
    ownership(findings, entry, plan)?;
    if entry.kind != Type::File {
        return Ok(());
    }
    if !plan.tests.is_empty() {
        findings.content(&read::lines(path, plan, patience)?, plan);
    }
    if let Some(wanted) = &plan.sha256 {
        findings.checksum(&read::sha256(path, patience)?, wanted);
    }
    Ok(())
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
#[derive(Default)]
struct Counted {
    files: u64,
    /// Younger than `min_age`.
    unfinished: u64,
    others: u64,
    newest: Option<(Entry, PathBuf)>,
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

fn into_folder(folder: &Path, plan: &Plan, cx: &Context, patience: &Patience) -> Result<Outcome, Hindrance> {
    match entry(folder)? {
        None => return Ok(judge::missing(folder, plan, fs::read_link(folder).ok().as_deref())),
        Some(found) if found.kind != Type::Folder => {
            let what = found.kind.words();
            return Ok(Outcome::failed(format!("{} is a {what}, and no folder", shown::path(folder))));
        }
        Some(_) => {}
    }
    let mut counted = Counted::default();
    for (number, found) in fs::read_dir(folder)?.enumerate() {
        if number % 64 == 0 && patience.is_over() {
            let said = format!(
                "{} holds too many files: after {number} of them the {} of a run were over; raise `timeout`",
                shown::path(folder),
                duration_words(cx.timeout)
            );
            return Ok(Outcome::unknown(
                said,
                "a file or folder is too large to be looked through in the time of a run",
            ));
        }
        counted.add(&found?, plan, cx.now)?;
    }
    let (findings, said) = judge::number(folder, plan, counted.files, counted.unfinished, counted.others);
    let Some((entry, path)) = counted.newest else {
        return Ok(judge::none(&findings, &said, plan));
    };
    let noun = if plan.kind == Some(Type::Folder) { "folder" } else { "file" };
    let name = shown::name(path.file_name().unwrap_or_default());
    let whole_name = if counted.files == 1 {
        format!("{name}, the only {noun} in {},", shown::path(folder))
    } else {
        format!("{name}, the newest of {} {noun}s in {},", counted.files, shown::path(folder))
    };
    let subject = Subject { name: whole_name, entry: &entry };
    // The file may be taken away between two looks, as when old ones are cleaned up: then nobody has judged it.
    let mut outcome = match whole(&subject, &path, plan, cx.now, patience) {
        Ok(of_newest) => judge::outcome(&subject, of_newest, plan, cx.now),
        Err(hindrance) => hindered(&path, hindrance, cx),
    };
    if let Some((verdict, sentence)) = findings.gravest() {
        let also = if outcome.verdict == Verdict::Ok { String::new() } else { format!("; {}", outcome.summary) };
        outcome.summary = judge::cut(format!("{sentence}{also}"));
        // What is known to be broken comes before what could not be found out.
        (outcome.verdict, outcome.cause) = (verdict, None);
    }
    #[expect(clippy::cast_precision_loss, reason = "no folder holds 2^52 files")]
    let files = Metric::new("files", counted.files as f64, "");
    Ok(outcome.with_metric(judge::with_range(files, plan.min_files, plan.max_files)))
}
