//! The file itself cannot be used: damaged, of another user, of the future, held by another process, replaced.

use super::{Scene, TROUBLE, ready};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;

/// The damaged files that were kept.
fn kept(scene: &Scene) -> Vec<String> {
    let names = fs::read_dir(scene.on_disk("")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut kept: Vec<String> = names.filter(|n| n.contains(".damaged-")).collect();
    kept.sort();
    kept
}

/// One pass finds it, tells it, and goes on in a fresh file; the next one is as ever.
fn found_and_replaced(scene: &mut Scene, words: &str) {
    scene.silent(TROUBLE);
    let own = scene.subjects("state:");
    assert!(own.len() == 1 && own[0].contains("CHECKER ITSELF"), "{:?}", scene.home.subjects());
    let mails = scene.home.mails();
    let text = mails.iter().find(|m| m.subject().contains("state:")).unwrap().raw.replace("=\n", "");
    assert!(text.contains(".damaged-") && text.contains(words), "{text}");
    scene.silent(0);
    assert_eq!(scene.subjects("SOLVED: state").len(), 1, "{:?}", scene.home.subjects());
    for _ in 0..10 {
        scene.silent(0);
    }
    assert_eq!(scene.refuges(), "");
    let names = kept(scene);
    assert!(names.iter().any(|n| !n.ends_with("-wal") && !n.ends_with("-shm")), "{names:?}");
}

#[test]
fn a_damaged_page_is_left_behind_and_the_rest_goes_on() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    scene.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let page = scene.count("SELECT rootpage FROM sqlite_schema WHERE name = 'pass'");
    let file = fs::OpenOptions::new().write(true).open(scene.on_disk("checker.db")).unwrap();
    file.write_all_at(&[0xa5; 4096], u64::try_from((page - 1) * 4096).unwrap()).unwrap();
    drop(file);
    found_and_replaced(&mut scene, "not all of it could be read");
    assert_eq!(scene.subjects("DOWN: shop").len(), 1, "the states were read: {:?}", scene.home.subjects());
    assert_eq!(scene.count("SELECT count(*) FROM run"), scene.passes, "and so was the history");
}

#[test]
fn garbage_in_its_place_is_kept_and_begun_anew() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    let garbage = "This is not the state of anything. ".repeat(300);
    scene.sh("rm DISK/checker.db-wal DISK/checker.db-shm");
    fs::write(scene.on_disk("checker.db"), &garbage).unwrap();
    found_and_replaced(&mut scene, "damaged");
    assert_eq!(scene.subjects("DOWN: shop").len(), 1, "counted anew: {:?}", scene.home.subjects());
    let name = kept(&scene).into_iter().next().unwrap();
    assert_eq!(fs::read_to_string(scene.on_disk(&name)).unwrap(), garbage, "nothing is deleted");
}

#[test]
fn damaged_twice_within_an_hour_it_goes_on_elsewhere() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    for n in 0..2 {
        scene.sh("rm -f DISK/checker.db-wal DISK/checker.db-shm");
        fs::write(scene.on_disk("checker.db"), "damaged again".repeat(100)).unwrap();
        scene.silent(TROUBLE);
        assert_eq!(kept(&scene).len(), 1, "{n}: {:?}", kept(&scene));
    }
    assert!(scene.refuges().contains("checker.db.refuge"), "{}", scene.refuges());
    for _ in 0..9 {
        scene.pass(if scene.refuges().is_empty() { 0 } else { TROUBLE });
    }
    assert_eq!(kept(&scene).len(), 2, "after an hour it is set aside, too: {:?}", kept(&scene));
    assert_eq!(scene.refuges(), "");
    scene.silent(0);
    assert_eq!(scene.subjects("DOWN: shop").len(), 1, "{:?}", scene.home.subjects());
}

#[test]
fn a_file_of_the_future() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    scene.sql("PRAGMA user_version = 4711");
    scene.twelve(&["newer Checker", "install the newer program", "checker.db.refuge"]);
    scene.sql("PRAGMA user_version = 3");
    scene.mended();
}

#[test]
fn a_folder_in_its_place() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    scene.sh("mkdir DISK/away && mv DISK/checker.db DISK/checker.db-* DISK/away && mkdir DISK/checker.db");
    // Nothing of the past can be read, so the count begins anew.
    scene.silent(TROUBLE);
    scene.twelve(&["that is a folder", "checker.db.refuge"]);
    scene.sh("rmdir DISK/checker.db && mv DISK/away/* DISK");
    scene.mended();
}

#[test]
fn a_file_of_another_user() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.as_nobody();
    scene.begin();
    scene.sh("chown 0:0 DISK/checker.db DISK/checker.db-* DISK/checker.db.lock");
    scene.silent(TROUBLE);
    scene.twelve(&["belongs to the user root", "checker.db.refuge"]);
    let owners = scene.sh("stat -c '%U %a %n' DISK/checker.db.refuge DISK/checker.db.refuge/*");
    assert!(owners.lines().all(|l| l.starts_with("nobody 600") || l.starts_with("nobody 700")), "{owners}");
    scene.sh("chown 65534 DISK/checker.db*");
    scene.mended();
}

#[test]
fn a_file_that_another_process_holds() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("8m");
    scene.begin();
    let mut holder = Holder::take(&scene);
    scene.twelve(&["stayed locked by another process", "fuser", "checker.db.refuge"]);
    holder.release();
    scene.mended();
}

/// Another process with a write transaction.
struct Holder(std::process::Child);

impl Holder {
    fn take(scene: &Scene) -> Self {
        let line = format!("exec sqlite3 {}", scene.home.text("disk/checker.db"));
        let mut child = scene.realm.start(&line);
        let input = child.stdin.as_mut().unwrap();
        input.write_all(b"BEGIN EXCLUSIVE;\nSELECT 'held';\n").unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        Self(child)
    }

    fn release(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.release();
    }
}
