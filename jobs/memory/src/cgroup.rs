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
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// In `memory.stat`: a cache of files that can be given up.
    cache: &'static str,
}

const V2: Files = Files { limit: "memory.max", usage: "memory.current", cache: "inactive_file" };
const V1: Files =
    Files { limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", cache: "total_inactive_file" };

/// Of our group and all above it the one with the least memory left, if any has a limit below `total`, which is what the host
/// has. `own` is the text of `/proc/self/cgroup`, `root` where the hierarchies are mounted.
pub(crate) fn tightest(own: &str, root: &Path, total: u64) -> Option<Limit> {
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
    found.into_iter().filter(|limit| limit.bytes < total).min_by_key(|limit| limit.available)
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
    let read = |file: &str| procfs::read(&folder.join(file)).ok();
    // The word `max` is no number, and no limit.
    let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
    let (bytes, used) = (number(files.limit)?, number(files.usage)?);
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix(files.cache)?.trim().parse::<u64>().ok());
    let used = used.saturating_sub(cache.unwrap_or(0));
    Some(Limit { group: Path::new("/").join(group), bytes, available: bytes.saturating_sub(used) })
}
