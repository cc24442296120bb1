//! The fake canisters of an instance: which calls they execute, and when.

use crate::canister::Failure;
use crate::error::UserError;
use crate::fake_canisters::{FakeCanisterCall, FakeCanisters, Surroundings};
use crate::instance::destination::Destination;
use crate::instance::{CanisterCall, EffectivePrincipal, Instance};
use crate::message::Ingress;
use crate::subnet::Subnet;
use crate::topology::SubnetKind;
use crate::types::*;

impl Instance {
    /// Whether a fake canister executes a call.
    pub(super) fn is_for_fake_canisters(
        &self,
        call: &CanisterCall,
        destination: &Destination,
    ) -> bool {
        let is_creation = || match destination.effective_principal {
            EffectivePrincipal::Canister(effective) => {
                call.canister.is_management()
                    && FakeCanisters::serve_creation(effective, &call.method)
            }
            EffectivePrincipal::None | EffectivePrincipal::Subnet(_) => false,
        };
        self.fake_canisters.is_some() && (FakeCanisters::serve(call.canister) || is_creation())
    }

    /// Executes the calls that wait for the fake canisters. The responses are part of the round that
    /// follows, on the subnets that host the originals.
    pub(super) fn answer_for_fake_canisters(&mut self) {
        let Some(fake_canisters) = &mut self.fake_canisters else { return };
        let default_subnets = default_subnets(&self.subnets);
        let now = self.network.time();
        for FakeCanisterCall { host, ingress } in fake_canisters.take_waiting() {
            let network = &mut self.network;
            let mut surroundings = Surroundings { network, default_subnets: &default_subnets };
            let result = fake_canisters.update(&ingress, &mut surroundings).map_err(Failure::Error);
            if let Some(host) = self.network.subnet_mut(host) {
                host.record_ingress_result(&ingress, result, now);
            }
        }
        for host in self.subnets.iter().map(|info| info.place.id) {
            let calls = self.network.subnet_mut(host).map(Subnet::take_intercepted_requests);
            for call in calls.into_iter().flatten() {
                let network = &mut self.network;
                let mut surroundings = Surroundings { network, default_subnets: &default_subnets };
                let (result, refund) = fake_canisters.respond(&call, &mut surroundings);
                let response =
                    call.response(result.map_err(UserError::into_reject_with_code), refund);
                if let Some(host) = self.network.subnet_mut(host) {
                    host.respond_to_intercepted(response);
                }
            }
        }
    }

    /// The result of a query of a fake canister; `None` if no fake canister has the callee's id.
    pub(super) fn query_fake_canister(
        &mut self,
        call: &CanisterCall,
    ) -> Option<Result<Payload, Failure>> {
        let fake_canisters =
            self.fake_canisters.as_ref().filter(|_| FakeCanisters::serve(call.canister))?;
        let default_subnets = default_subnets(&self.subnets);
        let surroundings =
            Surroundings { network: &mut self.network, default_subnets: &default_subnets };
        let CanisterCall { sender, canister, method, argument, .. } = call;
        let result = fake_canisters.query(*sender, *canister, method, argument, &surroundings);
        Some(result.map_err(Failure::Error))
    }

    /// Hands a message to the fake canisters, which execute it before the next round.
    pub(super) fn submit_to_fake_canisters(&mut self, host: SubnetId, ingress: Ingress) {
        if let Some(fake_canisters) = &mut self.fake_canisters {
            fake_canisters.submit(FakeCanisterCall { host, ingress });
        }
    }
}

/// The subnets on which users' canisters are created: the first of these groups that is not empty.
/// Application subnets; verified application subnets; system subnets; all other subnets but the NNS and
/// II subnets; all subnets.
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
