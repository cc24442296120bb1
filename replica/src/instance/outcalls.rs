//! HTTP outcalls: clients of the instance see the requests and provide the responses.

use crate::instance::{Instance, InstanceError};
use crate::subnet::{NodeResponses, OutcallRequest};
use crate::types::SubnetId;
use std::time::Duration;

impl Instance {
    /// The HTTP outcalls that wait for a response, each with its subnet and its number on that subnet.
    /// An outcall times out after a minute of the network's time.
    pub fn outcalls(&self) -> impl Iterator<Item = (SubnetId, u64, &OutcallRequest)> {
        self.network.subnets().flat_map(|subnet| {
            let id = subnet.config().id;
            subnet.outcalls().map(move |(number, request)| (id, number, request))
        })
    }

    /// Provides the responses that the nodes of a subnet got to an outcall. The canister's transform
    /// function is executed at once; the canister gets the result in one of the next rounds. `elapsed`
    /// is how long the HTTP requests took, for which pay-as-you-go pricing charges.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    /// - [`InstanceError::Outcall`] if no outcall with this number waits, or if the responses do not fit
    ///   its kind of replication.
    pub fn respond_to_outcall(
        &mut self,
        subnet: SubnetId,
        number: u64,
        responses: NodeResponses,
        elapsed: Duration,
    ) -> Result<(), InstanceError> {
        let missing = InstanceError::NoSuchSubnet(subnet);
        let subnet = self.network.subnet_mut(subnet).ok_or(missing)?;
        Ok(subnet.respond_to_outcall(number, responses, elapsed)?)
    }
}
