//! How many calls may be open, and what waits for cycles.

use std::time::Duration;

use ic_stable_structures::Memory;

use super::{Inner, Item, WORK_MAX};
use crate::{Limit, Plan, Request, SHARED_SLOTS, Transport};

/// The largest number of calls whose cost a plan takes into account, since somebody may add cycles in the meantime.
const PLANNED_CALLS_MAX: u64 = 10_000;

/// How long a plan is valid.
const PLAN_VALID: Duration = Duration::from_secs(10);

/// How long the outbox, or an entry, waits if cycles are missing.
const CYCLES_DELAY: Duration = Duration::from_secs(10);

/// Bytes of the arguments of all open calls from which on no further call is sent. They are in the heap until the
/// responses arrive.
const OPEN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The open calls, and how many may be open.
#[derive(Default)]
pub struct Capacity {
    /// Calls that this program has open.
    open: u32,
    /// Bytes of their arguments.
    open_bytes: usize,
    /// Cycles that are attached to them.
    open_cycles: u128,
    /// Calls that may be open, by the plan, and when it was made.
    planned: Option<(u32, Duration)>,
    /// When to try again because cycles are missing for every call.
    short_of_cycles: Option<Duration>,
    /// The entries that wait because they attach too many cycles: when the last of them are tried again, and how many
    /// are tried then.
    short_entries: Option<(Duration, u32)>,
}

/// What a plan says of an entry.
pub enum Planned {
    Send,
    /// As many calls are open as may be.
    Full,
    /// The cycles are not enough for the call.
    TooFewCycles,
}

impl Capacity {
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Notes an open call. Returns how many are open.
    pub fn note_sent(&mut self, request: &Request) -> u32 {
        self.open += 1;
        self.open_bytes += request.argument.len();
        self.open_cycles = self.open_cycles.saturating_add(request.cycles);
        self.open
    }

    pub fn note_response(&mut self, request: &Request) {
        self.open -= 1;
        self.open_bytes -= request.argument.len();
        self.open_cycles = self.open_cycles.saturating_sub(request.cycles);
        self.short_of_cycles = None;
    }

    /// Ends the waits for cycles that are over now.
    pub fn note_time(&mut self, now: Duration) {
        self.short_of_cycles = self.short_of_cycles.filter(|retry_at| *retry_at > now);
        self.short_entries = self.short_entries.filter(|(retry_at, _)| *retry_at > now);
    }

    pub fn is_short_of_cycles(&self) -> bool {
        self.short_of_cycles.is_some() || self.short_entries.is_some()
    }

    /// When to try again because cycles are missing for every call.
    pub fn retry_at(&self) -> Option<Duration> {
        self.short_of_cycles
    }

    /// When to try an entry again that attaches too many cycles. At most [`WORK_MAX`] entries are tried at the same
    /// time.
    fn next_try(&mut self, now: Duration) -> Duration {
        let (due, entries) = match self.short_entries {
            Some((due, entries)) if due > now && entries < WORK_MAX => (due, entries + 1),
            Some((due, _)) if due > now => (due + CYCLES_DELAY, 1),
            _ => (now + CYCLES_DELAY, 1),
        };
        self.short_entries = Some((due, entries));
        due
    }
}

impl<M: Memory> Inner<M> {
    /// Whether one more call may be open, as far as is known. An old plan says nothing.
    pub fn has_capacity(&self, now: Duration) -> bool {
        let Capacity { open, open_bytes, planned, short_of_cycles, .. } = self.capacity;
        let total = self.options.window.map_or(SHARED_SLOTS, |window| window.total);
        let planned = planned
            .filter(|(_, planned_at)| *planned_at + PLAN_VALID > now)
            .map_or(u32::MAX, |(calls, _)| calls);
        short_of_cycles.is_none() && open < total.min(planned) && open_bytes < OPEN_BYTES_MAX
    }

    /// Plans anew, if the plan is old, how many calls may be open. Returns whether this one may be.
    pub fn plan<R: Transport>(&mut self, runtime: &R, request: &Request, now: Duration) -> Planned {
        if self.options.window.is_some() {
            return Planned::Send;
        }
        if self.capacity.planned.is_none_or(|(_, planned_at)| planned_at + PLAN_VALID <= now) {
            let mut limits = runtime.limits(request);
            // The cycles of our own open calls are ours to use.
            let price = limits.cycles_per_call.saturating_sub(request.cycles);
            let ours = u128::from(self.capacity.open).saturating_mul(price);
            limits.liquid_cycles =
                limits.liquid_cycles.saturating_add(ours).saturating_add(self.capacity.open_cycles);
            // More entries can be appended while the plan is valid.
            let waiting = self.store.header.waiting;
            let calls = waiting.clamp(u64::from(SHARED_SLOTS), PLANNED_CALLS_MAX);
            let plan = Plan::new(&limits, calls).or_else(|_| Plan::new(&limits, 1));
            match plan {
                Ok(plan) => self.capacity.planned = Some((plan.window.total.max(1), now)),
                Err(error) if error.limit == Limit::Cycles => return Planned::TooFewCycles,
                // The system says whether a slot is free.
                Err(_) => self.capacity.planned = Some((1, now)),
            }
        }
        if self.has_capacity(now) { Planned::Send } else { Planned::Full }
    }

    /// Lets an entry wait for cycles. If the cycles are not even enough for a call that attaches none, all entries
    /// wait.
    pub fn wait_for_cycles<R: Transport>(
        &mut self,
        runtime: &R,
        item: Item,
        request: &Request,
        now: Duration,
    ) {
        let plain = Request::new(request.callee, request.method.clone()).with_wait(request.wait);
        let limits = runtime.limits(&plain);
        if request.cycles > 0 && limits.liquid_cycles >= limits.cycles_per_call {
            let due = self.capacity.next_try(now);
            self.schedule.delay(item, due);
        } else {
            self.schedule.put_back(item);
            self.capacity.short_of_cycles = Some(now + CYCLES_DELAY);
        }
    }
}
