//! The limit of the control group that this process runs in, and how much of it is used (the kernel's
//! `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst`).

use checker_parts::procfs;
use std::path::{Component, Path, PathBuf};

/// Groups above one another. Nobody nests deeper.
const DEPTH_MAX: usize = 32;

/// A group with a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Its path in the hierarchy, `/` for a container's own.
    pub(crate) group: PathBuf,
    /// What the group may have.
    pub(crate) bytes: u64,
    pub(crate) available: u64,
}

/// The names of the files in the two versions.
pub(crate) struct Files {
    limit: &'static str,
    pub(crate) usage: &'static str,
    /// In `memory.stat`: caches that are given up when memory is short, the same ones that `MemAvailable` counts.
    pub(crate) caches: &'static [&'static str],
}

pub(crate) const V2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    caches: &["inactive_file", "active_file", "slab_reclaimable"],
};
pub(crate) const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    caches: &["total_inactive_file", "total_active_file"],
};

/// Our group and all above it, as far as they have a limit below `total`, which is what the host has. `own` is the text of `/proc/self/cgroup`, `root` where the hierarchies are mounted.
pub(crate) fn limits(own: &str, root: &Path, total: u64) -> Vec<Limit> {
    let mut found: Vec<Limit> = Vec::new();
    for line in own.lines().take(64) {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if number == "0" && controllers.is_empty() {
            found.extend(above(path, root, &V2));
        } else if controllers.split(',').any(|controller| controller == "memory") {
            found.extend(above(path, &root.join("memory"), &V1));
        }
    }
    found.retain(|limit| limit.bytes < total);
    found
}

/// The limits of a group and of those above it. In a container the path may be that of the host, which is not there: then the
/// container's own group is the root of what is mounted.
fn above(path: &str, root: &Path, files: &Files) -> Vec<Limit> {
    // Nothing in such a path may lead out of the hierarchy.
    let names = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let group: PathBuf = names.take(DEPTH_MAX).collect();
    group.ancestors().filter_map(|group| limit(group, root, files)).collect()
}

fn limit(group: &Path, root: &Path, files: &Files) -> Option<Limit> {
    let folder = root.join(group);
    // The word `max` is no number, and no limit.
    let bytes = number(&folder.join(files.limit))?;
    let available = bytes.saturating_sub(used(&folder, files)?);
    Some(Limit { group: Path::new("/").join(group), bytes, available })
}

fn number(file: &Path) -> Option<u64> {
    procfs::read(file).ok()?.trim().parse().ok()
}

/// What a group uses, without what would be given up.
pub(crate) fn used(folder: &Path, files: &Files) -> Option<u64> {
    let stat = procfs::read(&folder.join("memory.stat")).unwrap_or_default();
    let cache = |line: &str| {
        let (name, bytes) = line.split_once(' ')?;
        files.caches.contains(&name).then(|| bytes.trim().parse::<u64>().ok())?
    };
    Some(stat.lines().filter_map(cache).fold(number(&folder.join(files.usage))?, u64::saturating_sub))
}
