//! Where the stand-ins for canisters of the mainnet come in.

use crate::canister::Failure;
use crate::error::Reject;
use crate::instance::destination::Destination;
use crate::instance::{CanisterCall, EffectivePrincipal, Instance};
use crate::message::Ingress;
use crate::standins::{StandinCall, Standins, Surroundings};
use crate::subnet::Subnet;
use crate::topology::SubnetKind;
use crate::types::*;

impl Instance {
    /// Whether a stand-in answers a call.
    pub(super) fn is_for_standins(&self, call: &CanisterCall, destination: &Destination) -> bool {
        let is_creation = || match destination.effective {
            EffectivePrincipal::Canister(effective) => {
                call.canister.is_management() && Standins::serve_creation(effective, &call.method)
            }
            EffectivePrincipal::None | EffectivePrincipal::Subnet(_) => false,
        };
        self.standins.is_some() && (Standins::serve(call.canister) || is_creation())
    }

    /// Has the stand-ins carry out what was sent to them; the subnets that the originals are on have
    /// the answers in the round that follows.
    pub(super) fn answer_for_standins(&mut self) {
        let Some(standins) = &mut self.standins else { return };
        let default_subnets = default_subnets(&self.subnets);
        let now = self.network.time();
        for StandinCall { host, ingress } in standins.take_waiting() {
            let network = &mut self.network;
            let mut surroundings = Surroundings { network, default_subnets: &default_subnets };
            let result = standins.update(&ingress, &mut surroundings).map_err(Failure::Error);
            if let Some(host) = self.network.subnet_mut(host) {
                host.record_ingress_result(&ingress, result, now);
            }
        }
        for host in self.subnets.iter().map(|info| info.place.id) {
            let calls = self.network.subnet_mut(host).map(Subnet::take_intercepted_requests);
            for call in calls.into_iter().flatten() {
                let network = &mut self.network;
                let mut surroundings = Surroundings { network, default_subnets: &default_subnets };
                let (result, refund) = standins.respond(&call, &mut surroundings);
                let response = call.response(result.map_err(Reject::from), refund);
                if let Some(host) = self.network.subnet_mut(host) {
                    host.respond_to_intercepted(response);
                }
            }
        }
    }

    /// A stand-in's answer to a query.
    pub(super) fn query_standin(
        &mut self,
        call: &CanisterCall,
    ) -> Option<Result<Payload, Failure>> {
        let standins = self.standins.as_ref().filter(|_| Standins::serve(call.canister))?;
        let default_subnets = default_subnets(&self.subnets);
        let surroundings =
            Surroundings { network: &mut self.network, default_subnets: &default_subnets };
        let answer = standins.query(call.canister, &call.method, &call.argument, &surroundings);
        Some(answer.map_err(Failure::Error))
    }

    /// Hands a message to the stand-ins, for the next round.
    pub(super) fn submit_to_standins(&mut self, host: SubnetId, ingress: Ingress) {
        if let Some(standins) = &mut self.standins {
            standins.submit(StandinCall { host, ingress });
        }
    }
}

/// The subnets on which users' canisters are made: those for applications, or else all but those that
/// a live network has of its own, unless there are no others.
fn default_subnets(subnets: &[super::SubnetInfo]) -> Vec<SubnetId> {
    use SubnetKind::*;
    let of = |kinds: &[SubnetKind]| -> Vec<SubnetId> {
        let found = subnets.iter().filter(|info| kinds.contains(&info.request.kind));
        found.map(|info| info.place.id).collect()
    };
    let others = [Fiduciary, ServiceNervousSystem, CloudEngine, Bitcoin, TestThresholdKeys];
    [&[Application][..], &[VerifiedApplication], &[System], &others]
        .into_iter()
        .map(of)
        .find(|found| !found.is_empty())
        .unwrap_or_else(|| subnets.iter().map(|info| info.place.id).collect())
}
