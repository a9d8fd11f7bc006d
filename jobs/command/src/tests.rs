//! Real programs, Debian's monitoring plugins among them.

use super::*;
use checker_job::{Mutation, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

fn table(command: &[&str]) -> Table<Settings> {
    Table {
        name: None,
        id: None,
        policy: Arc::default(),
        settings: Settings {
            command: Words(command.iter().map(|w| (*w).to_owned()).collect()),
            plain: false,
            network: false,
            env: BTreeMap::new(),
            directory: None,
        },
    }
}

fn run_table(table: Table<Settings>, timeout_ms: u64) -> (Outcome, Vec<String>) {
    let job = Spawner::spawn(vec![table]).unwrap().remove(0);
    let timeout = Duration::from_millis(timeout_ms);
    let scratch = std::env::temp_dir().join("checker-command-unused");
    let cx = Context::new(Timestamp::from_secs(0), timeout, "run-1".to_owned(), scratch.into());
    let begin = Instant::now();
    let outcome =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(job.execute(&cx));
    assert!(begin.elapsed() < timeout + Duration::from_secs(1), "{outcome:?}");
    (outcome, cx.log_lines())
}

fn vacuity(table: Table<Settings>) -> Vacuity {
    let job = Spawner::spawn(vec![table]).unwrap().remove(0);
    let scratch = std::env::temp_dir().join("checker-command-unused");
    let cx = Context::new(Timestamp::from_secs(0), Duration::from_secs(10), "run-1".to_owned(), scratch.into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(job.vacuity(&cx)).unwrap()
}

fn run(command: &[&str]) -> Outcome {
    run_table(table(command), 10_000).0
}

fn sh(script: &str) -> Outcome {
    run(&["/bin/sh", "-c", script])
}

fn plain(script: &str) -> Outcome {
    let mut table = table(&["/bin/sh", "-c", script]);
    table.settings.plain = true;
    run_table(table, 10_000).0
}

#[test]
fn the_four_exit_codes_are_the_four_verdicts() {
    for (code, verdict) in [(0, Verdict::Ok), (1, Verdict::Warning), (2, Verdict::Failed), (3, Verdict::Unknown)] {
        let outcome = sh(&format!("echo 'it says {code} | a=1s;2;3'; echo long; exit {code}"));
        assert_eq!(outcome.verdict, verdict);
        assert_eq!(outcome.summary, format!("it says {code}"));
        assert_eq!(outcome.detail, "long");
        assert_eq!(outcome.metrics.len(), 1, "{outcome:?}");
        assert_eq!(outcome.cause.is_some(), code == 3);
        let silent = sh(&format!("exit {code}"));
        assert_eq!(silent.verdict, verdict);
        assert!(silent.summary.starts_with(&format!("exit code {code}")), "{silent:?}");
    }
}

#[test]
fn other_codes_and_signals_say_nothing_about_the_target() {
    let odd = sh("echo hello; exit 7");
    assert_eq!(odd.verdict, Verdict::Unknown);
    assert_eq!(
        odd.summary,
        "exit code 7 is not a plugin's (0 to 3); if it is a script of another custom, set plain = true; it said: hello"
    );
    let missing = sh("no-such-program-here");
    assert_eq!(missing.verdict, Verdict::Unknown);
    assert!(missing.summary.contains("127") && missing.summary.contains("missing"), "{missing:?}");
    assert!(missing.detail.contains("no-such-program-here"), "stderr is evidence: {missing:?}");
    let killed = sh("kill -9 $$");
    assert_eq!(killed.verdict, Verdict::Unknown);
    assert!(killed.summary.contains("killed by signal 9"), "{killed:?}");
}

#[test]
fn a_check_over_the_network_says_so_of_what_is_not_well() {
    let blame = |network: bool, script: &str| {
        let mut table = table(&["/bin/sh", "-c", script]);
        table.settings.network = network;
        run_table(table, 10_000).0.blame
    };
    assert_eq!(blame(true, "exit 2"), Some(checker_job::Blame::Silence));
    assert_eq!(blame(true, "exit 0"), None);
    assert_eq!(blame(false, "exit 2"), None);
}

#[test]
fn a_plain_script_is_ok_or_failed() {
    assert_eq!(plain("echo fine").summary, "fine");
    assert_eq!(plain("exit 0").verdict, Verdict::Ok);
    for code in [1, 2, 3, 7, 127] {
        let outcome = plain(&format!("echo 'a | b=1'; echo more; echo why >&2; exit {code}"));
        assert_eq!(outcome.verdict, Verdict::Failed);
        assert_eq!(outcome.summary, format!("exit code {code}: a | b=1"));
        assert_eq!(outcome.detail, "a | b=1\nmore\nstderr:\nwhy");
        assert!(outcome.metrics.is_empty());
    }
    assert_eq!(plain("exit 4").summary, "exit code 4 and no output");
}

#[test]
fn stderr_speaks_where_stdout_is_silent() {
    let outcome = sh("echo; echo 'Traceback' >&2; echo 'KeyError' >&2; exit 2");
    assert_eq!(outcome.summary, "nothing on stdout; on stderr: Traceback");
    assert_eq!(outcome.detail, "stderr:\nTraceback\nKeyError");
    let fine = sh("echo OK; echo 'warning: locale' >&2");
    assert_eq!((fine.summary.as_str(), fine.detail.as_str()), ("OK", ""));
}

#[test]
fn a_check_that_hangs_is_a_failure() {
    let (outcome, _) = run_table(table(&["/bin/sh", "-c", "echo started; sleep 300"]), 2_000);
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert_eq!(outcome.summary, "/bin/sh did not end within 2 s and was killed");
}

/// No setting makes the kind blind to what a program says of itself: its defaults notice all, and so do the others.
#[test]
fn every_way_to_end_but_the_good_one_is_noticed() {
    let plugin = table(&["/bin/sh", "-c", "echo 'OK - all is well | a=1'"]);
    let (mut plain, mut network) = (plugin.clone(), plugin.clone());
    plain.settings.plain = true;
    network.settings.network = true;
    let names = ["warning", "failed", "missing", "killed", "timed_out"];
    for (table, names) in [(plugin, &names[..]), (network, &names), (plain, &names[1..])] {
        let Vacuity { outcome, mutations, .. } = vacuity(table);
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
        assert_eq!(mutations.iter().map(|m| m.name).collect::<Vec<_>>(), names);
        assert!(mutations.iter().all(Mutation::is_noticed), "{mutations:?}");
        // What the program said is judged, and not only how it ended.
        assert!(mutations.iter().any(|m| m.outcome.summary.contains("OK - all is well")), "{mutations:?}");
    }
}

#[test]
fn what_is_not_healthy_is_not_made_wrong() {
    for (command, verdict) in [("exit 1", Verdict::Warning), ("exit 2", Verdict::Failed), ("exit 3", Verdict::Unknown)]
    {
        let Vacuity { outcome, mutations, .. } = vacuity(table(&["/bin/sh", "-c", command]));
        assert_eq!((outcome.verdict, mutations), (verdict, Vec::new()), "{command}");
    }
    let missing = vacuity(table(&["/no/such/check_disk"]));
    assert_eq!((missing.outcome.verdict, missing.mutations), (Verdict::Unknown, Vec::new()));
}

#[test]
fn broken_numbers_are_logged_and_cost_nothing_else() {
    let (outcome, log) = run_table(table(&["/bin/echo", "OK | a=1 b=x c=2,5s"]), 10_000);
    assert_eq!(outcome.verdict, Verdict::Ok);
    assert_eq!(outcome.metrics.len(), 2);
    assert_eq!(log, ["performance data ignored, no number: b=x"]);
}

#[test]
fn much_output_is_kept_in_part() {
    let outcome = sh("echo first; head -c 200000 /dev/zero | tr '\\0' x; exit 2");
    assert_eq!(outcome.summary, "first");
    assert!(outcome.detail.ends_with("(output beyond 64 KiB was dropped)"));
    assert!(outcome.detail.len() < 70_000);
}

#[test]
fn the_program_gets_its_own_environment_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = table(&["/bin/sh", "-c", "echo \"$WORD $CHECKER_RUN $(pwd) ${CARGO-none}\""]);
    table.settings.env.insert("WORD".to_owned(), "hidden".to_owned());
    table.settings.directory = Some(folder.path().to_owned());
    let job = Spawner::spawn(vec![table.clone()]).unwrap().remove(0);
    assert!(!format!("{job:?}").contains("hidden"), "values may be secrets");
    let here = folder.path().canonicalize().unwrap();
    let outcome = run_table(table, 10_000).0;
    assert_eq!(outcome.summary, format!("hidden run-1 {} none", here.display()));
}

#[test]
fn a_program_that_cannot_start_is_unknown_with_its_cause() {
    let missing = run(&["/no/such/check_disk", "-w", "10%"]);
    assert_eq!(missing.verdict, Verdict::Unknown);
    let said = "there is no program /no/such/check_disk; install it or mend the path";
    assert_eq!((missing.summary.as_str(), missing.cause.as_deref()), (said, Some(said)));
}

#[test]
fn wrong_tables_say_what_to_do() {
    let mut bad_env = table(&["true"]);
    for name in ["", "A=B", "CHECKER_RUN"] {
        bad_env.settings.env.insert(name.to_owned(), "x".to_owned());
    }
    bad_env.settings.directory = Some("scripts".into());
    let tables = vec![
        table(&[]),
        table(&[""]),
        table(&["./check"]),
        table(&["~/check"]),
        table(&["/bin/true", "a\0b"]),
        bad_env,
        table(&["check_disk"]),
    ];
    let errors = Spawner::spawn(tables).unwrap_err();
    let places: Vec<(usize, &str)> = errors.iter().map(|e| (e.table, e.key.as_deref().unwrap_or_default())).collect();
    let env = (5, "env");
    let commands = (0..5).map(|i| (i, "command"));
    let wanted: Vec<(usize, &str)> = commands.chain([env, env, env, (5, "directory")]).collect();
    assert_eq!(places, wanted);
    assert!(errors[2].message.contains("the whole path, from / on"), "{errors:?}");
    let error = toml::from_str::<Settings>("command = '/bin/check -w 10'").unwrap_err();
    assert!(error.message().contains("a list with a word each, as in ["), "{error}");
}

#[test]
fn a_command_is_known_by_all_its_words() {
    let jobs = Spawner::spawn(vec![table(&["check_disk", "/"]), table(&["check_disk", "/srv"])]).unwrap();
    assert_eq!(jobs[0].id().as_str(), "command:check_disk /");
    assert_eq!(jobs[1].policy().name, "check_disk /srv");
}

/// Where Debian's package `monitoring-plugins-basic` puts its plugins.
const PLUGINS: &str = "/usr/lib/nagios/plugins";

/// # Panics
/// If the plugins are missing where they must not be: in CI.
fn plugins_are_here() -> bool {
    let wanted = ["check_disk", "check_load", "check_procs", "check_tcp", "check_dummy"];
    let missing: Vec<&&str> = wanted.iter().filter(|p| !Path::new(PLUGINS).join(p).exists()).collect();
    if missing.is_empty() {
        return true;
    }
    let how = "apt-get install --no-install-recommends monitoring-plugins-basic";
    assert!(std::env::var_os("CI").is_none(), "{PLUGINS} lacks {missing:?}: {how}");
    eprintln!("skipped: {PLUGINS} lacks {missing:?}: {how}");
    false
}

fn plugin(words: &[&str]) -> Outcome {
    let (name, arguments) = words.split_first().unwrap();
    let path = format!("{PLUGINS}/{name}");
    run(&[&[path.as_str()], arguments].concat())
}

#[test]
fn debians_plugins_run_unchanged() {
    if !plugins_are_here() {
        return;
    }
    let disk = plugin(&["check_disk", "-w", "1%", "-c", "0%", "-p", "/"]);
    assert!(disk.summary.starts_with("DISK "), "{disk:?}");
    let root = disk.metrics.iter().find(|m| m.label == "/").unwrap();
    assert!(root.value > 0.0 && root.max.is_some_and(|max| max >= root.value), "{root:?}");
    assert!(root.warning.as_deref().is_some_and(|w| w.parse::<Range>().is_ok()), "{root:?}");

    let load = plugin(&["check_load", "-w", "900,900,900", "-c", "999,999,999"]);
    assert_eq!(load.verdict, Verdict::Ok, "{load:?}");
    let labels: Vec<&str> = load.metrics.iter().map(|m| &*m.label).collect();
    assert_eq!(labels, ["load1", "load5", "load15"]);
    assert_eq!(load.metrics[0].critical.as_deref(), Some("999.000"));

    let procs = plugin(&["check_procs", "-w", "1:", "-c", "1:100000"]);
    assert_eq!(procs.verdict, Verdict::Ok, "{procs:?}");
    assert!(procs.metrics[0].value >= 1.0);
    let too_many = plugin(&["check_procs", "-w", "~:0", "-c", "1:1000000"]);
    assert_eq!(too_many.verdict, Verdict::Warning, "{too_many:?}");

    for (code, verdict) in
        [("0", Verdict::Ok), ("1", Verdict::Warning), ("2", Verdict::Failed), ("3", Verdict::Unknown)]
    {
        let dummy = plugin(&["check_dummy", code, "hello there"]);
        assert_eq!(dummy.verdict, verdict);
        assert!(dummy.summary.ends_with("hello there"), "{dummy:?}");
    }
}

#[test]
fn debians_check_tcp_sees_a_port_open_and_closed() {
    if !plugins_are_here() {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let open = plugin(&["check_tcp", "-H", "127.0.0.1", "-p", &port]);
    assert_eq!(open.verdict, Verdict::Ok, "{open:?}");
    assert_eq!((&*open.metrics[0].label, &*open.metrics[0].unit), ("time", "s"));
    drop(listener);
    let closed = plugin(&["check_tcp", "-H", "127.0.0.1", "-p", &port]);
    assert_eq!(closed.verdict, Verdict::Failed, "{closed:?}");
    assert!(closed.summary.contains("refused"), "{closed:?}");
}

#[test]
fn stands_fire() {
    checker_job::conformance::under_fire::<Spawner>(
        "[[job.command]]\nname = \"quick\"\ncommand = [\"true\"]\n\
         [[job.command]]\nname = \"slow\"\ncommand = [\"sleep\", \"0.03\"]\n",
    );
}
