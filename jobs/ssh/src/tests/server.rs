//! OpenSSH's server in a folder of its own, and one in between that changes what it says.

use crate::{Spawner, SshJob};
use checker_job::{Context, Job as _, JobSpawner as _, Outcome, SpawnError, Timestamp};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";
/// Who the server runs as, where the tests run as root: then it needs no folder of the system's.
const NOBODY: u32 = 65_534;

/// Whether OpenSSH is here; in CI it must be.
pub(crate) fn openssh() -> bool {
    let all = [SSHD, "/usr/bin/ssh-keygen", "/usr/bin/ssh-keyscan"];
    let missing = all.into_iter().find(|program| !Path::new(program).exists());
    assert!(missing.is_none() || std::env::var_os("CI").is_none(), "{missing:?} is missing; run tests/install");
    if let Some(missing) = missing {
        println!("SKIPPED: {missing} is missing; run tests/install");
    }
    missing.is_none()
}

/// A folder with host keys, made by OpenSSH.
pub(crate) struct Keys {
    folder: TempDir,
}

impl Keys {
    /// `words` are kind and length, as in `"rsa 3072"`.
    pub(crate) fn new(words: &[&str]) -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        for words in words {
            keys.add(words);
        }
        keys
    }

    pub(crate) fn add(&self, words: &str) {
        let (kind, bits) = words.split_once(' ').unwrap_or((words, ""));
        let mut command = Command::new("/usr/bin/ssh-keygen");
        command.args(["-q", "-N", "", "-C", "", "-t", kind]).arg("-f").arg(self.file(words));
        if !bits.is_empty() {
            command.args(["-b", bits]);
        }
        assert!(command.stdin(Stdio::null()).status().unwrap().success(), "{words}");
    }

    fn file(&self, words: &str) -> PathBuf {
        self.folder.path().join(words.replace(' ', "_"))
    }

    /// The line of the public key.
    pub(crate) fn public(&self, words: &str) -> String {
        fs::read_to_string(self.file(words).with_extension("pub")).unwrap().trim().to_owned()
    }

    /// As OpenSSH says it.
    pub(crate) fn fingerprint(&self, words: &str) -> String {
        let out = Command::new("/usr/bin/ssh-keygen").arg("-lf").arg(self.file(words)).output().unwrap();
        String::from_utf8(out.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A running server.
pub(crate) struct Sshd {
    child: Child,
    folder: TempDir,
    pub(crate) at: SocketAddr,
}

impl Sshd {
    /// With all keys of the folder, and these lines of configuration.
    pub(crate) fn start(keys: &Keys, lines: &str) -> Self {
        // Between choosing a port and using it, another process may take it.
        let mut logs = Vec::new();
        for _ in 0..3 {
            let mut server = Self::begin(keys, lines);
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(20) {
                if server.log().contains("Server listening on") {
                    return server;
                }
                if server.child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            logs.push(server.log());
        }
        panic!("sshd does not start: {logs:?}");
    }

    fn begin(keys: &Keys, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut text = format!("ListenAddress {at}\nPidFile none\nUsePAM no\n{lines}\n");
        let mut files = vec![folder.path().to_owned()];
        for entry in fs::read_dir(keys.path()).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.contains('.') {
                let copy = folder.path().join(&name);
                fs::copy(entry.path(), &copy).unwrap();
                fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
                text = format!("{text}HostKey {}\n", copy.display());
                files.push(copy);
            }
        }
        let conf = folder.path().join("sshd.conf");
        fs::write(&conf, text).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(SSHD);
        command.args(["-D", "-e", "-f"]).arg(&conf).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
            for file in files {
                chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        Self { child: command.current_dir("/").spawn().unwrap(), folder, at }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log says this so many times; returns it.
    pub(crate) fn logs_times(&self, times: usize, words: &str) -> String {
        let begin = Instant::now();
        loop {
            let log = self.log();
            if log.matches(words).count() >= times {
                return log;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "not {times} times {words:?} in\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server that does this with each connection, on a thread that ends with the process.
pub(crate) fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    at
}

/// Passes on what the server at `to` says, changed by `change`, of which the first argument is the number of the piece.
pub(crate) fn between(to: SocketAddr, change: fn(usize, Vec<u8>) -> Vec<u8>) -> SocketAddr {
    server(move |client| {
        let upstream = TcpStream::connect(to).unwrap();
        let (mut from_client, mut to_upstream) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_upstream).ok());
        let (mut client, mut upstream) = (client, upstream);
        for number in 0.. {
            let mut piece = vec![0; 4_096];
            let count = upstream.read(&mut piece).unwrap_or(0);
            piece.truncate(count);
            if count == 0 || client.write_all(&change(number, piece)).is_err() {
                break;
            }
        }
        drop(client.shutdown(std::net::Shutdown::Both));
        drop(upstream.shutdown(std::net::Shutdown::Both));
    })
}

/// The jobs of one table with these keys.
pub(crate) fn jobs(settings: &str) -> Result<Vec<SshJob>, Vec<SpawnError>> {
    Spawner::spawn(vec![checker_job::conformance::table::<Spawner>(settings)])
}

pub(crate) fn run_for(settings: &str, timeout: Duration) -> Outcome {
    let job = jobs(settings).unwrap().remove(0);
    let scratch = std::env::temp_dir().join("checker-ssh-unused");
    let cx = Context::new(Timestamp::from_secs(0), timeout, "run".to_owned(), scratch.into());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(job.execute(&cx))
}

/// One run against `at`, with more keys.
pub(crate) fn run(at: SocketAddr, more: &str) -> Outcome {
    run_for(&format!("address = \"{at}\"\n{more}"), Duration::from_secs(20))
}
