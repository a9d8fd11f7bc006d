/// Which of the two groups a store handle is about. Both groups have the same ledger, in tables of their own.
pub trait Group: sealed::Sealed + Send + Sync + 'static {
    /// What the group's ledger tables begin with.
    const PREFIX: &'static str;
    /// Whether runs and hours are kept.
    const RUNS: bool;
}

/// What is remembered about jobs ([`super::Shared`]).
#[derive(Clone, Copy, Debug)]
pub enum OfJobs {}

/// What is remembered about this node ([`super::Own`]).
#[derive(Clone, Copy, Debug)]
pub enum OfNode {}

impl Group for OfJobs {
    const PREFIX: &'static str = "";
    const RUNS: bool = true;
}

impl Group for OfNode {
    const PREFIX: &'static str = "own_";
    const RUNS: bool = false;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::OfJobs {}
    impl Sealed for super::OfNode {}
}
