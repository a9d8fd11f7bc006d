//! The real program, in a folder of its own: settings, state, messages, and a clock that the test sets.

use super::moments::Moments;
use checker_job::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A folder with settings, in which the program is run.
pub(crate) struct Home {
    folder: TempDir,
    program: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// One message of `transport = "file"`.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// Its headers, unfolded, by lower-case name.
    pub(crate) head: BTreeMap<String, String>,
    pub(crate) raw: String,
}

impl Mail {
    pub(crate) fn of(raw: &str) -> Self {
        let raw = raw.replace("\r\n", "\n");
        let (lines, _) = raw.split_once("\n\n").expect("a header and a body");
        let mut head = BTreeMap::new();
        for line in lines.replace("\n ", " ").replace("\n\t", " ").lines() {
            let (name, value) = line.split_once(':').expect("a header line");
            head.insert(name.to_lowercase(), value.trim().to_owned());
        }
        Self { head, raw: raw.clone() }
    }

    pub(crate) fn subject(&self) -> &str {
        self.head.get("subject").map_or("", String::as_str)
    }

    pub(crate) fn id(&self) -> &str {
        self.head.get("message-id").expect("a Message-ID")
    }
}

impl Home {
    /// A new folder with these settings, mode 0600.
    pub(crate) fn new(settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("checker-test-").tempdir().expect("a folder");
        let home = Self { folder, program: PathBuf::from(env!("CARGO_BIN_EXE_checker")) };
        home.settings(settings);
        home
    }

    /// The same with another program than `checker`.
    pub(crate) fn running(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// The usual `[general]` and `[email]`, with messages as files, and `jobs` after them.
    pub(crate) fn with_jobs(jobs: &str) -> Self {
        Self::new(&usual(jobs))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text, for settings and scripts.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file that nobody else can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).expect("a file");
        file.write_all(text.as_bytes()).expect("a write");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Replaces the settings. `HOME` in them becomes this folder.
    pub(crate) fn settings(&self, text: &str) {
        self.write("settings.cfg", &text.replace("HOME", &self.folder.path().display().to_string()));
    }

    /// The program with `args` and these settings, in an environment like cron's.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.env("CHECKER_SETTINGS", self.path("settings.cfg"));
        command
    }

    /// The program with `args`, told of no settings.
    pub(crate) fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.folder.path()).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path()).env("TZ", "UTC");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        done(&self.command(args).output().expect("the program starts"))
    }

    /// Runs it at `when` by its own wall clock.
    pub(crate) fn run_at(&self, when: Timestamp, args: &[&str]) -> Done {
        done(&clocked(&self.command(args), when).output().expect("the program starts"))
    }

    /// The same with a wall clock that somebody has set: it is `ahead` seconds before the time since boot.
    pub(crate) fn run_stepped(&self, when: Timestamp, ahead: i64, args: &[&str]) -> Done {
        let wall = Timestamp::from_micros(when.micros() + ahead * 1_000_000);
        done(&both_clocks(&self.command(args), wall, when).output().expect("the program starts"))
    }

    /// Starts it at `when` by its own wall clock.
    pub(crate) fn start_at(&self, when: Timestamp, args: &[&str]) -> Child {
        clocked(&self.command(args), when).spawn().expect("the program starts")
    }

    /// The same, with `moments` between it and the system.
    pub(crate) fn start_with(&self, when: Timestamp, args: &[&str], moments: &Moments) -> Child {
        let mut command = self.command(args);
        moments.set_up(&mut command);
        clocked(&command, when).spawn().expect("the program starts")
    }

    /// The same, started by another program, which sets a limit for it.
    pub(crate) fn start_through(&self, prefix: &[&str], when: Timestamp, args: &[&str]) -> Child {
        let bare = self.command(args);
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).arg(&self.program).args(args).current_dir(self.folder.path()).env_clear();
        command.envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        clocked(&command, when).spawn().expect("the program starts")
    }

    /// One pass by cron at `when`. It must be silent and content.
    pub(crate) fn pass_at(&self, when: Timestamp) {
        self.run_at(when, &["cron"]).silent();
    }

    /// The messages of `transport = "file"`, in the order of their decision.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let Ok(folder) = fs::read_dir(self.path("mail")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = folder.map(|e| e.expect("an entry").path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "eml"));
        paths.sort();
        paths.iter().map(|p| Mail::of(&fs::read_to_string(p).expect("a message"))).collect()
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        self.mails().iter().map(|m| m.subject().to_owned()).collect()
    }

    /// The state, to look at.
    pub(crate) fn db(&self) -> Connection {
        let db = Connection::open_with_flags(self.path("checker.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let db = db.expect("the state opens");
        db.busy_timeout(std::time::Duration::from_secs(5)).expect("a setting");
        db
    }

    /// Starts of the committed runs of a job, oldest first.
    pub(crate) fn starts(&self, job: &str) -> Vec<Timestamp> {
        let db = self.db();
        let mut rows = db.prepare("SELECT started FROM run WHERE job = ?1 ORDER BY started").expect("a query");
        let found = rows.query_map([job], |r| r.get(0)).expect("rows");
        found.map(|micros| Timestamp::from_micros(micros.expect("an instant"))).collect()
    }

    /// One number out of the state.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.db().query_row(sql, [], |r| r.get(0)).expect("a number")
    }
}

/// The usual `[general]` and `[email]`, and `jobs` after them.
pub(crate) fn usual(jobs: &str) -> String {
    format!(
        "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\ntimezone = \"Europe/Berlin\"\n\n[email]\n\
         transport = \"file\"\nfrom = \"checker@example.com\"\n\n{jobs}"
    )
}

impl Done {
    /// Exit 0 and not a word, as cron wants it.
    #[track_caller]
    pub(crate) fn silent(&self) {
        assert!(self.code == 0 && self.out.is_empty() && self.err.is_empty(), "{self:?}");
    }

    /// Its exit code must be this one.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Its output as JSON of version 1.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert_eq!(value["v"], 1, "{self:?}");
        value
    }
}

pub(crate) fn done(output: &Output) -> Done {
    Done {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// An instant, as in `2026-03-28 12:00:00`, in UTC.
pub(crate) fn utc(text: &str) -> Timestamp {
    let at: jiff::civil::DateTime = text.replace(' ', "T").parse().expect("an instant");
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).expect("an instant");
    Timestamp::from_micros(at.timestamp().as_microsecond())
}

/// Whether processes can be given a clock of their own here. If not, says so, and the test returns; in CI it fails.
pub(crate) fn has_faketime() -> bool {
    if library().is_some() && has_time_namespaces() {
        return true;
    }
    let missing =
        "libfaketime is not there (run tests/install), or this is not root, or the kernel has no time namespaces";
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("SKIPPED, for want of faketime: {missing}");
    false
}

fn has_time_namespaces() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let works =
        || Command::new("unshare").args(["--time", "--boottime", "9", "true"]).status().is_ok_and(|s| s.success());
    *FOUND.get_or_init(works)
}

fn library() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let look = || {
        let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|e| e.path());
        folders.map(|f| f.join("faketime/libfaketime.so.1")).find(|f| f.exists())
    };
    FOUND.get_or_init(look).as_deref()
}

/// The wall clock and the time since boot are set: both start at `when` and go on at their usual speed, as if the machine
/// had been up all the while. Timers and files keep their time.
pub(crate) fn clocked(command: &Command, when: Timestamp) -> Command {
    both_clocks(command, when, when)
}

/// The same, with a wall clock that follows the file: `@` and an instant. Whoever writes it sets the clock.
pub(crate) fn clocked_by_file(command: &Command, boot: Timestamp, file: &Path) -> Command {
    faked(command, boot, &[format!("FAKETIME_TIMESTAMP_FILE={}", file.display()), "FAKETIME_NO_CACHE=1".to_owned()])
}

/// The two clocks apart: `boot` says what the wall clock would show if it had never been set.
fn both_clocks(command: &Command, wall: Timestamp, boot: Timestamp) -> Command {
    faked(command, boot, &[starts_at(wall)])
}

/// On a machine that started at the beginning of 2001. The command stays one process.
fn faked(command: &Command, boot: Timestamp, clock: &[String]) -> Command {
    let preloaded = command.get_envs().find(|(name, _)| *name == "LD_PRELOAD").and_then(|(_, value)| value);
    let [unshare, between @ ..] = &time_space(boot);
    let mut inside = Command::new(unshare);
    inside.args(between).arg("/usr/bin/env").args(fake_clock(preloaded, clock));
    inside.arg(command.get_program()).args(command.get_args()).env_clear();
    for (key, value) in command.get_envs().filter(|(name, _)| *name != "LD_PRELOAD") {
        inside.env(key, value.unwrap_or_default());
    }
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    inside
}

/// What leads to a time since boot that began with 2001.
pub(crate) fn time_space(boot: Timestamp) -> [String; 5] {
    let since = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).expect("a clock");
    let offset = boot.secs() - utc("2001-01-01 00:00:00").secs() - since.tv_sec();
    ["/usr/bin/unshare", "--time", "--boottime", &offset.to_string(), "--"].map(str::to_owned)
}

/// The variables of a wall clock that is set, for `env`.
pub(crate) fn fake_clock(preloaded: Option<&OsStr>, clock: &[String]) -> Vec<String> {
    let library = library().expect("libfaketime: ask has_faketime() first").display();
    let before = preloaded.map(|path| format!("{}:", path.to_string_lossy())).unwrap_or_default();
    let mut variables = vec![format!("LD_PRELOAD={before}{library}")];
    variables.extend(["FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"].map(str::to_owned));
    variables.extend_from_slice(clock);
    variables
}

/// The variable of a wall clock that starts at `when`.
pub(crate) fn starts_at(when: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(when.micros()).expect("an instant");
    format!("FAKETIME={}", at.strftime("@%Y-%m-%d %H:%M:%S"))
}

/// What libfaketime leaves behind of a process that was killed.
pub(crate) fn sweep(pid: u32) {
    for name in [format!("/dev/shm/faketime_shm_{pid}"), format!("/dev/shm/sem.faketime_sem_{pid}")] {
        drop(fs::remove_file(name));
    }
}
