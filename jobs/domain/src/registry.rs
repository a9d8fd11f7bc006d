//! Whom to ask, and how gently: what the jobs of a process share.

use crate::address::Address;
use crate::ask::{Answer, Trouble, get};
use checker_job::{Context, duration_words};
use checker_parts::probe::Limit;
use checker_parts::tls::Trust;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::time::{Instant, timeout_at};

/// IANA's list of the RDAP servers of top-level domains (RFC 9224, section 4).
pub(crate) const LIST: &str = "https://data.iana.org/rdap/dns.json";
/// The list has some 100 KiB.
const LIST_MAX: usize = 4 << 20;
/// An answer about one domain has a few KiB.
const ANSWER_MAX: usize = 1 << 20;
/// A list is good for a day, and a failure to get it is not tried again by each of many jobs.
const LIST_AGE: Duration = Duration::from_secs(86_400);
const FAILURE_AGE: Duration = Duration::from_secs(60);
/// So many queries at one server at the same time.
const AT_ONCE: usize = 3;
/// A server that says that it is too much is left alone for so long, or for as long as it asks for, within a day.
const PAUSE: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(86_400);
const REDIRECTS_MAX: usize = 5;

/// Servers by top-level domain (or what is below), in lower case.
type Servers = BTreeMap<String, Address>;

/// When the list was asked for, and what came.
type Known = (Instant, Result<Arc<Servers>, Trouble>);

/// What the jobs that trust the same share.
pub(crate) struct Registry {
    trust: Trust,
    list: Address,
    known: Turn<Option<Known>>,
    queues: Mutex<BTreeMap<String, Queue>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("list", &self.list).finish_non_exhaustive()
    }
}

/// Those who want to ask one server.
#[derive(Clone)]
struct Queue {
    turns: Arc<Semaphore>,
    not_before: Option<Instant>,
}

impl Registry {
    pub(crate) fn new(trust: Trust, list: Address) -> Self {
        Self { trust, list, known: Turn::new(None), queues: Mutex::new(BTreeMap::new()) }
    }

    /// The server that the list has for a domain.
    pub(crate) async fn server_of(&self, cx: &Context, limit: &Limit, domain: &str) -> Result<Address, Trouble> {
        let servers = self.servers(cx, limit).await?;
        // The longest that fits, label by label (RFC 9224, section 4).
        let mut rest = domain;
        while let Some((_, above)) = rest.split_once('.') {
            if let Some(server) = servers.get(above) {
                return Ok(server.clone());
            }
            rest = above;
        }
        let cause = format!("no RDAP server is known for .{rest}");
        let sentence = format!("{cause} (IANA's list has none); name one with the key server, if its registry has one");
        Err(Trouble::with(cause, sentence))
    }

    /// The list; whoever comes first fetches it for all.
    async fn servers(&self, cx: &Context, limit: &Limit) -> Result<Arc<Servers>, Trouble> {
        let Ok(mut known) = timeout_at(limit.until, self.known.lock()).await else {
            return Err(Trouble::of(format!("the list of RDAP servers at {} does not come", self.list.server())));
        };
        if let Some((since, result)) = &*known {
            let age = if result.is_ok() { LIST_AGE } else { FAILURE_AGE };
            if since.elapsed() < age {
                return result.clone();
            }
        }
        let fetched = self.fetch(cx, limit).await.map_err(|trouble| Trouble {
            sentence: format!("the list of RDAP servers cannot be had: {}", trouble.sentence),
            ..trouble
        });
        *known = Some((Instant::now(), fetched.clone()));
        fetched
    }

    async fn fetch(&self, cx: &Context, limit: &Limit) -> Result<Arc<Servers>, Trouble> {
        let (server, answer) = self.follow(cx, limit, &self.list, LIST_MAX).await?;
        if answer.status != 200 {
            return Err(Trouble::of(format!("{server} answers with status {}", answer.status)));
        }
        let servers = serde_json::from_slice(&answer.body).ok().and_then(|list: Value| read_list(&list));
        let servers = servers.filter(|servers| !servers.is_empty());
        servers.map(Arc::new).ok_or_else(|| Trouble::of(format!("what {server} answers is no list of RDAP servers")))
    }

    /// Asks a server, when it is our turn. The answer comes with the name of the server that gave it.
    pub(crate) async fn ask(
        &self,
        cx: &Context,
        limit: &Limit,
        address: &Address,
    ) -> Result<(String, Answer), Trouble> {
        let server = address.server().to_owned();
        let turns = self.queue(&server, |queue| Arc::clone(&queue.turns));
        // A tenth of the time is kept for asking.
        let until = limit.until - limit.until.saturating_duration_since(limit.begin) / 10;
        let turn = match timeout_at(until, turns.acquire()).await {
            Ok(Ok(turn)) if Instant::now() < until => turn,
            _ => {
                let cause = format!("too many domains are asked for at {server}, {AT_ONCE} at a time");
                let sentence = format!("{cause}, and {} were too short; give more timeout", limit.words());
                return Err(Trouble::with(cause, sentence));
            }
        };
        if self.queue(&server, |queue| queue.not_before).is_some_and(|until| Instant::now() < until) {
            return Err(limited(&server, None));
        }
        let (last, answer) = self.follow(cx, limit, address, ANSWER_MAX).await?;
        if answer.status == 429 {
            let until = Instant::now() + pause(answer.retry_after.as_deref());
            self.queue(&server, |queue| queue.not_before = Some(until));
            return Err(limited(&last, answer.retry_after.as_deref()));
        }
        // Only now: whoever is next must see what was said.
        drop(turn);
        Ok((last, answer))
    }

    fn queue<T>(&self, server: &str, what: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Queue { turns: Arc::new(Semaphore::new(AT_ONCE)), not_before: None };
        what(queues.entry(server.to_owned()).or_insert_with(new))
    }

    /// Asks, and follows where the answer leads: that a server knows a better one is usual (RFC 7480, section 5.2).
    async fn follow(
        &self,
        cx: &Context,
        limit: &Limit,
        address: &Address,
        max: usize,
    ) -> Result<(String, Answer), Trouble> {
        let mut here = address.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = get(cx, limit, &self.trust, &here, max).await?;
            let server = here.server();
            cx.log(format!("{server}{} answers with status {}", here.path, answer.status));
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok((server.to_owned(), answer));
            }
            let cause = format!("the RDAP server {server} redirects to where nobody can follow");
            let location = answer.location.unwrap_or_default();
            here = here.join(&location).map_err(|why| Trouble::with(cause.clone(), format!("{cause}: {why}")))?;
        }
        let cause = format!("the RDAP server {} redirects without end", address.server());
        let sentence = format!("{cause} (more than {REDIRECTS_MAX} times, the last time to {})", here.server());
        Err(Trouble::with(cause, sentence))
    }
}

/// For how long a server is left alone that has answered with such a `Retry-After` (RFC 9110, section 10.2.3). A date is not read.
pub(crate) fn pause(retry_after: Option<&str>) -> Duration {
    let asked = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    asked.unwrap_or(PAUSE).clamp(PAUSE, PAUSE_MAX)
}

fn limited(server: &str, retry_after: Option<&str>) -> Trouble {
    let cause = format!("the RDAP server {server} limits how often it may be asked");
    let mut sentence = format!("{cause} (status 429); ask for fewer domains, or less often");
    if let Some(after) = retry_after {
        let after = after.parse().map_or_else(|_| after.to_owned(), |s| duration_words(Duration::from_secs(s)));
        sentence = format!("{sentence}, next after {after}");
    }
    Trouble::with(cause, sentence)
}

/// `{"services": [[["com", "net"], ["https://..."]], ...]}` (RFC 9224, sections 3 and 4). What is not https is left out.
pub(crate) fn read_list(list: &Value) -> Option<Servers> {
    let mut servers = Servers::new();
    for service in list.get("services")?.as_array()? {
        let (names, addresses) = (service.get(0)?.as_array()?, service.get(1)?.as_array()?);
        let Some(address) = addresses.iter().filter_map(Value::as_str).find_map(|text| Address::parse(text).ok())
        else {
            continue;
        };
        for name in names.iter().filter_map(Value::as_str) {
            servers.insert(name.trim_matches('.').to_ascii_lowercase(), address.clone());
        }
    }
    Some(servers)
}
