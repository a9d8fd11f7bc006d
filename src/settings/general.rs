//! `[general]`, and what contacts are.

use super::nearest::nearest;
use super::section::{Cx, Section};
use super::zone;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::Spanned;

/// What `[general]` says.
#[derive(Clone, Debug)]
pub struct General {
    /// The name of this server, in every subject.
    pub servername: String,
    /// Whom to tell where a job names nobody: mail addresses or names of channels; at least one.
    pub alertcontact: Vec<String>,
    /// The file that holds the state.
    pub state: PathBuf,
    /// Whose minute, hour, midnight and noon count.
    pub timezone: TimeZone,
}

pub(crate) const STATE: &str = "checker.db";

/// Reads `[general]`; `channels` are the names that a contact may have besides mail addresses.
pub(crate) fn read(mut s: Section<'_, '_>, channels: &BTreeSet<String>) -> Option<General> {
    let servername = s.need("servername", "\"alpha\"");
    let contacts_span = s.span_of("alertcontact");
    let contacts = if s.has("alertcontact") {
        s.texts("alertcontact", "\"you@example.com\"")
    } else {
        s.take("alertcontact");
        s.missing("alertcontact", "\"you@example.com\"");
        None
    };
    if contacts.as_ref().is_some_and(Vec::is_empty) {
        s.cx.error(
            contacts_span,
            "\"alertcontact\" is an empty list: nobody would be told",
            "write for example: alertcontact = \"you@example.com\"",
        );
    }
    let contacts = contacts.unwrap_or_default();
    check_contacts(s.cx, &contacts, channels);
    let state = s.text("state", "\"checker.db\"");
    let timezone = zone_of(&mut s, zone::system);
    s.take("include"); // read before, because it brings in the other files
    let cx = s.cx;
    s.finish();
    Some(General {
        servername: servername?.into_inner(),
        alertcontact: contacts.into_iter().map(Spanned::into_inner).collect(),
        state: cx.paths.state(state.as_ref().map_or(STATE, |s| s.get_ref())),
        timezone,
    })
}

/// The time zone that a table names; `otherwise`, where it names none.
pub(crate) fn zone_of(s: &mut Section<'_, '_>, otherwise: impl FnOnce() -> TimeZone) -> TimeZone {
    let Some(name) = s.text("timezone", "\"Europe/Berlin\"") else {
        return otherwise();
    };
    if let Some(zone) = zone::named(name.get_ref()) {
        zone
    } else {
        let known: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
        let remedy = match nearest(name.get_ref(), known.iter().map(String::as_str)) {
            _ if known.is_empty() => "this host knows no time zones at all: install the package tzdata".to_owned(),
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write it as \"Europe/Berlin\" or \"UTC\", or take the line out to use the system's".to_owned(),
        };
        s.cx.error(name.span(), format!("there is no time zone \"{}\"", name.get_ref()), remedy);
        TimeZone::UTC
    }
}

/// Notes every contact that is neither a mail address nor a channel.
pub(crate) fn check_contacts(cx: &Cx<'_>, contacts: &[Spanned<String>], channels: &BTreeSet<String>) {
    for contact in contacts {
        let name = contact.get_ref();
        if name.contains('@') {
            address(cx, contact);
        } else if !channels.contains(name) {
            let remedy = match nearest(name, channels.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None if channels.is_empty() => "write a mail address, such as \"you@example.com\"".to_owned(),
                None => format!(
                    "write a mail address, or one of the channels: {}",
                    channels.iter().cloned().collect::<Vec<_>>().join(", ")
                ),
            };
            cx.error(contact.span(), format!("\"{name}\" is neither a mail address nor a channel"), remedy);
        }
    }
}

/// Notes a text that is no mail address.
pub(crate) fn address(cx: &Cx<'_>, text: &Spanned<String>) -> bool {
    let good = text.get_ref().parse::<lettre::Address>().is_ok();
    if !good {
        cx.error(
            text.span(),
            format!("\"{}\" is no mail address", text.get_ref()),
            "write it as \"you@example.com\", the address alone",
        );
    }
    good
}
