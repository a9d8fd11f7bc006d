//! Settings that are wrong, each with what to do; and files of known hosts.

use super::server::jobs;
use crate::Spawner;
use crate::known_hosts::pins;
use checker_job::Job as _;
use checker_parts::net::Endpoint;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
const MD5: &str = "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48";

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn each_wrong_key_says_what_to_write() {
    for (settings, wanted) in [
        ("address = []".to_owned(), "address: the list is empty"),
        ("address = \"ns.example\"".to_owned(), "add it, as in \"ns.example:22\""),
        ("address = [\"a.example:22\", \"A.example:22\"]".to_owned(), "stands in the list twice"),
        ("address = \"a:22\"\nsoftware = \"\"".to_owned(), "software: it is empty; leave the key out"),
        (
            "address = \"a:22\"\nhost_key = \"SHA256:short\"".to_owned(),
            "host_key: \"SHA256:short\" is no whole fingerprint",
        ),
        ("address = \"a:22\"\nhost_key = []".to_owned(), "host_key: the list is empty, and any key would do"),
        (format!("address = \"a:22\"\nhost_key = \"{MD5}\""), "use the one that `ssh-keygen -lf FILE` shows"),
        (format!("address = \"a:22\"\nhost_key = \"MD5:{MD5}\""), "use the one that `ssh-keygen -lf FILE` shows"),
        ("address = \"a:22\"\nhost_key = \"hello\"".to_owned(), "write \"SHA256:...\" or a whole line of a .pub file"),
        ("address = \"a:22\"\nhost_key = \"ssh-dss AAAA\"".to_owned(), "cannot verify keys of the kind \"ssh-dss\""),
        ("address = \"a:22\"\nhost_key = \"ssh-rsa AAAA\"".to_owned(), "the key after ssh-rsa is damaged"),
        (
            format!("address = \"a:22\"\nhost_key = \"{}\"", KEY.get(..70).unwrap()),
            "the key after ssh-ed25519 is damaged",
        ),
        (format!("address = \"a:22\"\nhost_key = [\"{KEY}\", \"{KEY} me\"]"), "stands in the list twice"),
        (
            format!("address = \"a:22\"\nhost_key = \"{KEY}\"\nknown_hosts = \"/etc/hosts\""),
            "known_hosts: host_key is set",
        ),
        ("address = \"a:22\"\nknown_hosts = \"known_hosts\"".to_owned(), "is not a whole path"),
        ("address = \"a:22\"\nknown_hosts = \"/nowhere/k\"".to_owned(), "known_hosts: cannot read /nowhere/k"),
        ("address = \"a:22\"\nknown_hosts = \"/dev/null\"".to_owned(), "/dev/null is no file"),
        (
            "address = \"a:22\"\nknown_hosts = \"/etc/passwd\"".to_owned(),
            "/etc/passwd: it has no key for a; log in once",
        ),
    ] {
        let errors: Vec<String> = jobs(&settings).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
    }
    let errors = jobs("address = []\nsoftware = \"\"\nhost_key = [\"x\", \"y\"]\n").unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn a_list_makes_one_job_each() {
    let jobs = jobs(&format!("address = [\"a.example:22\", \"[::1]:2222\"]\nhost_key = \"{KEY} comment\"")).unwrap();
    assert_eq!(jobs.iter().map(|j| j.id().as_str()).collect::<Vec<_>>(), ["ssh:a.example:22", "ssh:[::1]:2222"]);
}

#[test]
fn lines_of_known_hosts_are_found_by_their_names() {
    let good = |line: &str, at: &str| pins(line, &Endpoint::parse(at).unwrap()).map(|p| p.good.len());
    for (hosts, at, found) in [
        ("a.example", "a.example:22", true),
        ("A.Example", "a.example:22", true),
        ("b.example,a.example", "a.example:22", true),
        ("*.example", "a.example:22", true),
        ("?.example", "a.example:22", true),
        ("*.example,!a.example", "a.example:22", false),
        ("*", "a.example:22", true),
        ("*a*x*mple", "a.example:22", true),
        ("*a*x*mplex", "a.example:22", false),
        ("a.exampl", "a.example:22", false),
        ("[a.example]:2222", "a.example:2222", true),
        ("[a.example]:2222", "a.example:22", false),
        ("a.example", "a.example:2222", true),
        ("#a.example", "a.example:22", false),
        ("192.0.2.1", "192.0.2.1:22", true),
        ("[2001:db8::1]:2222", "[2001:db8::1]:2222", true),
        ("2001:db8::1", "[2001:db8::1]:22", true),
        ("|1|broken", "a.example:22", false),
    ] {
        let line = format!("# comment\n\n{hosts} {KEY} comment\n");
        assert_eq!(good(&line, at).is_ok(), found, "{hosts} {at}: {:?}", good(&line, at));
    }
    let both = format!("a.example {KEY}\n[a.example]:2222 {KEY}\n");
    assert_eq!(good(&both, "a.example:2222"), Ok(1), "those for the port come first");
}

#[test]
fn a_host_with_other_keys_only_is_told_so() {
    let of = |text: &str| pins(text, &Endpoint::parse("a.example:22").unwrap()).unwrap_err();
    let ca = of(&format!("@cert-authority *.example {KEY}\n"));
    assert!(ca.contains("that Checker can verify, only @cert-authority; set host_key instead"), "{ca}");
    let dsa = of("a.example ssh-dss AAAA\na.example ecdsa-sha2-nistp521 AAAA\n");
    assert!(dsa.contains("only ecdsa-sha2-nistp521, ssh-dss;"), "{dsa}");
    assert!(of("b.example x y\n").contains("compare the fingerprint"));
}
