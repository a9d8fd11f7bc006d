//! `[[job.KIND]]` and `[defaults]`: from tables to jobs.

use super::common::{COMMON_KEYS, Common, DEFAULT_KEYS};
use super::general::{check_contacts, reaches_somebody};
use super::nearest::nearest;
use super::section::{Cx, Section, Span, tables_of};
use super::source::Fault;
use super::{login, mask, secret};
use crate::registry::{DynJob, RawTable, Registry};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// `[defaults]` and all `[defaults.KIND]`.
#[derive(Default)]
pub(crate) struct Defaults<'i> {
    all: Common,
    kinds: BTreeMap<String, (Common, DeTable<'i>)>,
}

/// One table of a job beside what the kind is given of it.
pub(crate) struct Origin {
    pub(crate) depends_on: Vec<Spanned<String>>,
    /// Where its id comes from: the key `id`, else the header.
    pub(crate) id_span: Span,
    pub(crate) enabled: bool,
}

/// All tables of one kind, and the jobs that came of them.
pub(crate) struct KindJobs<'i> {
    pub(crate) kind: String,
    pub(crate) tables: Vec<RawTable<'i>>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) jobs: Vec<Arc<dyn DynJob>>,
    pub(crate) disabled: Vec<Arc<dyn DynJob>>,
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
            let (kind, span) = (key.get_ref().clone(), value.span());
            match value.into_inner() {
                DeValue::Table(table) if rules.registry.kinds().any(|k| k == kind) => {
                    let title = format!("[defaults.{kind}]");
                    let mut of_kind = Section::new(cx, &title, span, table);
                    let common = Common::read(&mut of_kind);
                    check(&common, cx, rules);
                    let own = own_defaults(&mut of_kind, &kind, rules);
                    kinds.insert(kind, (common, own));
                }
                DeValue::Table(_) => unknown_kind(cx, &key, rules.registry),
                _ => unknown_default(cx, &key, "[defaults]", &[]),
            }
        }
        Self { all, kinds }
    }
}

/// The keys of the kind itself in `[defaults.KIND]`.
fn own_defaults<'i>(s: &mut Section<'_, 'i>, kind: &str, rules: &Rules<'_>) -> DeTable<'i> {
    let declared = rules.registry.keys(kind);
    let (mut own, cx, title) = (DeTable::new(), s.cx, s.title.clone());
    for (key, value) in s.rest() {
        if declared.is_none_or(|d| d.contains(&key.get_ref().as_str())) {
            let name = Spanned::new(key.span(), Cow::Owned(key.into_inner()));
            own.insert(name, value);
        } else {
            unknown_default(cx, &key, &title, declared.unwrap_or_default());
        }
    }
    own
}

fn unknown_default(cx: &Cx<'_>, key: &Spanned<String>, title: &str, own: &[&str]) {
    let name = key.get_ref().as_str();
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

fn unknown_kind(cx: &Cx<'_>, key: &Spanned<String>, registry: &Registry) {
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
        if let (Some(first), Some(last)) = (contacts.first(), contacts.last()) {
            let span = first.span().start..last.span().end;
            reaches_somebody(cx, contacts, rules.channels, span);
        }
    }
}

/// Reads the table `[job]` of one file into the lists of its kinds.
pub(crate) fn collect<'i>(
    cx: &Cx<'i>,
    value: Spanned<DeValue<'i>>,
    defaults: &Defaults<'i>,
    rules: &Rules<'_>,
    kinds: &mut BTreeMap<String, KindJobs<'i>>,
) {
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        cx.error(span, "a job needs its kind in its header", "write [[job.KIND]], for example [[job.tcp]]");
        return;
    };
    for (key, value) in table {
        let kind = Spanned::new(key.span(), key.get_ref().to_string());
        if !rules.registry.kinds().any(|k| k == kind.get_ref()) {
            unknown_kind(cx, &kind, rules.registry);
            continue;
        }
        let kind = kind.into_inner();
        let title = format!("[[job.{kind}]]");
        let list = kinds.entry(kind.clone()).or_insert_with(|| KindJobs {
            kind: kind.clone(),
            tables: Vec::new(),
            origins: Vec::new(),
            jobs: Vec::new(),
            disabled: Vec::new(),
            excused: BTreeSet::new(),
        });
        for (span, table) in tables_of(cx, &title, value) {
            let section = Section::new(cx, &title, span, table);
            let (raw, origin) = one(section, &kind, defaults, rules);
            list.tables.push(raw);
            list.origins.push(origin);
        }
    }
}

/// One `[[job.KIND]]`.
fn one<'i>(mut s: Section<'_, 'i>, kind: &str, defaults: &Defaults<'i>, rules: &Rules<'_>) -> (RawTable<'i>, Origin) {
    let name = s.text("name", "\"name server\"");
    let id_span = s.span_of("id");
    let id = s.text("id", "\"name-server\"");
    let enabled = s.flag("enabled").is_none_or(Spanned::into_inner);
    let given = Common::read(&mut s);
    check(&given, s.cx, rules);
    let of_kind = defaults.kinds.get(kind);
    let own_dependencies = given.depends_on.is_some();
    let mut merged = match of_kind {
        Some((common, _)) => given.or(common).or(&defaults.all),
        None => given.or(&defaults.all),
    };
    if let (false, Some(list)) = (own_dependencies, &mut merged.depends_on) {
        // What all jobs depend on does not depend on itself.
        let itself = |text: &String| [&name, &id].into_iter().flatten().any(|own| own.get_ref() == text);
        list.retain(|d| !itself(d.get_ref()));
    }
    let policy = merged.policy(&s);
    let mut own = DeTable::new();
    for (key, value) in of_kind.map(|(_, own)| own.clone()).unwrap_or_default() {
        own.insert(key, value);
    }
    for (key, value) in s.rest() {
        // `insert` keeps the key that is there, and with it the place of the default.
        own.remove(key.get_ref().as_str());
        let name = Spanned::new(key.span(), Cow::Owned(key.into_inner()));
        own.insert(name, value);
    }
    files_of(s.cx, &mut own);
    let raw = RawTable {
        name: name.map(Spanned::into_inner),
        id: id.map(Spanned::into_inner),
        policy,
        own,
        span: s.span.clone(),
    };
    let origin = Origin { depends_on: merged.depends_on.unwrap_or_default(), id_span, enabled };
    (raw, origin)
}

/// A kind does not know where the settings are: relative paths in its keys `..._file` are made whole here, and files
/// that hold secrets are judged as all secrets are.
fn files_of(cx: &Cx<'_>, own: &mut DeTable<'_>) {
    let names: Vec<String> = own.keys().map(|k| k.get_ref().to_string()).filter(|k| k.ends_with("_file")).collect();
    for name in names {
        let Some(value) = own.get_mut(name.as_str()) else {
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
        let stem = name.trim_end_matches("_file");
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
    for p in spawned.problems {
        if let Some(raw) = list.tables.get(p.table) {
            list.excused.extend(raw.name.clone());
            list.excused.extend(raw.id.clone());
            leaves(&raw.own, &mut list.excused);
        }
        cx.fault(p.span, Fault::new(p.message, p.remedy));
    }
    list.jobs = spawned.jobs;
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

fn leaves(table: &DeTable<'_>, out: &mut BTreeSet<String>) {
    for value in table.values() {
        match value.get_ref() {
            DeValue::String(text) => {
                out.insert(text.to_string());
            }
            DeValue::Array(items) => out.extend(items.iter().filter_map(|i| i.get_ref().as_str()).map(str::to_owned)),
            _ => {}
        }
    }
}
