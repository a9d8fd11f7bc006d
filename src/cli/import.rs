//! `checker import`: reads the files of another program, prints or writes what `crate::import` makes of them, and stores
//! what the first program remembers.

mod judged;
mod stored;

use super::args::{Import, ImportFirst, ImportFrom, ImportGatus};
use super::exit::{Exit, Failure};
use super::{Cx, counted, json_line};
use crate::import::{Converted, Left, first, gatus, state};
use serde_json::json;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Nobody's settings or state are larger.
pub(super) const SIZE_MAX: u64 = 64 << 20;
/// The file of the password, as all documents call it.
const SECRET: &str = "mail.secret";

pub(super) fn run(cx: &mut Cx<'_>, args: &Import) -> Result<Exit, Failure> {
    match &args.from {
        ImportFrom::First(a) => first(cx, a),
        ImportFrom::FirstState(a) => stored::run(cx, a),
        ImportFrom::Gatus(a) => gatus(cx, a),
    }
}

fn first(cx: &mut Cx<'_>, args: &ImportFirst) -> Result<Exit, Failure> {
    let text = read(&args.settings)?;
    let Some(first::Moved { mut made, password }) = first::convert(&text) else {
        return Err(Failure::usage(format!(
            "{} holds no settings of the first program: they have [general] with servername and alertcontact, [email] and \
             [peers], as lines key=value",
            args.settings.display()
        )));
    };
    let usable = if let Some(file) = &args.state {
        with_jobs(cx, &mut made, args, file)?
    } else {
        let hint = "Which jobs there were says its state file alone: --state FILE makes tables of them.";
        made.head.push(hint.to_owned());
        let usable = judged::with_secret(cx, &mut made)?;
        tell_left(&args.settings, &made.left);
        usable
    };
    if let Some(output) = &args.output {
        let mut written = Vec::new();
        refuse_existing(output)?;
        if let Some(password) = &password {
            let secret = output.with_file_name(SECRET);
            write_new(&secret, &format!("{password}\n"))?;
            written.push(secret.display().to_string());
        }
        write_new(output, &made.to_toml())?;
        written.push(output.display().to_string());
        report(cx, &made, Some(&written))?;
    } else {
        report(cx, &made, None)?;
    }
    Ok(if usable { Exit::Ok } else { Exit::Settings })
}

/// Adds the jobs that the state file knows. The answer is whether all can be used.
fn with_jobs(cx: &Cx<'_>, made: &mut Converted, args: &ImportFirst, file: &Path) -> Result<bool, Failure> {
    let (lines, damaged) = state::read(&read(file)?);
    let (jobs, others) = state::jobs(lines);
    made.tables = jobs.into_iter().map(|(_, table)| table).collect();
    let of_settings = std::mem::replace(&mut made.left, damaged.into_iter().chain(others).collect());
    let usable = judged::with_secret(cx, made)?;
    made.sort();
    // What the settings code says of the whole has no line; each line of the state file has one.
    let (of_whole, of_state): (Vec<Left>, Vec<Left>) =
        std::mem::replace(&mut made.left, of_settings).into_iter().partition(|left| left.line == 0);
    made.left.extend(of_whole);
    tell_left(&args.settings, &made.left);
    tell_left(file, &of_state);
    made.left.extend(of_state.into_iter().map(|l| Left { what: format!("(state file) {}", l.what), ..l }));
    Ok(usable)
}

fn gatus(cx: &mut Cx<'_>, args: &ImportGatus) -> Result<Exit, Failure> {
    let text = read(&args.config)?;
    let kinds: Vec<&str> = cx.registry.kinds().collect();
    let env = |name: &str| std::env::var(name).ok();
    let mut made = gatus::convert(&text, &env, &kinds)
        .map_err(|why| Failure::usage(format!("{}: {why}", args.config.display())))?;
    let usable = judged::judge(cx, &mut made, judged::AROUND, Path::new("/"));
    made.sort();
    tell_left(&args.config, &made.left);
    match &args.output {
        Some(output) => {
            write_new(output, &made.to_toml())?;
            report(cx, &made, Some(&[output.display().to_string()]))?;
        }
        None => report(cx, &made, None)?,
    }
    Ok(if usable { Exit::Ok } else { Exit::Settings })
}

/// What was made: as JSON, as TOML, or, where it stands in files now, in two lines.
fn report(cx: &mut Cx<'_>, made: &Converted, written: Option<&[String]>) -> io::Result<()> {
    if cx.options.json {
        let left: Vec<_> =
            made.left.iter().map(|l| json!({"line": l.line, "what": l.what, "remedy": l.remedy})).collect();
        let toml = written.is_none().then(|| made.to_toml());
        return json_line(
            cx,
            &json!({
                "v": 1, "jobs": made.tables.len(), "windows": made.windows.len(), "toml": toml,
                "written": written.unwrap_or_default(), "left": left,
            }),
        );
    }
    let Some(written) = written else {
        return write!(cx.out, "{}", made.to_toml());
    };
    writeln!(cx.out, "Written: {}", written.join(", "))?;
    let windows = match made.windows.len() {
        0 => String::new(),
        n => format!(", {}", counted(n, "window")),
    };
    let jobs = counted(made.tables.len(), "job") + &windows;
    match made.left.len() {
        0 => writeln!(cx.out, "{jobs}; all was taken over"),
        n => writeln!(cx.out, "{jobs}; {} not taken over: see the end of the file", counted(n, "thing")),
    }
}

/// Each thing that is left, for a person, with its place.
fn tell_left(file: &Path, left: &[Left]) {
    let mut err = io::stderr().lock();
    for one in left {
        // Nobody is left to tell if stderr is closed; the list is in the output as well.
        drop(writeln!(err, "checker: {}: {one}", file.display()));
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let fail =
        |why: &dyn std::fmt::Display| Failure::Other(Exit::Io, format!("{} cannot be read: {why}", path.display()));
    let facts = fs::metadata(path).map_err(|e| fail(&e))?;
    if !facts.is_file() {
        return Err(fail(&"it is no file"));
    }
    if facts.len() > SIZE_MAX {
        return Err(fail(&"it is larger than 64 MiB"));
    }
    // What is no text is damaged, and told line by line.
    Ok(String::from_utf8_lossy(&fs::read(path).map_err(|e| fail(&e))?).into_owned())
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::Other(
        Exit::CannotCreate,
        format!("{} is there already, and nothing is written over: name another file, or move it away", path.display()),
    ))
}

pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    refuse_existing(path)?;
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|why| Failure::Other(Exit::CannotCreate, format!("{} cannot be written: {why}", path.display())))
}
