//! How many calls may be open at the same time, planned before the first call is sent.

use std::fmt;

/// What limits the number of calls that can be open at the same time.
///
/// [`Transport::limits`](crate::Transport::limits) returns them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Slots for calls to the callee that a window can use: in a canister, [`QUEUE_SLOTS`](crate::limits::QUEUE_SLOTS)
    /// without the calls to this callee that are open now and belong to no window. Windows
    /// [share](crate::Slots) their slots.
    pub queue_slots: u32,
    /// Calls to all callees together that the window may open.
    pub callbacks: u32,
    /// Cycles of the canister above its freezing threshold.
    pub liquid_cycles: u128,
    /// Cycles that the system sets aside while one call is open, the attached cycles included.
    pub cycles_per_call: u128,
    /// The part of [`cycles_per_call`](Self::cycles_per_call) that does not come back with the response. Attached
    /// cycles count as coming back, because the callee decides how many it keeps. If you know how many it keeps, add
    /// them here. If the callees keep more than planned, the last calls may lack cycles: they wait for the cycles of
    /// other calls, or end as [not done](crate::Reason::Cycles).
    pub spent_per_call: u128,
}

/// The number of calls that may be open at the same time. A number of 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// Open calls to one callee. If this is less than [`total`](Self::total), a callee that does not respond leaves
    /// open calls to the other callees.
    pub per_callee: u32,
    /// Open calls to all callees together.
    pub total: u32,
    /// Calls that may be taken out of the source (the iterator of requests) and kept in memory while their callee has
    /// no free slot. Looking ahead finds calls to other callees that do have a free slot.
    pub look_ahead: usize,
}

impl Window {
    /// The default of [`look_ahead`](Self::look_ahead): so many that a busy callee rarely delays calls to others.
    pub const LOOK_AHEAD: usize = 1_000;

    /// A window with a limit per callee and a limit in total. Each is at least 1: a smaller value counts as 1.
    pub fn new(per_callee: u32, total: u32) -> Self {
        Self { per_callee: per_callee.max(1), total: total.max(1), look_ahead: Self::LOOK_AHEAD }
    }

    /// The same window for a source whose calls all have the same callee. A call is only taken out of the source when
    /// it can be sent.
    pub fn without_look_ahead(self) -> Self {
        Self { look_ahead: 1, ..self }
    }

    /// Sets [`look_ahead`](Self::look_ahead). 0 counts as 1.
    pub fn with_look_ahead(self, calls: usize) -> Self {
        Self { look_ahead: calls.max(1), ..self }
    }

    /// A window of `calls` open calls in total, to whichever callees. All of them can be calls to one callee, also if
    /// it does not respond.
    pub fn of(calls: u32) -> Self {
        Self::new(calls, calls)
    }
}

/// The largest window in which no call fails because slots or cycles are missing, and which leaves slots and cycles for
/// other messages of the canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The window.
    pub window: Window,
    /// What prevents a larger window.
    pub limited_by: Limit,
}

/// What limits a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The number of calls to make.
    Calls,
    /// The slots for calls to the callee: [`Limits::queue_slots`].
    Queue,
    /// The calls that the canister may open: [`Limits::callbacks`].
    Callbacks,
    /// The cycles of the canister: [`Limits::liquid_cycles`].
    Cycles,
}

/// Why there is no plan: not even one call can be open, or the cycles are not enough for all calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanError {
    /// What is missing.
    pub limit: Limit,
    /// How much of it is needed: one slot, one open call, or the cycles for one open call and for the price of all
    /// calls.
    pub required: u128,
    /// How much of it is available.
    pub available: u128,
}

impl Plan {
    /// The share of the free slots, of the calls that the canister may open, and of the free cycles, in percent, that
    /// [`Plan::new`] uses for the window. The rest is for other messages of the canister. So of 500 slots, a window
    /// uses 450.
    pub const SHARE_PERCENT: u32 = 90;

    /// Plans a window for `calls` calls, with a share of [`Plan::SHARE_PERCENT`].
    ///
    /// The plan first subtracts the cycles that all calls will spend from the liquid cycles. So the cycles are enough
    /// until the last call.
    ///
    /// # Errors
    ///
    /// Returns a [`PlanError`] if not even one call can be open, or if the cycles are not enough for all calls. If
    /// cycles are missing, `required` says how many are needed: top up the canister, or make fewer calls.
    ///
    /// ```
    /// use parallel_calls::limits::QUEUE_SLOTS;
    /// use parallel_calls::{Limit, Limits, Plan};
    ///
    /// // A canister with 2 T liquid cycles on a subnet of 13 nodes.
    /// let limits = Limits {
    ///     queue_slots: QUEUE_SLOTS,
    ///     callbacks: 1_000_000,
    ///     liquid_cycles: 2_000_000_000_000,
    ///     cycles_per_call: 42_102_412_000,
    ///     spent_per_call: 6_000_000,
    /// };
    /// let plan = Plan::new(&limits, 2_000)?;
    /// assert_eq!((plan.window.per_callee, plan.limited_by), (42, Limit::Cycles));
    ///
    /// let rich = Limits { liquid_cycles: 100_000_000_000_000, ..limits };
    /// let plan = Plan::new(&rich, 2_000)?;
    /// assert_eq!((plan.window.per_callee, plan.limited_by), (450, Limit::Queue));
    /// assert_eq!(Plan::with_share(&rich, 2_000, 100)?.window.per_callee, 500);
    ///
    /// let poor = Limits { liquid_cycles: 40_000_000_000, ..limits };
    /// let error = Plan::new(&poor, 2_000).unwrap_err();
    /// assert_eq!(error.limit, Limit::Cycles);
    /// # Ok::<_, parallel_calls::PlanError>(())
    /// ```
    pub fn new(limits: &Limits, calls: u64) -> Result<Self, PlanError> {
        Self::with_share(limits, calls, Self::SHARE_PERCENT)
    }

    /// Plans a window like [`Plan::new`], with another share of the free slots and cycles, in percent. More than 100
    /// counts as 100. A window always has room for one call, if one call is possible.
    ///
    /// # Errors
    ///
    /// The same as of [`Plan::new`].
    pub fn with_share(limits: &Limits, calls: u64, percent: u32) -> Result<Self, PlanError> {
        let error = |limit, required, available| PlanError { limit, required, available };
        let percent = percent.min(100);
        let part = |number: u32| {
            let part = u64::from(number) * u64::from(percent) / 100;
            (part as u32).max(number.min(1))
        };
        let wanted = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        let spent = limits.spent_per_call.saturating_mul(u128::from(calls));
        let required = limits.cycles_per_call.saturating_add(spent);
        let Some(for_open_calls) =
            limits.liquid_cycles.checked_sub(spent).filter(|left| *left >= limits.cycles_per_call)
        else {
            return Err(error(Limit::Cycles, required, limits.liquid_cycles));
        };
        let affordable = (for_open_calls.saturating_mul(percent.into()) / 100)
            .checked_div(limits.cycles_per_call)
            .map_or(u32::MAX, |calls| u32::try_from(calls).unwrap_or(u32::MAX).max(1));
        let (total, total_limit) = [
            (wanted, Limit::Calls),
            (affordable, Limit::Cycles),
            (part(limits.callbacks), Limit::Callbacks),
        ]
        .into_iter()
        .min_by_key(|&(calls, _)| calls)
        .unwrap_or((wanted, Limit::Calls));
        if total == 0 {
            return Err(error(total_limit, 1, 0));
        }
        if limits.queue_slots == 0 {
            return Err(error(Limit::Queue, 1, 0));
        }
        let slots = part(limits.queue_slots);
        let limited_by = if slots < total { Limit::Queue } else { total_limit };
        Ok(Self { window: Window::new(total.min(slots), total), limited_by })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "calls",
            Self::Queue => "slots to the callee",
            Self::Callbacks => "open calls",
            Self::Cycles => "cycles",
        })
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, required, available } = self;
        write!(
            f,
            "no call can be made: {required} {limit} are needed, and {available} are available"
        )
    }
}

impl std::error::Error for PlanError {}

/// The message, for methods of canisters that return a text as their error.
impl From<PlanError> for String {
    fn from(error: PlanError) -> Self {
        error.to_string()
    }
}
