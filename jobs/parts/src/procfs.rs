//! What the kernel tells in `/proc` and `/sys`, read within bounds: files, and who is running.

use crate::shown;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

/// Longer than any file that is read whole here.
const FILE_MAX: u64 = 64 * 1024;
/// A host with more is looked at in part: who is named is an aid, and no measurement.
const PROCESSES_MAX: usize = 20_000;

/// The text of a small file, as much of it as is kept; bytes that are no text are replaced.
///
/// # Errors
/// Those of the file system.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_MAX).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// `/proc/PID/stat` of one process, as far as anybody needs it (`proc_pid_stat(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its number.
    pub pid: u32,
    /// The name of its program, cut by the kernel to 15 bytes, unless it has renamed itself. As it is: not fit to be shown.
    pub name: OsString,
    /// `R` runs or could, `S` sleeps, `D` waits for a disk or the like, `T` is stopped, `Z` is a zombie, and some more.
    pub state: char,
    /// The number of its parent; 0 if it has none here.
    pub parent: u32,
    /// The number of its session.
    pub session: i64,
    /// `PF_*` of the kernel's `sched.h`.
    pub flags: u64,
    /// When it started, in ticks of the clock since the host did, time asleep included.
    pub started: u64,
    /// The memory that it holds, in pages; what it shares with others is counted for each.
    pub pages: u64,
}

impl Stat {
    /// Reads one such file. A name may hold blanks and brackets: it ends at the last one, since only numbers follow.
    pub fn parse(stat: &[u8]) -> Option<Self> {
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        let pid = std::str::from_utf8(stat.get(..open)?).ok()?.trim().parse().ok()?;
        let name = OsStr::from_bytes(stat.get(open + 1..close)?).to_owned();
        let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
        // Counted from the state, which is field 3 of all.
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(22).collect();
        let number = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok());
        Some(Self {
            pid,
            name,
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            session: fields.get(3)?.parse().ok()?,
            flags: number(6)?,
            started: number(19)?,
            pages: number(21)?,
        })
    }
}

/// One process, for those who only name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The name of its program, cut by the kernel to 15 bytes; fit to be shown.
    pub name: String,
    /// `R` runs or could, `D` waits for a disk or the like, and some more.
    pub state: char,
    /// The memory that it holds, in pages; what it shares with others is counted for each.
    pub pages: u64,
}

impl Process {
    /// What [`Stat::parse`] reads, in short.
    pub fn parse(stat: &[u8]) -> Option<Self> {
        let Stat { pid, name, state, pages, .. } = Stat::parse(stat)?;
        Some(Self { pid, name: shown::name(&name), state, pages })
    }
}

/// All processes but this one, until time runs out or there are very many. One that ends meanwhile is left out.
pub fn processes(proc: &Path, until: Instant) -> Vec<Process> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(proc) else { return found };
    let own = std::process::id();
    for entry in entries.flatten() {
        let is_process = entry.file_name().as_bytes().iter().all(u8::is_ascii_digit);
        if !is_process {
            continue;
        }
        if found.len() >= PROCESSES_MAX || Instant::now() >= until {
            break;
        }
        let stat = read(&entry.path().join("stat")).ok().and_then(|text| Process::parse(text.as_bytes()));
        found.extend(stat.filter(|process| process.pid != own));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_stat_is_read_whatever_its_program_is_called() {
        let rest = "S 1 2 3 4 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 99 4096000 321 18446744073709551615 1 1 0";
        let of = |name: &str| Process::parse(format!("42 ({name}) {rest}\n").as_bytes());
        let want = Process { pid: 42, name: "a) R (b".to_owned(), state: 'S', pages: 321 };
        assert_eq!(of("a) R (b"), Some(want));
        let whole = Stat::parse(format!("42 (x) {rest}").as_bytes()).unwrap();
        let Stat { parent, session, flags, started, pages, .. } = whole;
        assert_eq!((parent, session, flags, started, pages), (1, 3, 5, 99, 321));
        assert_eq!(of("x\n\u{1b}[2J").map(|p| p.name), Some("x\\n\\u{1b}[2J".to_owned()));
        for bad in ["", "42", "42 (a", "42 a) S 1", "x (a) S 1 2", "42 (a)", "42 (a) S 1 2 3", ")42("] {
            assert_eq!(Process::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn real_processes_are_found_with_what_they_do_and_hold() {
        let busy = "while :; do :; done";
        let mut children: Vec<_> = [&["sleep", "100"][..], &["sh", "-c", busy]]
            .iter()
            .map(|words| Command::new(words[0]).args(&words[1..]).spawn().unwrap())
            .collect();
        let find = |pid: u32| processes(Path::new("/proc"), soon()).into_iter().find(|process| process.pid == pid);
        let begun = Instant::now();
        // Until both have become the programs that they shall be, and wait and run.
        let [sleeper, runner] = [&children[0], &children[1]].map(|child| {
            let want = if child.id() == children[0].id() { ("sleep", 'S') } else { ("sh", 'R') };
            loop {
                let found = find(child.id());
                let is_so = found.as_ref().is_some_and(|process| (process.name.as_str(), process.state) == want);
                if is_so || begun.elapsed() > Duration::from_secs(20) {
                    break found;
                }
            }
        });
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let (sleeper, runner) = (sleeper.unwrap(), runner.unwrap());
        assert_eq!((sleeper.name.as_str(), sleeper.state), ("sleep", 'S'));
        assert_eq!((runner.name.as_str(), runner.state), ("sh", 'R'));
        assert!(sleeper.pages > 10 && runner.pages > 10, "{sleeper:?} {runner:?}");
        assert_eq!(find(std::process::id()), None, "this one is not meant");
    }

    #[test]
    fn a_forged_proc_costs_little() {
        let folder = tempfile::tempdir().unwrap();
        for (pid, text) in [("1", "1 (a) S 1"), ("2", ""), ("x3", "3 (a) S"), ("4", "4 (\u{0}\u{0}")] {
            fs::create_dir(folder.path().join(pid)).unwrap();
            fs::write(folder.path().join(pid).join("stat"), text).unwrap();
        }
        let endless = folder.path().join("5");
        fs::create_dir(&endless).unwrap();
        std::os::unix::fs::symlink("/dev/zero", endless.join("stat")).unwrap();
        assert_eq!(processes(folder.path(), soon()), []);
        assert_eq!(read(&endless.join("stat")).unwrap().len(), 65_536);
        assert_eq!(processes(&folder.path().join("no"), soon()), []);
        assert_eq!(processes(Path::new("/proc"), Instant::now()), []);
    }
}
