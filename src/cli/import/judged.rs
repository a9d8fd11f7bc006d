//! What was made is judged by the real settings code before anybody sees it.

use super::super::Cx;
use super::super::exit::{Exit, Failure};
use crate::import::{Converted, Left};
use crate::settings::{self, Env, Problem, Severity};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use uuid::Uuid;

/// Settings around jobs that stand in a file of their own.
pub(super) const AROUND: &str = "[general]\nservername = \"import\"\nalertcontact = \"import@example.com\"\n[email]\n\
                                 transport = \"file\"\nfrom = \"import@example.com\"\n";

/// Judges settings that name the file of a password, which need not be there yet. Tables of jobs that cannot be used become
/// comments. The answer is whether what is left can be used.
pub(super) fn with_secret(cx: &Cx<'_>, made: &mut Converted) -> Result<bool, Failure> {
    let folder = std::env::temp_dir().join(format!("checker-{}", Uuid::now_v7().simple()));
    let fail = |why: std::io::Error| {
        Failure::Other(Exit::CannotCreate, format!("{} cannot be made to try the settings in: {why}", folder.display()))
    };
    fs::DirBuilder::new().mode(0o700).create(&folder).map_err(fail)?;
    let secret = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(super::SECRET));
    let usable = secret.and_then(|mut file| std::io::Write::write_all(&mut file, b"stands for the password\n"));
    let usable = usable.map(|()| judge(cx, made, "", &folder));
    // It holds no secret, and its name is used once.
    drop(fs::remove_dir_all(&folder));
    usable.map_err(fail)
}

/// Judges `made` behind `before`, as if both stood in one file in `folder`.
pub(super) fn judge(cx: &Cx<'_>, made: &mut Converted, before: &str, folder: &Path) -> bool {
    loop {
        let (text, places) = numbered(made, before);
        let Err(report) = settings::load_text(&folder.join("settings.cfg"), &text, cx.registry, &Env::bare(folder))
        else {
            return true;
        };
        let mut wrong: Vec<(usize, String)> = Vec::new();
        for problem in report.problems.iter().filter(|p| p.severity == Severity::Error) {
            let line = problem.place.as_ref().map_or(0, |p| p.line);
            let Some(index) = places.iter().rposition(|&start| start <= line) else { continue };
            let why = format!("{}; {}", problem.message, problem.remedy);
            match wrong.iter_mut().find(|(i, _)| *i == index) {
                Some((_, others)) => *others = format!("{others}. And {why}"),
                None => wrong.push((index, why)),
            }
        }
        if wrong.is_empty() {
            made.left.extend(report.problems.iter().filter(|p| p.severity == Severity::Error).map(outside));
            return false;
        }
        wrong.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        for (index, why) in wrong {
            made.give_up(index, &why);
        }
    }
}

fn outside(problem: &Problem) -> Left {
    let key = problem.place.as_ref().map_or("", |p| p.excerpt.trim());
    Left::new(0, format!("the settings cannot be used yet: {key}: {}", problem.message), problem.remedy.clone())
}

/// The whole text, and the line on which each table of a job or a window begins.
fn numbered(made: &Converted, before: &str) -> (String, Vec<usize>) {
    let mut text = format!("{before}{}\n", made.settings);
    let mut places = Vec::with_capacity(made.tables.len() + made.windows.len());
    let mut line = text.lines().count() + 1;
    for table in made.tables.iter().chain(&made.windows) {
        places.push(line);
        let toml = table.to_toml();
        line += toml.lines().count();
        text.push_str(&toml);
    }
    (text, places)
}
