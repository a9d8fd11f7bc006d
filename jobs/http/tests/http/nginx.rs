//! A server that we did not write: Debian's nginx, with TLS, redirects, logins and a dead upstream.

use crate::support::{closed_port, run, secret_file};
use crate::tls::Pki;
use checker_job::Verdict;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// An nginx of our own, ended by its process handle.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `None` on a machine that cannot have nginx; in CI that is a failure.
fn program() -> Option<&'static str> {
    let found =
        ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|p| Path::new(p).exists());
    assert!(
        found.is_some() || std::env::var_os("CI").is_none(),
        "nginx is missing: apt-get install -y --no-install-recommends nginx-light"
    );
    if found.is_none() {
        println!("SKIPPED: nginx is missing; apt-get install -y --no-install-recommends nginx-light");
    }
    found
}

fn settings(dir: &Path, http: u16, https: u16, dead: u16) -> String {
    let dir = dir.display();
    // One process and no master: then the handle we hold is all there is to end.
    format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log;
         events {{ worker_connections 64; }}
         http {{
           access_log off; root {dir}/www; default_type text/plain;
           client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
           uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
           server {{
             listen 127.0.0.1:{http}; server_name localhost;
             location /moved {{ return 301 https://localhost:{https}/; }}
             location /away {{ return 302 http://elsewhere.example/; }}
             location /dead {{ proxy_pass http://127.0.0.1:{dead}; }}
             location /private {{ auth_basic x; auth_basic_user_file {dir}/users; try_files /index.html =404; }}
             location /json {{ return 200 '{{\"status\": \"ok\", \"queue\": [1]}}'; }}
             location /hangup {{ return 444; }}
           }}
           server {{
             listen 127.0.0.1:{https} ssl; server_name localhost;
             ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
           }}
         }}"
    )
}

/// A running nginx, with all that its targets need.
struct Stand {
    _nginx: Nginx,
    dir: TempDir,
    pki: Pki,
    http: u16,
    https: u16,
}

impl Stand {
    /// `None` where there is no nginx. Another process may take a free port before nginx does: then others are tried.
    async fn up() -> Option<Self> {
        let program = program()?;
        for _ in 0..5 {
            if let Some(stand) = Self::try_up(program).await {
                return Some(stand);
            }
        }
        panic!("nginx does not start");
    }

    async fn try_up(program: &str) -> Option<Self> {
        let (dir, pki) = (tempfile::tempdir().unwrap(), Pki::new());
        let (http, https, dead) = (closed_port().await, closed_port().await, closed_port().await);
        let at = dir.path();
        let (certificate, key) = pki.good().pem();
        for (name, text) in [
            ("cert.pem", certificate.as_str()),
            ("key.pem", key.as_str()),
            ("users", "me:{PLAIN}planted-pass\n"),
            ("nginx.conf", &settings(at, http, https, dead)),
        ] {
            std::fs::write(at.join(name), text).unwrap();
        }
        std::fs::create_dir(at.join("www")).unwrap();
        std::fs::write(at.join("www/index.html"), format!("welcome{}", " ".repeat(200_000))).unwrap();
        let mut child = Command::new(program)
            .args(["-c", "nginx.conf", "-p"])
            .arg(at)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // nginx writes it when it listens.
        for _ in 0..200 {
            if at.join("nginx.pid").exists() || child.try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let log = std::fs::read_to_string(at.join("error.log")).unwrap_or_default();
        let up = at.join("nginx.pid").exists();
        let nginx = Nginx(child);
        if !up {
            println!("nginx did not start: {log}");
            return None;
        }
        Some(Self { _nginx: nginx, dir, pki, http, https })
    }

    fn plain(&self, path: &str, keys: &str) -> String {
        format!("url = \"http://localhost:{}{path}\"\nip = \"4\"\n{keys}", self.http)
    }

    fn ca(&self) -> String {
        format!("ca_file = {:?}", self.pki.ca_file())
    }
}

async fn expect(settings: String, verdict: Verdict, want: &str) {
    let outcome = run(&settings).await;
    assert!(
        outcome.verdict == verdict && outcome.summary.starts_with(want),
        "{settings}\nwanted {verdict:?}: {want}\nfound {outcome:?}"
    );
    assert!(!format!("{outcome:?}").contains("-pass"), "{outcome:?}");
}

#[tokio::test]
async fn pages_and_their_statuses() {
    let Some(nginx) = Stand::up().await else {
        return;
    };
    for (path, keys, verdict, want) in [
        ("/", "body_contains = \"welcome\"", Verdict::Ok, "status 200 OK in "),
        ("/", "method = \"HEAD\"", Verdict::Ok, "status 200 OK in "),
        ("/none", "", Verdict::Failed, "status 404 Not Found, expected 200-299"),
        ("/none", "status = 404", Verdict::Ok, "status 404 Not Found in "),
        ("/dead", "", Verdict::Failed, "status 502 Bad Gateway, expected 200-299"),
        ("/json", "json = '$.status == \"ok\"'", Verdict::Ok, "status 200 OK"),
        ("/json", "json = '$.queue.length < 1'", Verdict::Failed, "JSON: $.queue.length is 1, expected < 1"),
        ("/hangup", "", Verdict::Failed, "closed the connection without an answer"),
        ("/away", "", Verdict::Failed, "redirects with status 302 to another host, http://elsewhere.example/"),
    ] {
        expect(nginx.plain(path, keys), verdict, want).await;
    }
}

#[tokio::test]
async fn logins() {
    let Some(nginx) = Stand::up().await else {
        return;
    };
    let right = secret_file(nginx.dir.path(), "right", "planted-pass\n");
    let wrong = secret_file(nginx.dir.path(), "wrong", "other-pass\n");
    let login = |file| nginx.plain("/private", &format!("user = \"me\"\npass_file = {file:?}"));
    expect(login(&right), Verdict::Ok, "status 200 OK in ").await;
    expect(login(&wrong), Verdict::Failed, "status 401 Unauthorized").await;
    expect(nginx.plain("/private", ""), Verdict::Failed, "status 401 Unauthorized").await;
}

#[tokio::test]
async fn https_beside_http() {
    let Some(nginx) = Stand::up().await else {
        return;
    };
    let (http, https, ca) = (nginx.http, nginx.https, nginx.ca());
    let welcome = format!("{ca}\nbody_contains = \"welcome\"");
    let secure = |port: u16, keys: &str| format!("url = \"https://localhost:{port}/\"\n{keys}");
    expect(secure(https, &welcome), Verdict::Ok, "status 200 OK in ").await;
    expect(secure(https, ""), Verdict::Failed, "certificate is signed by an unknown authority").await;
    expect(secure(http, &ca), Verdict::Failed, "server does not speak TLS").await;
    expect(nginx.plain("/moved", &welcome), Verdict::Ok, "status 200 OK in ").await;
    let plain = format!("url = \"http://localhost:{https}/\"");
    expect(plain, Verdict::Failed, "status 400 Bad Request").await;
}
