//! One subnet: its canisters, and the rounds in which they execute.
//!
//! Each step of a round is one file: messages are taken in (`induct`), canisters execute (`scheduler`),
//! messages leave (`route`). `delivery` puts messages into input queues. `management` executes the calls
//! of the management canister.

mod allowances;
mod block_makers;
mod canisters;
mod delivery;
mod finish;
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

use crate::canister::{
    CallResponse, Canister, DeferredExecution, KnownModules, Origin, SubnetCapacity,
};
use crate::cycles::Prices;
use crate::error::UserError;
use crate::keys::SubnetKey;
use crate::message::{Request, Response, StreamMessage};
use crate::system_api::MemoryShare;
use crate::topology::RoutingTable;
use crate::trace::{Event, Responder, Trace};
use crate::types::*;
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use allowances::RelaxedLimits;
use block_makers::BlockMakerMetrics;
pub use block_makers::{BlockMakerError, BlockMakers};
use canisters::Canisters;
use ingress::IngressHistory;
pub use ingress::{IngressRecord, IngressState};
use management::{CallQueues, Outcalls, PendingCall};
pub use management::{
    NodeResponse, NodeResponses, OutcallError, OutcallRequest, Pricing, Transform,
};
use metrics::Meter;
pub use metrics::Metrics;
use pool::IngressPool;
use refunds::RefundPool;
use schedule::Schedule;

/// The configuration of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetConfig {
    /// The subnet's id.
    pub id: SubnetId,
    /// The subnet's key.
    #[serde(with = "crate::keys::by_seed")]
    pub key: Arc<SubnetKey>,
    /// The number of nodes. Prices depend on it.
    pub nodes: u64,
    /// Whether the subnet has the free cost schedule: it charges nothing.
    pub free: bool,
    /// Whether the subnet is a system subnet, which has higher limits.
    pub system: bool,
    /// Whether instruction limits are lifted, for benchmarks.
    pub benchmarking: bool,
    /// The principals that may manage all canisters. `None` if the subnet cannot have admins.
    pub admins: Option<BTreeSet<Principal>>,
    /// The limits that do not apply.
    pub relaxed: RelaxedLimits,
    /// The first and the last id of each range of canisters that the subnet hosts.
    pub canister_ranges: Vec<(CanisterId, CanisterId)>,
    /// The network's root key.
    #[serde(with = "crate::keys::by_seed")]
    pub root_key: Arc<SubnetKey>,
}

/// The outgoing streams of a subnet.
pub trait Router {
    /// The routing table: which subnet hosts which canisters.
    fn routes(&self) -> &Arc<RoutingTable>;
    /// Whether the stream to another subnet takes another request or response.
    fn has_room(&self, to: SubnetId) -> bool;
    /// Whether the stream to another subnet takes another refund.
    fn has_room_for_refund(&self, to: SubnetId) -> bool;
    /// Puts a message into the stream to another subnet. The caller has checked that it is not full.
    fn send(&mut self, to: SubnetId, message: StreamMessage);
    /// Sends the signal for the next message of another subnet. `reject` is the response if the message
    /// was rejected.
    fn signal(&mut self, to: SubnetId, reject: Option<Response>);
}

/// The rejects and messages that a subnet gets from other subnets in one round.
#[derive(Debug, Default)]
pub struct Incoming {
    /// The rejects of requests that this subnet sent.
    pub rejects: Vec<Response>,
    /// The messages of each other subnet, in the order of subnet ids. The messages of a subnet are in the
    /// order in which they were sent.
    pub slices: Vec<(SubnetId, Vec<StreamMessage>)>,
}

impl Incoming {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.rejects.is_empty() && self.slices.iter().all(|(_, messages)| messages.is_empty())
    }
}

/// One subnet.
#[derive(Debug, Serialize, Deserialize)]
pub struct Subnet {
    config: SubnetConfig,
    prices: Prices,
    /// The routing table as of the latest round.
    #[serde(with = "crate::types::encoding::shared")]
    routes: Arc<RoutingTable>,
    canisters: Canisters,
    /// The number of the next canister within the range for new canisters.
    next_canister: u64,
    time: Time,
    /// The time of the latest round.
    round_time: Time,
    rounds: u64,
    ingress_pool: IngressPool,
    /// How many nonces were given to messages of clients that are not agents.
    nonces: u64,
    history: IngressHistory,
    management_calls: CallQueues<PendingCall>,
    /// How often random bytes were drawn.
    random_draws: u64,
    /// HTTP outcalls that have no result yet.
    outcalls: Outcalls,
    /// The instructions that management calls may still use in this round.
    management_budget: i64,
    /// The bytes of memory that all canisters had taken before the management calls of this iteration.
    memory_taken_before_calls: u64,
    /// The modules that the subnet has installed since its last checkpoint.
    known_modules: KnownModules,
    /// The loopback stream: messages to canisters of this subnet that were not delivered directly.
    loopback: VecDeque<StreamMessage>,
    schedule: Schedule,
    /// The cycles of dropped messages, which leave at the end of the round.
    refunds: RefundPool,
    /// Responses of the management canister, by their receivers. They leave at the end of the round.
    responses: BTreeMap<CanisterId, VecDeque<Response>>,
    /// Canisters that do not exist on this subnet. Calls to them are executed outside of the subnet.
    intercepted: BTreeSet<CanisterId>,
    /// The calls to these canisters that wait to be taken.
    intercepted_requests: Vec<Request>,
    block_makers: BlockMakerMetrics,
    meter: Meter,
    #[serde(skip)]
    trace: Trace,
    /// Whether the slices of long executions after the first one are deferred.
    #[serde(skip)]
    defers_slices: bool,
}

impl Subnet {
    /// A subnet without canisters.
    pub fn new(config: SubnetConfig, now: Time) -> Self {
        Self {
            prices: Prices::new(config.nodes, config.free),
            config,
            routes: Arc::default(),
            canisters: Canisters::default(),
            next_canister: 0,
            time: now,
            round_time: now,
            rounds: 0,
            ingress_pool: IngressPool::default(),
            nonces: 0,
            history: IngressHistory::default(),
            management_calls: CallQueues::default(),
            random_draws: 0,
            outcalls: Outcalls::default(),
            management_budget: 0,
            memory_taken_before_calls: 0,
            known_modules: KnownModules::default(),
            loopback: VecDeque::new(),
            schedule: Schedule::default(),
            refunds: RefundPool::default(),
            responses: BTreeMap::new(),
            intercepted: BTreeSet::new(),
            intercepted_requests: Vec::new(),
            block_makers: BlockMakerMetrics::default(),
            meter: Meter::default(),
            trace: Trace::default(),
            defers_slices: false,
        }
    }

    /// Changes the configuration of a saved subnet that becomes part of another network. The subnet keeps
    /// its canister ranges. It intercepts no calls.
    pub fn reconfigure(&mut self, config: SubnetConfig) {
        self.prices = Prices::new(config.nodes, config.free);
        self.config = config;
        self.intercepted = BTreeSet::new();
        self.intercepted_requests = Vec::new();
    }

    /// Makes a checkpoint: all paused executions begin again, and the subnet forgets the modules that it
    /// has installed (`execution_environment/src/scheduler.rs`, `CheckpointRound`, in the replica's
    /// repository).
    pub fn checkpoint(&mut self) {
        self.canisters.for_each_awake(|canister| canister.abort());
        self.known_modules.clear();
    }

    /// The subnet's canister ranges, as routing table entries: first id, last id, subnet.
    pub fn routing_entries(
        &self,
    ) -> impl Iterator<Item = (CanisterId, CanisterId, SubnetId)> + use<'_> {
        let SubnetConfig { id, canister_ranges, .. } = &self.config;
        canister_ranges.iter().map(|(first, last)| (*first, *last, *id))
    }

    /// The subnet's configuration.
    pub fn config(&self) -> &SubnetConfig {
        &self.config
    }

    /// The subnet's prices.
    pub fn prices(&self) -> Prices {
        self.prices
    }

    /// The canister with this id. `None` if it does not exist on this subnet.
    pub fn canister(&self, id: CanisterId) -> Option<&Canister> {
        self.canisters.get(&id)
    }

    /// The canister with this id, to be changed without a message. `None` if it does not exist on this
    /// subnet.
    pub fn canister_mut(&mut self, id: CanisterId) -> Option<&mut Canister> {
        self.canisters.get_mut(&id)
    }

    /// All canisters of this subnet, in the order of their ids.
    pub fn canisters(&self) -> impl Iterator<Item = &Canister> + Clone {
        self.canisters.values()
    }

    /// Intercepts calls to these canisters, which must not exist on this subnet. The calls wait until
    /// [`take_intercepted_requests`](Self::take_intercepted_requests) takes them.
    pub fn intercept(&mut self, canisters: impl IntoIterator<Item = CanisterId>) {
        self.intercepted.extend(canisters);
    }

    /// Takes the intercepted calls.
    pub fn take_intercepted_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.intercepted_requests)
    }

    /// Sends the response to an intercepted call.
    pub fn respond_to_intercepted(&mut self, response: Response) {
        self.send_response(response);
    }

    /// Records all events from now on in this trace.
    pub fn set_trace(&mut self, trace: &Trace) {
        self.trace = trace.clone();
        self.history.trace = trace.clone();
        self.canisters.for_each(|canister| canister.trace = trace.clone());
    }

    /// Holds back what it records, until [`release_trace`](Self::release_trace).
    pub fn hold_trace(&self) {
        self.trace.hold();
    }

    /// Records what it has held back.
    pub fn release_trace(&self) {
        self.trace.release();
    }

    /// Defers the slices of long executions after the first one, from now on.
    pub fn defer_slices(&mut self) {
        self.defers_slices = true;
    }

    /// The executions that are deferred and have not ended.
    pub fn deferred_executions(&self) -> impl Iterator<Item = &DeferredExecution> {
        self.canisters.awake().filter_map(|canister| canister.deferred_execution())
    }

    /// The time that queries see: the time of the latest round, unless it was set.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The number of executed rounds.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// The subnet's metrics, as of the end of the latest round.
    pub fn metrics(&self) -> Metrics {
        self.meter.metrics()
    }

    /// Sets the time that queries see until the next round.
    pub fn set_time(&mut self, time: Time) {
        self.time = time;
    }

    /// Executes one round at `time`, with the messages of other subnets. `block_time` is the time at which
    /// the block of ingress messages is made. It is not later than `time`.
    pub fn execute_round(
        &mut self,
        time: Time,
        block_time: Time,
        incoming: Incoming,
        router: &mut impl Router,
    ) {
        let block = self.take_block(block_time);
        self.time = time;
        self.round_time = time;
        self.rounds += 1;
        self.canisters.wake_due(time);
        self.routes = router.routes().clone();
        self.trace.record(|| Event::Round { subnet: self.config.id, time });
        self.block_makers.record_round(time);
        self.time_out();
        self.induct_streams(incoming, router);
        self.induct_ingress(block);
        self.purge_expired_ingress();
        self.execute_canisters();
        self.finish_execution();
        self.route(router);
        self.canisters.rest(self.rounds, time);
    }

    /// The canister with this id, or an error if it does not exist.
    fn existing(&self, id: CanisterId) -> Result<&Canister, UserError> {
        self.canister(id).ok_or_else(|| UserError::canister_not_found(id))
    }

    fn hosts(&self, canister: CanisterId) -> bool {
        self.config.canister_ranges.iter().any(|(first, last)| (*first..=*last).contains(&canister))
    }

    /// The bytes of memory that all canisters have taken.
    fn memory_taken(&self) -> u64 {
        let awake: u64 = self.canisters.awake().map(Canister::allocated_bytes).sum();
        self.canisters.asleep().memory_taken + awake
    }

    /// What management calls may take of the subnet's memory.
    fn capacity(&self) -> SubnetCapacity {
        let before = self.memory_taken_before_calls;
        let share = MemoryShare::on_subnet_with(before);
        let memory = share.after_change(before, self.memory_taken());
        SubnetCapacity { memory, prices: self.prices }
    }

    /// The compute allocation of all canisters together, in percent.
    fn compute_taken(&self) -> u64 {
        let awake = self.canisters.awake().map(|canister| canister.settings.compute_allocation);
        self.canisters.asleep().compute + awake.sum::<u64>()
    }

    fn open_callbacks(&self) -> usize {
        let awake = self.canisters.awake().map(|canister| canister.contexts.open_callbacks());
        self.canisters.asleep().open_callbacks + awake.sum::<usize>()
    }

    fn guaranteed_bytes(&self) -> u64 {
        let awake = self.canisters.awake().map(|canister| canister.queues.guaranteed_bytes());
        self.canisters.asleep().guaranteed_bytes + awake.sum::<u64>()
    }

    /// Sends a response that the subnet itself makes: to a management call, or for a canister whose code
    /// was uninstalled.
    fn respond(&mut self, response: CallResponse) {
        if let Origin::Ingress { message, .. } = response.origin {
            self.history.set(message, response.result.into(), self.time);
        } else if let Some(response) = response.into_management_response() {
            self.send_response(response);
        }
    }

    /// Puts a response into the queue to its receiver.
    fn send_response(&mut self, response: Response) {
        self.trace.record(|| response.made(Responder::Callee));
        self.responses.entry(response.header.caller).or_default().push_back(response);
    }
}
