//! Kills while a refuge is merged into the store: the next pass merges it again, and counts nothing twice.

use super::{Scene, TROUBLE, ready};
use std::time::Duration;

/// Runs that the refuge holds, so that there is time to be killed in.
const RUNS: i64 = 30_000;

#[test]
fn a_merge_that_is_killed_is_done_again_and_counts_once() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("64m");
    scene.sh("mount -o remount,size=64m /dev/shm");
    scene.begin();
    scene.sh("cp DISK/checker.db DISK/good.db; cp DISK/checker.db-wal DISK/good.db-wal");
    scene.sh("mount -o remount,ro DISK");
    for _ in 0..12 {
        scene.silent(TROUBLE);
    }
    let refuge = scene.sh("ls -d /dev/shm/checker-*").trim().to_owned();
    let more = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RUNS})
         INSERT INTO run SELECT randomblob(16), job, status, queue, priority, not_before, attempt, source, asked_by, args,
             node, host, pass, started, ended, verdict, outcome, steady, seq FROM (SELECT * FROM run LIMIT 1), n"
    );
    scene.sh(&format!("sqlite3 {refuge}/checker.db \"{more}\""));
    scene.sh(&format!("rm -f {refuge}/checker.db-shm; cp -a {refuge} /dev/shm/kept"));
    let mut phases = [0; 4];
    scene.now = scene.now.plus(Duration::from_secs(3_600));
    let told = scene.home.subjects();
    // Every 20 ms, and between those again where that met too few moments of the merge itself.
    let (mut round, mut ms) = (1, 0);
    while ms < 6_000 {
        // Beyond the end of the merge there is nothing left to kill.
        if phases[3] >= 5 * round {
            if phases[1] >= 2 || round == 8 {
                break;
            }
            ms = [10, 5, 15, 2, 12, 7, 17][round - 1];
            round += 1;
        }
        let fresh = format!(
            "mount -o remount,rw DISK; rm -rf DISK/checker.db* {refuge}; cp -a /dev/shm/kept {refuge}; cp DISK/good.db \
             DISK/checker.db; cp DISK/good.db-wal DISK/checker.db-wal; chmod 600 DISK/checker.db*"
        );
        scene.sh(&fresh);
        let mut pass = scene.realm.command(&scene.home, Some(scene.now), &["cron"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(ms));
        drop(pass.kill());
        pass.wait().unwrap();
        let left = !scene.sh("ls /dev/shm/checker-*/checker.db 2>/dev/null || true").is_empty();
        let moved = scene.count("SELECT count(*) FROM run WHERE id NOT IN (SELECT id FROM run LIMIT 2)") > 0;
        let merged = scene.count("SELECT count(*) FROM counter WHERE name LIKE 'merged:%'") > 0;
        phases[[moved, merged, !left].into_iter().filter(|reached| *reached).count()] += 1;
        scene.realm.run_at(&scene.home, scene.now.plus(Duration::from_secs(60)), &["cron"]).ended(0);
        // A kill while it is removed may leave its folder.
        let left = scene.sh("ls /dev/shm/checker-*/checker.db 2>/dev/null || true");
        assert_eq!(left, "", "{ms}");
        let runs = scene.count("SELECT count(*) FROM run") - RUNS;
        assert!((15..=17).contains(&runs), "{ms}: {runs}");
        assert_eq!(scene.tallied(), runs, "{ms}");
        let steady = scene
            .count("SELECT value - (SELECT count(*) FROM run WHERE steady = 1) FROM counter WHERE name = 'steady'");
        assert_eq!(steady, 0, "{ms}");
        ms += 20;
    }
    it_may_come_back(&mut scene, &refuge);
    println!("killed before runs moved, while they did, before the refuge went, after: {phases:?}");
    assert!(phases[1] >= 2 && phases[3] >= 5, "too few kills in a merge to prove anything: {phases:?}");
    let news: Vec<String> = scene.home.subjects().split_off(told.len());
    assert!(news.iter().all(|s| s.contains("SOLVED: state")), "nothing else was told again: {news:?}");
}

/// As after a kill between the last commit and the removal, and after a pass that went on.
fn it_may_come_back(scene: &mut Scene, refuge: &str) {
    let (runs, counted) = (scene.count("SELECT count(*) FROM run"), scene.tallied());
    let news = scene.home.subjects().len();
    scene.sh(&format!("cp -a /dev/shm/kept {refuge}"));
    scene.realm.run_at(&scene.home, scene.now.plus(Duration::from_secs(70)), &["cron"]).ended(0);
    assert_eq!(scene.refuges(), "");
    assert_eq!((scene.count("SELECT count(*) FROM run"), scene.tallied()), (runs, counted));
    assert_eq!(scene.home.subjects().len(), news, "nothing is told again");
}

#[test]
fn what_is_left_of_a_refuge_that_was_being_removed_does_not_come_back() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    scene.sh("mount -o remount,ro DISK");
    scene.silent(TROUBLE);
    let refuge = scene.sh("ls -d /dev/shm/checker-*").trim().to_owned();
    // As if its last pass had been killed: what it wrote is in the WAL.
    let write = "INSERT INTO counter VALUES ('stale', 1)";
    scene.sh(&format!("sqlite3 -cmd '.dbconfig no_ckpt_on_close on' {refuge}/checker.db \"{write}\""));
    scene.sh(&format!("cp -a {refuge} /dev/shm/kept; mount -o remount,rw DISK"));
    scene.silent(0);
    scene.sh(&format!("mv /dev/shm/kept {refuge}; rm {refuge}/checker.db; test -s {refuge}/checker.db-wal"));
    scene.silent(0);
    scene.sh("mount -o remount,ro DISK");
    scene.silent(TROUBLE);
    scene.sh("mount -o remount,rw DISK");
    scene.silent(0);
    assert_eq!((scene.count("SELECT count(*) FROM run"), scene.tallied()), (scene.passes, scene.passes));
    assert_eq!(scene.subjects("DOWN: shop").len(), 1, "{:?}", scene.home.subjects());
    assert_eq!(scene.subjects("SOLVED").len(), 2, "{:?}", scene.home.subjects());
    assert_eq!(scene.refuges(), "");
}
