//! From tables to jobs: every problem of every table, each with its key.

use crate::entry::Type;
use crate::plan::{Pattern, Plan, Target, Test};
use crate::{FileJob, KIND, Settings};
use checker_job::{SpawnError, Table, TableErrors, parse_duration};
use checker_parts::amount::parse_size;
use checker_parts::one_or_many::OneOrMany;
use checker_parts::paths::whole;
use regex_lite::{Regex, RegexBuilder};
use std::sync::Arc;
use std::time::Duration;

/// How much is read for the conditions on lines.
const READ_MAX: u64 = 10 << 20;
/// How large a regular expression may get inside: each line is held against it.
const REGEX_MAX: usize = 1 << 18;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<FileJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { s: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let targets = reader.targets();
        let plan = Arc::new(reader.plan());
        reader.contradictions(&plan);
        let alone = targets.len() == 1;
        for target in targets {
            let shown = target.path().display().to_string();
            let shown = if matches!(target, Target::NewestOf(_)) { format!("newest of {shown}") } else { shown };
            let (id, policy) = table.job(KIND, &shown, alone);
            jobs.push(FileJob { id, policy, target, plan: Arc::clone(&plan) });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// Reads one table. A wrong key is noted and taken for one that is not given, so that the others are read too.
struct Reader<'a> {
    s: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn targets(&mut self) -> Vec<Target> {
        let s = self.s;
        let (key, paths) = match (&s.path, &s.newest_of) {
            (Some(paths), None) => ("path", paths),
            (None, Some(folders)) => ("newest_of", folders),
            (Some(_), Some(_)) => {
                self.errors.note("newest_of", "there is `path` too; take one out, or make two tables");
                return Vec::new();
            }
            (None, None) => {
                let message = "say what to look at: `path = \"/whole/path\"` or `newest_of = \"/whole/folder\"`";
                self.errors.note_whole(message);
                return Vec::new();
            }
        };
        if paths.is_empty() {
            self.errors.note(key, "the list is empty; name at least one, as in \"/var/log/backup.log\"");
        }
        let seen = self.errors.each(key, paths, |path| whole(path), |path| path.display().to_string());
        let target = if key == "path" { Target::Path } else { Target::NewestOf };
        seen.into_iter().map(target).collect()
    }

    fn plan(&mut self) -> Plan {
        let s = self.s;
        let kind = self.kind();
        let name_matches = s.name_matches.as_deref().and_then(|text| self.errors.keep("name_matches", regex(text)));
        let mut tests = Vec::new();
        self.texts("contains", &s.contains, true, &mut tests);
        self.texts("not_contains", &s.not_contains, false, &mut tests);
        self.regexes("matches", &s.matches, true, &mut tests);
        self.regexes("not_matches", &s.not_matches, false, &mut tests);
        let read_max = self.size("read_max", s.read_max.as_deref());
        if read_max == Some(0) {
            self.errors.note("read_max", "nothing would be read; leave the key out, or write as in \"10MiB\"");
        }
        let from_end = match s.read_from.as_deref() {
            None | Some("end") => true,
            Some("start") => false,
            Some(other) => {
                self.errors.note("read_from", format!("{other:?} is not known; use \"end\" or \"start\""));
                true
            }
        };
        Plan {
            kind,
            absent: s.absent,
            optional: s.optional,
            name_matches,
            min_files: s.min_files.unwrap_or(1),
            max_files: s.max_files,
            max_age_warning: self.time("max_age_warning", s.max_age_warning.as_deref()),
            max_age: self.time("max_age", s.max_age.as_deref()),
            min_age: self.time("min_age", s.min_age.as_deref()),
            min_size: self.size("min_size", s.min_size.as_deref()),
            max_size_warning: self.size("max_size_warning", s.max_size_warning.as_deref()),
            max_size: self.size("max_size", s.max_size.as_deref()),
            tests,
            read_max: read_max.unwrap_or(READ_MAX),
            from_end,
            sha256: s.sha256.as_deref().and_then(|text| self.errors.keep("sha256", sha256(text))),
            owner: self.name("owner", s.owner.as_deref()),
            group: self.name("group", s.group.as_deref()),
            mode: s.mode.as_deref().and_then(|text| self.errors.keep("mode", mode(text))),
        }
    }

    fn kind(&mut self) -> Option<Type> {
        let word = self.s.r#type.as_deref().unwrap_or("file");
        let is_in_folder = self.s.newest_of.is_some();
        let kind = Type::ALL.into_iter().find(|kind| kind.word() == word);
        if is_in_folder && !matches!(kind, Some(Type::File | Type::Folder)) {
            self.errors.note("type", format!("with `newest_of`, {word:?} does not go; use \"file\" or \"folder\""));
        } else if kind.is_none() && word != "any" {
            let known = Type::ALL.map(|kind| format!("\"{}\"", kind.word())).join(", ");
            self.errors.note("type", format!("{word:?} is not known; use {known} or \"any\""));
        }
        kind
    }

    fn time(&mut self, key: &str, text: Option<&str>) -> Option<Duration> {
        text.and_then(|text| self.errors.keep(key, parse_duration(text)))
    }

    fn size(&mut self, key: &str, text: Option<&str>) -> Option<u64> {
        text.and_then(|text| self.errors.keep(key, parse_size(text)))
    }

    fn name(&mut self, key: &str, text: Option<&str>) -> Option<String> {
        if text.is_some_and(str::is_empty) {
            self.errors.note(key, "it is empty; write a name or a number, or leave the key out");
        }
        text.map(str::to_owned)
    }

    fn texts(&mut self, key: &str, given: &OneOrMany<String>, wanted: bool, tests: &mut Vec<Test>) {
        for text in given {
            if text.is_empty() {
                self.errors.note(key, "an empty text is in every line; leave it out");
            }
            if text.contains(['\n', '\r']) {
                self.errors.note(key, "each line is looked at for itself, so a text with a line break is in none");
            }
            tests.push(Test { pattern: Pattern::Text(text.clone()), wanted });
        }
    }

    fn regexes(&mut self, key: &str, given: &OneOrMany<String>, wanted: bool, tests: &mut Vec<Test>) {
        for text in given {
            let read = self.errors.keep(key, regex(text));
            tests.extend(read.map(|regex| Test { pattern: Pattern::Regex(regex), wanted }));
        }
    }

    /// Keys that are right for themselves and not together.
    fn contradictions(&mut self, plan: &Plan) {
        let s = self.s;
        self.unused();
        let reaches = |low: Option<Duration>, high: Option<Duration>| low.zip(high).is_some_and(|(l, h)| l >= h);
        if reaches(plan.max_age_warning, plan.max_age) {
            self.errors.note("max_age_warning", "it must be less than `max_age`, or nobody is ever warned");
        }
        if reaches(plan.min_age, plan.max_age_warning.or(plan.max_age)) {
            self.errors
                .note("min_age", "it must be less than the greatest age that is allowed, or no file can be right");
        }
        if plan.max_size_warning.zip(plan.max_size).is_some_and(|(w, m)| w >= m) {
            self.errors.note("max_size_warning", "it must be less than `max_size`, or nobody is ever warned");
        }
        if plan.min_size.zip(plan.max_size_warning.or(plan.max_size)).is_some_and(|(min, max)| min > max) {
            self.errors.note("min_size", "it is more than the largest size that is allowed, so no file can be right");
        }
        if plan.min_size == Some(0) {
            self.errors.note("min_size", "every file is as large as that; leave the key out, or write as in \"1B\"");
        }
        if s.max_files.is_some_and(|max| max < plan.min_files) {
            self.errors.note("max_files", format!("it is less than min_files, which is {}", plan.min_files));
        }
        let sized = [("min_size", s.min_size.is_some()), ("max_size", s.max_size.is_some())];
        let sized = sized.into_iter().chain([("max_size_warning", s.max_size_warning.is_some())]);
        if plan.kind != Some(Type::File) {
            for (key, _) in sized.chain(self.content_keys()).filter(|(_, given)| *given) {
                let message = "this is judged of files alone; take it out, or set `type = \"file\"`";
                self.errors.note(key, message);
            }
        }
        if plan.tests.is_empty() && (s.read_max.is_some() || s.read_from.is_some()) {
            let key = if s.read_max.is_some() { "read_max" } else { "read_from" };
            self.errors
                .note(key, "nothing is read without `contains`, `matches` or the like; add one, or take this out");
        }
    }

    fn content_keys(&self) -> [(&'static str, bool); 5] {
        let s = self.s;
        [
            ("contains", !s.contains.is_empty()),
            ("not_contains", !s.not_contains.is_empty()),
            ("matches", !s.matches.is_empty()),
            ("not_matches", !s.not_matches.is_empty()),
            ("sha256", s.sha256.is_some()),
        ]
    }

    /// Keys that would do nothing: who writes one expects something.
    fn unused(&mut self) {
        let s = self.s;
        let of_folders = [
            ("name_matches", s.name_matches.is_some()),
            ("min_files", s.min_files.is_some()),
            ("max_files", s.max_files.is_some()),
        ];
        if s.newest_of.is_none() {
            for (key, _) in of_folders.into_iter().filter(|(_, given)| *given) {
                self.errors.note(key, "it goes with `newest_of` only; take it out");
            }
        }
        if !s.absent {
            return;
        }
        let judged = [
            ("newest_of", s.newest_of.is_some()),
            ("optional", s.optional),
            ("type", s.r#type.is_some()),
            ("max_age_warning", s.max_age_warning.is_some()),
            ("max_age", s.max_age.is_some()),
            ("min_age", s.min_age.is_some()),
            ("min_size", s.min_size.is_some()),
            ("max_size_warning", s.max_size_warning.is_some()),
            ("max_size", s.max_size.is_some()),
            ("owner", s.owner.is_some()),
            ("group", s.group.is_some()),
            ("mode", s.mode.is_some()),
        ];
        for (key, _) in judged.into_iter().chain(self.content_keys()).filter(|(_, given)| *given) {
            self.errors.note(key, "with `absent = true` there is nothing more to judge; take one of the two out");
        }
    }
}

fn regex(text: &str) -> Result<Regex, String> {
    if text.is_empty() {
        return Err("an empty expression matches everything; leave it out".to_owned());
    }
    let built = RegexBuilder::new(text).size_limit(REGEX_MAX).build();
    built.map_err(|why| format!("{text:?} is no regular expression that can be used: {why}"))
}

fn sha256(text: &str) -> Result<String, String> {
    let is_one = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let form = || format!("{text:?} is no SHA-256; write the 64 digits that `sha256sum FILE` prints");
    if is_one { Ok(text.to_ascii_lowercase()) } else { Err(form()) }
}

fn mode(text: &str) -> Result<u32, String> {
    let form = || format!("{text:?} is no mode; write it in octal as for chmod, as in \"0640\"");
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if is_octal { u32::from_str_radix(text, 8).map_err(|_| form()) } else { Err(form()) }
}
