//! From a URL to the answer that is judged: hop by hop, where redirects are followed.

use crate::connect::{self, Goal};
use crate::exchange::{self, Answer, exchange};
use crate::plan::{Plan, Redirects};
use crate::progress::{Phase, Progress, Shown, Trouble, time_words};
use crate::url::Url;
use checker_job::Blame;
use checker_parts::net::{self, Line};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::header::{HOST, LOCATION};
use hyper::{Method, Request, StatusCode, Uri};
use std::time::Duration;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// What one hop sends.
struct Errand {
    method: Method,
    with_body: bool,
    /// Whether the target may see login, cookies and the like.
    trusted: bool,
}

/// Fetches `url` as `plan` says. `deadline` is for sharing time between addresses; who calls ends the run.
pub(crate) async fn fetch(plan: &Plan, url: &Url, deadline: Instant, p: &mut Progress) -> Result<Answer, Trouble> {
    let errand = Errand { method: plan.method.clone(), with_body: true, trusted: true };
    let answer = hop(plan, url, &errand, deadline, p).await?;
    if plan.leads_on(answer.status, &answer.headers) {
        return Box::pin(follow(plan, url, errand, answer, deadline, p)).await;
    }
    Ok(answer)
}

async fn follow(
    plan: &Plan,
    first: &Url,
    mut errand: Errand,
    mut answer: Answer,
    deadline: Instant,
    p: &mut Progress,
) -> Result<Answer, Trouble> {
    let mut here = first.clone();
    let mut count = 0;
    while plan.leads_on(answer.status, &answer.headers) {
        let next = next_url(plan, first, &here, &answer)?;
        let code = answer.status.as_u16();
        p.notes.push(format!("{code} from {} to {}", here.shown(), next.shown()));
        if count >= plan.redirects_max {
            return Err(Trouble::theirs(format!(
                "redirected more than {} times, the last time to {} (a loop?)",
                plan.redirects_max,
                next.shown()
            )));
        }
        count += 1;
        errand.turn(answer.status);
        errand.trusted &= first.may_share_secrets_with(&next);
        if !errand.trusted && errand.with_body && !plan.body.is_empty() {
            return Err(Trouble::theirs(format!(
                "redirects with status {code} to {}, which would send the request body to another place; not followed",
                next.shown()
            )));
        }
        answer = hop(plan, &next, &errand, deadline, p).await?;
        here = next;
    }
    Ok(answer)
}

impl Errand {
    /// Browsers turn a form that was sent into a question for the page that follows.
    fn turn(&mut self, status: StatusCode) {
        let to_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            self.method = Method::GET;
            self.with_body = false;
        }
    }

    fn request(&self, plan: &Plan, url: &Url) -> Request<Full<Bytes>> {
        let body = if self.with_body { plan.body.clone() } else { Bytes::new() };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = if plan.proxy.is_some() && !url.tls {
            // It was a URL before, so it is one now.
            url.whole().parse().unwrap_or_else(|_| Uri::clone(&url.origin))
        } else {
            url.origin.clone()
        };
        let headers = request.headers_mut();
        if self.trusted {
            headers.clone_from(&plan.headers);
        } else {
            headers.clone_from(&plan.public_headers);
        }
        if !(self.trusted && plan.own_host) {
            headers.insert(HOST, url.authority.clone());
        }
        request
    }
}

fn next_url(plan: &Plan, first: &Url, here: &Url, answer: &Answer) -> Result<Url, Trouble> {
    let location = answer.headers.get(LOCATION).map_or(&b""[..], |v| v.as_bytes());
    let code = answer.status.as_u16();
    let next = here
        .join(location)
        .map_err(|why| Trouble::theirs(format!("redirects with status {code} to where nobody can follow: {why}")))?;
    if plan.redirects == Redirects::SameHost && next.host() != first.host() {
        return Err(Trouble::theirs(format!(
            "redirects with status {code} to another host, {} (not followed; if that is right, set redirects = \"follow\")",
            next.shown()
        )));
    }
    Ok(next)
}

/// One connection, one request, one answer.
async fn hop(plan: &Plan, url: &Url, errand: &Errand, deadline: Instant, p: &mut Progress) -> Result<Answer, Trouble> {
    let endpoint = match &plan.proxy {
        Some(proxy) => &proxy.endpoint,
        None => &url.endpoint,
    };
    let goal = Goal {
        endpoint,
        // Another host is somewhere else.
        fixed: plan.address.filter(|_| errand.trusted),
        family: plan.family,
        deadline,
    };
    let stream = match connect::connect(goal, p).await {
        Ok(stream) => stream,
        Err(trouble) => {
            return Err(match &plan.proxy {
                Some(proxy) => proxy.not_reached(trouble),
                None => trouble,
            });
        }
    };
    if url.tls {
        return Box::pin(secured(plan, url, errand, stream, p)).await;
    }
    let request = errand.request(plan, url);
    exchange(stream, request, |s, h| plan.wanted(s, h), None, p).await
}

/// The same over TLS. It needs much more room, so it lives in a box of its own.
async fn secured(
    plan: &Plan,
    url: &Url,
    errand: &Errand,
    mut stream: Line,
    p: &mut Progress,
) -> Result<Answer, Trouble> {
    if let Some(proxy) = &plan.proxy {
        p.timing.enter(Phase::Proxy);
        proxy.tunnel(&mut stream, url).await?;
    }
    p.timing.enter(Phase::Tls);
    // The end of the handshake and the request are two small writes: the second must not wait for the first.
    drop(stream.set_nodelay(true));
    let of_fault = |fault: checker_parts::tls::Fault| Trouble {
        sentence: fault.sentence,
        cause: fault.cause.map(str::to_owned),
        blame: None,
    };
    let trust = &*plan.trust;
    let config = trust.config().map_err(of_fault)?;
    let name = checker_parts::tls::server_name(url.host()).map_err(Trouble::theirs)?;
    let stream =
        TlsConnector::from(config).connect(name, stream).await.map_err(|e| of_fault(trust.explain(&e, url.host())))?;
    // Those of other hosts are for others to watch.
    if let Some(all) = p.shown.as_mut().filter(|_| errand.trusted) {
        let (name, port) = (url.host().to_owned(), url.endpoint.port());
        let host = plan.address.map_or_else(|| name.clone(), |address| address.to_string());
        if !all.iter().any(|known| known.host == host && known.name == name && known.port == port) {
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
            all.push(Shown { name, host, port, certificates });
        }
    }
    let request = errand.request(plan, url);
    let tls = Some((trust, url.host()));
    exchange(stream, request, |s, h| plan.wanted(s, h), tls, p).await
}

/// Time ran out: says in which phase. `limit` is the job's timeout.
pub(crate) fn too_slow(plan: &Plan, url: &Url, limit: Duration, p: &Progress) -> Trouble {
    let words = time_words(limit);
    let silence = p.address.map_or(Some(Blame::Silence), net::silence);
    let trouble = match (p.timing.phase(), &plan.proxy) {
        (Phase::Resolve, _) => return connect::resolver_silent(p.name.as_deref().unwrap_or(url.host()), limit),
        (Phase::Connect | Phase::Proxy, Some(proxy)) => proxy.silent(limit),
        (Phase::Connect | Phase::Proxy, None) => Trouble::theirs(match p.address {
            Some(address) => format!("timed out connecting to {address}, after {words}"),
            None => format!("timed out connecting, after {words}"),
        }),
        (Phase::Tls, _) => Trouble::theirs(format!("timed out in TLS, after {words}")),
        (phase, _) => exchange::too_slow(phase, p, limit),
    };
    trouble.blaming(silence)
}
