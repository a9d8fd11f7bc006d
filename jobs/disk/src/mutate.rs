//! Would the job notice that a disk is full, read-only, or not there? What the kernel said is made wrong, and judged as it is in a
//! run.

use crate::Target;
use crate::judge::{self, Plan, Room};
use crate::look::{self, Found, Local};
use crate::mounts::{Mount, Mounts};
use checker_job::{Context, Mutation, Outcome, Vacuity, Verdict};
use checker_parts::shown;
use rustix::io::Errno;
use std::path::{Path, PathBuf};

/// A file system as it should not be.
struct Wrong {
    name: &'static str,
    what: String,
    remedy: &'static str,
    room: Room,
    mount: Option<Mount>,
}

impl Wrong {
    fn judged(self, outcome: Outcome) -> Mutation {
        Mutation::new(self.name, self.what, self.remedy, outcome)
    }
}

/// Looks, and judges what was seen in forms that are wrong.
pub(crate) fn vacuity(target: &Target, plan: &Plan, cx: &Context) -> Vacuity {
    match target {
        Target::Path(path) => of_path(path, plan),
        Target::All { except } => match look::mounts() {
            Ok(mounts) => of_all(&mounts, except, plan, cx),
            Err(why) => Vacuity::without_answer(look::no_mounts(&why)),
        },
    }
}

fn of_path(path: &Path, plan: &Plan) -> Vacuity {
    let judge = |found: &Result<Found, Errno>| judge::outcome(vec![look::at_path(path, found, plan)]);
    let found = look::see(path);
    let outcome = judge(&found);
    let answer = found.as_ref().ok().filter(|_| outcome.verdict == Verdict::Ok);
    let Some(Found { room, mounts, real }) = answer else {
        return Vacuity::without_answer(outcome);
    };
    let mounts = mounts.as_ref().ok().cloned().unwrap_or_default();
    let with = |room: Room, mounts: Mounts| judge(&Ok(Found { room, mounts: Ok(mounts), real: real.clone() }));
    let gone = judge(&Err(Errno::NOENT));
    let mut mutations = vec![Mutation::new("gone", format!("nothing at {}", shown::path(path)), "", gone)];
    if mounts.is_mounted(real) && real != Path::new("/") {
        let what = format!("a mere folder at {}, with as much room on the disk that it is on", shown::path(path));
        let said = with(*room, mounts.without(real));
        mutations.push(Mutation::new("not_mounted", what, "set mounted = true", said));
    }
    for wrong in wrong(&shown::path(path), room, mounts.of(real), plan) {
        let mounts = wrong.mount.as_ref().map_or_else(|| mounts.clone(), |mount| mounts.with(mount));
        let said = with(wrong.room, mounts);
        mutations.push(wrong.judged(said));
    }
    Vacuity::new(outcome, mutations)
}

/// All are judged alike, so one that is wrong tells of all: for each way of being wrong the first that can be so.
fn of_all(mounts: &Mounts, except: &[PathBuf], plan: &Plan, cx: &Context) -> Vacuity {
    let local = look::see_all(mounts, except, cx);
    let outcome = look::of_all(&local, plan, cx);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut mutations: Vec<Mutation> = Vec::new();
    for (at, (mount, room)) in local.rooms.iter().enumerate() {
        let Ok(room) = room else { continue };
        for wrong in wrong(&shown::path(&mount.point), room, Some(mount), plan) {
            if mutations.iter().any(|mutation| mutation.name == wrong.name) {
                continue;
            }
            let said = with_one(&local, at, wrong.mount.as_ref().unwrap_or(mount), wrong.room, plan, cx);
            mutations.push(wrong.judged(said));
        }
    }
    Vacuity::new(outcome, mutations)
}

fn with_one(local: &Local<'_>, at: usize, mount: &Mount, room: Room, plan: &Plan, cx: &Context) -> Outcome {
    let mut local = local.clone();
    if let Some(one) = local.rooms.get_mut(at) {
        *one = (mount, Ok(room));
    }
    look::of_all(&local, plan, cx)
}

/// What may become of one file system.
fn wrong(name: &str, room: &Room, mount: Option<&Mount>, plan: &Plan) -> Vec<Wrong> {
    let wrong = |name, what, remedy, room| Wrong { name, what, remedy, room, mount: mount.cloned() };
    let full = Room { available: 0, used: room.total, ..*room };
    let mut all = vec![wrong("full", format!("no free space on {name}"), "set warning or critical", full)];
    if room.inodes > 0 {
        let what = format!("no free inodes on {name}, so no file can be made there");
        let remedy = "set inodes_warning or inodes_critical";
        all.push(wrong("no_inodes", what, remedy, Room { inodes_free: 0, ..*room }));
    }
    let stuck = Room { is_read_only: true, ..*room };
    let Some(mount) = mount.filter(|mount| !room.is_read_only && !mount.is_read_only) else { return all };
    let made = mount.made_read_only();
    if made.was_made_read_only() {
        let what = format!("{name} made read-only by the kernel, as after an error of the disk");
        all.push(Wrong {
            mount: Some(made),
            ..wrong("read_only", what, "take writable out, or set it to true", stuck)
        });
    }
    // Where the settings allow it, somebody wants it so.
    if plan.writable != Some(false) {
        let mount = mount.mounted_read_only();
        let what = format!("{name} mounted read-only");
        all.push(Wrong { mount: Some(mount), ..wrong("mounted_read_only", what, "set writable = true", stuck) });
    }
    all
}
