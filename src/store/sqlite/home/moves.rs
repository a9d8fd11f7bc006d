//! How a state changes its place, and how it comes back.

use super::super::super::{LockFile, Result, StoreError};
use super::super::aside::{newest, set_aside};
use super::super::db::{At, Conn, Durability, PATIENCE, SHORT};
use super::super::errors::{Fault, Moment, explain};
use super::super::merge::merge;
use super::super::place::is_for_a_hand;
use super::super::refuge::{self, From};
use super::super::{passes, places};
use super::{Degraded, Here, Home, Where, live_here_alone, mender};
use std::path::{Path, PathBuf};

impl Home {
    /// The first connection of a process.
    pub(super) fn first(&self, here: &mut Here) -> Result<Conn> {
        if let Some(file) = self.refuge() {
            if is_for_a_hand(&self.main) {
                return Conn::open(&self.main, SHORT);
            }
            return if self.mends { self.go_back(here, &file) } else { self.visit(here, file) };
        }
        let exists = self.main.symlink_metadata().is_ok();
        match Conn::open(&self.main, PATIENCE) {
            Err(why) if exists && self.mends => self.leave_main(here, &why),
            other => other,
        }
    }

    /// Where this process goes on after `why`.
    ///
    /// # Errors
    /// `why`, if it must stay.
    pub(in super::super) fn leave(&self, from: &Conn, why: &StoreError) -> Result<Conn> {
        let mut here = self.here();
        if here.generation > from.generation {
            return self.connect(&here);
        }
        if !self.mends {
            return Err(why.clone());
        }
        match (from.at, here.at.clone()) {
            (At::Main, _) => self.leave_main(&mut here, why),
            (At::Refuge { .. }, Where::Refuge(file)) => self.leave_refuge(&mut here, &file, why),
            _ => Err(why.clone()),
        }
    }

    /// A person looks, or says something: it goes where passes will see it.
    fn visit(&self, here: &mut Here, file: PathBuf) -> Result<Conn> {
        let conn = refuge::open(&file, PATIENCE)?;
        self.lock_too(here, LockFile::beside(&file)?)?;
        here.trouble = Some(Degraded::visited(&self.main, &file));
        arrive(here, Where::Refuge(file), conn)
    }

    fn leave_main(&self, here: &mut Here, why: &StoreError) -> Result<Conn> {
        if is_for_a_hand(&self.main) {
            return Err(why.clone());
        }
        if let StoreError::Corrupt(_) = why
            && let Ok(conn) = self.replace(here, why)
        {
            return arrive(here, Where::Main, conn);
        }
        // Another pass may have gone before.
        if let Some(file) = self.refuge()
            && let Ok(conn) = self.settle(here, &file, From::Main(&self.main, self.first_episode()))
        {
            return self.arrived(here, &file, why, conn);
        }
        self.move_on(here, why, From::Main(&self.main, self.first_episode()), None)
    }

    /// A fresh file in the place of a damaged one.
    fn replace(&self, here: &mut Here, why: &StoreError) -> Result<Conn> {
        let lock = LockFile::beside(&self.main)?;
        let _mender = mender(&lock).ok_or_else(|| why.clone())?;
        // Another pass may have done it since this one began.
        let began = here.began.micros() / 1_000_000;
        if newest(&self.main).is_none_or(|at| at < began) {
            let aside = set_aside(&self.main, self.clock.now())?;
            tracing::warn!("{why}; {}", aside.words());
            here.trouble = Some(Degraded::mended(&self.main, why, &aside.words()));
        }
        Conn::open(&self.main, PATIENCE)
    }

    /// The first place that takes the state, or none.
    fn move_on(&self, here: &mut Here, why: &StoreError, from: From<'_>, not: Option<&Path>) -> Result<Conn> {
        for folder in self.places.all() {
            let Ok(file) = places::make(folder) else { continue };
            if Some(file.as_path()) == not {
                continue;
            }
            match self.settle(here, &file, from) {
                Ok(conn) => return self.arrived(here, &file, why, conn),
                Err(other) => {
                    tracing::debug!("no refuge in {}: {other}", folder.display());
                    places::give_up(folder);
                }
            }
        }
        let conn = refuge::nowhere(from)?;
        here.anchor = Some(refuge::nowhere(from)?);
        tracing::warn!("{why}; no place can be written at all: nothing is remembered");
        here.trouble = Some(Degraded::nowhere(&self.main, why));
        arrive(here, Where::Nowhere, conn)
    }

    fn settle(&self, here: &mut Here, file: &Path, from: From<'_>) -> Result<Conn> {
        let lock = LockFile::beside(file)?;
        let Some(_mender) = mender(&lock) else {
            return Err(StoreError::Unavailable(format!("{} is being mended", file.display())));
        };
        if refuge::facts(file).is_some() {
            refuge::frozen(file, false)?;
        }
        let conn = refuge::make(file, from)?;
        // It may have been made by another pass: then this write shows whether it can be used.
        touch(&conn)?;
        self.lock_too(here, lock)?;
        Ok(conn)
    }

    fn arrived(&self, here: &mut Here, file: &Path, why: &StoreError, conn: Conn) -> Result<Conn> {
        tracing::warn!("{why}; the state goes on in {}", file.display());
        here.trouble = Some(Degraded::refuge(&self.main, file, why));
        arrive(here, Where::Refuge(file.to_owned()), conn)
    }

    /// Whoever is alive shows it in this file, too.
    fn lock_too(&self, here: &mut Here, lock: LockFile) -> Result<()> {
        self.find_locks(here)?;
        for (id, guards) in &mut here.held {
            guards.push(lock.hold(*id)?);
        }
        here.locks.push(lock);
        Ok(())
    }

    /// A refuge fails, or has ended.
    fn leave_refuge(&self, here: &mut Here, file: &Path, why: &StoreError) -> Result<Conn> {
        // Whoever merges it is waited for: then it has ended, or is usable again.
        let lock = LockFile::beside(file).ok();
        let guard = lock.as_ref().map(mender);
        if matches!(guard, Some(None)) {
            return Err(why.clone());
        }
        if refuge::facts(file).is_none() {
            return match Conn::open(&self.main, PATIENCE) {
                Ok(conn) => {
                    // Whoever has ended it has told that it is over.
                    here.trouble = None;
                    arrive(here, Where::Main, conn)
                }
                Err(why) => self.leave_main(here, &why),
            };
        }
        if matches!(why, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) | StoreError::SchemaNewer { .. }) {
            let conn = refuge::frozen(file, false).and_then(|_| refuge::open(file, PATIENCE))?;
            return arrive(here, Where::Refuge(file.to_owned()), conn);
        }
        let conn = self.move_on(here, why, From::Refuge(file), Some(file))?;
        if here.at != Where::Nowhere {
            refuge::remove(file);
        }
        Ok(conn)
    }

    /// The store may be back: then the refuge ends.
    fn go_back(&self, here: &mut Here, file: &Path) -> Result<Conn> {
        let Ok(lock) = LockFile::beside(file) else {
            return self.leave_main(here, &StoreError::Unavailable(format!("{} has no lock", file.display())));
        };
        let Some(guard) = mender(&lock) else {
            // It takes its time; until then it is where everybody is.
            return self.join(here, file, &StoreError::Unavailable("another pass is mending it".to_owned()));
        };
        if refuge::facts(file).is_none() {
            drop(guard);
            return match Conn::open(&self.main, PATIENCE) {
                Err(why) => self.leave_main(here, &why),
                good => good,
            };
        }
        match self.back(here, file, &lock) {
            Ok(conn) => {
                for old in self.places.there() {
                    refuge::remove(&old);
                }
                tracing::info!("the state is back at {}", self.main.display());
                Ok(conn)
            }
            Err(why) => {
                drop(guard);
                here.trouble = None;
                self.join(here, file, &why)
            }
        }
    }

    fn join(&self, here: &mut Here, file: &Path, why: &StoreError) -> Result<Conn> {
        match self.settle(here, file, From::Main(&self.main, self.first_episode())) {
            Ok(conn) => self.arrived(here, file, why, conn),
            Err(other) => {
                tracing::warn!("the refuge {} fails as well: {other}", file.display());
                let conn = self.move_on(here, why, From::Refuge(file), Some(file))?;
                if here.at != Where::Nowhere {
                    refuge::remove(file);
                }
                Ok(conn)
            }
        }
    }

    /// Merges the refuge into the store. Whoever calls this holds the mender's lock of the refuge.
    fn back(&self, here: &mut Here, file: &Path, lock: &LockFile) -> Result<Conn> {
        let main = match Conn::open(&self.main, SHORT) {
            Err(why @ StoreError::Corrupt(_)) => self.replace(here, &why)?,
            other => other?,
        };
        touch(&main)?;
        let facts =
            refuge::facts(file).ok_or_else(|| StoreError::Unavailable(format!("{} has gone", file.display())))?;
        let told = |fault: Fault| explain(fault, file, Moment::Work);
        let refuge = refuge::frozen(file, true)?;
        let open = refuge::open_passes(&refuge).map_err(told)?;
        if live_here_alone(&open, lock, LockFile::beside(&self.main).ok().as_ref()) {
            return Err(StoreError::Unavailable(format!("a pass still works in {}", file.display())));
        }
        main.busy_timeout(PATIENCE).map_err(|e| told(e.into()))?;
        merge(&refuge, &facts.id, &main, self.clock.now())?;
        Ok(main)
    }
}

/// A real write that changes nothing.
fn touch(conn: &Conn) -> Result<()> {
    conn.write(Durability::PowerCut, |tx| {
        Ok(tx.execute("UPDATE counter SET value = value WHERE name = 'hours'", []).map(drop)?)
    })
}

/// What passes of this process have begun is there from now on.
fn arrive(here: &mut Here, at: Where, mut conn: Conn) -> Result<Conn> {
    here.generation += 1;
    here.at = at;
    conn.generation = here.generation;
    for (start, claims) in here.passes.values() {
        conn.write(Durability::Kill, |tx| passes::begin(tx, start))?;
        match conn.write(Durability::Kill, |tx| passes::claim(tx, start.id, claims, &[])) {
            // It has ended.
            Ok(_) | Err(StoreError::Refused(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(conn)
}
