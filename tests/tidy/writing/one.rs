//! The crate of `docs/writing-a-job.md` that checks one thing.

use checker_job::{Context, Failure, Job, JobId, JobSpawner, Message, Metric, Outcome, Policy, SpawnError, Table};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    queue: std::path::PathBuf,
    max: u32,
}

pub struct QueueJob {
    id: JobId,
    policy: Policy,
    settings: Settings,
}

impl Job for QueueJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, _: &Context) -> Outcome {
        let (queue, max) = (self.settings.queue.display(), self.settings.max);
        let files = match std::fs::read_dir(&self.settings.queue) {
            Ok(files) => u32::try_from(files.count()).unwrap_or(u32::MAX),
            Err(why) => {
                return Outcome::unknown(format!("cannot look into {queue}: {why}"), format!("{queue} is unreadable"));
            }
        };
        let outcome = if files > max {
            Outcome::failed(format!("{files} files wait in {queue}, more than {max}"))
        } else {
            Outcome::ok(format!("{files} files wait"))
        };
        outcome.with_metric(Metric::new("files", f64::from(files), ""))
    }

    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        let mut message = failure.message();
        message.body.push_str("\nIs the worker running? systemctl status worker\n");
        message
    }
}

pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "queue";
    const EXAMPLE: &'static str = r#"
[[job.queue]]
name = "uploads"
queue = "/var/spool/uploads"   # the folder whose files are counted
max = 100                      # more than this is a failure
"#;
    type Settings = Settings;
    type Job = QueueJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<QueueJob>, Vec<SpawnError>> {
        let mut errors = Vec::new();
        let mut jobs = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            if table.settings.queue.is_relative() {
                errors.push(SpawnError::key(index, "queue", "write the whole path, beginning with /"));
                continue;
            }
            let target = table.settings.queue.display().to_string();
            let (id, policy) = table.job(Self::KIND, &target, true);
            jobs.push(QueueJob { id, policy, settings: table.settings });
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn it_judges_and_words() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "").unwrap();
    let table = |queue: std::path::PathBuf| Table {
        name: None,
        id: None,
        policy: std::sync::Arc::default(),
        settings: Settings { queue, max: 0 },
    };
    let job = Spawner::spawn(vec![table(folder.path().to_owned())]).unwrap().remove(0);
    let cx = Context::new(
        checker_job::Timestamp::default(),
        std::time::Duration::from_secs(1),
        "1".into(),
        std::path::Path::new("x").into(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(job.execute(&cx));
    assert_eq!(outcome.verdict, checker_job::Verdict::Failed);
    assert!(outcome.summary.starts_with("1 files wait in "), "{}", outcome.summary);
    let failure =
        Failure { policy: job.policy(), outcome: &outcome, since: cx.now, now: cx.now, failures: 1, reminder: false };
    assert!(job.on_failure(&failure).body.contains("systemctl status worker"));
    let errors = Spawner::spawn(vec![table("relative".into())]).err().unwrap();
    assert_eq!(errors[0].to_string(), "queue: write the whole path, beginning with /");
}
