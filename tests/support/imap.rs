//! Just enough of an IMAP client to read a mailbox over TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

pub struct Imap {
    stream: BufReader<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>,
    commands: u32,
}

impl Imap {
    /// Connects to `port` of this host and logs in.
    pub fn login(port: u16, tls: Arc<rustls::ClientConfig>, user: &str, pass: &str) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", port)).expect("IMAP listens");
        tcp.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let name = "localhost".try_into().expect("a name");
        let connection = rustls::ClientConnection::new(tls, name).expect("TLS");
        let stream = BufReader::new(rustls::StreamOwned::new(connection, tcp));
        let mut imap = Self { stream, commands: 0 };
        let greeting = imap.line();
        assert!(greeting.starts_with("* OK"), "{greeting}");
        imap.command(&format!("LOGIN \"{user}\" \"{pass}\""));
        imap
    }

    /// All mails of the inbox with their UIDs, oldest first.
    pub fn fetch_all(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.command("SELECT INBOX");
        self.command("UID FETCH 1:* (UID BODY.PEEK[])")
    }

    /// Sends a command, which must be OK. What comes back are the literals of FETCH.
    fn command(&mut self, command: &str) -> Vec<(u32, Vec<u8>)> {
        self.ask(command).into_iter().filter_map(|(line, text)| text.map(|text| (uid(&line), text))).collect()
    }

    /// Sends a command and reads up to its answer, which must be OK. What comes back are the lines before it, with the
    /// literal that follows them.
    pub fn ask(&mut self, command: &str) -> Vec<(String, Option<Vec<u8>>)> {
        self.commands += 1;
        let tag = format!("a{}", self.commands);
        let stream = self.stream.get_mut();
        stream.write_all(format!("{tag} {command}\r\n").as_bytes()).expect("IMAP takes commands");
        stream.flush().expect("IMAP takes commands");
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
                assert!(answer.starts_with("OK"), "{command}: {answer}");
                return lines;
            }
            let text = literal(&line).map(|size| {
                let mut text = vec![0; size];
                self.stream.read_exact(&mut text).expect("a whole literal");
                text
            });
            lines.push((line, text));
        }
    }

    /// Puts a message into a folder; `folder` and `flags` as IMAP writes them.
    pub fn append(&mut self, folder: &str, flags: &str, text: &str) {
        self.ask(&format!("APPEND {folder} ({flags}) {{{}+}}\r\n{text}", text.len()));
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("IMAP answers");
        assert!(!line.is_empty(), "IMAP ended the connection");
        line.trim_end().to_owned()
    }
}

impl Drop for Imap {
    fn drop(&mut self) {
        self.stream.get_mut().write_all(b"z LOGOUT\r\n").ok();
        self.stream.get_mut().flush().ok();
    }
}

/// The size of the literal that follows a line, if one does.
fn literal(line: &str) -> Option<usize> {
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}

/// The UID in the line of a FETCH.
fn uid(line: &str) -> u32 {
    let (_, after) = line.split_once("UID ").expect("a UID");
    after.split(' ').next().expect("a UID").parse().expect("a UID")
}
