//! `checker init`: six questions, each with a flag, and then settings that work.

use super::Cx;
use super::args;
use super::exit::{Exit, Failure};
use crate::node::host_name;
use crate::settings::{self, Env};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file that the password goes into, beside the settings.
const SECRET: &str = "mail.secret";

/// The end of the file: what makes Checker watch itself, for a second sitting.
const WATCH: &str = "\n# Who tells you when Checker itself dies? A process beside cron that sends messages to itself, and a second machine that
# asks it: docs/operating.md, \"Two machines, step by step\". `checker bound` says what nobody would tell you of until then.
#
# [daemon]
# peer_listen = \"[::]:5000\"
#
# [canary]
# via = \"imap\"
# host = \"imap.example.com\"
# user = \"you@example.com\"
# pass_file = \"mail.secret\"";

/// What was answered.
struct Answers {
    servername: String,
    contact: String,
    mail: String,
    user: Option<String>,
    pass: Pass,
    from: String,
}

enum Pass {
    None,
    File(PathBuf),
    Typed(String),
}

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Init) -> Result<Exit, Failure> {
    let env = Env::from_process();
    let path = env.cwd.join(cx.options.file.clone().unwrap_or_else(|| PathBuf::from("settings.cfg")));
    if path.exists() && !args.force {
        return Err(Failure::usage(format!(
            "{} exists: edit it, or write over it with --force, or write elsewhere with -f FILE",
            path.display()
        )));
    }
    let answers = ask(cx, args)?;
    let folder = path.parent().map_or_else(|| env.cwd.clone(), Path::to_path_buf);
    if !folder.is_dir() {
        return Err(Failure::Other(
            Exit::CannotCreate,
            format!("there is no folder {}: make it first (mkdir -m 700), or see to the name", folder.display()),
        ));
    }
    if let Pass::Typed(pass) = &answers.pass {
        write_private(&folder.join(SECRET), &format!("{pass}\n"))?;
    }
    write_private(&path, &text(&answers, args))?;
    let judged = settings::load(&path, cx.registry, &env);
    match judged {
        Ok(_) => report(cx, &path).map(|()| Exit::Ok),
        Err(problems) => {
            writeln!(cx.out, "Written: {}, with mistakes. Mend them, then look with: checker check", path.display())?;
            Err(Failure::Settings(problems))
        }
    }
}

fn ask(cx: &mut Cx<'_>, args: &args::Init) -> Result<Answers, Failure> {
    let mut missing = Vec::new();
    let mut put = |flag: &str, given: &Option<String>, question: &str, fallback: String, good: Judge| match given {
        Some(value) => match good(value) {
            Ok(()) => Ok(value.clone()),
            Err(why) => Err(Failure::usage(format!("{flag} {value}: {why}"))),
        },
        None if io::stdin().is_terminal() => question_to(cx.out, question, &fallback, good),
        None => {
            missing.push(flag.to_owned());
            Ok(fallback)
        }
    };
    let servername =
        put("--servername", &args.servername, "1/6 What is this server called in subjects?", host_name(), |_| Ok(()))?;
    let contact = put("--contact", &args.contact, "2/6 Who is told (a mail address)?", String::new(), is_address)?;
    let mail = put(
        "--mail",
        &args.mail,
        "3/6 How does mail leave (HOST or HOST:PORT of a mail server, `sendmail`, or `file`)?",
        "sendmail".to_owned(),
        is_server,
    )?;
    let smtp = !matches!(mail.as_str(), "sendmail" | "file");
    let user = if smtp {
        let user = put("--user", &args.user, "4/6 The account there (or `none`)?", contact.clone(), |_| Ok(()))?;
        (user != "none" && user != "-").then_some(user)
    } else {
        None
    };
    let typed = io::stdin().is_terminal();
    let fallback = user.clone().filter(|u| u.contains('@')).unwrap_or_else(|| format!("checker@{}", host_name()));
    let from = put("--from", &args.from, "5/6 The sender's address?", fallback, is_address)?;
    let pass = match (&user, &args.pass_file) {
        (None, _) => Pass::None,
        (Some(_), Some(file)) => Pass::File(file.clone()),
        (Some(user), None) if typed => Pass::Typed(password(cx.out, &format!("6/6 The password of {user}?"))?),
        (Some(_), None) => {
            missing.push("--pass-file".to_owned());
            Pass::None
        }
    };
    if !missing.is_empty() {
        return Err(Failure::usage(format!(
            "nobody is at the terminal to ask: give {}, or run it by hand",
            missing.join(" ")
        )));
    }
    Ok(Answers { servername, contact, mail, user, pass, from })
}

/// Whether an answer will do; if not, why.
type Judge = fn(&str) -> Result<(), String>;

fn is_address(text: &str) -> Result<(), String> {
    let parsed = text.parse::<lettre::Address>();
    parsed.map(|_| ()).map_err(|_| "this is no mail address; write it as you@example.com".to_owned())
}

fn is_server(text: &str) -> Result<(), String> {
    if text.contains('@') {
        return Err("this is an address; write the name of the mail server, such as smtp.example.com".to_owned());
    }
    let port = text.rsplit_once(':').filter(|(host, _)| !host.contains(':')).map(|(_, port)| port);
    match port {
        Some(port) if port.parse::<u16>().map_or(true, |p| p == 0) => {
            Err(format!("\"{port}\" is no port (1 to 65535)"))
        }
        _ => Ok(()),
    }
}

fn question_to(out: &mut dyn Write, question: &str, fallback: &str, good: Judge) -> Result<String, Failure> {
    let hint = if fallback.is_empty() { String::new() } else { format!(" [{fallback}]") };
    loop {
        write!(out, "{question}{hint} ")?;
        out.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(Failure::usage("the input ended before all six questions were answered"));
        }
        match line.trim() {
            "" if fallback.is_empty() => writeln!(out, "This one has no default.")?,
            "" => return Ok(fallback.to_owned()),
            answer => match good(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(why) => writeln!(out, "{why}")?,
            },
        }
    }
}

/// Reads a line that the terminal does not show.
fn password(out: &mut dyn Write, question: &str) -> Result<String, Failure> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden).map_err(io::Error::from)?;
    let answer = question_to(out, question, "", |_| Ok(()));
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before).map_err(io::Error::from)?;
    writeln!(out)?;
    answer
}

fn text(a: &Answers, args: &args::Init) -> String {
    let mut t = String::new();
    let q = |s: &str| toml_string(s);
    let mut line = |s: String| t.push_str(&(s + "\n"));
    line("# Checker's settings. Judge them with `checker check`; every key stands in settings.cfg.example.".to_owned());
    line(format!("[general]\nservername = {}\nalertcontact = {}\n", q(&a.servername), q(&a.contact)));
    line("[email]".to_owned());
    match a.mail.as_str() {
        word @ ("sendmail" | "file") => line(format!("transport = {}\nfrom = {}", q(word), q(&a.from))),
        server => {
            line(format!("from = {}\n\n[email.smtp]", q(&a.from)));
            let (host, port) = split_port(server);
            line(format!("host = {}", q(host)));
            if let Some(port) = port {
                line(format!("port = {port}"));
            }
            line(format!(
                "security = {}",
                q(args.security.as_deref().unwrap_or_else(|| security(host, port, a.user.is_some())))
            ));
            if let Some(user) = &a.user {
                line(format!("user = {}", q(user)));
            }
            match &a.pass {
                Pass::None => {}
                Pass::Typed(_) => line(format!("pass_file = {}", q(SECRET))),
                Pass::File(file) => line(format!("pass_file = {}", q(&absolute(file)))),
            }
            if let Some(file) = &args.ca_file {
                line(format!("ca_file = {}", q(&absolute(file))));
            }
        }
    }
    line(
        "\n# What is watched. One table for each job; add as many as you like.\n#\n# [[job.tcp]]\n# name = \"ssh\"\n# \
         address = \"localhost:22\"\n#\n# [[job.http]]\n# url = \"https://www.example.com/\"\n# body_contains = \
         \"welcome\"\n#\n# [[job.command]]\n# name = \"root disk\"\n# command = \
         [\"/usr/lib/nagios/plugins/check_disk\", \"-w\", \"10%\", \"-c\", \"5%\", \"/\"]\n# every = \"5min\""
            .to_owned(),
    );
    line(WATCH.to_owned());
    t
}

fn absolute(file: &Path) -> String {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

fn split_port(server: &str) -> (&str, Option<u16>) {
    match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (server, None),
    }
}

fn security(host: &str, port: Option<u16>, login: bool) -> &'static str {
    let local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    match port {
        Some(465) => "tls",
        _ if local && !login => "none",
        _ => "starttls",
    }
}

/// A TOML basic string.
fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => drop(write!(out, "\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a file that nobody else can read.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|e| cannot_write(path, &e))
}

fn cannot_write(path: &Path, e: &io::Error) -> Failure {
    Failure::Other(Exit::CannotCreate, format!("{} cannot be written: {e}", path.display()))
}

/// The one line for the crontab, with whole paths.
pub(super) fn crontab_line(settings: &Path) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("checker"));
    let file = std::path::absolute(settings).unwrap_or_else(|_| settings.to_owned());
    // In a crontab an unescaped percent sign is a line feed.
    format!("* * * * * {} cron -f {}", program.display(), file.display()).replace('%', "\\%")
}

fn report(cx: &mut Cx<'_>, path: &Path) -> Result<(), Failure> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("checker"));
    let (program, file) = (program.display(), path.display());
    writeln!(cx.out, "Written: {file}\n")?;
    writeln!(cx.out, "Next:\n  1. Add a job: the file shows three kinds.")?;
    writeln!(cx.out, "  2. {program} test -f {file}\n     logs in, sends you one message, runs each job once.")?;
    writeln!(cx.out, "  3. Add this line to your crontab (crontab -e):\n")?;
    writeln!(cx.out, "{}\n", crontab_line(path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_is_one_toml_string() {
        for text in ["alpha", "a\"b\\c", "line\nbreak", "ümläut"] {
            let parsed: toml::Table = format!("x = {}", toml_string(text)).parse().unwrap();
            assert_eq!(parsed.get("x").and_then(|v| v.as_str()), Some(text));
        }
    }

    #[test]
    fn the_port_suggests_the_security() {
        assert_eq!(split_port("mail.example.com:465"), ("mail.example.com", Some(465)));
        assert_eq!(split_port("mail.example.com"), ("mail.example.com", None));
        assert_eq!(security("mail.example.com", Some(465), true), "tls");
        assert_eq!(security("localhost", Some(25), false), "none");
        assert_eq!(security("localhost", None, true), "starttls");
        assert_eq!(security("mail.example.com", Some(25), false), "starttls");
        assert!(is_server("localhost:99999").is_err() && is_server("me@example.com").is_err());
        assert!(is_server("smtp.example.com:587").is_ok() && is_address("oncall").is_err());
    }
}
