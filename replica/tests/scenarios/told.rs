//! What was seen of a scenario, in the words of the model, and what the model has to be told.

use crate::record::{Cost, Costs, Done, What};
use crate::run::Run;
use crate::scenario::Scenario;
use candid::Principal;
use embedded_replica::trace::{CallId, Event, Fee, Work};
use embedded_replica::types::{Cycles, MessageId, NANOS_PER_SECOND};

const PREPAID: Cycles = 40_005_000_000;
const RESPONSE_BYTES_MAX: Cycles = 2 << 20;
const BYTE_FEE: Cycles = 1_000;

impl Run {
    fn index(&self, id: impl Into<Principal>) -> Option<usize> {
        let id = id.into();
        self.ids.canisters.iter().position(|canister| *canister == id)
    }

    fn action(&self, message: MessageId) -> Option<usize> {
        let is_it = |submitted: &Result<MessageId, u16>| *submitted == Ok(message);
        self.submitted.iter().find(|(_, submitted)| is_it(submitted)).map(|(action, _)| *action)
    }

    /// What the model has to be told.
    pub fn costs(&self, scenario: &Scenario) -> Costs {
        let count = scenario.canisters.len();
        let submitted = self.submitted.iter();
        let id = |(action, submitted): (&usize, &Result<MessageId, u16>)| {
            Some((*action, submitted.ok()?.0))
        };
        let mut costs = Costs {
            ingress_fees: self.ingress_fees.clone(),
            message_ids: submitted.filter_map(id).collect(),
            executions: vec![Default::default(); count],
            installations: vec![Default::default(); count],
            ..Costs::default()
        };
        let mut slices = vec![1; count];
        for (tick, seen) in self.ticks.iter().enumerate() {
            for event in &seen.events {
                match event {
                    Event::Slice { canister, of, .. } => {
                        let Some(index) = self.index(*canister) else { continue };
                        slices[index] = *of;
                    }
                    Event::Executed { canister, work, instructions, fee, .. } => {
                        let Some(index) = self.index(*canister) else { continue };
                        costs.executions[index].push_back(Cost {
                            instructions: *instructions,
                            slices: std::mem::replace(&mut slices[index], 1),
                            text: text_bytes(work, *fee),
                        });
                    }
                    Event::Charged { canister, fee, cycles } => {
                        let Some(index) = self.index(*canister) else { continue };
                        match fee {
                            Fee::Ingress(message) => {
                                let action = self.action(*message).expect("it was submitted");
                                costs.ingress_fees.insert(action, *cycles);
                            }
                            Fee::Installation => costs.installations[index].push_back(*cycles),
                            Fee::Resources | Fee::Uninstall => {
                                let ruined = *fee == Fee::Uninstall;
                                costs.resources.insert((tick, index), (*cycles, ruined));
                            }
                            Fee::Creation | Fee::Management | Fee::Outcall => {}
                        }
                    }
                    _ => {}
                }
            }
        }
        costs
    }

    /// What canisters executed, one by one.
    pub fn done(&self) -> Vec<Vec<Done>> {
        let mut done = vec![Vec::new(); self.ids.canisters.len()];
        for (tick, seen) in self.ticks.iter().enumerate() {
            let mut calls = Vec::new();
            for event in &seen.events {
                match event {
                    Event::Sent { callee, cycles, deadline, .. } => {
                        let deadline = deadline.map(|time| time.as_nanos() / NANOS_PER_SECOND);
                        calls.push((callee.principal(), *cycles, deadline));
                    }
                    Event::Executed { canister, work, result, accepted, .. } => {
                        let Some(index) = self.index(*canister) else { continue };
                        let calls = std::mem::take(&mut calls);
                        let (what, accepted) = (self.what(work), *accepted);
                        let error = result.err().map(|code| code as u16);
                        done[index].push(Done { tick, what, error, accepted, calls });
                    }
                    _ => {}
                }
            }
        }
        done
    }

    fn what(&self, work: &Work) -> What {
        match work {
            Work::Ingress(message) => {
                What::Ingress(self.action(*message).expect("it was submitted"))
            }
            Work::Request(CallId { caller, callback }) => {
                What::Request(self.index(*caller).expect("all callers are known"), callback.0)
            }
            Work::Response { call, reject, refund, .. } => {
                What::Response(call.callback.0, reject.map(|code| code as u8), *refund)
            }
            Work::Task => unreachable!("no canister has tasks"),
        }
    }
}

/// The length of the text a reject came with, as its price shows.
fn text_bytes(work: &Work, fee: Cycles) -> usize {
    match work {
        Work::Response { reject: Some(_), unspent, .. } => {
            let unsent = unspent.saturating_sub(PREPAID - fee) / BYTE_FEE;
            RESPONSE_BYTES_MAX.saturating_sub(unsent) as usize
        }
        _ => 0,
    }
}
