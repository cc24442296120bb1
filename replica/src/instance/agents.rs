//! Requests of agents: signed calls, which are executed once, and responses that agents can verify.

use crate::canister::Failure;
use crate::certification::{Path, Reader, Scope, Selection, Topology, check_paths};
use crate::error::UserError;
use crate::fake_canisters::FakeCanisters;
use crate::instance::{CanisterCall, Instance, InstanceError, RequestKind, Submission};
use crate::keys::{NodeKey, SubnetKey};
use crate::limits::INGRESS_POOL_MESSAGES_MAX;
use crate::subnet::{IngressState, Subnet};
use crate::system_api::DataCertificate;
use crate::types::*;
use std::sync::Arc;

/// The result of a query, with the time and the key for the signature of the node.
#[derive(Debug)]
pub struct QueryResult {
    /// The reply, or why the query failed.
    pub result: Result<Payload, Failure>,
    /// The time of the state that the query was executed on.
    pub time: Time,
    /// The key of the node that responds.
    pub node: NodeKey,
}

impl Instance {
    /// The root key, which verifies all certificates.
    pub fn root_key(&self) -> &Arc<SubnetKey> {
        &self.root_key
    }

    /// Submits a call that an agent has signed and sent to a canister or a subnet. The call is executed
    /// once, even if it is submitted several times. The inner error is the reject of a subnet that does
    /// not accept the call.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::SentElsewhere`] or [`InstanceError::NotForSubnets`] if the call must be sent
    ///   to another canister or subnet.
    /// - [`InstanceError::PoolFull`] if too many messages wait for a block: submit the call again later.
    /// - The errors of [`Self::submit`].
    pub fn submit_signed(
        &mut self,
        submission: Submission,
        sent_to: Scope,
        call: CanisterCall,
    ) -> Result<Result<(), UserError>, InstanceError> {
        let resolved = self.resolve_sent(sent_to, RequestKind::Call, &call)?;
        if self.knows(submission.id) {
            return Ok(Ok(()));
        }
        let destination = match self.find_or_add_subnet(&call, resolved)? {
            Ok(destination) => destination,
            Err(error) => return Ok(Err(error)),
        };
        self.check_pool(destination.subnet)?;
        self.submit_to(destination, submission, call)
    }

    /// Fails if as many messages wait for a block as the nodes of a subnet accept.
    fn check_pool(&self, subnet: SubnetId) -> Result<(), InstanceError> {
        let waiting = self.fake_canisters.as_ref().map_or(0, FakeCanisters::waiting);
        let subnet = self.network.subnet(subnet);
        match subnet.is_none_or(Subnet::has_room_for_ingress) {
            true if waiting < INGRESS_POOL_MESSAGES_MAX => Ok(()),
            _ => Err(InstanceError::PoolFull),
        }
    }

    /// A certificate of the response to a call; `None` until there is a response.
    pub fn certified_response(&mut self, message: MessageId) -> Option<Vec<u8>> {
        let has_responded = |subnet: &&Subnet| {
            let record = subnet.ingress_record(message);
            record.is_some_and(|record| matches!(record.state, IngressState::Done(_)))
        };
        let subnet = self.network.subnets().find(has_responded)?.config().id;
        let mut selection = Selection::nothing();
        selection.add([b"request_status".as_slice(), &message.0]);
        self.certify(subnet, selection).ok()
    }

    /// A certificate of the values at some paths of the state tree.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::Path`] if `reader` may not read a path, or if it is invalid.
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    /// - [`InstanceError::NoSubnetHosts`] if no subnet hosts the canister.
    pub fn read_state(
        &mut self,
        scope: Scope,
        paths: &[Path],
        reader: &Reader,
    ) -> Result<Vec<u8>, InstanceError> {
        let id = match scope {
            Scope::Subnet(id) => id,
            Scope::Canister(canister) => {
                let hosting = self.network.subnet_of(canister);
                hosting.ok_or(InstanceError::NoSubnetHosts(canister))?
            }
        };
        let subnet = self.network.subnet(id).ok_or(InstanceError::NoSuchSubnet(id))?;
        let selection = check_paths(paths, reader, scope, subnet)?;
        self.certify(id, selection)
    }

    /// Executes a query that an agent has sent to a canister or a subnet. Returns the result with the
    /// key that signs the response.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::SentElsewhere`] or [`InstanceError::NotForSubnets`] if the query must be sent
    ///   to another canister or subnet.
    /// - The errors of [`Self::query`].
    pub fn query_node(
        &mut self,
        sent_to: Scope,
        call: CanisterCall,
    ) -> Result<QueryResult, InstanceError> {
        let resolved = self.resolve_sent(sent_to, RequestKind::Query, &call)?;
        let (id, result) = match self.find_subnet(&call, resolved)? {
            Ok(destination) => {
                let id = destination.subnet;
                let by_fake_canister = self.query_fake_canister(&call);
                (id, by_fake_canister.unwrap_or_else(|| self.query_at(destination, call)))
            }
            Err(error) => (self.root_subnet()?, Err(Failure::Error(error))),
        };
        let subnet = self.network.subnet(id).ok_or(InstanceError::NoSuchSubnet(id))?;
        Ok(QueryResult { result, time: subnet.time(), node: subnet.config().key.node(0) })
    }

    /// The certificate of a canister's certified data. `None` if the canister has no module that reads
    /// it.
    pub(super) fn data_certificate(&mut self, canister: CanisterId) -> Option<DataCertificate> {
        let asks = |name: &String| name.starts_with("data_certificate_");
        let module = self.canister(canister)?.module()?;
        module.imports.iter().any(asks).then_some(())?;
        let subnet = self.network.subnet(self.network.subnet_of(canister)?)?;
        let topology = Topology { subnets: &self.subnets, root_key: &self.root_key };
        Some(self.certification.data_certificate(subnet, topology, canister))
    }

    fn certify(
        &mut self,
        subnet: SubnetId,
        selection: Selection,
    ) -> Result<Vec<u8>, InstanceError> {
        let missing = InstanceError::NoSuchSubnet(subnet);
        let subnet = self.network.subnet(subnet).ok_or(missing)?;
        let topology = Topology { subnets: &self.subnets, root_key: &self.root_key };
        Ok(self.certification.certify(subnet, topology, selection))
    }

    /// The root subnet: its key is the root key.
    pub(super) fn root_subnet(&self) -> Result<SubnetId, InstanceError> {
        let root = self.root_key.subnet_id();
        self.subnet_info(root).map(|info| info.place.id)
    }
}

#[cfg(test)]
mod tests;
