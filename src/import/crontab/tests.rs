mod cronlike;
mod names;
mod random;
mod real;

use super::*;

const CHECKER: &str = "/usr/local/bin/checker";
const SAMPLE: &str = include_str!("../../../tests/data/sample.crontab");

fn user(text: &str) -> Proposal {
    propose(text, Form::User, CHECKER)
}

fn system(text: &str) -> Proposal {
    propose(text, Form::System, CHECKER)
}

/// The tables, as settings would read them.
fn tables(made: &Proposal) -> Vec<toml::Table> {
    let read: toml::Table = toml::from_str(&made.settings).unwrap_or_else(|e| panic!("{e}\n{}", made.settings));
    let Some(jobs) = read.get("job") else { return Vec::new() };
    assert_eq!(read.keys().collect::<Vec<_>>(), ["job"]);
    let jobs = jobs["script"].as_array().unwrap();
    let tables: Vec<toml::Table> = jobs.iter().map(|t| t.as_table().unwrap().clone()).collect();
    for table in &tables {
        let text = |key: &str| table.get(key).map(|v| v.as_str().unwrap());
        for key in table.keys() {
            assert!(["name", "cron", "timezone", "grace", "id", "script", "host"].contains(&key.as_str()), "{key}");
        }
        assert!(!text("name").unwrap().trim().is_empty());
        assert!(Cron::parse(text("cron").unwrap()).is_ok());
        assert!(checker_job::parse_duration(text("grace").unwrap()).is_ok());
        assert!(text("timezone").is_none_or(|zone| jiff::tz::db().get(zone).is_ok()));
    }
    let ids: BTreeSet<&str> =
        tables.iter().filter_map(|t| t.get("id").or(t.get("name"))).filter_map(|v| v.as_str()).collect();
    assert_eq!(ids.len(), tables.len(), "{}", made.settings);
    tables
}

fn names(made: &Proposal) -> Vec<String> {
    tables(made).iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
}

/// The only table of a line.
fn table(made: &Proposal) -> toml::Table {
    let tables = tables(made);
    assert_eq!(tables.len(), 1, "{made:?}");
    tables[0].clone()
}

fn said(made: &Proposal, line: usize) -> String {
    made.notes.iter().filter(|n| n.line == line).map(|n| n.text.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_line_becomes_a_table_and_a_wrapped_line() {
    let made = user("30 2 * * *\t/usr/local/bin/backup.sh --full\n");
    assert_eq!(made.crontab, "30 2 * * *\t/usr/local/bin/checker run backup -- /usr/local/bin/backup.sh --full\n");
    assert!(made.settings.ends_with(
        "\n# line 1: 30 2 * * * /usr/local/bin/backup.sh --full\n[[job.script]]\nname = \"backup\"\ncron = \"30 2 * * \
         *\"\ngrace = \"1h\"  # the time that the run itself takes is in it\n# max_runtime = \"2h\"\n"
    ));
    let shell = user("@daily cd /x && y 'a b'\n");
    assert_eq!(shell.crontab, "@daily /usr/local/bin/checker run y -- /bin/sh -c 'cd /x && y '\\''a b'\\'''\n");
    assert_eq!(table(&shell)["cron"].as_str(), Some("@daily"));
}

#[test]
fn what_is_no_call_stays() {
    let text = "# comment\n\n  \t\n  # more\nA=b\n B = 'c d' \n\"C\"=\"d\"\nMAILTO=\"\"\nD==\nE = 5 4 3 * * x\n";
    let made = user(text);
    assert_eq!((made.crontab.as_str(), made.notes.len(), tables(&made).len()), (text, 0, 0));
    assert_eq!(user("").crontab, "");
    for no_setting in ["A=\n", "A =  \n", "A='b' c\n", "A='b\n", "'A=b\n", "A B=c\n"] {
        let made = user(no_setting);
        assert_eq!(made.crontab, no_setting);
        assert!(said(&made, 1).starts_with("left as it is: "), "{no_setting}");
    }
    assert!(said(&user("A = \n"), 1).contains("an empty value needs quotes; write A=\"\""));
    // This is a call.
    assert_eq!(user("1 2 3 4 5 A=b c\n").crontab, "1 2 3 4 5 /usr/local/bin/checker run c -- /bin/sh -c 'A=b c'\n");
}

#[test]
fn zones() {
    let made = user(
        "TZ=Asia/Tokyo\n@daily a\nCRON_TZ=Europe/Berlin\n@daily b\nCRON_TZ=Mars/Base\n@daily c\nCRON_TZ=\"\"\n@daily d\n",
    );
    let zones: Vec<_> =
        tables(&made).iter().map(|t| t.get("timezone").map(|z| z.as_str().unwrap().to_owned())).collect();
    assert_eq!(zones, [None, Some("Europe/Berlin".to_owned()), None, None]);
    assert!(said(&made, 1).contains("commands below alone"));
    assert!(said(&made, 3).contains("Debian's cron does not know it"));
    assert!(said(&made, 5).contains("no time zone \"Mars/Base\""));
    assert_eq!(said(&made, 7), "");
}

#[test]
fn reboot_is_recorded_and_not_expected() {
    let made = user("@reboot /opt/tunnel.sh\n");
    assert_eq!(made.crontab, "@reboot /usr/local/bin/checker run tunnel -- /opt/tunnel.sh\n");
    assert_eq!(tables(&made).len(), 0);
    assert!(said(&made, 1).contains("runs of tunnel are recorded, and no table expects any"));
}

#[test]
fn input_and_percent_stay_as_they_are() {
    for (command, wrapped) in [
        ("mail joe%Hi,%%there%", "mail -- mail joe%Hi,%%there%"),
        (r"date +\%F", r"date -- /bin/sh -c 'date +\%F'"),
        (r"echo 'a\%b'%in'put\%", r"echo -- /bin/sh -c 'echo '\''a\%b'\'''%in'put\%"),
        (r"cat \\%x", r"cat -- /bin/sh -c 'cat \\'%x"),
        (r"cat \", r"cat -- /bin/sh -c 'cat \'"),
    ] {
        let made = user(&format!("0 0 * * * {command}\n"));
        assert_eq!(made.crontab, format!("0 0 * * * /usr/local/bin/checker run {wrapped}\n"));
    }
}

#[test]
fn only_plain_words_go_without_a_shell() {
    for simple in ["a", "/a/b.sh -x --y=z 1:2,3 @4 +5", "a  b\tc ", "nice -n 19 a", "dd if=/dev/zero"] {
        assert!(quote::is_simple(simple), "{simple}");
    }
    let marks = "~ * ? [a] {a} $a `a` ; & | < > ( ) # ! \\ \" ' ^ ä \u{a0} =a";
    for mark in marks.split(' ') {
        assert!(!quote::is_simple(&format!("a b{mark}")) || mark == "=a", "{mark}");
        assert!(!quote::is_simple(&format!("a {mark}")), "{mark}");
    }
    for of_shell in
        ["", " ", "A=b c", "cd /x", "exec a", "echo a", ". a", "test -x a", "if a", "wait", "source a", "a=b"]
    {
        assert!(!quote::is_simple(of_shell), "{of_shell}");
    }
}

#[test]
fn the_shell_of_the_crontab_is_used() {
    let made = user("@daily a; b\nSHELL=/bin/bash\n@daily a; b\nSHELL='/opt/my shells/zsh'\n@daily a; b\n");
    let shells: Vec<&str> = made.crontab.lines().filter_map(|l| l.split_once(" -- ")).map(|(_, c)| c).collect();
    assert_eq!(shells, ["/bin/sh -c 'a; b'", "/bin/bash -c 'a; b'", "'/opt/my shells/zsh' -c 'a; b'"]);
    for odd in ["/usr/bin/fish", "/usr/bin/python3", "bash", "/bin/"] {
        let text = format!("SHELL={odd}\n@daily a; b\n");
        let made = user(&text);
        assert_eq!((made.crontab.as_str(), tables(&made).len()), (text.as_str(), 0));
        assert!(said(&made, 2).starts_with("left as it is: SHELL is"));
    }
    let simple = |shell| user(&format!("SHELL={shell}\n@daily a\n")).crontab.contains(" run a -- a\n");
    assert_eq!([simple("/usr/bin/fish"), simple("/usr/bin/python3"), simple("/bin/false")], [true, false, false]);
}

#[test]
fn checker_is_called_as_it_is_asked_for() {
    let line = |command| propose("@daily a\n", Form::User, command).crontab;
    assert_eq!(line("checker"), "@daily checker run a -- a\n");
    assert_eq!(line("/opt/it's 100%/checker"), "@daily '/opt/it'\\''s 100\\%/checker' run a -- a\n");
    assert_eq!([line(""), line("a\nb"), line("a\\b")], ["@daily checker run a -- a\n"; 3]);
}

#[test]
fn wrapped_lines_get_their_table() {
    let text = "15 4 * * * checker run backup -- a\n@daily sudo /opt/checker -f /etc/c.cfg run --lock --host db1 b -- x\n\
                @reboot checker run c -- x\n0 1 * * * checker run --timeout 1h backup -- a\n0 2 * * * checker run $X -- a\n\
                0 3 * * * checker cron\n0 4 * * * sh -c 'checker run \"d e\" -- x'\n0 5 * * * /opt/backup.sh\n";
    let made = user(text);
    let lines: Vec<&str> = made.crontab.lines().collect();
    assert_eq!(lines[..7], text.lines().collect::<Vec<_>>()[..7]);
    assert_eq!(lines[7], "0 5 * * * /usr/local/bin/checker run backup-3 -- /opt/backup.sh");
    let tables = tables(&made);
    let get = |n: usize, key: &str| tables[n].get(key).map(|v| v.as_str().unwrap());
    assert_eq!(names(&made), ["backup", "b", "backup-2", "d e", "backup-3"]);
    assert_eq!([get(0, "script"), get(1, "host"), get(2, "script")], [None, Some("db1"), Some("backup")]);
    assert_eq!([get(2, "id"), get(2, "cron")], [Some("backup-2"), Some("0 1 * * *")]);
    assert!(said(&made, 1).contains("wrapped already") && said(&made, 1).ends_with("(the same of lines 2, 4 and 7)"));
    assert!(said(&made, 3).contains("c gets no table"));
    assert!(said(&made, 5).contains("a shell makes its name"));
    assert!(said(&made, 6).contains("its own work"));
    let numbered = user("@daily checker run a-2 -- x\n@daily checker run a -- x\n@weekly checker run a -- x\n");
    assert_eq!(self::names(&numbered), ["a-2", "a", "a-3"]);
    assert_eq!(self::tables(&user("@daily checker run ' ' -- x\n@daily checker run -- x\n")).len(), 0);
    // What has been wrapped is not wrapped once more.
    let again = user(&made.crontab);
    assert_eq!(again.crontab, made.crontab);
    // A word that happens to be the same is none.
    assert!(user("@daily tar cf x /etc/checker run\n").crontab.contains(" -- tar "));
}

#[test]
fn a_system_crontab_keeps_its_users() {
    let made = system("0 1 * * * root a\n@daily\twww-data  b; c\n5 5 * * * www-data d\n0 0 * * * joe e\n");
    assert_eq!(
        made.crontab,
        "0 1 * * * root /usr/local/bin/checker run a -- a\n@daily\twww-data  /usr/local/bin/checker run b -- /bin/sh -c 'b; \
         c'\n5 5 * * * www-data /usr/local/bin/checker run d -- d\n0 0 * * * joe /usr/local/bin/checker run e -- e\n"
    );
    assert_eq!(said(&made, 1), "");
    assert!(said(&made, 2).contains("runs as www-data") && said(&made, 2).ends_with("(the same of line 3)"));
    assert!(said(&made, 4).contains("runs as joe"));
    // The wrong form is told by what it makes of a line.
    assert!(said(&system("0 1 * * * /usr/bin/a\n"), 1).contains("import it as such"));
    assert!(said(&user("0 1 * * * root a\n"), 1).contains("import it as such"));
    assert!(said(&system("0 1 * * *\n"), 1).contains("neither a user nor a command"));
    assert!(said(&system("0 1 * * * root\n"), 1).contains("no command"));
    let dash = system("-*/15 * * * * root a\n");
    assert_eq!(dash.crontab, "-*/15 * * * * root /usr/local/bin/checker run a -- a\n");
    assert!(said(&dash, 1).contains("cronie's"));
}

#[test]
fn what_is_not_understood_stays() {
    for (line, why) in [
        ("0 25 * * * a", "hour `25` is out of range; write a number from 0 to 23"),
        ("0 3 * *", "has 4 of five fields"),
        ("0 3 * * *", "no command"),
        ("0 3 * * * ", "no command"),
        ("0 3 * * * %x", "no command"),
        ("0 3 * * * * a", "as if it had six fields"),
        ("@noon a", "`@noon` is no nickname"),
        ("0 0 30 2 * a", "never comes"),
        ("0~9 * * * * a", "random number"),
        ("0 3 * * * -q a", "BSD"),
        ("0 3 * * * a\r", "carriage return"),
        ("0 3 * * * a\u{7}b", "control character"),
        ("0 3 * * * a\u{85}b", "control character"),
    ] {
        let text = format!("{line}\n@daily b\n");
        let made = user(&text);
        assert_eq!(made.crontab, format!("{line}\n@daily /usr/local/bin/checker run b -- b\n"));
        let first = said(&made, 1);
        assert!(first.starts_with("left as it is: ") && first.contains(why), "{line}: {first}");
        assert_eq!(names(&made), ["b"]);
    }
    assert!(!said(&user("0 3 * * * a\r\n"), 1).contains("whole file"));
    let twice = user("1\n\n2\n");
    let whole: Vec<_> = twice.notes.iter().filter(|n| n.text.contains("ignores a whole file")).collect();
    assert_eq!((whole.len(), whole[0].line), (1, 1));
    assert!(whole[0].text.ends_with("(the same of line 3)"));
}

#[test]
fn a_line_that_would_be_too_long_stays() {
    let length = |n: usize| {
        let made = user(&format!("@daily a {}\n", "x".repeat(n)));
        (made.crontab.len(), tables(&made).len())
    };
    let around = "a /usr/local/bin/checker run a -- ".len();
    assert_eq!(length(998 - around), ("@daily \n".len() + 998, 1));
    assert_eq!(length(999 - around), ("@daily a \n".len() + 999 - around, 0));
    assert!(said(&user(&format!("@daily a {}\n", "x".repeat(990))), 1).contains("Debian's cron takes 998"));
}

#[test]
fn a_last_line_without_an_end_stays_one() {
    let made = user("@daily a");
    assert_eq!(made.crontab, "@daily /usr/local/bin/checker run a -- a");
    assert!(said(&made, 1).contains("without an end"));
    assert_eq!(user("@daily a\n# the end").notes, []);
}

#[test]
fn what_means_something_else_now_is_said_once() {
    let about = |command: &str| said(&user(&format!("@daily {command}\n")), 1);
    for away in ["a > b", "a >> /var/log/x.log 2>&1", "cd /x && a &> b", "a | b >c", "(a) >/dev/null 2>&1"] {
        assert!(about(away).contains("no end of it will be in the records"), "{away}");
    }
    for here in ["a", "a 2>b", "a 2>&1", "a >&2", "a > b; c", "a '>' b", "a < b"] {
        assert!(!about(here).contains("no end of it"), "{here}");
    }
    assert!(about("[ -x /a ] && /a").contains("|| exit 0") && about("test -x a && a").contains("|| exit 0"));
    assert!(!about("test -x a || a").contains("|| exit 0"));
    assert!(about("flock -n /l a").contains("-E 0") && !about("flock -n -E 0 /l a").contains("-E 0"));
    for secret in ["mysqldump -ux -pgeheim d", "curl -u a:b x", "PASSWORD=x a", "wget ftp://a:b@c/", "a --token 3"] {
        assert!(about(secret).contains("password"), "{secret}");
    }
    assert!(!about("mysqldump --port 3 d").contains("password"));
    let text = "@daily a > b\n".repeat(20);
    let made = user(&text);
    assert_eq!(made.notes.len(), 1);
    assert!(made.notes[0].text.ends_with("(the same of lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 7 more)"));
}

#[test]
fn a_real_crontab() {
    let made = user(SAMPLE);
    let (old, new): (Vec<&str>, Vec<&str>) = (SAMPLE.lines().collect(), made.crontab.lines().collect());
    assert_eq!((old.len(), new.len()), (41, 41));
    let changed = old.iter().zip(&new).filter(|(old, new)| old != new).count();
    assert_eq!((changed, tables(&made).len()), (28, 28));
    assert_eq!(names(&made).iter().collect::<BTreeSet<_>>().len(), 28);
    assert_eq!(old.iter().zip(&new).filter(|(o, n)| o != n && !n.contains("/usr/local/bin/checker run ")).count(), 0);
    assert!(made.crontab.contains(
        "\n0 22 * * 1-5 /usr/local/bin/checker run mail -- /bin/bash -c 'mail -s \"It'\\''s 10pm\" joe'%Joe,%%Where are your \
         kids?%\n"
    ));
    let left: Vec<usize> = made.notes.iter().filter(|n| n.text.starts_with("left as it is")).map(|n| n.line).collect();
    assert_eq!(left, [36, 39, 40]);
    // A crontab that has been imported imports as what it is.
    let again = user(&made.crontab);
    assert_eq!((&again.crontab, names(&again).len()), (&made.crontab, 28));
}
