//! Settings that are wrong, each with what to do; and ids.

use super::{job, jobs};
use checker_job::Job;

#[test]
fn each_wrong_address_says_what_to_write() {
    for (keys, wanted) in [
        ("count = 3", "missing field `address`"),
        ("address = []", "address: the list is empty; name at least one, as in \"router.example.com\""),
        ("address = \" \"", "address: it is empty; name a host"),
        ("address = \"router.example.com:80\"", "has a port, and pings have none; leave it out"),
        ("address = \"http://router.example.com/\"", "is no host; write it as in"),
        ("address = \"192.0.2.0/24\"", "is no host; write it as in"),
        ("address = \"a b\"", "address: \" \" cannot stand in a host's name"),
        ("address = \"bücher.example\"", "xn--"),
        ("address = \"0.0.0.0\"", "address: 0.0.0.0 is no address of a host"),
        ("address = \"255.255.255.255\"", "255.255.255.255 is no address of a host"),
        ("address = \"224.0.0.1\"", "224.0.0.1 is no address of a host"),
        ("address = \"ff02::1%eth0\"", "ff02::1 is no address of a host"),
        ("address = \"fe80::1\"", "address: fe80::1 is of one link; say which, as in \"fe80::1%eth0\""),
        ("address = \"fe80::1%\"", "fe80::1 is of one link"),
        ("address = [\"Router\", \"router\"]", "address: router stands in the list twice; take one out"),
        ("address = [\"2001:db8::1\", \"[2001:DB8:0::1]\"]", "2001:db8::1 stands in the list twice"),
        ("address = \"192.0.2.1\"\nip = \"6\"", "address: 192.0.2.1 is not of the family that ip asks for"),
    ] {
        refused(keys, wanted);
    }
}

#[track_caller]
fn refused(keys: &str, wanted: &str) {
    let errors = jobs(keys).err().unwrap_or_default();
    assert!(errors.iter().any(|e| e.contains(wanted)), "{keys}\n{errors:?}\nwanted {wanted}");
}

#[test]
fn each_wrong_key_says_what_to_write() {
    let host = "address = \"router.example.com\"\n";
    for (keys, wanted) in [
        ("ip = \"ipv6\"", "ip: \"ipv6\" is not known; use \"4\", \"6\" or \"any\""),
        ("count = 0", "count: 0 is not from 1 to 100"),
        ("count = 101", "count: 101 is not from 1 to 100"),
        ("size = 15", "size: 15 is not from 16 to 65507"),
        ("size = 65508", "size: 65508 is not from 16 to 65507"),
        ("interval = \"often\"", "interval: \"often\" is no time"),
        ("interval = \"9ms\"", "interval: it must be 10 ms or more: networks take quicker pings"),
        (
            "count = 13",
            "count: 13 pings, one every 200 ms, and the answer to the last take 3100 ms, which is more than timeout = 3 s",
        ),
        ("interval = \"600ms\"", "interval: 5 pings, one every 600 ms, and the answer to the last take 3500 ms"),
        ("loss_warning = \"5\"", "loss_warning: \"5\" is no share; write it as \"10%\""),
        ("loss_critical = \"101%\"", "loss_critical: \"101%\" is no share"),
        (
            "loss_critical = \"20%\"",
            "loss_critical: it must be more than loss_warning (which is \"20%\", by default), or nobody is ever warned",
        ),
        ("loss_warning = \"60%\"", "loss_warning: it must be less than loss_critical (which is \"60%\", by default)"),
        (
            "loss_warning = \"30%\"\nloss_critical = \"30%\"",
            "loss_critical: it must be more than loss_warning (which is \"30%\"), or",
        ),
        ("rtt_warning = \"0s\"", "rtt_warning: no answer takes no time; write it as \"100ms\""),
        ("rtt_critical = \"3s\"", "rtt_critical: nothing takes longer than timeout = 3 s"),
        (
            "rtt_warning = \"100ms\"\nrtt_critical = \"100ms\"",
            "rtt_warning: it must be shorter than rtt_critical, or nobody is ever warned; write less, or",
        ),
        ("port = 7", "unknown field `port`"),
    ] {
        refused(&format!("{host}{keys}"), wanted);
    }
    let all = jobs("address = []\ncount = 0\nsize = 1\nip = \"x\"\nloss_warning = \"x\"").unwrap_err();
    assert_eq!(all.len(), 5, "each problem is reported: {all:?}");
    assert!(jobs(&format!("{host}count = 12")).is_ok() && jobs(&format!("{host}count = 1\nsize = 16")).is_ok());
}

#[test]
fn a_job_is_known_by_its_host() {
    for (keys, id) in [
        ("address = \"Router.example.com\"", "ping:router.example.com"),
        ("address = \"192.0.2.1\"", "ping:192.0.2.1"),
        ("address = \"[2001:DB8::1]\"", "ping:2001:db8::1"),
        ("address = \"2001:DB8::1\"", "ping:2001:db8::1"),
        ("address = \"fe80::1%eth0\"", "ping:fe80::1%eth0"),
        ("address = \"router\"\nip = \"6\"", "ping:router IPv6"),
    ] {
        assert_eq!(job(keys).id().as_str(), id);
    }
    let both = jobs("address = [\"a\", \"b\"]").unwrap();
    assert_eq!(both.iter().map(|j| j.id().as_str()).collect::<Vec<_>>(), ["ping:a", "ping:b"]);
}
