//! `checker check`: judges the settings without the network.

use super::exit::{Exit, Failure};
use super::{Cx, json_line};
use crate::settings::{self, Env};

pub(super) fn run(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let env = Env::from_process();
    let path = settings::locate(cx.options.file.as_deref(), true, &env)?;
    let (report, usable) = match settings::load(&path, cx.registry, &env) {
        Ok((_, warnings)) => (warnings, true),
        Err(report) => (report, false),
    };
    if cx.options.json {
        json_line(cx, &report.to_json())?;
    } else {
        write!(cx.out, "{}", report.render())?;
        if usable {
            writeln!(cx.out, "{}: the settings are good: {} jobs", path.display(), report.jobs)?;
        }
    }
    Ok(if usable { Exit::Ok } else { Exit::Settings })
}
