use crate::Outcome;
use std::borrow::Cow;

/// What a job makes of its target's real answer, and of the same answer made wrong: `checker vacuity` lists what it would
/// still call healthy.
///
/// The judgements must be those of [`Job::execute`](crate::Job::execute): the same code over another answer, never a
/// belief about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Vacuity {
    /// What a run says of the target as it is now.
    pub outcome: Outcome,
    /// Each way in which the answer was made wrong. Empty where there was no answer.
    pub mutations: Vec<Mutation>,
    /// What could not be tried, as the end of "notices all of these, but". Mostly empty: with it, nobody calls the job strong.
    pub caveat: Cow<'static, str>,
    /// What the job looks at, as [`Mutation::of`] calls it, where there was no healthy answer: it is about to tell of that.
    pub watches: Option<String>,
}

impl Vacuity {
    /// What a run says, and what the job says of wrong answers.
    pub fn new(outcome: Outcome, mutations: Vec<Mutation>) -> Self {
        Self { outcome, mutations, caveat: Cow::Borrowed(""), watches: None }
    }

    /// There is no answer that could be made wrong.
    pub fn without_answer(outcome: Outcome) -> Self {
        Self::new(outcome, Vec::new())
    }

    /// Says what the job looks at.
    #[must_use]
    pub fn watching(mut self, thing: impl Into<String>) -> Self {
        self.watches = Some(thing.into());
        self
    }

    /// Says what could not be tried.
    #[must_use]
    pub fn but(mut self, caveat: impl Into<Cow<'static, str>>) -> Self {
        self.caveat = caveat.into();
        self
    }
}

/// One way in which a real answer was made wrong, and what the job says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutation {
    /// One word for programs, the same for all kinds that have it: `empty_body`.
    pub name: &'static str,
    /// What was made of the answer, as the end of "would call healthy:", such as "an empty body".
    pub what: Cow<'static, str>,
    /// What to set so that it is noticed, such as "set contains, matches or json". Empty where the kind has no key for it.
    pub remedy: Cow<'static, str>,
    /// Whether the remedy is another job, because this one has no key for it. If there is such a job that does not notice it either,
    /// that one's remedy counts.
    pub by_another: bool,
    /// What the answer is of, if jobs of other kinds look at the same thing: `certificate of www.example.com:443`. One
    /// that notices this mutation of it stands in for the others.
    pub of: Option<String>,
    /// What the job says of it.
    pub outcome: Outcome,
}

impl Mutation {
    /// One that no other job can notice in this job's place.
    pub fn new(
        name: &'static str,
        what: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
        outcome: Outcome,
    ) -> Self {
        Self { name, what: what.into(), remedy: remedy.into(), by_another: false, of: None, outcome }
    }

    /// Says that the remedy is another job.
    #[must_use]
    pub fn by_another(mut self) -> Self {
        self.by_another = true;
        self
    }

    /// Says what the answer is of.
    #[must_use]
    pub fn of(mut self, thing: impl Into<String>) -> Self {
        self.of = Some(thing.into());
        self
    }

    /// Whether the job would tell of it, or at least say that it cannot judge.
    pub fn is_noticed(&self) -> bool {
        self.outcome.verdict != crate::Verdict::Ok
    }
}
