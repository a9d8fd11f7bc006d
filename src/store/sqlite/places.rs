//! Where the state may go on while its own place cannot be used: a folder of ours in the first place that takes it.
//!
//! **Invariant:** nothing in a refuge is read or written before its folder was seen to be a folder (no link) that belongs
//! to us and that nobody else may enter. The folder around it must be one in which nobody else can put another in its
//! place.

use super::super::{Result, StoreError};
use super::place::{cannot_make, folder_of};
use nix::unistd::geteuid;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What the files in a refuge are called.
const FILE: &str = "checker.db";

/// The places of one state, in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Places(Vec<PathBuf>);

impl Places {
    /// `runtime` is `$RUNTIME_DIRECTORY`, `temporary` the temporary folder.
    pub(super) fn of(main: &Path, runtime: Option<&Path>, temporary: &Path) -> Self {
        let main = std::path::absolute(main).unwrap_or_else(|_| main.to_owned());
        let mut beside = main.as_os_str().to_owned();
        beside.push(".refuge");
        let name = format!("checker-{}-{:016x}", geteuid(), hash(&main));
        let elsewhere = runtime.into_iter().chain([Path::new("/dev/shm"), temporary, Path::new("/tmp")]);
        let mut all = vec![PathBuf::from(beside)];
        for folder in elsewhere.map(|place| place.join(&name)) {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
        Self(all)
    }

    /// The state files in refuges of ours that are there. Costs one look at each place.
    pub(super) fn there(&self) -> Vec<PathBuf> {
        let files = self.0.iter().map(|folder| folder.join(FILE));
        files.filter(|file| file.symlink_metadata().is_ok() && file.parent().is_some_and(is_ours)).collect()
    }

    /// All places that can hold a refuge; its folder is made when it is asked for.
    pub(super) fn all(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

/// Makes the folder of a refuge, or takes the one that is there; the answer is the state file in it.
pub(super) fn make(folder: &Path) -> Result<PathBuf> {
    let around = folder_of(folder);
    if !is_safe(around) {
        return Err(StoreError::Refused(format!("others can change what is in {}", around.display())));
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists && is_ours(folder) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            return Err(StoreError::Refused(format!("{} is not ours", folder.display())));
        }
        Err(e) => return Err(cannot_make(folder, &e)),
    }
    Ok(folder.join(FILE))
}

/// Removes a refuge: first what makes it one. A lock file that another process still holds open goes with its name.
pub(super) fn remove(file: &Path) -> std::io::Result<()> {
    std::fs::remove_file(file)?;
    let folder = folder_of(file);
    for entry in std::fs::read_dir(folder)? {
        std::fs::remove_file(entry?.path())?;
    }
    std::fs::remove_dir(folder)
}

/// Leaves a place that did not take a refuge as it was.
pub(super) fn give_up(folder: &Path) {
    if is_ours(folder) {
        let file = folder.join(FILE);
        drop(remove(&file));
        clear(&file);
        drop(std::fs::remove_file(folder.join(format!("{FILE}.lock"))));
        drop(std::fs::remove_dir(folder));
    }
}

/// Removes what `SQLite` would take for a part of a file at this place.
pub(super) fn clear(file: &Path) {
    for ending in ["-wal", "-shm"] {
        drop(std::fs::remove_file(super::rescue::with(file, ending)));
    }
}

fn is_ours(folder: &Path) -> bool {
    folder
        .symlink_metadata()
        .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o777 == 0o700)
}

/// Whether nobody but its owner (we, or root) can rename or remove what is ours in it.
fn is_safe(folder: &Path) -> bool {
    folder.metadata().is_ok_and(|found| {
        let owner_is_fine = found.uid() == geteuid().as_raw() || found.uid() == 0;
        let sticky_or_closed = found.mode() & 0o1000 != 0 || found.mode() & 0o022 == 0;
        found.is_dir() && owner_is_fine && sticky_or_closed
    })
}

/// Tells the states of one user apart (FNV-1a); the owner is checked in any case.
fn hash(path: &Path) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    path.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn the_order_is_beside_runtime_shared_memory_temporary() {
        let places = Places::of(
            Path::new("/var/lib/checker/checker.db"),
            Some(Path::new("/run/checker")),
            Path::new("/var/tmp"),
        );
        let all: Vec<String> = places.all().map(|p| p.display().to_string()).collect();
        assert_eq!(all[0], "/var/lib/checker/checker.db.refuge");
        let others = ["/run/checker/checker-", "/dev/shm/checker-", "/var/tmp/checker-"];
        assert_eq!(all.len(), 5, "the temporary folder, and the usual one: {all:?}");
        assert!(others.iter().zip(&all[1..]).all(|(begin, place)| place.starts_with(begin)), "{all:?}");
        let other = Places::of(Path::new("/srv/checker.db"), None, Path::new("/tmp"));
        assert_ne!(other.all().last(), places.all().last(), "two states have two refuges");
    }

    #[test]
    fn nothing_of_another_user_and_no_link_is_a_refuge() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("refuge");
        let file = make(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
        let places = Places(vec![folder.clone()]);
        assert_eq!(places.there(), Vec::<PathBuf>::new());
        write(&file, "").unwrap();
        assert_eq!(places.there(), std::slice::from_ref(&file));

        set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        assert!(places.there().is_empty() && make(&folder).is_err(), "others may enter");
        set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let link = dir.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(Places(vec![link.clone()]).there().is_empty() && make(&link).is_err(), "a link");
        if geteuid().is_root() {
            chown(&folder, Some(65_534), None).unwrap();
            assert!(places.there().is_empty() && make(&folder).is_err(), "another user's");
            chown(&folder, Some(0), None).unwrap();
        }
        let open = dir.path().join("open");
        create_dir(&open).unwrap();
        set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        assert!(make(&open.join("refuge")).is_err(), "anybody could put his own in its place");
        set_permissions(&open, Permissions::from_mode(0o1777)).unwrap();
        assert!(make(&open.join("refuge")).is_ok());
        remove(&file).unwrap();
        assert!(!folder.exists());
    }
}
