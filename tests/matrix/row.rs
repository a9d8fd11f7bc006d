//! One row: a fault, who must hear of it, and how it is played.

use super::node::{NAMES, Node};
use super::world::{Plan, Told, World};
use crate::support::wait_until;
use checker::decide::bound::LATENCY;
use std::collections::BTreeMap;
use std::time::Duration;

/// A message that somebody is to have: who sends it, to whose admin, with what in its subject. Nobody in particular sends
/// it where `by` is empty.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) by: &'static str,
    pub(super) to: &'static str,
    pub(super) says: &'static str,
}

pub(super) const fn word(by: &'static str, to: &'static str, says: &'static str) -> Word {
    Word { by, to, says }
}

impl Word {
    fn is(&self, told: &Told) -> bool {
        (self.by.is_empty() || self.by == told.by) && self.to == told.to && told.subject.contains(self.says)
    }
}

/// What the row is held to.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// The bound of this fault.
    Within(&'static str),
    /// The longer one of two, for two faults.
    Both(&'static str, &'static str),
    /// The bound of this fault says never: nobody is told for so many seconds.
    Never(&'static str, u64),
    /// It does no harm: nobody is told for so many seconds.
    Quiet(u64),
}

/// Something that is done to a world.
type Act = fn(&mut World);

pub(super) struct Row {
    /// The number in the table of what the first program did, and a letter where there are several.
    pub(super) id: &'static str,
    pub(super) fault: &'static str,
    pub(super) due: Due,
    pub(super) plan: Plan,
    /// Makes the fault.
    pub(super) strike: Act,
    /// Each of these comes, once.
    pub(super) told: &'static [Word],
    /// These may come too.
    pub(super) also: &'static [Word],
    /// Ends the fault; and each of these comes then.
    pub(super) heal: Option<(Act, &'static [Word])>,
    /// What else must be so in the end.
    pub(super) check: Act,
}

/// What was seen.
pub(super) struct Seen {
    pub(super) detector: String,
    pub(super) told: String,
    pub(super) seconds: Option<f64>,
    pub(super) bound: String,
    pub(super) recovery: Option<f64>,
}

/// From the mending to the message of it: a canary may have to wait until its next try.
const RECOVERY: Duration = Duration::from_secs(200);
/// So long nobody may be told before the fault.
const CALM: Duration = Duration::from_secs(3);

impl Row {
    /// The number in the table.
    pub(super) fn number(&self) -> u32 {
        self.id.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().expect("a number")
    }

    /// Plays it. What is not as it should be is an error, in words.
    pub(super) fn play(&'static self) -> Result<Seen, String> {
        World::with(self.plan, move |mut world| {
            let played = self.play_in(&mut world);
            played.map_err(|why| {
                let told: Vec<String> =
                    world.told().iter().map(|t| format!("  {} to {}: {}", t.by, t.to, t.subject)).collect();
                let logs: Vec<String> = world.nodes.iter().map(Node::log).collect();
                format!("{why}\ntold:\n{}\n{}", told.join("\n"), logs.join("\n"))
            })
        })
    }

    fn play_in(&self, world: &mut World) -> Result<Seen, String> {
        if !world.is_steady() {
            return Err(format!("it does not become steady\n{}", world.mail.log()));
        }
        std::thread::sleep(CALM);
        if !world.told().is_empty() {
            return Err("a false alarm, before anything happened".to_owned());
        }
        let before = bounds(world);
        world.begins();
        (self.strike)(world);
        // A fault that is an edit has other bounds; one that breaks the settings has none.
        let bounds = bounds(world).or(before).expect("bounds");
        let (detector, bound) = self.due_in(&bounds)?;
        let seen = match self.due {
            Due::Within(_) | Due::Both(..) => {
                let bound = bound.ok_or("checker bound says never, and somebody is to be told")?;
                let seconds = self.await_all(world, bound)?;
                Seen {
                    detector,
                    told: who(self.told),
                    seconds: Some(seconds),
                    bound: format!("{} s", bound.as_secs()),
                    recovery: None,
                }
            }
            Due::Never(..) if bound.is_some() => return Err(format!("checker bound says {bound:?}, not never")),
            Due::Never(_, secs) | Due::Quiet(secs) => {
                self.await_silence(world, Duration::from_secs(secs))?;
                let bound = if matches!(self.due, Due::Quiet(_)) { "quiet" } else { "never" };
                Seen { detector, told: "nobody".to_owned(), seconds: None, bound: bound.to_owned(), recovery: None }
            }
        };
        (self.check)(world);
        let recovery = self.heal_in(world)?;
        Ok(Seen { recovery, ..seen })
    }

    /// Who should notice, and the bound.
    fn due_in(&self, bounds: &BTreeMap<String, Bound>) -> Result<(String, Option<Duration>), String> {
        let of = |name: &str| bounds.get(name).cloned().ok_or(format!("checker bound knows no {name}"));
        Ok(match self.due {
            Due::Within(name) | Due::Never(name, _) => of(name)?,
            Due::Both(one, two) => {
                let (one, two) = (of(one)?, of(two)?);
                (format!("{}; {}", one.0, two.0), one.1.max(two.1))
            }
            Due::Quiet(_) => ("nobody needs to".to_owned(), None),
        })
    }

    /// Seconds until the last of those who are to be told was told. The bound grants mail two minutes from its acceptance to the
    /// mailbox, which are not needed here: so they are not granted.
    fn await_all(&self, world: &mut World, bound: Duration) -> Result<f64, String> {
        let limit = bound.saturating_sub(LATENCY);
        let struck = world.struck;
        let left = limit.saturating_sub(struck.elapsed());
        wait_until(left, || have_come(world, self.told).then_some(())).ok_or_else(|| {
            format!("nobody was told within {} s (the bound less what mail may take)", limit.as_secs())
        })?;
        let last = |told: &Word| {
            world.told().iter().filter(|t| told.is(t)).map(|t| t.at.duration_since(struck)).min().unwrap_or_default()
        };
        let seconds = self.told.iter().map(last).max().unwrap_or_default();
        let seconds = world.took.unwrap_or(seconds).as_secs_f64();
        if seconds > limit.as_secs_f64() {
            return Err(format!("told after {seconds:.0} s, which is more than {} s", limit.as_secs()));
        }
        // What comes too much comes soon.
        std::thread::sleep(Duration::from_secs(6));
        self.are_right(world, &[])?;
        Ok(seconds)
    }

    fn await_silence(&self, world: &mut World, time: Duration) -> Result<(), String> {
        let left = time.saturating_sub(world.struck.elapsed());
        wait_until(left, || self.are_right(world, &[]).err()).map_or(Ok(()), Err)
    }

    /// Nobody has a message that is not for them, and nobody has one twice.
    fn are_right(&self, world: &mut World, more: &[Word]) -> Result<(), String> {
        let told = world.told();
        let known: Vec<&Word> = self.told.iter().chain(self.also).chain(more).collect();
        if let Some(wrong) = told.iter().find(|t| !known.iter().any(|word| word.is(t))) {
            return Err(format!("{} should not be told: {}", wrong.to, wrong.subject));
        }
        let twice = told
            .iter()
            .find(|t| told.iter().filter(|o| (&o.by, o.to, &o.subject) == (&t.by, t.to, &t.subject)).count() > 1);
        twice.map_or(Ok(()), |t| Err(format!("{} is told twice: {}", t.to, t.subject)))
    }

    fn heal_in(&self, world: &mut World) -> Result<Option<f64>, String> {
        let Some((heal, words)) = self.heal else { return Ok(None) };
        world.begins();
        heal(world);
        let struck = world.struck;
        wait_until(RECOVERY, || have_come(world, words).then_some(()))
            .ok_or_else(|| format!("its end is not told within {} s", RECOVERY.as_secs()))?;
        let seconds = struck.elapsed().as_secs_f64();
        // Who comes back is not well at once: what it had proven of its mail and its passes is old.
        let ends = NAMES.iter().flat_map(|to| [word("", to, "SOLVED"), word("", to, " says that its ")]);
        let ends: Vec<Word> = ends.collect();
        let more: Vec<Word> = words.iter().copied().chain(ends).collect();
        self.are_right(world, &more)?;
        Ok(Some(seconds))
    }
}

fn have_come(world: &mut World, words: &[Word]) -> bool {
    let told = world.told();
    words.iter().all(|word| told.iter().any(|t| word.is(t)))
}

fn who(words: &[Word]) -> String {
    let one = |w: &Word| {
        let by = if w.by.is_empty() { "one of the others" } else { w.by };
        format!("{}'s admin by {by}", w.to)
    };
    let mut all: Vec<String> = words.iter().map(one).collect();
    all.dedup();
    all.join(", ")
}

/// Who notices, and the longest time.
type Bound = (String, Option<Duration>);

/// What `checker bound` prints for the settings of the first node as they are; `None` if they do not load.
fn bounds(world: &World) -> Option<BTreeMap<String, Bound>> {
    let done = world.nodes[0].home.run(&["bound", "--json"]);
    if done.code != 0 {
        return None;
    }
    let table = done.json();
    let rows = table["faults"].as_array()?.iter().map(|row| {
        let detector = row["detector"].as_str().unwrap_or_default().to_owned();
        (
            row["fault"].as_str().unwrap_or_default().to_owned(),
            (detector, row["longest_s"].as_u64().map(Duration::from_secs)),
        )
    });
    Some(rows.collect())
}
