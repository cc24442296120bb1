//! What the management canister says of the subnet itself.

use super::Call;
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::subnet::Subnet;
use crate::types::{Payload, SubnetId, Time};
use ic_management_canister_types::{NodeMetricsHistoryArgs, SubnetInfoArgs, SubnetInfoResult};

/// There is no registry, and so only one version of it.
const REGISTRY_VERSION: u64 = 1;

impl Subnet {
    pub(super) fn node_metrics_history(&self, call: &Call) -> Result<Payload, UserError> {
        let NodeMetricsHistoryArgs { subnet_id, start_at_timestamp_nanos } = call.decode()?;
        self.check_is_own(subnet_id)?;
        let start = Time::from_nanos(start_at_timestamp_nanos);
        Ok(encode((self.blockmakers.history(start, &self.config.key),)))
    }

    pub(super) fn subnet_info(&self, call: &Call) -> Result<Payload, UserError> {
        let SubnetInfoArgs { subnet_id } = call.decode()?;
        self.check_is_own(subnet_id)?;
        let replica_version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(encode((SubnetInfoResult { replica_version, registry_version: REGISTRY_VERSION },)))
    }

    fn check_is_own(&self, named: SubnetId) -> Result<(), UserError> {
        if named == self.config.id {
            return Ok(());
        }
        Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Subnet {named} is not the one that was asked, which is {}.", self.config.id),
        ))
    }
}
