//! What `stat` says of a file, as values.

use checker_job::Timestamp;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    File,
    Folder,
    Fifo,
    Socket,
    Device,
    /// A link that was not followed.
    Link,
}

impl Type {
    /// Those that settings may ask for.
    pub(crate) const ALL: [Self; 5] = [Self::File, Self::Folder, Self::Fifo, Self::Socket, Self::Device];

    /// The word in the settings.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Link => "link",
        }
    }

    /// For sentences.
    pub(crate) fn words(self) -> &'static str {
        if self == Self::Fifo { "named pipe" } else { self.word() }
    }
}

/// One thing in a file system.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Type,
    pub(crate) size: u64,
    pub(crate) written: Timestamp,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The permissions, with the bits for set-user-ID, set-group-ID and sticky.
    pub(crate) mode: u32,
}

impl Entry {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let kind = match meta.file_type() {
            t if t.is_file() => Type::File,
            t if t.is_dir() => Type::Folder,
            t if t.is_fifo() => Type::Fifo,
            t if t.is_socket() => Type::Socket,
            t if t.is_symlink() => Type::Link,
            _ => Type::Device,
        };
        let nanos = u64::try_from(meta.mtime_nsec()).unwrap_or(0);
        let written = Timestamp::from_secs(meta.mtime()).plus(Duration::from_nanos(nanos));
        Self { kind, size: meta.len(), written, uid: meta.uid(), gid: meta.gid(), mode: meta.mode() & 0o7777 }
    }
}
