//! What a pass costs, beside what the bare libraries cost that it stands on, and beside other programs: all over the same
//! targets, in turn, in one run.
//!
//! `cargo bench --bench pass` prints the tables. `cargo bench --bench pass -- --help` lists the options. Every figure of
//! `docs/performance.md` was made by it.
#![expect(
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::exit,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement ends where something is not as it should be"
)]

mod bare;
mod cases;
mod daemon;
mod home;
mod kinds;
mod measure;
mod rivals;
mod scripts;
mod servers;
mod table;
mod targets;
mod units;

use cases::Cases;

const HELP: &str = "\
cargo bench --bench pass -- [OPTIONS]

  --check          exit 1 if a goal is missed
  --runs N         runs of each program (default 7)
  --only WORDS     of: start, idle, tcp, http, memory, daemon, hung, kinds, systemd, scripts, flat, full (comma between; default all)
  --large N        the largest number of targets where the cost of a check must stay flat (default 50000)
  --full-jobs N    jobs of the state that is filled to its limits (default 200)
";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().expect("a number");
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["farm", folder] => targets::serve(std::path::Path::new(folder)),
        ["measure", ..] => measure::helper(&args[1..]),
        ["bare", name, count, port] => bare::run(name, number(count), u16::try_from(number(port)).expect("a port")),
        // `cargo test --benches` and the like must not take minutes.
        words if words.contains(&"--help") || !words.contains(&"--bench") => print!("{HELP}"),
        _ => std::process::exit(i32::from(!bench(&args))),
    }
}

fn bench(args: &[String]) -> bool {
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let number = |name: &str, usual: usize| value(name).map_or(usual, |v| v.parse().expect("a number"));
    let only: Vec<&str> = value("--only").map(|v| v.split(',').collect()).unwrap_or_default();
    let mut cases = Cases::new(number("--runs", 7));
    let wanted = |name: &str| only.is_empty() || only.contains(&name);
    for (name, case) in Cases::ALL {
        if wanted(name) {
            case(&mut cases);
        }
    }
    if wanted("flat") {
        cases.flat(number("--large", 50_000));
    }
    if wanted("full") {
        cases.full(number("--full-jobs", 200));
    }
    cases.book.close() || !args.iter().any(|a| a == "--check")
}
