//! What to say of a name that no job has. Pure.

use crate::settings::nearest::nearest;

const LIST: &str = "`checker jobs` lists all of them";

/// A name that is none of a job that runs. All jobs come with their names and ids: `jobs` run, and those that are `off` would.
pub(super) fn no_job(name: &str, jobs: &[(&str, &str)], off: &[(&str, &str)]) -> String {
    let begin: Vec<&str> = jobs.iter().filter_map(|job| begins_so(name, *job)).collect();
    if let Some((first, more)) = begin.split_first() {
        return match more.len() {
            0 => format!("there is no job \"{name}\"; did you mean \"{first}\"? {LIST}"),
            more => format!(
                "there is no job \"{name}\", but there are {} that begin so; name one of them, such as \"{first}\"; {LIST}",
                more + 1
            ),
        };
    }
    if off.iter().any(|job| job.0 == name || job.1 == name || begins_so(name, *job).is_some()) {
        return format!("the job \"{name}\" is switched off; take `enabled = false` out of its table");
    }
    match nearest(name, words(jobs).chain(words(off))) {
        Some(near) if !words(jobs).any(|word| word == near) => {
            format!(
                "there is no job \"{name}\"; did you mean \"{near}\", which is switched off (`enabled = false`)? {LIST}"
            )
        }
        Some(near) => format!("there is no job \"{name}\"; did you mean \"{near}\"? {LIST}"),
        None => format!("there is no job \"{name}\"; {LIST}"),
    }
}

fn words<'a>(all: &[(&'a str, &'a str)]) -> impl Iterator<Item = &'a str> {
    all.iter().flat_map(|(name, id)| [*name, *id])
}

/// The name or id of a job of the list that is called so: `name (target)`, `id:target`.
fn begins_so<'a>(list: &str, (name, id): (&'a str, &'a str)) -> Option<&'a str> {
    let goes_on = |word: &str, with: &str| word.strip_prefix(list).is_some_and(|rest| rest.starts_with(with));
    match list {
        "" => None,
        _ if goes_on(name, " (") => Some(name),
        _ if goes_on(id, ":") => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_near_is_named() {
        let jobs = [
            ("web (a:1)", "tcp:a:1"),
            ("web (b:2)", "tcp:b:2"),
            ("shop (old)", "file:/shop"),
            ("well", "command:/bin/true"),
            ("dns", "names:c"),
        ];
        let off = [("backup", "file:/backup"), ("ns (d)", "dns:d"), ("ns (e)", "dns:e")];
        for (name, wanted) in [
            (
                "web",
                "there is no job \"web\", but there are 2 that begin so; name one of them, such as \"web (a:1)\"; `checker",
            ),
            (
                "tcp",
                "there is no job \"tcp\", but there are 2 that begin so; name one of them, such as \"tcp:a:1\"; `checker",
            ),
            ("shop", "there is no job \"shop\"; did you mean \"shop (old)\"? `checker"),
            ("names", "there is no job \"names\"; did you mean \"names:c\"? `checker"),
            ("web (b:3)", "there is no job \"web (b:3)\"; did you mean \"web (b:2)\"? `checker"),
            ("backup", "the job \"backup\" is switched off; take `enabled = false` out of its table"),
            ("file:/backup", "the job \"file:/backup\" is switched off; take"),
            ("ns", "the job \"ns\" is switched off; take"),
            (
                "bakcup",
                "there is no job \"bakcup\"; did you mean \"backup\", which is switched off (`enabled = false`)? `checker",
            ),
            ("wel", "there is no job \"wel\"; did you mean \"well\"? `checker"),
            ("colour", "there is no job \"colour\"; `checker jobs` lists all of them"),
            ("", "there is no job \"\"; `checker jobs`"),
        ] {
            let said = no_job(name, &jobs, &off);
            assert!(said.starts_with(wanted), "{name}: {said}");
        }
    }
}
