//! What people may write, and what they are told otherwise.

use super::*;

fn refused(text: &str) -> Vec<(String, String)> {
    let errors = Spawner::spawn(vec![table::<Spawner>(text)]).err().unwrap_or_else(|| panic!("accepted: {text}"));
    errors.into_iter().map(|e| (e.key.unwrap_or_default(), e.message)).collect()
}

#[test]
fn each_wrong_key_is_said_with_its_remedy() {
    for (text, key, why) in [
        ("", "", "say what to look at"),
        ("all = true\npath = \"/\"", "path", "looked at already"),
        ("all = true\nmounted = true", "mounted", "goes with `path` only"),
        ("path = \"/\"\nexcept = \"/mnt\"", "except", "goes with `all` only"),
        ("all = true\nexcept = \"mnt\"", "except", "from / on"),
        ("path = []", "path", "the list is empty"),
        ("path = \"var\"", "path", "from / on"),
        ("path = [\"/a\", \"/a\"]", "path", "twice"),
        ("path = \"/a\\u0000\"", "path", "holds a NUL"),
        ("all = true\nwarning = \"ten\"", "warning", "or a share, as in \"10%\"; or \"never\""),
        (
            "all = true\ncritical = \"12%\"",
            "critical",
            "less than warning (which is \"10%\" and \"50GiB\", by default)",
        ),
        (
            "all = true\nwarning = \"10GiB\"",
            "warning",
            "more than critical (which is \"5%\" and \"20GiB\", by default)",
        ),
        ("all = true\nwarning = []", "warning", "the list is empty"),
        ("all = true\ninodes_warning = \"3%\"", "inodes_warning", "more than inodes_critical"),
        ("all = true\ninodes_critical = \"1GiB\"", "inodes_critical", "inodes have no size"),
        ("all = true\ninodes_warning = \"101%\"", "inodes_warning", "is no share"),
    ] {
        let found = refused(text);
        assert!(found.len() == 1 && found[0].0 == key && found[0].1.contains(why), "{text}: {found:?}");
    }
    let all = refused("path = \"a\"\nwarning = \"x\"\ncritical = \"y\"\ninodes_warning = \"z\"");
    let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["path", "warning", "critical", "inodes_warning"]);
}

#[test]
fn a_list_makes_one_job_each_and_all_are_one() {
    let jobs =
        Spawner::spawn(vec![table::<Spawner>("path = [\"/\", \"/var\"]"), table::<Spawner>("all = true")]).unwrap();
    let ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["disk:/", "disk:/var", "disk:all local file systems"]);
}
