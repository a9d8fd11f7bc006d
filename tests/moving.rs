//! Who moves in: files of other programs, the real program, and what it tells afterwards.

mod first;
mod gatus;

use crate::support::binary::Home;

/// An empty folder, in which other programs' files are put.
fn empty() -> Home {
    let home = Home::new("");
    std::fs::remove_file(home.path("settings.cfg")).unwrap();
    home
}
