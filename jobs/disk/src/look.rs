//! Asks the kernel, and lets [`judge`] say what it is worth.

use crate::Target;
use crate::judge::{self, Judged, Plan, Room};
use crate::mounts::{Mount, Mounts};
use checker_job::{Context, Outcome, Verdict, duration_words};
use checker_parts::shown;
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Some ten thousand mounts.
const MOUNTINFO_MAX: u64 = 4 << 20;
/// More than this is a host that nobody watches with one job.
const LOCAL_MAX: usize = 256;
/// A cause is worded alike for all jobs that it hinders.
const NO_MOUNTS: &str = "/proc/self/mountinfo cannot be read, so Checker cannot tell what is mounted";

pub(crate) fn mounts() -> io::Result<Mounts> {
    mounts_of(File::open("/proc/self/mountinfo")?)
}

/// Reads all of it, or nothing: what was left out would count as not mounted.
pub(crate) fn mounts_of(file: impl Read) -> io::Result<Mounts> {
    let mut text = Vec::new();
    let read = file.take(MOUNTINFO_MAX + 1).read_to_end(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= MOUNTINFO_MAX) {
        Ok(Mounts::parse(&text))
    } else {
        Err(io::Error::other("it is longer than 4 MiB"))
    }
}

fn room(path: &Path) -> Result<Room, Errno> {
    let stat = statvfs(path)?;
    Ok(Room {
        inodes: stat.f_files,
        inodes_free: stat.f_favail.min(stat.f_files),
        is_read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        ..Room::of_blocks(stat.f_blocks, stat.f_bfree, stat.f_bavail, stat.f_frsize)
    })
}

/// The whole run.
pub(crate) fn look(target: &Target, plan: &Plan, cx: &Context) -> Outcome {
    match target {
        Target::Path(path) => judge::outcome(vec![at_path(path, &see(path), plan)]),
        Target::All { except } => match mounts() {
            Ok(mounts) => all(&mounts, except, plan, cx),
            Err(why) => no_mounts(&why),
        },
    }
}

/// Nobody can tell which file systems there are.
pub(crate) fn no_mounts(why: &io::Error) -> Outcome {
    Outcome::unknown(format!("cannot tell what is mounted: /proc/self/mountinfo: {why}"), NO_MOUNTS)
}

pub(crate) fn all(mounts: &Mounts, except: &[PathBuf], plan: &Plan, cx: &Context) -> Outcome {
    of_all(&see_all(mounts, except, cx), plan, cx)
}

/// What the kernel said of the local file systems.
#[derive(Clone)]
pub(crate) struct Local<'a> {
    /// So many are more than one job looks at.
    more: usize,
    pub(crate) rooms: Vec<(&'a Mount, Result<Room, Errno>)>,
    /// Here time ran out.
    late: Option<&'a Mount>,
}

pub(crate) fn see_all<'a>(mounts: &'a Mounts, except: &[PathBuf], cx: &Context) -> Local<'a> {
    let until = Instant::now() + cx.timeout.saturating_sub(Duration::from_millis(100).min(cx.timeout / 10));
    let counted: Vec<&Mount> = mounts.local().into_iter().filter(|mount| !except.contains(&mount.point)).collect();
    let mut local = Local { more: counted.len().saturating_sub(LOCAL_MAX), rooms: Vec::new(), late: None };
    for mount in counted.into_iter().take(LOCAL_MAX) {
        if Instant::now() >= until || cx.cancel.is_cancelled() {
            local.late = Some(mount);
            break;
        }
        match room(&mount.point) {
            // It was taken away since: nobody has named it, so nobody misses it.
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            room => local.rooms.push((mount, room)),
        }
    }
    local
}

pub(crate) fn of_all(local: &Local<'_>, plan: &Plan, cx: &Context) -> Outcome {
    let mut judged = Vec::new();
    if local.more > 0 {
        let said = format!("are not looked at: one job takes {LOCAL_MAX}; leave some out with `except`, or use `path`");
        let cause = "there are more file systems than one job looks at";
        judged.push(Judged::bad(format!("{} more file systems", local.more), Verdict::Unknown, said, Some(cause)));
    }
    for (mount, room) in &local.rooms {
        let name = shown::path(&mount.point);
        let label = format!(" {name}");
        judged.push(match room {
            Ok(room) => judge::judge(name, room, Some(mount), plan, &label),
            Err(why) => refused(name, *why),
        });
    }
    if let Some(mount) = local.late {
        let said = format!("was not asked any more: the {} of a run were over", duration_words(cx.timeout));
        let cause = Some("file systems answer too slowly");
        judged.push(Judged::bad(shown::path(&mount.point), Verdict::Unknown, said, cause));
    }
    judge::outcome(judged)
}

/// What is at a path.
pub(crate) struct Found {
    pub(crate) room: Room,
    pub(crate) mounts: io::Result<Mounts>,
    /// The path without links in it.
    pub(crate) real: PathBuf,
}

pub(crate) fn see(path: &Path) -> Result<Found, Errno> {
    // First of all, because this is what mounts a disk that is mounted when it is needed.
    let room = room(path)?;
    Ok(Found { room, mounts: mounts(), real: path.canonicalize().unwrap_or_else(|_| path.to_owned()) })
}

pub(crate) fn at_path(path: &Path, found: &Result<Found, Errno>, plan: &Plan) -> Judged {
    let name = shown::path(path);
    let Found { room, mounts, real } = match found {
        Ok(found) => found,
        Err(why) => return refused(name, *why),
    };
    if plan.mounted
        && let Err(why) = mounts
    {
        let said = format!("cannot tell whether it is mounted: /proc/self/mountinfo: {why}");
        return Judged::bad(name, Verdict::Unknown, said, Some(NO_MOUNTS));
    }
    let mount = mounts.as_ref().ok().and_then(|mounts| mounts.of(real));
    if plan.mounted && !mounts.as_ref().is_ok_and(|mounts| mounts.is_mounted(real)) {
        return not_mounted(name, mount);
    }
    if room.total == 0 {
        let said = "that file system has no size, as those of the kernel have none; name a path on a disk";
        let cause = "a file system without a size cannot be judged";
        return Judged::bad(name, Verdict::Unknown, said.to_owned(), Some(cause));
    }
    judge::judge(name, room, mount, plan, "")
}

fn not_mounted(name: String, under: Option<&Mount>) -> Judged {
    let under = under.map_or_else(String::new, |mount| {
        format!("; it is a mere folder of {}, which fills with what is written there", shown::path(&mount.point))
    });
    Judged::bad(name, Verdict::Failed, format!("nothing is mounted there{under}"), None)
}

/// Why the kernel gives no answer, and whose fault that is.
fn refused(name: String, why: Errno) -> Judged {
    let words = io::Error::from(why);
    match why {
        Errno::NOENT | Errno::NOTDIR => Judged::bad(name, Verdict::Failed, "is not there".to_owned(), None),
        Errno::ACCESS | Errno::PERM => Judged::bad(
            name,
            Verdict::Unknown,
            "Checker's user may not look there: permission denied; give it leave (docs/operating.md, \"What some kinds need\")".to_owned(),
            Some("Checker's user may not look at a file system that it should check"),
        ),
        // The file system answers that it is broken, or its server is gone.
        Errno::IO
        | Errno::STALE
        | Errno::NOTCONN
        | Errno::HOSTDOWN
        | Errno::TIMEDOUT
        | Errno::UCLEAN
        | Errno::NODEV => {
            let said = format!("that file system does not work: {words}; see dmesg");
            Judged::bad(name, Verdict::Failed, said, None)
        }
        _ => Judged::bad(
            name,
            Verdict::Unknown,
            format!("cannot be asked: {words}"),
            Some("a file system cannot be asked"),
        ),
    }
}
