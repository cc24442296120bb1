//! The naive reference model: what the Internet Computer's rules make of a scenario, in the simplest
//! words. Lists are searched, nothing is counted along, nothing is shared with the replica. It is
//! told what it cannot know: the instructions of each execution, the lengths of the replica's texts,
//! and fees that depend on bytes of modules and envelopes.

mod arrival;
mod departure;
mod execution;
mod management;
mod paused;
mod round;
mod turns;
mod waiting;

use crate::encode::{self, CELLS, Ids};
use crate::record::{Cost, Costs, Done, What};
use crate::run::SubnetFacts;
use crate::scenario::{Action, Argument, Body, Call, Home, Manage, Method, Step, Target};
use candid::Principal;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use paused::{Begun, Paused};
use turns::Turns;
use waiting::Waiting;

const SECOND: u64 = 1_000_000_000;
const CAPACITY: usize = 500;
const LIFETIME_SECONDS: u64 = 300;
const PREPAID: u128 = 40_000_000_000 + EXECUTION_FEE;
const QUERY_PREPAID: u128 = 5_000_000_000 + EXECUTION_FEE;
const INSTALL_PREPAID: u128 = 300_000_000_000 + EXECUTION_FEE;
const EXECUTION_FEE: u128 = 5_000_000;
const CALL_FEE: u128 = 260_000;
const BYTE_FEE: u128 = 1_000;
const RESPONSE_BYTES_MAX: u128 = 2 << 20;
const REMOTE_BYTES_MAX: usize = 2 << 20;
const STREAM_BYTES_TARGET: usize = 10 << 20;
const REFUND_BYTES: usize = 50;
/// Of four mebibytes, five percent are left free.
const BLOCK_BYTES_MAX: usize = (4 << 20) * 95 / 100;
/// About what a message needs in a block besides its own bytes.
const MESSAGE_BYTES: usize = 70;
const ROUND_BUDGET: i64 = 2_000_000_001;
/// Messages from one subnet that a system subnet takes at once, less those that it has for that subnet.
const SYSTEM_MESSAGES_MAX: usize = 100;

const SYS_TRANSIENT: u8 = 2;
const DESTINATION_INVALID: u8 = 3;
const CANISTER_REJECT: u8 = 4;
const CANISTER_ERROR: u8 = 5;
const SYS_UNKNOWN: u8 = 6;

/// Where a call came from.
#[derive(Clone, Debug)]
enum Origin {
    User(usize),
    Canister(Request),
}

#[derive(Clone, Debug)]
struct Request {
    caller: usize,
    number: u64,
    to: Principal,
    call: Rc<Call>,
    bytes: usize,
    deadline: Option<u64>,
}

#[derive(Clone, Debug)]
struct Response {
    caller: usize,
    number: u64,
    from: Principal,
    refund: u128,
    /// The length of a reply or a reject code.
    result: Result<usize, u8>,
    deadline: Option<u64>,
}

#[derive(Clone, Debug)]
enum Message {
    Request(Request),
    Response(Response),
}

/// What is in a stream.
enum Travelling {
    Message(Message),
    /// For this canister, so many cycles.
    Refund(usize, u128),
}

#[derive(Debug, PartialEq, Eq)]
enum Status {
    Running,
    /// For whom it stops, and until when they wait.
    Stopping(Vec<(usize, u64)>),
    Stopped,
}

struct Context {
    origin: Origin,
    answered: bool,
    available: u128,
    deleted: bool,
}

struct Callback {
    context: u64,
    to: Principal,
    call: Rc<Call>,
    generation: usize,
    deadline: Option<u64>,
    /// Whether a response is in the queue already.
    settled: bool,
}

struct Canister {
    id: Principal,
    subnet: usize,
    exists: bool,
    installed: bool,
    /// How often it got new code.
    generation: usize,
    /// The tick in which it last got code.
    installed_at: Option<usize>,
    status: Status,
    balance: u128,
    cells: [u64; CELLS],
    stable: u64,
    contexts: BTreeMap<u64, Context>,
    callbacks: BTreeMap<u64, Callback>,
    next_context: u64,
    next_callback: u64,
    ingress: VecDeque<usize>,
    input: BTreeMap<Principal, VecDeque<Message>>,
    /// Senders whose turn comes: local ones and remote ones.
    senders: [VecDeque<Principal>; 2],
    /// Whose turn it is: local senders, users, remote senders.
    turn: usize,
    paused: Option<Paused>,
    /// By receiver, with the second from which on it is given up.
    output: BTreeMap<Principal, VecDeque<(Message, Option<u64>)>>,
}

#[derive(Default)]
struct Subnet {
    facts: SubnetFacts,
    loopback: VecDeque<Travelling>,
    /// What dropped messages carried, by caller.
    refunds: BTreeMap<usize, u128>,
    pool: Vec<usize>,
    management: Waiting,
    responses: VecDeque<Response>,
    turns: Turns,
}

/// From one subnet to another. Signals overtake messages.
#[derive(Default)]
struct Stream {
    /// For each message from there, the reject it got, if it did.
    signals: Vec<Option<Response>>,
    /// Each counts until the other subnet has signalled that it took the message.
    messages: VecDeque<Sent>,
}

/// A message in a stream.
struct Sent {
    bytes: usize,
    is_refund: bool,
    /// Nothing, once it is taken.
    what: Option<Travelling>,
}

pub struct Model<'a> {
    ids: &'a Ids,
    actions: &'a [Action],
    costs: &'a mut Costs,
    now: u64,
    last_round: u64,
    rounds: usize,
    tick: usize,
    canisters: Vec<Canister>,
    subnets: Vec<Subnet>,
    streams: BTreeMap<(usize, usize), Stream>,
    /// When each user's message is given up.
    expiry: BTreeMap<usize, u64>,
    /// When each user's message came.
    arrival: BTreeMap<usize, u64>,
    /// What canisters executed.
    pub done: Vec<Vec<Done>>,
    /// What users' messages came to and when: the length of a reply, or an error code.
    pub answers: BTreeMap<usize, (usize, Result<usize, u16>)>,
}

impl<'a> Model<'a> {
    pub fn new(
        ids: &'a Ids,
        homes: &[Home],
        subnets: &[SubnetFacts],
        actions: &'a [Action],
        costs: &'a mut Costs,
        (now, last_round, rounds): (u64, u64, usize),
        balances: &[u128],
    ) -> Self {
        let canister = |((home, id), balance): ((&Home, &Principal), &u128)| Canister {
            id: *id,
            subnet: home.subnet,
            exists: true,
            installed: true,
            generation: 0,
            installed_at: None,
            status: Status::Running,
            balance: *balance,
            cells: [0; CELLS],
            stable: 0,
            contexts: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            next_context: 0,
            next_callback: 0,
            ingress: VecDeque::new(),
            input: BTreeMap::new(),
            senders: Default::default(),
            turn: 0,
            paused: None,
            output: BTreeMap::new(),
        };
        Self {
            ids,
            actions,
            costs,
            now,
            last_round,
            rounds,
            tick: 0,
            canisters: homes.iter().zip(&ids.canisters).zip(balances).map(canister).collect(),
            subnets: subnets
                .iter()
                .map(|facts| Subnet { facts: *facts, ..Subnet::default() })
                .collect(),
            streams: BTreeMap::new(),
            expiry: BTreeMap::new(),
            arrival: BTreeMap::new(),
            done: vec![Vec::new(); homes.len()],
            answers: BTreeMap::new(),
        }
    }

    pub fn balances(&self) -> Vec<Option<u128>> {
        self.canisters.iter().map(|canister| canister.exists.then_some(canister.balance)).collect()
    }

    /// What each canister remembers, if it can be asked.
    pub fn memories(&self) -> Vec<Option<Vec<u64>>> {
        let memory = |canister: &Canister| {
            let asked = canister.installed && canister.status == Status::Running;
            asked.then(|| canister.cells.iter().copied().chain([canister.stable]).collect())
        };
        self.canisters.iter().map(memory).collect()
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
    }

    /// Whether the message of this action is let in, or the code of the error it is turned down with.
    pub fn submit(&mut self, action: usize) -> Result<(), u16> {
        let (index, managed) = match &self.actions[action] {
            Action::Call { canister, .. } => (*canister, false),
            Action::Manage { canister, .. } => (*canister, true),
            Action::Tick | Action::Wait { .. } => unreachable!("these are no messages"),
        };
        let canister = &self.canisters[index];
        if !canister.exists {
            return Err(301);
        }
        if !managed {
            self.check_running(index)?;
            if !canister.installed {
                return Err(537);
            }
        }
        if canister.balance < self.ingress_fee(index, action) {
            return Err(207);
        }
        self.arrival.insert(action, self.now);
        self.expiry.insert(action, self.now + LIFETIME_SECONDS * SECOND);
        self.subnets[canister.subnet].pool.push(action);
        Ok(())
    }

    /// What a canister pays of a price. On system subnets nothing.
    fn fee(&self, canister: usize, price: u128) -> u128 {
        if self.subnets[self.canisters[canister].subnet].facts.system { 0 } else { price }
    }

    fn ingress_fee(&self, canister: usize, action: usize) -> u128 {
        self.fee(canister, self.costs.ingress_fee(action))
    }

    fn check_running(&self, canister: usize) -> Result<(), u16> {
        match self.canisters[canister].status {
            Status::Running => Ok(()),
            Status::Stopping(_) => Err(509),
            Status::Stopped => Err(508),
        }
    }

    pub fn tick(&mut self) {
        let before = self.now;
        self.now = if self.now > self.last_round { self.now } else { self.last_round + 1 };
        self.last_round = self.now;
        self.rounds += 1;
        for subnet in 0..self.subnets.len() {
            let block = self.take_block(subnet, before);
            self.round(subnet, block);
        }
        self.tick += 1;
    }

    fn round(&mut self, subnet: usize, block: Vec<usize>) {
        self.time_out(subnet);
        self.time_out_management(subnet);
        self.induct_streams(subnet);
        self.induct_ingress(subnet, block);
        self.execute_canisters(subnet);
        self.finish_stopping(subnet);
        self.charge_for_resources(subnet);
        self.route(subnet);
    }

    fn seconds(&self) -> u64 {
        self.now / SECOND
    }

    fn on(&self, subnet: usize) -> Vec<usize> {
        let mut here: Vec<usize> = (0..self.canisters.len())
            .filter(|index| {
                self.canisters[*index].subnet == subnet && self.canisters[*index].exists
            })
            .collect();
        here.sort_by_key(|index| self.canisters[*index].id);
        here
    }

    fn find(&self, id: Principal) -> Option<usize> {
        self.canisters.iter().position(|canister| canister.id == id && canister.exists)
    }
}

/// Bytes of Candid for nothing.
const EMPTY_REPLY: usize = 6;

/// Bytes of Candid for 32 random bytes.
const RANDOM_REPLY: usize = 42;

/// Whether a call goes to the management canister.
const fn is_management(to: Target) -> bool {
    matches!(to, Target::Deposit(_) | Target::Random)
}

fn rejected(request: &Request, code: u8) -> Response {
    answered(request, Err(code), request.call.cycles.into())
}

fn answered(request: &Request, result: Result<usize, u8>, refund: u128) -> Response {
    let Request { caller, number, to, deadline, .. } = *request;
    Response { caller, number, from: to, refund, result, deadline }
}

/// The class of an error.
const fn reject_code(error: u16) -> u8 {
    (error / 100) as u8
}
