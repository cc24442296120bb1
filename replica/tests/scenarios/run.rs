//! Runs a scenario on the replica and records everything that can be seen.

use crate::begin::{begin, installation, management};
use crate::encode::{self, Ids};
use crate::fees::ingress_fee;
use crate::scenario::{Action, Manage, Scenario};
use candid::Principal;
use embedded_replica::canister::{Failure, Status};
use embedded_replica::instance::{CanisterCall, EffectivePrincipal, Instance};
use embedded_replica::network::{HostThreads, NetworkProfile};
use embedded_replica::state_dir::StateDir;
use embedded_replica::subnet::Subnet;
use embedded_replica::trace::{Event, Work};
use embedded_replica::types::{Cycles, MessageId, NextWork};
use ic_management_canister_types::{CanisterIdRecord, CanisterInstallMode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;

/// Ticks after the last action within which everything must have come to rest.
const TICKS_TO_REST_MAX: usize = 200;

/// Ticks in which what is left in streams, messages nobody waits for and signals, arrives.
const TICKS_FOR_SIGNALS: usize = 4;

/// What is known of a subnet.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubnetFacts {
    /// Whether it is a system subnet, which charges nothing.
    pub system: bool,
    /// Whether it was created first.
    pub root: bool,
}

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
    /// In the order of their turns.
    pub subnets: Vec<SubnetFacts>,
    /// The canisters that pay for nothing.
    pub free: BTreeSet<Principal>,
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

/// Runs a scenario on a network with this profile, on these threads.
pub fn run_on_threads(scenario: &Scenario, profile: NetworkProfile, threads: HostThreads) -> Run {
    run_on(
        scenario,
        |_| false,
        |instance| {
            instance.set_profile(profile);
            instance.set_host_threads(threads);
        },
    )
}

/// Runs a scenario with deferred slices.
pub fn run_deferring(scenario: &Scenario) -> Run {
    run_on(scenario, |_| false, Instance::defer_slices)
}

/// Runs a scenario. Before each tick for which `is_restored` holds, the network is saved, dropped and
/// restored.
pub fn run_restoring(scenario: &Scenario, is_restored: impl Fn(usize) -> bool + 'static) -> Run {
    run_on(scenario, is_restored, |_| ())
}

fn run_on(
    scenario: &Scenario,
    is_restored: impl Fn(usize) -> bool + 'static,
    prepare: impl FnOnce(&mut Instance),
) -> Run {
    let (mut instance, subnets, ids) = begin(scenario);
    prepare(&mut instance);
    let homes = scenario.canisters.iter().zip(&ids.canisters);
    let free = homes.filter(|(home, _)| subnets[home.subnet].system).map(|(_, id)| *id).collect();
    let mut runner = Runner::new(instance, subnets, ids);
    runner.run.free = free;
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
    fn new(mut instance: Instance, subnets: Vec<SubnetFacts>, ids: Ids) -> Self {
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
                subnets,
                free: BTreeSet::new(),
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
            // A message that no block took in time has no status.
            let Some(answer) = answer else { return knows(instance, message) };
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
            // A message may wait for a block as long as its canister cannot take it.
            let submitted = |action: &usize| self.run.submitted[action].as_ref().ok();
            let is_pooled = |message: &MessageId| pooled(&self.instance, *message);
            self.run.rested = self.waiting.iter().filter_map(submitted).all(is_pooled)
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

/// Whether a message waits for a block.
fn pooled(instance: &Instance, message: MessageId) -> bool {
    instance.network().subnets().any(|subnet| subnet.has_pooled(message))
}

/// Whether a message waits for a block or has a status.
fn knows(instance: &Instance, message: MessageId) -> bool {
    let has_status = |subnet: &Subnet| subnet.ingress_record(message).is_some();
    pooled(instance, message) || instance.network().subnets().any(has_status)
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
