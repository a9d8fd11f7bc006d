//! Many jobs at once, and few handles.

use crate::support::binary::{Done, Home, done};
use std::net::TcpListener;
use std::process::Command;

/// `count` addresses of this host, all of them at `port`.
fn addresses(count: usize, port: u16) -> String {
    let all: Vec<String> = (0..count).map(|n| format!("\"127.20.{}.{}:{port}\"", n / 250, n % 250 + 1)).collect();
    all.join(", ")
}

/// The program with `args`, under a limit set by the shell's word `ulimit`.
fn limited(home: &Home, limit: &str, args: &[&str]) -> Done {
    let program = home.command(args);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]).arg(program.get_program()).args(args);
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    done(&command.current_dir(home.path("")).output().expect("the shell starts"))
}

#[test]
fn two_thousand_silent_targets_fit_into_256_handles() {
    // Takes connections, or leaves them in its queue, and never says a word.
    let silent = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let home = Home::with_jobs(&format!(
        "[[job.tcp]]\naddress = [{}]\nexpect = \"hello\"\ntimeout = \"500ms\"\n",
        addresses(2_000, port)
    ));
    let done = limited(&home, "-n 256", &["cron"]);
    done.silent();
    assert_eq!(home.count("SELECT count(*) FROM run"), 2_000);
    assert_eq!(home.count("SELECT count(*) FROM run WHERE verdict = 'failed'"), 2_000, "{}", home.read("checker.log"));
}

#[test]
fn the_limit_is_raised_for_us_and_put_back_for_programs() {
    let words = "sleep 0.3; ulimit -Sn; grep ^Max.open.files /proc/$PPID/limits";
    let home = Home::with_jobs(&format!(
        "[[job.command]]\nname = \"limits\"\nplain = true\ncommand = [\"/bin/sh\", \"-c\", \"{words}\"]\n"
    ));
    let given = limited(&home, "-Sn 200", &["--json", "cron", "--now"]).ended(0).json();
    assert_eq!(given["ran"][0]["summary"], "200", "{given:#}");
    let outcome: String =
        home.db().query_row("SELECT outcome FROM run", [], |row| row.get(0)).expect("the run of the program");
    let ours =
        outcome.split("Max open files").nth(1).and_then(|rest| rest.split_whitespace().next().map(str::to_owned));
    let hard = Command::new("/bin/sh").args(["-c", "ulimit -Hn"]).output().expect("the shell starts");
    let hard = String::from_utf8_lossy(&hard.stdout).trim().to_owned();
    let hard = hard.parse::<u64>().unwrap_or(u64::MAX).min(1 << 20).to_string();
    assert_eq!(ours.as_deref(), Some(hard.as_str()), "{outcome}");
}
