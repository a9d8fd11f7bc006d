//! Whether a file may be the state: where it lies, what it is, whose it is.

use super::super::{Result, StoreError};
use super::errors::{no_room, read_only};
use nix::sys::statfs::statfs;
use nix::unistd::{Uid, User, geteuid};
use std::fs::{File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Looks at the place of the file, and makes the file (empty, for us alone) if it is missing and `create` is true.
///
/// An existing file is never opened here: closing it would drop the locks that `SQLite` holds on it for this process.
pub(in crate::store) fn prepare(path: &Path, create: bool) -> Result<()> {
    let folder = folder_of(path);
    check_folder(folder, path)?;
    match std::fs::metadata(path) {
        Ok(found) => check_file(path, &found, geteuid()),
        Err(e) if e.kind() == ErrorKind::NotFound && create => make(path, folder),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(StoreError::Unavailable(format!(
            "there is no state yet at {}: the first `checker cron` makes it",
            path.display()
        ))),
        Err(e) => Err(unavailable(path, &e)),
    }
}

/// The same for the lock file, which is made by whoever opens it.
pub(in crate::store) fn check_lock_file(path: &Path) -> Result<()> {
    check_folder(folder_of(path), path)?;
    match std::fs::metadata(path) {
        Ok(found) => check_file(path, &found, geteuid()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(unavailable(path, &e)),
    }
}

/// Whether whoever runs this may make a file beside the state, and would make it as the right user.
pub(crate) fn check_place(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    check_folder(folder, path)?;
    match std::fs::metadata(path) {
        Ok(found) => check_file(path, &found, geteuid()),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let around = std::fs::metadata(folder).map_err(|e| unavailable(folder, &e))?;
            owns_folder(path, &around, geteuid())
        }
        Err(e) => Err(unavailable(path, &e)),
    }
}

/// Whether this is a case for a hand, and not for a refuge: the place itself is a mistake, or whoever runs this is the
/// wrong user. Then no file may be made anywhere.
pub(in crate::store) fn is_for_a_hand(path: &Path) -> bool {
    let folder = folder_of(path);
    let (Ok(around), me) = (std::fs::metadata(folder), geteuid()) else { return true };
    if check_folder(folder, path).is_err() {
        return true;
    }
    let foreign = |uid: u32| Uid::from_raw(uid) != me;
    match std::fs::metadata(path) {
        // Root, or a stranger in the folder of the one whose state it is.
        Ok(found) => foreign(found.uid()) && (me.is_root() || (around.uid() == found.uid() && around.uid() != 0)),
        Err(_) => owns_folder(path, &around, me).is_err(),
    }
}

/// The folder that a path lies in; a bare name lies in the current one.
pub(in crate::store) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

fn unavailable(path: &Path, e: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {e}", path.display()))
}

fn check_folder(folder: &Path, path: &Path) -> Result<()> {
    match std::fs::metadata(folder) {
        Ok(m) if m.is_dir() => {}
        Ok(_) => {
            return Err(StoreError::Refused(format!(
                "the state cannot be {}: {} is not a folder",
                path.display(),
                folder.display()
            )));
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(StoreError::Refused(format!(
                "the folder {} for the state does not exist: make it, owned by the user that runs Checker \
                 (`install -d -m 700 -o USER {}`)",
                folder.display(),
                folder.display()
            )));
        }
        Err(e) => return Err(unavailable(folder, &e)),
    }
    let kind = statfs(folder).map_err(|e| unavailable(folder, &e.into()))?;
    match network_name(kind.filesystem_type().0) {
        None => Ok(()),
        Some(name) => Err(StoreError::Refused(format!(
            "the state cannot be {}: that is on a network file system ({name}), where locks do not hold and the file \
             would break. Set `state` under [general] to a place on a local disk",
            path.display()
        ))),
    }
}

/// The name of a file system that is shared between machines, by the number that `statfs` tells. (FUSE is not told
/// apart by it, so sshfs passes.)
fn network_name(magic: impl Into<i64>) -> Option<&'static str> {
    Some(match magic.into() & 0xffff_ffff {
        0x6969 => "NFS",
        0x517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x564c => "NCP",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        _ => return None,
    })
}

/// `me` is an argument for the tests.
fn check_file(path: &Path, found: &Metadata, me: Uid) -> Result<()> {
    let file = path.display();
    if found.is_dir() {
        return Err(StoreError::Refused(format!("the state cannot be {file}: that is a folder. Name a file in it")));
    }
    if !found.is_file() {
        return Err(StoreError::Refused(format!("the state cannot be {file}: that is not an ordinary file")));
    }
    let owner = Uid::from_raw(found.uid());
    if owner != me {
        let name = user_name(owner);
        return Err(StoreError::Refused(format!(
            "{file} belongs to the user {name}, and this runs as {}: run it as {name} (`sudo -u {name} checker ...`)",
            user_name(me)
        )));
    }
    if found.mode() & 0o022 != 0 {
        return Err(StoreError::Refused(format!(
            "{file} can be written by others (mode {:o}), who could make Checker silent: `chmod 600 {file}`",
            found.mode() & 0o777
        )));
    }
    Ok(())
}

/// A user's name, or `#` and the number.
pub(crate) fn user_name(uid: Uid) -> String {
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("#{uid}"),
    }
}

/// Whoever owns the folder runs Checker: a file that root made in it would lock that user out of his own state.
fn owns_folder(path: &Path, folder: &Metadata, me: Uid) -> Result<()> {
    let owner = Uid::from_raw(folder.uid());
    if owner == me || owner.is_root() {
        return Ok(());
    }
    let name = user_name(owner);
    Err(StoreError::Refused(format!(
        "there is no state yet at {}, and its folder belongs to the user {name}, while this runs as {}: run it as {name} \
         (`sudo -u {name} checker ...`)",
        path.display(),
        user_name(me)
    )))
}

fn make(path: &Path, folder: &Path) -> Result<()> {
    let found = std::fs::metadata(folder).map_err(|e| unavailable(folder, &e))?;
    owns_folder(path, &found, geteuid())?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => {}
        // Another process was quicker.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(cannot_make(path, &e)),
    }
    // So that the name, too, is there after a power cut.
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| unavailable(folder, &e))
}

/// Why a file of ours could not be made.
pub(in crate::store) fn cannot_make(path: &Path, e: &std::io::Error) -> StoreError {
    match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => no_room(path),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => read_only(path, &e.to_string()),
        _ => unavailable(path, e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_known_by_its_number() {
        // As /usr/include/linux/magic.h and the kernel's own headers have them; the sign of a 32-bit one does not matter.
        assert_eq!(network_name(0x6969_i64), Some("NFS"));
        assert_eq!(network_name(i64::from(0xff53_4d42_u32.cast_signed())), Some("CIFS"));
        for local in [0xef53_i64, 0x9123_683e, 0x5846_5342, 0x0102_1994, 0x794c_7630] {
            assert_eq!(network_name(local), None);
        }
    }

    #[test]
    fn another_users_file_and_one_that_others_may_write_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checker.db");
        prepare(&path, true).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.mode() & 0o777, 0o600);
        let me = Uid::from_raw(found.uid());
        assert_eq!(check_file(&path, &found, me), Ok(()));
        let other = Uid::from_raw(found.uid() + 4711);
        let why = check_file(&path, &found, other).unwrap_err().to_string();
        assert!(why.contains("belongs to the user") && why.contains("sudo -u"), "{why}");

        let mut mode = found.permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o660);
        std::fs::set_permissions(&path, mode).unwrap();
        let why = prepare(&path, true).unwrap_err().to_string();
        assert!(why.contains("mode 660") && why.contains("chmod 600"), "{why}");
    }

    #[test]
    fn a_missing_folder_a_folder_and_a_device_are_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| match prepare(path, true).unwrap_err() {
            StoreError::Refused(why) => why,
            other => panic!("{other:?}"),
        };
        assert!(refused(&dir.path().join("no/checker.db")).contains("install -d"));
        assert!(refused(dir.path()).contains("that is a folder"));
        assert!(refused(Path::new("/dev/null")).contains("not an ordinary file"));
        let why = prepare(&dir.path().join("none"), false).unwrap_err();
        assert!(matches!(why, StoreError::Unavailable(_)), "{why}");
    }
}
