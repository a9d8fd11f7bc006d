//! From settings to jobs, with every problem of every table.

use crate::packet::TOKEN;
use crate::pings::LEAST;
use crate::plan::{Family, Plan};
use crate::{KIND, PingJob, Settings};
use checker_job::{SpawnError, Table, TableErrors, duration_words, parse_duration};
use checker_parts::amount::parse_percent;
use checker_parts::net::Endpoint;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const COUNT: u32 = 5;
/// More are no check any more but a load.
const COUNT_MAX: u32 = 100;
const INTERVAL: Duration = Duration::from_millis(200);
/// Networks take quicker ones for an attack.
const INTERVAL_LEAST: Duration = Duration::from_millis(10);
const LOSS_WARNING: &str = "20%";
const LOSS_CRITICAL: &str = "60%";
const SIZE: u32 = 56;
/// The longest packet of IPv4 has 65535 bytes, 28 of them headers.
const SIZE_MAX: u32 = 65_507;
/// It lets a host be resolved as other kinds do, and is not used.
const PORT: u16 = 7;

pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<PingJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::with_capacity(tables.len()), Vec::new());
    for (index, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(index, &mut errors) };
        let plan = Arc::new(reader.plan(table.policy.timeout));
        let hosts = reader.hosts(plan.family);
        for endpoint in hosts {
            let (id, policy) =
                table.job(KIND, &target(endpoint.host(), plan.family), table.settings.address.len() == 1);
            jobs.push(PingJob { id, policy, endpoint, plan: Arc::clone(&plan) });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// What tells the job from others. A name may have a job for each family.
fn target(host: &str, family: Family) -> String {
    match family {
        Family::Any => host.to_owned(),
        Family::Four => format!("{host} IPv4"),
        Family::Six => format!("{host} IPv6"),
    }
}

/// A time with its milliseconds, which matter here.
fn words(time: Duration) -> String {
    if time.subsec_millis() == 0 { duration_words(time) } else { format!("{} ms", time.as_millis()) }
}

struct Reader<'a> {
    settings: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    /// The plan; to be used only if there are no problems.
    fn plan(&mut self, timeout: Duration) -> Plan {
        let settings = self.settings;
        let count = self.between("count", settings.count, COUNT, 1..=COUNT_MAX);
        let least = u32::try_from(TOKEN).unwrap_or(u32::MAX);
        let size = self.between("size", settings.size, SIZE, least..=SIZE_MAX);
        let interval = self.interval(count, timeout);
        let (loss_warning, loss_critical) = self.losses();
        let (rtt_warning, rtt_critical) = self.round_trips(timeout);
        let family = match settings.ip.as_deref() {
            None | Some("any") => Family::Any,
            Some("4") => Family::Four,
            Some("6") => Family::Six,
            Some(other) => {
                self.errors.note("ip", format!("{other:?} is not known; use \"4\", \"6\" or \"any\""));
                Family::Any
            }
        };
        Plan {
            count: u16::try_from(count).unwrap_or(u16::MAX),
            interval,
            loss_warning,
            loss_critical,
            rtt_warning,
            rtt_critical,
            size: usize::try_from(size).unwrap_or(usize::MAX),
            family,
        }
    }

    fn between(
        &mut self,
        key: &'static str,
        given: Option<u32>,
        usual: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        let number = given.unwrap_or(usual);
        if range.contains(&number) {
            return number;
        }
        self.errors.note(key, format!("{number} is not from {} to {}", range.start(), range.end()));
        usual
    }

    fn interval(&mut self, count: u32, timeout: Duration) -> Duration {
        let given = self.settings.interval.as_deref().map(parse_duration);
        let interval = given.and_then(|given| self.errors.keep("interval", given)).unwrap_or(INTERVAL);
        if interval < INTERVAL_LEAST {
            let least = words(INTERVAL_LEAST);
            self.errors
                .note("interval", format!("it must be {least} or more: networks take quicker pings for an attack"));
        }
        // The first one may wait as long as the others.
        let takes = interval * count + LEAST;
        if takes > timeout {
            // The one that the user wrote.
            let key = match (&self.settings.interval, self.settings.count) {
                (Some(_), _) => "interval",
                (None, Some(_)) => "count",
                (None, None) => "timeout",
            };
            let why = format!(
                "{count} pings, one every {}, and the answer to the last take {}, which is more than timeout = {}; send fewer, \
                 or allow more time",
                words(interval),
                words(takes),
                words(timeout)
            );
            self.errors.note(key, why);
        }
        interval
    }

    fn losses(&mut self) -> (u64, u64) {
        let settings = self.settings;
        let mut read = |key, given: Option<&str>, usual: &str| {
            let share = parse_percent(given.unwrap_or(usual));
            self.errors.keep(key, share)
        };
        let warning = read("loss_warning", settings.loss_warning.as_deref(), LOSS_WARNING);
        let critical = read("loss_critical", settings.loss_critical.as_deref(), LOSS_CRITICAL);
        if let (Some(warning), Some(critical)) = (warning, critical)
            && warning >= critical
        {
            let usual = |given: &Option<String>, usual: &str| match given {
                Some(given) => format!("{given:?}"),
                None => format!("{usual:?}, by default"),
            };
            let (key, why) = if settings.loss_critical.is_some() {
                let other = usual(&settings.loss_warning, LOSS_WARNING);
                ("loss_critical", format!("more than loss_warning (which is {other})"))
            } else {
                let other = usual(&settings.loss_critical, LOSS_CRITICAL);
                ("loss_warning", format!("less than loss_critical (which is {other})"))
            };
            self.errors.note(key, format!("it must be {why}, or nobody is ever warned; set both"));
        }
        (warning.unwrap_or_default(), critical.unwrap_or_default())
    }

    fn round_trips(&mut self, timeout: Duration) -> (Option<Duration>, Option<Duration>) {
        let settings = self.settings;
        let mut read = |key, given: Option<&str>| {
            let time = parse_duration(given?).and_then(|time| match time {
                Duration::ZERO => Err("no answer takes no time; write it as \"100ms\"".to_owned()),
                time if time >= timeout => {
                    let timeout = duration_words(timeout);
                    Err(format!("nothing takes longer than timeout = {timeout}: such answers are lost"))
                }
                time => Ok(time),
            });
            self.errors.keep(key, time)
        };
        let warning = read("rtt_warning", settings.rtt_warning.as_deref());
        let critical = read("rtt_critical", settings.rtt_critical.as_deref());
        if warning.zip(critical).is_some_and(|(warning, critical)| warning >= critical) {
            let message =
                "it must be shorter than rtt_critical, or nobody is ever warned; write less, or a longer rtt_critical";
            self.errors.note("rtt_warning", message);
        }
        (warning, critical)
    }

    fn hosts(&mut self, family: Family) -> Vec<Endpoint> {
        if self.settings.address.is_empty() {
            self.errors.note("address", "the list is empty; name at least one, as in \"router.example.com\"");
        }
        let list = &self.settings.address;
        self.errors.each("address", list, |text| host(text, family), |host| host.host().to_owned())
    }
}

/// A host; there are no ports here.
fn host(text: &str, family: Family) -> Result<Endpoint, String> {
    let bare = text.trim();
    let bare = bare.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(bare);
    let (ip, zone) = bare.split_once('%').map_or((bare, None), |(ip, zone)| (ip, Some(zone)));
    if let Ok(ip) = ip.parse::<IpAddr>() {
        pingable(ip, zone)?;
        if !family.takes(ip) {
            return Err(format!("{ip} is not of the family that ip asks for; leave ip out"));
        }
    }
    if bare.is_empty() {
        return Err("it is empty; name a host, as in \"router.example.com\"".to_owned());
    }
    if bare.contains("://") || bare.contains('/') {
        return Err(format!("{text:?} is no host; write it as in \"router.example.com\""));
    }
    let whole = match ip.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => format!("[{bare}]:{PORT}"),
        Err(_) if bare.contains(':') => return Err(format!("{text:?} has a port, and pings have none; leave it out")),
        Ok(IpAddr::V4(_)) | Err(_) => format!("{bare}:{PORT}"),
    };
    Endpoint::parse(&whole)
}

/// Refuses what is no address of one host.
fn pingable(ip: IpAddr, zone: Option<&str>) -> Result<(), String> {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    if ip.is_unspecified() || ip.is_multicast() || broadcast {
        return Err(format!("{ip} is no address of a host"));
    }
    let near = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if near && zone.is_none_or(str::is_empty) {
        return Err(format!("{ip} is of one link; say which, as in \"{ip}%eth0\""));
    }
    Ok(())
}
