//! The kind of `docs/writing-a-job.md` that looks for yesterday's entry in a listing.

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Timestamp};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    listing: PathBuf,
    entry: String,
}

pub struct ListingJob {
    id: JobId,
    policy: Policy,
    settings: Settings,
}

/// What must stand in the listing. Pure: the same instant and zone always give the same words.
fn wanted(entry: &str, now: Timestamp, zone: &TimeZone) -> Result<String, jiff::Error> {
    let today = jiff::Timestamp::from_second(now.secs())?.to_zoned(zone.clone()).date();
    jiff::fmt::strtime::format(entry, today.yesterday()?)
}

/// A listing that is longer is read up to here, so that a run-away file cannot fill the memory.
const READ_MAX: u64 = 8 << 20;

fn read(listing: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(listing)?.take(READ_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Job for ListingJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        let listing = self.settings.listing.display();
        let entry = match wanted(&self.settings.entry, cx.now, &TimeZone::system()) {
            Ok(entry) => entry,
            Err(why) => {
                return Outcome::unknown(format!("cannot tell yesterday's entry: {why}"), "no date to look for");
            }
        };
        match read(&self.settings.listing) {
            Ok(text) if text.lines().any(|line| line.contains(&entry)) => {
                Outcome::ok(format!("{listing} holds {entry}"))
            }
            Ok(text) => {
                let last = text.lines().last().unwrap_or("nothing at all");
                Outcome::failed(format!("{listing} does not hold {entry}; it ends with: {last}"))
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => Outcome::failed(format!("{listing} is not there")),
            Err(why) => Outcome::unknown(format!("cannot read {listing}: {why}"), format!("{listing} is unreadable")),
        }
    }
}

pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "listing";
    const EXAMPLE: &'static str = r#"
[[job.listing]]
name = "nightly archive"
listing = "/srv/archive/index.txt"   # the file that is looked into
entry = "archive-%Y-%m-%d.tar.zst"   # what must stand there of yesterday: %Y year, %m month, %d day
every = "day_noon"                   # once a day, when the night's work must be done
failure_threshold = 1                # with the default of 2 it would be told a day later
"#;
    type Settings = Settings;
    type Job = ListingJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<ListingJob>, Vec<SpawnError>> {
        let mut errors = Vec::new();
        let mut jobs = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let entry = &table.settings.entry;
            let on = |day: i64| wanted(entry, Timestamp::from_secs(day * 86_400), &TimeZone::UTC);
            match (on(1), on(2)) {
                (Ok(one), Ok(other)) if one != other => {}
                // It would be found for ever, once it stood there.
                (Ok(_), Ok(_)) => errors.push(SpawnError::key(index, "entry", "name the day in it, as in %Y-%m-%d")),
                (Err(why), _) | (_, Err(why)) => errors.push(SpawnError::key(index, "entry", why.to_string())),
            }
            if table.settings.listing.is_relative() {
                errors.push(SpawnError::key(index, "listing", "write the whole path, beginning with /"));
            }
            let target = format!("{} {}", table.settings.listing.display(), table.settings.entry);
            let (id, policy) = table.job(Self::KIND, &target, true);
            jobs.push(ListingJob { id, policy, settings: table.settings });
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn yesterday_is_that_of_the_place() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    // 2026-03-01 00:30 in Berlin is still February in UTC.
    let now = Timestamp::from_secs(1_772_321_400);
    assert_eq!(wanted("%Y-%m-%d", now, &berlin).unwrap(), "2026-02-28");
    assert_eq!(wanted("%Y-%m-%d", now, &TimeZone::UTC).unwrap(), "2026-02-27");
}

#[test]
fn yesterdays_entry_must_stand_there() {
    let folder = tempfile::tempdir().unwrap();
    let listing = folder.path().join("index.txt");
    let table = |listing: &Path, entry: &str| Table {
        name: None,
        id: None,
        policy: std::sync::Arc::default(),
        settings: Settings { listing: listing.to_owned(), entry: entry.to_owned() },
    };
    let now = Timestamp::from_secs(1_772_321_400);
    let job = Spawner::spawn(vec![table(&listing, "of %Y-%m-%d")]).unwrap().remove(0);
    let look = || {
        let cx = Context::new(now, std::time::Duration::from_secs(1), "1".into(), Path::new("x").into());
        let outcome = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(job.execute(&cx));
        (outcome.verdict, outcome.summary)
    };
    let yesterday = wanted("of %Y-%m-%d", now, &TimeZone::system()).unwrap();
    for (text, verdict, said) in [
        (None, checker_job::Verdict::Failed, "is not there"),
        (Some(String::new()), checker_job::Verdict::Failed, "it ends with: nothing at all"),
        (Some("of 2026-02-20\n".to_owned()), checker_job::Verdict::Failed, "it ends with: of 2026-02-20"),
        (Some(format!("a\n{yesterday}, whole\nb\n")), checker_job::Verdict::Ok, "holds of 2026-02-2"),
    ] {
        if let Some(text) = &text {
            std::fs::write(&listing, text).unwrap();
        }
        let (was, summary) = look();
        assert!(was == verdict && summary.contains(said), "{text:?}: {was:?} {summary}");
    }
    let wrong = vec![table(Path::new("here"), "always the same"), table(Path::new("/x"), "at %H")];
    let errors: Vec<String> = Spawner::spawn(wrong).err().unwrap().iter().map(ToString::to_string).collect();
    assert!(errors[0].starts_with("entry: name the day in it"), "{errors:?}");
    assert!(errors[1].starts_with("listing: write the whole path"), "{errors:?}");
    assert!(errors[2].starts_with("entry: ") && errors.len() == 3, "{errors:?}");
}
