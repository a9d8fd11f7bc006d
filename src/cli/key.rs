//! `checker key`: the public key of this node, ready to paste.

use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, json_line};
use crate::peer::{KeyError, NodeKey};
use serde_json::json;

pub(super) fn run(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let key = NodeKey::load_or_make(world.state()).map_err(|e| {
        let exit = if matches!(e, KeyError::CannotMake(_)) { Exit::CannotCreate } else { Exit::Io };
        Failure::Other(exit, e.to_string())
    })?;
    let public = key.public();
    let file = NodeKey::place(world.state());
    if cx.options.json {
        let file = file.display().to_string();
        json_line(cx, &json!({"v": 1, "key": public.to_string(), "id": public.id(), "file": file}))?;
        return Ok(Exit::Ok);
    }
    writeln!(cx.out, "key = \"{public}\"")?;
    writeln!(cx.out)?;
    writeln!(
        cx.out,
        "This line belongs into the table [[peer]] for this node, in the settings of each peer. It is no secret,"
    )?;
    writeln!(
        cx.out,
        "but whoever passes it on must not be able to change it: read it out by telephone, or compare its end."
    )?;
    writeln!(cx.out, "On the wire this node is called {}. The secret half is in {};", public.id(), file.display())?;
    writeln!(cx.out, "keep it with the backups, and never give one key to two machines.")?;
    Ok(Exit::Ok)
}
