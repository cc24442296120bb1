//! The events of the Trace Event Format.

use crate::limits::MAINNET_ROUND_MS;
use crate::trace::{Call, Execution, Moment, Names, Outcome, Recording, Refused, Slice, Work};
use crate::types::{CanisterId, SubnetId};
use candid::Principal;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The thread of a subnet's rounds.
const ROUNDS_THREAD: u64 = 1;

/// One event. The fields have the names of the format.
#[derive(Debug, Serialize)]
pub(super) struct TraceEvent {
    name: String,
    /// The phase: `X` a slice, `M` a name, `C` a counter, `s` and `f` the ends of a flow, `i` an instant.
    ph: &'static str,
    pid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u64>,
    /// In microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    /// In microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    /// The id of a flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// Where a flow ends: `e`, in the slice around this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    /// What an instant belongs to: `t`, its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Value>,
}

/// A process and a thread.
type Place = (u64, u64);

/// One recording of a file.
pub(super) struct Part<'a> {
    title: &'a str,
    recording: &'a Recording,
    names: &'a Names,
    processes: BTreeMap<SubnetId, u64>,
    threads: BTreeMap<Principal, Place>,
    next_flow: u64,
    next_process: u64,
}

impl<'a> Part<'a> {
    /// Numbers the processes and the flows of a recording, from these numbers on.
    pub(super) fn new(
        title: &'a str,
        recording: &'a Recording,
        names: &'a Names,
        first_process: u64,
        first_flow: u64,
    ) -> Self {
        let subnets: BTreeSet<SubnetId> =
            recording.rounds().iter().map(|round| round.subnet).collect();
        let next_process = first_process + subnets.len() as u64;
        let processes: BTreeMap<_, _> = subnets.into_iter().zip(first_process..).collect();
        let mut threads = BTreeMap::new();
        let mut next_thread: BTreeMap<u64, u64> = BTreeMap::new();
        for (canister, subnet) in recording.places() {
            let Some(process) = processes.get(subnet) else { continue };
            let thread = next_thread.entry(*process).or_insert(ROUNDS_THREAD);
            *thread += 1;
            threads.insert(*canister, (*process, *thread));
        }
        Self { title, recording, names, processes, threads, next_flow: first_flow, next_process }
    }

    /// The first number that no process has.
    pub(super) fn next_process(&self) -> u64 {
        self.next_process
    }

    /// The first number that no flow has.
    pub(super) fn next_flow(&self) -> u64 {
        self.next_flow
    }

    /// All events of the recording.
    pub(super) fn events(&mut self) -> Vec<TraceEvent> {
        let mut events = self.place_names();
        events.extend(self.rounds());
        let executions = self.recording.executions().iter();
        events.extend(executions.filter_map(|execution| self.execution(execution)));
        let slices = self.recording.slices().iter();
        events.extend(slices.filter_map(|slice| self.slice(slice)));
        events.extend(self.recording.refused().iter().filter_map(|refused| self.refused(refused)));
        for call in self.recording.calls() {
            let flows = self.flows(call);
            self.next_flow += flows.len() as u64 / 2;
            events.extend(flows);
        }
        events.extend(self.counters());
        events
    }

    fn place_names(&self) -> Vec<TraceEvent> {
        let mut events = Vec::new();
        for (subnet, process) in &self.processes {
            let name = format!("{}: {}", self.title, self.names.of(*subnet));
            events.push(named("process_name", *process, None, json!({ "name": name })));
            let order = json!({ "sort_index": process });
            events.push(named("process_sort_index", *process, None, order));
            let rounds = json!({ "name": "rounds" });
            events.push(named("thread_name", *process, Some(ROUNDS_THREAD), rounds));
        }
        for (canister, (process, thread)) in &self.threads {
            let is_subnet = self.processes.contains_key(&SubnetId::new(*canister));
            let name = match is_subnet {
                true => "management canister".into(),
                false => self.names.of(*canister),
            };
            events.push(named("thread_name", *process, Some(*thread), json!({ "name": name })));
        }
        events
    }

    /// The rounds. A round ends where the next one begins, and takes at most as long as on the mainnet.
    fn rounds(&self) -> Vec<TraceEvent> {
        let mut next: BTreeMap<SubnetId, u64> = BTreeMap::new();
        let mut events = Vec::new();
        for round in self.recording.rounds().iter().rev() {
            let start = round.at.nanos;
            let until = next.insert(round.subnet, start).unwrap_or(u64::MAX);
            let nanos = until.saturating_sub(start).min(MAINNET_ROUND_MS * 1_000_000);
            // Rounds before the first execution have no time of their own.
            let Some(process) = self.processes.get(&round.subnet).filter(|_| nanos > 0) else {
                continue;
            };
            let name = format!("round {}", round.at.round);
            let args = json!({ "network time in ns": round.time.as_nanos() });
            let place = (*process, ROUNDS_THREAD);
            events.push(slice(name, "round", place, (start, start + nanos), args));
        }
        events.reverse();
        events
    }

    fn execution(&self, execution: &Execution) -> Option<TraceEvent> {
        let Execution { start, end, work, result, instructions, fee, .. } = execution;
        let place = self.thread(execution.canister.principal())?;
        let call = match work {
            Work::Request(id) | Work::Response { call: id, .. } => self.recording.call(*id),
            Work::Ingress(_) | Work::Task => None,
        };
        let name = match work {
            Work::Ingress(_) => "ingress message".to_owned(),
            Work::Request(_) => call.map_or("request".into(), |call| call.method.clone()),
            Work::Response { reject: None, .. } => "callback: reply".into(),
            Work::Response { reject: Some(code), .. } => format!("callback: {code:?}"),
            Work::Task => "task".into(),
        };
        let mut args = json!({ "instructions": instructions, "cycles": fee });
        if let Err(error) = result {
            args["error"] = json!(format!("{error:?}"));
        }
        if let Some(call) = call {
            args["call"] =
                json!(format!("{}/{}", self.names.of(call.caller()), call.id.callback.0));
        }
        if let Some(reason) = call.and_then(Call::failure) {
            args["failure"] = json!(reason);
        }
        Some(slice(name, "execution", place, (start.nanos, end.nanos), args))
    }

    fn slice(&self, part: &Slice) -> Option<TraceEvent> {
        let place = self.thread(part.canister.principal())?;
        let name = format!("slice {} of {}", part.number, part.of);
        let span = (part.start.nanos, part.end.nanos);
        Some(slice(name, "execution", place, span, json!({})))
    }

    fn refused(&self, refused: &Refused) -> Option<TraceEvent> {
        let Refused { at, caller, callee, limit, calls } = refused;
        let (pid, tid) = self.thread(caller.principal())?;
        let calls_word = if *calls == 1 { "call" } else { "calls" };
        let name = format!("{calls} {calls_word} refused: {limit}");
        let args = json!({ "callee": self.names.of(*callee), "calls": calls, "limit": limit });
        Some(TraceEvent {
            tid: Some(tid),
            ts: Some(TraceEvent::micros(at.nanos)),
            s: Some("t"),
            cat: Some("call"),
            args: Some(args),
            ..event(name, "i", pid)
        })
    }

    /// The arrows of a call: to the execution of the request, and to the callback. A call that was not delivered has
    /// one arrow, from its sender to its callback.
    fn flows(&self, call: &Call) -> Vec<TraceEvent> {
        let execution = |index: Option<usize>| self.recording.executions().get(index?);
        let sender = execution(Some(call.sent_by));
        let [request, responder, callback] =
            [call.executed_by, call.responded_by, call.ended_by].map(execution);
        let name = match call.outcome {
            Outcome::Rejected { .. } => "reject",
            Outcome::Replied | Outcome::Open => "response",
        };
        let arrows =
            [("request", sender, request), (name, responder.or(request).or(sender), callback)];
        let mut events = Vec::new();
        for (name, from, to) in arrows {
            let (Some(from), Some(to)) = (from, to) else { continue };
            let id = self.next_flow + events.len() as u64 / 2;
            let Some((start, end)) = self.thread_of(from).zip(self.thread_of(to)) else { continue };
            events.push(flow(name, "s", id, start, from.start));
            let end = flow(name, "f", id, end, to.start);
            events.push(TraceEvent { bp: Some("e"), ..end });
        }
        events
    }

    /// For each canister that makes calls: its open calls, and the cycles set aside for them.
    fn counters(&self) -> Vec<TraceEvent> {
        let callers: BTreeSet<CanisterId> =
            self.recording.calls().iter().map(Call::caller).collect();
        let mut events = Vec::new();
        for caller in callers {
            let Some((process, _)) = self.thread(caller.principal()) else { continue };
            let name = self.names.of(caller);
            for load in self.recording.load_by(caller) {
                let counts = [
                    (format!("open calls of {name}"), json!({ "calls": load.open })),
                    (format!("cycles set aside by {name}"), json!({ "cycles": load.set_aside })),
                ];
                events.extend(counts.map(|(name, args)| TraceEvent {
                    ts: Some(TraceEvent::micros(load.at.nanos)),
                    args: Some(args),
                    ..event(name, "C", process)
                }));
            }
        }
        events
    }

    fn thread_of(&self, execution: &Execution) -> Option<Place> {
        self.thread(execution.canister.principal())
    }

    fn thread(&self, canister: Principal) -> Option<Place> {
        self.threads.get(&canister).copied()
    }
}

fn event(name: String, ph: &'static str, pid: u64) -> TraceEvent {
    TraceEvent {
        name,
        ph,
        pid,
        tid: None,
        ts: None,
        dur: None,
        cat: None,
        id: None,
        bp: None,
        s: None,
        args: None,
    }
}

fn named(kind: &str, process: u64, thread: Option<u64>, args: Value) -> TraceEvent {
    TraceEvent { tid: thread, args: Some(args), ..event(kind.into(), "M", process) }
}

fn slice(
    name: String,
    category: &'static str,
    (process, thread): Place,
    (start, end): (u64, u64),
    args: Value,
) -> TraceEvent {
    TraceEvent {
        tid: Some(thread),
        ts: Some(TraceEvent::micros(start)),
        dur: Some(TraceEvent::micros(end - start)),
        cat: Some(category),
        args: Some(args),
        ..event(name, "X", process)
    }
}

fn flow(name: &str, ph: &'static str, id: u64, (process, thread): Place, at: Moment) -> TraceEvent {
    TraceEvent {
        tid: Some(thread),
        ts: Some(TraceEvent::micros(at.nanos)),
        cat: Some("call"),
        id: Some(id),
        ..event(name.into(), ph, process)
    }
}
