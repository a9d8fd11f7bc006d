//! Mail as files: one `.eml` for each message, for demonstrations, and for hosts where another program fetches them.

use super::Letter;
use crate::decide::{Delivery, SendResult};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes one letter. A reader of the folder sees all of it or nothing; a repeat of the same delivery is the same file.
pub(super) fn write(folder: &Path, delivery: &Delivery, letter: &Letter) -> SendResult {
    let name = name(delivery);
    let path = folder.join(&name);
    match make(folder).and_then(|()| place(folder, &name, &path, &letter.bytes)) {
        Ok(()) => SendResult::Accepted { answer: format!("written to {}", path.display()) },
        Err(e) => SendResult::Later {
            why: format!("{} cannot be written ({e}): mend folder under [email], or its rights", path.display()),
        },
    }
}

/// Whether the folder is there, or can be made, and takes files.
pub(super) fn probe(folder: &Path) -> Result<String, String> {
    let trial = folder.join(format!(".probe-{}", std::process::id()));
    make(folder)
        .and_then(|()| create(&trial).map(drop))
        .and_then(|()| std::fs::remove_file(&trial))
        .map(|()| format!("messages are written to {}", folder.display()))
        .map_err(|e| format!("{} takes no files ({e}): mend folder under [email], or its rights", folder.display()))
}

/// Names sort by the time of decision; the rest makes them one for each delivery.
fn name(delivery: &Delivery) -> String {
    let at = jiff::Timestamp::from_microsecond(delivery.created_at.micros()).unwrap_or_default();
    format!("{}-{}.eml", at.strftime("%Y%m%dT%H%M%S%.6fZ"), delivery.id)
}

/// What mail says is nobody else's business.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn place(folder: &Path, name: &str, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let temporary: PathBuf = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    if let Err(e) = written {
        drop(std::fs::remove_file(&temporary));
        return Err(e);
    }
    File::open(folder)?.sync_all()
}
