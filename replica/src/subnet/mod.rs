//! One subnet: its canisters, and the round in which they execute.
//!
//! A round's steps are one file each: messages come in (`induct`), canisters execute
//! (`scheduler`), messages go out (`route`). Calls of the management canister are carried out by
//! `management`.

mod allowances;
mod block_makers;
mod delivery;
mod induct;
mod ingress;
mod management;
mod metrics;
mod next;
mod pool;
mod query;
mod refunds;
mod route;
mod schedule;
mod scheduler;

use crate::canister::{Answer, Canister, Origin, Room};
use crate::cycles::Prices;
use crate::error::UserError;
use crate::keys::SubnetKey;
use crate::limits::*;
use crate::message::{Request, Response, StreamMessage};
use crate::topology::RoutingTable;
use crate::trace::{Event, Fee, Responder, Trace};
use crate::types::*;
use candid::Principal;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use allowances::RelaxedLimits;
use block_makers::BlockMakerMetrics;
pub use block_makers::{BlockMakerError, BlockMakers};
use ingress::IngressHistory;
pub use ingress::{IngressState, Record as IngressRecord};
use management::{Asker, Outcalls, PendingCall};
pub use management::{
    NodeResponse, NodeResponses, OutcallError, OutcallRequest, Pricing, Transform,
};
use metrics::Meter;
pub use metrics::Metrics;
use pool::IngressPool;
use refunds::RefundPool;
use schedule::Schedule;

/// What distinguishes one subnet from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetConfig {
    /// Its id.
    pub id: SubnetId,
    /// Its key.
    pub key: Arc<SubnetKey>,
    /// Its number of nodes, which decides prices.
    pub nodes: u64,
    /// Whether it charges nothing.
    pub free: bool,
    /// Whether it is a system subnet, with limits of its own.
    pub system: bool,
    /// Whether instruction limits are lifted.
    pub benchmarking: bool,
    /// Who may manage all its canisters, if it is a subnet that can have such.
    pub admins: Option<BTreeSet<Principal>>,
    /// Which limits do not apply.
    pub relaxed: RelaxedLimits,
    /// The first and the last id of each range of canisters it hosts.
    pub canister_ranges: Vec<(CanisterId, CanisterId)>,
    /// The network's root key.
    pub root_key: Arc<SubnetKey>,
}

/// Where messages that leave a subnet go.
pub trait Router {
    /// Which subnet hosts which canisters.
    fn routes(&self) -> &Arc<RoutingTable>;
    /// Whether the stream to another subnet takes another message.
    fn has_room(&self, to: SubnetId) -> bool;
    /// Whether it takes another refund.
    fn has_room_for_refund(&self, to: SubnetId) -> bool;
    /// Puts a message into the stream to another subnet, which has room.
    fn send(&mut self, to: SubnetId, message: StreamMessage);
    /// Tells another subnet what became of its next message: taken in, or rejected with a response.
    fn signal(&mut self, to: SubnetId, reject: Option<Response>);
}

/// What comes to a subnet from others in one round.
#[derive(Debug, Default)]
pub struct Incoming {
    /// Rejects of requests it had sent.
    pub rejects: Vec<Response>,
    /// Messages by source, in the order of subnets and as they were sent.
    pub slices: Vec<(SubnetId, Vec<StreamMessage>)>,
}

/// One subnet.
#[derive(Debug)]
pub struct Subnet {
    config: SubnetConfig,
    prices: Prices,
    /// As of the latest round.
    routes: Arc<RoutingTable>,
    canisters: BTreeMap<CanisterId, Canister>,
    /// Number of the next canister within the ranges.
    next_canister: u64,
    time: Time,
    /// The time of the latest round.
    round_time: Time,
    rounds: u64,
    ingress_pool: IngressPool,
    history: IngressHistory,
    management_calls: VecDeque<PendingCall>,
    /// Who waits for random bytes.
    randomness_asked: Vec<Asker>,
    /// HTTP outcalls under way.
    outcalls: Outcalls,
    /// Instructions management calls may still use in this round.
    management_budget: i64,
    /// Hashes of the modules it has compiled.
    compiled: BTreeSet<[u8; 32]>,
    /// Messages to the subnet's own canisters that could not be delivered within their round.
    loopback: VecDeque<StreamMessage>,
    schedule: Schedule,
    /// Cycles of dropped messages, on their way out.
    refunds: RefundPool,
    /// Responses made by the subnet itself, on their way out.
    responses: VecDeque<Response>,
    /// Canisters that are answered for from outside, and what they were called with.
    intercepted: BTreeSet<CanisterId>,
    intercepted_requests: Vec<Request>,
    block_makers: BlockMakerMetrics,
    meter: Meter,
    trace: Trace,
}

impl Subnet {
    /// A subnet without canisters.
    pub fn new(config: SubnetConfig, now: Time) -> Self {
        Self {
            prices: Prices::new(config.nodes, config.free),
            config,
            routes: Arc::default(),
            canisters: BTreeMap::new(),
            next_canister: 0,
            time: now,
            round_time: now,
            rounds: 0,
            ingress_pool: IngressPool::default(),
            history: IngressHistory::default(),
            management_calls: VecDeque::new(),
            randomness_asked: Vec::new(),
            outcalls: Outcalls::default(),
            management_budget: 0,
            compiled: BTreeSet::new(),
            loopback: VecDeque::new(),
            schedule: Schedule::default(),
            refunds: RefundPool::default(),
            responses: VecDeque::new(),
            intercepted: BTreeSet::new(),
            intercepted_requests: Vec::new(),
            block_makers: BlockMakerMetrics::default(),
            meter: Meter::default(),
            trace: Trace::default(),
        }
    }

    /// Its ranges of canister ids, as routing tables have them.
    pub fn routing_entries(
        &self,
    ) -> impl Iterator<Item = (CanisterId, CanisterId, SubnetId)> + use<'_> {
        let SubnetConfig { id, canister_ranges, .. } = &self.config;
        canister_ranges.iter().map(|(first, last)| (*first, *last, *id))
    }

    /// What it was made as.
    pub fn config(&self) -> &SubnetConfig {
        &self.config
    }

    /// Its prices.
    pub fn prices(&self) -> Prices {
        self.prices
    }

    /// A canister it hosts.
    pub fn canister(&self, id: CanisterId) -> Option<&Canister> {
        self.canisters.get(&id)
    }

    /// A canister it hosts, to be changed from outside the rules of the network.
    pub fn canister_mut(&mut self, id: CanisterId) -> Option<&mut Canister> {
        self.canisters.get_mut(&id)
    }

    /// All canisters it hosts, in order.
    pub fn canisters(&self) -> impl Iterator<Item = &Canister> + Clone {
        self.canisters.values()
    }

    /// Has canisters' calls to these canisters, which are not here, kept for somebody to answer.
    pub fn intercept(&mut self, canisters: impl IntoIterator<Item = CanisterId>) {
        self.intercepted.extend(canisters);
    }

    /// Takes the calls that were kept.
    pub fn take_intercepted_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.intercepted_requests)
    }

    /// Sends the response to such a call.
    pub fn respond_to_intercepted(&mut self, response: Response) {
        self.trace.tell(|| response.made(Responder::Callee));
        self.responses.push_back(response);
    }

    /// Has everything told that happens from now on.
    pub fn set_trace(&mut self, trace: &Trace) {
        self.trace = trace.clone();
        for canister in self.canisters.values_mut() {
            canister.trace = trace.clone();
        }
    }

    /// The time of its latest round, which is what queries see.
    pub fn time(&self) -> Time {
        self.time
    }

    /// Rounds it has executed.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// What it tells of itself.
    pub fn metrics(&self) -> Metrics {
        self.meter.metrics()
    }

    /// Sets the time queries see until the next round.
    pub fn set_time(&mut self, time: Time) {
        self.time = time;
    }

    /// Executes one round at `time`, with what came from other subnets.
    pub fn execute_round(&mut self, time: Time, incoming: Incoming, router: &mut impl Router) {
        self.time = time;
        self.round_time = time;
        self.rounds += 1;
        self.routes = router.routes().clone();
        self.trace.tell(|| Event::Round { subnet: self.config.id, time });
        self.block_makers.record_round(time);
        self.time_out();
        self.induct_streams(incoming, router);
        self.induct_ingress();
        self.purge_expired_ingress();
        self.execute_canisters();
        self.finish_execution();
        self.route(router);
    }

    /// The canister of this id, which must be there.
    fn existing(&self, id: CanisterId) -> Result<&Canister, UserError> {
        self.canisters.get(&id).ok_or_else(|| UserError::canister_not_found(id))
    }

    fn hosts(&self, canister: CanisterId) -> bool {
        self.config.canister_ranges.iter().any(|(first, last)| (*first..=*last).contains(&canister))
    }

    /// What there is of the subnet's memory.
    fn room(&self) -> Room {
        let memory_taken = self.canisters.values().map(Canister::allocated_bytes).sum();
        Room { memory_taken, prices: self.prices }
    }

    /// Percent of compute allocation that all canisters have taken.
    fn compute_taken(&self) -> u64 {
        self.canisters.values().map(|canister| canister.settings.compute_allocation).sum()
    }

    fn open_callbacks(&self) -> usize {
        self.canisters.values().map(|canister| canister.contexts.open_callbacks()).sum()
    }

    fn guaranteed_bytes(&self) -> u64 {
        self.canisters.values().map(|canister| canister.queues.guaranteed_bytes()).sum()
    }

    /// Delivers an answer the subnet itself gives, to a management call or for a canister that is
    /// gone.
    fn answer(&mut self, answer: Answer) {
        if let Origin::Ingress { message, .. } = answer.origin {
            self.history.set(message, answer.result.into(), self.time);
        } else if let Some(response) = answer.into_response() {
            self.trace.record(|| response.made(Responder::Callee));
            self.responses.push_back(response);
        }
    }

    /// The canisters with something in their output queues, in order.
    fn senders(&self) -> Vec<CanisterId> {
        let waiting = self.canisters.values().filter(|canister| canister.queues.has_output());
        waiting.map(|canister| canister.id).collect()
    }

    /// The end of execution: canisters that have nothing left to do stop, memory is paid for, old
    /// ingress statuses are forgotten.
    fn finish_execution(&mut self) {
        let now = self.time;
        let mut answers = Vec::new();
        for canister in self.canisters.values_mut() {
            canister.debits.forgive();
            answers.extend(management::finish_stopping(canister, now));
            answers.extend(charge_for_resources(canister, self.prices, now));
        }
        for answer in answers {
            self.answer(answer);
        }
        self.history.forget_expired(now);
        self.meter.end_round(self.rounds, self.canisters.values());
    }
}

/// Charges for memory and compute allocation, every ten seconds of the network's time. A canister
/// that cannot pay loses nearly all it has.
fn charge_for_resources(canister: &mut Canister, prices: Prices, now: Time) -> Vec<Answer> {
    let seconds = now.nanos_since(canister.charged_until) / NANOS_PER_SECOND;
    // What it is in the middle of goes on with the balance it began with.
    if seconds < ALLOCATION_CHARGE_INTERVAL_SECONDS || canister.is_paused() {
        return Vec::new();
    }
    canister.charged_until = now;
    let compute = canister.settings.compute_allocation;
    let charge = prices.allocation(canister.memory_bytes(), compute, seconds);
    let for_memory = prices.allocation(canister.memory_bytes(), 0, seconds);
    if canister.balance.saturating_add(canister.reserved) < charge {
        return crate::canister::run_out(canister);
    }
    // What was set aside for it goes first.
    let set_aside = charge.min(canister.reserved);
    canister.reserved -= set_aside;
    canister.pay(Fee::Resources, charge - set_aside);
    canister.consumption.memory += for_memory;
    canister.consumption.compute += charge - for_memory;
    Vec::new()
}
