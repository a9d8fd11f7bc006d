//! A mailbox in memory that speaks IMAP, and a server that takes mail for it: what real ones do, and what they do on bad days.

use super::hostile::server;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// Where the server puts a message that it takes.
pub(super) const NOWHERE: &str = "";

#[derive(Default)]
pub(super) struct State {
    /// The messages of each folder, by their numbers.
    pub(super) folders: BTreeMap<String, BTreeMap<u32, String>>,
    last: u32,
    /// Commands and the answers to them, in place of what they would do.
    pub(super) answers: Vec<(&'static str, &'static str)>,
    /// What is removed elsewhere moves there.
    pub(super) moves_to: Option<&'static str>,
    /// All that was said to either server.
    pub(super) heard: String,
    /// What is done with each message in turn: the folder, and the answer; an empty answer ends the connection.
    pub(super) fares: Vec<(&'static str, &'static str)>,
}

#[derive(Clone, Default)]
pub(super) struct Stub(Arc<Mutex<State>>);

impl Stub {
    /// With these folders, and a list of what becomes of each message.
    pub(super) fn new(folders: &[&str], fares: &[(&'static str, &'static str)]) -> Self {
        let stub = Self::default();
        stub.with(|state| {
            state.folders.extend(folders.iter().map(|name| ((*name).to_owned(), BTreeMap::new())));
            state.fares = fares.to_vec();
        });
        stub
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(super) fn put(&self, folder: &str, text: &str) {
        self.with(|state| state.put(folder, text));
    }

    /// How many notes and how many other messages lie in a folder.
    pub(super) fn count(&self, folder: &str) -> (usize, usize) {
        self.with(|state| {
            let all =
                state.folders.get(folder).map(|all| all.values().cloned().collect::<Vec<_>>()).unwrap_or_default();
            let notes = all.iter().filter(|text| text.contains("X-Checker-Mail-Note: ")).count();
            (notes, all.len() - notes)
        })
    }

    pub(super) fn imap(&self) -> SocketAddr {
        let stub = self.clone();
        server(move |stream| stub.serve_imap(stream))
    }

    pub(super) fn smtp(&self) -> SocketAddr {
        let stub = self.clone();
        server(move |stream| stub.serve_smtp(stream))
    }

    fn serve_imap(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let (mut open, mut answer) = (String::new(), "* OK hi\r\n".to_owned());
        while stream.write_all(answer.as_bytes()).is_ok() {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let mut literal = Vec::new();
            if let Some(size) =
                line.trim_end().strip_suffix("+}").and_then(|head| head.rsplit('{').next()?.parse().ok())
            {
                literal.resize(size, 0);
                lines.read_exact(&mut literal).unwrap();
                lines.read_line(&mut String::new()).unwrap();
            }
            let (tag, command) = line.trim_end().split_once(' ').unwrap();
            answer = self.with(|state| {
                let text = String::from_utf8(literal).unwrap();
                write!(state.heard, "{command}\r\n{text}").unwrap();
                let planned =
                    state.answers.iter().find(|(begin, _)| command.starts_with(begin)).map(|(_, answer)| *answer);
                planned.map_or_else(|| state.imap(command, &text, &mut open), |answer| answer.to_owned() + "\r\n")
            });
            answer = answer.replace('$', tag);
        }
    }

    fn serve_smtp(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut text, mut answer) = (String::new(), None::<String>, "220 hi\r\n");
        loop {
            if !answer.is_empty() && stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            line.clear();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            answer = match &mut text {
                Some(whole) if line != ".\r\n" => {
                    whole.push_str(&line);
                    ""
                }
                Some(_) => {
                    let whole = text.take().unwrap_or_default();
                    let answer = self.with(|state| state.take(&whole));
                    if answer.is_empty() {
                        return;
                    }
                    answer
                }
                None if line.starts_with("DATA") => {
                    self.with(|state| state.heard.push_str("DATA\r\n"));
                    text = Some(String::new());
                    "354 go\r\n"
                }
                None => "250 ok\r\n",
            };
        }
    }
}

impl State {
    fn put(&mut self, folder: &str, text: &str) {
        self.last += 1;
        let last = self.last;
        self.folders.entry(folder.to_owned()).or_default().insert(last, text.to_owned());
    }

    fn take(&mut self, text: &str) -> &'static str {
        let (folder, answer) = if self.fares.is_empty() { ("INBOX", "250 ok\r\n") } else { self.fares.remove(0) };
        if folder != NOWHERE {
            self.put(folder, &format!("Received: by stub\r\n{text}"));
        }
        answer
    }

    fn imap(&mut self, command: &str, text: &str, open: &mut String) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let name = |word: &str| word.trim_matches('"').to_owned();
        let mut out = String::new();
        match (words[0], words.get(1).copied().unwrap_or_default()) {
            ("CAPABILITY", _) => out.push_str("* CAPABILITY IMAP4rev1 UIDPLUS LITERAL+\r\n"),
            ("LIST", _) => {
                for folder in self.folders.keys() {
                    let of = ["Junk", "Trash", "All"].into_iter().find(|place| place == folder);
                    let place = of.map(|place| format!("\\{place}")).unwrap_or_default();
                    write!(out, "* LIST ({place}) \"/\" {folder}\r\n").unwrap();
                }
            }
            ("EXAMINE" | "SELECT", folder) => {
                *open = name(folder);
                write!(out, "* {} EXISTS\r\n", self.folders.get(open.as_str()).map_or(0, BTreeMap::len)).unwrap();
            }
            ("APPEND", folder) => self.put(&name(folder), text),
            ("UID", "SEARCH") => {
                let uids = self.search(&words[2..], open);
                write!(out, "* SEARCH {uids}\r\n").unwrap();
            }
            ("UID", "FETCH") => self.fetch(words[2], open, &mut out),
            ("UID", "EXPUNGE") => self.expunge(words[2], open),
            _ => {}
        }
        out + "$ OK done\r\n"
    }

    /// By numbers, or any of the words in quotes.
    fn search(&self, words: &[&str], open: &str) -> String {
        let quoted: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix('"')?.strip_suffix('"')).collect();
        let by_number = |uid: &u32| words.first() == Some(&"UID") && numbers(words[1]).contains(uid);
        let found = self.folders.get(open).into_iter().flatten();
        let found = found.filter(|(uid, text)| by_number(uid) || quoted.iter().any(|word| text.contains(word)));
        found.map(|(uid, _)| uid.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn fetch(&self, set: &str, open: &str, out: &mut String) {
        for uid in numbers(set) {
            let Some(text) = self.folders.get(open).and_then(|all| all.get(&uid)) else { continue };
            let header = text.split_inclusive("\r\n\r\n").next().unwrap_or_default();
            let date = "01-Mar-2026 10:00:00 +0000";
            let size = header.len();
            let head = format!("* 1 FETCH (UID {uid} INTERNALDATE \"{date}\" BODY[HEADER]<0> {{{size}}}");
            write!(out, "{head}\r\n{header})\r\n").unwrap();
        }
    }

    fn expunge(&mut self, set: &str, open: &str) {
        for uid in numbers(set) {
            let gone = self.folders.get_mut(open).and_then(|all| all.remove(&uid));
            if let (Some(text), Some(to)) = (gone, self.moves_to.filter(|to| *to != open)) {
                self.put(to, &text);
            }
        }
    }
}

fn numbers(set: &str) -> Vec<u32> {
    set.split(',').filter_map(|uid| uid.parse().ok()).collect()
}
