//! Which jobs would notice that something is wrong with their targets, and which other job would in their place.

use checker_job::{Mutation, Vacuity, Verdict};
use std::collections::HashMap;

/// What is known of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Whatever was tried, it or another job would notice.
    Strong,
    /// It would call something healthy that is not, and nobody else would notice.
    Weak,
    /// It notices what was tried, and not all could be.
    Partly,
    /// There was no healthy answer that could be made wrong.
    Unanswered,
    /// It is healthy, and nothing of its answer could be made wrong; or its kind does not say what it would make of that.
    Unsaid,
}

/// One mutation, and who notices.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried<'a> {
    /// What was made of the answer.
    pub mutation: &'a Mutation,
    /// The jobs that notice it where this one does not, as indices.
    pub others: Vec<usize>,
    /// If the remedy is another job: one that is there, and does not notice it either, with what it makes of that.
    pub nearer: Option<(usize, &'a Mutation)>,
}

impl Tried<'_> {
    /// Whether anybody would be told.
    pub fn is_noticed(&self) -> bool {
        self.mutation.is_noticed() || !self.others.is_empty()
    }
}

/// One job, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged<'a> {
    /// In one word.
    pub standing: Standing,
    /// All that was tried, in the order of the kind.
    pub tried: Vec<Tried<'a>>,
    /// What could not be tried, or empty.
    pub caveat: &'a str,
}

/// What is known of all jobs together, by what they look at.
struct Known<'a> {
    /// Who notices a mutation.
    noticed: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// Who has a key for a mutation and does not notice it: the first of them.
    blind: HashMap<(&'a str, &'a str), (usize, &'a Mutation)>,
    /// Who is not healthy.
    troubled: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Known<'a> {
    fn of(all: &'a [Option<Vacuity>]) -> Self {
        let mut known = Self { noticed: HashMap::new(), blind: HashMap::new(), troubled: HashMap::new() };
        let answered = all.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref()?)));
        for (index, vacuity) in answered {
            for mutation in &vacuity.mutations {
                let Some(of) = mutation.of.as_deref() else { continue };
                let key = (of, mutation.name);
                if mutation.is_noticed() {
                    known.noticed.entry(key).or_default().push(index);
                } else if !mutation.by_another {
                    known.blind.entry(key).or_insert((index, mutation));
                }
            }
            if let Some(of) = &vacuity.watches {
                known.troubled.entry(of).or_default().push(index);
            }
        }
        known
    }

    fn tried(&self, mutation: &'a Mutation) -> Tried<'a> {
        let Some(of) = mutation.of.as_deref().filter(|_| !mutation.is_noticed()) else {
            return Tried { mutation, others: Vec::new(), nearer: None };
        };
        let found = [self.noticed.get(&(of, mutation.name)), self.troubled.get(of)];
        let nearer = self.blind.get(&(of, mutation.name)).filter(|_| mutation.by_another);
        Tried { mutation, others: found.into_iter().flatten().flatten().copied().collect(), nearer: nearer.copied() }
    }
}

/// Judges all jobs together: one that looks at the same thing may stand in for another. One that is not healthy does so too:
/// it is about to tell of that thing. `None` is a job whose kind does not say what it makes of wrong answers.
pub fn judge<'a>(all: &'a [Option<Vacuity>]) -> Vec<Judged<'a>> {
    let known = Known::of(all);
    let one = |vacuity: &'a Vacuity| {
        let tried: Vec<Tried<'a>> = vacuity.mutations.iter().map(|mutation| known.tried(mutation)).collect();
        Judged { standing: standing(vacuity, &tried), tried, caveat: &vacuity.caveat }
    };
    let unsaid = || Judged { standing: Standing::Unsaid, tried: Vec::new(), caveat: "" };
    all.iter().map(|vacuity| vacuity.as_ref().map_or_else(unsaid, one)).collect()
}

fn standing(vacuity: &Vacuity, tried: &[Tried<'_>]) -> Standing {
    let healthy = vacuity.outcome.verdict == Verdict::Ok;
    match tried {
        [] if !healthy => Standing::Unanswered,
        tried if !tried.iter().all(Tried::is_noticed) => Standing::Weak,
        _ if !vacuity.caveat.is_empty() => Standing::Partly,
        [] => Standing::Unsaid,
        _ => Standing::Strong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checker_job::Outcome;

    fn mutation(name: &'static str, of: Option<&str>, outcome: Outcome) -> Mutation {
        let mutation = Mutation::new(name, "it is another", "", outcome);
        match of {
            Some(of) => mutation.of(of),
            None => mutation,
        }
    }

    fn vacuity(mutations: Vec<Mutation>) -> Vacuity {
        Vacuity::new(Outcome::ok("fine"), mutations)
    }

    #[test]
    fn a_job_is_weak_by_one_mutation_that_nobody_notices() {
        let (fine, bad) = (|| Outcome::ok("fine"), || Outcome::failed("bad"));
        let all = [
            vacuity(vec![mutation("empty", None, bad()), mutation("wrong", None, Outcome::unknown("?", "?"))]),
            vacuity(vec![mutation("empty", None, bad()), mutation("wrong", None, fine())]),
            Vacuity::without_answer(bad()),
            vacuity(Vec::new()),
            vacuity(vec![mutation("empty", None, bad())]).but("the rest took too long"),
            vacuity(vec![mutation("empty", None, fine())]).but("the rest took too long"),
            vacuity(Vec::new()).but("all took too long"),
        ];
        let all: Vec<Option<Vacuity>> = all.into_iter().map(Some).chain([None]).collect();
        let standings: Vec<Standing> = judge(&all).iter().map(|j| j.standing).collect();
        let [strong, weak, partly] = [Standing::Strong, Standing::Weak, Standing::Partly];
        let wanted = [strong, weak, Standing::Unanswered, Standing::Unsaid, partly, weak, partly, Standing::Unsaid];
        assert_eq!(standings, wanted);
    }

    #[test]
    fn another_job_stands_in_only_for_the_same_mutation_of_the_same_thing() {
        let (fine, bad) = (|| Outcome::ok("fine"), || Outcome::failed("bad"));
        let all = [
            vacuity(vec![mutation("one_day", Some("a:443"), fine())]),
            vacuity(vec![mutation("one_day", Some("b:443"), bad())]),
            vacuity(vec![mutation("other", Some("a:443"), bad())]),
            vacuity(vec![mutation("one_day", None, bad())]),
            vacuity(vec![mutation("one_day", Some("a:443"), fine())]),
        ]
        .map(Some);
        let weak = |all: &[Option<Vacuity>]| judge(all).first().map(|j| (j.standing, j.tried[0].others.clone()));
        assert_eq!(weak(&all), Some((Standing::Weak, Vec::new())));
        let mut more = all.to_vec();
        more.push(Some(vacuity(vec![mutation("one_day", Some("a:443"), Outcome::warning("soon"))])));
        assert_eq!(weak(&more), Some((Standing::Strong, vec![5])));
        // One that is not well tells of the thing that it watches.
        let mut troubled = all.to_vec();
        troubled.push(Some(Vacuity::without_answer(Outcome::warning("ends in 20 d")).watching("a:443")));
        assert_eq!(weak(&troubled), Some((Standing::Strong, vec![5])));
        // What is of nothing in particular is never the same.
        let apart = [all[3].clone(), Some(vacuity(vec![mutation("one_day", None, fine())]))];
        assert_eq!(judge(&apart)[1].standing, Standing::Weak);
    }

    #[test]
    fn who_has_a_key_for_it_is_named_rather_than_one_more_job() {
        let (fine, bad) = (|| Outcome::ok("fine"), || Outcome::failed("bad"));
        let web = |of: &str| Some(vacuity(vec![mutation("one_day", Some(of), fine()).by_another()]));
        let watch = |outcome| Some(vacuity(vec![mutation("one_day", Some("a:443"), outcome)]));
        let nearer =
            |all: &[Option<Vacuity>]| judge(all).iter().map(|j| j.tried[0].nearer.map(|n| n.0)).collect::<Vec<_>>();
        assert_eq!(
            nearer(&[web("a:443"), watch(fine()), watch(fine())]),
            [Some(1), None, None],
            "its own remedy serves"
        );
        assert_eq!(nearer(&[web("a:443"), web("a:443")]), [None, None], "neither has a key");
        assert_eq!(nearer(&[web("b:443"), watch(fine())]), [None, None], "of another thing");
        let all = [web("a:443"), watch(bad()), watch(fine())];
        assert_eq!(judge(&all)[0].tried[0].others, [1]);
    }
}
