//! The end of the execution of a round: credits, stopping canisters, charges for resources, old records.

use crate::canister::{CallResponse, Canister};
use crate::cycles::Prices;
use crate::limits::ALLOCATION_CHARGE_INTERVAL_SECONDS;
use crate::subnet::{Subnet, management};
use crate::trace::Fee;
use crate::types::{NANOS_PER_SECOND, Time};

impl Subnet {
    /// Ends the execution of a round: grants credits to rate-limited canisters, stops canisters without
    /// open call contexts, charges for memory and compute, and forgets old ingress records.
    pub(super) fn finish_execution(&mut self) {
        let now = self.time;
        let mut responses = Vec::new();
        self.canisters.for_each_awake(|canister| {
            canister.debits.grant_credits();
            responses.extend(management::finish_stopping(canister, now));
            responses.extend(charge_for_resources(canister, self.prices, now));
        });
        for response in responses {
            self.respond(response);
        }
        if self.rounds.is_multiple_of(self.config.checkpoint_interval()) {
            self.known_modules.clear();
        }
        self.history.forget_expired(now);
        self.meter.end_round(self.rounds, &self.canisters);
    }
}

/// Charges for memory and compute allocation, every [`ALLOCATION_CHARGE_INTERVAL_SECONDS`] of the
/// network's time. A canister that cannot pay is uninstalled. Returns the rejects for its callers.
fn charge_for_resources(canister: &mut Canister, prices: Prices, now: Time) -> Vec<CallResponse> {
    let seconds = now.nanos_since(canister.charged_until) / NANOS_PER_SECOND;
    // A paused execution continues with the balance that it began with.
    if seconds < ALLOCATION_CHARGE_INTERVAL_SECONDS || canister.is_paused() {
        return Vec::new();
    }
    canister.charged_until = now;
    let burned = canister.idle_burn_per_day(prices).of_seconds(seconds);
    let charge = burned.total();
    if canister.balance.saturating_add(canister.reserved) < charge {
        return crate::canister::run_out(canister);
    }
    // Reserved cycles are used first.
    let set_aside = charge.min(canister.reserved);
    canister.reserved -= set_aside;
    canister.pay(Fee::Resources, charge - set_aside);
    canister.consumption.memory += burned.memory + burned.messages;
    canister.consumption.compute += burned.compute;
    Vec::new()
}
