//! Would the job notice that the file is gone, old, or not what it should be? What was seen is made wrong, and judged as it is
//! in a run.

use crate::entry::{Entry, Type};
use crate::look::{Counted, Run, Seen, hindered, see};
use crate::plan::{Plan, Target};
use crate::read::{self, Hindrance, Patience, Source};
use checker_job::{Context, Mutation, Timestamp, Vacuity, Verdict, duration_words};
use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// Older than this is broken, whatever is written each month or more often.
const STALE_MIN: Duration = DAY.saturating_mul(60);
/// What has not changed for so long is not written regularly: it may get older yet.
const STEADY: Duration = DAY.saturating_mul(365);
/// More than wait in a folder whose files are taken away soon.
const MANY: u64 = 10_000;
/// Of an empty file.
const UNFILLED: &str = "it is empty, so that nothing which stands in it could be made wrong; ask again when it is filled, or set \
                        min_size if it must never be empty";
/// What stands in another file, again and again.
const OTHER: &[u8; 20] = b"it is another file.\n";

/// What stands in the file, as far as a mutation says.
#[derive(Clone, Copy)]
enum Body {
    Real,
    Half,
    /// So many bytes that are not its own.
    Other(u64),
}

/// Looks, and judges what was seen in forms that are wrong.
pub(crate) fn vacuity(target: &Target, plan: &Plan, cx: &Context) -> Vacuity {
    let patience = Patience::of(cx);
    let judge = |seen: &Seen, body: Body| {
        let open = |path: &Path| open(path, body);
        let run = Run { path: target.path(), plan, cx, patience: &patience, open: &open };
        run.judge(seen).unwrap_or_else(|hindrance| hindered(target.path(), hindrance, cx))
    };
    let seen = match see(target, plan, cx.now, &patience) {
        Ok(seen) => seen,
        Err(hindrance) => return Vacuity::without_answer(hindered(target.path(), hindrance, cx)),
    };
    let outcome = judge(&seen, Body::Real);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut mutations = Vec::new();
    for wrong in of_whole(&seen, plan).into_iter().chain(of_file(&seen, plan, target, cx.now)) {
        let said = judge(&wrong.seen, wrong.body);
        // That time ran out is no word on the mutation.
        if patience.is_over() {
            let caveat = format!("time ran out before {} could be tried; raise timeout", wrong.what);
            return Vacuity::new(outcome, mutations).but(caveat);
        }
        mutations.push(Mutation::new(wrong.name, wrong.what, wrong.remedy, said));
    }
    let caveat = if is_unfilled(&seen, plan) { UNFILLED } else { "" };
    Vacuity::new(outcome, mutations).but(caveat)
}

/// Whether what the job looks at is an empty file, in which other content might stand: of one whose checksum is known, it is known
/// that it must be empty.
fn is_unfilled(seen: &Seen, plan: &Plan) -> bool {
    let entry = match seen {
        Seen::Path { found, .. } if !plan.absent => found.as_ref(),
        Seen::Folder(Counted { newest, .. }) if !is_spool(plan) => newest.as_ref().map(|(entry, _)| entry),
        _ => None,
    };
    plan.sha256.is_none() && entry.is_some_and(|entry| entry.kind == Type::File && entry.size == 0)
}

struct Wrong {
    name: &'static str,
    what: Cow<'static, str>,
    remedy: Cow<'static, str>,
    seen: Seen,
    body: Body,
}

impl Wrong {
    fn new(
        name: &'static str,
        what: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
        seen: Seen,
    ) -> Self {
        Self { name, what: what.into(), remedy: remedy.into(), seen, body: Body::Real }
    }
}

/// What may become of the path as a whole.
fn of_whole(seen: &Seen, plan: &Plan) -> Vec<Wrong> {
    match seen {
        Seen::Path { .. } if plan.absent => {
            vec![Wrong::new("present", "a file at that path", "", at_path(Some(of_type(Type::File))))]
        }
        Seen::Path { found, .. } => {
            let gone = Wrong::new("gone", "nothing at that path", "take optional out", at_path(None));
            let other = found.as_ref().map(|entry| {
                let kind = if entry.kind == Type::Folder { Type::File } else { Type::Folder };
                let wrong = Entry { kind, ..entry.clone() };
                let (what, remedy) = (format!("a {} in its place", kind.word()), entry.kind.word());
                Wrong::new("wrong_type", what, format!("set type = \"{remedy}\""), at_path(Some(wrong)))
            });
            std::iter::once(gone).chain(other).collect()
        }
        Seen::NoFolder { .. } | Seen::Folder(_) | Seen::TooMany(_) => {
            let none = Seen::NoFolder { found: None, link: None };
            let mut all = vec![Wrong::new("gone", "no folder at that path", "take optional out", none)];
            if let Seen::Folder(counted) = seen {
                all.push(if is_spool(plan) { many(counted, plan) } else { empty_folder() });
            }
            all
        }
    }
}

fn empty_folder() -> Wrong {
    Wrong::new("empty_folder", "a folder in which no file counts", "set min_files", Seen::Folder(Counted::default()))
}

fn many(counted: &Counted, plan: &Plan) -> Wrong {
    let files = counted.files.saturating_mul(10).max(MANY);
    let piled = Seen::Folder(Counted { files, ..counted.clone() });
    let remedy = if plan.max_files.is_some() { "set max_files to less" } else { "set max_files" };
    Wrong::new("piled_up", format!("{files} files in the folder"), remedy, piled)
}

/// Whether nothing is expected to be in the folder, but that it does not stay there.
fn is_spool(plan: &Plan) -> bool {
    plan.min_files == 0
}

/// What may become of the file that is there, which is the newest one in a folder.
fn of_file(seen: &Seen, plan: &Plan, target: &Target, now: Timestamp) -> Vec<Wrong> {
    let (entry, path) = match seen {
        Seen::Path { found: Some(entry), .. } if !plan.absent => (entry, None),
        Seen::Folder(Counted { newest: Some((entry, path)), .. }) => (entry, Some(path.as_path())),
        _ => return Vec::new(),
    };
    let with = |entry: Entry| match seen {
        Seen::Folder(counted) => {
            let newest = path.map(|path| (entry, path.to_owned()));
            Seen::Folder(Counted { newest, ..counted.clone() })
        }
        _ => at_path(Some(entry)),
    };
    let mut all = Vec::new();
    let age = now.since(entry.written);
    if may_get_stale(entry, age, plan, path.is_some()) {
        let old = age.saturating_mul(10).max(STALE_MIN);
        let what = format!("the same file, last written {} ago", duration_words(old));
        let remedy = if is_limited(plan) { "set max_age to less" } else { "set max_age" };
        all.push(Wrong::new("stale", what, remedy, with(Entry { written: now.minus(old), ..entry.clone() })));
    }
    if entry.kind == Type::File && entry.size > 0 && (path.is_none() || !is_spool(plan)) {
        // What is not to change has one content; of what is written anew, lines alone can be known before.
        let is_known = plan.sha256.is_some() || is_text(path.unwrap_or(target.path()));
        all.extend(of_content(entry, path, is_known, &with));
    }
    all
}

/// What may become of what stands in it. `path` is that of the newest file of a folder; `with` puts another one in its place.
fn of_content(entry: &Entry, path: Option<&Path>, is_known: bool, with: &dyn Fn(Entry) -> Seen) -> Vec<Wrong> {
    let sized = |size: u64| with(Entry { size, ..entry.clone() });
    let mut all =
        vec![Wrong { body: Body::Other(0), ..Wrong::new("empty", "an empty file", "set min_size", sized(0)) }];
    if entry.size > 1 {
        let remedy = if path.is_some() {
            "set min_size to more than half, or contains to what stands at its end"
        } else {
            "set min_size to more than half, contains to what stands at its end, or sha256"
        };
        let what = "the first half of the file, as of one that was not written to its end";
        let half = Wrong::new("truncated", what, remedy, sized(entry.size / 2));
        all.push(Wrong { body: Body::Half, ..half });
    }
    if is_known {
        let remedy = if path.is_some() { "set contains or matches" } else { "set contains, matches or sha256" };
        let other = Wrong::new("wrong_answer", "other content of the same length", remedy, with(entry.clone()));
        all.push(Wrong { body: Body::Other(entry.size), ..other });
    }
    all
}

/// Whether it makes sense that it should be written now and then: not if the settings say that it must not change, and hardly if
/// it never does. Of what is no file, only the settings tell.
fn may_get_stale(entry: &Entry, age: Duration, plan: &Plan, is_newest: bool) -> bool {
    let is_fixed = plan.sha256.is_some() || (plan.min_age.is_some() && !is_newest);
    let is_written = (is_newest && !is_spool(plan)) || (entry.kind == Type::File && !is_newest && age < STEADY);
    is_limited(plan) || (is_written && !is_fixed)
}

fn is_limited(plan: &Plan) -> bool {
    plan.max_age.is_some() || plan.max_age_warning.is_some()
}

fn at_path(found: Option<Entry>) -> Seen {
    Seen::Path { found, link: None }
}

/// One of which nothing else is known.
fn of_type(kind: Type) -> Entry {
    Entry { kind, size: 0, written: Timestamp::from_secs(0), uid: 0, gid: 0, mode: 0o644 }
}

/// Whether lines can be looked for in it: of a file that is made anew each time, nothing else can be known before. What
/// cannot be opened has none.
fn is_text(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = read::open(path).map(|source| source.text.take(4_096).read_to_end(&mut head));
    matches!(read, Ok(Ok(_))) && !head.contains(&0)
}

fn open(path: &Path, body: Body) -> Result<Source, Hindrance> {
    let wrong = |text: Option<Source>, size: u64| Source { text: Box::new(Made { text, at: 0, size }), size };
    match body {
        Body::Real => read::open(path),
        Body::Half => read::open(path).map(|source| {
            let half = source.size / 2;
            wrong(Some(source), half)
        }),
        Body::Other(size) => Ok(wrong(None, size)),
    }
}

/// The beginning of a file, or of what is another one, which is made while it is read: a file may be larger than the memory.
struct Made {
    text: Option<Source>,
    at: u64,
    size: u64,
}

impl Read for Made {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let max = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX).min(into.len());
        let into = into.get_mut(..max).unwrap_or_default();
        let read = if let Some(source) = &mut self.text {
            source.text.read(into)?
        } else {
            let from = usize::try_from(self.at % OTHER.len() as u64).unwrap_or(0);
            into.iter_mut().zip(OTHER.iter().cycle().skip(from)).for_each(|(byte, other)| *byte = *other);
            max
        };
        self.at += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

impl Seek for Made {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        if let Some(source) = &mut self.text {
            source.text.seek(to)?;
        }
        self.at = at;
        Ok(at)
    }
}
