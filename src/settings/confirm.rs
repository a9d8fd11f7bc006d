//! `confirm = "peers"`: which jobs peers can look at, and whether there is a peer to ask.

use super::common::Common;
use super::jobs::{KindJobs, Origin, Rules};
use super::outside::Peer;
use super::pairs::Pairs;
use super::section::Cx;
use crate::confirm::LOOK_MAX;
use crate::registry::{Elsewhere, Obstacle, RawTable, Registry};
use checker_job::{Confirm, JobId, duration_words};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// What peers are asked to look at, by job.
pub type Wants = HashMap<JobId, Want>;

/// What peers are asked to look at, for one job.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// Kind and keys.
    pub look: Elsewhere,
    /// The job's own timeout, or the longest that a peer gives, if that is shorter.
    pub timeout: Duration,
}

/// What holds for one table of `kind`, whose own keys are `own`: `given` in it, or as the defaults say. Where peers cannot
/// look, a table that asks for it is wrong, and a default is not meant for it.
pub(super) fn of_table(
    cx: &Cx<'_>,
    kind: &str,
    own: &Pairs<'_>,
    mut given: Common,
    defaults: &Common,
    rules: &Rules<'_>,
) -> Common {
    let asks = |common: &Common| common.confirm.as_ref().map(|c| (*c.get_ref() == Confirm::Peers, c.span()));
    let Some((true, span)) = asks(&given).or_else(|| asks(defaults)) else { return given };
    let doubt = own.iter().find_map(|(_, value)| Some((value.span(), doubt(value.get_ref())?)));
    match (rules.registry.obstacle(kind, own), doubt, given.confirm.is_some()) {
        (None, None, _) => return given,
        // A default does not know of it.
        (None, Some(_), false) | (Some(_), _, false) => {}
        (None, Some((at, (what, remedy))), true) => {
            cx.warn(at, what, remedy);
            return given;
        }
        (Some(obstacle), _, true) => refuse(cx, kind, &span, obstacle, rules.registry),
    }
    given.confirm = Some(Spanned::new(span, Confirm::No));
    given
}

/// What peers should perhaps not be asked with, and what to do about it. Lists count as each of their values.
fn doubt(value: &DeValue<'_>) -> Option<(&'static str, &'static str)> {
    match value {
        DeValue::String(text) if text.contains("://") && text.contains('?') => Some((
            "with confirm = \"peers\" this goes to peers as it stands, and can be read on the way",
            "if what follows the ? is secret, take confirm = \"peers\" out of this table",
        )),
        DeValue::String(text) if is_of_this_host(text) => Some((
            "this is an address of this host: a peer would look at itself, and never does",
            "take confirm = \"peers\" out of this table",
        )),
        DeValue::Array(items) => items.iter().find_map(|item| doubt(item.get_ref())),
        _ => None,
    }
}

fn is_of_this_host(target: &str) -> bool {
    let authority = target.split_once("://").map_or(target, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let is_here = |host: &str| {
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
    };
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    is_here(authority) || is_here(host.trim_start_matches('[').trim_end_matches(']'))
}

fn refuse(cx: &Cx<'_>, kind: &str, span: &std::ops::Range<usize>, obstacle: Obstacle, registry: &Registry) {
    let remedy = "take confirm = \"peers\" out of this table";
    match obstacle {
        Obstacle::Kind => {
            let kinds: Vec<&str> = registry.kinds_elsewhere().collect();
            cx.error(
                span.clone(),
                format!("peers cannot look at a job of the kind \"{kind}\""),
                format!("{remedy}; they can look at {}", kinds.join(", ")),
            );
        }
        Obstacle::Key(at, key) => cx.error(
            at,
            format!("\"{key}\" does not leave this machine, so peers cannot look at this job (confirm = \"peers\")"),
            format!("{remedy}, or do without \"{key}\" in it"),
        ),
    }
}

/// What the tables of a kind send to peers. Where a peer could make nothing of it, that is told here.
pub(super) fn collect(cx: &Cx<'_>, list: &mut KindJobs<'_>, registry: &Registry) {
    let mut wants = Vec::new();
    for (table, _) in asking(list) {
        let timeout = table.policy.timeout.min(LOOK_MAX);
        let all = registry.elsewhere(&list.kind, table);
        let first = all.first().map(|(_, look)| registry.look(look, timeout).err());
        if let Some(why) = first.unwrap_or_else(|| Some("its jobs cannot be told apart".to_owned())) {
            cx.warn(
                table.span.clone(),
                format!("peers cannot look at this job within {}: {why}", duration_words(timeout)),
                "change what is named here, or write confirm = \"no\" into this table: it is told without peers",
            );
            continue;
        }
        wants.extend(all.into_iter().map(|(job, look)| (job, Want { look, timeout })));
    }
    list.wants = wants;
}

/// The tables that ask peers.
fn asking<'t, 'i>(list: &'t KindJobs<'i>) -> impl Iterator<Item = (&'t RawTable<'i>, &'t Origin)> {
    let all = list.tables.iter().zip(&list.origins);
    all.filter(|(table, origin)| origin.enabled && table.policy.confirm == Confirm::Peers)
}

/// What all jobs send to peers. Somebody must be there to be asked.
pub(super) fn judge(cx: &Cx<'_>, kinds: &mut [KindJobs<'_>], peers: &[Peer]) -> Arc<Wants> {
    let first = kinds.iter().find_map(|list| asking(list).next());
    if let (false, Some((table, _))) = (peers.iter().any(Peer::can_confirm), first) {
        cx.warn(
            table.span.clone(),
            "with confirm = \"peers\" this job asks peers what they see, and there is none that can be asked",
            "add a [[peer]] with url and key, and let it say confirm_for = \"public\" in its table for this node",
        );
    }
    Arc::new(kinds.iter_mut().flat_map(|kind| std::mem::take(&mut kind.wants)).collect())
}
