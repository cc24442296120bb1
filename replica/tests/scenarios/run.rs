//! Runs a scenario on the replica and records everything that can be seen.

use crate::encode::{self, Ids};
use crate::scenario::{Action, Manage, Scenario};
use candid::{CandidType, Principal, encode_one};
use embedded_replica::canister::{Failure, Status};
use embedded_replica::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig};
use embedded_replica::state_dir::StateDir;
use embedded_replica::topology::canister_id;
use embedded_replica::trace::{Event, Work};
use embedded_replica::types::{CanisterId, Cycles, MessageId, NextWork};
use ic_management_canister_types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use test_support::script::canister;

/// Ticks after the last action within which everything must have come to rest.
const TICKS_TO_REST_MAX: usize = 200;

/// Ticks in which what is left in streams, messages nobody waits for and signals, arrives.
const TICKS_FOR_SIGNALS: usize = 4;

/// What can be seen of a canister between rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub balance: Cycles,
    /// Calls it could make, by callee; to others 500.
    pub free_slots: BTreeMap<Principal, usize>,
    pub is_idle: bool,
    pub is_stopping: bool,
    pub has_open_contexts: bool,
    pub open_callbacks: usize,
    /// Whether it is in the middle of a message.
    pub is_paused: bool,
    /// What it remembers then, if it can be asked.
    pub memory: Option<Vec<u64>>,
}

/// What happened in one tick, and how things were after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// Whether the instance said beforehand that something would be due.
    pub due: bool,
    pub events: Vec<Event>,
    pub states: BTreeMap<Principal, State>,
}

/// All that was seen of a scenario.
#[derive(Clone)]
pub struct Run {
    pub ids: Ids,
    /// The network's time, that of the latest round, and how many there were, when it began.
    pub begin: (u64, u64, usize),
    pub balances: Vec<Cycles>,
    /// What happened between the actions `Tick`, and then until everything had come to rest.
    pub ticks: Vec<Tick>,
    pub rested: bool,
    /// Whether the instance then said so, too, once the last signals had arrived.
    pub says_it_rests: bool,
    /// By action: turned down at once, or not.
    pub submitted: BTreeMap<usize, Result<MessageId, u16>>,
    /// What taking them in costs, by the action.
    pub ingress_fees: BTreeMap<usize, Cycles>,
    /// By action: the tick after which the response was there, and the response.
    pub answers: BTreeMap<usize, (usize, Result<usize, u16>)>,
    pub memories: Vec<Option<Vec<u64>>>,
}

pub fn run(scenario: &Scenario) -> Run {
    run_restoring(scenario, |_| false)
}

/// Runs a scenario. Before each tick for which `is_restored` holds, the network is saved, dropped and
/// restored.
pub fn run_restoring(scenario: &Scenario, is_restored: impl Fn(usize) -> bool + 'static) -> Run {
    let (instance, ids) = begin(scenario);
    let mut runner = Runner::new(instance, ids);
    runner.is_restored = Box::new(is_restored);
    for (index, action) in scenario.actions.iter().enumerate() {
        match action {
            Action::Tick => runner.tick(),
            Action::Wait { seconds } => {
                let later = runner.instance.time().plus_secs(*seconds);
                runner.instance.set_time(later).expect("time goes on");
            }
            Action::Call { .. } | Action::Manage { .. } => runner.submit(index, action),
        }
    }
    runner.finish()
}

/// A network with the scenario's canisters.
fn begin(scenario: &Scenario) -> (Instance, Ids) {
    let mut instance = Instance::new(InstanceConfig::with_application_subnets(scenario.subnets))
        .expect("there are subnets");
    // In the order of their turns.
    let mut places: Vec<_> = instance.subnets().iter().map(|info| info.place.clone()).collect();
    places.sort_by_key(|place| place.id);
    let mut ids = Vec::new();
    for home in &scenario.canisters {
        let arguments = ProvisionalCreateCanisterWithCyclesArgs {
            amount: Some(home.cycles.into()),
            settings: Some(CanisterSettings {
                freezing_threshold: Some(0u8.into()),
                ..CanisterSettings::default()
            }),
            ..Default::default()
        };
        let method = "provisional_create_canister_with_cycles";
        let effective_principal = EffectivePrincipal::Subnet(places[home.subnet].id);
        let reply = instance.update(management(method, &arguments, effective_principal));
        let reply = reply.expect("the canister replies").expect("the canister is created");
        let record: CanisterIdRecord = candid::decode_one(&reply).expect("the text is Candid");
        let id = record.canister_id;
        // Installing costs more than some have.
        instance.add_cycles(id.into(), INSTALLATION_CYCLES).expect("it is there");
        let beginning = encode::beginning(0, true);
        let install = installation(id, CanisterInstallMode::Install, beginning);
        instance.update(install).expect("the canister replies").expect("the code is installed");
        ids.push(id);
    }
    let first = places[0].canister_ranges[0].0;
    let missing = after(first.principal(), 1_000);
    (instance, Ids { canisters: ids, missing, nowhere: canister_id(u64::MAX).principal() })
}

/// What installing needs beforehand, nearly all of which comes back.
const INSTALLATION_CYCLES: Cycles = 300_100_000_000;

/// The id so many places after this one.
fn after(id: Principal, places: u64) -> Principal {
    let bytes: [u8; 8] =
        id.as_slice()[..8].try_into().expect("ids of canisters begin with a number");
    canister_id(u64::from_be_bytes(bytes) + places).principal()
}

fn management(
    method: &str,
    arguments: &impl CandidType,
    effective_principal: EffectivePrincipal,
) -> CanisterCall {
    CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister: CanisterId::MANAGEMENT,
        effective_principal,
        method: method.into(),
        argument: encode_one(arguments).expect("the text is Candid"),
    }
}

fn installation(id: Principal, mode: CanisterInstallMode, arg: Vec<u8>) -> CanisterCall {
    let arguments = InstallCodeArgs {
        mode,
        canister_id: id,
        wasm_module: canister(),
        arg,
        sender_canister_version: None,
    };
    management("install_code", &arguments, EffectivePrincipal::Canister(id.into()))
}

struct Runner {
    instance: Instance,
    events: Receiver<Event>,
    /// Events from before the network was restored.
    earlier_events: Vec<Event>,
    is_restored: Box<dyn Fn(usize) -> bool>,
    folder: tempfile::TempDir,
    /// Installations asked for, by canister.
    generations: BTreeMap<usize, u64>,
    waiting: BTreeSet<usize>,
    run: Run,
}

impl Runner {
    fn new(mut instance: Instance, ids: Ids) -> Self {
        let events = instance.listen();
        let balances = ids
            .canisters
            .iter()
            .map(|id| instance.cycles((*id).into()).expect("it is there"))
            .collect();
        let network = instance.network();
        let begin = (
            instance.time().as_nanos(),
            network.round_time().as_nanos(),
            network.rounds() as usize,
        );
        Self {
            instance,
            events,
            earlier_events: Vec::new(),
            is_restored: Box::new(|_| false),
            folder: tempfile::tempdir().expect("there is a temporary folder"),
            generations: BTreeMap::new(),
            waiting: BTreeSet::new(),
            run: Run {
                ids,
                begin,
                balances,
                ticks: Vec::new(),
                rested: false,
                says_it_rests: false,
                submitted: BTreeMap::new(),
                ingress_fees: BTreeMap::new(),
                answers: BTreeMap::new(),
                memories: Vec::new(),
            },
        }
    }

    fn submit(&mut self, index: usize, action: &Action) {
        let call = self.message(action);
        self.run.ingress_fees.insert(index, ingress_fee(&call));
        let submitted = self.instance.submit(call).expect("the message makes sense");
        if submitted.is_ok() {
            self.waiting.insert(index);
        }
        self.run.submitted.insert(index, submitted.map_err(|error| error.code as u16));
    }

    fn message(&mut self, action: &Action) -> CanisterCall {
        match action {
            Action::Call { canister, method, body } => CanisterCall {
                sender: Principal::anonymous(),
                caller_info: None,
                canister: self.run.ids.canisters[*canister].into(),
                effective_principal: EffectivePrincipal::None,
                method: method.name().into(),
                argument: encode::body(body, &self.run.ids),
            },
            Action::Manage { canister, what } => self.management(*canister, *what),
            Action::Tick | Action::Wait { .. } => unreachable!("these are no messages"),
        }
    }

    fn management(&mut self, canister: usize, what: Manage) -> CanisterCall {
        let id = self.run.ids.canisters[canister];
        let simple = |method| {
            let arguments = CanisterIdRecord { canister_id: id };
            management(method, &arguments, EffectivePrincipal::Canister(id.into()))
        };
        let mode = match what {
            Manage::Stop => return simple("stop_canister"),
            Manage::Start => return simple("start_canister"),
            Manage::Uninstall => return simple("uninstall_code"),
            Manage::Delete => return simple("delete_canister"),
            Manage::Install => CanisterInstallMode::Install,
            Manage::Reinstall => CanisterInstallMode::Reinstall,
            Manage::Upgrade => CanisterInstallMode::Upgrade(None),
        };
        let generation = self.generations.entry(canister).or_default();
        *generation += 1;
        installation(id, mode, encode::beginning(*generation, what != Manage::Upgrade))
    }

    /// Saves the network, drops it and restores it.
    fn restore(&mut self) {
        let state = || StateDir::open(self.folder.path()).expect("the folder is free");
        state().save(&self.instance, false).expect("the state can be saved");
        self.instance = state().restore(false).expect("the state can be restored");
        self.earlier_events.extend(self.events.try_iter());
        self.events = self.instance.listen();
    }

    fn tick(&mut self) {
        if (self.is_restored)(self.run.ticks.len()) {
            self.restore();
        }
        let next = self.instance.next_work();
        self.instance.tick();
        let due = next <= NextWork::At(self.instance.time());
        let tick = self.run.ticks.len();
        let mut states = BTreeMap::new();
        for id in self.run.ids.canisters.clone() {
            let Some(mut state) = state(&self.instance, id) else { continue };
            if state.is_paused {
                state.memory = self.memory(id);
            }
            states.insert(id, state);
        }
        let earlier = std::mem::take(&mut self.earlier_events);
        let events = earlier.into_iter().chain(self.events.try_iter()).collect();
        self.run.ticks.push(Tick { due, events, states });
        let (instance, run) = (&self.instance, &mut self.run);
        self.waiting.retain(|action| {
            let Ok(message) = run.submitted[action] else { return false };
            let answer = instance.ingress_status(message, None).expect("anybody may ask");
            let Some(answer) = answer else { return true };
            let answer = answer.map(|reply| reply.len()).map_err(|failure| error_code(&failure));
            run.answers.insert(*action, (tick, answer));
            false
        });
    }

    /// Ticks until everything has come to rest, and asks the canisters what they remember.
    fn finish(mut self) -> Run {
        for _ in 0..TICKS_TO_REST_MAX {
            self.tick();
            let last = self.run.ticks.last().expect("there was a tick");
            let executes = |event: &Event| !matches!(event, Event::Round { .. });
            let rests =
                |state: &State| state.is_idle && !state.has_open_contexts && !state.is_paused;
            // Messages may be in streams, which show nothing.
            self.run.rested = self.waiting.is_empty()
                && !last.events.iter().any(executes)
                && last.states.values().all(rests);
            if self.run.rested {
                break;
            }
        }
        (0..TICKS_FOR_SIGNALS).for_each(|_| self.tick());
        self.run.says_it_rests = self.instance.next_work() != NextWork::Now;
        let ids = self.run.ids.canisters.clone();
        self.run.memories = ids.into_iter().map(|id| self.memory(id)).collect();
        self.run
    }

    fn memory(&mut self, canister: Principal) -> Option<Vec<u64>> {
        let call = CanisterCall {
            sender: Principal::anonymous(),
            caller_info: None,
            canister: canister.into(),
            effective_principal: EffectivePrincipal::None,
            method: "ask".into(),
            argument: encode::memory(),
        };
        let reply = self.instance.query(call).expect("the query makes sense").ok()?;
        Some(test_support::script::numbers(&reply))
    }
}

fn state(instance: &Instance, id: Principal) -> Option<State> {
    let canister = instance.canister(id.into())?;
    let slots = canister.queues.slots().into_iter();
    Some(State {
        balance: canister.balance,
        free_slots: slots.map(|(callee, free)| (callee.principal(), free)).collect(),
        is_idle: canister.queues.is_idle(),
        is_stopping: matches!(canister.status, Status::Stopping(_)),
        has_open_contexts: !canister.contexts.is_empty(),
        open_callbacks: canister.contexts.open_callbacks(),
        is_paused: canister.is_paused(),
        memory: None,
    })
}

fn error_code(failure: &Failure) -> u16 {
    match failure {
        Failure::Rejected(reject) => reject.error_code.map_or(0, |code| code as u16),
        Failure::Error(error) => error.code as u16,
    }
}

impl Run {
    /// What canisters are in the middle of after a tick.
    pub fn paused(&self, tick: usize) -> impl Iterator<Item = (Principal, Work)> {
        let states = self.ticks[tick].states.iter().filter(|(_, state)| state.is_paused);
        states.filter_map(move |(id, _)| {
            let mut later = self.ticks[tick + 1..].iter().flat_map(|tick| &tick.events);
            later.find_map(|event| match event {
                Event::Executed { canister, work, .. } if canister == id => Some((*id, *work)),
                _ => None,
            })
        })
    }
}

/// What taking in a message costs: the message, and each byte of its envelope.
fn ingress_fee(call: &CanisterCall) -> Cycles {
    let parts = [
        call.sender.as_slice().len(),
        call.canister.as_slice().len(),
        call.method.len(),
        call.argument.len(),
    ];
    let bytes =
        ENVELOPE_BYTES + parts.map(|bytes| bytes + length_bytes(bytes)).iter().sum::<usize>();
    1_200_000 + 2_000 * bytes as Cycles
}

/// The bytes of an envelope besides the call: field names, expiry, nonce, and types of the parts.
const ENVELOPE_BYTES: usize = 110;

/// The bytes that CBOR needs to state the length of a part, besides the byte that states its type.
fn length_bytes(bytes: usize) -> usize {
    match bytes {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        _ => 4,
    }
}
