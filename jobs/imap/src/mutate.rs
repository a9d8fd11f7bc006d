//! Would the job notice that the mailbox does not serve its user any more? Servers in memory are looked at that are wrong in one
//! way, and what the folder holds is made wrong and judged as it is in a run.

use crate::{ImapJob, time};
use checker_job::{Context, Mutation};
use checker_parts::mailbox::{Security, Seen, Survey, greet_over, starttls_over, survey_over};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

const YEAR: Duration = Duration::from_secs(365 * 86_400);
const MILLION: u32 = 1_000_000;

const GREETING: &str = "* OK mail server ready\r\n";
const OTHER_SERVICE: &str = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
/// RFC 5530.
const NOBODY: &str = "NO [AUTHENTICATIONFAILED] Authentication failed.";
const NO_FOLDER: &str = "NO [NONEXISTENT] Mailbox doesn't exist.";
const UNKNOWN: &str = "BAD Unknown command.";

/// What the job would say, had it met something else than what it has seen, which it calls healthy.
pub(crate) fn mutations(job: &ImapJob, seen: &Seen, cx: &Context) -> Vec<Mutation> {
    let account = &job.account;
    let mut all = of_server(job, cx);
    if let Some(survey) = &seen.survey {
        all.extend(of_folder(job, survey, cx));
    }
    let of_certificates =
        account.trust.mutations(&account.host, (&account.host, account.port), &seen.certificates, cx.now);
    all.extend(of_certificates.into_iter().map(|mut mutation| {
        if account.security == Security::Starttls {
            mutation.remedy.to_mut().push_str(" with starttls = \"imap\"");
        }
        mutation
    }));
    all
}

/// Other servers. Nothing in memory can do TLS, so where there was TLS, they are met inside it.
fn of_server(job: &ImapJob, cx: &Context) -> Vec<Mutation> {
    let account = &job.account;
    let judged = |server: Server| {
        let (begin, deadline) = time(cx);
        let seen = if job.logs_in {
            survey_over(server, &account.user, &account.by, &job.folder, deadline).map(Some)
        } else {
            greet_over(server, deadline).map(|()| None)
        };
        job.outcome(&seen, begin, cx)
    };
    let other = judged(Server::new(OTHER_SERVICE, "", ""));
    let mut all = vec![Mutation::new("wrong_answer", "another service at this port", "", other)];
    if account.security == Security::Starttls {
        let seen = starttls_over(Server::new(GREETING, "STARTTLS", UNKNOWN)).map(|()| None);
        let outcome = job.outcome(&seen, Instant::now(), cx);
        all.push(Mutation::new("no_starttls", "a server that offers no TLS any more", "", outcome));
    }
    let remedy = "set user and pass_file";
    let outcome = judged(Server::new(GREETING, "LOGIN", NOBODY));
    all.push(Mutation::new("login_refused", "a server that lets nobody in", remedy, outcome));
    let outcome = judged(Server::new(GREETING, "EXAMINE", NO_FOLDER));
    all.push(Mutation::new("gone", "a mailbox that is gone", remedy, outcome));
    let of = format!("mail server {}:{}", account.host.to_ascii_lowercase(), account.port);
    all.into_iter().map(|mutation| mutation.of(of.clone())).collect()
}

/// The folder in another state. A folder in which nothing lies may be meant to be empty.
fn of_folder(job: &ImapJob, survey: &Survey, cx: &Context) -> Vec<Mutation> {
    let limits = &job.limits;
    let judged = |survey: Survey| job.outcome(&Ok(Some(survey)), Instant::now(), cx);
    let has_age = limits.age_warning.or(limits.age_critical).is_some();
    let has_count = limits.messages_warning.or(limits.messages_critical).is_some();
    let of_age = if has_age { "lower age_warning or age_critical" } else { "set age_warning or age_critical" };
    let mut all = Vec::new();
    if survey.messages > 0 && (has_age || !has_count) {
        let outcome = judged(Survey { messages: 0, newest: None });
        all.push(Mutation::new("empty_folder", "a folder from which all messages are gone", of_age, outcome));
    }
    let is_read = has_age || !has_count;
    if let Some(old) = survey.newest.filter(|_| is_read).and_then(|newest| newest.checked_sub(YEAR).ok()) {
        let outcome = judged(Survey { newest: Some(old), ..*survey });
        all.push(Mutation::new("no_new_mail", "a folder to which nothing came for a year", of_age, outcome));
    }
    // Most folders may grow.
    if has_count {
        let outcome = judged(Survey { messages: survey.messages.saturating_add(MILLION), ..*survey });
        let remedy = "lower messages_warning or messages_critical";
        all.push(Mutation::new("too_many", "a folder with a million messages more", remedy, outcome));
    }
    let (user, host) = (&job.account.user, job.account.host.to_ascii_lowercase());
    let of = format!("folder {:?} of {user} at {host}:{}", job.folder, job.account.port);
    all.into_iter().map(|mutation| mutation.of(of.clone())).collect()
}

/// A server in memory that says yes to all but one command, and to that something else. Its only folder is an inbox.
struct Server {
    says: VecDeque<u8>,
    heard: Vec<u8>,
    but: (&'static str, &'static str),
}

impl Server {
    fn new(greeting: &str, command: &'static str, answer: &'static str) -> Self {
        Self { says: greeting.bytes().collect(), heard: Vec::new(), but: (command, answer) }
    }

    fn answer(&self, line: &str) -> String {
        let mut words = line.split_ascii_whitespace();
        let (tag, command) = (words.next().unwrap_or("*"), words.next().unwrap_or_default().to_ascii_uppercase());
        let before = match command.as_str() {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1\r\n",
            "LIST" => "* LIST () \"/\" INBOX\r\n",
            _ => "",
        };
        let (but, answer) = self.but;
        format!("{before}{tag} {}\r\n", if command == but { answer } else { "OK done" })
    }
}

impl Read for Server {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.says.read(buf)
    }
}

impl Write for Server {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(buf);
        while let Some(end) = self.heard.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            let answer = self.answer(&String::from_utf8_lossy(&line));
            self.says.extend(answer.bytes());
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
