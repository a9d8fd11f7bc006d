//! Would the job notice that it is another server? What the servers have shown is made wrong, and judged as it is in a run.

use crate::SshJob;
use crate::identification::Identification;
use crate::key::{HostKey, fingerprint};
use crate::probe::{Seen, replay};
use checker_job::{Context, Mutation, Outcome, Vacuity, Verdict};
use checker_parts::probe::{Limit, Tried, merged};

const PIN: &str = "set host_key or known_hosts";

const OTHER_SERVICE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
/// Two that are not alike.
const SERVERS: [&[u8]; 2] = [b"SSH-2.0-dropbear_2022.83", b"SSH-2.0-OpenSSH_9.2p1"];

/// What the job says of what the addresses have shown, and of the same made wrong.
pub(crate) async fn vacuity(job: &SshJob, tried: &[Tried<Seen>], cx: &Context, limit: &Limit) -> Vacuity {
    let outcome = judged(job, tried, limit, Seen::clone);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let has_proved = tried.iter().any(|(_, seen)| seen.as_ref().is_ok_and(|seen| seen.keys.is_ok()));
    let other = other_service(job, tried, &Limit::of(cx.timeout)).await;
    let mut mutations = vec![Mutation::new("wrong_answer", "another service at this port", "", other)];
    if has_proved {
        let what = "a server with another host key, as somebody in between has it";
        mutations.push(Mutation::new("other_host_key", what, PIN, judged(job, tried, limit, with_other_keys)));
    }
    // A key that cannot be verified cannot be pinned.
    let remedy = if has_proved { PIN } else { "set software" };
    let outcome_of_other = judged(job, tried, limit, other_server);
    mutations.push(Mutation::new("other_server", "the SSH server of another machine", remedy, outcome_of_other));
    Vacuity::new(outcome, mutations)
}

fn judged(job: &SshJob, tried: &[Tried<Seen>], limit: &Limit, wrong: impl Fn(&Seen) -> Seen) -> Outcome {
    let one = |seen: &Seen| job.judged(&wrong(seen));
    let outcomes = tried.iter().map(|(to, seen)| (*to, seen.as_ref().map(one).map_err(Clone::clone)));
    limit.timed(merged(&job.endpoint, outcomes.collect()))
}

/// It holds keys of the same kinds.
fn with_other_keys(seen: &Seen) -> Seen {
    let other = |key: &HostKey| HostKey { fingerprint: fingerprint(b"another host key"), ..key.clone() };
    let keys = seen.keys.as_ref().map(|keys| keys.iter().map(other).collect()).map_err(Clone::clone);
    Seen { server: seen.server.clone(), keys }
}

/// Another program, and other keys with it.
fn other_server(seen: &Seen) -> Seen {
    let is_first = seen.server.software.contains("dropbear");
    let line = if is_first { SERVERS[1] } else { SERVERS[0] };
    let server = Identification::of(line).unwrap_or_else(|_| seen.server.clone());
    Seen { server, ..with_other_keys(seen) }
}

/// At each address that has answered.
async fn other_service(job: &SshJob, tried: &[Tried<Seen>], limit: &Limit) -> Outcome {
    let mut outcomes = Vec::with_capacity(tried.len());
    for (to, seen) in tried {
        let outcome = match seen {
            Ok(_) => replay(&job.pins, *to, limit, OTHER_SERVICE).await.map(|seen| job.judged(&seen)),
            Err(problem) => Err(problem.clone()),
        };
        outcomes.push((*to, outcome));
    }
    limit.timed(merged(&job.endpoint, outcomes))
}
