//! Would the job notice that the server does not serve its users any more? A server in memory answers as the real one has, but
//! for one thing that is wrong.

use crate::SmtpJob;
use crate::plan::{Plan, Security};
use crate::talk::{Talked, talk};
use crate::visit::{End, judged, over};
use checker_job::{Context, Mutation, Outcome, Vacuity, Verdict};
use checker_parts::lines::Reply;
use checker_parts::probe::{Limit, Problem, Tried, merged};
use checker_parts::submission::{Phase, ways};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex, split};
use tokio::time::timeout_at;

/// Both sides wait for each other long before so much is on the way.
const ON_THE_WAY: usize = 64 * 1024;

const GREETING: &str = "220 mail server ready\r\n";
const OTHER_SERVICE: &str = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

/// One way in which a server is wrong.
struct Wrong {
    name: &'static str,
    what: &'static str,
    remedy: &'static str,
    /// Whether it shows before TLS is there.
    from_the_start: bool,
    /// How it greets.
    greeting: &'static str,
    /// What it answers where the real one said something else: the beginnings of commands.
    says: &'static [(&'static str, &'static str)],
}

impl Wrong {
    const USUAL: Self = Self { name: "", what: "", remedy: "", from_the_start: false, greeting: GREETING, says: &[] };
}

/// What the job says of the servers that were visited, and of others.
pub(crate) async fn vacuity(
    job: &SmtpJob,
    tried: Vec<Tried<(Outcome, Option<Talked>)>>,
    limit: &Limit,
    cx: &Context,
) -> Vacuity {
    // The first address speaks for all: whether something is noticed depends on the job alone.
    let mut seen: Option<(SocketAddr, Talked)> = None;
    let mut outcomes = Vec::with_capacity(tried.len());
    for (to, result) in tried {
        let outcome = result.map(|(outcome, talked)| {
            seen = seen.take().or(talked.map(|talked| (to, talked)));
            outcome
        });
        outcomes.push((to, outcome));
    }
    let outcome = limit.timed(merged(&job.endpoint, outcomes));
    let (Some((to, talked)), Verdict::Ok) = (seen, outcome.verdict) else {
        return Vacuity::without_answer(outcome);
    };
    let limit = Limit::of(cx.timeout);
    let of = format!("mail server {}", job.endpoint.as_str().to_ascii_lowercase());
    let mut mutations = Vec::new();
    for wrong in wrongs(&job.plan, &talked) {
        let result = replay(&job.plan, to, &limit, &talked, &wrong).await.map(|(outcome, _)| outcome);
        let outcome = limit.timed(merged(&job.endpoint, vec![(to, result)]));
        mutations.push(Mutation::new(wrong.name, wrong.what, wrong.remedy, outcome).of(of.clone()));
    }
    mutations.extend(of_certificates(job, &talked, cx));
    Vacuity::new(outcome, mutations)
}

/// What may become of a server that has talked like this.
fn wrongs(plan: &Plan, talked: &Talked) -> Vec<Wrong> {
    let hello = talked.hello.as_ref();
    let has_logins = hello.is_some_and(|hello| !ways(hello).is_empty());
    let has_starttls = hello.is_some_and(|hello| hello.lines.iter().any(|line| is_starttls(line)));
    let mut all = vec![Wrong {
        name: "wrong_answer",
        what: "another service at this port",
        from_the_start: true,
        greeting: OTHER_SERVICE,
        ..Wrong::USUAL
    }];
    let begins = plan.security == Security::Starttls;
    if begins || (plan.security == Security::None && has_starttls) {
        all.push(Wrong {
            name: "no_starttls",
            what: "a server that offers no TLS any more",
            remedy: if begins { "" } else { "take out security = \"none\"" },
            from_the_start: true,
            ..Wrong::USUAL
        });
    }
    if has_logins || plan.login.is_some() {
        let by_tls = plan.security != Security::None;
        all.push(Wrong {
            name: "login_refused",
            what: "a server that lets nobody in",
            remedy: if by_tls { "set user and pass_file" } else { "set user, pass_file and another security" },
            says: &[("AUTH ", "535 5.7.8 Error: authentication failed\r\n")],
            ..Wrong::USUAL
        });
    }
    all.extend(of_mail(plan, has_logins));
    all
}

/// What may become of its answers when a mail comes.
fn of_mail(plan: &Plan, has_logins: bool) -> Vec<Wrong> {
    let remedy = if has_logins && plan.login.is_none() {
        "set rcpt_to (and user and pass_file, if the server wants a login)"
    } else {
        "set rcpt_to"
    };
    let mut all = vec![
        Wrong {
            name: "takes_no_mail",
            what: "a server that takes no mail, because its disk is full",
            remedy,
            says: &[("MAIL ", "452 4.3.1 Insufficient system storage\r\n")],
            ..Wrong::USUAL
        },
        Wrong {
            name: "gone",
            what: "a server that knows none of its mailboxes any more",
            remedy,
            says: &[("RCPT ", "550 5.1.1 User unknown\r\n")],
            ..Wrong::USUAL
        },
    ];
    // For those who are logged in, servers do relay.
    if plan.login.is_none() {
        all.push(Wrong {
            name: "open_relay",
            what: "an open relay",
            remedy: "set expect_refused",
            says: &[("MAIL ", "250 2.1.0 Ok\r\n"), ("RCPT ", "250 2.1.5 Ok\r\n")],
            ..Wrong::USUAL
        });
    }
    all
}

fn is_starttls(line: &str) -> bool {
    line.trim().eq_ignore_ascii_case("STARTTLS")
}

/// A visit to a server in memory. Nothing in it can do TLS, so where there was TLS, the talk begins inside it.
async fn replay(
    plan: &Plan,
    to: SocketAddr,
    limit: &Limit,
    talked: &Talked,
    wrong: &Wrong,
) -> Result<(Outcome, Option<Talked>), Problem> {
    let (mut ours, theirs) = duplex(ON_THE_WAY);
    let mut phase = Phase::Handshake;
    let greeted = plan.security == Security::Starttls && !wrong.from_the_start;
    let of_phase = &mut phase;
    // It owns our end, which is closed with it: then the other side ends too.
    let visit = async move {
        if wrong.from_the_start {
            over(plan, ours, of_phase, limit, false).await
        } else {
            talk(plan, &mut ours, greeted, of_phase, limit).await.map_err(End::from)
        }
    };
    let served = serve(theirs, if greeted { "" } else { wrong.greeting }, |line| answer(talked, wrong, line));
    let (done, _) = tokio::join!(timeout_at(limit.until, visit), served);
    judged(plan, to, limit, phase, done.ok())
}

/// Answers each line.
async fn serve(stream: DuplexStream, greeting: &str, answer: impl Fn(&str) -> String) -> io::Result<()> {
    let (read, mut write) = split(stream);
    write.write_all(greeting.as_bytes()).await?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        write.write_all(answer(&line).as_bytes()).await?;
    }
    Ok(())
}

/// What a server answers that is wrong in one way, and else as the one with which we have talked.
fn answer(talked: &Talked, wrong: &Wrong, line: &str) -> String {
    if let Some((_, says)) = wrong.says.iter().find(|(begin, _)| line.starts_with(begin)) {
        return (*says).to_owned();
    }
    let is_of = |address: &str| line == format!("RCPT TO:<{address}>");
    let mut answers = talked.taken.iter().chain(&talked.refused);
    let said = match line.split(' ').next() {
        Some("EHLO") => talked.hello.as_ref(),
        Some("MAIL") => talked.sender.as_ref(),
        Some("RCPT") => answers.find(|answer| is_of(&answer.address)).map(|answer| &answer.reply),
        // The login was good. Of its answer nothing is known but that.
        Some("AUTH") => return "235 2.7.0 Authentication successful\r\n".to_owned(),
        _ => None,
    };
    said.map_or_else(|| "250 2.0.0 Ok\r\n".to_owned(), |reply| on_the_wire(reply, wrong.from_the_start))
}

fn on_the_wire(reply: &Reply, without_starttls: bool) -> String {
    let lines: Vec<&String> = reply.lines.iter().filter(|line| !(without_starttls && is_starttls(line))).collect();
    let mut text = String::new();
    for (number, line) in (1..).zip(&lines) {
        let more = if number == lines.len() { ' ' } else { '-' };
        write!(text, "{}{more}{line}\r\n", reply.code).ok();
    }
    text
}

/// The remedy says how a job of the kind `tls` gets there.
fn of_certificates(job: &SmtpJob, talked: &Talked, cx: &Context) -> Vec<Mutation> {
    let SmtpJob { plan, endpoint, .. } = job;
    let at = (endpoint.host(), endpoint.port());
    let mut all = plan.trust.mutations(&plan.host_name, at, &talked.certificates, cx.now);
    if plan.security == Security::Starttls {
        let word = if plan.host_name == endpoint.host() { "with" } else { "and" };
        for mutation in &mut all {
            mutation.remedy = format!("{} {word} starttls = \"smtp\"", mutation.remedy).into();
        }
    }
    all
}
