//! `confirm = "peers"`: which jobs peers can look at, and whether there is a peer to ask.

use super::common::Common;
use super::jobs::{KindJobs, Rules};
use super::outside::Peer;
use super::pairs::Pairs;
use super::section::Cx;
use crate::registry::{Elsewhere, Obstacle, Registry};
use checker_job::{Confirm, JobId};
use std::collections::HashMap;
use toml::Spanned;

/// With what peers are asked to look at the target of a job.
pub type Elsewheres = HashMap<JobId, Elsewhere>;

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
    let Some(obstacle) = rules.registry.obstacle(kind, own) else { return given };
    if given.confirm.is_some() {
        refuse(cx, kind, &span, obstacle, rules.registry);
    }
    given.confirm = Some(Spanned::new(span, Confirm::No));
    given
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

/// What the tables of a kind send to peers.
pub(super) fn collect(list: &mut KindJobs<'_>, registry: &Registry) {
    let asks = list.tables.iter().zip(&list.origins).filter(|(t, o)| o.enabled && t.policy.confirm == Confirm::Peers);
    list.elsewhere = asks.flat_map(|(table, _)| registry.elsewhere(&list.kind, table)).collect();
}

/// What all jobs send to peers. Somebody must be there to be asked.
pub(super) fn judge(cx: &Cx<'_>, kinds: &mut [KindJobs<'_>], peers: &[Peer]) -> Elsewheres {
    let mut asking = kinds.iter().flat_map(|k| &k.tables).filter(|t| t.policy.confirm == Confirm::Peers);
    if let (false, Some(table)) = (peers.iter().any(Peer::can_confirm), asking.next()) {
        cx.warn(
            table.span.clone(),
            "with confirm = \"peers\" this job asks peers what they see, and there is none that can be asked",
            "add a [[peer]] with url and key, and let it say confirm_for = \"public\" in its table for this node",
        );
    }
    kinds.iter_mut().flat_map(|kind| std::mem::take(&mut kind.elsewhere)).collect()
}
