//! Would the job notice that the certificates are not as they should be? What the servers have shown is made wrong, and judged as
//! it is in a run.

use crate::certificate::Certificate;
use crate::chain;
use crate::handshake::{Ask, Shown};
use crate::judge::judge;
use crate::plan::{Host, Plan};
use crate::{TlsJob, summed_up};
use checker_job::{Mutation, Outcome, Timestamp, Vacuity, Verdict};
use checker_parts::probe::Tried;
use checker_parts::tls::{SHORT_LIVED, certificate_of, server_name};
use rustls_pki_types::CertificateDer;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// A name that no certificate of a server carries (RFC 6761).
const OTHER: &str = "another-host.invalid";

const HOST: &str = "add \"host\" to judge";
const CHAIN: &str = "add \"chain\" to judge";
const EXPIRY: &str = "add \"expiry\" to judge";

/// What a run has seen, and what is made of it.
struct Seen<'a> {
    job: &'a TlsJob,
    /// That of the job, without a certificate of ours: that one is not the servers', and its end would hide theirs.
    plan: Plan,
    tried: &'a [Tried<Shown>],
    now: Timestamp,
}

/// What the job says of what the addresses have shown, and of the same made wrong.
pub(crate) fn vacuity(job: &TlsJob, ask: &Ask<'_>, tried: &[Tried<Shown>]) -> Vacuity {
    let outcome = summed_up(&job.endpoint, each(tried, |shown| judge(ask.plan, ask.host, shown, ask.now)));
    let of = certificate_of(&ask.host.shown, job.endpoint.host(), job.endpoint.port());
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome).watching(of);
    }
    let plan = Plan { client: None, ..ask.plan.clone() };
    let mutations = Seen { job, plan, tried, now: ask.now }.mutations();
    Vacuity::new(outcome, mutations.into_iter().map(|mutation| mutation.of(of.clone())).collect())
}

fn each(tried: &[Tried<Shown>], judged: impl Fn(&Shown) -> Outcome) -> Vec<Tried<Outcome>> {
    tried.iter().map(|(to, shown)| (*to, shown.as_ref().map(&judged).map_err(Clone::clone))).collect()
}

impl Seen<'_> {
    fn mutations(&self) -> Vec<Mutation> {
        let mut all = Vec::new();
        if let Ok(name) = server_name(OTHER) {
            let host = Host { name, shown: OTHER.to_owned() };
            let outcome = self.judged(|shown| judge(&self.plan, &host, shown, self.now));
            all.push(Mutation::new("other_certificate", "the certificate of another host", HOST, outcome));
        }
        if self.shown().all(|shown| shown.own.life() > SHORT_LIVED) {
            let remedy = if self.plan.expiry { "set warning or critical to more than a day" } else { EXPIRY };
            let outcome = self.judged(|shown| self.at(shown, self.end(shown).minus(DAY).max(self.now)));
            all.push(Mutation::new("one_day_certificate", "a certificate that ends in a day", remedy, outcome));
        }
        let outcome = self.judged(|shown| self.at(shown, self.end(shown).plus(DAY)));
        all.push(Mutation::new("expired_certificate", "a certificate that has expired", EXPIRY, outcome));
        let outcome = self.judged(|shown| self.at(&forged(shown), self.now));
        let what = "a certificate that its authority has not signed";
        all.push(Mutation::new("forged_certificate", what, CHAIN, outcome));
        if self.shown().any(|shown| self.needs_those_above(shown)) {
            let outcome = self.judged(|shown| self.at(&alone(shown), self.now));
            let what = "a certificate without those that lead to its authority";
            all.push(Mutation::new("incomplete_chain", what, CHAIN, outcome));
        }
        all
    }

    fn shown(&self) -> impl Iterator<Item = &Shown> {
        self.tried.iter().filter_map(|(_, shown)| shown.as_ref().ok())
    }

    fn judged(&self, one: impl Fn(&Shown) -> Outcome) -> Outcome {
        summed_up(&self.job.endpoint, each(self.tried, one))
    }

    fn at(&self, shown: &Shown, at: Timestamp) -> Outcome {
        judge(&self.plan, &self.job.host, shown, at)
    }

    /// When a certificate, or one that it depends on, ends.
    fn end(&self, shown: &Shown) -> Timestamp {
        let chain = chain::look(&self.plan.trust, &self.plan.anchors, &shown.own, &shown.above, self.now);
        chain.through.map_or(shown.own.not_after, |through| through.not_after)
    }

    /// A client that knows those above from elsewhere, such as from the CA file, does not miss them.
    fn needs_those_above(&self, shown: &Shown) -> bool {
        let is_sound = |above: &[Certificate]| {
            chain::look(&self.plan.trust, &self.plan.anchors, &shown.own, above, self.now).fault.is_none()
        };
        is_sound(&shown.above) && !is_sound(&[])
    }
}

/// Without those that lead to an authority.
fn alone(shown: &Shown) -> Shown {
    Shown { above: Vec::new(), ..shown.clone() }
}

/// With another signature. It is the last that stands in a certificate (RFC 5280, 4.1).
fn forged(shown: &Shown) -> Shown {
    let mut der = shown.own.der.to_vec();
    if let Some(last) = der.last_mut() {
        *last ^= 1;
    }
    Shown { own: Certificate { der: CertificateDer::from(der), ..shown.own.clone() }, ..shown.clone() }
}
