//! `checker script import`: from a crontab, what is expected of each of its lines, and the crontab that records them.

use super::super::args;
use super::super::exit::{Exit, Failure};
use super::super::import::{SIZE_MAX, write_new};
use super::super::{Cx, counted, json_line};
use crate::control::Program;
use crate::import::crontab::{Form, Note, propose};
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Write};

pub(super) fn run(cx: &mut Cx<'_>, args: &args::ScriptImport) -> Result<Exit, Failure> {
    let text = read(args)?;
    let form = if args.system { Form::System } else { Form::User };
    let program = args.program.clone().unwrap_or_else(|| Program::file().display().to_string());
    let made = propose(&text, form, &program);
    tell(&args.crontab_file, &made.notes);
    let jobs = made.settings.lines().filter(|line| line.starts_with("[[job.script]]")).count();
    if cx.options.json {
        let notes: Vec<_> = made.notes.iter().map(|n| json!({"line": n.line, "what": n.text})).collect();
        let value = json!({"v": 1, "jobs": jobs, "toml": made.settings, "crontab": made.crontab, "notes": notes});
        json_line(cx, &value)?;
        return Ok(Exit::Ok);
    }
    if args.output.is_none() && args.crontab.is_none() {
        write!(cx.out, "{}", made.settings)?;
        return Ok(Exit::Ok);
    }
    let files = [(&args.output, &made.settings), (&args.crontab, &made.crontab)];
    for (file, text) in files.into_iter().filter_map(|(file, text)| Some((file.as_ref()?, text))) {
        write_new(file, text)?;
        writeln!(cx.out, "Written: {}", file.display())?;
    }
    let notes = match made.notes.len() {
        0 => String::new(),
        n => format!("; {} to look at, above", counted(n, "thing")),
    };
    writeln!(cx.out, "{}{notes}", counted(jobs, "job"))?;
    Ok(Exit::Ok)
}

fn read(args: &args::ScriptImport) -> Result<String, Failure> {
    let fail = |why: io::Error| Failure::Other(Exit::Io, format!("{} cannot be read: {why}", args.crontab_file));
    let mut bytes = Vec::new();
    if args.crontab_file == "-" {
        io::stdin().lock().take(SIZE_MAX).read_to_end(&mut bytes).map_err(fail)?;
    } else {
        File::open(&args.crontab_file).and_then(|file| file.take(SIZE_MAX).read_to_end(&mut bytes)).map_err(fail)?;
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{} is no UTF-8 text; convert it first, with iconv(1)", args.crontab_file)))
}

/// Each thing to look at, for a person, with its place.
fn tell(file: &str, notes: &[Note]) {
    let mut err = io::stderr().lock();
    for note in notes {
        let line = if note.line > 0 { format!("line {}: ", note.line) } else { String::new() };
        // Nobody is left to tell if stderr is closed.
        drop(writeln!(err, "checker: {file}: {line}{}", note.text));
    }
}
