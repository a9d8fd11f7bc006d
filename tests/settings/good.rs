//! Files that load, and what comes out of them.

use super::{folder, judged, kinds, put, rendered};
use checker::channel::webhook::Template;
use checker::registry::Registry;
use checker::settings::{
    Env, Level, Login, LoginBy, Secret, Security, Settings, Transport, Via, Way, load, load_text, locate,
};
use checker_job::{Context, Frequency, Notify, Remind, Timestamp};
use std::path::Path;
use std::time::Duration;

pub(crate) const HEAD: &str = "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n";
pub(crate) const MAIL: &str = "[email]\ntransport = \"file\"\n";

pub(crate) fn good(text: &str) -> Settings {
    let dir = folder(text);
    let (settings, report) = judged(&dir).unwrap_or_else(|r| panic!("{r}"));
    assert_eq!(report.render(), "", "no warning is expected");
    settings
}

/// The password of a login that has one.
fn password(login: &Login) -> &str {
    match &login.by {
        LoginBy::Password(pass) => pass.expose(),
        LoginBy::Token(_) => panic!("{login:?}"),
    }
}

fn said(settings: &Settings, name: &str) -> String {
    let job = settings.jobs.iter().find(|j| j.policy().name == name).unwrap();
    let cx =
        Context::new(Timestamp::from_secs(0), Duration::from_secs(1), "run".to_owned(), Path::new("/nowhere").into());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(job.execute(&cx)).summary
}

#[test]
fn the_least_that_loads_has_the_built_in_values() {
    let s = good(&format!("{HEAD}{MAIL}[[job.tcp]]\naddress = \"a:1\"\n"));
    assert_eq!(s.general.servername, "alpha");
    assert_eq!(s.general.alertcontact, ["you@example.com"]);
    assert!(s.general.state.ends_with("checker.db"));
    assert!(matches!(&s.email.transport, Transport::File(f) if f.ends_with("mail")));
    assert_eq!((s.email.daily_limit, s.email.nomail), (200, false));
    assert_eq!((s.log.level, s.log.stderr_level), (Level::Info, Level::Error));
    assert_eq!((s.log.max_bytes, s.log.keep), (1_000_000, 50));
    assert_eq!(s.log.format, "%(asctime)s %(levelname)s - %(message)s");
    let job = &s.jobs[0];
    assert_eq!((job.id().as_str(), job.kind(), job.blocking()), ("tcp:a:1", "tcp", false));
    let standard = checker_job::Policy { name: "a:1".to_owned(), ..checker_job::Policy::default() };
    assert_eq!(job.policy(), &standard);
    assert!(s.canary.is_none() && s.peers.is_empty() && s.daemon.is_none());
}

#[test]
fn defaults_give_way_from_built_in_to_all_to_kind_to_table() {
    let s = good(&format!(
        "{HEAD}{MAIL}\
         [defaults]\nevery = \"hour\"\nnotify = \"day\"\nfailure_threshold = 5\ncontacts = \"all@example.com\"\nnote = \"call\"\n\
         [defaults.tcp]\nnotify = \"hour\"\nfailure_threshold = 4\nexpect = \"220\"\nsend = \"x\"\n\
         [[job.tcp]]\nname = \"plain\"\naddress = \"a:1\"\n\
         [[job.tcp]]\nname = \"own\"\naddress = \"b:1\"\nfailure_threshold = 3\nexpect = \"330\"\nremind = \"4h\"\n\
         [[job.ping]]\nname = \"ping\"\nhost_name = \"c\"\ncount = 3\ncontacts = []\n"
    ));
    let policy = |name: &str| {
        let job = s.jobs.iter().find(|j| j.policy().name == name).unwrap();
        job.policy().clone()
    };
    let (plain, own, ping) = (policy("plain"), policy("own"), policy("ping"));
    assert_eq!((plain.every, plain.notify, plain.failure_threshold), (Frequency::Hour, Notify::Hour, 4));
    assert_eq!((own.every, own.notify, own.failure_threshold), (Frequency::Hour, Notify::Hour, 3));
    assert_eq!((ping.notify, ping.failure_threshold, ping.recovery_threshold), (Notify::Day, 5, 1));
    assert_eq!(own.remind, Remind::Every(Duration::from_secs(4 * 3_600)));
    assert_eq!((plain.contacts, ping.contacts), (vec!["all@example.com".to_owned()], vec![]));
    assert_eq!(ping.note.as_deref(), Some("call"));
    assert!(said(&s, "plain").contains("\"220\""), "{}", said(&s, "plain"));
    assert!(said(&s, "own").contains("\"330\""), "{}", said(&s, "own"));
}

#[test]
fn what_all_depend_on_does_not_depend_on_itself() {
    let s = good(&format!(
        "{HEAD}{MAIL}[defaults]\ndepends_on = [\"router\"]\n\
         [[job.tcp]]\nname = \"router\"\naddress = \"r:1\"\n[[job.tcp]]\nname = \"web\"\naddress = \"w:1\"\n"
    ));
    assert_eq!(s.jobs[0].policy().depends_on, Vec::<String>::new());
    assert_eq!(s.jobs[1].policy().depends_on, ["router"]);
}

#[test]
fn lists_make_one_job_each() {
    let s = good(&format!("{HEAD}{MAIL}[[job.tcp]]\nname = \"dns\"\naddress = [\"a:53\", \"b:53\"]\n"));
    let names: Vec<_> = s.jobs.iter().map(|j| j.policy().name.clone()).collect();
    assert_eq!(names, ["dns (a:53)", "dns (b:53)"]);
}

#[test]
fn a_disabled_job_does_not_run_and_keeps_its_id() {
    let text = format!(
        "{HEAD}{MAIL}[[job.tcp]]\naddress = \"a:1\"\nenabled = false\n[[job.tcp]]\naddress = \"b:1\"\ndepends_on = \"tcp:a:1\"\n"
    );
    let s = good(&text);
    assert_eq!((s.jobs.len(), s.disabled.len()), (1, 1));
    assert_eq!(s.disabled[0].id().as_str(), "tcp:a:1");
    let dir = folder(&format!("{text}[[job.tcp]]\naddress = \"a:1\"\n"));
    let report = judged(&dir).unwrap_err().render();
    assert!(report.contains("this job has the id \"tcp:a:1\", and so has the one at settings.cfg:6"), "{report}");
}

#[test]
fn included_files_are_sorted_and_copies_are_left_out() {
    let s = good(
        "#! file settings.d/20.cfg 0644 [[job.tcp]]\\naddress = \"second:1\"\\n\n\
         #! file settings.d/10.cfg 0644 [[job.tcp]]\\naddress = \"first:1\"\\n\n\
         #! file settings.d/.hidden.cfg 0644 broken\n\
         #! file settings.d/10.cfg~ 0644 broken\n\
         #! file settings.d/notes.txt 0644 broken\n\
         [general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\ninclude = [\"settings.d/*\", \"settings.d/10.cfg\"]\n\
         [email]\ntransport = \"file\"\n[[job.tcp]]\naddress = \"main:1\"\n"
            .replace("settings.d/*\"", "settings.d/*.cfg\"")
            .as_str(),
    );
    let ids: Vec<_> = s.jobs.iter().map(|j| j.id().to_string()).collect();
    assert_eq!(ids, ["tcp:main:1", "tcp:first:1", "tcp:second:1"]);
    let files: Vec<_> = s.sources.iter().map(|f| f.path.file_name().unwrap().to_owned()).collect();
    assert_eq!(files, ["settings.cfg", "10.cfg", "20.cfg"]);
    assert!(s.sources[1].text.contains("first:1"));
}

#[test]
fn paths_follow_the_place_of_the_file_and_the_environment() {
    let text = format!("{HEAD}{MAIL}[[job.tcp]]\nname = \"dns\"\naddress = \"a:1\"\n[daemon]\n");
    let load = |path: &str, env: &Env| load_text(Path::new(path), &text, &kinds::registry(), env).unwrap().0;
    let all = |s: &Settings| {
        let Transport::File(folder) = &s.email.transport else {
            panic!("{:?}", s.email.transport);
        };
        let paths = [&s.general.state, s.log.file.as_ref().unwrap(), &s.daemon.as_ref().unwrap().control, folder];
        paths.map(|p| p.to_str().unwrap().to_owned()).join(" ")
    };
    let mut env = Env::bare("/home/me");
    let at_home = load("checker/settings.cfg", &env);
    let base = "/home/me/checker";
    assert_eq!(all(&at_home), format!("{base}/checker.db {base}/checker.log {base}/checker.sock {base}/mail"));
    let system = load("/etc/checker/settings.cfg", &env);
    assert_eq!(
        all(&system),
        "/var/lib/checker/checker.db /var/log/checker/checker.log /run/checker/checker.sock /var/lib/checker/mail"
    );
    env.state = Some("/s".into());
    env.logs = Some("/l".into());
    env.runtime = Some("/r".into());
    assert_eq!(all(&load("/etc/checker/settings.cfg", &env)), "/s/checker.db /l/checker.log /r/checker.sock /s/mail");
}

#[test]
fn files_of_a_kind_begin_at_the_settings() {
    let s = good(
        "#! file api.token 0600 hunter2-planted\n[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n\
         [email]\ntransport = \"file\"\n[[job.tcp]]\nname = \"dns\"\naddress = \"a:1\"\ntoken_file = \"api.token\"\n",
    );
    let base = s.sources[0].path.parent().unwrap().join("api.token");
    assert!(said(&s, "dns").contains(base.to_str().unwrap()), "{}", said(&s, "dns"));
}

#[test]
fn mail_servers_are_read_with_their_ports() {
    let dir = folder(
        "#! file mail.secret 0600 hunter2-planted\n[general]\nservername = \"alpha\"\n\
         alertcontact = [\"you@example.com\", \"me@example.com\"]\n[email]\nfrom = \"a@example.com\"\nbustgmailthreading = true\n\
         [email.smtp]\nhost = \"one.example.com\"\nuser = \"a\"\npass_file = \"mail.secret\"\n\
         [[email.fallback]]\nhost = \"two.example.com\"\nsecurity = \"tls\"\n\
         [[email.fallback]]\nhost = \"localhost\"\nsecurity = \"none\"\n\
         [[email.fallback]]\nhost = \"mx.example.com\"\nsecurity = \"none\"\nport = 2525\n",
    );
    let (s, report) = judged(&dir).unwrap();
    let Transport::Smtp(servers) = &s.email.transport else {
        panic!("{:?}", s.email.transport);
    };
    let brief: Vec<_> = servers.iter().map(|m| (m.host.as_str(), m.port, m.security)).collect();
    assert_eq!(
        brief,
        [
            ("one.example.com", 587, Security::StartTls),
            ("two.example.com", 465, Security::Tls),
            ("localhost", 25, Security::None),
            ("mx.example.com", 2525, Security::None),
        ]
    );
    let login = servers[0].login.as_ref().unwrap();
    assert_eq!((login.user.as_str(), password(login)), ("a", "hunter2-planted"));
    assert!(s.email.bustgmailthreading);
    assert_eq!((report.errors(), report.warnings()), (0, 1), "{report}");
    assert!(
        rendered(&report, &dir).starts_with("settings.cfg:20:12: warning: messages cross the network in the clear")
    );
}

#[test]
fn a_password_may_come_from_a_credential_or_the_environment() {
    let dir = folder(&format!(
        "#! file credentials/mail 0644 hunter2-credential\n{HEAD}[email]\nfrom = \"a@example.com\"\n[email.smtp]\nhost = \"h\"\nuser = \"a\"\n"
    ));
    let pass = |env: &Env| {
        let (s, _) = load(Path::new("settings.cfg"), &kinds::registry(), env).unwrap();
        let Transport::Smtp(servers) = s.email.transport else {
            panic!("{:?}", s.email.transport);
        };
        password(servers[0].login.as_ref().unwrap()).to_owned()
    };
    let mut env = Env::bare(dir.path());
    env.mail_pass = Some(Secret::new("hunter2-env"));
    assert_eq!(pass(&env), "hunter2-env");
    env.credentials = Some(dir.path().join("credentials"));
    assert_eq!(pass(&env), "hunter2-credential");
}

#[test]
fn levels_are_words_or_numbers() {
    for (written, level) in [
        ("\"debug\"", Level::Debug),
        ("\"WARNING\"", Level::Warning),
        ("10", Level::Debug),
        ("35", Level::Error),
        ("\"50\"", Level::Critical),
    ] {
        let s = good(&format!(
            "{HEAD}{MAIL}[log]\nlevel = {written}\nfile = \"\"\nformat = \"%(process)d 100%% %(message)s\"\n"
        ));
        assert_eq!((s.log.level, s.log.file), (level, None), "{written}");
    }
}

#[test]
fn what_is_outside_is_read_without_a_warning() {
    let dir = folder(&format!(
        "{HEAD}{MAIL}[canary]\nvia = \"maildir\"\npath = \"Maildir\"\n[deadman]\nurl = \"https://hc.example.com/x\"\n\
         [daemon]\npeer_listen = \"[::]:5000\"\n[network]\nreference = [\"192.0.2.1:443\"]\n\
         [[channel.webhook]]\nname = \"phone\"\nurl = \"https://ntfy.example.com/x\"\ntemplate = \"ntfy\"\n\
         [[channel.command]]\nname = \"pager\"\ncommand = [\"page\"]\n\
         [[peer]]\nname = \"b\"\nurl = \"http://b:5000\"\nadmin = \"b@example.com\"\nlegacy = true\n\
         [[peer]]\nname = \"c\"\nurl = \"http://[::1]:5000\"\nadmin = \"c@example.com\"\nkey = \"ed25519:Wc3ChBG4f/U/rIp7HQ6AKb8ais0V6aU4/K2PS8gt5mY=\"\n"
    ));
    let (s, report) = judged(&dir).unwrap();
    assert_eq!(report.warnings(), 0, "{report}");
    assert!(s.deadman.is_some_and(|d| d.url == Secret::new("https://hc.example.com/x")));
    let canary = s.canary.unwrap();
    assert!(matches!(&canary.via, Via::Maildir(p) if *p == dir.path().join("Maildir")));
    assert_eq!((canary.every.as_secs(), canary.within.as_secs()), (900, 600));
    assert_eq!(s.peers.len(), 2);
    assert!(matches!(&s.channels[0].way, Way::Webhook { template: Template::Ntfy, .. }));
    assert!(matches!(&s.channels[1].way, Way::Command { command, .. } if command == &["page"]));
    assert_eq!(s.network.reference, [checker_parts::net::Endpoint::parse("192.0.2.1:443").unwrap()]);
    assert!(s.daemon.unwrap().respawn);
}

#[test]
fn the_places_of_the_settings_file_are_tried_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut env = Env::bare(dir.path());
    env.system_settings = dir.path().join("etc/settings.cfg");
    let nowhere = locate(None, true, &env).unwrap_err();
    assert_eq!(nowhere.tried.len(), 2);
    assert!(nowhere.to_string().contains("etc/settings.cfg (the place of the system)"), "{nowhere}");
    put(&env.system_settings, 0o600, "");
    put(&dir.path().join("settings.cfg"), 0o600, "");
    put(&dir.path().join("other.cfg"), 0o600, "");
    assert_eq!(locate(None, false, &env).unwrap(), env.system_settings);
    assert_eq!(locate(None, true, &env).unwrap(), dir.path().join("settings.cfg"));
    env.settings = Some("other.cfg".into());
    assert_eq!(locate(None, true, &env).unwrap(), Path::new("other.cfg"));
    env.settings = Some("gone.cfg".into());
    assert_eq!(locate(None, true, &env).unwrap_err().tried.len(), 1);
    assert!(locate(Some(Path::new("gone.cfg")), true, &env).is_err());
    assert_eq!(locate(Some(Path::new("settings.cfg")), false, &env).unwrap(), Path::new("settings.cfg"));
}

#[test]
fn a_registry_knows_its_kinds() {
    let registry = kinds::registry();
    assert_eq!(registry.kinds().collect::<Vec<_>>(), ["ping", "tcp"]);
    assert!(registry.example("tcp").unwrap().contains("[[job.tcp]]"));
    assert_eq!(registry.example("ftp"), None);
    assert_eq!(registry.keys("ping"), Some(&["host_name", "count"][..]));
    let twice = Registry::new().with::<kinds::Tcp>().with::<kinds::Tcp>();
    let text = format!("{HEAD}{MAIL}");
    let report = load_text(Path::new("/x/s.cfg"), &text, &twice, &Env::bare("/")).unwrap_err();
    assert!(report.render().contains("two crates of this program claim the job kind \"tcp\""), "{report}");
}

#[test]
fn the_toml_that_is_shown_for_a_first_program_loads() {
    let ini = include_str!("../data/settings/first_program.cfg");
    let dir = folder(ini);
    let remedy = judged(&dir).unwrap_err().problems.remove(0).remedy;
    let toml = remedy.split_once("\n\n").unwrap().1;
    put(&dir.path().join("mail.secret"), 0o600, "hunter2-planted");
    put(&dir.path().join("settings.cfg"), 0o600, toml);
    let (s, report) = judged(&dir).unwrap_or_else(|r| panic!("{r}"));
    assert!(report.problems.is_empty(), "{report}");
    assert_eq!(s.peers[0].admin, "admin@beta.example.com");
    assert!(s.email.bustgmailthreading && s.email.ideletesentmessagesautomatically);
}

/// The warnings of settings with these tables.
fn confirm_warnings(tables: &str) -> String {
    let text = format!(
        "[general]\nservername = \"a\"\nalertcontact = \"a@example.com\"\n[email]\ntransport = \"file\"\n[daemon]\npeer_listen = \
         \"[::]:5000\"\n{tables}"
    );
    let dir = folder(&text);
    let (settings, report) = judged(&dir).unwrap();
    let ids: Vec<&str> = settings.wants.keys().map(checker_job::JobId::as_str).collect();
    format!("{ids:?}\n{}", rendered(&report, &dir))
}

#[test]
fn a_default_of_confirm_is_meant_for_those_that_peers_can_look_at() {
    let peer = "[[peer]]\nname = \"beta\"\nurl = \"http://beta.example.com:5000\"\nadmin = \"b@example.com\"\nkey = \
                \"ed25519:Wc3ChBG4f/U/rIp7HQ6AKb8ais0V6aU4/K2PS8gt5mY=\"\n";
    let jobs = "[defaults]\nconfirm = \"peers\"\n[[job.ping]]\nhost_name = \"ns\"\ncount = 3\n[[job.tcp]]\naddress = \
                \"a.example.com:1\"\n[[job.tcp]]\naddress = \"b.example.com:1\"\nlatency_ms = 3\n[[job.tcp]]\naddress = \
                \"c.example.com:1\"\nconfirm = \"no\"\n";
    let found = confirm_warnings(&format!("{peer}{jobs}"));
    assert!(found.starts_with("[\"tcp:a.example.com:1\"]\n") && !found.contains("confirm"), "{found}");
    let alone = confirm_warnings(jobs);
    assert!(
        alone.contains("warning: with confirm = \"peers\" this job asks peers what they see, and there is none"),
        "{alone}"
    );
    // What stands behind a ? may be secret: a default does not know, and who asks for it is told.
    let query = "[[job.tcp]]\naddress = \"https://a.example.com/?token\"\n";
    let by_default = confirm_warnings(&format!("{peer}[defaults]\nconfirm = \"peers\"\n{query}"));
    assert!(by_default.starts_with("[]\n") && !by_default.contains("confirm"), "{by_default}");
    let asked = confirm_warnings(&format!("{peer}{query}confirm = \"peers\"\n"));
    assert!(asked.starts_with("[\"tcp:https://a.example.com/?token\"]\n"), "{asked}");
    assert!(asked.contains("warning: with confirm = \"peers\" this goes to peers as it stands"), "{asked}");
    for here in ["localhost:25", "127.0.0.1:25", "[::1]:25", "http://localhost:80/"] {
        let job = format!("[[job.tcp]]\naddress = \"{here}\"\n");
        let by_default = confirm_warnings(&format!("{peer}[defaults]\nconfirm = \"peers\"\n{job}"));
        assert!(by_default.starts_with("[]\n") && !by_default.contains("confirm"), "{by_default}");
        let asked = confirm_warnings(&format!("{peer}{job}confirm = \"peers\"\n"));
        assert!(asked.contains("warning: this is an address of this host: a peer would look at itself"), "{asked}");
    }
    let pushes = peer.replace("url = \"http://beta.example.com:5000\"", "pushes = true");
    assert!(confirm_warnings(&format!("{pushes}{jobs}")).contains("there is none that can be asked"));
}

#[test]
fn what_a_kind_doubts_is_a_warning_at_its_key() {
    let table = |host: &str, more: &str| format!("[[job.ping]]\nhost_name = \"{host}\"\n{more}\n");
    let tables = [table("a", "count = 3"), table("b", "count = 0"), table("c", "count = 0\nenabled = false")].concat();
    let dir = folder(&format!("{HEAD}{MAIL}{tables}"));
    let (settings, report) = judged(&dir).unwrap_or_else(|r| panic!("{r}"));
    assert_eq!((settings.jobs.len(), settings.disabled.len()), (2, 1));
    let said = "settings.cfg:11:9: warning: \"count\": with 0 nothing is sent\n 11 | count = 0\n    |         ^\n    = write at least 1\n";
    assert!(rendered(&report, &dir).starts_with(said), "{report}");
    assert_eq!((report.errors(), report.warnings()), (0, 1), "one that is switched off harms nobody: {report}");
}
