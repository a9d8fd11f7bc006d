//! `checker key`.

use crate::support::binary::Home;
use checker::peer::{NodeKey, PublicKey};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SETTINGS: &str = "[[job.command]]\ncommand = [\"/bin/true\"]\n";

#[test]
fn a_key_is_there_before_the_first_pass_and_never_changes() {
    let home = Home::with_jobs(SETTINGS);
    let told = home.run(&["key"]).ended(0);
    let line = told.out.lines().next().unwrap();
    let text = line.strip_prefix("key = \"").and_then(|l| l.strip_suffix('"')).unwrap();
    let public = PublicKey::parse(text).unwrap();
    assert!(told.out.contains("[[peer]]") && told.out.contains(&public.id()) && told.err.is_empty(), "{told:?}");
    assert!(!home.path("checker.db").exists(), "a key needs no state");
    assert_eq!(home.path("checker.db.key").metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    home.run(&["cron"]).silent();
    let json = home.run(&["key", "--json"]).ended(0).json();
    assert_eq!(json["key"], text);
    assert_eq!((&json["id"], &json["file"]), (&public.id().into(), &home.text("checker.db.key").into()));
    assert_eq!(NodeKey::load(&home.path("checker.db")).unwrap().public(), public);
    // The line is one that the settings of another node take as it is.
    let other = Home::with_jobs(SETTINGS);
    other.settings(&crate::support::binary::usual(&format!(
        "{SETTINGS}[[peer]]\nname = \"beta\"\nurl = \"http://beta.example.com:5000\"\nadmin = \"b@example.com\"\n{line}\n"
    )));
    other.run(&["check"]).ended(0);
}

#[test]
fn a_key_that_cannot_be_used_is_said_and_left_alone() {
    let home = Home::with_jobs(SETTINGS);
    home.run(&["key"]).ended(0);
    let file = home.path("checker.db.key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let told = home.run(&["key"]).ended(74);
    assert!(told.err.contains("chmod 600") && told.out.is_empty() && told.err.lines().count() == 1, "{told:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    home.write("checker.db.key", "");
    let told = home.run(&["key"]).ended(74);
    assert!(told.err.contains("is damaged") && told.err.contains("backup"), "{told:?}");
    assert_eq!(home.read("checker.db.key"), "");
}

#[test]
fn another_user_makes_no_key() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw();
    let home = Home::with_jobs(SETTINGS);
    home.run(&["cron"]).silent();
    std::os::unix::fs::chown(home.path("checker.db"), Some(nobody), None).unwrap();
    let told = home.run(&["key"]).ended(73);
    assert!(told.err.contains("belongs to the user nobody") && told.err.contains("sudo -u nobody"), "{told:?}");
    // Before the first pass it is the folder that says whose it will be.
    fs::remove_file(home.path("checker.db")).unwrap();
    std::os::unix::fs::chown(home.path(""), Some(nobody), None).unwrap();
    let told = home.run(&["key"]).ended(73);
    assert!(told.err.contains("sudo -u nobody"), "{told:?}");
    assert!(!home.path("checker.db.key").exists());
    let nowhere =
        Home::new(&crate::support::binary::usual(SETTINGS).replace("[email]", "state = \"no/checker.db\"\n\n[email]"));
    assert!(nowhere.run(&["key"]).ended(73).err.contains("install -d"));
}
