//! What a message must satisfy before it does anything: who sends it, and what it asks for.
//!
//! A guard that fails rejects the message with its reason. A guard decodes only arguments that it understands: what does
//! not decode is left to the endpoint, which traps.

use candid::utils::ArgumentDecoder;
use candid::{Principal, decode_args};
use ic_cdk::api::{accept_message, canister_self, is_controller, msg_arg_data, msg_caller};

use crate::{callee, ping, run};

/// The most calls that one message may ask for.
///
/// `parallel_calls` makes all of them in one execution. Each call takes about 25,000 instructions, half of them in system
/// calls, and 340 bytes of memory, whether it is sent or not. So this many take 2.5 billion instructions, of the 40
/// billion that a message may execute, and 34 MB. Tests watch both.
pub const CALLS_MAX: u64 = 100_000;

/// Rejects callers that do not control this canister: calls cost it cycles and occupy the slots to its callee.
pub fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        Ok(())
    } else {
        Err("only a controller of this canister may do that".into())
    }
}

/// Refuses messages of strangers before the messages cost this canister cycles. (Messages of other canisters do not pass
/// here. [`controllers_only`] rejects them.)
pub fn inspect() {
    match controllers_only() {
        Ok(()) => accept_message(),
        // A trap carries the reason; a message that is just not accepted carries none.
        Err(reason) => ic_cdk::trap(reason),
    }
}

/// For `setup_callee`: rejects what cannot be the callee.
pub fn possible_callee() -> Result<(), String> {
    check(|(id,): (Principal,)| callee::check(id, canister_self()))
}

/// For a number of calls: rejects more calls than allowed, and any number while no callee is known.
pub fn calls_allowed() -> Result<(), String> {
    check(|(n,): (u64,)| check_calls(n))
}

/// For a number of windowed calls: the same, and rejects calls of which this canister cannot afford a single one.
pub fn window_allowed() -> Result<(), String> {
    check(|(n,): (u64,)| {
        check_calls(n)?;
        run::plan(&ping(), n).map(drop)
    })
}

/// Checks a number of calls of the callee.
///
/// # Errors
///
/// The reason, when there are too many calls or no callee is known.
pub fn check_calls(n: u64) -> Result<(), String> {
    if n > CALLS_MAX {
        return Err(format!("{n} calls are too many: the maximum is {CALLS_MAX}"));
    }
    callee::find().map(drop)
}

/// Applies a check to the arguments of the current message.
pub fn check<A>(check: impl FnOnce(A) -> Result<(), String>) -> Result<(), String>
where
    A: for<'a> ArgumentDecoder<'a>,
{
    decode_args(&msg_arg_data()).map_or(Ok(()), check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_calls_are_refused_before_anything_else_is_looked_at() {
        let refusal = check_calls(CALLS_MAX + 1).expect_err("too many");
        assert_eq!(refusal, "100001 calls are too many: the maximum is 100000");
    }
}
