//! Secrets that were planted in the settings are searched for in everything that leaves the program.

use crate::support::binary::{Done, Home, usual};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;

const MAIL: &str = "planted-mail-7f31";
const BASIC: &str = "planted-basic-7f32";
const BEARER: &str = "planted-bearer-7f33";
const HEADER: &str = "planted-header-7f34";
const VARIABLE: &str = "planted-variable-7f35";

/// What a program might show of them: as they are, and as they stand in a login. The base64 texts are those of
/// `checker:planted-basic-7f32` and of `\0alpha\0planted-mail-7f31`.
const NEEDLES: [&str; 7] =
    [MAIL, BASIC, BEARER, HEADER, VARIABLE, "Y2hlY2tlcjpwbGFudGVkLWJhc2ljLTdmMzI", "AGFscGhhAHBsYW50ZWQtbWFpbC03ZjMx"];

/// A server that fails and repeats the whole request in its answer, as some do.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = vec![0; 16_384];
            let n = stream.read(&mut bytes).unwrap_or(0);
            let head =
                format!("HTTP/1.1 500 Oh\r\nX-Echo: {HEADER}\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n");
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes[..n])));
        }
    });
    port
}

fn jobs(port: u16) -> String {
    let url = format!("http://127.0.0.1:{port}");
    format!(
        "[defaults]\nfailure_threshold = 1\n\n[[job.http]]\nname = \"basic\"\nurl = \"{url}/basic\"\nuser = \"checker\"\n\
         pass_file = \"HOME/basic.secret\"\nbody_contains = \"welcome\"\n\n[[job.http]]\nname = \"bearer\"\nurl = \
         \"{url}/bearer\"\nbearer_file = \"HOME/bearer.secret\"\nbody_contains = \"welcome\"\n\n[[job.http]]\nname = \
         \"header\"\nurl = \"{url}/header\"\nheaders = {{ \"X-Api-Key\" = \"{HEADER}\" }}\nbody_contains = \
         \"welcome\"\n\n[[job.command]]\nname = \"variable\"\ncommand = [\"/bin/sh\", \"-c\", \"echo it fails; exit \
         2\"]\nenv = {{ PGPASSWORD = \"{VARIABLE}\" }}\n"
    )
}

fn smtp() -> String {
    // Nobody answers there.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    format!("[email.smtp]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"alpha\"\npass_file = \"mail.secret\"\n\n")
}

/// Looks for a needle in what was printed and in every file of the folder but those that it was planted in.
fn search(home: &Home, printed: &[Done]) {
    for done in printed {
        for needle in NEEDLES {
            assert!(!done.out.contains(needle) && !done.err.contains(needle), "{needle} was printed: {done:?}");
        }
    }
    let mut files = 0;
    let mut folders = vec![home.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().into_string().expect("a name"));
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if ["settings.cfg", "mail.secret", "basic.secret", "bearer.secret"].contains(&name.as_str()) {
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).expect("a file");
            // The accepted settings are the settings: what stands in them stands there, as well protected; what they
            // refer to does not.
            let is_copy = name == "checker.db.settings";
            let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
            assert!(!is_copy || mode == 0o600, "{name} has mode {mode:o}");
            for needle in NEEDLES.into_iter().filter(|n| !is_copy || ![HEADER, VARIABLE].contains(n)) {
                let found = bytes.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle.as_bytes()));
                assert!(!found, "{needle} is in {}", path.display());
            }
        }
    }
    assert!(files >= 4, "state, its log, the log, messages: only {files} files");
}

#[test]
fn planted_secrets_are_nowhere_to_be_found() {
    let port = echo();
    let log = "[log]\nlevel = \"debug\"\nstderr_level = \"debug\"\n\n";
    let home = Home::new(&usual(&(smtp() + log + &jobs(port))));
    for (name, secret) in [("mail", MAIL), ("basic", BASIC), ("bearer", BEARER)] {
        home.write(&format!("{name}.secret"), &format!("{secret}\n"));
    }
    let mut printed = Vec::new();
    let lively: [&[&str]; 12] = [
        &["check"],
        &["check", "--json"],
        &["cron", "--now", "-d", "-v"],
        &["cron", "--now", "--json"],
        &["try", "basic"],
        &["try", "bearer", "--json"],
        &["try", "header", "-d"],
        &["try", "variable", "-d"],
        &["jobs"],
        &["jobs", "--json"],
        &["status"],
        &["status", "--json"],
    ];
    for args in lively {
        printed.push(home.run(args).ended(0));
    }
    printed.push(home.run(&["test", "-d"]).ended(0));
    assert_eq!(home.subjects().len(), 2, "a digest of four failures, and the test: {:?}", home.subjects());
    let shown = &printed[4].out;
    assert!(shown.contains("status 500") && shown.contains("failed"), "the server was really asked: {shown}");
    // The same by SMTP, to a server that is not there.
    home.settings(&usual(&(smtp() + log + &jobs(port))).replace("transport = \"file\"\n", ""));
    for args in [&["cron", "--now", "-d"][..], &["test", "-d"], &["status"]] {
        printed.push(home.run(args));
    }
    // And with mistakes right beside them.
    let wrong = usual(&(smtp() + &jobs(port)))
        .replace("pass_file = \"mail.secret\"", &format!("pass = \"{MAIL}\" x"))
        .replace("env = {", "evn = {")
        .replace("headers = {", "haeders = {");
    home.settings(&wrong);
    for args in [&["check"][..], &["check", "--json"], &["cron"], &["status"]] {
        printed.push(home.run(args).ended(78));
    }
    search(&home, &printed);
}
