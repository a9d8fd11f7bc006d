//! What is mounted, read from `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`). Pure: the text comes in as an argument.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// File systems with room of their own that have no block device for the kernel to number.
const WITHOUT_DEVICE: [&str; 4] = ["btrfs", "zfs", "bcachefs", "ubifs"];
/// File systems that are made full and never change.
const FULL_BY_NATURE: [&str; 6] = ["squashfs", "erofs", "iso9660", "udf", "cramfs", "romfs"];

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) id: u64,
    parent: u64,
    /// `major:minor`; the same for all mounts of one file system.
    pub(crate) device: String,
    pub(crate) point: PathBuf,
    pub(crate) fs: String,
    pub(crate) source: String,
    /// Whether this mount is read-only.
    pub(crate) is_read_only: bool,
    /// Whether the file system behind it is.
    pub(crate) is_read_only_below: bool,
    /// Whether the file system has stopped after an error, as ext4 says of itself (`emergency_ro`, `shutdown`).
    pub(crate) has_stopped: bool,
}

impl Mount {
    /// One line of the file, if it is one.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let number = |field: Option<&[u8]>| std::str::from_utf8(field?).ok()?.parse().ok();
        let text = |field: Option<&[u8]>| Some(String::from_utf8_lossy(&unescaped(field?)).into_owned());
        let (id, parent) = (number(fields.next())?, number(fields.next())?);
        let device = text(fields.next())?;
        let _root = fields.next()?;
        let point = PathBuf::from(OsString::from_vec(unescaped(fields.next()?)));
        let options = text(fields.next())?;
        // Any number of optional fields, up to a dash.
        fields.by_ref().find(|field| *field == b"-")?;
        let (fs, source) = (text(fields.next())?, text(fields.next())?);
        let below = text(fields.next()).unwrap_or_default();
        let has = |options: &str, wanted: &[&str]| options.split(',').any(|option| wanted.contains(&option));
        Some(Self {
            id,
            parent,
            device,
            point,
            fs,
            source,
            is_read_only: has(&options, &["ro"]),
            is_read_only_below: has(&below, &["ro"]),
            has_stopped: has(&below, &["emergency_ro", "shutdown"]),
        })
    }

    /// Whether the kernel has made it read-only: it was mounted to be written to.
    pub(crate) fn was_made_read_only(&self) -> bool {
        let by_nature = FULL_BY_NATURE.contains(&self.fs.as_str());
        self.has_stopped || (self.is_read_only_below && !self.is_read_only && !by_nature)
    }

    /// The same mount, had the kernel made it read-only.
    pub(crate) fn made_read_only(&self) -> Self {
        Self { is_read_only_below: true, ..self.clone() }
    }

    /// The same, had it been mounted so.
    pub(crate) fn mounted_read_only(&self) -> Self {
        Self { is_read_only: true, ..self.clone() }
    }

    /// Whether it is on a disk of this host, and can fill up. The root of a container counts, which is an overlay.
    fn is_local(&self) -> bool {
        let fs = self.fs.as_str();
        let has_device = !self.device.starts_with("0:") && !fs.starts_with("fuse");
        let is_root = fs == "overlay" && self.point == Path::new("/");
        (has_device || is_root || WITHOUT_DEVICE.contains(&fs)) && !FULL_BY_NATURE.contains(&fs)
    }
}

/// `\040` and its like are bytes: the kernel writes blanks, line breaks and backslashes so.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        let value = octal.map(|digits| digits.iter().fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0')));
        if let Some(byte) = value.and_then(|value| u8::try_from(value).ok()) {
            out.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// All that is mounted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mounts(Vec<Mount>);

impl Mounts {
    /// Reads the file. A line that is none is left out.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(text.split(|byte| *byte == b'\n').filter_map(Mount::parse).collect())
    }

    /// The mount that a path, without links in it, leads to: from the root on, whatever is mounted next on the way. So one
    /// that another hides is never found.
    pub(crate) fn of(&self, path: &Path) -> Option<&Mount> {
        let on_way: Vec<&Mount> = self.0.iter().filter(|mount| path.starts_with(&mount.point)).collect();
        let mut here = *on_way.iter().find(|mount| !on_way.iter().any(|other| other.id == mount.parent))?;
        // At most as many steps as there are mounts, even if the text is nonsense.
        for _ in 0..on_way.len() {
            let above = on_way.iter().filter(|mount| mount.parent == here.id && mount.id != here.id);
            let Some(next) = above.min_by_key(|mount| mount.point.as_os_str().len()) else { break };
            here = next;
        }
        Some(here)
    }

    /// Whether something is mounted at that very path. What waits there to be mounted when it is needed is not.
    pub(crate) fn is_mounted(&self, path: &Path) -> bool {
        self.of(path).is_some_and(|mount| mount.point == path && mount.fs != "autofs")
    }

    /// As it were without all that is mounted at that very path.
    pub(crate) fn without(&self, point: &Path) -> Self {
        Self(self.0.iter().filter(|mount| mount.point != point).cloned().collect())
    }

    /// As it were with this in place of the mount of its number.
    pub(crate) fn with(&self, changed: &Mount) -> Self {
        Self(self.0.iter().map(|mount| if mount.id == changed.id { changed } else { mount }).cloned().collect())
    }

    /// The local file systems that can be seen, each once, at the shortest of its mount points.
    pub(crate) fn local(&self) -> Vec<&Mount> {
        let mut found: Vec<&Mount> = Vec::new();
        let mut local: Vec<&Mount> = self.0.iter().filter(|mount| mount.is_local()).collect();
        local.sort_by_key(|mount| (mount.point.as_os_str().len(), mount.point.clone()));
        for mount in local {
            let is_seen = self.of(&mount.point).is_some_and(|seen| seen.id == mount.id);
            if is_seen && !found.iter().any(|other| other.device == mount.device) {
                found.push(mount);
            }
        }
        found
    }
}
