//! No place can be written at all.

use super::{Scene, TROUBLE, ready};
use crate::support::binary::utc;
use std::time::Duration;

#[test]
fn with_no_place_at_all_failures_count_at_once_and_are_told_every_ten_minutes_in_one_message() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("4m");
    scene.silent(0);
    // The folder of messages alone can be written.
    scene.sh("mkdir -p DISK/../mail && mount --bind DISK/../mail DISK/../mail");
    scene.sh("mount --rbind /tmp /tmp && mount -o remount,ro,bind /tmp");
    // The clock of the test needs /dev/shm; where everybody may rename everything, nothing of ours may lie.
    scene.sh("chmod 777 /dev/shm && mount -o remount,ro DISK");
    scene.down();
    let before = scene.home.subjects().len();
    scene.now = utc("2026-06-01 11:01:05");
    let mut told = Vec::new();
    for minute in 1..=24 {
        let done = scene.realm.run_at(&scene.home, scene.now, &["cron"]).ended(TROUBLE);
        assert_eq!(done.err, "", "{minute}");
        let count = scene.home.subjects().len();
        if count > before + told.len() {
            told.push(minute);
        }
        scene.now = scene.now.plus(Duration::from_secs(60));
    }
    assert_eq!(told, [10, 20], "{:?}", scene.home.subjects());
    assert_eq!(scene.home.subjects().len(), before + 2, "one message each time: {:?}", scene.home.subjects());
    let last = scene.home.mails().pop().unwrap().raw.replace("=\n", "");
    assert!(last.contains("shop") && last.contains("nothing is remembered"), "{last}");
    scene.sh("mount -o remount,ro /dev/shm");
    let real = scene.realm.command(&scene.home, None, &["cron", "--now", "--json"]).output().unwrap();
    let told = crate::support::binary::done(&real).ended(TROUBLE).json();
    assert_eq!(told["ran"][0]["name"], "shop", "{told}");
    assert!(told["degraded"].as_str().unwrap().contains("no other place"), "{told}");
    scene.sh("mount -o remount,rw,bind /tmp && mount -o remount,rw /dev/shm && mount -o remount,rw DISK");
    let done = scene.realm.run_at(&scene.home, scene.now, &["cron"]).ended(0);
    assert_eq!(done.err, "");
    assert_eq!(scene.refuges(), "");
}
