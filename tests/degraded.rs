//! The state cannot be used, on real disks: the checks go on, thresholds hold, the admin is told once and then hourly,
//! and when it is mended nothing is lost and nothing is told twice.

mod disk;
mod file;
mod kill;
mod nowhere;

use crate::support::binary::{Home, has_faketime, usual, utc};
use crate::support::need;
use crate::support::realm::Realm;
use checker_job::Timestamp;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

/// Trouble with the state: `EX_IOERR`.
const TROUBLE: i32 = 74;

/// From pass to pass, so that twelve of them see a reminder of the hour.
const STEP: Duration = Duration::from_secs(7 * 60);

fn ready() -> bool {
    need("mounts") && has_faketime()
}

/// A home whose state is on a disk of its own, with one job that looks at a port.
struct Scene {
    home: Home,
    realm: Realm,
    now: Timestamp,
    port: u16,
    target: Option<TcpListener>,
    /// Passes that ended.
    passes: i64,
}

impl Scene {
    fn new(size: &str) -> Self {
        Self::with_settings(size, |settings| settings)
    }

    fn with_settings(size: &str, edit: impl Fn(String) -> String) -> Self {
        let [port] = crate::support::free_ports();
        let jobs = format!("[[job.tcp]]\nname = \"shop\"\naddress = \"127.0.0.1:{port}\"\n");
        let settings = edit(usual(&jobs).replace("[general]\n", "[general]\nstate = \"disk/checker.db\"\n"));
        let home = Home::new(&settings);
        let realm = Realm::new(&home, size);
        let mut scene = Self { home, realm, now: utc("2026-06-01 10:00:05"), port, target: None, passes: 0 };
        scene.up();
        scene
    }

    /// Everything in the folder belongs to nobody, and so does the program.
    fn as_nobody(&mut self) {
        let (home, program) = (self.home.text(""), self.home.text("checker"));
        self.realm.sh(&format!("touch {program} && mount --bind {} {program}", env!("CARGO_BIN_EXE_checker")));
        self.realm.sh(&format!("chown 65534:65534 {home} {home}/disk {home}/settings.cfg"));
        self.realm.nobody = Some(self.home.path("checker"));
    }

    fn up(&mut self) {
        self.target = Some(crate::support::listen(self.port));
    }

    fn down(&mut self) {
        self.target = None;
    }

    /// One pass, a step later. Whoever accepts nothing is still reached: the kernel answers.
    #[track_caller]
    fn pass(&mut self, code: i32) -> String {
        self.now = self.now.plus(STEP);
        self.passes += 1;
        let done = self.realm.run_at(&self.home, self.now, &["cron"]).ended(code);
        assert_eq!(done.out, "");
        done.err
    }

    #[track_caller]
    fn silent(&mut self, code: i32) {
        let said = self.pass(code);
        assert_eq!(said, "", "the admin gets it by mail, so stderr says nothing");
    }

    /// A path on the disk, as this process sees it.
    fn on_disk(&self, name: &str) -> PathBuf {
        self.realm.path(&self.home.path("disk").join(name))
    }

    fn sh(&self, line: &str) -> String {
        self.realm.sh(&line.replace("DISK", &self.home.text("disk")))
    }

    /// What the state answers. (In there, because `SQLite` does not follow a path into a namespace.)
    fn sql(&self, sql: &str) -> String {
        self.sh(&format!("sqlite3 -cmd '.timeout 5000' DISK/checker.db \"{sql}\"")).trim().to_owned()
    }

    fn count(&self, sql: &str) -> i64 {
        let answer = self.sql(sql);
        answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer}"))
    }

    fn subjects(&self, word: &str) -> Vec<String> {
        self.home.subjects().into_iter().filter(|s| s.contains(word)).collect()
    }

    /// A pass that finds the shop well, and one that finds it ill: once is not enough to tell.
    fn begin(&mut self) {
        self.silent(0);
        self.down();
        self.silent(0);
        assert_eq!(self.home.subjects(), Vec::<String>::new());
    }

    /// Twelve passes in trouble: the second failure is told, then the recovery; the trouble once, and again each hour.
    fn twelve(&mut self, words: &[&str]) {
        self.silent(TROUBLE);
        assert_eq!(self.subjects("DOWN: shop").len(), 1, "the count went on: {:?}", self.home.subjects());
        for _ in 0..3 {
            self.silent(TROUBLE);
        }
        self.up();
        for _ in 0..8 {
            self.silent(TROUBLE);
        }
        assert_eq!(self.subjects("DOWN: shop").len(), 1, "once: {:?}", self.home.subjects());
        assert_eq!(self.subjects("UP: shop").len(), 1, "{:?}", self.home.subjects());
        let own = self.subjects("state:");
        assert_eq!(own.len(), 2, "once, and again after an hour: {own:?}");
        assert!(own[0].contains("CHECKER ITSELF") && own[1].contains("STILL"), "{own:?}");
        let mails = self.home.mails();
        let first = mails.iter().find(|m| m.subject().contains("CHECKER ITSELF")).unwrap();
        let text = first.raw.replace("=\n", "");
        for word in words.iter().chain(&["The checks go on", "What to do"]) {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    /// Everything that was recorded is in the store, the trouble is told as solved, and nothing else is told.
    fn mended(&mut self) {
        let before = self.home.subjects().len();
        self.silent(0);
        let solved = self.subjects("SOLVED: state");
        assert_eq!(solved.len(), 1, "{:?}", self.home.subjects());
        assert_eq!(self.home.subjects().len(), before + 1, "{:?}", self.home.subjects());
        self.silent(0);
        assert_eq!(self.home.subjects().len(), before + 1, "{:?}", self.home.subjects());
        assert_eq!(self.count("SELECT count(*) FROM run"), self.passes, "every run is in the history");
        assert_eq!(self.count("SELECT count(*) FROM pass WHERE ended IS NOT NULL"), self.passes);
        assert_eq!(self.count("SELECT count(*) FROM addressee WHERE state <> 'told'"), 0);
        assert_eq!(self.count("SELECT count(*) FROM addressee"), 2, "down and up");
        assert_eq!(self.count("SELECT count(*) FROM delivery WHERE state = 'told'"), 2);
        assert_eq!(self.count("SELECT count(*) FROM own_addressee WHERE state <> 'told'"), 0);
        assert_eq!(self.count("SELECT count(*) FROM own_addressee"), 3, "told, reminded, solved");
        assert_eq!(self.tallied(), self.passes, "every run is in the hours");
        assert_eq!(self.refuges(), "", "no refuge is left");
    }

    /// Runs in the hours that are complete and in the one that is counted.
    fn tallied(&self) -> i64 {
        let whole = self.count("SELECT coalesce(sum(ok + warning + failed + unknown), 0) FROM hour");
        let rest: serde_json::Value =
            serde_json::from_str(&self.sql("SELECT coalesce(rest, '{}') FROM state")).unwrap();
        let open = ["warning", "failed", "unknown"].map(|w| rest[w].as_i64().unwrap_or(0));
        whole + self.count("SELECT ok FROM state") + open.iter().sum::<i64>()
    }

    /// Folders of refuges that are there.
    fn refuges(&self) -> String {
        self.sh("ls -d DISK/*.refuge /dev/shm/checker-* 2>/dev/null || true")
    }
}
