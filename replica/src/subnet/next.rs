//! The next time at which a subnet has work to do.

use crate::canister::{Canister, RoundInput, Status};
use crate::limits::{ALLOCATION_CHARGE_INTERVAL_SECONDS, HEARTBEAT_INTERVAL_NANOS};
use crate::subnet::Subnet;
use crate::types::{NextWork, Time};

impl Subnet {
    /// When a round next has work to do on this subnet. Until then, a round would only change the time
    /// and the metrics. A heartbeat runs in every round, but counts as due only once in
    /// [`HEARTBEAT_INTERVAL_NANOS`].
    pub fn next_work(&self) -> NextWork {
        if self.has_messages() {
            return NextWork::Now;
        }
        let heartbeat = self.round_time.plus_nanos(HEARTBEAT_INTERVAL_NANOS);
        let round = self.round_input();
        let next_of = |canister: &Canister| next_of(canister, heartbeat, &round);
        let next = self.canisters.awake().map(next_of).min().unwrap_or(NextWork::Never);
        let next = next.min(self.canisters.next_work_asleep(next_of));
        next.min(self.next_outcall()).min(self.next_ingress())
    }

    /// Whether messages wait for the next round: to be executed or sent.
    fn has_messages(&self) -> bool {
        let waits = |canister: &Canister| {
            canister.queues.has_input() || canister.queues.has_output() || canister.is_paused()
        };
        !(self.management_calls.is_empty()
            && self.loopback.is_empty()
            && self.refunds.is_empty()
            && self.responses.is_empty()
            && self.intercepted_requests.is_empty())
            || self.canisters.awake().any(waits)
    }
}

/// When a canister without messages next has work to do.
fn next_of(canister: &Canister, heartbeat: Time, round: &RoundInput) -> NextWork {
    // A rate-limited canister gets credits in each round, however little time passes.
    if canister.debits.has_any() {
        return NextWork::Now;
    }
    // A deadline is a whole second, and has passed when the next second begins.
    let deadline = canister.contexts.next_deadline().map(|deadline| deadline.plus_secs(1));
    let stop = match &canister.status {
        Status::Stopping(requests) => requests.iter().map(|request| request.expiry).min(),
        Status::Running | Status::Stopped => None,
    };
    let charge = canister.charged_until.plus_secs(ALLOCATION_CHARGE_INTERVAL_SECONDS);
    let times = deadline.into_iter().chain(stop).chain([charge]).map(NextWork::At);
    times.fold(canister.next_task(heartbeat, round), NextWork::min)
}
