//! Settings that are wrong, each with what to do.

use crate::server::jobs;

#[test]
fn conforms() {
    checker_job::conformance::check::<checker_tls::Spawner>();
    checker_job::conformance::under_fire::<checker_tls::Spawner>("[[job.tls]]\naddress = \"127.0.0.1:9\"\n");
}

#[test]
fn each_wrong_key_says_what_to_write() {
    for (settings, wanted) in [
        ("address = []", "address: the list is empty"),
        ("address = \"www.example.com\"", "add it, as in"),
        ("address = [\"a.example:443\", \"A.example:443\"]", "stands in the list twice"),
        ("address = \"[fe80::1%eth0]:443\"", "set server_name"),
        ("address = \"a.example:443\"\nserver_name = \"a b\"", "server_name: \"a b\" is no host name"),
        (
            "address = \"a.example:443\"\nstarttls = \"SMTP\"",
            "starttls: \"SMTP\" is not known; use one of \"smtp\", \"imap\"",
        ),
        ("address = \"a.example:443\"\nwarning = \"3d\"", "warning: it must be more than `critical`"),
        (
            "address = \"a.example:443\"\ncritical = \"30d\"",
            "critical: it must be less than `warning`, which is \"21d\" and \"25%\"; set that too",
        ),
        ("address = \"a.example:443\"\nwarning = \"5%\"", "warning: it must be more than `critical`"),
        ("address = \"a.example:443\"\nwarning = \"soon\"", "or a part of the life, as in \"25%\""),
        ("address = \"a.example:443\"\nwarning = \"120%\"", "write a whole number from 1% to 99%"),
        ("address = \"a.example:443\"\nwarning = [\"30d\", \"20d\"]", "\"20d\" is one too many"),
        ("address = \"a.example:443\"\njudge = []", "judge: then nothing is judged"),
        ("address = \"a.example:443\"\njudge = [\"age\"]", "judge: \"age\" is not known"),
        (
            "address = \"a.example:443\"\nca_file = \"/nowhere/ca.pem\"",
            "ca_file: cannot read the CA file /nowhere/ca.pem",
        ),
        ("address = \"a.example:443\"\nclient_key = \"/k\"", "client_key: its certificate is missing"),
        ("address = \"a.example:443\"\nclient_certificate = \"/c\"", "client_certificate: its key is missing"),
    ] {
        let errors = jobs(settings).unwrap_err();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
    }
}

#[test]
fn a_list_makes_one_job_each() {
    assert_eq!(jobs("address = [\"a.example:443\", \"b.example:993\"]").unwrap().len(), 2);
}
