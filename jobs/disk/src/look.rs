//! Asks the kernel, and lets [`judge`](crate::judge) say what it is worth.

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

fn mounts() -> io::Result<Mounts> {
    let mut text = Vec::new();
    File::open("/proc/self/mountinfo")?.take(MOUNTINFO_MAX).read_to_end(&mut text)?;
    Ok(Mounts::parse(&text))
}

fn room(path: &Path) -> Result<Room, Errno> {
    let stat = statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok(Room {
        total: bytes(stat.f_blocks),
        used: bytes(stat.f_blocks.saturating_sub(stat.f_bfree)),
        available: bytes(stat.f_bavail.min(stat.f_blocks)),
        inodes: stat.f_files,
        inodes_free: stat.f_favail.min(stat.f_files),
        is_read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// The whole run.
pub(crate) fn look(target: &Target, plan: &Plan, cx: &Context) -> Outcome {
    match target {
        Target::Path(path) => judge::outcome(vec![at_path(path, plan)]),
        Target::All { except } => match mounts() {
            Ok(mounts) => all(&mounts, except, plan, cx),
            Err(why) => {
                Outcome::unknown(format!("cannot tell what is mounted: /proc/self/mountinfo: {why}"), NO_MOUNTS)
            }
        },
    }
}

fn all(mounts: &Mounts, except: &[PathBuf], plan: &Plan, cx: &Context) -> Outcome {
    let until = Instant::now() + cx.timeout.saturating_sub(Duration::from_millis(100).min(cx.timeout / 10));
    let mut judged = Vec::new();
    let counted = mounts.local().into_iter().filter(|mount| !except.contains(&mount.point));
    for mount in counted.take(LOCAL_MAX) {
        let name = shown::path(&mount.point);
        if Instant::now() >= until || cx.cancel.is_cancelled() {
            let said = format!("was not asked any more: the {} of a run were over", duration_words(cx.timeout));
            judged.push(Judged::bad(name, Verdict::Unknown, said, Some("file systems answer too slowly")));
            break;
        }
        let label = format!(" {name}");
        judged.push(match room(&mount.point) {
            Ok(room) => judge::judge(name, &room, Some(mount), plan, &label),
            Err(why) => refused(name, why),
        });
    }
    judge::outcome(judged)
}

fn at_path(path: &Path, plan: &Plan) -> Judged {
    let name = shown::path(path);
    // First of all, because this is what mounts a disk that is mounted when it is needed.
    let room = match room(path) {
        Ok(room) => room,
        Err(why) => return refused(name, why),
    };
    let mounts = mounts();
    if plan.mounted
        && let Err(why) = &mounts
    {
        let said = format!("cannot tell whether it is mounted: /proc/self/mountinfo: {why}");
        return Judged::bad(name, Verdict::Unknown, said, Some(NO_MOUNTS));
    }
    let mounts = mounts.unwrap_or_default();
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mount = mounts.of(&real);
    if plan.mounted && !mounts.is_mounted(&real) {
        return not_mounted(name, mount);
    }
    if room.total == 0 {
        let said = "that file system has no size, as those of the kernel have none; name a path on a disk";
        let cause = "a file system without a size cannot be judged";
        return Judged::bad(name, Verdict::Unknown, said.to_owned(), Some(cause));
    }
    judge::judge(name, &room, mount, plan, "")
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
            "Checker's user may not look there: permission denied".to_owned(),
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
