//! `[[job.KIND]]` and `[defaults]`: from tables to jobs.

use super::common::{COMMON_KEYS, Common, DEFAULT_KEYS};
use super::confirm::Want;
use super::general::check_contacts;
use super::nearest::nearest;
use super::pairs::{Key, Pairs, Value};
use super::plain::KindTables;
use super::section::{Cx, Section, Span, tables_of};
use super::source::Fault;
use super::{confirm, login, mask, secret};
use crate::registry::{DynJob, RawTable, Registry, TableProblem};
use checker_job::{JobId, Policy};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeValue;

/// `[defaults]` and all `[defaults.KIND]`.
#[derive(Default)]
pub(crate) struct Defaults<'i> {
    all: Common,
    kinds: BTreeMap<String, (Common, Pairs<'i>)>,
}

/// One table of a job beside what the kind is given of it.
pub(crate) struct Origin {
    pub(crate) depends_on: Vec<Spanned<String>>,
    /// Where its id comes from: the key `id`, else the header.
    pub(crate) id_span: Span,
    pub(crate) enabled: bool,
}

/// What the tables of a kind have in common: what the defaults say.
#[derive(Default)]
struct Heritage<'i> {
    common: Common,
    own: Pairs<'i>,
    /// The policy of every table that says nothing of its own.
    policy: OnceCell<Arc<Policy>>,
}

/// All tables of one kind, and the jobs that came of them.
#[derive(Default)]
pub(crate) struct KindJobs<'i> {
    pub(crate) kind: String,
    /// Common keys that the kind reads itself.
    own_meaning: &'static [&'static str],
    heritage: Heritage<'i>,
    pub(crate) tables: Vec<RawTable<'i>>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) jobs: Vec<Arc<dyn DynJob>>,
    pub(crate) disabled: Vec<Arc<dyn DynJob>>,
    /// With what peers are asked to look at the targets of jobs that say so.
    pub(crate) wants: Vec<(JobId, Want)>,
    /// Texts of tables that could not be read: a dependency on one of them is not told as unknown.
    pub(crate) excused: BTreeSet<String>,
}

/// What the tables of all jobs are judged with.
pub(crate) struct Rules<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) channels: &'a BTreeSet<String>,
}

impl<'i> Defaults<'i> {
    /// Reads `[defaults]`.
    pub(crate) fn read(mut s: Section<'_, 'i>, rules: &Rules<'_>) -> Self {
        let all = Common::read(&mut s);
        check(&all, s.cx, rules);
        let mut kinds = BTreeMap::new();
        let cx = s.cx;
        for (key, value) in s.rest() {
            let (kind, span) = (key.get_ref().to_string(), value.span());
            match value.into_inner() {
                DeValue::Table(table) if rules.registry.kinds().any(|k| k == kind) => {
                    let title = format!("[defaults.{kind}]");
                    let mut of_kind = Section::new(cx, &title, span, table);
                    let own_meaning = of_kind.set_aside(rules.registry.own_meaning(&kind));
                    let common = Common::read(&mut of_kind);
                    check(&common, cx, rules);
                    let mut own = own_defaults(&mut of_kind, &kind, rules);
                    own.add_missing(&own_meaning);
                    kinds.insert(kind, (common, own));
                }
                DeValue::Table(_) => unknown_kind(cx, &key, rules.registry),
                _ => unknown_default(cx, &key, "[defaults]", &[]),
            }
        }
        Self { all, kinds }
    }

    fn of(&self, kind: &str) -> Heritage<'i> {
        match self.kinds.get(kind) {
            Some((common, own)) => {
                Heritage { common: common.clone().or(&self.all), own: own.clone(), policy: OnceCell::new() }
            }
            None => Heritage { common: self.all.clone(), ..Heritage::default() },
        }
    }
}

impl Heritage<'_> {
    /// Whether the defaults hold something that depends on the table it is for.
    fn is_of_each(&self) -> bool {
        self.common.depends_on.is_some() || self.common.confirm.is_some()
    }

    /// What holds for a table without rules of its own.
    fn rules(&self, cx: &Cx<'_>) -> (Arc<Policy>, Vec<Spanned<String>>) {
        let policy = self.policy.get_or_init(|| Arc::new(self.common.policy(cx)));
        (Arc::clone(policy), self.common.depends_on.clone().unwrap_or_default())
    }

    /// What holds for the table that `given` was read of; `itself` are its name and its id.
    fn with(&self, given: Common, itself: [Option<&str>; 2], cx: &Cx<'_>) -> (Arc<Policy>, Vec<Spanned<String>>) {
        let own_dependencies = given.depends_on.is_some();
        let mut merged = given.or(&self.common);
        if let (false, Some(list)) = (own_dependencies, &mut merged.depends_on) {
            // What all jobs depend on does not depend on itself.
            list.retain(|d| !itself.contains(&Some(d.get_ref())));
        }
        (Arc::new(merged.policy(cx)), merged.depends_on.unwrap_or_default())
    }
}

/// The keys of the kind itself in `[defaults.KIND]`.
fn own_defaults<'i>(s: &mut Section<'_, 'i>, kind: &str, rules: &Rules<'_>) -> Pairs<'i> {
    let declared = rules.registry.keys(kind);
    let (known, unknown): (Pairs<'i>, Pairs<'i>) =
        s.rest().into_iter().partition(|(key, _)| declared.is_none_or(|d| d.contains(&key.get_ref().as_ref())));
    for (key, _) in unknown.iter() {
        unknown_default(s.cx, key, &s.title, declared.unwrap_or_default());
    }
    known
}

fn unknown_default(cx: &Cx<'_>, key: &Key<'_>, title: &str, own: &[&str]) {
    let name = key.get_ref().as_ref();
    let own_to_each = COMMON_KEYS.contains(&name);
    let known: Vec<&str> = own.iter().copied().chain(DEFAULT_KEYS).collect();
    let remedy = if own_to_each {
        "write it in the table of the job".to_owned()
    } else {
        super::section::did_you_mean(name, &known, "known here are")
    };
    let message = if own_to_each {
        format!("\"{name}\" can have no default: it belongs to one job")
    } else {
        format!("unknown key \"{name}\" in {title}")
    };
    cx.error(key.span(), message, remedy);
}

fn unknown_kind(cx: &Cx<'_>, key: &Key<'_>, registry: &Registry) {
    let all: Vec<&str> = registry.kinds().collect();
    let known = format!("this program knows the kinds {}", all.join(", "));
    let remedy = match nearest(key.get_ref(), all.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"? {known}"),
        None => known,
    };
    cx.error(key.span(), format!("there is no job kind \"{}\"", key.get_ref()), remedy);
}

fn check(common: &Common, cx: &Cx<'_>, rules: &Rules<'_>) {
    if let Some(contacts) = &common.contacts {
        check_contacts(cx, contacts, rules.channels);
    }
}

/// The tables of each kind in the table `[job]` of one file.
pub(crate) fn by_kind<'i>(cx: &Cx<'i>, value: Value<'i>, registry: &Registry) -> Vec<KindTables<'i>> {
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        cx.error(span, "a job needs its kind in its header", "write [[job.KIND]], for example [[job.tcp]]");
        return Vec::new();
    };
    let tables = |(kind, value): (Key<'i>, Value<'i>)| {
        let known = registry.kinds().any(|k| k == kind.get_ref());
        let title = format!("[[job.{}]]", kind.get_ref());
        // Of an unknown kind nothing else is said.
        let tables = if known { tables_of(cx, &title, value) } else { Vec::new() };
        KindTables { kind, tables }
    };
    table.into_iter().map(tables).collect()
}

/// Reads the tables of one kind in one file into the list of the kind.
pub(crate) fn collect<'i>(
    cx: &Cx<'i>,
    tables: KindTables<'i>,
    defaults: &Defaults<'i>,
    rules: &Rules<'_>,
    kinds: &mut BTreeMap<String, KindJobs<'i>>,
) {
    let KindTables { kind, tables } = tables;
    let Some(list) = kind_of(cx, &kind, defaults, rules, kinds) else {
        return;
    };
    list.tables.reserve(tables.len());
    list.origins.reserve(tables.len());
    let title = format!("[[job.{}]]", list.kind);
    for (span, table) in tables {
        one(cx, &title, span, table, list, rules);
    }
}

/// The list of the kind that `key` names.
fn kind_of<'k, 'i>(
    cx: &Cx<'i>,
    key: &Key<'i>,
    defaults: &Defaults<'i>,
    rules: &Rules<'_>,
    kinds: &'k mut BTreeMap<String, KindJobs<'i>>,
) -> Option<&'k mut KindJobs<'i>> {
    let kind = key.get_ref().as_ref();
    if !rules.registry.kinds().any(|k| k == kind) {
        unknown_kind(cx, key, rules.registry);
        return None;
    }
    let begun = || KindJobs {
        kind: kind.to_owned(),
        own_meaning: rules.registry.own_meaning(kind),
        heritage: defaults.of(kind),
        ..KindJobs::default()
    };
    Some(kinds.entry(kind.to_owned()).or_insert_with(begun))
}

/// One `[[job.KIND]]`.
fn one<'i>(cx: &Cx<'i>, title: &str, span: Span, table: Pairs<'i>, list: &mut KindJobs<'i>, rules: &Rules<'_>) {
    let heritage = &list.heritage;
    let id_span = table.get("id").map_or_else(|| span.clone(), Spanned::span);
    let (mut name, mut id, mut enabled, mut own) = (None, None, true, table);
    let (policy, depends_on) = if own.keys().any(|k| COMMON_KEYS.contains(&k)) || heritage.common.confirm.is_some() {
        let rules_given = own.keys().any(|k| DEFAULT_KEYS.contains(&k)) || heritage.is_of_each();
        let mut s = Section::new(cx, title, span.clone(), own);
        let own_meaning = s.set_aside(list.own_meaning);
        name = s.text("name", "\"name server\"").map(Spanned::into_inner);
        id = s.text("id", "\"name-server\"").map(Spanned::into_inner);
        enabled = s.flag("enabled").is_none_or(Spanned::into_inner);
        let given = rules_given.then(|| Common::read(&mut s));
        own = s.rest();
        own.add_missing(&own_meaning);
        own.add_missing(&heritage.own);
        match given {
            Some(given) => {
                check(&given, cx, rules);
                let given = confirm::of_table(cx, &list.kind, &own, given, &heritage.common, rules);
                heritage.with(given, [name.as_deref(), id.as_deref()], cx)
            }
            None => heritage.rules(cx),
        }
    } else {
        own.add_missing(&heritage.own);
        heritage.rules(cx)
    };
    files_of(cx, &mut own);
    list.tables.push(RawTable { name, id, policy, own, span });
    list.origins.push(Origin { depends_on, id_span, enabled });
}

/// A kind does not know where the settings are: relative paths in its keys `..._file` are made whole here, and files
/// that hold secrets are judged as all secrets are.
fn files_of(cx: &Cx<'_>, own: &mut Pairs<'_>) {
    for (name, value) in own.iter_mut() {
        let Some(stem) = name.strip_suffix("_file") else {
            continue;
        };
        let span = value.span();
        let DeValue::String(text) = value.get_mut() else {
            continue;
        };
        if text.is_empty() {
            continue;
        }
        let path = cx.paths.beside(text);
        *text = Cow::Owned(path.to_string_lossy().into_owned());
        let stem = stem.trim_end_matches("_file");
        if mask::is_secret_key(stem)
            && stem != "key"
            && let Err(fault) = secret::read(&path, &login::guarded(cx.env))
        {
            cx.fault(span, fault);
        }
    }
}

/// Makes the jobs of one kind.
pub(crate) fn spawn(cx: &Cx<'_>, list: &mut KindJobs<'_>, registry: &Registry) {
    let spawned = registry.spawn(&list.kind, &list.tables);
    let had_problems = !spawned.problems.is_empty();
    for p in spawned.problems {
        if let Some(raw) = list.tables.get(p.table) {
            list.excused.extend(raw.name.clone());
            list.excused.extend(raw.id.clone());
            leaves(&raw.own, &mut list.excused);
        }
        cx.fault(p.span, Fault::new(p.message, p.remedy));
    }
    let is_enabled = |doubt: &TableProblem| list.origins.get(doubt.table).is_some_and(|o| o.enabled);
    for doubt in spawned.doubts.into_iter().filter(is_enabled) {
        cx.warn(doubt.span, doubt.message, doubt.remedy);
    }
    list.jobs = spawned.jobs;

    if !had_problems {
        confirm::collect(cx, list, registry);
    }
    if list.origins.iter().all(|o| o.enabled) {
        return;
    }
    // Jobs do not say which table they come from, so those that are switched off are made once more, alone.
    let off: Vec<RawTable<'_>> =
        list.tables.iter().zip(&list.origins).filter(|(_, o)| !o.enabled).map(|(t, _)| t.clone()).collect();
    let on: Vec<RawTable<'_>> =
        list.tables.iter().zip(&list.origins).filter(|(_, o)| o.enabled).map(|(t, _)| t.clone()).collect();
    list.disabled = registry.spawn(&list.kind, &off).jobs;
    list.jobs = registry.spawn(&list.kind, &on).jobs;
}

fn leaves(table: &Pairs<'_>, out: &mut BTreeSet<String>) {
    for (_, value) in table.iter() {
        match value.get_ref() {
            DeValue::String(text) => {
                out.insert(text.to_string());
            }
            DeValue::Array(items) => out.extend(items.iter().filter_map(|i| i.get_ref().as_str()).map(str::to_owned)),
            _ => {}
        }
    }
}
