//! The listener for programs and people of this host (`[daemon] web_listen`), never the port of the peers: calls of scripts, and
//! successes that other hosts record.
//!
//! [`listen`] takes connections, `answer` says what a request gets, and [`ledger`] writes what was called before it is answered:
//! many calls in one commit.

mod answer;
pub mod ledger;
pub mod listen;
mod rate;

use crate::decide::script::expected::{Expected, Host};
use crate::decide::script::ping::{Ping, Refusal, Target, slug};
use crate::settings::{Scripts, Secret};
use std::collections::HashMap;
use uuid::Uuid;

/// A script and the host that its calls are recorded under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// The host.
    pub host: String,
}

/// Which scripts are known by which URLs.
#[derive(Debug)]
pub struct Directory {
    by_uuid: HashMap<Uuid, Named>,
    by_slug: HashMap<String, Vec<Named>>,
    ping_key: Option<Secret>,
    token: Option<Secret>,
    here: String,
}

impl Directory {
    /// Of the scripts in the settings; `here` is this host's name.
    pub fn new<'e>(expected: impl Iterator<Item = &'e Expected>, scripts: &Scripts, here: &str) -> Self {
        let (mut by_uuid, mut by_slug) = (HashMap::new(), HashMap::<String, Vec<Named>>::new());
        for script in expected {
            let host = if let Host::Named(host) = &script.host { host } else { here };
            let named = Named { name: script.name.clone(), host: host.to_owned() };
            by_uuid.extend(script.uuid.map(|uuid| (uuid, named.clone())));
            let same = by_slug.entry(slug(&script.name)).or_default();
            // Two tables may expect different things of one script.
            if !same.contains(&named) {
                same.push(named);
            }
        }
        let (ping_key, token) = (scripts.ping_key.clone(), scripts.token.clone());
        Self { by_uuid, by_slug, ping_key, token, here: here.to_owned() }
    }

    /// The script that a call means, and whether it is new.
    ///
    /// # Errors
    /// See [`Refusal`]. A wrong key is as if nothing were there.
    pub fn find(&self, ping: &Ping) -> Result<(Named, bool), Refusal> {
        match &ping.target {
            Target::Uuid(id) => self.by_uuid.get(id).map(|named| (named.clone(), false)).ok_or(Refusal::NotFound),
            Target::Slug { key, slug } => {
                if !self.ping_key.as_ref().is_some_and(|ours| is_same(ours.expose(), key)) {
                    return Err(Refusal::NotFound);
                }
                match self.by_slug.get(slug).map(Vec::as_slice) {
                    Some([one]) => Ok((one.clone(), false)),
                    Some([_, ..]) => Err(Refusal::Ambiguous),
                    _ if ping.create && !slug.is_empty() => {
                        Ok((Named { name: slug.clone(), host: self.here.clone() }, true))
                    }
                    _ => Err(Refusal::NotFound),
                }
            }
        }
    }

    /// Whether this is the token of hosts that record successes.
    pub(crate) fn is_token(&self, said: &str) -> bool {
        self.token.as_ref().is_some_and(|ours| is_same(ours.expose(), said))
    }
}

/// Takes the same time wherever they differ.
fn is_same(ours: &str, theirs: &str) -> bool {
    let differ = ours.bytes().zip(theirs.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    ours.len() == theirs.len() && differ == 0
}
