//! Messages (RFC 1035, EDNS of RFC 6891, extended errors of RFC 8914). Pure.

use crate::expect::{normal, shown};
use crate::plan::Plan;
use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::opt::ExtendedError;
use domain::base::wire::ParseError;
use domain::base::{Message, MessageBuilder, Name, ParsedName, Rtype, Serial};
use domain::rdata::{AllRecordData, Cname, Txt};
use std::collections::BTreeSet;

/// The largest answer over UDP that passes everywhere unfragmented (DNS flag day 2020).
pub(crate) const UDP_PAYLOAD: u16 = 1_232;
/// An alias of an alias of an alias; resolvers give up before.
const ALIASES_MAX: usize = 16;

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) rcode: Rcode,
    /// AA: the server is one of the zone's own.
    pub(crate) authoritative: bool,
    /// AD: the server has proved the answer by DNSSEC.
    pub(crate) authentic: bool,
    /// TC: there is more.
    pub(crate) truncated: bool,
    /// The records of the type that was asked for, in the form of [`normal`].
    pub(crate) records: BTreeSet<String>,
    /// The name at the end of the aliases, if the name is one.
    pub(crate) alias: Option<String>,
    /// The zone whose servers are named instead of an answer.
    pub(crate) referral: Option<String>,
    /// The version of the zone, where that was asked for.
    pub(crate) serial: Option<Serial>,
    /// What the server says about a failure.
    pub(crate) why: Option<String>,
}

/// Why a message is no answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Less than a header, or not a response.
    NoAnswer,
    /// Another id: late, or guessed by somebody.
    Id,
    /// The right id, and another question.
    Question,
}

impl Foreign {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NoAnswer => "no answer of DNS",
            Self::Id => "an answer with another id",
            Self::Question => "an answer to another question",
        }
    }
}

/// The question of the plan, as it is sent.
pub(crate) fn question(plan: &Plan, id: u16) -> Option<Vec<u8>> {
    let mut message = MessageBuilder::new_vec();
    let header = message.header_mut();
    header.set_id(id);
    header.set_opcode(Opcode::QUERY);
    header.set_rd(!plan.authoritative);
    // RFC 6840, 5.7: who sets it wants to know.
    header.set_ad(plan.dnssec);
    let mut question = message.question();
    question.push((&plan.name, plan.rtype)).ok()?;
    let mut additional = question.additional();
    additional
        .opt(|opt| {
            opt.set_udp_payload_size(UDP_PAYLOAD);
            Ok(())
        })
        .ok()?;
    Some(additional.finish())
}

/// Whether `bytes` answer the question, by all that can be known before it is read.
///
/// # Errors
/// [`Foreign`]
pub(crate) fn answers<'a>(plan: &Plan, id: u16, bytes: &'a [u8]) -> Result<&'a Message<[u8]>, Foreign> {
    let message = Message::from_slice(bytes).map_err(|_| Foreign::NoAnswer)?;
    if !message.header().qr() || message.header().opcode() != Opcode::QUERY {
        return Err(Foreign::NoAnswer);
    }
    if message.header().id() != id {
        return Err(Foreign::Id);
    }
    // Who could not read the question, or will not, may leave it out.
    if message.header_counts().qdcount() == 0 && message.header().rcode() != Rcode::NOERROR {
        return Ok(message);
    }
    let asked = message.sole_question().map_err(|_| Foreign::Question)?;
    let same = *asked.qname() == plan.name && asked.qtype() == plan.rtype && asked.qclass() == Class::IN;
    if same { Ok(message) } else { Err(Foreign::Question) }
}

/// Reads an answer. `None` means that it is damaged.
pub(crate) fn read(plan: &Plan, message: &Message<[u8]>) -> Option<Reply> {
    let header = message.header();
    let mut reply = Reply {
        rcode: header.rcode(),
        authoritative: header.aa(),
        authentic: header.ad(),
        truncated: header.tc(),
        records: BTreeSet::new(),
        alias: None,
        referral: None,
        serial: None,
        why: None,
    };
    if reply.truncated {
        // What is cut off may end anywhere.
        return Some(reply);
    }
    let owner = follow(plan, message, &mut reply)?;
    for record in message.answer().ok()? {
        let record = record.ok()?;
        if record.rtype() != plan.rtype || record.class() != Class::IN || record.owner() != owner {
            continue;
        }
        if plan.rtype == Rtype::TXT {
            let strings = record.to_record::<Txt<_>>().ok()??;
            // One text may be cut into many strings of 255 bytes.
            let bytes: Vec<u8> = strings.data().text();
            reply.records.insert(String::from_utf8_lossy(&bytes).into_owned());
            continue;
        }
        let data = record.to_any_record::<AllRecordData<_, ParsedName<_>>>().ok()?;
        if let AllRecordData::Soa(soa) = data.data() {
            reply.serial = Some(soa.serial());
        }
        reply.records.insert(normal(plan.rtype, &with_root(&data.data().to_string())));
    }
    if reply.records.is_empty() && reply.rcode == Rcode::NOERROR && !reply.authoritative {
        reply.referral = referral(message).ok()?;
    }
    reply.why = why(message);
    Some(reply)
}

/// The name whose records are the answer: that of the question, or where its aliases lead.
fn follow(plan: &Plan, message: &Message<[u8]>, reply: &mut Reply) -> Option<Name<Vec<u8>>> {
    use domain::base::name::ToName;
    let mut at: Name<Vec<u8>> = plan.name.clone();
    if plan.rtype == Rtype::CNAME {
        return Some(at);
    }
    for _ in 0..ALIASES_MAX {
        let mut next = None;
        for record in message.answer().ok()? {
            let record = record.ok()?;
            if record.rtype() == Rtype::CNAME && record.owner() == at {
                let alias = record.to_record::<Cname<ParsedName<_>>>().ok()??;
                next = Some(alias.data().cname().to_name());
                break;
            }
        }
        match next {
            // One that leads back would go on for ever.
            Some(next) if next != plan.name && next != at => at = next,
            Some(_) | None => break,
        }
        reply.alias = Some(with_root(&at.to_string()).to_ascii_lowercase());
    }
    Some(at)
}

/// The zone of a referral, if it is one: name servers and no SOA, where an answer should be.
///
/// # Errors
/// If it cannot be read.
fn referral(message: &Message<[u8]>) -> Result<Option<String>, ParseError> {
    let mut zone = None;
    for record in message.authority()? {
        let record = record?;
        match record.rtype() {
            Rtype::SOA => return Ok(None),
            Rtype::NS => zone = Some(with_root(&record.owner().to_string()).to_ascii_lowercase()),
            _ => {}
        }
    }
    Ok(zone)
}

fn why(message: &Message<[u8]>) -> Option<String> {
    let opt = message.opt()?;
    let error = opt.opt().iter::<ExtendedError<_>>().next()?.ok()?;
    Some(shown(&error.to_string()).trim_matches('"').to_owned())
}

/// The library shows the root as nothing, or leaves its dot away.
fn with_root(text: &str) -> String {
    if text.is_empty() || text.ends_with(' ') { format!("{text}.") } else { text.to_owned() }
}
