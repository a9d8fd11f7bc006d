//! A real certificate authority: the command `openssl ca`, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// `None` on a machine without OpenSSL's program; in CI that is a failure.
pub(crate) fn openssl() -> Option<&'static str> {
    let found = Path::new("/usr/bin/openssl").exists().then_some("/usr/bin/openssl");
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "openssl is missing; run tests/install");
    if found.is_none() {
        println!("SKIPPED: openssl is missing; run tests/install");
    }
    found
}

const CONFIGURATION: &str = "
[ca]
default_ca = usual
[usual]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copyall
[any]
commonName = supplied
";

/// A folder with authorities and certificates, as files `NAME.pem` and `NAME.key`.
pub(crate) struct Authority {
    folder: TempDir,
}

/// What a certificate is to be.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    /// Who signs: itself, where that is its own name.
    pub(crate) by: &'a str,
    /// As OpenSSL writes them: `"DNS:a.example,IP:127.0.0.1"`. `None`: an authority.
    pub(crate) hosts: Option<&'a str>,
    /// First and last day, as `"2026-01-31"`; at the first second of it.
    pub(crate) days: (&'a str, &'a str),
}

/// A certificate of the usual kind; `name` and `by` are missing.
pub(crate) const NINETY: Wanted<'static> = Wanted {
    name: "",
    by: "",
    hosts: Some("DNS:www.example.test,DNS:example.test"),
    days: ("2026-09-01", "2026-11-30"),
};

impl Authority {
    /// With `root`, `middle` (signed by it), and `server` (by that one) for `www.example.test`, 90 days from 2026-09-01 on.
    pub(crate) fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in [("ca.cnf", CONFIGURATION), ("index.txt", ""), ("serial", "1000\n")] {
            std::fs::write(authority.file(name), text).unwrap();
        }
        authority.issue(&Wanted { name: "root", by: "root", hosts: None, days: ("2020-01-01", "2040-01-01") });
        authority.issue(&Wanted { name: "middle", by: "root", hosts: None, days: ("2020-01-01", "2030-01-01") });
        authority.issue(&Wanted { name: "server", by: "middle", ..NINETY });
        authority
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the key and the certificate.
    pub(crate) fn issue(&self, wanted: &Wanted<'_>) {
        let Wanted { name, by, hosts, days } = wanted;
        let extensions = match hosts {
            None => "basicConstraints=critical,CA:TRUE".to_owned(),
            Some(hosts) => format!("subjectAltName={hosts}"),
        };
        let (key, request, subject) = (format!("{name}.key"), format!("{name}.csr"), format!("/CN={name}"));
        let mut asking = vec!["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        asking.extend(["-keyout", &key, "-out", &request, "-subj", &subject, "-addext", &extensions]);
        self.openssl(&asking);
        self.sign(&request, name, by, *days);
    }

    /// Another certificate, `name`, for the key of `of`.
    pub(crate) fn sign_again(&self, of: &str, name: &str, by: &str, days: (&str, &str)) {
        self.sign(&format!("{of}.csr"), name, by, days);
    }

    /// Puts certificates into one file, `name`, one after the other.
    pub(crate) fn join(&self, all: &[&str], name: &str) {
        let read = |one: &&str| std::fs::read_to_string(self.file(&format!("{one}.pem"))).unwrap();
        std::fs::write(self.file(&format!("{name}.pem")), all.iter().map(read).collect::<String>()).unwrap();
    }

    fn sign(&self, request: &str, name: &str, by: &str, days: (&str, &str)) {
        let (from, until) = (stamp(days.0), stamp(days.1));
        let (by_certificate, by_key, out) = (format!("{by}.pem"), format!("{by}.key"), format!("{name}.pem"));
        let mut signing = vec!["ca", "-config", "ca.cnf", "-batch", "-notext", "-in", request, "-out", &out];
        signing.extend(["-startdate", &from, "-enddate", &until, "-keyfile", &by_key]);
        if name == by {
            signing.push("-selfsign");
        } else {
            signing.extend(["-cert", &by_certificate]);
        }
        self.openssl(&signing);
    }

    fn openssl(&self, words: &[&str]) {
        let mut command = Command::new(openssl().unwrap());
        let out = command.args(words).current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap();
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

/// `20260131000000Z`
fn stamp(day: &str) -> String {
    format!("{}000000Z", day.replace('-', ""))
}
