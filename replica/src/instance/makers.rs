//! Rounds of which it is said who makes their blocks.

use super::{Instance, InstanceError};
use crate::subnet::UnknownNode;
use crate::types::SubnetId;
use candid::Principal;

/// Who makes the next block of a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// The subnet.
    pub subnet: SubnetId,
    /// The node that makes it.
    pub maker: Principal,
    /// The nodes that failed to before.
    pub failed: Vec<Principal>,
}

impl Instance {
    /// Executes one round on every subnet, with blocks made by these. Nothing happens if there are no
    /// such subnets or nodes.
    pub fn tick_with(&mut self, makers: &[Making]) -> Result<(), InstanceError> {
        let mut chosen = Vec::new();
        for Making { subnet: id, maker, failed } in makers {
            if failed.contains(maker) {
                return Err(InstanceError::NodeTwice(*maker));
            }
            let subnet = self.network.subnet(*id).ok_or(InstanceError::NoSuchSubnet(*id))?;
            let unknown = |UnknownNode(node)| InstanceError::NoSuchNode { subnet: *id, node };
            chosen.push((*id, subnet.block_maker(*maker, failed).map_err(unknown)?));
        }
        for (id, maker) in chosen {
            let subnet = self.network.subnet_mut(id).expect("it has just been there");
            subnet.choose_block_maker(maker);
        }
        self.tick();
        Ok(())
    }
}
