//! What people may write, and what they are told otherwise.

use super::*;

/// The keys that are refused, and why.
fn refused(text: &str) -> Vec<(String, String)> {
    let errors = Spawner::spawn(vec![table::<Spawner>(text)]).err().unwrap_or_else(|| panic!("accepted: {text}"));
    errors.into_iter().map(|e| (e.key.unwrap_or_default(), e.message)).collect()
}

#[track_caller]
fn refuses(text: &str, key: &str, why: &str) {
    let found = refused(text);
    assert!(found.len() == 1 && found[0].0 == key && found[0].1.contains(why), "{text}: {found:?}");
}

#[test]
fn what_to_look_at_must_be_clear() {
    refuses("", "", "say what to look at");
    refuses("path = \"/a\"\nnewest_of = \"/b\"", "newest_of", "there is `path` too");
    refuses("path = []", "path", "the list is empty");
    refuses("path = \"log\"", "path", "from / on");
    refuses("path = [\"/a\", \"b\"]", "path", "b is a relative path");
    refuses("path = [\"/a\", \"/a\"]", "path", "stands in the list twice");
    refuses("path = \"/a\\u0000b\"", "path", "holds a NUL");
    refuses("newest_of = \"backups\"", "newest_of", "relative");
}

#[test]
fn each_wrong_value_is_said_with_its_remedy() {
    for (line, key, why) in [
        ("max_age = \"26\"", "max_age", "write it as \"10s\""),
        ("max_age_warning = \"x\"", "max_age_warning", "is no time"),
        ("min_age = \"-1h\"", "min_age", "is no time"),
        ("min_size = \"0B\"", "min_size", "as large as that"),
        ("min_size = \"1\"", "min_size", "\"5GiB\""),
        ("max_size = \"1 parsec\"", "max_size", "is no size"),
        ("max_size_warning = \"\"", "max_size_warning", "is no size"),
        ("type = \"directory\"", "type", "use \"file\", \"folder\", \"fifo\", \"socket\", \"device\" or \"any\""),
        ("contains = \"\"", "contains", "is in every line"),
        ("not_contains = [\"a\", \"a\\nb\"]", "not_contains", "line break"),
        ("matches = \"(\"", "matches", "no regular expression"),
        ("not_matches = \"\"", "not_matches", "matches everything"),
        ("matches = \"(((a{100}){100}){100})\"", "matches", "no regular expression"),
        ("contains = \"x\"\nread_max = \"0B\"", "read_max", "nothing would be read"),
        ("contains = \"x\"\nread_from = \"top\"", "read_from", "\"end\" or \"start\""),
        ("sha256 = \"abc\"", "sha256", "64 digits"),
        ("owner = \"\"", "owner", "a name or a number"),
        ("mode = \"rw-r--r--\"", "mode", "in octal"),
        ("mode = \"0888\"", "mode", "in octal"),
        ("name_matches = \"x\"", "name_matches", "goes with `newest_of` only"),
        ("min_files = 1", "min_files", "goes with `newest_of` only"),
        ("max_files = 1", "max_files", "goes with `newest_of` only"),
        ("read_max = \"1KiB\"", "read_max", "nothing is read without"),
    ] {
        refuses(&format!("path = \"/a\"\n{line}"), key, why);
    }
    let all = refused("path = \"a\"\nmax_age = \"x\"\nmin_size = \"y\"\nmode = \"z\"");
    let keys: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["path", "max_age", "min_size", "mode"]);
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (lines, key, why) in [
        ("max_age_warning = \"26h\"\nmax_age = \"26h\"", "max_age_warning", "less than `max_age`"),
        ("min_age = \"2h\"\nmax_age = \"1h\"", "min_age", "no file can be right"),
        ("max_size_warning = \"2GiB\"\nmax_size = \"1GiB\"", "max_size_warning", "less than `max_size`"),
        ("min_size = \"2GiB\"\nmax_size = \"1GiB\"", "min_size", "no file can be right"),
        ("type = \"fifo\"\ncontains = \"x\"", "contains", "judged of files alone"),
        ("type = \"folder\"\nmin_size = \"1B\"", "min_size", "judged of files alone"),
        (
            "type = \"any\"\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
            "sha256",
            "file",
        ),
        ("absent = true\nmax_age = \"1h\"", "max_age", "nothing more to judge"),
        ("absent = true\noptional = true", "optional", "nothing more to judge"),
    ] {
        refuses(&format!("path = \"/a\"\n{lines}"), key, why);
    }
    refuses("newest_of = \"/a\"\nmax_files = 0", "max_files", "less than min_files, which is 1");
    refuses("newest_of = \"/a\"\ntype = \"socket\"", "type", "use \"file\" or \"folder\"");
    refuses("newest_of = \"/a\"\nabsent = true", "newest_of", "nothing more to judge");
}

#[test]
fn a_list_makes_one_job_each_with_ids_of_their_own() {
    let mut two = table::<Spawner>("path = [\"/a\", \"/b\"]");
    two.name = Some("files".to_owned());
    let folder = table::<Spawner>("newest_of = \"/a\"");
    let jobs = Spawner::spawn(vec![two, folder]).unwrap();
    let told: Vec<_> = jobs.iter().map(|job| (job.id.as_str(), job.policy.name.as_str())).collect();
    let want = [("file:/a", "files (/a)"), ("file:/b", "files (/b)"), ("file:newest of /a", "newest of /a")];
    assert_eq!(told, want);
    let again = toml::from_str::<Settings>("path = \"/a\"\nmax_agee = \"1h\"").unwrap_err();
    assert!(again.message().contains("unknown field `max_agee`"), "{again}");
}
