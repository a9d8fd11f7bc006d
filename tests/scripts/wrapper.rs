//! `checker run` changes nothing but that a record is kept.

use super::{history, home};
use crate::support::binary::{Home, done};
use crate::support::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn sh<'a>(home: &Home, options: &[&'a str], script: &'a str) -> crate::support::binary::Done {
    home.run(&[&["run", "x"], options, &["--", "/bin/sh", "-c", script]].concat())
}

#[test]
fn output_exit_code_input_and_environment_are_the_commands_own() {
    let (home, _) = home("");
    let done = sh(&home, &[], "printf 'out\\n'; printf 'err' >&2; printf 'more'; exit 3").ended(3);
    assert_eq!((done.out.as_str(), done.err.as_str()), ("out\nmore", "err"));
    let told = home.run(&["script", "history", "x", "--output"]).ended(0).out;
    assert!(told.contains("failed   exit 3 after") && told.contains("out") && told.contains("more"), "{told}");

    let mut child = home.command(&["run", "x", "--", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut input = child.stdin.take().unwrap();
    let writing = std::thread::spawn({
        let bytes = bytes.clone();
        move || input.write_all(&bytes).unwrap()
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success() && output.stdout == bytes, "{} bytes came through", output.stdout.len());

    let mut command = home.command(&["run", "x", "--", "/bin/sh", "-c", "echo $MARK; pwd; id -u"]);
    let told = crate::support::binary::done(&command.env("MARK", "a b").output().unwrap()).ended(0);
    let own =
        format!("a b\n{}\n{}\n", home.path("").display().to_string().trim_end_matches('/'), nix::unistd::getuid());
    assert_eq!(told.out, own);
}

#[test]
fn ends_of_all_kinds_have_their_code_and_their_words() {
    let (home, _) = home("");
    sh(&home, &[], "kill -9 $$").ended(137);
    home.run(&["run", "x", "--", "/no/such/program"]).ended(127);
    home.write("plain", "no program");
    home.run(&["run", "x", "--", &home.text("plain")]).ended(126);
    let begun = Instant::now();
    sh(&home, &["--timeout", "300ms"], "sleep 60 & echo $! >left; wait").ended(124);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let left = home.read("left");
    let gone = wait_until(Duration::from_secs(2), || {
        (!std::path::Path::new("/proc").join(left.trim()).exists()).then_some(())
    });
    assert!(gone.is_some(), "what the command had started is stopped with it");
    let summaries: Vec<String> = history(&home, "x").into_iter().map(|(_, summary)| summary).collect();
    let [timed, not_executable, missing, killed] = &summaries[..] else { panic!("{summaries:?}") };
    assert!(timed.starts_with("stopped after 3") && timed.ends_with("--timeout gives it 300 ms"), "{timed}");
    assert!(not_executable.starts_with("it cannot be started: Permission denied"), "{not_executable}");
    assert!(missing.starts_with("it cannot be started: No such file"), "{missing}");
    assert!(killed.starts_with("killed by SIGKILL after"), "{killed}");
    assert_eq!(home.run(&["script", "last", "x"]).ended(1).out, "None\n", "none of them was a success");
    // A script that does not say by what it is run is run by the shell, as cron's shell would.
    home.write("bare", "echo \"$1\"; exit 4\n");
    fs::set_permissions(home.path("bare"), fs::Permissions::from_mode(0o755)).unwrap();
    let bare = home.run(&["run", "y", "--", &home.text("bare"), "a b"]).ended(4);
    assert_eq!(bare.out, "a b\n");
    // Wrong use runs nothing.
    for wrong in [&["run", "x"][..], &["run", "", "--", "true"], &["run", "x", "--host", "a b", "--", "true"]] {
        home.run(wrong).ended(64);
    }
}

#[test]
fn one_that_ignores_the_request_to_end_is_killed() {
    let (home, _) = home("");
    let begun = Instant::now();
    sh(&home, &["--timeout", "200ms"], "trap '' TERM; while :; do sleep 0.05; done").ended(124);
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(15), "{took:?}");
}

/// What outlives the command in its group, or leaves the group, ends all the same.
#[test]
fn a_timeout_ends_all_that_the_command_has_started() {
    let (home, _) = home("");
    let script = "(trap '' TERM; sleep 61; sleep 62) & echo $! >stubborn; setsid sleep 63 & echo $! >apart; sleep 64";
    sh(&home, &["--timeout", "300ms"], script).ended(124);
    for name in ["stubborn", "apart"] {
        let pid = home.read(name);
        let stat = std::path::Path::new("/proc").join(pid.trim()).join("stat");
        let gone = || {
            let state = fs::read_to_string(&stat).unwrap_or_default();
            (state.is_empty() || state.contains(") Z ")).then_some(())
        };
        assert!(wait_until(Duration::from_secs(2), gone).is_some(), "{name} still runs");
    }
}

/// The command alone would fail, or be killed by its next line.
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let (home, _) = home("");
    let program = env!("CARGO_BIN_EXE_checker");
    for (command, code) in [("echo one line", 74), ("head -c 1000000 /dev/zero", 0)] {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("exec {program} run x -- {command} >/dev/full")]).stdin(Stdio::null());
        let done = done(&shell.env("CHECKER_SETTINGS", home.path("settings.cfg")).output().unwrap());
        assert!(done.code != 0 && (code == 0 || done.code == code), "{command}: {done:?}");
        assert_eq!(history(&home, "x")[0].0, "failed", "{command}");
    }
    assert!(
        history(&home, "x")[1].1.contains("its output could not be written: No space left"),
        "{:?}",
        history(&home, "x")
    );
}

#[test]
fn signals_reach_the_command() {
    let (home, _) = home("");
    for (signal, code) in [(Signal::SIGTERM, 7), (Signal::SIGHUP, 8), (Signal::SIGUSR1, 9), (Signal::SIGINT, 10)] {
        let script = "trap 'exit 7' TERM; trap 'exit 8' HUP; trap 'exit 9' USR1; trap 'exit 10' INT; echo ready; \
                      while :; do sleep 0.02; done";
        // Whoever started the tests may have been told to ignore it.
        let mut command = Command::new("env");
        command.args([
            "--default-signal=HUP",
            env!("CARGO_BIN_EXE_checker"),
            "run",
            "x",
            "--",
            "/bin/sh",
            "-c",
            script,
        ]);
        command.env("CHECKER_SETTINGS", home.path("settings.cfg")).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut word = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(done(&child.wait_with_output().unwrap()).code, code, "{signal}");
    }
    let codes: Vec<String> =
        history(&home, "x").into_iter().map(|(_, s)| s.split(" after").next().unwrap().to_owned()).collect();
    assert_eq!(codes, ["exit 10", "exit 9", "exit 8", "exit 7"]);
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let (home, _) = home("");
    let program = env!("CARGO_BIN_EXE_checker");
    let mut command = Command::new("nohup");
    command.args([program, "run", "x", "--", "/bin/sh", "-c", "kill -HUP $$; echo still here"]);
    command.env("CHECKER_SETTINGS", home.path("settings.cfg")).stdin(Stdio::null());
    let told = done(&command.output().unwrap()).ended(0);
    assert_eq!(told.out, "still here\n");
}

#[test]
fn what_the_command_leaves_behind_may_print_on() {
    let (home, _) = home("");
    let done = sh(&home, &[], "(sleep 0.6; echo late; echo later; touch lived) & echo early").ended(0);
    assert_eq!(done.out, "early\nlate\nlater\n");
    assert!(home.path("lived").exists());
    let (verdict, summary) = history(&home, "x").remove(0);
    // The run itself ended at once.
    assert!(verdict == "ok" && summary.ends_with("ms"), "{summary}");
}

#[test]
fn whoever_reads_no_more_ends_the_command_as_without_us() {
    let (home, _) = home("");
    let program = env!("CARGO_BIN_EXE_checker");
    let line = format!("{program} run x -- yes | head -1");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).env("CHECKER_SETTINGS", home.path("settings.cfg")).stdin(Stdio::null());
    assert_eq!(done(&command.output().unwrap()).ended(0).out, "y\n");
    let known =
        wait_until(Duration::from_secs(5), || history(&home, "x").pop().filter(|(verdict, _)| verdict == "failed"));
    assert!(known.is_some_and(|(_, summary)| summary.starts_with("killed by SIGPIPE")), "{:?}", history(&home, "x"));
}

#[test]
fn only_one_runs_at_a_time_with_a_lock() {
    let (home, _) = home("");
    let mut first = home.command(&["run", "x", "--lock", "--", "/bin/sh", "-c", "echo ready; cat"]);
    let mut first = first.stdin(Stdio::piped()).spawn().unwrap();
    let mut word = [0; 6];
    first.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
    let second = home.run(&["run", "x", "--lock", "--", "touch", "ran"]).ended(1);
    let lock = home.path("checker.db.scripts/x.lock");
    assert!(second.err.ends_with(&format!(" INFO    Lockfile {} in use\n", lock.display())), "{}", second.err);
    assert!(second.out.is_empty() && !home.path("ran").exists());
    home.run(&["run", "y", "--lock", "--", "true"]).silent();
    home.run(&["run", "x", "--", "true"]).silent();
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
    home.run(&["run", "x", "--lock", "--", "true"]).silent();
    // A lock goes with its holder, however that ends.
    let mut first = home.command(&["run", "x", "--lock", "--", "sleep", "60"]).spawn().unwrap();
    let begun =
        wait_until(Duration::from_secs(5), || history(&home, "x").first().filter(|(v, _)| v == "active").cloned());
    assert!(begun.is_some());
    first.kill().unwrap();
    first.wait().unwrap();
    home.run(&["run", "x", "--lock", "--", "true"]).silent();
    drop(Command::new("pkill").args(["-f", "^sleep 60$", "-P", "1"]).output());
}

#[test]
fn what_is_switched_off_does_not_run_and_whatever_is_unclear_does() {
    let (home, _) = home("[scripts]\ncontrol = \"cronscripts.ini\"\n");
    let run = |name: &str| home.run(&["run", name, "--", "/bin/sh", "-c", "echo ran"]).ended(0);
    assert_eq!(run("x").out, "ran\n", "there is no file");
    home.write("cronscripts.ini", "[DEFAULT]\nenabled: True\n\n[x]\nenabled: False\n");
    run("x").silent();
    assert_eq!(run("y").out, "ran\n");
    assert_eq!(history(&home, "x").len(), 1, "what did not run is no run");
    home.write("cronscripts.ini", "[x]\nenabled: perhaps\n");
    let told = run("x");
    assert_eq!(told.out, "ran\n");
    assert!(told.err.contains("x runs, whether it is switched off or not") && told.err.contains("perhaps"), "{told:?}");
    // An address that says nothing holds a script up for five seconds at most.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = home.read("settings.cfg");
    home.settings(&settings.replace("cronscripts.ini", &format!("http://{}/x.ini", silent.local_addr().unwrap())));
    let begun = Instant::now();
    let told = run("x");
    let took = begun.elapsed();
    assert!(told.out == "ran\n" && told.err.contains("whether it is switched off or not"), "{told:?}");
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(8), "{took:?}");
}
