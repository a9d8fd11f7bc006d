//! The unit for systemd that is shipped. (`crontab.example` has tests of its own in `tidy`.)

use std::collections::BTreeSet;
use std::process::Command;

const UNIT: &str = include_str!("../../contrib/checker.service");

/// What systemd 252 knows, of what such a unit may need: systemd.unit(5), systemd.service(5), systemd.exec(5),
/// systemd.kill(5).
const KNOWN: [(&str, &str); 3] = [
    ("Unit", "Description Documentation Wants After Before Requires StartLimitIntervalSec StartLimitBurst"),
    (
        "Service",
        "Type NotifyAccess ExecStart ExecReload WatchdogSec Restart RestartSec TimeoutStopSec TimeoutStartSec User Group \
         StateDirectory StateDirectoryMode LogsDirectory LogsDirectoryMode RuntimeDirectory RuntimeDirectoryMode \
         RuntimeDirectoryPreserve LoadCredential NoNewPrivileges CapabilityBoundingSet AmbientCapabilities ProtectSystem \
         ProtectHome PrivateTmp PrivateDevices ProtectClock ProtectHostname ProtectKernelTunables ProtectKernelModules \
         ProtectKernelLogs ProtectControlGroups ProtectProc RestrictAddressFamilies RestrictNamespaces RestrictRealtime \
         RestrictSUIDSGID LockPersonality MemoryDenyWriteExecute SystemCallArchitectures SystemCallFilter UMask KillMode \
         ReadWritePaths",
    ),
    ("Install", "WantedBy"),
];

fn lines() -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in UNIT.lines() {
        // What is to be taken out of its comment counts too.
        let line = line.strip_prefix('#').filter(|l| l.starts_with(|c: char| c.is_ascii_uppercase())).unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if !line.starts_with('#') && !line.trim().is_empty() {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
            found.push((section.clone(), key.to_owned(), value.to_owned()));
        }
    }
    found
}

#[test]
fn each_line_of_the_unit_is_one_that_systemd_knows() {
    for (section, key, _) in lines() {
        let known = KNOWN.iter().find(|(name, _)| *name == section).unwrap_or_else(|| panic!("no section [{section}]"));
        assert!(known.1.split_whitespace().any(|k| k == key), "systemd knows no {key} in [{section}]");
    }
    let once: BTreeSet<_> = lines().into_iter().map(|(section, key, _)| (section, key)).collect();
    assert_eq!(once.len(), lines().len(), "a key stands twice");
}

#[test]
fn the_unit_fits_the_daemon() {
    let value = |key: &str| lines().into_iter().find(|(_, k, _)| k == key).unwrap_or_default().2;
    assert_eq!((value("Type").as_str(), value("NotifyAccess").as_str()), ("notify", "main"));
    assert!(value("ExecStart").starts_with('/') && value("ExecStart").ends_with(" daemon"));
    let secs = |key: &str| value(key).parse::<u64>().unwrap();
    // The duties may be at one thing for a minute, and take 25 s to end.
    assert!(secs("WatchdogSec") >= 120 && secs("TimeoutStopSec") > 30);
    assert!(value("RestrictAddressFamilies").contains("AF_UNIX"), "for the control socket");
}

#[test]
fn systemd_itself_finds_nothing_wrong() {
    if !std::path::Path::new("/usr/bin/systemd-analyze").exists() {
        eprintln!("SKIPPED, for want of systemd-analyze: the list of known keys serves");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("checker.service");
    let text = UNIT
        .replace("/usr/local/bin/checker", env!("CARGO_BIN_EXE_checker"))
        .replace("checker\nGroup=checker", "root\nGroup=root");
    std::fs::write(&unit, text).unwrap();
    let done = Command::new("/usr/bin/systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("checker.service")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}
