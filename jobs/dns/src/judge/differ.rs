//! Servers that should say the same.

use crate::expect::listed;
use crate::plan::Plan;
use crate::together::Asked;
use crate::wire::Reply;
use domain::base::{Rtype, Serial};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// So many servers of one opinion are named.
const NAMED_MAX: usize = 3;

/// How the servers differ, if they do and should not.
pub(super) fn differ(plan: &Plan, asked: &[Asked]) -> Option<String> {
    if !plan.agree {
        return None;
    }
    let replies: Vec<(&str, &Reply)> =
        asked.iter().filter_map(|a| Some((a.label.as_str(), &a.result.as_ref().ok()?.reply))).collect();
    if plan.rtype == Rtype::SOA
        && let Some(old) = serials(plan, &replies)
    {
        return Some(old);
    }
    let mut opinions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (label, reply) in replies {
        let said = if reply.records.is_empty() { format!("none ({})", reply.rcode) } else { listed(&reply.records) };
        // Two long lists may look alike where they are cut.
        let key = format!("{said}\0{:?}", reply.records);
        opinions.entry(key).or_default().push(label);
    }
    if opinions.len() < 2 {
        return None;
    }
    // Those that few hold come first: there is the fault, most likely.
    let mut opinions: Vec<_> = opinions.into_iter().collect();
    opinions.sort_by_key(|(_, labels)| labels.len());
    let opinions = opinions
        .iter()
        .map(|(key, labels)| format!("{} at {}", key.split('\0').next().unwrap_or_default(), named(labels)));
    Some(format!("the servers differ about {}: {}", plan.question, opinions.collect::<Vec<_>>().join("; ")))
}

/// How the versions of the zone differ, if they do and each server gave one.
fn serials(plan: &Plan, replies: &[(&str, &Reply)]) -> Option<String> {
    let serials: Vec<(&str, Serial)> =
        replies.iter().map(|(label, reply)| Some((*label, reply.serial?))).collect::<Option<_>>()?;
    // Serials go round (RFC 1982): the newest is the one that no other is ahead of.
    let ahead = |a: Serial, b: Serial| a.partial_cmp(&b) == Some(Ordering::Greater);
    let newest = serials.iter().find(|(_, s)| !serials.iter().any(|(_, other)| ahead(*other, *s)))?.1;
    let behind: Vec<String> = serials
        .iter()
        .filter(|(_, serial)| *serial != newest)
        .map(|(label, serial)| {
            let by = newest.into_int().wrapping_sub(serial.into_int());
            format!("{label} has serial {serial}, {by} behind")
        })
        .collect();
    if behind.is_empty() {
        // The rest of the record may differ even so.
        return None;
    }
    let current: Vec<&str> = serials.iter().filter(|(_, serial)| *serial == newest).map(|(label, _)| *label).collect();
    Some(format!(
        "{} of {} servers have an old version of {}: {}; serial {newest} is at {}",
        behind.len(),
        serials.len(),
        plan.question,
        checker_parts::probe::listed(&behind),
        named(&current)
    ))
}

fn named(labels: &[&str]) -> String {
    let head = labels.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    match labels.len().saturating_sub(NAMED_MAX) {
        0 => head,
        more => format!("{head} and {more} more"),
    }
}
