//! Makes a recording from events.

use super::clock::{Stamped, stamp};
use super::*;
use candid::Principal;
use std::collections::BTreeMap;

/// The recording of these events, without the events themselves.
pub(super) fn build(events: &[Event]) -> Recording {
    let mut builder = Builder::default();
    for stamped in stamp(events) {
        builder.add(&stamped);
    }
    builder.recording
}

/// Reads events one after the other.
#[derive(Debug, Default)]
struct Builder {
    recording: Recording,
    /// The latest execution of each canister.
    latest: BTreeMap<Principal, usize>,
}

impl Builder {
    fn add(&mut self, stamped: &Stamped<'_>) {
        let Stamped { event, start, end, subnet } = *stamped;
        let recording = &mut self.recording;
        match event {
            Event::Round { subnet, time } => {
                recording.rounds.push(Round { at: start, subnet: *subnet, time: *time });
            }
            Event::Slice { canister, number, of } => {
                let (canister, number, of) = (*canister, *number, *of);
                recording.slices.push(Slice { start, end, canister, number, of });
                subnet.map(|subnet| recording.places.insert(canister.into(), subnet));
            }
            Event::Sent { .. } => self.send(event, start),
            Event::Refused { caller, callee, limit, calls, .. } => {
                let (caller, callee, limit) = (*caller, *callee, *limit);
                recording.refused.push(Refused { at: start, caller, callee, limit, calls: *calls });
            }
            Event::Executed { .. } => self.execute(stamped),
            Event::Responded { call, by, .. } => self.respond(*call, start, *by),
            _ => {}
        }
    }

    fn send(&mut self, event: &Event, sent: Moment) {
        let recording = &mut self.recording;
        let Some(mut call) = Call::begin(event, sent) else { return };
        // The execution that makes the calls is the next one.
        call.sent_by = recording.executions.len();
        recording.indices.insert(call.id, recording.calls.len());
        recording.calls.push(call);
    }

    fn execute(&mut self, stamped: &Stamped<'_>) {
        let Stamped { event, start, end, subnet } = *stamped;
        let Event::Executed { canister, work, result, instructions, fee, .. } = event else {
            return;
        };
        let recording = &mut self.recording;
        let index = recording.executions.len();
        let (canister, work, result) = (*canister, *work, *result);
        let (instructions, fee) = (*instructions, *fee);
        recording.executions.push(Execution {
            start,
            end,
            subnet,
            canister,
            work,
            result,
            instructions,
            fee,
        });
        if let Some(subnet) = subnet {
            recording.places.insert(canister.into(), subnet);
        }
        self.latest.insert(canister.into(), index);
        match work {
            Work::Request(id) => {
                let Some(call) = call_mut(recording, id) else { return };
                call.execute(start, result);
                call.executed_by = Some(index);
            }
            Work::Response { call: id, reject, unspent, .. } => {
                let Some(call) = call_mut(recording, id) else { return };
                call.end(start, reject, unspent);
                call.ended_by = Some(index);
            }
            Work::Ingress(_) | Work::Task => {}
        }
    }

    fn respond(&mut self, id: CallId, at: Moment, by: Responder) {
        let Some(call) = call_mut(&mut self.recording, id) else { return };
        if !call.respond(at, by) {
            return;
        }
        call.responded_by = match by {
            Responder::Callee => self.latest.get(&call.callee.principal()).copied(),
            Responder::Routing | Responder::Deadline => None,
        };
    }
}

fn call_mut(recording: &mut Recording, id: CallId) -> Option<&mut Call> {
    recording.calls.get_mut(*recording.indices.get(&id)?)
}
