//! Name servers for tests: BIND with zones of its own, and Unbound that looks into them.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whether these programs are here. If not, says so; in CI that is a failed test.
pub(super) fn need(programs: &[&str]) -> bool {
    let Some(missing) = programs.iter().find(|program| !Path::new(program).exists()) else { return true };
    assert!(std::env::var_os("CI").is_none(), "{missing} is not there; run tests/install");
    eprintln!("SKIPPED, for want of {missing}; run tests/install");
    false
}

pub(super) const NAMED: &str = "/usr/sbin/named";
pub(super) const UNBOUND: &str = "/usr/sbin/unbound";

/// A name server of 127.0.0.1 at a port of its own; ends with the value.
pub(super) struct Server {
    child: Child,
    pub(super) folder: TempDir,
    pub(super) port: u16,
}

impl Server {
    /// BIND with these zones: name and file. It knows no other and asks nobody.
    pub(super) fn named(zones: &[(&str, &str)]) -> Self {
        Self::start(NAMED, |folder, port| {
            let mut conf = format!(
                "options {{ directory \"{}\"; pid-file none; session-keyfile none; listen-on port {port} {{ 127.0.0.1; }}; \
                 listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; notify no; minimal-responses no; }};\n\
                 controls {{ }};\n",
                folder.display()
            );
            for (number, (zone, text)) in zones.iter().enumerate() {
                std::fs::write(folder.join(format!("zone{number}")), text).unwrap();
                writeln!(conf, "zone \"{zone}\" {{ type primary; file \"zone{number}\"; }};").unwrap();
            }
            std::fs::write(folder.join("conf"), conf).unwrap();
            vec!["-g".to_owned(), "-n".to_owned(), "1".to_owned(), "-c".to_owned(), "conf".to_owned()]
        })
    }

    /// Unbound that asks the server at `port` for these zones, and nobody for others. `more` is its own configuration.
    pub(super) fn unbound(stubs: &[(&str, u16)], more: &str) -> Self {
        Self::start(UNBOUND, |folder, port| {
            let mut conf = format!(
                "server:\n directory: \"{}\"\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n \
                 interface: 127.0.0.1\n port: {port}\n do-ip6: no\n num-threads: 1\n do-not-query-localhost: no\n \
                 local-zone: \"test.\" nodefault\n ede: yes\n{more}\nremote-control:\n control-enable: no\n",
                folder.display()
            );
            for (zone, at) in stubs {
                writeln!(conf, "stub-zone:\n name: \"{zone}\"\n stub-addr: 127.0.0.1@{at}").unwrap();
            }
            std::fs::write(folder.join("conf"), conf).unwrap();
            vec!["-d".to_owned(), "-c".to_owned(), "conf".to_owned()]
        })
    }

    fn start(program: &str, configure: impl FnOnce(&Path, u16) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let words = configure(folder.path(), port);
        // AppArmor lets these programs into their own folders only, and knows them by where they are.
        let copy = folder.path().join("server");
        std::fs::copy(program, &copy).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(&copy)
            .args(words)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { child, folder, port };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let until = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "no server: {ended:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The line of the settings that asks it.
    pub(super) fn key(&self) -> String {
        format!("server = \"127.0.0.1:{}\"\n", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port that nobody listens on, below those that the kernel hands out by itself. It is not opened to find out: a server
/// that another thread starts at this moment would hold it open for a while longer.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 27).unwrap() * 100;
    let port = || 30_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 2_700;
    std::iter::repeat_with(port).find(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()).unwrap()
}
