//! A web server that we did not write: Debian's nginx, with pages as files, over TLS and without.

use super::process::Daemon;
use super::tls::Identity;
use super::{free_ports, wait_until};
use nix::sys::signal::Signal;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// One that runs until it is dropped.
pub struct Nginx {
    _server: Daemon,
    _folder: TempDir,
    pub plain: u16,
    pub tls: u16,
}

impl Nginx {
    /// Serves these pages, each a path and a text; what ends in `.json` is JSON.
    pub fn start(pages: &[(&str, &str)], identity: &Identity) -> Self {
        let folder = tempfile::Builder::new().prefix("checker-web-").tempdir().expect("a folder");
        let at = folder.path();
        fs::create_dir(at.join("www")).expect("a folder");
        for (path, text) in pages {
            fs::write(at.join("www").join(path), text).expect("a page");
        }
        fs::write(at.join("cert.pem"), &identity.certificate).expect("a certificate");
        fs::write(at.join("key.pem"), &identity.key).expect("a key");
        let [plain, tls] = free_ports();
        fs::write(at.join("nginx.conf"), configuration(at, plain, tls)).expect("a configuration");
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-c", "nginx.conf", "-p"]).arg(at).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let server = Daemon::start(&mut command, Signal::SIGTERM);
        let open = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
        let up = wait_until(Duration::from_secs(20), || (open(plain) && open(tls)).then_some(()));
        let log = || fs::read_to_string(at.join("error.log")).unwrap_or_default();
        assert!(up.is_some(), "nginx does not start: {}", log());
        Self { _server: server, _folder: folder, plain, tls }
    }
}

fn configuration(at: &Path, plain: u16, tls: u16) -> String {
    let at = at.display();
    // One process and no master: then the one that we started is all there is to end.
    format!(
        "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log;
         events {{ worker_connections 64; }}
         http {{
           access_log off; root {at}/www;
           types {{ text/html html; application/json json; }}
           client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3;
           uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;
           server {{
             listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; server_name localhost;
             location = /moved {{ return 301 /; }} location = /none {{ return 204; }}
             ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;
           }}
         }}"
    )
}
