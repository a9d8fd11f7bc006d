//! Which jobs would notice that something is wrong with their targets, and which other job would in their place.

use checker_job::{Mutation, Vacuity};

/// What is known of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Whatever was tried, it or another job would notice.
    Strong,
    /// It would call something healthy that is not, and nobody else would notice.
    Weak,
    /// There was no healthy answer that could be made wrong.
    Unanswered,
    /// Its kind does not say what it would make of wrong answers.
    Unsaid,
}

/// One mutation, and who notices.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried<'a> {
    /// What was made of the answer.
    pub mutation: &'a Mutation,
    /// The jobs that notice it where this one does not, as indices.
    pub others: Vec<usize>,
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

/// Judges all jobs together: one that looks at the same thing may stand in for another.
pub fn judge<'a>(all: &'a [Option<Vacuity>]) -> Vec<Judged<'a>> {
    let others = |mutation: &Mutation| -> Vec<usize> {
        if mutation.is_noticed() || mutation.of.is_none() {
            return Vec::new();
        }
        let same = |m: &Mutation| m.of == mutation.of && m.name == mutation.name && m.is_noticed();
        let notices = |v: &Option<Vacuity>| v.iter().flat_map(|v| &v.mutations).any(same);
        all.iter().enumerate().filter(|(_, v)| notices(v)).map(|(index, _)| index).collect()
    };
    all.iter()
        .map(|vacuity| {
            let Some(vacuity) = vacuity else {
                return Judged { standing: Standing::Unsaid, tried: Vec::new(), caveat: "" };
            };
            let tried: Vec<Tried<'a>> =
                vacuity.mutations.iter().map(|mutation| Tried { mutation, others: others(mutation) }).collect();
            let standing = match tried.as_slice() {
                [] => Standing::Unanswered,
                tried if tried.iter().all(Tried::is_noticed) => Standing::Strong,
                _ => Standing::Weak,
            };
            Judged { standing, tried, caveat: &vacuity.caveat }
        })
        .collect()
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

    fn vacuity(mutations: Vec<Mutation>) -> Option<Vacuity> {
        Some(Vacuity::new(Outcome::ok("fine"), mutations))
    }

    #[test]
    fn a_job_is_weak_by_one_mutation_that_nobody_notices() {
        let (fine, bad) = (|| Outcome::ok("fine"), || Outcome::failed("bad"));
        let all = [
            vacuity(vec![mutation("empty", None, bad()), mutation("wrong", None, Outcome::unknown("?", "?"))]),
            vacuity(vec![mutation("empty", None, bad()), mutation("wrong", None, fine())]),
            vacuity(Vec::new()),
            None,
        ];
        let standings: Vec<Standing> = judge(&all).iter().map(|j| j.standing).collect();
        assert_eq!(standings, [Standing::Strong, Standing::Weak, Standing::Unanswered, Standing::Unsaid]);
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
        ];
        let weak = |all: &[Option<Vacuity>]| judge(all).first().map(|j| (j.standing, j.tried[0].others.clone()));
        assert_eq!(weak(&all), Some((Standing::Weak, Vec::new())));
        let mut more = all.to_vec();
        more.push(vacuity(vec![mutation("one_day", Some("a:443"), Outcome::warning("soon"))]));
        assert_eq!(weak(&more), Some((Standing::Strong, vec![5])));
        // What is of nothing in particular is never the same.
        let apart = [all[3].clone(), vacuity(vec![mutation("one_day", None, fine())])];
        assert_eq!(judge(&apart)[1].standing, Standing::Weak);
    }
}
