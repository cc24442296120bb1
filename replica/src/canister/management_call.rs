//! A management call that was executed, as far as its answer needs it.

use crate::canister::call_context::{CallResponse, Failure, Origin};
use crate::error::UserError;
use crate::trace::{Event, Trace, Work};
use crate::types::{Cycles, Payload, SubnetId};

/// What is left of a call of the management canister once it is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedManagementCall {
    /// The subnet that executed it.
    pub subnet: SubnetId,
    /// Who called.
    pub origin: Origin,
    /// Cycles that were attached.
    pub attached: Cycles,
    /// What is left of the attached cycles. It goes back to the caller.
    pub refund: Cycles,
}

impl ExecutedManagementCall {
    /// Records what became of the call, and returns the answer to it: nothing, if it was executed
    /// without a reply (`None`) because somebody else answers it later.
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
