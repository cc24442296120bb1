//! What agents ask of an instance: to execute signed calls once, and for answers that they can check.

use crate::canister::Failure;
use crate::certification::{Path, Reader, Scope, Topology, Wanted, check_paths};
use crate::error::UserError;
use crate::instance::{CanisterCall, Instance, InstanceError, RequestKind};
use crate::keys::{NodeKey, SubnetKey};
use crate::limits::INGRESS_POOL_MESSAGES_MAX;
use crate::standins::Standins;
use crate::subnet::{IngressState, Subnet};
use crate::system_api::DataCertificate;
use crate::types::*;
use std::sync::Arc;

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

    /// Submits a call that an agent signed and sent to a canister or subnet. A call is executed once,
    /// however often it is submitted. The inner error is the network's own.
    ///
    /// # Errors
    ///
    /// If the call must be sent elsewhere, or if too many messages wait for a block.
    pub fn submit_signed(
        &mut self,
        id: MessageId,
        expiry: Time,
        sent_to: Scope,
        call: CanisterCall,
    ) -> Result<Result<(), UserError>, InstanceError> {
        let resolved = self.resolve_sent(sent_to, RequestKind::Call, &call)?;
        if self.knows(id) {
            return Ok(Ok(()));
        }
        let destination = match self.find_or_add_subnet(&call, resolved)? {
            Ok(destination) => destination,
            Err(error) => return Ok(Err(error)),
        };
        self.check_pool(destination.subnet)?;
        self.submit_to(destination, id, expiry, call)
    }

    /// Fails when as many messages wait as the nodes of a subnet would accept.
    fn check_pool(&self, subnet: SubnetId) -> Result<(), InstanceError> {
        let waiting = self.standins.as_ref().map_or(0, Standins::waiting);
        let subnet = self.network.subnet(subnet);
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

    /// Answers a query that an agent sent to a canister or subnet, for a node to sign.
    ///
    /// # Errors
    ///
    /// If the query must be sent elsewhere.
    pub fn query_node(
        &mut self,
        sent_to: Scope,
        call: CanisterCall,
    ) -> Result<NodeAnswer, InstanceError> {
        let resolved = self.resolve_sent(sent_to, RequestKind::Query, &call)?;
        let (id, result) = match self.find_subnet(&call, resolved)? {
            Ok(destination) => {
                let id = destination.subnet;
                let by_standin = self.query_standin(&call);
                (id, by_standin.unwrap_or_else(|| self.query_at(destination, call)))
            }
            Err(error) => (self.root_subnet()?, Err(Failure::Error(error))),
        };
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
    pub(super) fn root_subnet(&self) -> Result<SubnetId, InstanceError> {
        let root = self.root_key.subnet_id();
        self.subnet_info(root).map(|info| info.place.id)
    }
}

#[cfg(test)]
mod tests;
