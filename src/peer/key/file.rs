//! Where a node's key is kept: beside the state, for its owner's eyes only, and never written over.

use super::NodeKey;
use crate::peer::envelope::random;
use crate::store::{self, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::unistd::{Uid, geteuid};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The name behind the state's own.
const ENDING: &str = ".key";
/// A key's file is much shorter.
const LEN_MAX: u64 = 4096;

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// There is none yet, and this call makes none. Holds a sentence.
    Missing(String),
    /// One cannot be made: folder, owner, room. Holds a sentence with what to do.
    CannotMake(String),
    /// The file is there and must not be used: another's, open to others, damaged. Holds a sentence with what to do.
    Unusable(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) | Self::CannotMake(why) | Self::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for KeyError {}

impl NodeKey {
    /// Where the key of the node with this state is kept.
    pub fn place(state: &Path) -> PathBuf {
        let mut name = state.as_os_str().to_owned();
        name.push(ENDING);
        PathBuf::from(name)
    }

    /// The key of the node with this state. Makes nothing.
    ///
    /// # Errors
    /// [`KeyError::Missing`] before the first use, else [`KeyError::Unusable`]. A damaged file never leads to a new key: peers
    /// have pinned the old one.
    pub fn load(state: &Path) -> Result<Self, KeyError> {
        load(&Self::place(state), geteuid())
    }

    /// The same; makes the key if there is none. Where two processes do so at the same time, both get the same key.
    ///
    /// # Errors
    /// Those of [`load`](Self::load), and [`KeyError::CannotMake`]: a file of the wrong user would lock the right one out.
    pub fn load_or_make(state: &Path) -> Result<Self, KeyError> {
        let path = Self::place(state);
        match load(&path, geteuid()) {
            Err(KeyError::Missing(_)) => {}
            other => return other,
        }
        store::check_place(state).map_err(|e| match e {
            StoreError::Refused(why) => KeyError::CannotMake(why),
            other => KeyError::CannotMake(other.to_string()),
        })?;
        make(&path).map_err(|e| {
            KeyError::CannotMake(format!("the key of this node cannot be written to {}: {e}", path.display()))
        })?;
        load(&path, geteuid())
    }
}

/// `me` is an argument for the tests.
fn load(path: &Path, me: Uid) -> Result<NodeKey, KeyError> {
    let shown = path.display();
    let unusable = |e: &io::Error| KeyError::Unusable(format!("the key of this node, {shown}, cannot be read: {e}"));
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => {
            return Err(KeyError::Unusable(format!(
                "{shown} is no ordinary file, so it cannot be the key of this node"
            )));
        }
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(KeyError::Missing(format!("this node has no key yet at {shown}: `checker key` makes it")));
        }
        Err(e) => return Err(unusable(&e)),
    }
    let file =
        OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path).map_err(|e| match e.kind() {
            ErrorKind::PermissionDenied => KeyError::Unusable(format!(
                "the key of this node, {shown}, belongs to another user, who runs Checker: run it as that one \
             (`sudo -u USER checker ...`)"
            )),
            _ => unusable(&e),
        })?;
    let found = file.metadata().map_err(|e| unusable(&e))?;
    check(path, &found, me)?;
    let mut text = Vec::new();
    file.take(LEN_MAX).read_to_end(&mut text).map_err(|e| unusable(&e))?;
    let damaged = |why: String| {
        KeyError::Unusable(format!(
            "the key of this node, {shown}, is damaged ({why}): put it back from a backup. Without one, move the file away \
             and run `checker key`, and give its new line to the admin of each peer, for whom this node is a stranger until then"
        ))
    };
    let der = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| damaged("it is no PEM file".to_owned()))?;
    NodeKey::from_pkcs8(der.secret_pkcs8_der()).map_err(damaged)
}

fn check(path: &Path, found: &fs::Metadata, me: Uid) -> Result<(), KeyError> {
    let shown = path.display();
    let owner = Uid::from_raw(found.uid());
    if owner != me {
        let name = store::user_name(owner);
        return Err(KeyError::Unusable(format!(
            "{shown} belongs to the user {name}, and this runs as {}: run it as {name} (`sudo -u {name} checker ...`)",
            store::user_name(me)
        )));
    }
    if found.mode() & 0o077 != 0 {
        return Err(KeyError::Unusable(format!(
            "others on this host can read the key of this node, {shown} (its mode is {:04o}), and could speak in its name: \
             `chmod 600 {shown}`. If somebody may have read it, move it away and run `checker key` for a new one",
            found.mode() & 0o7777
        )));
    }
    Ok(())
}

/// Makes a key, unless somebody else just has. It appears as a whole, by its second name: a crash leaves no half of a key.
fn make(path: &Path) -> io::Result<()> {
    let odd = |_| io::Error::other("the system has no random numbers");
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(odd)?;
    let text = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines(&STANDARD.encode(der.as_ref()), 64)
    );
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", super::hex(&random::<8>()?)));
    let fresh = PathBuf::from(fresh);
    let written = create(&fresh, &text).and_then(|()| match fs::hard_link(&fresh, path) {
        // Another process was quicker; its key is the one.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without second names.
        Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => create(path, &text),
        other => other,
    });
    let removed = fs::remove_file(&fresh);
    written.and(removed)?;
    // So that the name, too, is there after a power cut.
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(e),
    };
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// `text`, which is ASCII, in lines of this length.
fn lines(text: &str, width: usize) -> String {
    let pieces = text.as_bytes().chunks(width).map(String::from_utf8_lossy);
    pieces.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn state() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("checker.db");
        (folder, state)
    }

    fn unusable(state: &Path) -> String {
        match NodeKey::load_or_make(state).unwrap_err() {
            KeyError::Unusable(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_is_made_once_and_stays() {
        let (folder, state) = state();
        assert!(matches!(NodeKey::load(&state), Err(KeyError::Missing(_))));
        let first = NodeKey::load_or_make(&state).unwrap().public();
        let path = NodeKey::place(&state);
        let text = fs::read(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o600);
        assert_eq!(NodeKey::load_or_make(&state).unwrap().public(), first);
        assert_eq!(NodeKey::load(&state).unwrap().public(), first);
        assert_eq!(fs::read(&path).unwrap(), text);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["checker.db.key"], "nothing is left behind, and no state is made");
    }

    #[test]
    fn many_who_make_it_at_once_have_one_key() {
        let (_folder, state) = state();
        let keys: Vec<_> = std::thread::scope(|s| {
            let all: Vec<_> = (0..16).map(|_| s.spawn(|| NodeKey::load_or_make(&state).unwrap().public())).collect();
            all.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|k| *k == keys[0]), "{keys:?}");
    }

    #[test]
    fn every_damage_is_seen_and_nothing_is_written_over() {
        let (_folder, state) = state();
        let good = NodeKey::load_or_make(&state).unwrap().public();
        let path = NodeKey::place(&state);
        let text = fs::read(&path).unwrap();
        for at in 0..text.len() {
            let mut bad = text.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            match NodeKey::load_or_make(&state) {
                // Blanks and line feeds around the lines mean nothing.
                Ok(key) => assert_eq!(key.public(), good, "byte {at}"),
                Err(KeyError::Unusable(why)) => assert!(why.contains("is damaged"), "{why}"),
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(fs::read(&path).unwrap(), bad, "byte {at}");
        }
        for bad in [&b""[..], b"\n", &text[..text.len() / 2], &[0xff; 5000]] {
            fs::write(&path, bad).unwrap();
            let why = unusable(&state);
            assert!(why.contains("is damaged") && why.contains("backup") && why.contains("checker key"), "{why}");
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_anothers_is_refused() {
        let (folder, state) = state();
        NodeKey::load_or_make(&state).unwrap();
        let path = NodeKey::place(&state);
        for mode in [0o640, 0o604, 0o620, 0o601, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let why = unusable(&state);
            assert!(why.contains(&format!("mode is {mode:04o}")) && why.contains("chmod 600"), "{why}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let stranger = Uid::from_raw(geteuid().as_raw() + 4711);
        let why = load(&path, stranger).unwrap_err().to_string();
        assert!(why.contains("belongs to the user") && why.contains("sudo -u"), "{why}");
        let moved = folder.path().join("elsewhere");
        fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        assert!(unusable(&state).contains("no ordinary file"));
    }

    #[test]
    fn where_no_state_may_be_there_is_no_key_either() {
        let (folder, _) = state();
        let why = NodeKey::load_or_make(&folder.path().join("none/checker.db")).unwrap_err();
        assert!(matches!(&why, KeyError::CannotMake(why) if why.contains("install -d")), "{why:?}");
    }
}
