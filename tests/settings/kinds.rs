//! Two job kinds for the tests of the settings: they check nothing.

use checker::registry::Registry;
use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

pub(crate) fn registry() -> Registry {
    Registry::new().with::<Tcp>().with::<Ping>()
}

pub(crate) struct FakeJob {
    id: JobId,
    policy: Policy,
    said: String,
}

impl Job for FakeJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, _: &Context) -> Outcome {
        Outcome::ok(self.said.clone())
    }
}

pub(crate) struct Tcp;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Quick,
    Thorough,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TcpSettings {
    #[serde(deserialize_with = "one_or_more")]
    address: Vec<String>,
    send: Option<String>,
    expect: Option<String>,
    latency_ms: Option<u64>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    ports: Vec<u16>,
    token_file: Option<String>,
    token: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn one_or_more<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    struct V;
    impl<'de> Visitor<'de> for V {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address \"host:port\" or a list of them")
        }
        fn visit_str<E>(self, one: &str) -> Result<Self::Value, E> {
            Ok(vec![one.to_owned()])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = seq.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    d.deserialize_any(V)
}

impl JobSpawner for Tcp {
    const KIND: &'static str = "tcp";
    const EXAMPLE: &'static str = "[[job.tcp]]\naddress = \"ns.example.com:53\"\n";
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] = &["address", "expect"];
    type Settings = TcpSettings;
    type Job = FakeJob;

    fn spawn(tables: Vec<Table<TcpSettings>>) -> Result<Vec<FakeJob>, Vec<SpawnError>> {
        let (mut jobs, mut errors) = (Vec::new(), Vec::new());
        for (n, table) in tables.iter().enumerate() {
            let s = &table.settings;
            for address in &s.address {
                if !address.contains(':') {
                    errors.push(SpawnError::key(
                        n,
                        "address",
                        format!("\"{address}\" has no port; write it as \"{address}:53\""),
                    ));
                }
                let (id, policy) = table.job("tcp", address, s.address.len() == 1);
                let said = format!(
                    "{:?} {:?} {:?} {:?} {:?} {:?} {}",
                    s.send,
                    s.expect,
                    s.latency_ms,
                    s.mode,
                    s.ports,
                    s.token_file,
                    s.headers.len()
                );
                jobs.push(FakeJob { id, policy, said });
            }
            if s.expect.is_some() && s.send.is_none() {
                errors.push(SpawnError::table(n, "\"expect\" needs \"send\""));
            }
            if s.token.as_ref().is_some_and(String::is_empty) {
                errors.push(SpawnError::key(n, "token", "it is empty"));
            }
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}

pub(crate) struct Ping;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PingSettings {
    host_name: String,
    count: u8,
}

impl JobSpawner for Ping {
    const KIND: &'static str = "ping";
    const EXAMPLE: &'static str = "[[job.ping]]\nhost_name = \"ns\"\ncount = 3\n";
    type Settings = PingSettings;
    type Job = FakeJob;

    fn spawn(tables: Vec<Table<PingSettings>>) -> Result<Vec<FakeJob>, Vec<SpawnError>> {
        Ok(tables
            .iter()
            .map(|table| {
                let (id, policy) = table.job("ping", &table.settings.host_name, true);
                let said = table.settings.count.to_string();
                FakeJob { id, policy, said }
            })
            .collect())
    }

    fn doubts(tables: &[Table<PingSettings>]) -> Vec<SpawnError> {
        let idle = tables.iter().enumerate().filter(|(_, table)| table.settings.count == 0);
        idle.map(|(n, _)| SpawnError::key(n, "count", "with 0 nothing is sent; write at least 1")).collect()
    }
}
