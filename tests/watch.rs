//! The watch end to end: a real cron starts the real program, a target dies, a real mail server takes the message, and it
//! is read in the admin's mailbox.

mod by_cron;
mod own;
mod trouble;

use crate::support::binary::Home;
use crate::support::mail::MailServer;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A server that can be stopped and started on its port.
struct Target {
    address: SocketAddr,
    running: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Target {
    /// A port on which nothing answers yet.
    fn dead() -> Self {
        let [port] = crate::support::free_ports();
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), running: None }
    }

    fn up(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                drop(connection);
                if seen.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        self.running = Some((stop, thread));
    }

    fn down(&mut self) {
        let Some((stop, thread)) = self.running.take() else { return };
        stop.store(true, Ordering::SeqCst);
        std::net::TcpStream::connect(self.address).ok();
        thread.join().unwrap();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.down();
    }
}

/// How the program reaches the mail server.
#[derive(Clone, Copy)]
struct Way<'a> {
    port: u16,
    security: &'a str,
    pass: &'a str,
    to: &'a str,
}

/// A folder whose settings watch `target` and mail by `way`. `name` stands in every subject, to find them by.
fn home(name: &str, target: &Target, way: Way<'_>, ca: &str, defaults: &str) -> Home {
    let home = Home::new("");
    home.write("ca.pem", ca);
    home.write("mail.secret", way.pass);
    let login = match way.security {
        "none" => String::new(),
        _ => "user = \"watch@checker.test\"\npass_file = \"mail.secret\"\nca_file = \"ca.pem\"\n".to_owned(),
    };
    home.settings(&format!(
        "[general]\nservername = \"{name}\"\nalertcontact = \"{}\"\ntimezone = \"UTC\"\n\n[email]\nfrom = \
         \"watch@checker.test\"\n\n[email.smtp]\nhost = \"localhost\"\nport = {}\nsecurity = \"{}\"\n{login}\n\
         [defaults]\n{defaults}\n\n[[job.tcp]]\nname = \"shop\"\naddress = \"{}\"\n",
        way.to, way.port, way.security, target.address
    ));
    home
}

/// Subjects in the admin's mailbox that name this server, oldest first.
fn subjects(server: &MailServer, name: &str) -> Vec<String> {
    let mails = server.mailbox("oncall");
    let found = mails.iter().map(|m| m.header("Subject")).filter(|s| s.starts_with(&format!("[{name}]")));
    found.collect()
}
