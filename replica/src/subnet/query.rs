//! Queries from outside, and the calls that composite ones make: to canisters of the same subnet,
//! one after the other, each with all the calls it makes itself.
//!
//! Rules: `execution_environment/src/query_handler/query_call_graph.rs` in the replica's repository.

use crate::canister::{
    Failure, OpenQuery, Progress, Query, RoundContext, begin_query, no_answer, resume_query,
};
use crate::error::{ErrorCode, Reject, UserError};
use crate::limits::*;
use crate::subnet::Subnet;
use crate::system_api::OutgoingCall;
use crate::types::{CanisterId, Instructions, Payload};

/// A composite query that waits, and the call whose answer it waits for.
struct Waiting {
    canister: CanisterId,
    query: Box<OpenQuery>,
    call: Option<OutgoingCall>,
}

/// What one query from outside has come to.
struct Evaluation<'a> {
    subnet: &'a mut Subnet,
    round: RoundContext,
    /// Instructions all of it may still use; it may have used more already.
    budget: i64,
    /// Those who wait, each for the next.
    stack: Vec<Waiting>,
}

impl Subnet {
    /// Answers a query from outside.
    pub fn query(&mut self, canister: CanisterId, query: Query) -> Result<Payload, Failure> {
        let round = self.round_context();
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
        let mut answer = self.begin(canister, query);
        while let Some(Waiting { canister, mut query, call }) = self.stack.pop() {
            self.check_limits()?;
            answer = match (answer, call) {
                (Some(answer), Some(call)) => {
                    self.resume(canister, query, &call, answer.map_err(Reject::from))
                }
                // Nobody waits for an answer yet.
                _ => match query.next_call() {
                    Some(call) => {
                        let asked = Query {
                            caller: canister.into(),
                            caller_info: None,
                            method: call.method.clone(),
                            argument: call.argument.clone(),
                            data_certificate: None,
                        };
                        let callee = call.callee.as_canister();
                        self.stack.push(Waiting { canister, query, call: Some(call) });
                        let answer = self.begin(callee, asked);
                        self.budget -= QUERY_CALL_OVERHEAD_INSTRUCTIONS;
                        answer
                    }
                    None => Some(Err(no_answer(canister))),
                },
            };
        }
        answer.expect("who does not wait has an answer")
    }

    /// Begins a query; there is no answer yet, if it has to wait for others.
    fn begin(&mut self, canister: CanisterId, query: Query) -> Option<Result<Payload, Failure>> {
        let instructions_max = self.instructions_max();
        match self.subnet.canisters.get_mut(&canister) {
            Some(callee) => {
                callee.query_stats.calls += 1;
                callee.query_stats.request_bytes += query.argument.len() as u128;
                let begun = begin_query(callee, query, instructions_max, &self.round);
                self.note(canister, begun)
            }
            None => Some(Err(Failure::Error(UserError::canister_not_found(canister)))),
        }
    }

    fn resume(
        &mut self,
        canister: CanisterId,
        query: Box<OpenQuery>,
        call: &OutgoingCall,
        answer: Result<Payload, Reject>,
    ) -> Option<Result<Payload, Failure>> {
        let instructions_max = self.instructions_max();
        let caller = self.subnet.canisters.get_mut(&canister).expect("it was begun there");
        let resumed = resume_query(caller, query, call, answer, instructions_max, &self.round);
        self.note(canister, resumed)
    }

    fn note(
        &mut self,
        canister: CanisterId,
        (progress, used): (Progress, Instructions),
    ) -> Option<Result<Payload, Failure>> {
        self.budget -= used as i64;
        if let Some(canister) = self.subnet.canisters.get_mut(&canister) {
            let stats = &mut canister.query_stats;
            stats.instructions += u128::from(used);
            if let Progress::Answered(Ok(reply)) = &progress {
                stats.response_bytes += reply.len() as u128;
            }
        }
        match progress {
            Progress::Answered(answer) => Some(answer),
            Progress::Waiting(query) => {
                self.stack.push(Waiting { canister, query, call: None });
                None
            }
        }
    }

    /// Instructions the next execution may use.
    fn instructions_max(&self) -> Instructions {
        self.round.query_instructions_max.min(self.budget.max(0) as Instructions)
    }

    /// Fails when those who wait, besides the one it is the turn of, are too many or have used too
    /// much. Then nobody is told but the user.
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
