//! Real processes; each test ends within seconds.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn sh(script: &str) -> Program {
    Program::new(["/bin/sh", "-c", script])
}

fn run(program: &Program, limit_ms: u64) -> Report {
    let limit = Duration::from_millis(limit_ms);
    let report = block_on(program.run("test-run", limit)).unwrap();
    assert!(report.took < limit + Duration::from_millis(1_500), "{report:?}");
    report
}

/// Runs `program` on `file`, whose text becomes `script`, executable or not.
fn file(folder: &Path, name: &str, text: &str, mode: u32) -> Program {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    Program::new([path.to_str().unwrap()])
}

/// The state letter of a process in /proc, or `None` if it is gone.
fn state_of(pid: &str) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

fn assert_dies(pid: &str) {
    assert!(pid.trim().parse::<i32>().is_ok(), "no pid: {pid:?}");
    for _ in 0..100 {
        if state_of(pid).is_none_or(|s| s == 'Z' || s == 'X') {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("process {pid} lives: {:?}", state_of(pid));
}

fn start_error(program: &Program) -> StartError {
    block_on(program.run("test-run", Duration::from_secs(5))).unwrap_err()
}

#[test]
fn output_exit_code_and_signal_are_reported() {
    let report = run(&sh("echo out; echo err >&2; exit 7"), 5_000);
    assert_eq!(report.exit, Exit::Exited(7));
    assert_eq!((report.stdout.text.as_str(), report.stderr.text.as_str()), ("out\n", "err\n"));
    assert!(!report.stdout.truncated);
    assert_eq!(run(&sh("kill -9 $$"), 5_000).exit, Exit::Signalled(9));
    assert_eq!(run(&Program::new(["true"]), 5_000).exit, Exit::Exited(0));
}

#[test]
fn stdin_is_empty_or_what_was_given() {
    assert_eq!(run(&sh("cat"), 5_000).stdout.text, "");
    let mut program = sh("wc -c");
    program.input = vec![b'x'; 300_000];
    assert_eq!(run(&program, 5_000).stdout.text.trim(), "300000");
    let mut deaf = sh("exit 0");
    deaf.input = vec![b'x'; 300_000];
    assert_eq!(run(&deaf, 5_000).exit, Exit::Exited(0));
}

#[test]
fn the_environment_is_ours() {
    let mut program = sh("env; pwd");
    program.env = vec![("FOO".to_owned(), "a b".to_owned())];
    let text = run(&program, 5_000).stdout.text;
    let lines: Vec<&str> = text.lines().collect();
    for wanted in ["LANG=C.UTF-8", "FOO=a b", "CHECKER_RUN=test-run", "/"] {
        assert!(lines.contains(&wanted), "{wanted} in {text}");
    }
    assert!(text.contains(&format!("PATH={DEFAULT_PATH}\n")), "{text}");
    assert!(text.contains("HOME=/"), "{text}");
    assert!(!text.contains("CARGO"), "{text}");
    assert!(!format!("{program:?}").contains("a b"), "{program:?}");
}

#[test]
fn the_child_is_the_first_to_go_when_memory_runs_out() {
    let report = run(&sh("sleep 0.2; cat /proc/self/oom_score_adj"), 5_000);
    assert_eq!(report.stdout.text.trim(), "500");
}

#[test]
fn at_the_limit_grandchildren_die_too() {
    let report = run(&sh("sleep 300 & echo $!; sleep 300"), 1_000);
    assert_eq!(report.exit, Exit::TimedOut);
    assert_dies(&report.stdout.text);
}

#[test]
fn who_ignores_sigterm_is_killed_and_who_heeds_it_may_speak() {
    let stubborn = run(&sh("trap '' TERM; echo $$; while :; do sleep 0.1; done"), 1_000);
    assert_eq!(stubborn.exit, Exit::TimedOut);
    assert_dies(&stubborn.stdout.text);
    let polite = run(&sh("trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"), 2_000);
    assert_eq!(polite.exit, Exit::TimedOut);
    assert_eq!(polite.stdout.text, "bye\n");
}

#[test]
fn what_is_left_behind_with_our_pipe_delays_us_half_a_second() {
    let report = run(&sh("sleep 300 & echo $!; exit 2"), 20_000);
    assert_eq!(report.exit, Exit::Exited(2));
    assert!(report.took < Duration::from_secs(5), "{report:?}");
    assert_dies(&report.stdout.text);
    // Fled into a session of its own: left alone, but not waited for.
    let fled = run(&sh("setsid sleep 6 & echo $!; exit 2"), 20_000);
    assert_eq!(fled.exit, Exit::Exited(2));
    assert!(fled.took < Duration::from_secs(5), "{fled:?}");
}

#[test]
fn what_is_left_behind_without_our_pipe_is_left_alone() {
    let report = run(&sh("sleep 6 >/dev/null 2>&1 & echo $!"), 20_000);
    assert_eq!(report.exit, Exit::Exited(0));
    std::thread::sleep(Duration::from_millis(600));
    let state = state_of(&report.stdout.text);
    assert!(state.is_some_and(|s| s != 'Z' && s != 'X'), "{state:?}");
}

#[test]
fn much_output_is_cut_and_endless_output_ends() {
    let report = run(&sh("head -c 30000000 /dev/zero | tr '\\0' x; echo late >&2"), 30_000);
    assert_eq!(report.exit, Exit::Exited(0));
    assert_eq!(report.stdout.text.len(), OUTPUT_KEPT);
    assert!(report.stdout.truncated);
    assert_eq!(report.stderr.text, "late\n");
    let flood = run(&sh("head -c 100000000 /dev/zero; sleep 300"), 30_000);
    assert_eq!(flood.exit, Exit::Flooded);
    let endless = run(&sh("yes >&2"), 30_000);
    assert_eq!(endless.exit, Exit::Flooded);
    assert!(endless.stderr.text.starts_with("y\ny\n"));
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let report = run(&sh("printf 'a\\377\\376b'"), 5_000);
    assert_eq!(report.stdout.text, "a\u{fffd}\u{fffd}b");
}

#[test]
fn each_reason_not_to_start_has_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str, mode| file(folder.path(), name, text, mode);
    let missing = start_error(&Program::new(["/no/such/program"]));
    assert!(matches!(missing, StartError::Missing { path: None, .. }), "{missing}");
    let bare = start_error(&Program::new(["no-such-program-here"]));
    assert!(bare.to_string().contains("/usr/bin"), "{bare}");
    let phrase = start_error(&Program::new(["/bin/echo hello"]));
    assert!(phrase.to_string().contains("a word of its own"), "{phrase}");
    assert_eq!(start_error(&Program::new(Vec::<String>::new())), StartError::Empty);
    let relative = start_error(&Program::new(["./here"]));
    assert!(matches!(relative, StartError::Relative { .. }), "{relative}");
    let plain = start_error(&at("plain", "#!/bin/sh\n", 0o600));
    assert!(matches!(plain, StartError::NotExecutable { .. }), "{plain}");
    let folder_itself = start_error(&Program::new([folder.path().to_str().unwrap()]));
    assert!(matches!(folder_itself, StartError::NotExecutable { .. }), "{folder_itself}");
    let text = start_error(&at("text", "just words\n", 0o700));
    assert!(matches!(text, StartError::NotAProgram { .. }), "{text}");
    let script = start_error(&at("script", "#!/no/such/python -u\n", 0o700));
    assert!(script.to_string().contains("run by /no/such/python,"), "{script}");
    let windows = start_error(&at("windows", "#!/bin/sh\r\necho\r\n", 0o700));
    assert!(windows.to_string().contains("/bin/sh\\r"), "{windows}");
    let mut nowhere = sh("true");
    nowhere.directory = Some("/no/such/directory".into());
    let nowhere = start_error(&nowhere);
    assert!(matches!(nowhere, StartError::NoDirectory { .. }), "{nowhere}");
}

#[test]
fn a_script_of_ones_own_runs_from_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = file(folder.path(), "mine", "#!/bin/sh\necho \"$1\"; pwd\n", 0o700);
    program.argv.push("a; b".to_owned());
    program.directory = Some(folder.path().to_owned());
    let seen = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(run(&program, 5_000).stdout.text, format!("a; b\n{}\n", seen.display()));
    let mut by_name = Program::new(["mine", "x"]);
    by_name.env = vec![("PATH".to_owned(), format!("{}:/bin", seen.display()))];
    assert!(run(&by_name, 5_000).stdout.text.starts_with("x\n"));
}

#[test]
fn what_everyone_may_change_is_not_run_as_root() {
    let folder = tempfile::tempdir().unwrap();
    let program = file(folder.path(), "open", "#!/bin/sh\n", 0o777);
    let path = fs::canonicalize(&program.argv[0]).unwrap();
    assert_eq!(open_to_others(&path), Some(path.clone()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(open_to_others(&path), None, "/tmp is sticky");
    let above = path.parent().unwrap().to_owned();
    fs::set_permissions(&above, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(open_to_others(&path), Some(above.clone()));
    if nix::unistd::geteuid().is_root() {
        let refused = start_error(&program);
        assert!(refused.to_string().contains(&format!("chmod o-w {}", above.display())), "{refused}");
    }
    fs::set_permissions(&above, fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(open_to_others(&path), None);
}

#[test]
fn a_dropped_future_kills_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pids");
    let script = format!("sleep 300 & echo $! $$ > {0}.new; mv {0}.new {0}; wait", note.display());
    let program = sh(&script);
    block_on(async {
        let written = async {
            while !note.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            report = program.run("test-run", Duration::from_secs(60)) => panic!("ended: {report:?}"),
            () = written => {}
        }
    });
    for pid in fs::read_to_string(&note).unwrap().split_whitespace() {
        assert_dies(pid);
    }
}

#[test]
fn the_groups_of_dead_runs_are_found_and_killed() {
    let runs = ["run-a", "run-b", "run-c"].map(|r| format!("{r}-{}", std::process::id()));
    let spawn = |run: &String, script: &str| {
        use std::os::unix::process::CommandExt;
        std::process::Command::new("/bin/sh")
            .args(["-c", script])
            .env(RUN_VARIABLE, run)
            .process_group(0)
            .spawn()
            .unwrap()
    };
    let mut plain = spawn(&runs[0], "sleep 300; true");
    let mut fled = spawn(&runs[1], "setsid sleep 300 & wait");
    let mut other = spawn(&runs[2], "sleep 300; true");
    let groups = |runs: &[String], wanted: usize| {
        for _ in 0..500 {
            if group::groups_of_runs(runs).len() == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not {wanted} groups: {:?}", group::groups_of_runs(runs));
    };
    // Three shells, and what fled from one of them.
    groups(&runs, 4);
    assert_eq!(kill_groups_of_runs(&runs[..2]), 3);
    assert!(group::groups_of_runs(&runs[..2]).is_empty(), "they are dead when it comes back");
    assert!(plain.wait().unwrap().signal().is_some());
    assert!(fled.wait().unwrap().signal().is_some());
    assert!(other.try_wait().unwrap().is_none(), "another run is left alone");
    assert_eq!(kill_groups_of_runs(&[]), 0);
    assert_eq!(kill_groups_of_runs(&runs[2..]), 1);
    assert!(other.wait().unwrap().signal().is_some());
    groups(&runs, 0);
    assert_eq!(kill_groups_of_runs(&runs), 0);
}

#[test]
fn many_at_once_each_get_their_own_answer() {
    block_on(async {
        let programs: Vec<Program> = (0..40).map(|i| sh(&format!("echo {i}; exit {i}"))).collect();
        let mut runs = tokio::task::JoinSet::new();
        for (i, program) in programs.into_iter().enumerate() {
            runs.spawn(async move { (i, program.run("many", Duration::from_secs(20)).await) });
        }
        while let Some(done) = runs.join_next().await {
            let (i, report) = done.unwrap();
            let report = report.unwrap();
            assert_eq!(report.exit, Exit::Exited(i32::try_from(i).unwrap()));
            assert_eq!(report.stdout.text, format!("{i}\n"));
        }
    });
}
