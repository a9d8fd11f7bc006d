//! Names of units, after systemd.unit(5).

/// All types of units.
const TYPES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];
/// The longest name that systemd takes.
const NAME_MAX: usize = 255;

/// The whole name of a unit: a service if nothing else is said, as systemctl does it.
///
/// # Errors
/// A sentence that says what to write.
pub(crate) fn whole(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty; name a unit, as in \"nginx.service\"".to_owned());
    }
    if text.contains('/') {
        return Err(format!(
            "{text:?} is a path; write the unit's name, which `systemd-escape -p --suffix=mount {text}` says"
        ));
    }
    let sound = |c: char| c.is_ascii_alphanumeric() || ":_.\\-@".contains(c);
    if let Some(wrong) = text.chars().find(|c| !sound(*c)) {
        return Err(format!(
            "{text:?} is no name of a unit, because of the {wrong:?}; `systemctl list-units` shows them"
        ));
    }
    let typed = text.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && TYPES.contains(&end));
    let name = if typed { text.to_owned() } else { format!("{text}.service") };
    if name.len() > NAME_MAX {
        return Err(format!("a name of {} bytes is longer than any unit's ({NAME_MAX})", name.len()));
    }
    if name.contains("@.") {
        return Err(format!("{name} is a template; name one made of it, as in \"{}\"", name.replace("@.", "@NAME.")));
    }
    Ok(name)
}

/// Whether a unit's name is the pattern, in which one `*` stands for any text. Without a type, all types are meant.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is = |name: &str| match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
    };
    is(name) || is(stem)
}
