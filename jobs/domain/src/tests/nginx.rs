//! A server that we did not write: Debian's nginx, with RDAP as files.

use super::server::{Pki, domain};
use super::*;
use std::process::{Child, Command, Stdio};

const NGINX: &str = "/usr/sbin/nginx";

/// An nginx of our own, ended by its process handle.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn configuration(at: &Path, port: u16) -> String {
    let at = at.display();
    // One process and no master: then the handle we hold is all there is to end.
    format!(
        "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log;
         events {{ worker_connections 64; }}
         http {{
           access_log off; root {at}/www; default_type application/rdap+json;
           client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3;
           uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;
           server {{
             listen 127.0.0.1:{port} ssl; server_name localhost;
             ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;
             location = /domain/free.example {{ default_type application/rdap+json; return 404 '{{\"errorCode\": 404}}'; }}
             location = /domain/much.example {{ return 429; }}
             location = /domain/moved.example {{ return 301 https://localhost:{port}/new/moved.example; }}
           }}
         }}"
    )
}

/// Starts one at a free port. Another process may take that before nginx does: then others are tried.
fn start(pki: &Pki) -> Option<(Nginx, u16)> {
    if !Path::new(NGINX).exists() {
        assert!(std::env::var_os("CI").is_none(), "nginx is missing; run tests/install");
        eprintln!("SKIPPED: nginx is missing; run tests/install");
        return None;
    }
    let at = pki.folder.path();
    for _ in 0..5 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(at.join("nginx.conf"), configuration(at, port)).unwrap();
        let mut command = Command::new(NGINX);
        command.args(["-c", "nginx.conf", "-p"]).arg(at);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut nginx = Nginx(child);
        // nginx writes it when it listens.
        for _ in 0..400 {
            if at.join("nginx.pid").exists() {
                return Some((nginx, port));
            }
            if nginx.0.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }
    panic!("nginx does not start: {}", std::fs::read_to_string(at.join("error.log")).unwrap_or_default());
}

#[tokio::test]
async fn files_of_nginx_are_judged() {
    let pki = Pki::new();
    for (folder, name, expires) in [
        ("domain", "good.example", "2030-01-01T00:00:00Z"),
        ("domain", "soon.example", "2026-12-10T00:00:00Z"),
        ("new", "moved.example", "2029-01-01T00:00:00Z"),
    ] {
        let folder = pki.folder.path().join("www").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), domain(name, &["active"], &[("expiration", expires)])).unwrap();
    }
    let Some((_nginx, port)) = start(&pki) else { return };
    for (name, verdict, said) in [
        ("good", Verdict::Ok, "good.example is registered until 2030-01-01, for another "),
        (
            "soon",
            Verdict::Warning,
            "the registration of soon.example ends in 11 d, on 2026-12-10, less than 30 d ahead",
        ),
        ("moved", Verdict::Ok, "moved.example is registered until 2029-01-01"),
        ("free", Verdict::Failed, "free.example is not registered, says localhost"),
        ("much", Verdict::Unknown, "much.example could not be looked up: the RDAP server localhost"),
        // Its own page, for what is not there.
        ("none", Verdict::Unknown, "none.example could not be looked up: localhost"),
    ] {
        let server = format!("https://localhost:{port}");
        let table = format!("domain = \"{name}.example\"\nserver = \"{server}\"\nca_file = {:?}", pki.ca_file());
        let outcome = run(&table).await;
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
        assert!(outcome.summary.starts_with(said), "{outcome:?}");
    }
}
