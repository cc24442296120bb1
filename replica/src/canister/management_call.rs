//! Executed management calls, as data for their responses.

use crate::canister::received_call::{CallResponse, Failure, ReceivedCall};
use crate::error::UserError;
use crate::trace::{Event, Trace, Work};
use crate::types::{Cycles, Payload, SubnetId};
use serde::{Deserialize, Serialize};

/// An executed management call: the data that its response needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedManagementCall {
    /// The subnet that executed the call.
    pub subnet: SubnetId,
    /// The call, with the attached cycles that are left.
    pub received: ReceivedCall,
    /// Cycles that were attached to the call.
    pub attached: Cycles,
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
            work: Work::from(&self.received.origin),
            call_context_id: None,
            result: result.as_ref().map(|_| ()).map_err(|error| error.code),
            instructions: 0,
            fee: 0,
            accepted: self.attached - self.received.cycles,
            burned: 0,
        });
        let result = result.map_err(Failure::Error).transpose()?;
        Some(self.received.respond(result))
    }
}
