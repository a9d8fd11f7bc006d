//! From settings to jobs, with every problem of every table.

use crate::expect::{Expected, Match, wanted};
use crate::plan::{Plan, Servers};
use crate::settings::Settings;
use crate::{DnsJob, KIND, system};
use checker_job::{SpawnError, Table, TableErrors, parse_duration};
use checker_parts::net::Endpoint;
use domain::base::{Name, Rtype};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Types of records that can be asked for. `ANY` is not among them: servers need not answer it (RFC 8482).
pub(crate) const TYPES: [Rtype; 18] = [
    Rtype::A,
    Rtype::AAAA,
    Rtype::CAA,
    Rtype::CNAME,
    Rtype::DNAME,
    Rtype::DNSKEY,
    Rtype::DS,
    Rtype::HTTPS,
    Rtype::MX,
    Rtype::NAPTR,
    Rtype::NS,
    Rtype::PTR,
    Rtype::SOA,
    Rtype::SRV,
    Rtype::SSHFP,
    Rtype::SVCB,
    Rtype::TLSA,
    Rtype::TXT,
];
/// Codes that can be expected instead of records.
pub(crate) const CODES: [&str; 5] = ["NXDOMAIN", "REFUSED", "SERVFAIL", "NOTIMP", "NOTAUTH"];
/// More servers than this are a mistake.
const SERVERS_MAX: usize = 16;

pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<DnsJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::with_capacity(tables.len()), Vec::new());
    for (index, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(index, &mut errors) };
        let plan = reader.plan();
        if let Some(plan) = plan {
            let (id, policy) = table.job(KIND, &target(&plan), true);
            jobs.push(DnsJob { id, policy, plan: Arc::new(plan) });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// What tells the job from others: the question and who is asked.
fn target(plan: &Plan) -> String {
    match &plan.servers {
        Servers::System(_) => plan.question.clone(),
        Servers::Named(list) => {
            let list = list.iter().map(Endpoint::as_str).collect::<Vec<_>>().join(",");
            format!("{} @{list}", plan.question)
        }
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    /// The plan; to be used only if there are no problems.
    fn plan(&mut self) -> Option<Plan> {
        let settings = self.settings;
        let rtype = rtype(settings.r#type.as_deref().unwrap_or("A"));
        let rtype = self.errors.keep("type", rtype);
        let name = self.errors.keep("query", name(&settings.query, rtype));
        let servers = self.servers();
        let expected = rtype.map(|rtype| self.expected(rtype));
        let (latency_warning, latency_critical) = self.latencies();
        let tcp = match settings.transport.as_deref() {
            None | Some("udp") => false,
            Some("tcp") => true,
            Some(other) => {
                self.errors.note("transport", format!("{other:?} is not known; use \"udp\" or \"tcp\""));
                false
            }
        };
        let many = matches!(&servers, Servers::Named(list) if list.len() > 1);
        let (name, rtype) = (name?, rtype?);
        Some(Plan {
            question: format!("{} {rtype}", shown(&name)),
            name,
            rtype,
            servers,
            expected: expected?,
            agree: settings.agree.unwrap_or(many),
            authoritative: settings.authoritative,
            dnssec: settings.dnssec,
            tcp,
            latency_warning,
            latency_critical,
        })
    }

    fn servers(&mut self) -> Servers {
        let Some(given) = &self.settings.server else { return Servers::System(PathBuf::from(system::FILE)) };
        if given.is_empty() {
            self.errors.note("server", "the list is empty; leave the key out to ask the resolvers of this host");
        }
        if given.len() > SERVERS_MAX {
            self.errors.note("server", format!("more than {SERVERS_MAX} servers; make several jobs of them"));
        }
        Servers::Named(self.errors.each("server", given, |text| server(text), Endpoint::to_string))
    }

    fn expected(&mut self, rtype: Rtype) -> Expected {
        let settings = self.settings;
        let how = match settings.r#match.as_deref() {
            None | Some("exact") => Match::Exact,
            Some("contains") => Match::Contains,
            Some("any") => Match::Any,
            Some(other) => {
                self.errors.note("match", format!("{other:?} is not known; use \"exact\", \"contains\" or \"any\""));
                Match::Exact
            }
        };
        if settings.r#match.is_some() && settings.expect.is_none() {
            self.errors.note("match", "there is nothing to compare with; set expect, or leave it out");
        }
        let code = settings.expect_rcode.as_deref().map(str::to_ascii_uppercase);
        match code.as_deref() {
            None | Some("NOERROR") => {}
            Some(code) => {
                if settings.expect.is_some() {
                    self.errors
                        .note("expect", format!("an answer {code} has no records; leave expect or expect_rcode out"));
                }
                return self.code(code);
            }
        }
        let Some(given) = &settings.expect else { return Expected::Some };
        if given.is_empty() {
            self.errors.note("expect", "the list is empty; to expect no records write expect_rcode = \"NODATA\"");
        }
        let read = given.iter().map(|text| wanted(rtype, text));
        let mut records = std::collections::BTreeSet::new();
        for record in read.collect::<Vec<_>>() {
            records.extend(self.errors.keep("expect", record));
        }
        Expected::Records(records, how)
    }

    fn code(&mut self, given: &str) -> Expected {
        if given == "NODATA" {
            return Expected::NoData;
        }
        let Some(code) = CODES.iter().find(|code| **code == given) else {
            let known = CODES.map(|code| format!("\"{code}\"")).join(", ");
            self.errors.note("expect_rcode", format!("{given:?} is not known; use \"NOERROR\", \"NODATA\", {known}"));
            return Expected::Some;
        };
        Expected::Code(code)
    }

    fn latency(&mut self, key: &'static str, text: Option<&str>) -> Option<Duration> {
        let time = parse_duration(text?).and_then(|time| {
            if time.is_zero() { Err("no answer takes no time; write it as \"500ms\"".to_owned()) } else { Ok(time) }
        });
        self.errors.keep(key, time)
    }

    fn latencies(&mut self) -> (Option<Duration>, Option<Duration>) {
        let settings = self.settings;
        let warning = self.latency("latency_warning", settings.latency_warning.as_deref());
        let critical = self.latency("latency_critical", settings.latency_critical.as_deref());
        if warning.zip(critical).is_some_and(|(warning, critical)| warning >= critical) {
            let message = "it must be shorter than latency_critical, or nobody is ever warned; write less, or a longer latency_critical";
            self.errors.note("latency_warning", message);
        }
        (warning, critical)
    }
}

fn rtype(text: &str) -> Result<Rtype, String> {
    let known = || TYPES.map(|t| t.to_string()).join(", ");
    let wanted = text.to_ascii_uppercase();
    let found = TYPES.into_iter().find(|t| t.to_string() == wanted);
    found.ok_or_else(|| format!("{text:?} is no type that can be asked for; use one of {}", known()))
}

/// The name that is asked for. For an address and type PTR it is the one in which addresses are looked up.
fn name(text: &str, rtype: Option<Rtype>) -> Result<Name<Vec<u8>>, String> {
    if text.is_empty() {
        return Err("it is empty; name what is asked for, as in \"www.example.com\"".to_owned());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return match rtype {
            Some(Rtype::PTR) => Name::reverse_from_addr(ip).map_err(|why| format!("{text:?} has no name: {why}")),
            _ => Err(format!("{text} is an address; to ask for its name set type = \"PTR\"")),
        };
    }
    if !text.is_ascii() {
        return Err(format!("{text:?} is not plain ASCII; write the name's form that begins with xn--"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/' || c == ':') {
        return Err(format!("{text:?} is no name; write it as in \"www.example.com\", without port and path"));
    }
    Name::from_str(&text.to_ascii_lowercase()).map_err(|why| format!("{text:?} is no name: {why}"))
}

fn shown(name: &Name<Vec<u8>>) -> String {
    let text = name.to_string();
    if text.is_empty() { ".".to_owned() } else { text }
}

/// A server; its port may be left out.
fn server(text: &str) -> Result<Endpoint, String> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => return Endpoint::parse(&format!("[{ip}]:53")),
        Ok(IpAddr::V4(ip)) => return Endpoint::parse(&format!("{ip}:53")),
        Err(_) => {}
    }
    if text.is_empty() || text.contains(':') { Endpoint::parse(text) } else { Endpoint::parse(&format!("{text}:53")) }
}
