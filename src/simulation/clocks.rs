//! Steps of the wall clock while a target is down: what is due to be told comes all the same, and once (I11).

use super::acts::Act;
use super::engine::{Micros, micros};
use super::fleet::{self, Plan, secs};
use super::modes::{self, History};
use super::rng::Rng;
use super::world::{Tempo, World};
use crate::decide::AlertKind;
use checker_job::{Frequency, Remind};
use std::time::Duration;

/// A reminder is due this often.
const EVERY: Duration = Duration::from_secs(3_600);
/// A run, a pass and a message, each as late as it may be; cron's minute is another one after a step, and a host that is
/// off for two minutes tells nothing.
const SLACK: Duration = Duration::from_secs(420);
const END: i64 = 16 * 3_600;

/// One node, one target that goes down and stays down, and a clock that is set now and then.
pub(super) fn steps(seed: u64) -> History {
    let mut rng = Rng::new(seed ^ 0xC1_0C45);
    let mut site = modes::site(&mut rng, 1);
    (site.legacy, site.pace) = (0, crate::decide::pace::Pace::default());
    site.jobs = vec![(Frequency::Minute, 2, Duration::from_secs(10)), (Frequency::Hour, 1, Duration::from_secs(10))];
    let tempo = if rng.mille(500) { Tempo::Quick } else { Tempo::Upto(100) };
    let spread = Duration::from_secs(50);
    let sim = fleet::build(&Plan { site, seed, tempo, lines: rng.mille(300), clones: 0, spread });
    let mut stepped = Vec::new();
    let down = secs(7_200 + rng.below(3_600).cast_signed());
    {
        let mut world = sim.w();
        let jobs = world.nodes.first_mut().map(|node| &mut node.setup.jobs);
        jobs.into_iter().flatten().for_each(|job| job.policy.remind = Remind::Every(EVERY));
        world.at(down, Act::Target(0, 0, false));
        for _ in 0..=rng.below(3) {
            let at = secs(3_600 + rng.below(12 * 3_600).cast_signed());
            set(&mut world, &mut rng, at);
            stepped.push(at);
        }
    }
    sim.run(secs(END));
    {
        let mut world = sim.w();
        let told: Vec<Micros> = world
            .posted
            .iter()
            .filter(|p| p.alerts.iter().any(|(id, kind)| is_news(*kind) && id.job.as_str().ends_with(":0")))
            .map(|p| p.taken)
            .collect();
        world.faults(judge(&told, &stepped, down));
    }
    modes::end(&sim, 1)
}

fn is_news(kind: Option<AlertKind>) -> bool {
    matches!(kind, Some(AlertKind::Down | AlertKind::Reminder))
}

/// The clock is set: by little or by much, sometimes while the host is off.
fn set(world: &mut World, rng: &mut Rng, at: Micros) {
    let most = rng.pick(&[90, 3_600, 30_000]).unwrap_or(90);
    let far = secs(60 + rng.below(most).cast_signed()) * if rng.mille(600) { -1 } else { 1 };
    if rng.mille(250) {
        world.at(at, Act::Host(0, false));
        world.at(at + secs(60), Act::Step(0, far));
        world.at(at + secs(120), Act::Host(0, true));
    } else {
        world.at(at, Act::Step(0, far));
    }
}

/// A step holds what is due for one interval at most, and brings one message more at most.
fn judge(told: &[Micros], stepped: &[Micros], down: Micros) -> Vec<String> {
    let (every, slack) = (micros(EVERY), micros(SLACK));
    let mut wrong = Vec::new();
    let steps = |from: Micros, to: Micros| stepped.iter().filter(|s| **s + slack >= from && **s <= to + slack).count();
    let mut last = None;
    let ends = told.iter().copied().chain([secs(END)]);
    for at in ends {
        let (from, wait) = last.map_or((down, 2 * 60 * 1_000_000), |last| (last, every));
        let most = wait + slack + if steps(from, at) > 0 { every } else { 0 };
        if at - from > most {
            wrong.push(format!("I11: a target that is down was not told of for {} s", (at - from) / 1_000_000));
        }
        last = Some(at);
    }
    let first = told.first().copied().unwrap_or(secs(END));
    let due = 1 + (secs(END) - first) / (every - micros(Duration::from_secs(90)));
    let most = usize::try_from(due).unwrap_or(0) + stepped.len();
    if told.len() > most {
        wrong.push(format!("I11: {} messages where {most} were due, with {} steps", told.len(), stepped.len()));
    }
    wrong
}
