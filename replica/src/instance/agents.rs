//! What agents ask of an instance: to execute signed calls once, and for answers that they can check.

use crate::canister::Failure;
use crate::certification::{Path, Reader, Scope, Topology, Wanted, check_paths};
use crate::error::UserError;
use crate::ic00::{effective_canister, is_creation};
use crate::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceError};
use crate::keys::{NodeKey, SubnetKey};
use crate::limits::INGRESS_POOL_MESSAGES_MAX;
use crate::standins::Standins;
use crate::subnet::{IngressState, Subnet};
use crate::system_api::DataCertificate;
use crate::types::*;
use std::sync::Arc;

/// What a request asks of a canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// To execute a method for good.
    Call,
    /// What a method answers.
    Query,
}

/// An answer to a query, and what a node needs to sign it.
#[derive(Debug)]
pub struct NodeAnswer {
    /// The answer.
    pub result: Result<Payload, Failure>,
    /// The time of the state it is from.
    pub time: Time,
    /// The node that answers.
    pub node: NodeKey,
}

impl Instance {
    /// The key that all certificates can be checked with.
    pub fn root_key(&self) -> &Arc<SubnetKey> {
        &self.root_key
    }

    /// Where a request goes that an agent sends to a canister or a subnet; fails when it is about
    /// another one (interface specification, "Effective canister id" and "Effective subnet id").
    pub fn effective_principal(
        &self,
        sent_to: Scope,
        kind: RequestKind,
        call: &CanisterCall,
    ) -> Result<EffectivePrincipal, InstanceError> {
        match sent_to {
            Scope::Canister(canister) => self.effective_of_canister(canister, call),
            Scope::Subnet(subnet) => self.effective_of_subnet(subnet, kind, call),
        }
    }

    /// A call that makes a canister may be sent to any. If no subnet hosts that one, the root subnet
    /// makes it, whose certificates are good for all canisters.
    fn effective_of_canister(
        &self,
        sent_to: CanisterId,
        call: &CanisterCall,
    ) -> Result<EffectivePrincipal, InstanceError> {
        let is_management = call.canister.is_management();
        let about = match is_management {
            true => effective_canister(&call.method, &call.argument),
            false => Some(call.canister),
        };
        if is_management && is_creation(&call.method) {
            let is_hosted = self.network.subnet_of(sent_to).is_some();
            return Ok(match is_hosted || about == Some(sent_to) {
                true => EffectivePrincipal::Canister(sent_to),
                false => EffectivePrincipal::Subnet(self.root_subnet()?),
            });
        }
        match about {
            Some(about) if about != sent_to => Err(InstanceError::SentElsewhere { sent_to, about }),
            _ => Ok(EffectivePrincipal::Canister(sent_to)),
        }
    }

    fn effective_of_subnet(
        &self,
        sent_to: SubnetId,
        kind: RequestKind,
        call: &CanisterCall,
    ) -> Result<EffectivePrincipal, InstanceError> {
        let (taken, is_taken) = match kind {
            RequestKind::Call => ("calls that create canisters", is_creation(&call.method)),
            RequestKind::Query => ("queries of 'list_canisters'", call.method == "list_canisters"),
        };
        if !call.canister.is_management() || !is_taken {
            return Err(InstanceError::NotForSubnets(taken));
        }
        self.subnet_info(sent_to).map(|info| EffectivePrincipal::Subnet(info.place.id))
    }

    /// Submits a call under the id it was signed with. It is executed once, however often it is
    /// submitted.
    pub fn submit_signed(
        &mut self,
        id: MessageId,
        expiry: Time,
        call: CanisterCall,
    ) -> Result<Result<(), UserError>, InstanceError> {
        if self.knows(id) {
            return Ok(Ok(()));
        }
        self.check_room(&call)?;
        self.submit_as(id, expiry, call)
    }

    /// Fails when as many messages wait as nodes would let wait.
    fn check_room(&self, call: &CanisterCall) -> Result<(), InstanceError> {
        let waiting = self.standins.as_ref().map_or(0, Standins::waiting);
        let subnet = self.route(call).ok().and_then(Result::ok);
        let subnet = subnet.and_then(|subnet| self.network.subnet(subnet));
        match subnet.is_none_or(Subnet::has_room_for_ingress) {
            true if waiting < INGRESS_POOL_MESSAGES_MAX => Ok(()),
            _ => Err(InstanceError::PoolFull),
        }
    }

    /// A certificate for the answer to a call; nothing, as long as there is none.
    pub fn certified_answer(&mut self, message: MessageId) -> Option<Vec<u8>> {
        let is_answered = |subnet: &&Subnet| {
            let record = subnet.ingress_record(message);
            record.is_some_and(|record| matches!(record.state, IngressState::Done(_)))
        };
        let subnet = self.network.subnets().find(is_answered)?.config().id;
        let mut wanted = Wanted::nothing();
        wanted.add([b"request_status".as_slice(), &message.0]);
        self.certify(subnet, wanted).ok()
    }

    /// A certificate for what is at some paths of the state tree.
    pub fn read_state(
        &mut self,
        scope: Scope,
        paths: &[Path],
        reader: &Reader,
    ) -> Result<Vec<u8>, InstanceError> {
        let id = match scope {
            Scope::Subnet(id) => id,
            Scope::Canister(canister) => match self.network.subnet_of(canister) {
                Some(id) => id,
                None => self.root_subnet()?,
            },
        };
        let subnet = self.network.subnet(id).ok_or(InstanceError::NoSuchSubnet(id))?;
        let wanted = check_paths(paths, reader, scope, subnet)?;
        self.certify(id, wanted)
    }

    /// Answers a query, for a node to sign.
    pub fn query_node(&mut self, call: CanisterCall) -> Result<NodeAnswer, InstanceError> {
        let id = match self.route(&call)? {
            Ok(id) => id,
            Err(_) => self.root_subnet()?,
        };
        let result = self.query(call)?;
        let subnet = self.network.subnet(id).ok_or(InstanceError::NoSuchSubnet(id))?;
        Ok(NodeAnswer { result, time: subnet.time(), node: subnet.config().key.node(0) })
    }

    /// The certificate for what a canister has certified, if its code ever asks for one.
    pub(super) fn data_certificate(&mut self, canister: CanisterId) -> Option<DataCertificate> {
        let asks = |name: &String| name.starts_with("data_certificate_");
        let module = self.canister(canister)?.module()?;
        module.imports.iter().any(asks).then_some(())?;
        let subnet = self.network.subnet(self.network.subnet_of(canister)?)?;
        let topology = Topology { subnets: &self.subnets, root_key: &self.root_key };
        Some(self.certification.data_certificate(subnet, topology, canister))
    }

    fn certify(&mut self, subnet: SubnetId, wanted: Wanted) -> Result<Vec<u8>, InstanceError> {
        let missing = InstanceError::NoSuchSubnet(subnet);
        let subnet = self.network.subnet(subnet).ok_or(missing)?;
        let topology = Topology { subnets: &self.subnets, root_key: &self.root_key };
        Ok(self.certification.certify(subnet, topology, wanted))
    }

    /// The subnet with the root key, as long as it is there.
    fn root_subnet(&self) -> Result<SubnetId, InstanceError> {
        let root = self.root_key.subnet_id();
        self.subnet_info(root).map(|info| info.place.id)
    }
}

#[cfg(test)]
mod tests;
