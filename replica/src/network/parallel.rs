//! Executes the rounds of several subnets at the same time, on several threads of the host.
//!
//! This is possible if no subnet can see in this tick what another one sends in it. Then the rounds do not depend
//! on each other, and results do not depend on the threads.

use super::round::Round;
use super::streams::Outbox;
use crate::limits::WASM_STACK_BYTES;
use crate::subnet::{Incoming, Subnet};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// On which threads of the host the rounds of a tick are executed, if the profile of the network delays messages
/// between subnets. The results do not depend on the threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostThreads {
    /// On the thread that executes the tick.
    One,
    /// On several threads if the rounds take long. To wake another thread takes some microseconds, so short rounds are
    /// executed on one thread.
    #[default]
    WhereWorthIt,
    /// On several threads whenever at least two subnets have work.
    Several,
}

/// How long rounds take that are worth waking a helper: a few times what it takes to wake one.
const WORTH_A_HELPER: Duration = Duration::from_micros(50);

/// When a tick calls helpers.
#[derive(Debug, Default)]
pub(super) struct HelperPolicy {
    pub threads: HostThreads,
    /// How long a tick is expected to take: as long as the latest one, or half as long as expected before if that is
    /// longer. So a few short ticks between long ones change nothing.
    expected: Duration,
}

impl HelperPolicy {
    /// Whether helpers are called before the first round of a tick.
    fn calls_at_once(&self) -> bool {
        self.threads == HostThreads::Several || self.is_worth_it(self.expected)
    }

    /// Learns how long the rounds of a tick with several busy subnets took on the thread of the tick.
    fn learn(&mut self, time: Duration) {
        self.expected = time.max(self.expected / 2);
    }

    /// Whether helpers are called when the rounds of a tick have taken this time.
    fn is_worth_it(&self, time: Duration) -> bool {
        self.threads != HostThreads::One && time >= WORTH_A_HELPER
    }
}

/// The round of one subnet.
pub(super) struct Turn {
    pub subnet: Box<Subnet>,
    pub outbox: Outbox,
    /// What the subnet takes in. `None` if the round was executed.
    pub incoming: Option<Incoming>,
}

/// A turn, which the caller takes back at the end.
#[derive(Default)]
struct Slot {
    turn: Option<Turn>,
    panic: Option<Box<dyn Any + Send>>,
}

/// The turns of a tick.
struct Turns {
    round: Round,
    slots: Vec<Mutex<Slot>>,
}

impl Turns {
    fn execute(&self, slot: &mut Slot) {
        let Some(turn) = &mut slot.turn else { return };
        let Some(incoming) = turn.incoming.take() else { return };
        let round = AssertUnwindSafe(|| {
            self.round.execute(&mut turn.subnet, incoming, &mut turn.outbox);
        });
        slot.panic = catch_unwind(round).err();
    }

    /// Executes all turns that nobody executes or has executed. `between` is called between two turns.
    fn execute_free(&self, mut between: impl FnMut()) {
        for (number, slot) in self.slots.iter().enumerate() {
            if number > 0 {
                between();
            }
            if let Ok(mut slot) = slot.try_lock() {
                self.execute(&mut slot);
            }
        }
    }

    /// Waits until this turn is executed, and takes it back.
    fn finish(&self, slot: &Mutex<Slot>) -> Slot {
        let mut slot: MutexGuard<'_, Slot> = slot.lock().unwrap_or_else(PoisonError::into_inner);
        self.execute(&mut slot);
        std::mem::take(&mut *slot)
    }
}

/// Executes all turns, on this thread and on others. `take_back` gets each turn, in their order.
///
/// # Panics
///
/// If a round panics, when all turns are taken back.
pub(super) fn execute(
    round: Round,
    turns: Vec<Turn>,
    policy: &mut HelperPolicy,
    mut take_back: impl FnMut(Turn),
) {
    let slot = |turn| Mutex::new(Slot { turn: Some(turn), panic: None });
    let turns = Arc::new(Turns { round, slots: turns.into_iter().map(slot).collect() });
    let start = Instant::now();
    let mut are_called = policy.calls_at_once();
    if are_called {
        call_helpers(&turns);
    }
    turns.execute_free(|| {
        if !are_called && policy.is_worth_it(start.elapsed()) {
            are_called = true;
            call_helpers(&turns);
        }
    });
    policy.learn(start.elapsed());
    let mut first_panic = None;
    for slot in &turns.slots {
        let Slot { turn, panic } = turns.finish(slot);
        turn.into_iter().for_each(&mut take_back);
        first_panic = first_panic.or(panic);
    }
    if let Some(panic) = first_panic {
        resume_unwind(panic);
    }
}

/// Threads that execute turns for other threads. They are not those of a pool of `rayon`, because a thread of such
/// a pool that waits for a part of its work begins other work meanwhile, here a round within a round.
struct Helpers {
    /// Takes work only while a helper is free or about to be.
    work: SyncSender<Arc<Turns>>,
    count: usize,
}

/// Asks as many helpers as there are turns for them. Nobody waits for a helper that comes too late. A thread of `rayon`
/// calls no helpers: a helper that compiles a module waits for such threads, which could all wait for helpers.
fn call_helpers(turns: &Arc<Turns>) {
    if rayon::current_thread_index().is_some() {
        return;
    }
    static HELPERS: OnceLock<Helpers> = OnceLock::new();
    let Helpers { work, count } = HELPERS.get_or_init(start_helpers);
    for _ in 0..(*count).min(turns.slots.len() - 1) {
        if work.try_send(turns.clone()).is_err() {
            break;
        }
    }
}

/// Starts a helper for each processor but one. If a thread cannot be started, there are fewer.
fn start_helpers() -> Helpers {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let wanted = (processors - 1).max(1);
    let (work, waiting) = sync_channel(wanted);
    let waiting = Arc::new(Mutex::new(waiting));
    let start = |number: usize| {
        let waiting = waiting.clone();
        let thread = thread::Builder::new()
            .name(format!("subnets {number}"))
            .stack_size(2 * WASM_STACK_BYTES)
            .spawn(move || help(&waiting));
        thread.is_ok()
    };
    Helpers { work, count: (0..wanted).filter(|number| start(*number)).count() }
}

fn help(waiting: &Mutex<Receiver<Arc<Turns>>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(turns) => turns.execute_free(|| ()),
            Err(_) => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(10);
    const LONG: Duration = Duration::from_millis(10);

    fn policy(threads: HostThreads) -> HelperPolicy {
        HelperPolicy { threads, ..HelperPolicy::default() }
    }

    #[test]
    fn helpers_are_called_at_once_after_a_long_tick_and_not_after_many_short_ones() {
        let mut policy = policy(HostThreads::WhereWorthIt);
        assert!(!policy.calls_at_once());
        policy.learn(LONG);
        assert!(policy.calls_at_once());
        (0..3).for_each(|_| policy.learn(SHORT));
        assert!(policy.calls_at_once(), "a few short ticks change nothing");
        (0..10).for_each(|_| policy.learn(SHORT));
        assert!(!policy.calls_at_once());
    }

    #[test]
    fn helpers_are_called_during_a_tick_only_when_it_takes_long() {
        let policy = policy(HostThreads::WhereWorthIt);
        assert!(!policy.is_worth_it(SHORT));
        assert!(policy.is_worth_it(LONG));
    }

    #[test]
    fn a_network_on_one_thread_never_calls_helpers_and_one_on_several_always() {
        let mut one = policy(HostThreads::One);
        one.learn(LONG);
        assert!(!one.calls_at_once() && !one.is_worth_it(LONG));
        assert!(policy(HostThreads::Several).calls_at_once());
    }
}
