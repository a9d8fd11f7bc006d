//! Rules about `jobs/`: what lies there is a kind, and every kind is bundled.

use super::code::code_of;
use std::path::Path;
use toml::Table;

/// Crates in `jobs/` that are no kinds.
const NO_KINDS: [&str; 2] = ["api", "parts"];

/// One folder in `jobs/`.
#[derive(Clone, Debug)]
pub(super) struct JobFolder {
    /// Its name.
    pub(super) name: String,
    /// Its `Cargo.toml`, if it has one.
    pub(super) manifest: Option<String>,
}

impl JobFolder {
    /// The name of the package.
    fn package(&self) -> Option<String> {
        let table: Table = self.manifest.as_ref()?.parse().ok()?;
        Some(table.get("package")?.get("name")?.as_str()?.to_owned())
    }

    fn is_kind(&self) -> bool {
        !NO_KINDS.contains(&self.name.as_str())
    }
}

/// What lies in `jobs/`, tracked or not: a new crate is judged from its first minute.
pub(super) fn job_folders(jobs: &Path) -> Vec<JobFolder> {
    let mut folders: Vec<JobFolder> = std::fs::read_dir(jobs)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| JobFolder {
            name: entry.file_name().into_string().unwrap(),
            manifest: std::fs::read_to_string(entry.path().join("Cargo.toml")).ok(),
        })
        .collect();
    folders.sort_by(|a, b| a.name.cmp(&b.name));
    folders
}

/// A crate that is there and not bundled is a check that a user believes in and that never runs.
pub(super) fn kinds_are_bundled(folders: &[JobFolder], root: &str, bundled: &str) -> Vec<String> {
    let root: Table = root.parse().expect("Cargo.toml is TOML");
    let dependencies = root.get("dependencies").and_then(|d| d.as_table()).expect("the root has dependencies");
    let bundled = code_of(bundled);
    let mut found = Vec::new();
    for folder in folders {
        let name = &folder.name;
        let Some(package) = folder.package() else {
            found.push(format!(
                "jobs/{name} has no Cargo.toml with a package name: every folder in jobs/ is a crate of the workspace. \
                 Copy jobs/example, or move the folder elsewhere"
            ));
            continue;
        };
        if !folder.is_kind() {
            continue;
        }
        if !dependencies.contains_key(&package) {
            found.push(format!("Checker does not depend on {package}: run `cargo add -p checker --path jobs/{name}`"));
        }
        let line = format!(".with::<{}::Spawner>()", package.replace('-', "_"));
        if !bundled.contains(&line) {
            found.push(format!("src/bundled.rs does not list the kind of jobs/{name}: add the line {line}"));
        }
    }
    found
}

#[test]
fn a_forgotten_kind_is_found() {
    let folder =
        |name: &str, manifest: Option<&str>| JobFolder { name: name.to_owned(), manifest: manifest.map(str::to_owned) };
    let root = "[dependencies]\nchecker-tcp.workspace = true\nchecker-job = { path = \"jobs/api\" }\n";
    let bundled = "pub fn bundled() -> Registry {\n    Registry::new()\n        .with::<checker_tcp::Spawner>()\n        \
                   // .with::<checker_dns::Spawner>()\n}\n";
    let api = folder("api", Some("[package]\nname = \"checker-job\"\n"));
    let tcp = folder("tcp", Some("[package]\nname = \"checker-tcp\"\n"));
    assert!(kinds_are_bundled(&[api.clone(), tcp.clone()], root, bundled).is_empty());
    let dns = folder("dns", Some("[package]\nname = \"checker-dns\"\n"));
    let found = kinds_are_bundled(&[api, tcp, dns], root, bundled);
    assert!(found.len() == 2 && found[0].ends_with("run `cargo add -p checker --path jobs/dns`"), "{found:?}");
    assert!(found[1].ends_with("add the line .with::<checker_dns::Spawner>()"), "{found:?}");
    let found = kinds_are_bundled(&[folder("notes", None)], root, bundled);
    assert!(found.len() == 1 && found[0].starts_with("jobs/notes has no Cargo.toml"), "{found:?}");
}
