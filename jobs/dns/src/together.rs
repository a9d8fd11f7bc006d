//! All servers at the same time.

use crate::ask::{Answer, ask};
use crate::plan::{Plan, Servers};
use crate::system;
use checker_job::{Blame, Context, Outcome};
use checker_parts::net::{Endpoint, NO_RESOLVER, ResolveError};
use checker_parts::probe::{Limit, Problem, each, unresolved};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use tokio::time::timeout_at;

/// Addresses of one server's name that are asked; a name with more is a mistake or an attack.
const ADDRESSES_MAX: usize = 16;

/// What came of one server, at one of its addresses.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// As sentences call it: `192.0.2.1:53`, `ns.example.com:53 (192.0.2.1)`.
    pub(crate) label: String,
    /// Whether it is on this host.
    pub(crate) here: bool,
    pub(crate) result: Result<Answer, Problem>,
}

impl Asked {
    /// A line of evidence.
    pub(crate) fn uncounted(&self, why: &str) -> String {
        format!("{} is not counted: {why}", self.label)
    }
}

/// Asks all servers.
///
/// # Errors
/// The outcome of the run, where it is not known whom to ask.
pub(crate) async fn answers(cx: &Context, plan: &Plan, limit: &Limit) -> Result<Vec<Asked>, Outcome> {
    match &plan.servers {
        Servers::System(file) => {
            let found = system::resolvers(file).map_err(|why| Outcome::unknown(why.clone(), why))?;
            Ok(addresses(plan, &found, limit, |to| to.to_string()).await)
        }
        Servers::Named(list) => {
            let servers = list.iter().map(|server| Box::pin(one(cx, plan, server, limit))).collect();
            let asked: Result<Vec<Vec<Asked>>, Outcome> = all(servers).await.into_iter().collect();
            asked.map(|lists| lists.into_iter().flatten().collect())
        }
    }
}

/// All addresses of one server. That its name cannot be resolved is a problem of this server, or the outcome where it is the
/// only one.
async fn one(cx: &Context, plan: &Plan, server: &Endpoint, limit: &Limit) -> Result<Vec<Asked>, Outcome> {
    if let Some(literal) = server.literal() {
        return Ok(addresses(plan, &[literal], limit, |to| to.to_string()).await);
    }
    let late = || ResolveError::NoResolver(format!("no answer within {}", limit.words()));
    match timeout_at(limit.until, server.resolve()).await.unwrap_or_else(|_| Err(late())) {
        Ok(mut found) => {
            found.truncate(ADDRESSES_MAX);
            for address in &found {
                cx.log(format!("{server} resolves to {}", address.ip()));
            }
            Ok(addresses(plan, &found, limit, |to| format!("{server} ({})", to.ip())).await)
        }
        Err(error) => {
            let alone = matches!(&plan.servers, Servers::Named(list) if list.len() == 1);
            let problem = match &error {
                ResolveError::NoSuchName => Problem::target(unresolved(server.host(), error.clone()).summary),
                ResolveError::NoResolver(_) => Problem::Ours(NO_RESOLVER.to_owned(), Blame::NoResolver),
                ResolveError::Ours(cause) => Problem::Ours(cause.clone(), Blame::Shortage),
            };
            if alone {
                return Err(unresolved(server.host(), error));
            }
            Ok(vec![Asked { label: server.to_string(), here: false, result: Err(problem) }])
        }
    }
}

async fn addresses(
    plan: &Plan,
    found: &[SocketAddr],
    limit: &Limit,
    label: impl Fn(SocketAddr) -> String,
) -> Vec<Asked> {
    let tried = each(found, |to| {
        let label = label(to);
        async move { ask(plan, to, &label, limit).await }
    });
    let tried = tried.await.into_iter();
    tried.map(|(to, result)| Asked { label: label(to), here: to.ip().to_canonical().is_loopback(), result }).collect()
}

/// Waits for all of these, without a task for each.
async fn all<T>(mut running: Vec<Pin<Box<impl Future<Output = T>>>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|task| {
        let mut pending = false;
        for (future, slot) in running.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match future.as_mut().poll(task) {
                    Poll::Ready(value) => *slot = Some(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}
