//! What people type. This room only wires: each subcommand has a file that reads its arguments, calls the parts and
//! prints what they answer.

mod ack;
mod apart;
mod args;
mod bound;
mod check;
mod courier;
mod cron;
mod daemon;
mod demo;
mod drill;
mod exit;
mod import;
mod init;
mod jobs;
mod key;
mod look;
mod named;
mod new_job;
mod peers;
mod run;
mod script;
mod status;
mod test;
mod try_job;
mod vacuity;
mod watch;
mod windows;
mod world;

use crate::registry::Registry;
use args::{Command, Options};
use checker_job::Timestamp;
use exit::{Exit, Failure};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// What a subcommand works with.
struct Cx<'a> {
    registry: &'a Registry,
    options: &'a Options,
    out: &'a mut dyn Write,
}

/// Whether a person reads along.
fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Runs the program with the arguments of this process and these job kinds. Never panics on a closed pipe: whoever has read enough is content.
#[expect(clippy::needless_pass_by_value, reason = "a main hands its registry over: checker::run(checker::bundled())")]
pub fn run(registry: Registry) -> ExitCode {
    // One provider only; a second call would find it there.
    drop(rustls::crypto::ring::default_provider().install_default());
    ExitCode::from(main(&registry, std::env::args_os().collect()))
}

fn main(registry: &Registry, argv: Vec<OsString>) -> u8 {
    let argv = script::by_name(argv);
    let parsed = match (script::refused(&argv, None), args::parse(argv.clone())) {
        (Some(code), _) => return code,
        (None, Ok(parsed)) => parsed,
        (None, Err(told)) => return script::refused(&argv, Some(&told)).unwrap_or_else(|| told.show()),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut cx = Cx { registry, options: &parsed.options, out: &mut out };
    let result = dispatch(&mut cx, &parsed.command).and_then(|code| Ok(cx.out.flush().map(|()| code)?));
    match result {
        Ok(code) => code as u8,
        Err(Failure::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => Exit::Ok as u8,
        Err(failure) => {
            drop(out);
            // Nobody is left to tell if stderr is closed as well.
            drop(write!(io::stderr().lock(), "{failure}"));
            failure.code()
        }
    }
}

fn dispatch(cx: &mut Cx<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Cron(a) => cron::run(cx, a),
        Command::Daemon(a) => daemon::run(cx, a),
        Command::Bound(a) => bound::run(cx, a),
        Command::Peers(a) => peers::run(cx, a),
        Command::Away(a) => peers::away(cx, a),
        Command::Leave => peers::leave(cx),
        Command::Drill(a) => drill::run(cx, a),
        Command::Init(a) => init::run(cx, a),
        Command::Check => check::run(cx),
        Command::Test(a) => test::run(cx, a),
        Command::Try(a) => try_job::run(cx, a),
        Command::Vacuity(a) => vacuity::run(cx, a),
        Command::Jobs => jobs::run(cx),
        Command::Windows => windows::run(cx),
        Command::Status(a) => status::run(cx, a),
        Command::Ack(a) => ack::ack(cx, a),
        Command::Silence(a) => ack::silence(cx, a),
        Command::Key => key::run(cx),
        Command::NewJob(a) => new_job::run(cx, a),
        Command::Import(a) => import::run(cx, a),
        Command::Demo(a) => demo::run(cx, a),
        Command::Run(a) => run::run(cx, a),
        Command::Script(a) => script::run(cx, a),
        Command::Apart => apart::run(cx),
        Command::Look => look::run(cx),
    }
}

/// A number and what is counted: `1 job`, `2 jobs`.
fn counted(n: usize, word: &str) -> String {
    match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    }
}

/// One JSON document, on lines of its own.
fn json_line(cx: &mut Cx<'_>, value: &serde_json::Value) -> io::Result<()> {
    writeln!(cx.out, "{value:#}")
}

/// An instant for people, in the zone of the settings.
fn local_time(world: &world::World, at: Timestamp) -> String {
    let zone = world.settings.general.timezone.clone();
    jiff::Timestamp::from_microsecond(at.micros())
        .map_or_else(|_| "?".to_owned(), |t| t.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// An instant for programs, in UTC.
fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).map_or_else(|_| String::new(), |t| t.to_string())
}
