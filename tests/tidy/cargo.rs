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
fn missing_lints_are_found() {
    let with = |text: &str| inherits_the_lints(&File::sample("jobs/x/Cargo.toml", text)).len();
    assert_eq!(with("[package]\nname = \"x\"\n[lints]\nworkspace = true\n"), 0);
    assert_eq!(with("[package]\nname = \"x\"\n"), 1);
    assert_eq!(with("[lints]\nworkspace = false\n"), 1);
    let lax = "[workspace.lints.rust]\nunsafe_code = \"warn\"\n[workspace.lints.clippy]\nunwrap_used = \"allow\"\n";
    assert_eq!(lints_are_strict(lax, "too-many-lines-threshold = 100").len(), 1 + 6 + 1);
}
