//! What the events of a trace mean: rounds, executions, and calls with their outcomes.

use super::*;
use candid::Principal;
use std::collections::BTreeMap;

/// What happened while somebody listened: rounds, executions, and calls. All lists are in the order in which things
/// happened.
///
/// A test that wants to know why calls failed, or how many were open at once:
///
/// ```
/// use embedded_replica::server::{EmbeddedServer, ServerConfig};
/// use embedded_replica::trace::Recording;
/// use pocket_ic::PocketIcBuilder;
///
/// let server = EmbeddedServer::start(ServerConfig::default()).unwrap();
/// let pic = PocketIcBuilder::new()
///     .with_server_url(server.url().parse().unwrap())
///     .with_application_subnet()
///     .build();
/// let events = server.listen(pic.instance_id()).unwrap();
/// pic.tick();
/// // All events since `listen`, or since the previous recording.
/// let recording = Recording::of(events.try_iter());
/// assert_eq!(recording.rounds().len(), 1);
/// assert_eq!(recording.summary().to_string(), "no calls; 1 round");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recording {
    pub(super) events: Vec<Event>,
    pub(super) rounds: Vec<Round>,
    pub(super) executions: Vec<Execution>,
    pub(super) slices: Vec<Slice>,
    pub(super) calls: Vec<Call>,
    pub(super) refused: Vec<Refused>,
    /// The index of each call.
    pub(super) indices: BTreeMap<CallId, usize>,
    pub(super) places: BTreeMap<Principal, SubnetId>,
}

/// A round of one subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// When it began.
    pub at: Moment,
    /// The subnet.
    pub subnet: SubnetId,
    /// The network's time of the round.
    pub time: Time,
}

/// An execution of a message or a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// When it began. If it took several rounds: when its last slice began.
    pub start: Moment,
    /// When it ended.
    pub end: Moment,
    /// The subnet.
    pub subnet: Option<SubnetId>,
    /// The canister. For the management canister: the subnet.
    pub canister: Callee,
    /// The message or task.
    pub work: Work,
    /// The error, if the execution failed.
    pub result: Result<(), ErrorCode>,
    /// Instructions used.
    pub instructions: Instructions,
    /// The cost of the execution, in cycles.
    pub fee: Cycles,
}

/// A slice of an execution that continued in a later round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// When it began.
    pub start: Moment,
    /// When it ended.
    pub end: Moment,
    /// The canister.
    pub canister: CanisterId,
    /// The number of the slice, from 1.
    pub number: u64,
    /// The number of slices of the execution.
    pub of: u64,
}

/// A call from one canister to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id.
    pub id: CallId,
    /// The called canister.
    pub callee: Callee,
    /// The called method.
    pub method: String,
    /// Attached cycles.
    pub cycles: Cycles,
    /// Cycles that were set aside for the call, its response and its callback.
    pub set_aside: Cycles,
    /// The part of the cycles set aside that was not needed and came back.
    pub unspent: Cycles,
    /// When the call was made.
    pub sent: Moment,
    /// When the request began to execute at the callee.
    pub executed: Option<Moment>,
    /// When the response was made.
    pub responded: Option<Moment>,
    /// When the callback began.
    pub ended: Option<Moment>,
    /// What became of the call.
    pub outcome: Outcome,
    /// The error with which the execution at the callee failed.
    pub error: Option<ErrorCode>,
    /// Indices of executions: the one that made the call, that of the request, and the callback.
    pub(super) sent_by: usize,
    pub(super) executed_by: Option<usize>,
    pub(super) responded_by: Option<usize>,
    /// Who made the response that the caller got, or gets.
    pub(super) responder: Option<Responder>,
    pub(super) ended_by: Option<usize>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call has no response yet.
    Open,
    /// The caller got a reply.
    Replied,
    /// The caller got a reject.
    Rejected {
        /// The reject code.
        code: RejectCode,
        /// Who made the reject.
        by: Responder,
    },
}

/// Calls that the system refused when the canister wanted to make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When the calls were refused.
    pub at: Moment,
    /// The canister that wanted to make the calls.
    pub caller: CanisterId,
    /// The canister that it wanted to call.
    pub callee: Callee,
    /// The limit that was reached.
    pub limit: Refusal,
    /// The number of calls.
    pub calls: u64,
}

/// Open calls at one time, and the cycles set aside for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The time from which this holds.
    pub at: Moment,
    /// The number of open calls.
    pub open: usize,
    /// The cycles set aside for the open calls.
    pub set_aside: Cycles,
}

/// What events do to a call.
impl Call {
    /// The call that the event `Sent` begins. `None` for another event.
    pub(super) fn begin(event: &Event, sent: Moment) -> Option<Self> {
        let Event::Sent { call, callee, method, cycles, withheld, .. } = event else { return None };
        Some(Self {
            id: *call,
            callee: *callee,
            method: method.clone(),
            cycles: *cycles,
            set_aside: *withheld,
            unspent: 0,
            sent,
            executed: None,
            responded: None,
            ended: None,
            outcome: Outcome::Open,
            error: None,
            sent_by: 0,
            executed_by: None,
            responded_by: None,
            responder: None,
            ended_by: None,
        })
    }

    /// The request is executed.
    pub(super) fn execute(&mut self, start: Moment, result: Result<(), ErrorCode>) {
        self.executed = Some(start);
        self.error = result.err();
    }

    /// Somebody responds. False if the deadline has passed: the caller gets no other response.
    pub(super) fn respond(&mut self, at: Moment, by: Responder) -> bool {
        if self.responder == Some(Responder::Deadline) {
            return false;
        }
        (self.responded, self.responder) = (Some(at), Some(by));
        true
    }

    /// The callback begins.
    pub(super) fn end(&mut self, start: Moment, reject: Option<RejectCode>, unspent: Cycles) {
        self.ended = Some(start);
        self.unspent = unspent;
        let by = self.responder.unwrap_or(Responder::Callee);
        self.outcome = reject.map_or(Outcome::Replied, |code| Outcome::Rejected { code, by });
    }
}

impl Call {
    /// The calling canister.
    pub fn caller(&self) -> CanisterId {
        self.id.caller
    }

    /// Whether the call was open at some time in this round.
    pub fn is_open_in(&self, round: u64) -> bool {
        self.sent.round <= round && self.ended.is_none_or(|ended| ended.round >= round)
    }

    /// Why the call failed, such as `CanisterError (CanisterCalledTrap)` or `SysUnknown (deadline)`. `None` if it
    /// has a reply or no response yet.
    pub fn failure(&self) -> Option<String> {
        let Outcome::Rejected { code, by } = self.outcome else { return None };
        Some(match (by, self.error) {
            (Responder::Callee, Some(error)) => format!("{code:?} ({error:?})"),
            (Responder::Callee, None) => format!("{code:?}"),
            (Responder::Routing, _) => format!("{code:?} (not delivered)"),
            (Responder::Deadline, _) => format!("{code:?} (deadline)"),
        })
    }
}

impl Recording {
    /// The meaning of events. They must be all events of a period, in order.
    pub fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let events: Vec<Event> = events.into_iter().collect();
        let recording = builder::build(&events);
        Self { events, ..recording }
    }

    /// The events.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// All rounds of all subnets.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// All executions.
    pub fn executions(&self) -> &[Execution] {
        &self.executions
    }

    /// All slices of executions that took several rounds, except their last slices.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// All calls that were made.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// All calls that the system refused.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The calls that were open at some time in this round.
    pub fn open_in_round(&self, round: u64) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.is_open_in(round))
    }

    /// The calls that were open when this round ended.
    pub fn open_after_round(&self, round: u64) -> impl Iterator<Item = &Call> {
        let is_open = move |call: &&Call| call.ended.is_none_or(|ended| ended.round > round);
        self.calls.iter().filter(move |call| call.sent.round <= round).filter(is_open)
    }

    /// The calls that got a reject.
    pub fn rejected(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| matches!(call.outcome, Outcome::Rejected { .. }))
    }

    /// The number of failed calls by reason: of rejected calls the reason as in [`Call::failure`], of refused calls
    /// the limit, such as `queue_full`.
    pub fn failures(&self) -> BTreeMap<String, u64> {
        let mut failures = BTreeMap::new();
        for reason in self.calls.iter().filter_map(Call::failure) {
            *failures.entry(reason).or_default() += 1;
        }
        for Refused { limit, calls, .. } in &self.refused {
            *failures.entry(limit.to_string()).or_default() += calls;
        }
        failures
    }

    /// How many calls were open, and what was set aside for them, after each execution that changed this. A callback
    /// ends its call before it makes further calls.
    pub fn load(&self) -> Vec<Load> {
        self.load_of(|_| true)
    }

    /// Like [`load`](Self::load), for the calls of one canister.
    pub fn load_by(&self, caller: CanisterId) -> Vec<Load> {
        self.load_of(|call| call.caller() == caller)
    }

    /// The largest number of calls that were open at the same time.
    pub fn most_open(&self) -> usize {
        self.load().iter().map(|load| load.open).max().unwrap_or(0)
    }

    /// The most cycles that were set aside at the same time.
    pub fn most_set_aside(&self) -> Cycles {
        self.load().iter().map(|load| load.set_aside).max().unwrap_or(0)
    }

    /// The subnet on which a canister executed something.
    pub fn subnet_of(&self, canister: impl Into<Principal>) -> Option<SubnetId> {
        self.places.get(&canister.into()).copied()
    }

    /// The call with this id.
    pub fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(*self.indices.get(&id)?)
    }

    /// The canisters that executed something, with their subnets. A subnet stands for its management canister.
    pub(super) fn places(&self) -> &BTreeMap<Principal, SubnetId> {
        &self.places
    }

    /// The numbers in short, for assertions.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }

    fn load_of(&self, is_counted: impl Fn(&Call) -> bool) -> Vec<Load> {
        let mut changes: BTreeMap<(usize, bool), (Moment, Load)> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| is_counted(call)) {
            // Ends of calls sort before beginnings in the same execution.
            let ended = call.ended_by.zip(call.ended).map(|(by, at)| ((by, false), at));
            for (key, at) in ended.into_iter().chain([((call.sent_by, true), call.sent)]) {
                let change = &mut changes.entry(key).or_insert((at, Load::default())).1;
                change.open += 1;
                change.set_aside += call.set_aside;
            }
        }
        let mut load = Load::default();
        let step = |((_, is_begin), (at, change)): ((usize, bool), (Moment, Load))| {
            load.at = at;
            if is_begin {
                load.open += change.open;
                load.set_aside += change.set_aside;
            } else {
                load.open = load.open.saturating_sub(change.open);
                load.set_aside = load.set_aside.saturating_sub(change.set_aside);
            }
            load
        };
        changes.into_iter().map(step).collect()
    }
}
