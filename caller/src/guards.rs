//! The guards of the endpoints. They check who sends a message and what it asks for, before the endpoint does anything.
//!
//! A guard that fails rejects the message with its reason. A guard ignores arguments that it cannot decode: the
//! endpoint cannot decode them either, and traps.

use candid::utils::ArgumentDecoder;
use candid::{Principal, decode_args};
use ic_cdk::api::{accept_message, canister_self, is_controller, msg_arg_data, msg_caller};

use crate::{callee, ping, run};

/// The largest number of calls that one message may ask for.
///
/// `parallel_calls` makes all of them in one execution. Each call takes about 25,000 instructions, half of them in
/// system calls, and 340 bytes of memory, whether it is sent or not. So 100,000 calls take 2.5 billion of the 40
/// billion instructions that a message may execute, and 34 MB of memory. Tests check both.
pub const CALLS_MAX: u64 = 100_000;

/// Rejects messages from everyone but the controllers: calls cost this canister cycles and occupy the slots to its
/// callee.
pub fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        Ok(())
    } else {
        Err("only a controller of this canister may do that".into())
    }
}

/// Refuses messages of users who are not controllers, before the messages cost this canister cycles. The system does
/// not inspect messages of other canisters. [`controllers_only`] rejects those.
pub fn inspect() {
    match controllers_only() {
        Ok(()) => accept_message(),
        // A trap tells the user the reason. Without `accept_message`, the message would be refused without a reason.
        Err(reason) => ic_cdk::trap(reason),
    }
}

/// For `setup_callee`: rejects an id that cannot be the callee.
pub fn possible_callee() -> Result<(), String> {
    check(|(id,): (Principal,)| callee::check(id, canister_self()))
}

/// For `sequential_calls` and `parallel_calls`: rejects too many calls, and any calls while no callee is known.
pub fn calls_allowed() -> Result<(), String> {
    check(|(n,): (u64,)| check_calls(n))
}

/// For `windowed_calls`: checks the same, and rejects calls for which this canister has too few cycles.
pub fn window_allowed() -> Result<(), String> {
    check(|(n,): (u64,)| {
        check_calls(n)?;
        run::plan(&ping(), n).map(drop)
    })
}

/// Checks that this canister may make `n` calls to the callee.
///
/// # Errors
///
/// The reason, if `n` is too large or no callee is known.
pub fn check_calls(n: u64) -> Result<(), String> {
    if n > CALLS_MAX {
        return Err(format!("{n} calls are too many: the maximum is {CALLS_MAX}"));
    }
    callee::find().map(drop)
}

/// Applies `check` to the arguments of the current message. Arguments that cannot be decoded pass.
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
