//! What a program costs: its CPU (user and system), its wall time and its largest memory.
//!
//! Each program is started by a small helper process of its own, because the kernel tells such figures of all ended children
//! together. The helper is this program, called with the word `measure`.

use nix::sys::resource::{UsageWho, getrusage};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What one run of a program cost, with all processes that it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Microseconds of CPU, user and system.
    pub cpu: f64,
    /// Microseconds from start to exit.
    pub wall: f64,
    /// Largest resident memory, in KiB. It is never below that of the helper.
    pub memory: f64,
}

/// Runs `command` and measures it. It must exit with one of `codes`.
pub fn cost(command: &Command, codes: &[i32]) -> Cost {
    let mut helper = Command::new(std::env::current_exe().expect("this program"));
    helper.arg("measure").arg(codes.iter().map(i32::to_string).collect::<Vec<_>>().join(","));
    helper.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => helper.env(name, value),
            None => helper.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        helper.current_dir(folder);
    }
    let output = helper.stderr(Stdio::inherit()).output().expect("the helper starts");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: Vec<f64> = words.lines().last().unwrap_or("").split(' ').filter_map(|w| w.parse().ok()).collect();
    match figures.as_slice() {
        [cpu, wall, memory] if output.status.success() => Cost { cpu: *cpu, wall: *wall, memory: *memory },
        _ => panic!("{command:?} was not measured: {words}"),
    }
}

/// The helper's part: runs the words after the accepted exit codes and prints the figures.
pub fn helper(args: &[String]) {
    let (codes, words) = args.split_first().expect("exit codes");
    let (program, rest) = words.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(rest).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    let wall = started.elapsed().as_secs_f64() * 1e6;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("figures of the child");
    let micros = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 * 1e6 + t.tv_usec() as f64;
    let code = status.code().unwrap_or(-1);
    assert!(codes.split(',').any(|c| c == code.to_string()), "{command:?} ended with {status}");
    println!("{} {wall} {}", micros(usage.user_time()) + micros(usage.system_time()), usage.max_rss());
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One program among those that are compared.
pub struct Entry<'a> {
    pub name: String,
    run: Box<dyn Fn() -> Cost + 'a>,
    pub costs: Vec<Cost>,
}

impl<'a> Entry<'a> {
    pub fn new(name: impl Into<String>, run: impl Fn() -> Cost + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run), costs: Vec::new() }
    }

    pub fn cpu(&self) -> f64 {
        median(self.costs.iter().map(|c| c.cpu))
    }

    pub fn wall(&self) -> f64 {
        median(self.costs.iter().map(|c| c.wall))
    }

    pub fn memory(&self) -> f64 {
        median(self.costs.iter().map(|c| c.memory))
    }

    /// Its quickest run.
    pub fn quickest(&self) -> f64 {
        self.costs.iter().map(|c| c.wall).fold(f64::INFINITY, f64::min)
    }

    /// The middle ratio of runs that were made one after the other.
    pub fn ratio(&self, to: &Self, of: impl Fn(&Cost) -> f64) -> f64 {
        median(self.costs.iter().zip(&to.costs).map(|(a, b)| of(a) / of(b)))
    }
}

/// Runs all entries in turn, `times` times, after one round that does not count.
pub fn in_turn(entries: &mut [Entry<'_>], times: usize) {
    for round in 0..=times {
        for entry in entries.iter_mut() {
            let cost = (entry.run)();
            if round > 0 {
                entry.costs.push(cost);
            }
        }
    }
}
