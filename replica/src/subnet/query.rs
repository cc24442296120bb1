//! Queries from users, and the calls that composite queries make to canisters of the same subnet and to
//! the management canister.
//!
//! Calls are evaluated depth first: a call is evaluated with all calls that it makes itself, before the
//! next call of its caller.
//!
//! Rules: `execution_environment/src/query_handler/query_call_graph.rs` in the replica's repository.

use crate::canister::{
    Failure, OpenQuery, Query, QueryProgress, RoundInput, begin_query, is_queryable, no_response,
    resume_query,
};
use crate::error::{ErrorCode, Reject, UserError};
use crate::ic00::ManagementCall;
use crate::limits::*;
use crate::message::CallContent;
use crate::subnet::Subnet;
use crate::system_api::{Callbacks, OutgoingCall};
use crate::types::{Callee, CanisterId, Instructions, Payload};
use candid::Principal;

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
                    self.resume(canister, query, callbacks, result.map_err(Failure::into_reject))
                }
                // The query has not made its next call yet.
                _ => match query.next_call() {
                    Some(OutgoingCall { callee, content, callbacks, .. }) => {
                        self.stack.push(Waiting { canister, query, callbacks: Some(callbacks) });
                        self.call(canister, callee, content)
                    }
                    None => Some(Err(no_response(canister))),
                },
            };
        }
        result.expect("a query that does not wait has a result")
    }

    /// Executes a call that a composite query of `caller` made. There is no result yet, if the callee waits
    /// for calls itself. A call that is executed counts [`QUERY_CALL_OVERHEAD_INSTRUCTIONS`].
    fn call(
        &mut self,
        caller: CanisterId,
        callee: Callee,
        content: CallContent,
    ) -> Option<Result<Payload, Failure>> {
        let CallContent { method, argument, .. } = content;
        let caller = caller.into();
        if callee.as_subnet() == self.subnet.config.id {
            return Some(self.call_management(caller, &method, argument).map_err(Failure::Error));
        }
        let id = callee.as_canister();
        let callee = self.subnet.canisters.get(&id);
        let is_executed = callee.is_some_and(|callee| is_queryable(callee, &method));
        let query = Query { caller, caller_info: None, method, argument, data_certificate: None };
        let result = self.begin(id, query);
        if is_executed {
            self.budget -= QUERY_CALL_OVERHEAD_INSTRUCTIONS;
        }
        result
    }

    /// Executes a call of the management canister (`query_handler/query_context.rs`,
    /// `handle_ic00_request`, and `query_handler/subnet_query.rs`).
    fn call_management(
        &mut self,
        caller: Principal,
        method: &str,
        argument: Payload,
    ) -> Result<Payload, UserError> {
        let call = ManagementCall::resolve(method, &argument)?;
        if call.rules.by_query {
            self.budget -= QUERY_CALL_OVERHEAD_INSTRUCTIONS;
        }
        let (result, used) = self.subnet.query_management(caller, method, Some(call), argument);
        self.budget -= used as i64;
        result
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
