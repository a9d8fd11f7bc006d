//! `checker status`: how the jobs are, what waits to be told, and how Checker itself is.

mod legs;

use super::args::Status;
use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, counted, json_line, local_time};
use crate::clock;
use crate::decide::legs::Leg;
use crate::decide::{DeliveryState, JobState, Recipient};
use crate::outbox::{ChannelHealth, MailHealth, channel_health, mail_health};
use crate::store::{Ledger, PassEnd, PassStart, Shared, Sqlite};
use checker_job::{JobId, Policy, Timestamp, Verdict, duration_words};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::PathBuf;

/// What is shown, read in one go.
struct View {
    now: Timestamp,
    jobs: Vec<Line>,
    pass: Option<(PassStart, Option<PassEnd>)>,
    mail: MailHealth,
    /// How far the way to each admin is proven.
    legs: Vec<(Recipient, Leg)>,
    /// What is known of each channel.
    channels: Vec<(String, ChannelHealth)>,
    unsent: Vec<(String, String, Option<String>, bool)>,
    waiting: usize,
    /// Troubles of this node: since when, and what they say.
    own: Vec<(Timestamp, String)>,
    /// The file that stands in for the state.
    place: Option<PathBuf>,
    /// Jobs with an alert that somebody was not told yet.
    untold: BTreeSet<JobId>,
}

struct Line {
    id: JobId,
    policy: Policy,
    state: Option<JobState>,
}

impl Line {
    fn word(&self) -> &'static str {
        match &self.state {
            None => "new",
            Some(s) if s.flapping.is_some() => "flapping",
            Some(s) if s.blind.as_ref().is_some_and(|b| b.confirmed) => "unknown",
            Some(s) => match (&s.failure, s.verdict) {
                (Some(e), _) if e.confirmed && e.verdict == Verdict::Warning => "warning",
                (Some(e), _) if e.confirmed => "failed",
                (Some(_), _) => "suspect",
                (None, Some(Verdict::Unknown)) => "unsure",
                (None, Some(_)) => "ok",
                (None, None) => "new",
            },
        }
    }

    fn is_well(&self) -> bool {
        matches!(self.word(), "ok" | "new")
    }
}

pub(super) fn run(cx: &mut Cx<'_>, args: &Status) -> Result<Exit, Failure> {
    let world = World::load_or_recall(cx, true)?;
    let exit = if world.broken.is_some() { Exit::Settings } else { Exit::Ok };
    let home = world.home(false);
    let mut view = read(&world, world.look(&home)?.as_ref())?;
    view.place = home.degraded().and_then(|d| d.place);
    if args.failing {
        view.jobs.retain(|l| !l.is_well());
    }
    if args.by_host {
        view.jobs.sort_by(|a, b| (&a.policy.host, &a.policy.name).cmp(&(&b.policy.host, &b.policy.name)));
    }
    if cx.options.json {
        let value = to_json(&world, &view);
        json_line(cx, &value)?;
        return Ok(exit);
    }
    show_jobs(cx.out, &world, &view, args)?;
    show_self(cx.out, &world, &view)?;
    Ok(exit)
}

fn read(world: &World, store: Option<&Sqlite>) -> Result<View, Failure> {
    let now = clock::now().wall;
    let ids: Vec<JobId> = world.settings.jobs.iter().map(|j| j.id().clone()).collect();
    let mut view = View {
        now,
        jobs: Vec::new(),
        pass: None,
        mail: MailHealth::default(),
        legs: Vec::new(),
        channels: world.settings.channels.iter().map(|c| (c.name.clone(), ChannelHealth::default())).collect(),
        unsent: Vec::new(),
        waiting: 0,
        own: Vec::new(),
        place: None,
        untold: BTreeSet::new(),
    };
    let mut states = HashMap::new();
    if let Some(store) = store {
        let (shared, own) = (store.shared(), store.own());
        states = shared.states(&ids)?;
        view.pass = shared.passes(1)?.into_iter().next();
        view.mail = mail_health(&own)?;
        view.legs = legs::of(world, store, now)?;
        for (name, health) in &mut view.channels {
            *health = channel_health(&own, name)?;
        }
        let mut open: Vec<JobId> = own.slots()?.into_iter().filter(|(_, s)| s.open).map(|(id, _)| id).collect();
        open.sort();
        let mut troubles = own.states(&open)?;
        let troubles = open.iter().filter_map(|id| troubles.remove(id));
        view.own = troubles.filter_map(|s| Some((s.failure.as_ref()?.since, s.summary.clone()))).collect();
        let ledgers: [&dyn Ledger; 2] = [&own, &shared];
        for ledger in ledgers {
            let waiting = ledger.waiting()?;
            view.waiting += waiting.iter().filter(|w| w.delivery.is_none()).count();
            view.untold.extend(waiting.into_iter().map(|w| w.alert.id.job));
            view.unsent.extend(ledger.unsent()?.into_iter().map(|d| {
                let refused = matches!(d.state, DeliveryState::Refused { .. });
                (d.recipient.0, d.subject, d.last_error, refused)
            }));
        }
    }
    view.jobs = (world.settings.jobs.iter())
        .map(|j| Line { id: j.id().clone(), policy: j.policy().clone(), state: states.remove(j.id()) })
        .collect();
    Ok(view)
}

fn show_jobs(out: &mut dyn Write, world: &World, view: &View, args: &Status) -> io::Result<()> {
    let mut host: Option<&Option<String>> = None;
    for line in &view.jobs {
        if args.by_host && host != Some(&line.policy.host) {
            writeln!(out, "{}:", line.policy.host.as_deref().unwrap_or("(no host)"))?;
            host = Some(&line.policy.host);
        }
        let ran = line.state.as_ref().filter(|s| s.ran_at.is_some());
        let summary = ran.map_or("has not run yet", |s| s.summary.as_str());
        writeln!(out, "{:8} {}: {summary}", line.word(), line.policy.name)?;
        if let Some(state) = &line.state {
            show_more(out, world, view, &line.id, state)?;
        }
        if let Some(words) = world.in_window(&line.id, view.now) {
            writeln!(out, "         {words}")?;
        }
    }
    let well = view.jobs.iter().filter(|l| l.is_well()).count();
    let new = view.jobs.iter().filter(|l| l.word() == "new").count();
    let fresh = if new > 0 { format!(", {new} new") } else { String::new() };
    match (view.jobs.len() - well, args.failing) {
        (0, true) => writeln!(out, "nothing is failing")?,
        (bad, true) => writeln!(out, "{bad} not well")?,
        (bad, false) => writeln!(out, "{} well, {bad} not well{fresh}", well - new)?,
    }
    Ok(())
}

fn show_more(out: &mut dyn Write, world: &World, view: &View, id: &JobId, state: &JobState) -> io::Result<()> {
    let now = view.now;
    for episode in [&state.failure, &state.blind].into_iter().flatten() {
        let lasts = duration_words(now.since(episode.since));
        let told = match episode.told_at {
            Some(at) if view.untold.contains(id) => format!("NOT TOLD YET (decided {})", local_time(world, at)),
            Some(at) => format!("alert of {} told", local_time(world, at)),
            None => "nobody was told yet".to_owned(),
        };
        let since = local_time(world, episode.since);
        writeln!(out, "         since {since} ({lasts}), {}; {told}", counted(episode.count as usize, "time"))?;
    }
    if let Some(ack) = &state.ack {
        let note = ack.note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
        writeln!(out, "         acknowledged by {}{note}", ack.by)?;
    }
    if let Some(silence) = state.silence.as_ref().filter(|s| now < s.until) {
        let note = silence.note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
        writeln!(out, "         silenced until {} by {}{note}", local_time(world, silence.until), silence.by)?;
    }
    Ok(())
}

fn show_self(out: &mut dyn Write, world: &World, view: &View) -> io::Result<()> {
    match &view.pass {
        None => {
            let line = super::init::crontab_line(&world.path);
            writeln!(out, "no pass has run yet. Is this line in the crontab?\n  {line}")?;
        }
        Some((start, end)) => {
            let ago = duration_words(view.now.since(start.started));
            let end = if end.is_some() { "" } else { " and has not ended" };
            writeln!(out, "last pass with work began {ago} ago{end}")?;
        }
    }
    if world.broken.is_some() {
        writeln!(out, "THE SETTINGS DO NOT LOAD; these are the last accepted ones. See: {} check", world.command)?;
    }
    if let Some(place) = &view.place {
        let (state, place) = (world.state().display(), place.display());
        writeln!(out, "THE STATE {state} CANNOT BE USED; this is what is kept in {place} meanwhile")?;
    }
    for (since, trouble) in &view.own {
        writeln!(out, "CHECKER ITSELF, since {}: {trouble}", local_time(world, *since))?;
    }
    let mail = &view.mail;
    // What failed once and was taken since is news for the proof of mail, not for people.
    let why = mail.why.as_ref().filter(|_| mail.failing_since.is_some());
    match (why, mail.accepted_at) {
        (Some(why), _) if !view.unsent.iter().any(|(to, ..)| to.contains('@')) => {
            let at = mail.failed_at.map(|at| local_time(world, at)).unwrap_or_default();
            writeln!(out, "the last message was not accepted {at}: {why}; nothing waits")?;
        }
        (Some(why), _) => {
            let since = mail.failing_since.map(|at| local_time(world, at)).unwrap_or_default();
            writeln!(out, "MAIL DOES NOT LEAVE since {since}: {why}")?;
        }
        (None, Some(at)) => writeln!(out, "mail was last accepted {}", local_time(world, at))?,
        (None, None) => writeln!(out, "no mail has been sent yet: `checker test` sends one")?,
    }
    legs::show(out, world, &view.legs)?;
    show_channels(out, world, view)?;
    if world.settings.email.nomail {
        writeln!(out, "MAIL IS SWITCHED OFF (nomail): alerts are withheld")?;
    }
    for (recipient, subject, error, refused) in &view.unsent {
        let state = if *refused { "refused" } else { "kept" };
        let why = error.as_ref().map(|e| format!(" ({e})")).unwrap_or_default();
        writeln!(out, "{state} for {recipient}: {subject}{why}")?;
    }
    if view.waiting > 0 {
        let how = match (world.settings.email.nomail, view.waiting) {
            (true, 1) => "is withheld",
            (true, _) => "are withheld",
            (false, 1) => "waits for the next message",
            (false, _) => "wait for the next message",
        };
        writeln!(out, "{} {how}", counted(view.waiting, "alert"))?;
    }
    Ok(())
}

fn show_channels(out: &mut dyn Write, world: &World, view: &View) -> io::Result<()> {
    for (name, channel) in &view.channels {
        match (&channel.why, channel.failing_since, channel.accepted_at) {
            (Some(why), Some(since), _) => {
                writeln!(out, "CHANNEL {name} TAKES NOTHING since {}: {why}", local_time(world, since))?;
            }
            (_, _, Some(at)) => writeln!(out, "channel {name} last took a message {}", local_time(world, at))?,
            _ => writeln!(out, "channel {name} has not been used yet: `checker test` sends one")?,
        }
    }
    Ok(())
}

fn to_json(world: &World, view: &View) -> serde_json::Value {
    let rfc = |at: Timestamp| super::rfc3339(at);
    let jobs: Vec<_> = view
        .jobs
        .iter()
        .map(|l| {
            let s = l.state.as_ref();
            json!({
                "id": l.id, "name": l.policy.name, "host": l.policy.host, "state": l.word(),
                "verdict": s.and_then(|s| s.verdict), "summary": s.map(|s| &s.summary),
                "since": s.and_then(|s| s.failure.as_ref()).map(|e| rfc(e.since)),
                "failures": s.and_then(|s| s.failure.as_ref()).map(|e| e.count),
                "ran_at": s.and_then(|s| s.ran_at).map(rfc),
                "acknowledged": s.is_some_and(|s| s.ack.is_some()),
                "window": world.window_json(&l.id, view.now),
                "silenced_until": s.and_then(|s| s.silence.as_ref()).filter(|q| view.now < q.until).map(|q| rfc(q.until)),
            })
        })
        .collect();
    let unsent: Vec<_> = view
        .unsent
        .iter()
        .map(|(to, subject, why, refused)| json!({"to": to, "subject": subject, "why": why, "refused": refused}))
        .collect();
    json!({
        "v": 1, "jobs": jobs, "troubles": view.own.iter().map(|(_, t)| t).collect::<Vec<_>>(), "unsent": unsent, "waiting": view.waiting,
        "refuge": view.place,
        "mail": {
            "accepted_at": view.mail.accepted_at.map(rfc), "failing_since": view.mail.failing_since.map(rfc),
            "why": view.mail.why, "legs": legs::to_json(&view.legs),
        },
        "channels": view.channels.iter().map(|(name, c)| json!({
            "name": name, "accepted_at": c.accepted_at.map(rfc), "failing_since": c.failing_since.map(rfc), "why": c.why,
        })).collect::<Vec<_>>(),
        "last_pass": view.pass.as_ref().map(|(s, e)| json!({"started": rfc(s.started), "ended": e.map(|e| rfc(e.ended))})),
    })
}
