//! Executed management calls, as data for their responses.

use crate::canister::call_context::{CallResponse, Failure, Origin};
use crate::error::UserError;
use crate::trace::{Event, Trace, Work};
use crate::types::{Cycles, Payload, SubnetId};

/// An executed management call: the data that its response needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedManagementCall {
    /// The subnet that executed the call.
    pub subnet: SubnetId,
    /// The origin of the call.
    pub origin: Origin,
    /// Cycles that were attached to the call.
    pub attached: Cycles,
    /// Attached cycles that are left. The response refunds them.
    pub refund: Cycles,
}

impl ExecutedManagementCall {
    /// Records the execution and returns the response. `result` is the reply or the error; it is
    /// `Ok(None)`, and there is no response, if the reply follows later.
    pub fn conclude(
        self,
        result: Result<Option<Payload>, UserError>,
        trace: &Trace,
    ) -> Option<CallResponse> {
        trace.record(|| Event::Executed {
            canister: self.subnet.into(),
            work: Work::from(&self.origin),
            call_context_id: None,
            result: result.as_ref().map(|_| ()).map_err(|error| error.code),
            instructions: 0,
            fee: 0,
            accepted: self.attached - self.refund,
            burned: 0,
        });
        let result = result.map_err(Failure::Error).transpose()?;
        Some(CallResponse { origin: self.origin, result, refund: self.refund })
    }
}
