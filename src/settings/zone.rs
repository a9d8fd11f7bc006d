//! Time zones by their names, without a look at all others: to list the whole database takes longer than a pass.

use jiff::tz::TimeZone;
use std::path::Path;

/// Where systems keep their zones, one file each.
const FOLDER: &str = "/usr/share/zoneinfo";

/// The zone of this name, if this host or this program knows it.
pub(crate) fn named(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    read(name).or_else(|| TimeZone::get(name).ok())
}

/// The zone of this host.
pub(crate) fn system() -> TimeZone {
    let of_host = || {
        if std::env::var_os("TZ").is_some() {
            return None;
        }
        let target = std::fs::read_link("/etc/localtime").ok()?;
        let (_, name) = target.to_str()?.rsplit_once("/zoneinfo/")?;
        named(name)
    };
    of_host().unwrap_or_else(TimeZone::system)
}

/// The usual case: the name as it is written in the database.
fn read(name: &str) -> Option<TimeZone> {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    if std::env::var_os("TZDIR").is_some() || !name.split('/').all(plain) {
        return None;
    }
    let bytes = std::fs::read(Path::new(FOLDER).join(name)).ok()?;
    TimeZone::tzif(name, &bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_the_one_that_the_whole_database_has() {
        for name in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC", "EST5EDT"] {
            assert_eq!(named(name), TimeZone::get(name).ok(), "{name}");
            assert!(named(name).is_some_and(|zone| zone.iana_name() == Some(name)), "{name}");
        }
        // Written in another way, it is looked for in the list.
        assert!(named("europe/berlin").is_some_and(|zone| zone.iana_name() == Some("Europe/Berlin")));
        for wrong in ["", "Europe", "Europe/Berlim", "../../etc/passwd", "/etc/passwd", "posixrules/", "Europe//Berlin"]
        {
            assert_eq!(named(wrong), None, "{wrong}");
        }
    }
}
