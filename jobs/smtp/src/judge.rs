//! From a talk to an outcome. Pure.

use crate::plan::{Plan, Security};
use crate::talk::{Answer, Talked};
use checker_job::{Outcome, Verdict};
use checker_parts::lines::Reply;
use checker_parts::probe::listed;

/// Judges a talk that went through.
pub(crate) fn judge(plan: &Plan, talked: &Talked) -> Outcome {
    let mut findings: Vec<(Verdict, String)> = Vec::new();
    for Answer { address, reply } in talked.refused.iter().filter(|a| is_good(&a.reply)) {
        let said = reply.quoted();
        findings.push((
            Verdict::Failed,
            format!("{} is an OPEN RELAY: it takes mail for {address} from strangers: {said}", talked.name),
        ));
    }
    if let Some(sender) = talked.sender.as_ref().filter(|reply| !is_good(reply) && !wants_login(plan, reply)) {
        let of = if plan.mail_from.is_empty() { "the empty sender" } else { plan.mail_from.as_str() };
        findings.push(turned_down(&talked.name, &format!("from {of}"), sender));
    }
    for Answer { address, reply } in talked.taken.iter().filter(|a| !is_good(&a.reply)) {
        findings.push(turned_down(&talked.name, &format!("for {address}"), reply));
    }
    findings.sort_by_key(|(verdict, _)| *verdict != Verdict::Failed);
    let sentences: Vec<&str> = findings.iter().map(|(_, sentence)| sentence.as_str()).collect();
    let detail = detail(talked);
    let outcome = match findings.first() {
        None => Outcome::ok(well(plan, talked)),
        Some((Verdict::Failed, _)) => Outcome::failed(listed(&sentences)),
        Some(_) => Outcome::warning(listed(&sentences)),
    };
    outcome.with_detail(detail)
}

fn is_good(reply: &Reply) -> bool {
    reply.code.starts_with('2')
}

/// A server that wants a login before any mail is no open relay. Who must get mail gets none from it, though; and one that
/// only wants TLS first, by the same code (RFC 3207, 4), has said nothing of what it would take then.
fn wants_login(plan: &Plan, reply: &Reply) -> bool {
    let wants_tls = reply.lines.iter().any(|line| line.to_ascii_uppercase().contains("TLS"));
    plan.rcpt_to.is_empty() && reply.code == "530" && !wants_tls
}

fn turned_down(name: &str, mail: &str, reply: &Reply) -> (Verdict, String) {
    let said = reply.quoted();
    if reply.code.starts_with('4') {
        let sentence =
            format!("{name} takes no mail {mail} for now: {said} (greylisting, a full mailbox, or trouble of its own)");
        (Verdict::Warning, sentence)
    } else {
        (Verdict::Failed, format!("{name} refuses mail {mail}: {said}"))
    }
}

fn well(plan: &Plan, talked: &Talked) -> String {
    let mut parts = vec![match plan.security {
        Security::None => "answers, without TLS".to_owned(),
        _ => "answers with good TLS".to_owned(),
    }];
    if let Some(login) = &plan.login {
        parts.push(format!("lets {} in", login.user));
    }
    let of = |answers: &[Answer]| listed(&answers.iter().map(|a| a.address.as_str()).collect::<Vec<_>>());
    if !talked.taken.is_empty() {
        parts.push(format!("takes mail for {}", of(&talked.taken)));
    }
    if !plan.expect_refused.is_empty() {
        parts.push(format!("refuses mail for {}", listed(&plan.expect_refused)));
    }
    format!("{} {}", talked.name, parts.join(", "))
}

fn detail(talked: &Talked) -> String {
    let sender = talked.sender.iter().map(|reply| format!("MAIL FROM: {}", reply.quoted()));
    let answers = talked.taken.iter().chain(&talked.refused);
    let answers = answers.map(|Answer { address, reply }| format!("RCPT TO:<{address}>: {}", reply.quoted()));
    sender.chain(answers).collect::<Vec<_>>().join("\n")
}
