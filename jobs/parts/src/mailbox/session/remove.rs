//! Removes messages of ours, and no others.

use super::{FOLDERS_MAX, Talk, carries, set, skipped, too_many};
use crate::mailbox::error::Why;
use crate::mailbox::folders::{Folder, Place};
use crate::mailbox::header::Header;
use crate::mailbox::{Cleaned, Token};
use std::io::{Read, Write};

impl<S: Read + Write> Talk<'_, S> {
    pub(super) fn clean(&mut self, tokens: &[Token]) -> Result<Cleaned, Why> {
        let mut cleaned = Cleaned::default();
        let mut folders = self.folders()?;
        // What is removed elsewhere may end up among all messages or in the trash, so these come last.
        folders.sort_by_key(|f| match f.place {
            Place::All => 1,
            Place::Trash => 2,
            _ => 0,
        });
        for (at, folder) in folders.iter().enumerate() {
            if at >= FOLDERS_MAX {
                cleaned.skipped.push(too_many(folder));
                continue;
            }
            let hits = match self.find(folder, tokens)? {
                Ok(hits) if hits.is_empty() => continue,
                Ok(hits) => hits,
                Err(skipped) => {
                    cleaned.skipped.push(skipped);
                    continue;
                }
            };
            let uids: Vec<u32> = hits.iter().map(|h| h.uid).collect();
            let (gone, left, why) = self.remove(folder, &uids, &|header| carries(header, tokens))?;
            cleaned.removed += gone;
            cleaned.left += left;
            cleaned.skipped.extend(why.map(|why| skipped(folder, why)));
        }
        Ok(cleaned)
    }

    /// Removes messages from a folder: how many are gone, how many are left, and why.
    pub(super) fn remove(
        &mut self,
        folder: &Folder,
        uids: &[u32],
        wanted: &dyn Fn(&Header) -> bool,
    ) -> Result<(usize, usize, Option<String>), Why> {
        if !self.uidplus {
            let why = "the server lacks UIDPLUS, so messages cannot be removed one by one; delete them by hand";
            return Ok((0, uids.len(), Some(why.to_owned())));
        }
        self.step = format!("the folder \"{}\"", folder.shown).into();
        if let Err(e) = self.session.select(&folder.name) {
            return Ok((0, uids.len(), Some(self.refusal(e)?)));
        }
        self.step = format!("the removal from \"{}\"", folder.shown).into();
        // The folder may have been made anew since it was searched, with the same numbers for other messages. Now that it
        // is open, numbers keep their meaning.
        let uids: Vec<u32> = self.read(uids, wanted)?.iter().map(|h| h.uid).collect();
        if uids.is_empty() {
            return Ok((0, 0, None));
        }
        let set = set(&uids);
        for command in [format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"), format!("UID EXPUNGE {set}")] {
            if let Err(e) = self.session.run_command_and_check_ok(command) {
                return Ok((0, uids.len(), Some(self.refusal(e)?)));
            }
        }
        let there = self.session.uid_search(format!("UID {set}")).map_err(|e| self.explain(e))?;
        let left = uids.iter().filter(|uid| there.contains(uid)).count();
        let why = (left > 0).then(|| format!("the server says yes and keeps {left} of our messages"));
        Ok((uids.len() - left, left, why))
    }
}
