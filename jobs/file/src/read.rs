//! Reading, within bounds: of time, of bytes, of memory.

use crate::plan::{Plan, Test};
use checker_job::{Cancel, Context};
use nix::fcntl::OFlag;
use ring::digest::{self, SHA256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A longer line is looked at in pieces of this size: a file without line breaks must not fill the memory.
const LINE_MAX: u64 = 64 * 1024;
/// So much is read at once for a checksum.
const BLOCK: usize = 128 * 1024;

/// How long a run may still go on. It ends a little before the framework's limit, so that the job can say what took so long.
pub(crate) struct Patience {
    until: Instant,
    cancel: Cancel,
}

impl Patience {
    pub(crate) fn of(cx: &Context) -> Self {
        let margin = Duration::from_millis(100).min(cx.timeout / 10);
        Self { until: Instant::now() + cx.timeout.saturating_sub(margin), cancel: cx.cancel.clone() }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.cancel.is_cancelled()
    }
}

/// Why a file was not read to where it should be.
#[derive(Debug)]
pub(crate) enum Hindrance {
    Io(io::Error),
    /// Time ran out after so many bytes.
    Slow(u64),
    /// It has become something else since it was looked at.
    NoFile,
    /// The system could not tell the name of a user or a group.
    Names(io::Error),
}

impl From<io::Error> for Hindrance {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What can be read from any place on.
pub(crate) trait Text: Read + Seek {}

impl<T: Read + Seek> Text for T {}

/// What stands in a file.
pub(crate) struct Source {
    pub(crate) text: Box<dyn Text>,
    /// In bytes, as it was when the file was opened.
    pub(crate) size: u64,
}

/// Opens a regular file, and nothing else. What was a file a moment ago may be a named pipe now; opened this way it does not
/// hang, and is found out.
pub(crate) fn open(path: &Path) -> Result<Source, Hindrance> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() { Ok(Source { text: Box::new(file), size: meta.len() }) } else { Err(Hindrance::NoFile) }
}

/// What the lines of a file showed.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// For each test of the plan: how many lines were so, and the last of them.
    pub(crate) hits: Vec<(u64, String)>,
    /// Bytes that were looked at.
    pub(crate) read: u64,
    /// Whether there was more.
    pub(crate) is_part: bool,
}

/// Looks at the lines of a file.
pub(crate) fn lines(source: Source, plan: &Plan, patience: &Patience) -> Result<Content, Hindrance> {
    let Source { text, size } = source;
    let is_part = size > plan.read_max;
    let mut text =
        if plan.from_end && is_part { end(text, size, plan.read_max)? } else { part(text, 0, plan.read_max)? };
    let mut content = Content { is_part, hits: plan.tests.iter().map(|_| Default::default()).collect(), read: 0 };
    let mut line = Vec::new();
    loop {
        if patience.is_over() {
            return Err(Hindrance::Slow(content.read));
        }
        line.clear();
        let read = text.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        if read == 0 || is_decided(&plan.tests, &content.hits) {
            return Ok(content);
        }
        content.read += u64::try_from(read).unwrap_or(0);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        for (test, (count, last)) in plan.tests.iter().zip(&mut content.hits) {
            // One hit is enough for what is wanted.
            if (*count == 0 || !test.wanted) && test.pattern.is_in(line) {
                *count += 1;
                last.clear();
                last.extend(line.chars().take(200));
            }
        }
    }
}

/// So many bytes of a file, from an offset on.
fn part<T: Text>(mut file: T, from: u64, max: u64) -> io::Result<BufReader<io::Take<T>>> {
    file.seek(SeekFrom::Start(from))?;
    Ok(BufReader::with_capacity(BLOCK, file.take(max)))
}

/// The last `max` bytes of a file that is longer, without the end of a line that begins before. But if that is all there is, it
/// is looked at: or what must not be there would never be found in a line that is longer than `max`.
pub(crate) fn end<T: Text>(file: T, size: u64, max: u64) -> io::Result<BufReader<io::Take<T>>> {
    let from = size.saturating_sub(max);
    // One byte more: if it ends a line, what follows is a whole one.
    let mut text = part(file, from.saturating_sub(1), max.saturating_add(1))?;
    match text.by_ref().take(LINE_MAX).skip_until(b'\n')? {
        // It has become shorter since, as a log does that begins anew.
        0 => part(text.into_inner().into_inner(), 0, max),
        skipped if u64::try_from(skipped).is_ok_and(|skipped| skipped > max) => {
            part(text.into_inner().into_inner(), from, max)
        }
        _ => Ok(text),
    }
}

/// Whether no other line can change anything.
fn is_decided(tests: &[Test], hits: &[(u64, String)]) -> bool {
    tests.iter().zip(hits).all(|(test, (count, _))| test.wanted && *count > 0)
}

/// The SHA-256 of a whole file, in lower case.
pub(crate) fn sha256(source: Source, patience: &Patience) -> Result<String, Hindrance> {
    let mut file = source.text;
    let (mut sum, mut block, mut done) = (digest::Context::new(&SHA256), vec![0; BLOCK], 0);
    loop {
        if patience.is_over() {
            return Err(Hindrance::Slow(done));
        }
        let read = match file.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            return Ok(hex(sum.finish().as_ref()));
        }
        sum.update(block.get(..read).unwrap_or_default());
        done += u64::try_from(read).unwrap_or(0);
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
