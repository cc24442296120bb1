//! Queries from users, and the calls that composite queries make to canisters of the same subnet.
//!
//! Calls are evaluated depth first: a call is evaluated with all calls that it makes itself, before the
//! next call of its caller.
//!
//! Rules: `execution_environment/src/query_handler/query_call_graph.rs` in the replica's repository.

use crate::canister::{
    Failure, OpenQuery, Query, QueryProgress, RoundInput, begin_query, no_response, resume_query,
};
use crate::error::{ErrorCode, Reject, UserError};
use crate::limits::*;
use crate::subnet::Subnet;
use crate::system_api::{Callbacks, OutgoingCall};
use crate::types::{CanisterId, Instructions, Payload};

/// A composite query that waits for the response to a call.
struct Waiting {
    canister: CanisterId,
    query: Box<OpenQuery>,
    /// The callbacks of the call that is being evaluated. None, before the query's first call.
    callbacks: Option<Callbacks>,
}

/// The evaluation of one query from a user.
struct Evaluation<'a> {
    subnet: &'a mut Subnet,
    round: RoundInput,
    /// Instructions that the whole evaluation may still use. Negative, if it used more than allowed.
    budget: i64,
    /// The waiting queries. Each waits for the next one.
    stack: Vec<Waiting>,
}

impl Subnet {
    /// Evaluates a query from a user.
    ///
    /// # Errors
    ///
    /// The reject of the canister, or the error of the network.
    pub fn query(&mut self, canister: CanisterId, query: Query) -> Result<Payload, Failure> {
        let round = self.round_input();
        let budget = match self.config.benchmarking {
            true => BENCHMARKING_INSTRUCTIONS_MAX,
            false => QUERY_CALLS_INSTRUCTIONS_MAX,
        };
        let stack = Vec::new();
        let evaluation = Evaluation { subnet: self, round, budget: budget as i64, stack };
        evaluation.evaluate(canister, query)
    }
}

impl Evaluation<'_> {
    fn evaluate(mut self, canister: CanisterId, query: Query) -> Result<Payload, Failure> {
        let mut result = self.begin(canister, query);
        while let Some(Waiting { canister, mut query, callbacks }) = self.stack.pop() {
            self.check_limits()?;
            result = match (result, callbacks) {
                (Some(result), Some(callbacks)) => {
                    self.resume(canister, query, callbacks, result.map_err(Reject::from))
                }
                // The query has not made its next call yet.
                _ => match query.next_call() {
                    Some(OutgoingCall { callee, content, callbacks, .. }) => {
                        let nested = Query {
                            caller: canister.into(),
                            caller_info: None,
                            method: content.method,
                            argument: content.argument,
                            data_certificate: None,
                        };
                        self.stack.push(Waiting { canister, query, callbacks: Some(callbacks) });
                        let result = self.begin(callee.as_canister(), nested);
                        self.budget -= QUERY_CALL_OVERHEAD_INSTRUCTIONS;
                        result
                    }
                    None => Some(Err(no_response(canister))),
                },
            };
        }
        result.expect("a query that does not wait has a result")
    }

    /// Begins a query. There is no result yet, if the query waits for calls.
    fn begin(&mut self, canister: CanisterId, query: Query) -> Option<Result<Payload, Failure>> {
        let instructions_max = self.instructions_max();
        match self.subnet.canisters.get_mut(&canister) {
            Some(callee) => {
                callee.query_stats.calls += 1;
                callee.query_stats.request_bytes += query.argument.len() as u128;
                let begun = begin_query(callee, query, instructions_max, &self.round);
                self.record(canister, begun)
            }
            None => Some(Err(Failure::Error(UserError::canister_not_found(canister)))),
        }
    }

    fn resume(
        &mut self,
        canister: CanisterId,
        query: Box<OpenQuery>,
        callbacks: Callbacks,
        response: Result<Payload, Reject>,
    ) -> Option<Result<Payload, Failure>> {
        let instructions_max = self.instructions_max();
        let caller = self.subnet.canisters.get_mut(&canister).expect("it was begun there");
        let resumed =
            resume_query(caller, query, callbacks, response, instructions_max, &self.round);
        self.record(canister, resumed)
    }

    /// Records how a query went on: its instructions and its statistics.
    fn record(
        &mut self,
        canister: CanisterId,
        (progress, used): (QueryProgress, Instructions),
    ) -> Option<Result<Payload, Failure>> {
        self.budget -= used as i64;
        if let Some(canister) = self.subnet.canisters.get_mut(&canister) {
            let stats = &mut canister.query_stats;
            stats.instructions += u128::from(used);
            if let QueryProgress::Finished(Ok(reply)) = &progress {
                stats.response_bytes += reply.len() as u128;
            }
        }
        match progress {
            QueryProgress::Finished(result) => Some(result),
            QueryProgress::Waiting(query) => {
                self.stack.push(Waiting { canister, query, callbacks: None });
                None
            }
        }
    }

    /// The instructions that the next execution may use.
    fn instructions_max(&self) -> Instructions {
        self.round.query_instructions_max.min(self.budget.max(0) as Instructions)
    }

    /// Checks the limits on the depth of calls and on instructions, which apply to the whole evaluation.
    ///
    /// # Errors
    ///
    /// The error that the user gets. The waiting queries are dropped.
    fn check_limits(&self) -> Result<(), Failure> {
        let (code, what) = if self.stack.len() >= QUERY_CALL_DEPTH_MAX {
            (ErrorCode::QueryCallGraphTooDeep, "maximum call depth")
        } else if self.budget <= 0 {
            (ErrorCode::QueryCallGraphTotalInstructionLimitExceeded, "instruction limit")
        } else {
            return Ok(());
        };
        let text = format!("Composite query calls exceeded the {what}.");
        Err(Failure::Error(UserError::new(code, text)))
    }
}
