//! Settings that are wrong, each with what to do; and addresses.

use super::*;
use crate::registry::LIST;

#[test]
fn each_wrong_key_says_what_to_write() {
    for (settings, wanted) in [
        ("domain = []", "domain: the list is empty"),
        ("domain = \"\"", "domain: it is empty; name a domain"),
        ("domain = \"https://example.com/\"", "domain: \"https://example.com/\" is an address; write the domain alone"),
        ("domain = \"münchen.example\"", "write it in their place as \"xn--...\", which `idn münchen.example` says"),
        ("domain = \"com\"", "domain: \"com\" is a single word; write the whole domain, as in \"com.com\""),
        ("domain = \"a..b\"", "domain: \"a..b\" is no domain"),
        ("domain = \"-a.b\"", "is no domain"),
        ("domain = \"a b.c\"", "is no domain"),
        ("domain = \"a.b:443\"", "is no domain"),
        ("domain = [\"a.b\", \"A.B.\"]", "domain: a.b stands in the list twice"),
        ("domain = \"a.b\"\nwarning = \"soon\"", "warning: \"soon\" is no time"),
        ("domain = \"a.b\"\nwarning = \"7d\"", "warning: it must be more than `critical`, which is 7 d by default"),
        ("domain = \"a.b\"\ncritical = \"40d\"", "critical: it must be less than `warning`, which is 30 d by default"),
        ("domain = \"a.b\"\nserver = \"http://rdap.example/\"", "server: \"http://rdap.example/\" is not https"),
        ("domain = \"a.b\"\nserver = \"rdap.example\"", "server: \"rdap.example\" is no https address"),
        ("domain = \"a.b\"\nserver = \"https://me:pw@rdap.example/\"", "holds a login"),
        ("domain = \"a.b\"\nserver = \"https://rdap.example/?key=x\"", "server: \"domain/NAME\" is added to it"),
        ("domain = \"a.b\"\nca_file = \"/nowhere/ca.pem\"", "ca_file: cannot read the CA file /nowhere/ca.pem"),
    ] {
        let errors = jobs(settings, LIST).unwrap_err();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{settings}\n{errors:?}\nwanted {wanted}");
    }
    let many = jobs("domain = [\"x\", \"y\"]\nwarning = \"x\"\nserver = \"x\"\nca_file = \"/x\"", LIST).unwrap_err();
    assert_eq!(many.len(), 5, "{many:?}");
    let long = format!("domain = \"{}.example\"", "a".repeat(64));
    assert!(jobs(&long, LIST).is_err());
}

#[test]
fn a_list_makes_one_job_each_and_all_share_one_registry() {
    let jobs = jobs("domain = [\"A.example\", \"xn--mnchen-3ya.example.\"]", LIST).unwrap();
    let ids: Vec<&str> = jobs.iter().map(|job| job.id().as_str()).collect();
    assert_eq!(ids, ["domain:a.example", "domain:xn--mnchen-3ya.example"]);
    assert!(Arc::ptr_eq(&jobs[0].registry, &jobs[1].registry));
}

#[test]
fn redirects_lead_where_they_say() {
    let here = Address::parse("https://Rdap.Example/v1/domain/a.b?x=/y").unwrap();
    let joined = |location: &str| here.join(location).map(|a| format!("{} {} {}", a.endpoint, a.authority, a.path));
    for (location, wanted) in [
        ("https://b.example:8443/c?d", "b.example:8443 b.example:8443 /c?d"),
        ("//b.example", "b.example:443 b.example /"),
        ("/c", "rdap.example:443 rdap.example /c"),
        ("c", "rdap.example:443 rdap.example /v1/domain/c"),
        ("/c?to=https://x.example/", "rdap.example:443 rdap.example /c?to=https://x.example/"),
        ("/c://d", "rdap.example:443 rdap.example /c://d"),
        ("c?to=https://x.example/", "rdap.example:443 rdap.example /v1/domain/c?to=https://x.example/"),
        ("https://[2001:db8::1]/c", "[2001:db8::1]:443 [2001:db8::1] /c"),
    ] {
        assert_eq!(joined(location).as_deref(), Ok(wanted), "{location}");
    }
    for bad in ["http://b.example/", "ftp://b.example/", "https://", "https://u@b.example/", "/\u{1}", "/ü ä"] {
        assert!(joined(bad).is_err(), "{bad}");
    }
    assert!(joined(&format!("/{}", "a".repeat(3_000))).is_err());
    let below = |text: &str| Address::parse(text).unwrap().below("domain/a.b").path;
    assert_eq!(
        [below("https://a"), below("https://a/"), below("https://a/x"), below("https://a/x/?y")],
        ["/domain/a.b", "/domain/a.b", "/x/domain/a.b", "/x/domain/a.b"]
    );
}
