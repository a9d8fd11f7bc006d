//! Before a target is called down, a peer tries it too: two real nodes in two network namespaces. Beta is *home*, with a daemon;
//! alpha is in the *world*, where the targets are.

use crate::support::binary::Home;
use crate::support::network::{GATEWAY, Net};
use crate::support::{need, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where the targets are: an address as the internet has them, that exists in these namespaces alone.
const TARGET: &str = "100.128.0.7";
const BETA: &str = "10.99.0.2";
const PORT: u16 = 5_000;

fn node(name: &str, rest: &str) -> String {
    format!(
        "[general]\nservername = \"{name}\"\nalertcontact = \"{name}@example.com\"\n\n[email]\ntransport = \"file\"\nfrom = \
         \"checker@{name}.example.com\"\n\n{rest}"
    )
}

/// The two nodes; beta looks for alpha as `confirm_for` says.
struct Two<'n> {
    net: &'n Net,
    alpha: Home,
    beta: Home,
    daemon: Option<Child>,
    /// All jobs of alpha so far.
    jobs: Vec<String>,
}

impl<'n> Two<'n> {
    fn new(net: &'n Net) -> Self {
        net.add(TARGET);
        let (alpha, beta) = (Home::new(&node("alpha", "")), Home::new(&node("beta", "")));
        Self { net, alpha, beta, daemon: None, jobs: Vec::new() }
    }

    fn key(home: &Home) -> String {
        home.run(&["key"]).ended(0).out.lines().next().expect("a key").to_owned()
    }

    /// Starts beta's daemon; `confirm_for` is a line in its table for alpha.
    fn beta(&mut self, confirm_for: &str) {
        self.stop();
        let alpha = Self::key(&self.alpha);
        self.beta.settings(&node(
            "beta",
            &format!(
                "[daemon]\npeer_listen = \"{BETA}:{PORT}\"\nrespawn = false\n\n[[peer]]\nname = \"alpha\"\nurl = \
                 \"http://{GATEWAY}:{PORT}\"\nadmin = \"alpha@example.com\"\n{alpha}\n{confirm_for}\n"
            ),
        ));
        self.daemon = Some(self.net.at_home(&self.beta.command(&["daemon"])).spawn().expect("a daemon"));
        let at = SocketAddr::new(BETA.parse().unwrap(), PORT);
        let up = wait_until(Duration::from_secs(20), || TcpStream::connect(at).ok());
        assert!(up.is_some(), "beta's daemon answers: {}", self.beta.read("checker.log"));
    }

    fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().ok();
            daemon.wait().ok();
        }
    }

    /// What alpha tells of a new job that fails.
    fn told(&mut self, name: &str, job: &str) -> String {
        self.jobs.push(format!("{job}\nname = \"{name}\"\n\n"));
        let beta = Self::key(&self.beta);
        self.alpha.settings(&node(
            "alpha",
            &format!(
                "[defaults]\nfailure_threshold = 1\nconfirm = \"peers\"\n\n[[peer]]\nname = \"beta\"\nurl = \
                 \"http://{BETA}:{PORT}\"\nadmin = \"beta@example.com\"\n{beta}\n\n{}",
                self.jobs.concat()
            ),
        ));
        let done = self.alpha.run(&["cron"]);
        let mail = self.alpha.mails().into_iter().find(|m| m.subject().contains(&format!("DOWN: {name}")));
        let mail = mail.unwrap_or_else(|| panic!("{name} is told: {done:?} {}", self.alpha.read("checker.log")));
        mail.raw.replace("=\r\n", "").replace("=\n", "")
    }
}

impl Drop for Two<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tcp(address: &str) -> String {
    format!("[[job.tcp]]\naddress = \"{address}\"\nexpect = \"welcome\"")
}

/// A server that greets only those who come from beta.
fn greets_beta() -> String {
    let server = TcpListener::bind((TARGET, 0)).expect("a port");
    let at = server.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { continue };
            if stream.peer_addr().is_ok_and(|from| from.ip().to_string() == BETA) {
                stream.write_all(b"welcome\r\n").ok();
            }
        }
    });
    at.to_string()
}

/// A web server that sends everybody to `there`; those who do not come from beta get an error.
fn leads_to(there: &'static str) -> String {
    let server = TcpListener::bind((TARGET, 0)).expect("a port");
    let at = server.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { continue };
            let of_beta = stream.peer_addr().is_ok_and(|from| from.ip().to_string() == BETA);
            let head = if of_beta { format!("302 Found\r\nLocation: {there}") } else { "500 No".to_owned() };
            let lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
            drop(lines.map_while(Result::ok).find(String::is_empty));
            stream
                .write_all(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
                .ok();
        }
    });
    format!("http://{at}/")
}

#[test]
fn the_message_says_what_a_peer_sees() {
    if !need("namespaces") {
        return;
    }
    Net::with(|net| {
        let mut two = Two::new(net);
        two.beta("confirm_for = \"public\"");
        let both = two.told("both", &tcp("100.128.0.7:9"));
        assert!(both.contains("Peers see it too: 1 of 1 that tried."), "{both}");
        assert!(both.contains("beta sees it failed: ") && both.contains("refuses the connection"), "{both}");
        let here = two.told("here", &tcp(&greets_beta()));
        assert!(
            here.contains("Peers do reach it (1 of 1 that tried): the fault may be on the way from here."),
            "{here}"
        );
        assert!(here.contains("beta reaches it: "), "{here}");
        let tried = two.alpha.run(&["try", "here"]).ended(0);
        assert!(tried.out.contains("asked what it sees: beta reaches it: "), "{tried:?}");
        let tried = two.alpha.run(&["try", "here", "--json"]).ended(0).json();
        assert_eq!(
            (&tried["peers"][0]["said"], &tried["peers"][0]["verdict"]),
            (&"tried".into(), &"ok".into()),
            "{tried}"
        );
        // One that takes the question and does not answer it keeps nobody waiting.
        let daemon = Pid::from_raw(i32::try_from(two.daemon.as_ref().expect("a daemon").id()).expect("an id"));
        kill(daemon, Signal::SIGSTOP).expect("a daemon that hangs");
        let begun = Instant::now();
        let child = format!("{}\nname = \"child\"\ndepends_on = [\"hangs\"]\n\n", tcp("100.128.0.7:12"));
        let hangs = two.told("hangs", &format!("{child}{}\ntimeout = \"30s\"", tcp("100.128.0.7:11")));
        assert!(hangs.contains("beta gave no answer: took the question and did not answer it within 10 s"), "{hangs}");
        assert!(begun.elapsed() >= Duration::from_secs(10), "it was waited for");
        let late = "SELECT max(a.at) - max(r.started) FROM alert a JOIN run r ON r.job = a.job WHERE a.job = 'tcp:100.128.0.7:11'";
        assert!((0..5_000_000).contains(&two.alpha.count(late)), "it fails since it was seen to fail");
        let told = two.alpha.subjects();
        assert!(!told.iter().any(|s| s.contains("child")), "what depends on it waits, too, and is not told: {told:?}");
        // Where nobody answers, it is told all the same.
        two.stop();
        let alone = two.told("alone", &tcp("100.128.0.7:10"));
        assert!(alone.contains("Peers were asked, and none can say how it is."), "{alone}");
        assert!(
            alone.contains("beta gave no answer: could not connect: 10.99.0.2:5000 refused the connection"),
            "{alone}"
        );
    });
}

#[test]
fn a_peer_looks_only_for_whom_and_where_its_admin_allows_it() {
    if !need("namespaces") {
        return;
    }
    Net::with(|net| {
        let mut two = Two::new(net);
        // Addresses of the internet on beta's own network; beta has two of them.
        net.world("addr add 100.129.0.1/24 dev world");
        net.home("addr add 100.129.0.2/24 dev home");
        net.home("addr add 100.129.0.3/24 dev home");
        two.beta("");
        let declined = two.told("declined", &tcp("100.128.0.7:9"));
        assert!(
            declined.contains("beta does not try targets for this node (confirm_for in its settings)"),
            "{declined}"
        );

        two.beta("confirm_for = \"public\"");
        let not_there = "beta did not try it: it leads to an address that this node does not look at for others";
        for (name, there) in [("private", "10.99.0.1:9"), ("neighbour", "100.129.0.1:9"), ("second", "100.129.0.3:9")] {
            let led = two.told(name, &tcp(there));
            assert!(led.contains(not_there), "{there}: {led}");
        }
        let http = |url: &str| format!("[[job.http]]\nurl = \"{url}\"\nredirects = \"follow\"");
        for (name, there) in [("loopback", "http://127.0.0.1:5000/"), ("itself", "http://10.99.0.2:5000/")] {
            let led = two.told(name, &http(&leads_to(there)));
            assert!(led.contains(not_there), "{there}: {led}");
        }

        two.beta("confirm_for = \"private\"");
        let neighbour = two.told("neighbour_too", &tcp("100.129.0.1:10"));
        assert!(neighbour.contains("beta sees it failed: "), "{neighbour}");
        for (name, there) in [("loopback_again", "http://127.0.0.1:5000/"), ("itself_again", "http://10.99.0.2:5000/")]
        {
            let led = two.told(name, &http(&leads_to(there)));
            assert!(led.contains(not_there), "{there}: {led}");
        }
        let log = two.beta.read("checker.log");
        assert!(log.contains("looked for alpha: http {\"redirects\":\"follow\",\"url\":\"http://"), "{log}");
    });
}

/// An outage of our own that is over before peers have answered is told as that, and not as one of its targets.
#[test]
fn the_witness_is_asked_before_peers_have_answered() {
    if !need("namespaces") {
        return;
    }
    Net::with(|net| {
        const BEYOND: &str = "100.128.0.8";
        net.add(TARGET);
        net.add(BEYOND);
        let target = TcpListener::bind((TARGET, 0)).expect("a port");
        let (alpha, beta) = (Home::new(&node("alpha", "")), Home::new(&node("beta", "")));
        let (its, ours) = (Two::key(&beta), Two::key(&alpha));
        beta.settings(&node(
            "beta",
            &format!(
                "[daemon]\npeer_listen = \"0.0.0.0:{PORT}\"\nrespawn = false\n\n[[peer]]\nname = \"alpha\"\nurl = \
                 \"http://{BETA}:{PORT}\"\nadmin = \"alpha@example.com\"\n{ours}\nconfirm_for = \"private\"\n"
            ),
        ));
        alpha.settings(&node(
            "alpha",
            &format!(
                "[defaults]\nfailure_threshold = 1\nconfirm = \"peers\"\ntimeout = \"1s\"\n\n[[peer]]\nname = \"beta\"\nurl = \
                 \"http://{BEYOND}:{PORT}\"\nadmin = \"beta@example.com\"\n{its}\n\n[[job.tcp]]\nname = \"there\"\naddress = \
                 \"{}\"\n",
                target.local_addr().expect("an address")
            ),
        ));
        let mut daemon = beta.command(&["daemon"]).spawn().expect("a daemon");
        let up = wait_until(Duration::from_secs(20), || TcpStream::connect((BEYOND, PORT)).ok());
        assert!(up.is_some(), "beta's daemon answers: {}", beta.read("checker.log"));
        // What home sends there is not answered; and then it is, while its questions are under way.
        net.remove(TARGET);
        net.remove(BEYOND);
        let pass = net.at_home(&alpha.command(&["cron"])).spawn().expect("a pass");
        thread::sleep(Duration::from_millis(5_500));
        net.add(TARGET);
        net.add(BEYOND);
        let done = pass.wait_with_output().expect("an end");
        daemon.kill().ok();
        daemon.wait().ok();
        let told = alpha.subjects();
        assert!(
            done.status.success() && !told.iter().any(|s| s.contains("DOWN")),
            "{told:?} {}",
            alpha.read("checker.log")
        );
        assert!(told.iter().any(|s| s.contains("CHECKER ITSELF: network")), "{told:?}");
    });
}

#[test]
fn what_asking_peers_may_take_is_in_the_bound() {
    let longest = |confirm: &str| {
        let peer = "[[peer]]\nname = \"beta\"\nurl = \"http://beta.example.com:5000\"\nadmin = \"b@example.com\"\nkey = \
                    \"ed25519:Wc3ChBG4f/U/rIp7HQ6AKb8ais0V6aU4/K2PS8gt5mY=\"\n";
        let home =
            Home::new(&node("alpha", &format!("{peer}\n{}\ntimeout = \"20s\"\n{confirm}\n", tcp("a.example.com:1"))));
        let faults = home.run(&["bound", "--json"]).ended(0).json();
        let of = |fault: &str| {
            let all = faults["faults"].as_array().expect("a list");
            all.iter().find(|f| f["fault"] == fault).expect("a fault")["longest_s"].as_u64().expect("a time")
        };
        of("target_down")
    };
    assert_eq!(longest("confirm = \"peers\"") - longest(""), 12);
}

/// Whatever a peer asks for, it cannot take more of this host than a look may have.
#[test]
fn a_look_has_little_memory_time_and_handles_and_writes_no_file() {
    if !need("namespaces") {
        return;
    }
    Net::with(|_| {
        let home = Home::new(&node("beta", ""));
        let mut command = home.command(&["look"]);
        let mut look = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a look");
        // Nobody has this address of the link.
        let order = r#"{"look":{"kind":"tcp","keys":{"address":"10.99.0.77:9"}},"timeout_ms":1500,"private":true}"#;
        look.stdin.take().expect("its input").write_all(order.as_bytes()).expect("an order");
        let proc = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", look.id())).unwrap_or_default();
        let limited = wait_until(Duration::from_secs(1), || Some(proc("limits")).filter(|l| l.contains("268435456")));
        let limits = limited.unwrap_or_else(|| panic!("{}", proc("limits")));
        for (what, most) in
            [("Max cpu time", "3"), ("Max file size", "0"), ("Max open files", "64"), ("Max core file size", "0")]
        {
            let line = limits.lines().find_map(|l| l.strip_prefix(what)).expect("a line");
            assert!(line.split_whitespace().take(2).all(|n| n == most), "{what}{line}");
        }
        assert_eq!(proc("stat").rsplit(')').next().expect("fields").split_whitespace().nth(16), Some("19"), "nice");
        let said = look.wait_with_output().expect("an answer");
        assert!(String::from_utf8_lossy(&said.stdout).contains("\"verdict\":\"failed\""), "{said:?}");
    });
}
