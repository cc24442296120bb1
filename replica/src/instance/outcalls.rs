//! HTTP outcalls, as whoever drives the network sees and answers them.

use crate::instance::{Instance, InstanceError};
use crate::subnet::{NodeResponses, OutcallRequest};
use crate::types::SubnetId;

impl Instance {
    /// The HTTP outcalls that nobody has answered yet, each with its subnet and its number there. They
    /// are given up after a minute of the network's time.
    pub fn outcalls(&self) -> impl Iterator<Item = (SubnetId, u64, &OutcallRequest)> {
        self.network.subnets().flat_map(|subnet| {
            let id = subnet.config().id;
            subnet.outcalls().map(move |(number, request)| (id, number, request))
        })
    }

    /// Says what the nodes got that make an outcall, once and for all. What comes of it, the canister
    /// gets in the next rounds; its own transformation of responses happens at once.
    pub fn answer_outcall(
        &mut self,
        subnet: SubnetId,
        number: u64,
        responses: NodeResponses,
    ) -> Result<(), InstanceError> {
        let missing = InstanceError::NoSuchSubnet(subnet);
        let subnet = self.network.subnet_mut(subnet).ok_or(missing)?;
        Ok(subnet.answer_outcall(number, responses)?)
    }
}
