//! Check: cycles neither appear nor vanish. The balance of each canister is what it received less what it spent, and
//! the cycles of a call are accepted, returned, or reported as lost.

use crate::run::{Run, Tick};
use candid::Principal;
use embedded_replica::trace::{CallId, Drop, Event, Fee, Responder, Work};
use embedded_replica::types::{CallContextId, Cycles};
use std::collections::BTreeMap;

/// Cycles; below zero only between two events that belong together.
type Amount = i128;

/// What a call costs a canister beforehand. It gets back what it did not need when it has ended.
const PREPAID: Amount = 40_005_000_000;

/// The cycles of one call.
#[derive(Clone, Copy, Debug, Default)]
struct Call {
    /// Attached and neither accepted nor back.
    travelling: Amount,
    /// Withheld by the caller, as long as it waits for the response.
    withheld: Amount,
}

/// Where all cycles are.
#[derive(Default)]
struct Ledger {
    balances: BTreeMap<Principal, Amount>,
    calls: BTreeMap<CallId, Call>,
    /// The calls that call contexts work on.
    contexts: BTreeMap<(Principal, CallContextId), CallId>,
    /// Accepted by the management canister and not passed on.
    management: Amount,
    /// Carried by messages that were dropped, and not back.
    refunds: Amount,
    spent: Amount,
    lost: Amount,
    wrong: Vec<String>,
}

pub fn check(run: &Run) -> Vec<String> {
    let mut ledger = Ledger::default();
    for (id, balance) in run.ids.canisters.iter().zip(&run.balances) {
        ledger.balances.insert(*id, amount(*balance));
    }
    let all: Amount = ledger.balances.values().sum();
    for (number, tick) in run.ticks.iter().enumerate() {
        tick.events.iter().for_each(|event| ledger.book(event));
        let paused = run
            .paused(number)
            .filter(|(id, work)| !matches!(work, Work::Response { .. }) && !run.free.contains(id));
        ledger.compare(number, tick, all, paused.map(|(id, _)| (id, PREPAID)).collect());
    }
    if run.rested && ledger.refunds != 0 {
        ledger.wrong.push(format!("in the end {} cycles are not refunded", ledger.refunds));
    }
    for (call, cycles) in &ledger.calls {
        if run.rested && (cycles.travelling != 0 || cycles.withheld != 0) {
            ledger.wrong.push(format!("in the end nobody has the cycles of {call:?}: {cycles:?}"));
        }
    }
    ledger.wrong
}

impl Ledger {
    /// Compares with what canisters have, and with what there was in the beginning.
    fn compare(
        &mut self,
        number: usize,
        tick: &Tick,
        all: Amount,
        prepaid: BTreeMap<Principal, Amount>,
    ) {
        for (id, state) in &tick.states {
            let booked = self.balances.get(id).copied().unwrap_or(0);
            let booked = booked - prepaid.get(id).copied().unwrap_or(0);
            if amount(state.balance) != booked {
                let balance = state.balance;
                let text = format!("after tick {number} {id} has {balance} instead of {booked}");
                self.wrong.push(text);
            }
        }
        let balances: Amount = tick.states.values().map(|state| amount(state.balance)).sum();
        let calls: Amount = self.calls.values().map(|call| call.travelling + call.withheld).sum();
        let prepaid: Amount = prepaid.values().sum();
        let found =
            prepaid + balances + calls + self.management + self.refunds + self.spent + self.lost;
        if found != all {
            self.wrong.push(format!("after tick {number} there are {found} cycles of {all}"));
        }
    }

    fn book(&mut self, event: &Event) {
        match event {
            Event::Credited { canister, cycles } => {
                self.management -= amount(*cycles);
                *self.balance(*canister) += amount(*cycles);
            }
            Event::Charged { fee: Fee::Creation | Fee::Outcall, cycles, .. } => {
                self.management -= amount(*cycles);
                self.spent += amount(*cycles);
            }
            Event::Charged { canister, cycles, .. } => self.spend(*canister, amount(*cycles)),
            Event::Sent { call, cycles, withheld, .. } => {
                let attached = Call { travelling: amount(*cycles), withheld: amount(*withheld) };
                *self.balance(call.caller) -= attached.travelling + attached.withheld;
                self.calls.insert(*call, attached);
            }
            Event::Executed { canister, work, call_context_id, fee, accepted, burned, .. } => {
                match work {
                    Work::Response { .. } => self.refund_prepayment(canister.principal(), *work),
                    _ => self.spend(*canister, amount(*fee)),
                }
                self.spend(*canister, amount(*burned));
                self.accept(canister.principal(), *work, *call_context_id, amount(*accepted));
            }
            Event::Responded { call, by, refund, .. } => {
                let expected = match by {
                    Responder::Deadline => 0,
                    Responder::Callee | Responder::Routing => self.call(*call).travelling,
                };
                if amount(*refund) != expected {
                    self.wrong.push(format!("{refund} of {expected} cycles go back with {call:?}"));
                }
            }
            Event::Dropped { call, what, cycles, credited } => {
                let travelling = std::mem::take(&mut self.call(*call).travelling);
                if travelling != amount(*cycles) {
                    let text = format!("{what:?} dropped with {cycles} of {travelling} cycles");
                    self.wrong.push(text);
                }
                match (what, credited) {
                    (Drop::Late, true) => *self.balance(call.caller) += amount(*cycles),
                    (Drop::Late, false) => self.lost += amount(*cycles),
                    _ => self.refunds += amount(*cycles),
                }
            }
            Event::Refunded { canister, cycles, arrived } => {
                self.refunds -= amount(*cycles);
                match arrived {
                    true => *self.balance(*canister) += amount(*cycles),
                    false => self.lost += amount(*cycles),
                }
            }
            Event::Deleted { canister, cycles } => {
                *self.balance(*canister) -= amount(*cycles);
                self.lost += amount(*cycles);
            }
            Event::Round { .. }
            | Event::Slice { .. }
            | Event::Refused { .. }
            | Event::Inducted { .. }
            | Event::Returned { .. }
            | Event::Uninstalled { .. } => {}
        }
    }

    /// A response returns what was not accepted, and what was withheld for it and is not needed.
    fn refund_prepayment(&mut self, canister: Principal, work: Work) {
        let Work::Response { call: id, refund, unspent, .. } = work else { return };
        let (refund, unspent) = (amount(refund), amount(unspent));
        let call = self.call(id);
        let Call { travelling, withheld } = *call;
        *call = Call { travelling: travelling - refund, withheld: 0 };
        if refund > travelling || unspent > withheld {
            self.wrong.push(format!("{id:?} returns {refund} and {unspent} cycles"));
        }
        self.spent += withheld - unspent;
        *self.balance(canister) += refund + unspent;
    }

    /// A canister, or the management canister, accepts cycles of the call it works on.
    fn accept(
        &mut self,
        canister: Principal,
        work: Work,
        context: Option<CallContextId>,
        accepted: Amount,
    ) {
        let context = context.map(|context| (canister, context));
        if let (Work::Request(call), Some(context)) = (work, context) {
            self.contexts.insert(context, call);
        }
        let origin = match work {
            Work::Request(call) => Some(call),
            _ => context.and_then(|context| self.contexts.get(&context).copied()),
        };
        let travelling = origin.map_or(0, |call| self.call(call).travelling);
        if accepted > travelling {
            self.wrong.push(format!("{canister} accepts {accepted} of {travelling} cycles"));
        }
        if let Some(call) = origin {
            self.call(call).travelling -= accepted;
        }
        match self.balances.get_mut(&canister) {
            Some(balance) => *balance += accepted,
            None => self.management += accepted,
        }
    }

    fn call(&mut self, call: CallId) -> &mut Call {
        self.calls.entry(call).or_default()
    }

    fn balance(&mut self, canister: impl Into<Principal>) -> &mut Amount {
        self.balances.entry(canister.into()).or_default()
    }

    fn spend(&mut self, canister: impl Into<Principal>, cycles: Amount) {
        // The management canister has no balance, and spends nothing.
        if cycles > 0 {
            *self.balance(canister) -= cycles;
            self.spent += cycles;
        }
    }
}

fn amount(cycles: Cycles) -> Amount {
    Amount::try_from(cycles).expect("nobody has so many cycles")
}
