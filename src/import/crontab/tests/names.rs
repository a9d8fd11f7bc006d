use super::super::*;
use super::{names, table, user};
use std::time::Duration;

/// The name that a command gets.
fn name_of(command: &str) -> String {
    table(&user(&format!("0 3 * * * {command}\n")))["name"].as_str().unwrap().to_owned()
}

const NAMES: [(&str, &str); 31] = [
    ("/usr/local/bin/backup.sh --full", "backup"),
    ("/usr/bin/php /srv/app/cron.php", "app-cron"),
    ("php8.2 -d memory_limit=1G -f /var/www/shop/public/index.php", "shop-index"),
    ("cd /srv/app && php artisan schedule:run", "app-artisan-schedule-run"),
    ("run-parts --report /etc/cron.daily", "cron.daily"),
    ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.weekly )", "cron.weekly"),
    ("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }", "cron.weekly"),
    (
        "[ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd ]; then /usr/lib/php/sessionclean; fi",
        "sessionclean",
    ),
    ("nice -n 19 ionice -c3 /opt/x/run.sh", "x-run"),
    ("VAR=1 B='2 3' cmd a", "cmd-a"),
    ("flock -n /run/x.lock -c '/opt/sync.py fast'", "sync-fast"),
    ("flock /run/x.lock timeout 1h rsync -a a b", "rsync"),
    ("sudo -u www-data -- /srv/wiki/maintenance/update.php", "wiki-update"),
    ("su -s /bin/bash - postgres -c \"pg_dumpall | gzip > x\"", "pg_dumpall"),
    ("bash -lc 'source x; /opt/a.rb'", "a"),
    ("java -Xmx1g -jar /opt/tool.jar", "tool"),
    ("python3 -m reports.daily", "reports.daily"),
    ("perl -e 'sleep 5' && certbot -q renew", "certbot"),
    ("certbot renew", "certbot-renew"),
    ("perl -e 'sleep 5'", "perl"),
    ("curl -s https://u:p@example.com:8080/x?y", "curl-example.com"),
    ("wget -q -O- http://example.com/", "wget-example.com"),
    ("$HOME/bin/daily.job >> $HOME/tmp/out 2>&1", "daily.job"),
    ("2>/dev/null >x ./a.sh", "a"),
    ("echo hi | mail joe", "mail"),
    ("echo hi", "echo"),
    ("systemctl restart nginx", "systemctl-restart-nginx"),
    ("\"/opt/My Tool/it's.sh\"", "it-s"),
    ("ä", "job"),
    (":", "job"),
    ("for f in a b; do /opt/fix.sh $f; done", "fix"),
];

#[test]
fn names_say_what_runs() {
    for (command, name) in NAMES {
        assert_eq!(name_of(command), name, "{command}");
    }
    let long = name_of(&"x".repeat(300));
    assert_eq!(long, "x".repeat(60));
}

#[test]
fn names_are_told_apart() {
    let line = "@daily /opt/a.sh\n";
    let made = user(&line.repeat(12));
    assert_eq!((names(&made)[0].as_str(), names(&made)[11].as_str()), ("a", "a-12"));
    let long = format!("@daily {}\n", "y".repeat(70));
    let names = names(&user(&long.repeat(11)));
    assert!(names.iter().all(|n| n.len() <= 60) && names[10].ends_with("y-11"));
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 11);
}

#[test]
fn grace_goes_by_the_rhythm() {
    for (cron, grace, max) in [
        ("* * * * *", "5min", None),
        ("*/10 * * * *", "5min", None),
        ("*/15 * * * *", "10min", None),
        ("*/45 * * * *", "15min", None),
        ("0 * * * *", "20min", None),
        ("0 */2 * * *", "40min", None),
        ("0 */6 * * *", "1h", None),
        ("0 3 * * *", "1h", Some("2h")),
        ("0 3 * * 1-5", "1h", Some("2h")),
        ("@weekly", "2h", Some("6h")),
        ("@monthly", "2h", Some("6h")),
        ("@yearly", "2h", Some("6h")),
    ] {
        let made = user(&format!("{cron} a\n"));
        assert_eq!(table(&made)["grace"].as_str(), Some(grace), "{cron}");
        assert!(
            made.settings.contains(&format!("grace = \"{grace}\"  # the time that the run itself takes is in it\n"))
        );
        let proposed =
            made.settings.split_once("\n# max_runtime = \"").map(|(_, rest)| rest.split('"').next().unwrap());
        assert_eq!(proposed, max, "{cron}");
    }
}

#[test]
fn gaps_are_those_that_a_look_at_each_slot_finds() {
    for text in
        ["*/7 * * * *", "3,50 8-17 * * 1-5", "0 0 31 * *", "*/20 1,23 1-7 * 0", "12 3 29 2 *", "@hourly", "5 4 * 6 *"]
    {
        let cron = Cron::parse(text).unwrap();
        let next = |at| cron.next(at, &jiff::tz::TimeZone::UTC).unwrap();
        let mut at = next(checker_job::Timestamp::from_micros(1_704_067_200_000_000 - 1));
        let mut longest = Duration::ZERO;
        while at < checker_job::Timestamp::from_secs(1_767_225_600) {
            let slot = next(at);
            longest = longest.max(slot.since(at));
            at = slot;
        }
        assert_eq!(rhythm::longest_gap(&cron), Some(longest), "{text}");
    }
    assert_eq!(rhythm::longest_gap(&Cron::parse("0 0 30 2 *").unwrap()), None);
}
