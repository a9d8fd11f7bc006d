//! The disk of the state is full, or mounted read-only.

use super::{Scene, TROUBLE, ready};
use crate::support::{mail, need};

/// Not a byte is left, nor an inode that could hold one.
fn fill(scene: &Scene) {
    scene.sh(
        "dd if=/dev/zero of=DISK/fill bs=64k 2>/dev/null; dd if=/dev/zero of=DISK/fill2 bs=1 count=1 2>/dev/null; true",
    );
}

#[test]
fn a_full_disk() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("1500k");
    scene.begin();
    fill(&scene);
    scene.twelve(&["there is no room for the state", "df -h", "/dev/shm/checker-"]);
    let status = scene.realm.run_at(&scene.home, scene.now, &["status"]).ended(0).out;
    assert!(status.contains("CANNOT BE USED") && status.contains("/dev/shm/checker-"), "{status}");
    assert!(status.contains("ok       shop"), "the newest is shown: {status}");
    scene.sh("rm DISK/fill DISK/fill2");
    scene.mended();
}

#[test]
fn what_a_person_says_meanwhile_is_kept() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("1500k");
    scene.begin();
    fill(&scene);
    scene.silent(TROUBLE);
    let said = scene.realm.run_at(&scene.home, scene.now, &["ack", "shop", "--note", "on it"]).ended(0);
    assert!(said.err.contains("cannot be used") && said.err.contains("/dev/shm/checker-"), "{said:?}");
    scene.silent(TROUBLE);
    let status = scene.realm.run_at(&scene.home, scene.now, &["status"]).ended(0).out;
    assert!(status.contains("on it"), "{status}");
    scene.sh("rm DISK/fill DISK/fill2");
    scene.silent(0);
    let status = scene.realm.run_at(&scene.home, scene.now, &["status"]).ended(0).out;
    assert!(status.contains("on it") && !status.contains("CANNOT BE USED"), "{status}");
    let json = scene.realm.run_at(&scene.home, scene.now, &["status", "--json"]).ended(0).json();
    assert_eq!(json["refuge"], serde_json::Value::Null);
}

#[test]
fn a_disk_that_is_mounted_read_only() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("4m");
    scene.begin();
    scene.sh("mount -o remount,ro DISK");
    scene.twelve(&["the state cannot be written", "findmnt"]);
    scene.sh("mount -o remount,rw DISK");
    scene.mended();
}

/// What was written last stands in the WAL, and there is no index beside it to read it by.
#[test]
fn a_read_only_disk_without_the_index_of_the_wal() {
    if !ready() {
        return;
    }
    let mut scene = Scene::new("4m");
    scene.begin();
    scene.sh("rm DISK/checker.db-shm; test -s DISK/checker.db-wal; mount -o remount,ro DISK");
    scene.twelve(&["the state cannot be written"]);
    scene.sh("mount -o remount,rw DISK");
    scene.mended();
}

/// The same with a real mail server, and with none: then stderr speaks, once an hour.
#[test]
fn a_full_disk_is_told_by_real_mail_and_on_stderr_while_none_leaves() {
    if !ready() || !need("postfix") {
        return;
    }
    let server = mail::shared();
    let name = "full-disk";
    let mut scene = Scene::with_settings("1500k", |settings| {
        let smtp = format!("[email.smtp]\nhost = \"localhost\"\nport = {}\nsecurity = \"none\"\n", server.ports.plain);
        let settings = settings.replace("transport = \"file\"\n", "").replace("\"alpha\"", &format!("\"{name}\""));
        let to = settings
            .replace("you@example.com", "oncall@checker.test")
            .replace("checker@example.com", "watch@checker.test");
        to.replace("[[job.tcp]]", &format!("{smtp}\n[[job.tcp]]"))
    });
    scene.silent(0);
    scene.down();
    scene.silent(0);
    fill(&scene);
    let good = scene.home.read("settings.cfg");
    let [nobody] = crate::support::free_ports();
    scene.home.settings(&good.replace(&format!("port = {}", server.ports.plain), &format!("port = {nobody}")));
    let said = scene.pass(TROUBLE);
    assert!(said.contains("there is no room for the state") && said.contains("df -h"), "{said}");
    assert!(said.contains("/dev/shm/checker-"), "{said}");
    for _ in 0..3 {
        scene.silent(TROUBLE);
    }
    scene.home.settings(&good);
    scene.silent(TROUBLE);
    server.wait_for("oncall", &format!("[{name}] "));
    scene.silent(TROUBLE);
    scene.sh("rm DISK/fill DISK/fill2");
    scene.silent(0);
    server.wait_for("oncall", &format!("[{name}] SOLVED: state"));
    let mails = server.mailbox("oncall");
    let subjects: Vec<String> = mails.iter().map(|m| m.header("Subject")).filter(|s| s.contains(name)).collect();
    let count = |word: &str| subjects.iter().filter(|s| s.contains(word)).count();
    assert_eq!((count("CHECKER ITSELF: state"), count("DOWN: shop"), count("SOLVED")), (1, 1, 1), "{subjects:?}");
    assert_eq!(subjects.len(), 3, "{subjects:?}");
}
