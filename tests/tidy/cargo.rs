//! Rules about manifests and the lock file.

use super::File;
use toml::Table;

/// TLS is rustls with ring, once. A second library is a second list of trusted certificates and a second set of holes.
const FORBIDDEN: [&str; 9] = [
    "openssl-sys",
    "openssl",
    "native-tls",
    "boring",
    "boring-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-lc-fips-sys",
    "rustls-openssl",
];

/// What `Cargo.lock` may not hold, and what it may hold once.
pub(super) fn one_tls_and_no_openssl(lock: &str) -> Vec<String> {
    let lock: Table = lock.parse().expect("Cargo.lock is TOML");
    let packages = lock.get("package").and_then(|p| p.as_array()).expect("Cargo.lock lists packages");
    let name = |p: &toml::Value| p.get("name").and_then(|n| n.as_str()).unwrap_or_default().to_owned();
    let names: Vec<String> = packages.iter().map(name).collect();
    let mut found = Vec::new();
    for bad in names.iter().filter(|n| FORBIDDEN.contains(&n.as_str())) {
        found.push(format!(
            "Cargo.lock: {bad}: TLS is rustls with ring; see who wants it with `cargo tree -i {bad}` and switch that \
             crate's features"
        ));
    }
    for one in ["rustls", "ring"] {
        let count = names.iter().filter(|n| *n == one).count();
        if count != 1 {
            found.push(format!("Cargo.lock: {count} versions of {one}: exactly one; see `cargo tree -d`"));
        }
    }
    found
}

/// The fuzzers have a lock file of their own. What they run must be what users have.
pub(super) fn fuzzed_is_shipped(lock: &str, fuzz: &str) -> Vec<String> {
    let packages = |lock: &str| -> Vec<(String, String)> {
        let lock: Table = lock.parse().expect("a lock file is TOML");
        let all = lock.get("package").and_then(|p| p.as_array()).expect("it lists packages");
        let word = |p: &toml::Value, key: &str| p.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        all.iter().map(|p| (word(p, "name"), word(p, "version"))).collect()
    };
    let shipped = packages(lock);
    let other = |(name, version): &(String, String)| {
        let mut all = shipped.iter().filter(|(n, _)| n == name).peekable();
        // Build tools and the fuzzer's own are nobody's.
        let differs = all.peek().is_some() && all.all(|(_, v)| v != version);
        differs.then(|| {
            format!(
                "fuzz/Cargo.lock: {name} {version} is not what Cargo.lock has: copy Cargo.lock there and run `cargo metadata` \
                 in fuzz/, which adds what is missing"
            )
        })
    };
    packages(fuzz).iter().filter_map(other).collect()
}

/// What the program depends on stands in the lock file of the fuzzers too, or they do not build.
pub(super) fn fuzzed_is_whole(root: &str, fuzz: &str) -> Vec<String> {
    let (root, fuzz): (Table, Table) = (root.parse().expect("Cargo.toml is TOML"), fuzz.parse().expect("a lock file"));
    let packages = fuzz.get("package").and_then(|p| p.as_array()).expect("it lists packages");
    let program = packages.iter().find(|p| p.get("name").and_then(|n| n.as_str()) == Some("checker"));
    let listed = program.and_then(|p| p.get("dependencies")?.as_array()).expect("the program is fuzzed");
    let locked: Vec<&str> = listed.iter().filter_map(|d| d.as_str()?.split(' ').next()).collect();
    let wanted = root.get("dependencies").and_then(|d| d.as_table()).expect("the program has dependencies");
    let missing = wanted.keys().filter(|name| !locked.contains(&name.as_str()));
    missing
        .map(|name| format!("fuzz/Cargo.lock: {name} is missing; run `cargo metadata` in fuzz/, which adds it"))
        .collect()
}

/// Each member of the workspace is held to the same lints.
pub(super) fn inherits_the_lints(manifest: &File) -> Vec<String> {
    let table: Table = manifest.text.parse().unwrap_or_else(|e| panic!("{}: {e}", manifest.path));
    let inherits = table.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
    if inherits == Some(true) {
        return Vec::new();
    }
    vec![format!("{}: the lints are not inherited; add `[lints]` and below it `workspace = true`", manifest.path)]
}

/// What the other rules rely on the compiler and clippy for.
pub(super) fn lints_are_strict(root: &str, clippy: &str) -> Vec<String> {
    let root: Table = root.parse().expect("Cargo.toml is TOML");
    let clippy: Table = clippy.parse().expect("clippy.toml is TOML");
    let lints = root.get("workspace").and_then(|w| w.get("lints"));
    let lint = |group: &str, name: &str| lints.and_then(|l| l.get(group)?.get(name)?.as_str());
    let mut found = Vec::new();
    if lint("rust", "unsafe_code") != Some("forbid") {
        found.push("Cargo.toml: [workspace.lints.rust] must say unsafe_code = \"forbid\"".to_owned());
    }
    for name in ["unwrap_used", "expect_used", "panic", "indexing_slicing", "print_stdout", "too_many_lines"] {
        if !matches!(lint("clippy", name), Some("warn" | "deny" | "forbid")) {
            found.push(format!("Cargo.toml: [workspace.lints.clippy] must say {name} = \"warn\""));
        }
    }
    let longest = clippy.get("too-many-lines-threshold").and_then(toml::Value::as_integer);
    if longest.is_none_or(|n| n > 60) {
        found.push("clippy.toml: too-many-lines-threshold must be 60 or less: short functions are read".to_owned());
    }
    found
}

#[test]
fn a_second_tls_is_found() {
    let lock = |names: &[&str]| {
        names.iter().map(|n| format!("[[package]]\nname = \"{n}\"\nversion = \"1.0.0\"\n")).collect::<String>()
    };
    assert!(one_tls_and_no_openssl(&lock(&["rustls", "ring", "openssl-probe"])).is_empty());
    for bad in FORBIDDEN {
        let found = one_tls_and_no_openssl(&lock(&["rustls", "ring", bad]));
        assert!(found.len() == 1 && found[0].contains(&format!("cargo tree -i {bad}")), "{found:?}");
    }
    let twice = one_tls_and_no_openssl(&lock(&["rustls", "rustls", "ring"]));
    assert!(twice.len() == 1 && twice[0].starts_with("Cargo.lock: 2 versions of rustls"), "{twice:?}");
}

#[test]
fn a_fuzzer_of_other_code_is_found() {
    let lock = |version: &str| format!("[[package]]\nname = \"hyper\"\nversion = \"{version}\"\n");
    let more = "[[package]]\nname = \"libfuzzer-sys\"\nversion = \"0.4.1\"\n";
    assert_eq!(fuzzed_is_shipped(&lock("1.9.0"), &(lock("1.9.0") + more)), Vec::<String>::new());
    let found = fuzzed_is_shipped(&lock("1.9.0"), &(lock("1.8.0") + more));
    assert!(found.len() == 1 && found[0].starts_with("fuzz/Cargo.lock: hyper 1.8.0 is not"), "{found:?}");
    let fuzz = "[[package]]\nname = \"checker\"\ndependencies = [\"hyper 1.9.0\", \"toml\"]\n";
    let found = fuzzed_is_whole("[dependencies]\nhyper = \"1\"\nnix = \"1\"\n", fuzz);
    assert!(found.len() == 1 && found[0].starts_with("fuzz/Cargo.lock: nix is missing"), "{found:?}");
}

#[test]
fn missing_lints_are_found() {
    let with = |text: &str| inherits_the_lints(&File::sample("jobs/x/Cargo.toml", text)).len();
    assert_eq!(with("[package]\nname = \"x\"\n[lints]\nworkspace = true\n"), 0);
    assert_eq!(with("[package]\nname = \"x\"\n"), 1);
    assert_eq!(with("[lints]\nworkspace = false\n"), 1);
    let lax = "[workspace.lints.rust]\nunsafe_code = \"warn\"\n[workspace.lints.clippy]\nunwrap_used = \"allow\"\n";
    assert_eq!(lints_are_strict(lax, "too-many-lines-threshold = 100").len(), 1 + 6 + 1);
}
