//! `checker new-job NAME`: writes a job kind to begin with.

use super::Cx;
use super::args::NewJob;
use super::exit::{Exit, Failure};
use crate::new_job::{Checkout, Kind, Written, inside, outside};
use std::path::Path;

pub(super) fn run(cx: &mut Cx<'_>, args: &NewJob) -> Result<Exit, Failure> {
    let kind = Kind::new(&args.name, cx.registry.kinds())
        .map_err(|why| Failure::usage(format!("{:?} cannot name a job kind: {why}", args.name)))?;
    let here =
        std::env::current_dir().map_err(|why| Failure::Other(Exit::Io, format!("cannot tell where we are: {why}")))?;
    let from = args.checker.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    let checkout = Checkout::around(&from).map_err(|why| Failure::usage(why.to_string()))?;
    let written = match &args.outside {
        Some(folder) => outside(&checkout, &kind, &here.join(folder)),
        None => inside(&checkout, &kind),
    };
    let written = written.map_err(|why| Failure::Other(Exit::CannotCreate, why))?;
    show(cx, args, &kind, &written, &here)
}

fn show(cx: &mut Cx<'_>, args: &NewJob, kind: &Kind, written: &Written, here: &Path) -> Result<Exit, Failure> {
    let word = kind.word();
    if written.by_hand.is_empty() {
        writeln!(cx.out, "The job kind {word} is made; settings may hold [[job.{word}]]. Written:")?;
    } else {
        writeln!(cx.out, "The crate of the job kind {word} is made, but not all that Checker needs for it. Written:")?;
    }
    for file in &written.files {
        writeln!(cx.out, "  {}", file.strip_prefix(here).unwrap_or(file).display())?;
    }
    for step in &written.by_hand {
        writeln!(cx.out, "This is left to you, at the root of the repository: {step}")?;
    }
    writeln!(
        cx.out,
        "\nIt checks what the kind example checks. Change src/lib.rs of it until it checks what you want, and try:"
    )?;
    if let Some(folder) = &args.outside {
        writeln!(cx.out, "  cd {}", folder.display())?;
        writeln!(cx.out, "  cargo test")?;
    } else {
        writeln!(cx.out, "  cargo test -p {}", kind.package())?;
    }
    writeln!(cx.out, "  cargo run -- try \"nightly backup\"        with its block, example.cfg, in your settings")?;
    writeln!(cx.out, "docs/writing-a-job.md leads through its parts.")?;
    Ok(if written.by_hand.is_empty() { Exit::Ok } else { Exit::Io })
}
