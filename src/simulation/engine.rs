//! The engine: virtual time, tasks, and processes that can be killed between any two of their steps.
//!
//! A task is an ordinary `async` block of plain code; its only awaits are the passing of virtual time. One thread, one
//! heap of events: a seed leads to one history.

use super::world::{Spawn, World};
use super::{daemon, outbox, pass, push};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Virtual time since the start, in microseconds.
pub(super) type Micros = i64;

pub(super) fn micros(time: Duration) -> Micros {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// What happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A task goes on.
    Wake(usize, u32),
    /// Cron's clock strikes at a node.
    Tick(usize, u32),
    /// A line of the script.
    Script(usize),
    /// A first program asks its peers.
    First(usize),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<std::cmp::Reverse<(Micros, u64, Event)>>,
    count: u64,
}

impl Queue {
    pub(super) fn add(&mut self, at: Micros, event: Event) {
        self.count += 1;
        self.heap.push(std::cmp::Reverse((at, self.count, event)));
    }

    fn pop(&mut self, until: Micros) -> Option<(Micros, Event)> {
        if self.heap.peek()?.0.0 > until {
            return None;
        }
        self.heap.pop().map(|e| (e.0.0, e.0.2))
    }
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Task {
    generation: u32,
    process: u64,
    work: Option<Work>,
}

#[derive(Default)]
struct Tasks {
    all: Vec<Task>,
    free: Vec<usize>,
}

/// A history that goes on.
pub(super) struct Sim {
    world: RefCell<World>,
    tasks: RefCell<Tasks>,
    current: Cell<(usize, u32)>,
}

impl Sim {
    pub(super) fn new(world: World) -> Rc<Self> {
        Rc::new(Self { world: RefCell::new(world), tasks: RefCell::default(), current: Cell::new((0, 0)) })
    }

    /// The world. Never held over an await.
    pub(super) fn w(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// Goes on until `until`.
    pub(super) fn run(self: &Rc<Self>, until: Micros) {
        self.settle();
        loop {
            let event = {
                let mut world = self.w();
                let Some((at, event)) = world.queue.pop(until) else { break };
                world.now = at.max(world.now);
                event
            };
            match event {
                Event::Wake(task, generation) => self.poll(task, generation),
                Event::Tick(node, epoch) => pass::tick(&mut self.w(), node, epoch),
                Event::Script(line) => self.w().play(line),
                Event::First(at) => super::first::polls(&mut self.w(), at),
            }
            self.settle();
        }
        self.w().now = until;
    }

    /// Starts and ends what the last event has asked for.
    fn settle(self: &Rc<Self>) {
        loop {
            let (doomed, spawns) = {
                let mut world = self.w();
                if world.doomed.is_empty() && world.spawns.is_empty() {
                    return;
                }
                (std::mem::take(&mut world.doomed), std::mem::take(&mut world.spawns))
            };
            for process in doomed {
                self.bury(process);
            }
            for (process, spawn) in spawns {
                let sim = Rc::clone(self);
                let work: Work = match spawn {
                    Spawn::Pass(node, called) => Box::pin(pass::run(sim, node, process, called)),
                    Spawn::Daemon(node) => Box::pin(daemon::run(sim, node, process)),
                    Spawn::Drain(node) => Box::pin(async move {
                        outbox::drain(&sim, (node, process)).await;
                    }),
                    Spawn::Push(node) => Box::pin(async move { push::push(&sim, (node, process)).await }),
                };
                self.start(process, work);
            }
        }
    }

    fn start(&self, process: u64, work: Work) {
        let (task, generation) = {
            let mut tasks = self.tasks.borrow_mut();
            let at = tasks.free.pop().unwrap_or_else(|| {
                tasks.all.push(Task::default());
                tasks.all.len() - 1
            });
            let Some(slot) = tasks.all.get_mut(at) else { return };
            slot.generation = slot.generation.wrapping_add(1);
            (slot.process, slot.work) = (process, Some(work));
            (at, slot.generation)
        };
        self.poll(task, generation);
    }

    fn poll(&self, task: usize, generation: u32) {
        let taken = {
            let mut tasks = self.tasks.borrow_mut();
            let slot = tasks.all.get_mut(task).filter(|t| t.generation == generation);
            slot.and_then(|t| Some((t.process, t.work.take()?)))
        };
        let Some((process, mut work)) = taken else { return };
        self.current.set((task, generation));
        let done = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let dead = !self.w().lives(process);
        if done {
            self.w().ended(process);
        }
        let mut tasks = self.tasks.borrow_mut();
        if done || dead {
            if let Some(slot) = tasks.all.get_mut(task) {
                slot.generation = slot.generation.wrapping_add(1);
            }
            tasks.free.push(task);
        } else if let Some(slot) = tasks.all.get_mut(task) {
            slot.work = Some(work);
        }
    }

    /// Ends all tasks of a process where they stand.
    fn bury(&self, process: u64) {
        let mut tasks = self.tasks.borrow_mut();
        let mut freed = Vec::new();
        let mut ended = Vec::new();
        for (at, task) in tasks.all.iter_mut().enumerate() {
            if task.process == process
                && let Some(work) = task.work.take()
            {
                ended.push(work);
                task.generation = task.generation.wrapping_add(1);
                freed.push(at);
            }
        }
        tasks.free.extend(freed);
        drop(tasks);
        drop(ended);
    }

    /// Lets time pass.
    pub(super) fn sleep(&self, time: Duration) -> Sleep<'_> {
        let until = self.w().now.saturating_add(micros(time));
        Sleep { sim: self, until, asked: false }
    }

    /// A place where a process may be killed. Between two of these, all happens at once.
    pub(super) async fn point(&self, process: u64) {
        let killed = self.w().strikes(process);
        if killed {
            std::future::pending::<()>().await;
        }
    }
}

/// See [`Sim::sleep`].
pub(super) struct Sleep<'a> {
    sim: &'a Sim,
    until: Micros,
    asked: bool,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.sim.w();
        if world.now >= self.until {
            return Poll::Ready(());
        }
        if !self.asked {
            let (task, generation) = self.sim.current.get();
            let until = self.until;
            world.queue.add(until, Event::Wake(task, generation));
            drop(world);
            self.asked = true;
        }
        Poll::Pending
    }
}
