//! Nodes that watch each other: real daemons, real passes, on loopback, with seconds for minutes.

mod confirm;
mod copies;
mod overlap;

use crate::support::binary::{Done, Home, Mail};
use crate::support::{free_ports, wait_until};
use checker::decide::Word;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// One node: settings, state, and perhaps a daemon.
struct Node {
    name: &'static str,
    port: u16,
    home: Home,
    daemon: Option<Child>,
}

const SOON: Duration = Duration::from_secs(20);

impl Node {
    fn new(name: &'static str, port: u16) -> Self {
        Self { name, port, home: Home::new(&settings(name, port, "")), daemon: None }
    }

    /// What `checker key` prints.
    fn key(&self) -> String {
        let done = self.home.run(&["key"]).ended(0);
        done.out.lines().next().expect("a key").to_owned()
    }

    /// The table for this node in the settings of others; `port` is where they think it is.
    fn table(&self, port: u16) -> String {
        let (name, key) = (self.name, self.key());
        format!(
            "[[peer]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}\"\nadmin = \"{name}@example.com\"\n{key}\n"
        )
    }

    fn meets(&self, tables: &[String]) {
        self.home.settings(&settings(self.name, self.port, &tables.concat()));
    }

    fn start(&mut self) {
        self.daemon = Some(self.home.command(&["daemon"]).spawn().expect("a daemon"));
        let up = wait_until(SOON, || ask(self.port));
        assert!(up.is_some(), "the daemon of {} answers: {}", self.name, self.home.read("checker.log"));
    }

    fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon");
        daemon.kill().expect("a kill");
        daemon.wait().expect("an end");
    }

    /// One pass; then as long as it takes until the next one asks anew.
    fn pass(&self) -> Done {
        let done = self.home.run(&["cron"]);
        std::thread::sleep(Duration::from_millis(1_050));
        done
    }

    fn passes(&self, count: usize) {
        for _ in 0..count {
            self.pass().silent();
        }
    }

    /// Messages to `who` whose subject holds `words`.
    fn mails(&self, who: &str, words: &str) -> Vec<Mail> {
        let to = format!("{who}@example.com");
        self.home.mails().into_iter().filter(|m| m.head.get("to") == Some(&to) && m.subject().contains(words)).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().ok();
            daemon.wait().ok();
        }
    }
}

fn settings(name: &str, port: u16, peers: &str) -> String {
    format!(
        "[general]\nservername = \"{name}\"\nalertcontact = \"{name}@example.com\"\n\n[email]\ntransport = \"file\"\nfrom = \
         \"checker@{name}.example.com\"\n\n[daemon]\npeer_listen = \"127.0.0.1:{port}\"\nrespawn = false\n\n[watch]\npasses = \
         \"1s\"\npoll = \"1s\"\nquick = \"1s\"\nstale = \"60s\"\n\n{peers}"
    )
}

/// What a stranger reads, who asks as a first program does.
fn ask(port: u16) -> Option<Word> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let asked = "GET / HTTP/1.1\r\nHost: 127.0.0.1:5000\r\nUser-Agent: python-requests/2.31.0\r\nAccept-Encoding: gzip, \
                 deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n";
    stream.write_all(asked.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Word::of(answer.split_once("\r\n\r\n")?.1.as_bytes())
}

/// `count` nodes that all know each other, with daemons.
fn fleet<const COUNT: usize>(names: [&'static str; COUNT]) -> [Node; COUNT] {
    let ports = free_ports::<COUNT>();
    let mut at = 0;
    let mut nodes = names.map(|name| {
        at += 1;
        Node::new(name, ports[at - 1])
    });
    let tables: Vec<String> = nodes.iter().map(|n| n.table(n.port)).collect();
    for (at, node) in nodes.iter().enumerate() {
        let others: Vec<String> = tables.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, t)| t.clone()).collect();
        node.meets(&others);
    }
    nodes.iter_mut().for_each(Node::start);
    nodes
}

#[test]
fn a_peer_that_falls_silent_is_told_to_both_admins_once_and_its_return_too() {
    let [alpha, mut beta] = fleet(["alpha", "beta"]);
    beta.passes(1);
    alpha.passes(1);
    beta.kill();
    alpha.passes(2);
    assert!(alpha.mails("beta", "does not answer").is_empty(), "two silences may be chance");
    alpha.passes(3);
    for who in ["alpha", "beta"] {
        let told = alpha.mails(who, "PEER: beta: beta does not answer");
        assert_eq!(told.len(), 1, "{who}: {:?}", alpha.home.subjects());
        assert!(told[0].raw.contains("it may be the link between us"), "{}", told[0].raw);
    }
    beta.start();
    beta.passes(1);
    alpha.passes(4);
    // It proves no mail, by choice: so it is not well, but it is there.
    let after: Vec<String> = alpha.mails("beta", "beta").iter().map(|m| m.subject().to_owned()).collect();
    assert!(after.iter().any(|s| s.contains("MailProblem")), "{after:?}");
    assert!(alpha.home.run(&["peers"]).ended(0).out.contains("problem  beta: MailProblem"));
}

#[test]
fn where_a_third_one_reaches_it_the_link_is_told() {
    let [alpha, beta, gamma] = fleet(["alpha", "beta", "gamma"]);
    let [nowhere] = free_ports::<1>();
    alpha.meets(&[beta.table(nowhere), gamma.table(gamma.port)]);
    // What gamma saw counts for some seconds only: time enough for a slow machine.
    let slower = alpha
        .home
        .read("settings.cfg")
        .replace("quick = \"1s\"", "quick = \"4s\"")
        .replace("poll = \"1s\"", "poll = \"4s\"");
    alpha.home.settings(&slower);
    for _ in 0..5 {
        gamma.home.run(&["cron"]).silent();
        alpha.home.run(&["cron"]).silent();
        std::thread::sleep(Duration::from_millis(4_050));
    }
    let told = alpha.mails("alpha", "the link to beta is broken: gamma reaches it");
    assert_eq!(told.len(), 1, "{:?}", alpha.home.subjects());
    assert_eq!(alpha.mails("beta", "the link to beta is broken").len(), 1);
}

#[test]
fn a_peer_that_does_not_watch_us_is_told_to_our_admin() {
    let [alpha, beta] = fleet(["alpha", "beta"]);
    beta.passes(1);
    alpha.passes(1);
    // Its admin takes us out.
    beta.meets(&[]);
    let told = wait_until(SOON, || {
        beta.pass();
        alpha.pass();
        let told = alpha.mails("alpha", "beta has not asked about us");
        (!told.is_empty()).then_some(told)
    });
    assert_eq!(told.map(|t| t.len()), Some(1), "{:?}", alpha.home.subjects());
    beta.meets(&[alpha.table(alpha.port)]);
    let back = wait_until(SOON, || {
        beta.pass();
        alpha.pass();
        (!alpha.mails("alpha", "SOLVED: watch of beta").is_empty()).then_some(())
    });
    assert!(back.is_some(), "{:?}", alpha.home.subjects());
}

#[test]
fn a_node_that_cannot_be_reached_pushes_and_is_missed_when_it_stops() {
    let [one, two] = free_ports::<2>();
    let (mut alpha, mut beta) = (Node::new("alpha", one), Node::new("beta", two));
    // beta stands behind a router: nobody can ask it.
    let hidden: String =
        beta.table(two).lines().filter(|l| !l.starts_with("url")).fold(String::new(), |t, l| t + l + "\n");
    alpha.meets(&[hidden + "pushes = true\n"]);
    beta.meets(&[alpha.table(one) + "push = true\n"]);
    alpha.start();
    beta.start();
    for _ in 0..2 {
        beta.passes(1);
        alpha.passes(1);
    }
    let listed = alpha.home.run(&["peers", "--json"]).ended(0).json();
    assert_ne!(listed["peers"][0]["state"], "new", "its status has come: {listed}");
    assert!(alpha.mails("beta", "does not answer").is_empty(), "{:?}", alpha.home.subjects());
    let views = |node: &Node| {
        let file = node.home.path("checker.db");
        let store =
            checker::store::Sqlite::open_read_only(&file, checker::store::StoreClock::system()).expect("a state");
        checker::rounds::views(&store.own()).expect("views")
    };
    assert!(views(&alpha)["beta"].newest(Duration::from_secs(60), checker::clock::now().wall).is_some());
    let listed = beta.home.run(&["peers"]).ended(0).out;
    assert!(listed.contains("it looked at our status"), "{listed}");
    let listed = alpha.home.run(&["peers"]).ended(0).out;
    assert!(listed.contains("looked at what it pushed"), "{listed}");
    // And alpha is watched by who pushes, as by any other.
    assert!(alpha.mails("alpha", "has not asked about us").is_empty());
    let bounds = beta.home.run(&["bound", "--json"]).ended(0).json();
    let told =
        |fault: &str| bounds["faults"].as_array().and_then(|all| all.iter().find(|f| f["fault"] == fault)).cloned();
    assert!(told("host_dead").is_some_and(|f| f["longest_s"].is_u64()), "{bounds}");
    // alpha answers, and its passes look at nothing any more.
    assert!(beta.mails("beta", "does not watch us").is_empty(), "{:?}", beta.home.subjects());
    let unwatched = wait_until(SOON * 4, || {
        beta.pass();
        (!beta.mails("beta", "alpha has not looked at our status").is_empty()).then_some(())
    });
    assert!(unwatched.is_some(), "{:?}\n{}", beta.home.subjects(), beta.home.read("checker.log"));
    alpha.passes(2);
    beta.kill();
    let told = wait_until(SOON * 2, || {
        alpha.pass();
        (!alpha.mails("beta", "has pushed nothing").is_empty()).then_some(())
    });
    assert!(told.is_some(), "{:?}\n{}", alpha.home.subjects(), alpha.home.read("checker.log"));
    let silent = "PEER: beta: beta does not answer: it has pushed nothing";
    let count = alpha.mails("beta", silent).len();
    alpha.passes(3);
    assert_eq!((count, alpha.mails("beta", silent).len()), (1, 1), "{:?}", alpha.home.subjects());
    beta.start();
    let back = wait_until(SOON * 2, || {
        beta.pass();
        alpha.pass();
        alpha.home.subjects().iter().any(|s| s.contains("MailProblem") || s.contains("SOLVED")).then_some(())
    });
    assert!(back.is_some(), "{:?}", alpha.home.subjects());
}

#[test]
fn an_absence_that_was_announced_worries_nobody() {
    let [alpha, mut beta] = fleet(["alpha", "beta"]);
    let done = beta.home.run(&["away", "1h"]).ended(0);
    assert!(done.out.contains("will not worry"), "{done:?}");
    alpha.passes(1);
    beta.kill();
    alpha.passes(5);
    assert!(alpha.mails("beta", "does not answer").is_empty(), "{:?}", alpha.home.subjects());
    beta.home.run(&["away", "5h"]).ended(64);
    beta.home.run(&["away", "1h"]).ended(74);
}

/// A first program: it says what it is told to say.
struct Old {
    port: u16,
    body: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Old {
    fn start(body: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let (body, stop) = (Arc::new(Mutex::new(body.to_owned())), Arc::new(AtomicBool::new(false)));
        let (said, stopped) = (Arc::clone(&body), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let body = said.lock().expect("a body").clone();
                let mut stream = stream;
                let mut request = [0; 2_048];
                assert!(stream.read(&mut request).is_ok_and(|n| n < 2_048));
                write!(stream, "HTTP/1.0 200 OK\r\nServer: TwistedWeb\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                    .ok();
            }
        });
        Self { port, body, stop, thread: Some(thread) }
    }

    fn says(&self, body: &str) {
        body.clone_into(&mut self.body.lock().expect("a body"));
    }

    fn table(&self) -> String {
        let port = self.port;
        format!(
            "[[peer]]\nname = \"old\"\nurl = \"http://127.0.0.1:{port}\"\nadmin = \"old@example.com\"\nlegacy = true\n"
        )
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn a_first_program_is_heard_by_its_words_alone() {
    let [port] = free_ports::<1>();
    let mut alpha = Node::new("alpha", port);
    let old = Old::start("True");
    alpha.meets(&[old.table()]);
    alpha.start();
    alpha.passes(3);
    assert!(alpha.mails("old", "").is_empty(), "{:?}", alpha.home.subjects());
    // Its mail status lives for a minute: one look must be enough.
    old.says("MailProblem");
    alpha.passes(1);
    assert_eq!(alpha.mails("old", "MailProblem").len(), 1, "{:?}", alpha.home.subjects());
    old.says("True");
    alpha.passes(1);
    assert_eq!(alpha.mails("old", "SOLVED: old").len(), 1, "{:?}", alpha.home.subjects());
    old.says("<html>True</html>");
    alpha.passes(4);
    assert_eq!(alpha.mails("old", "no usable answer").len(), 1, "{:?}", alpha.home.subjects());
    // And it hears from us what it expects.
    assert_eq!(ask(alpha.port), Some(Word::MailProblem));
}

#[test]
fn an_invitation_can_be_pasted() {
    let [one, two] = free_ports::<2>();
    let (alpha, beta) = (Node::new("alpha", one), Node::new("beta", two));
    let invited = alpha.home.run(&["peers", "invite", "--host", "127.0.0.1"]).ended(0);
    assert!(invited.err.contains("no other machine can reach peer_listen = \"127.0.0.1:"), "{invited:?}");
    let block = invited.out;
    assert!(block.contains(&format!("url = \"http://127.0.0.1:{one}\"")) && block.contains(&alpha.key()), "{block}");
    beta.meets(&[block]);
    beta.home.run(&["check"]).ended(0);
    let listed = beta.home.run(&["peers", "--json"]).ended(0).json();
    assert_eq!(listed["peers"][0]["name"], "alpha");
    assert_eq!(listed["peers"][0]["state"], "new");
    let whole = format!("http://127.0.0.1:{one}");
    let block = alpha.home.run(&["peers", "invite", "--host", &whole]).ended(0).out;
    assert!(block.contains(&format!("url = \"{whole}\"\n")), "{block}");
    let refused = alpha.home.run(&["peers", "invite", "--host", "ftp://alpha"]).ended(64);
    assert!(refused.out.is_empty() && refused.err.contains("--host ftp://alpha"), "{refused:?}");
    let nobody = Home::with_jobs("");
    let refused = nobody.run(&["peers", "invite"]).ended(78);
    assert!(refused.err.contains("peer_listen"), "{refused:?}");
}

#[test]
fn bound_names_every_fault_in_the_form_that_is_documented() {
    let [port] = free_ports::<1>();
    let alpha = Node::new("alpha", port);
    let table = alpha.home.run(&["bound", "--json"]).ended(0).json();
    let faults = table["faults"].as_array().expect("faults");
    assert_eq!(faults.len(), checker::decide::bound::Fault::ALL.len());
    for row in faults {
        assert!(row["fault"].is_string() && row["detector"].is_string() && row["path"].is_string(), "{row}");
        assert!(row["longest_s"].is_u64() || row["longest_s"].is_null(), "{row}");
    }
    let longest = |name: &str| faults.iter().find(|r| r["fault"] == name).expect(name)["longest_s"].clone();
    assert!(longest("host_dead").is_null(), "nobody watches it");
    assert!(longest("cron_dead").is_u64(), "its own daemon does");
    let words = alpha.home.run(&["bound"]).ended(0).out;
    assert!(words.contains("NEVER") && words.contains("this host is off"), "{words}");
    assert!(!words.contains("the link to one peer is broken"), "there is none: {words}");
    let steps = words.split_once("step by step:").expect("advice").1;
    let (peer, canary) = (steps.find("1. Find a peer"), steps.find("2. Add [canary]"));
    let (host, lost) = (steps.find("this host is off"), steps.find("our mail is taken and does not arrive"));
    assert!(peer.is_some() && peer < host && host < canary && canary < lost, "{words}");
    let [other] = free_ports::<1>();
    alpha.meets(&[Node::new("beta", other).table(other)]);
    let words = alpha.home.run(&["bound"]).ended(0).out;
    assert!(words.contains("beta: it runs on this very machine"), "{words}");
}

/// The same at the usual pace.
fn usual(text: &str) -> String {
    let (before, after) = text.split_once("[watch]").expect("a table");
    let rest = after.split_once("\n\n").expect("its end").1;
    format!("{before}{rest}")
}

#[test]
fn bounds_can_be_played_on_these_settings() {
    let [port, other] = free_ports::<2>();
    let alpha = Node::new("alpha", port);
    let beta = Node::new("beta", other);
    alpha.home.run(&["bound", "--prove", "0"]).ended(64);
    alpha.home.run(&["bound", "--prove", "8"]).ended(0);
    for (via, more) in
        [("none", ""), ("human", ""), ("peer", "to = \"b@example.com\"\n"), ("maildir", "path = \"Maildir\"\n")]
    {
        let canary = format!("[canary]\nvia = \"{via}\"\n{more}");
        alpha.home.settings(&usual(&settings("alpha", port, &(beta.table(other) + &canary))));
        alpha.home.run(&["bound", "--prove", "8"]).ended(0);
    }
    let canary = "[canary]\nvia = \"imap\"\nhost = \"imap.example.com\"\nuser = \"a@example.com\"\npass = \"x\"\n[[job.tcp]]\n\
                  address = \"192.0.2.1:22\"\n";
    let text = settings("alpha", port, &(beta.table(other) + canary));
    alpha.home.settings(&usual(&text));
    let played = alpha.home.run(&["bound", "--prove", "8", "--json"]).ended(0).json();
    let faults = played["faults"].as_array().expect("faults");
    assert_eq!(faults.len(), checker::decide::bound::Fault::ALL.len());
    for row in faults {
        let (bound, seen) = (row["longest_s"].as_f64(), row["seen_s"].as_f64());
        assert!(seen.is_none_or(|seen| bound.is_some_and(|bound| seen <= bound)), "{row}");
    }
    assert!(faults.iter().any(|r| r["fault"] == "host_dead" && r["seen_s"].as_f64() > Some(300.0)), "{played}");
}

#[test]
fn only_what_needs_no_daemon_is_said_without_one() {
    let home = Home::with_jobs("");
    let refused = home.run(&["daemon"]).ended(78);
    assert!(refused.err.contains("[daemon]"), "{refused:?}");
    home.run(&["away", "1h"]).ended(78);
}
