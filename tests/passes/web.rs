//! A web server whose pages are well or not, as a test says.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct Pages {
    well: BTreeSet<String>,
    hits: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Web {
    pub(super) port: u16,
    pages: Arc<Mutex<Pages>>,
}

impl Web {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let web = Self { port: listener.local_addr().expect("its address").port(), pages: Arc::default() };
        let served = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that is killed is what this is for.
                drop(served.serve(&stream));
            }
        });
        web
    }

    pub(super) fn set(&self, page: &str, well: bool) {
        let mut pages = self.pages.lock().expect("the pages");
        if well {
            pages.well.insert(page.to_owned());
        } else {
            pages.well.remove(page);
        }
    }

    /// How often a page was asked for.
    pub(super) fn hits(&self) -> usize {
        self.pages.lock().expect("the pages").hits
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let page = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let well = {
            let mut pages = self.pages.lock().expect("the pages");
            pages.hits += 1;
            pages.well.contains(&page)
        };
        let status = if well { "200 OK" } else { "503 Service Unavailable" };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }
}
