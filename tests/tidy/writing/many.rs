//! The spawner of `docs/writing-a-job.md` that makes one job for each server.

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table};
use serde::Deserialize;
use std::net::ToSocketAddrs;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    servers: Vec<String>,
}

pub struct ResolveJob {
    id: JobId,
    policy: Policy,
    server: String,
}

impl Job for ResolveJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, _: &Context) -> Outcome {
        match (self.server.as_str(), 0).to_socket_addrs() {
            Ok(addresses) => Outcome::ok(format!("{} has {} addresses", self.server, addresses.count())),
            Err(why) => Outcome::failed(format!("could not resolve {}: {why}", self.server)),
        }
    }
}

pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "resolve";
    const EXAMPLE: &'static str = r#"
[[job.resolve]]
servers = ["one.example.com", "two.example.com"]   # one job each
"#;
    type Settings = Settings;
    type Job = ResolveJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<ResolveJob>, Vec<SpawnError>> {
        let mut jobs = Vec::new();
        for table in &tables {
            let alone = table.settings.servers.len() == 1;
            for server in &table.settings.servers {
                let (id, policy) = table.job(Self::KIND, server, alone);
                jobs.push(ResolveJob { id, policy, server: server.clone() });
            }
        }
        Ok(jobs)
    }
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn each_server_has_a_job_of_its_own() {
    let settings = Settings { servers: vec!["127.0.0.1".to_owned(), "not..valid".to_owned()] };
    let table = Table { name: Some("names".to_owned()), id: None, policy: std::sync::Arc::default(), settings };
    let jobs = Spawner::spawn(vec![table]).unwrap();
    let said: Vec<(&str, &str)> = jobs.iter().map(|j| (j.id().as_str(), j.policy().name.as_str())).collect();
    assert_eq!(said, [("resolve:127.0.0.1", "names (127.0.0.1)"), ("resolve:not..valid", "names (not..valid)")]);
    let cx = Context::new(
        checker_job::Timestamp::default(),
        std::time::Duration::from_secs(1),
        "1".into(),
        std::path::Path::new("x").into(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(jobs[0].execute(&cx)).summary, "127.0.0.1 has 1 addresses");
    assert!(runtime.block_on(jobs[1].execute(&cx)).summary.starts_with("could not resolve not..valid: "));
}
