//! How much room is left, and what that is worth. Pure.

use crate::mounts::Mount;
use checker_job::{Metric, Outcome, Verdict};
use checker_parts::amount::{Degrees, share_words, size_words};
use checker_parts::shown;
use std::ffi::OsStr;

/// So many file systems are named in one summary.
const NAMED_MAX: usize = 3;

/// What the job asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) space: Degrees,
    pub(crate) inodes: Degrees,
    pub(crate) mounted: bool,
    pub(crate) writable: Option<bool>,
}

/// What `statvfs` says, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) total: u64,
    pub(crate) used: u64,
    /// What users may fill; root may have more.
    pub(crate) available: u64,
    /// None where the file system makes them as needed.
    pub(crate) inodes: u64,
    pub(crate) inodes_free: u64,
    pub(crate) is_read_only: bool,
}

impl Room {
    /// From counts of blocks: all, free, free for users, and the size of one. Some file systems of networks say that less than
    /// nothing is free for users, which comes as more than there is: then root's reserve is in use, and users have none.
    pub(crate) fn of_blocks(all: u64, free: u64, available: u64, size: u64) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(size);
        Self {
            total: bytes(all),
            used: bytes(all.saturating_sub(free)),
            available: if available > all { 0 } else { bytes(available) },
            ..Self::default()
        }
    }

    /// What a share is of: as in `df`, without what only root may have.
    fn whole(&self) -> u64 {
        self.used.saturating_add(self.available)
    }
}

/// What is to be said of one file system.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Fit to be shown.
    pub(crate) name: String,
    /// Set where it is not as it should be.
    pub(crate) bad: Option<(Verdict, String)>,
    /// For [`Verdict::Unknown`].
    pub(crate) cause: Option<&'static str>,
    /// What is so, whatever it is worth.
    pub(crate) line: String,
    pub(crate) metrics: Vec<Metric>,
    /// In hundredths of a percent, to find the fullest.
    free: u64,
}

impl Judged {
    /// One that could not be measured.
    pub(crate) fn bad(name: String, verdict: Verdict, sentence: String, cause: Option<&'static str>) -> Self {
        let line = format!("{name}: {sentence}");
        Self { name, bad: Some((verdict, sentence)), cause, line, metrics: Vec::new(), free: 0 }
    }
}

/// Judges one file system. Its mount is known where this host tells.
pub(crate) fn judge(name: String, room: &Room, mount: Option<&Mount>, plan: &Plan, label: &str) -> Judged {
    let mut findings = Vec::new();
    findings.extend(read_only(room, mount, plan));
    let free = free_words(room);
    if let Some((verdict, limit)) = plan.space.judge(room.available, room.whole()) {
        findings.push((verdict, format!("only {free}, less than {limit}")));
    }
    let has_inodes = room.inodes > 0;
    if has_inodes && let Some((verdict, limit)) = plan.inodes.judge(room.inodes_free, room.inodes) {
        let (left, all) = (room.inodes_free, room.inodes);
        let none = if left == 0 { "no inodes are free" } else { "few inodes are free" };
        findings.push((
            verdict,
            format!(
                "{none} ({left} of {all}, {}, less than {}), so soon no file can be made there, whatever space is left",
                share_words(left, all),
                limit.count_words()
            ),
        ));
    }
    findings.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let sentences: Vec<&str> = findings.iter().map(|(_, sentence)| sentence.as_str()).collect();
    let bad = findings.first().map(|(verdict, _)| (*verdict, sentences.join("; ")));
    let inodes = if has_inodes {
        format!(", {} of its inodes", share_words(room.inodes_free, room.inodes))
    } else {
        String::new()
    };
    let on = mount.map_or_else(String::new, |mount| {
        let [fs, source] = [&mount.fs, &mount.source].map(|text| shown::name(OsStr::new(text)));
        format!("; {fs} on {source}")
    });
    let whole = u128::from(room.whole().max(1));
    let hundredths = u64::try_from(u128::from(room.available) * 10_000 / whole).unwrap_or(10_000);
    Judged {
        line: format!("{name}: {free}{inodes}{on}"),
        name,
        bad,
        cause: None,
        metrics: metrics(room, plan, label),
        free: hundredths,
    }
}

/// Of what users could have, so that the numbers agree with the share even where much is reserved.
fn free_words(room: &Room) -> String {
    let share = share_words(room.available, room.whole());
    format!("{} of {} free ({share})", size_words(room.available), size_words(room.whole()))
}

fn read_only(room: &Room, mount: Option<&Mount>, plan: &Plan) -> Option<(Verdict, String)> {
    let was_made = mount.is_some_and(Mount::was_made_read_only);
    let is = room.is_read_only || mount.is_some_and(|mount| mount.is_read_only);
    match plan.writable {
        Some(false) => None,
        _ if was_made => Some((
            Verdict::Failed,
            "the kernel has made it read-only, as after an error of the disk: see dmesg; nothing can be written"
                .to_owned(),
        )),
        Some(true) if is => Some((Verdict::Failed, "it is mounted read-only; nothing can be written".to_owned())),
        _ => None,
    }
}

fn metrics(room: &Room, plan: &Plan, label: &str) -> Vec<Metric> {
    let metric = |what: &str, value: u64, unit: &'static str, of: u64, whole: u64, degrees: &Degrees| {
        #[expect(clippy::cast_precision_loss, reason = "sizes for a chart")]
        let [value, of] = [value as f64, of as f64];
        let mut metric = Metric::new(format!("{what}{label}"), value, unit);
        [metric.warning, metric.critical] = degrees.ranges(whole);
        (metric.min, metric.max) = (Some(0.0), Some(of));
        metric
    };
    let mut metrics = vec![metric("free", room.available, "B", room.total, room.whole(), &plan.space)];
    if room.inodes > 0 {
        metrics.push(metric("inodes_free", room.inodes_free, "", room.inodes, room.inodes, &plan.inodes));
    }
    metrics
}

/// One outcome of all that a job looks at.
pub(crate) fn outcome(mut judged: Vec<Judged>) -> Outcome {
    if judged.is_empty() {
        let said = "there is no local file system to look at: none is mounted, or `except` leaves all out; name one with `path`";
        return Outcome::unknown(said, "there is no local file system to look at");
    }
    let metrics = judged.iter_mut().flat_map(|one| std::mem::take(&mut one.metrics)).collect();
    let lines: Vec<&str> = judged.iter().map(|one| one.line.as_str()).collect();
    let detail = cut(&lines.join("\n"), 8 * 1024);
    let mut bad: Vec<(Verdict, String, Option<&'static str>)> = Vec::new();
    for one in &judged {
        if let Some((verdict, sentence)) = &one.bad {
            bad.push((*verdict, format!("{}: {sentence}", one.name), one.cause));
        }
    }
    // What is known to be broken comes before what could not be found out.
    let rank =
        |verdict: Verdict| [Verdict::Failed, Verdict::Unknown, Verdict::Warning].iter().position(|v| *v == verdict);
    bad.sort_by_key(|(verdict, _, _)| rank(*verdict));
    let named: Vec<&str> = bad.iter().take(NAMED_MAX).map(|(_, sentence, _)| sentence.as_str()).collect();
    let more = bad.len().saturating_sub(NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let summary = format!("{}{more}", cut(&named.join("; "), 360));
    let outcome = match bad.first() {
        Some((Verdict::Unknown, _, cause)) => {
            Outcome::unknown(summary, cause.unwrap_or("a file system cannot be asked"))
        }
        Some((Verdict::Failed, _, _)) => Outcome::failed(summary),
        Some(_) => Outcome::warning(summary),
        None => Outcome::ok(good(&judged)),
    };
    Outcome { metrics, ..outcome }.with_detail(detail)
}

fn good(judged: &[Judged]) -> String {
    match judged {
        [one] => one.line.clone(),
        many => {
            let fullest = many.iter().min_by_key(|one| one.free).map_or("", |one| one.line.as_str());
            format!("{} file systems have room, the fullest is {fullest}", many.len())
        }
    }
}

fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= max).last().unwrap_or(0);
    format!("{}...", text.get(..end).unwrap_or_default())
}
