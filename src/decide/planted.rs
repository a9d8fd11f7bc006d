//! Faults of the first program, put back on purpose: a simulation that does not find them proves nothing. Only in tests.

use std::cell::Cell;

/// One of them. The numbers are those of the study of the first program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// 10: accepted counts as arrived.
    AcceptedIsArrived,
    /// 9: a canary that was refused is forgotten.
    RefusalForgotten,
    /// 10: a canary that never comes is never missed.
    NeverOverdue,
    /// 10: the folder for spam counts as the mailbox.
    SpamIsArrival,
    /// 11: a mailbox that cannot be seen is well.
    BlindIsFine,
    /// 3: the daemon knows that no pass comes, and is silent.
    PassesNeverMissed,
    /// 2: a pass that cannot reach the daemon swallows it.
    DaemonMissSwallowed,
    /// 17: nobody notices that a peer has stopped to watch.
    UnwatchedNever,
    /// 32: mail that is switched off counts as sent.
    NomailIsGood,
    /// 4: a missing crontab line is not noticed.
    ClassNeverMissing,
    /// 1: one lost packet is a death.
    OneSilenceIsDeath,
    /// 44: any page is a healthy peer.
    GarbageIsGood,
    /// 24, 30: broken state and settings do not show.
    BrokenIsGood,
    /// 22: who recovers says nothing.
    NoRecovery,
    /// 23: runs overlap.
    RunsOverlap,
    /// 20: told is noted whatever the server said.
    ToldBeforeSent,
    /// 6 of the runs: what was sent is not noted.
    AcceptanceUnmarked,
    /// 16: two processes send at once.
    TwoDrains,
    /// 16: our own network's fault is the targets'.
    OwnNetworkIgnored,
    /// 36: nobody starts the daemon again.
    NoRespawn,
    /// 7, 41: no time is set for an answer.
    AskForEver,
    /// 5, 6: a job that hangs is never ended.
    JobHangsForEver,
    /// 21: one job that fails ends the pass.
    OneFailureEndsThePass,
    /// 25, 31: a state that cannot be written is told to nobody.
    StateSwallowed,
    /// 37: a step of the clock is not noticed.
    StepIgnored,
    /// 4: what an absent line should run is run by nobody.
    NeverCaughtUp,
    /// 16: a look that says nothing of the target takes back what was counted.
    HidingForgets,
    /// 44: a peer's good word counts as our own.
    PeersVouch,
    /// 44: a word without a signature counts as signed.
    UnsignedIsGood,
    /// An edit of the settings forgets all jobs.
    ReloadForgets,
    /// An edit of the settings loses what waits to be told.
    ReloadDropsMail,
    /// A job that leaves the settings while it fails is not told of.
    ClosedSilently,
}

impl Bug {
    pub(crate) const ALL: [Self; 32] = [
        Self::AcceptedIsArrived,
        Self::RefusalForgotten,
        Self::NeverOverdue,
        Self::SpamIsArrival,
        Self::BlindIsFine,
        Self::PassesNeverMissed,
        Self::DaemonMissSwallowed,
        Self::UnwatchedNever,
        Self::NomailIsGood,
        Self::ClassNeverMissing,
        Self::OneSilenceIsDeath,
        Self::GarbageIsGood,
        Self::BrokenIsGood,
        Self::NoRecovery,
        Self::RunsOverlap,
        Self::ToldBeforeSent,
        Self::AcceptanceUnmarked,
        Self::TwoDrains,
        Self::OwnNetworkIgnored,
        Self::NoRespawn,
        Self::AskForEver,
        Self::JobHangsForEver,
        Self::OneFailureEndsThePass,
        Self::StateSwallowed,
        Self::StepIgnored,
        Self::NeverCaughtUp,
        Self::HidingForgets,
        Self::PeersVouch,
        Self::UnsignedIsGood,
        Self::ReloadForgets,
        Self::ReloadDropsMail,
        Self::ClosedSilently,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether this one is planted now.
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Works with one of them planted.
pub(crate) fn with<T>(bug: Option<Bug>, work: impl FnOnce() -> T) -> T {
    PLANTED.set(bug);
    let done = work();
    PLANTED.set(None);
    done
}
