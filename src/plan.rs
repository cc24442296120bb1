//! How many calls may be open at once, worked out before the first is sent.

use std::fmt;

/// Slots for requests from one canister to another, each with a slot reserved for the answer (`DEFAULT_QUEUE_CAPACITY`
/// in the replica).
pub const QUEUE_SLOTS: u32 = 500;

/// Open calls that a canister always may have, however many the rest of its subnet has open
/// (`CANISTER_GUARANTEED_CALLBACK_QUOTA` in the replica). Beyond it a million are shared by the whole subnet, which
/// cannot be asked about, so a plan does not count on more than one queue of them.
pub const GUARANTEED_CALLBACKS: u32 = 50;

/// What bounds the number of calls that can be open together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Free slots for calls to one callee: [`QUEUE_SLOTS`], if nothing else of this canister calls it.
    pub queue_slots: u32,
    /// Open calls the canister may have, to all callees together.
    pub callbacks: u32,
    /// Cycles that can be spent or set aside without freezing the canister.
    pub liquid_cycles: u128,
    /// Cycles set aside for one call while it is open, attached ones included.
    pub cycles_per_call: u128,
    /// The part of it that does not come back with the answer.
    pub spent_per_call: u128,
}

/// How many calls may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// To the same callee.
    pub per_callee: u32,
    /// To all callees together.
    pub total: u32,
    /// How many calls are taken out of the source although their callee has no free slot, in search of some whose
    /// callee has. Bounds the memory, whatever the source.
    pub look_ahead: usize,
}

/// See [`Window::look_ahead`]: enough that one callee does not hold up others.
const LOOK_AHEAD: usize = 1_000;

impl Window {
    /// A window; at least one call may be open.
    pub fn new(per_callee: u32, total: u32) -> Self {
        Self { per_callee: per_callee.max(1), total: total.max(1), look_ahead: LOOK_AHEAD }
    }

    /// The same, for a source whose calls all go to one callee: only what can be sent is taken out of it.
    pub fn without_look_ahead(self) -> Self {
        Self { look_ahead: 1, ..self }
    }

    /// The same bound for each callee and for all together.
    pub fn of(calls: u32) -> Self {
        Self::new(calls, calls)
    }
}

/// The widest window that will not fail for want of slots or cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The window.
    pub window: Window,
    /// What keeps it from being wider.
    pub bound_by: Wall,
}

/// What bounds a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// No more calls are wanted.
    Calls,
    /// The slots to the callee.
    Queue,
    /// The calls a canister may have open.
    Callbacks,
    /// The cycles set aside for open calls.
    Cycles,
}

/// Why no call can be made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is in the way.
    pub wall: Wall,
    /// How much of it the calls need: slots, calls, or cycles.
    pub required: u128,
    /// How much of it there is.
    pub available: u128,
}

impl Plan {
    /// Plans for so many calls.
    ///
    /// What all of them will spend is put aside first, so that cycles do not run short on the way.
    ///
    /// ```
    /// use parallel_calls::{GUARANTEED_CALLBACKS, Limits, Plan, QUEUE_SLOTS, Wall};
    ///
    /// let limits = Limits {
    ///     queue_slots: QUEUE_SLOTS,
    ///     callbacks: 1_000_000,
    ///     liquid_cycles: 2_000_000_000_000,
    ///     cycles_per_call: 42_102_412_000,
    ///     spent_per_call: 6_000_000,
    /// };
    /// let plan = Plan::new(&limits, 2_000)?;
    /// assert_eq!((plan.window.per_callee, plan.bound_by), (47, Wall::Cycles));
    ///
    /// let rich = Limits { liquid_cycles: 100_000_000_000_000, ..limits };
    /// let plan = Plan::new(&rich, 2_000)?;
    /// assert_eq!((plan.window.per_callee, plan.bound_by), (500, Wall::Queue));
    ///
    /// let poor = Limits { liquid_cycles: 40_000_000_000, ..limits };
    /// let refusal = Plan::new(&poor, 2_000).unwrap_err();
    /// assert_eq!(refusal.wall, Wall::Cycles);
    /// # Ok::<_, parallel_calls::Refusal>(())
    /// ```
    pub fn new(limits: &Limits, calls: u64) -> Result<Self, Refusal> {
        let wanted = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        let spent = limits.spent_per_call.saturating_mul(u128::from(calls));
        let required = limits.cycles_per_call.saturating_add(spent);
        let Some(for_open_calls) = limits.liquid_cycles.checked_sub(spent) else {
            let available = limits.liquid_cycles;
            return Err(Refusal { wall: Wall::Cycles, required, available });
        };
        let affordable = for_open_calls
            .checked_div(limits.cycles_per_call)
            .map_or(u32::MAX, |calls| u32::try_from(calls).unwrap_or(u32::MAX));
        let refused = |wall, required, available| Refusal { wall, required, available };
        if affordable == 0 {
            return Err(refused(Wall::Cycles, required, limits.liquid_cycles));
        }
        let (total, total_bound) = [
            (wanted, Wall::Calls),
            (affordable, Wall::Cycles),
            (limits.callbacks, Wall::Callbacks),
        ]
        .into_iter()
        .min_by_key(|&(calls, _)| calls)
        .unwrap_or((wanted, Wall::Calls));
        if total == 0 {
            return Err(refused(total_bound, 1, 0));
        }
        if limits.queue_slots == 0 {
            return Err(refused(Wall::Queue, 1, 0));
        }
        let bound_by = if limits.queue_slots < total { Wall::Queue } else { total_bound };
        Ok(Self { window: Window::new(total.min(limits.queue_slots), total), bound_by })
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "calls",
            Self::Queue => "slots to the callee",
            Self::Callbacks => "open calls",
            Self::Cycles => "cycles",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wall, required, available } = self;
        write!(f, "no call can be made: {required} {wall} are needed, and {available} are there")
    }
}

impl std::error::Error for Refusal {}
