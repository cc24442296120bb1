//! The guards of the methods. They check who sends a message and what the message asks for, before the method does
//! anything.
//!
//! A guard that fails rejects the message with its reason. A guard ignores arguments that it cannot decode: the method
//! cannot decode them either, and traps.

use candid::utils::{ArgumentDecoder, decode_args_with_config};
use candid::{DecoderConfig, Principal};
use ic_cdk::api::{accept_message, canister_self, is_controller, msg_arg_data, msg_caller};

use crate::window::plan_window;
use crate::{callee, ping};

/// The largest number of calls that one message may ask for.
///
/// `parallel_calls` makes all of them in one execution. Each call takes about 25,000 instructions, half of them in
/// system calls, and 290 bytes of memory, whether it is sent or not. So 100,000 calls take 2.5 billion of the 40
/// billion instructions that a message may execute, and 29 MB of memory. Tests check both.
pub const CALLS_MAX: u64 = 100_000;

/// The work that decoding may spend on values that the guard does not need, in the units of `candid`: the same quota as
/// in the methods that `ic-cdk` generates.
const SKIPPING_QUOTA: usize = 10_000;

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
    with_arguments(|(id,): (Principal,)| callee::check(id, canister_self()))
}

/// For `sequential_calls` and `parallel_calls`: rejects too many calls, and any calls while no callee is known.
pub fn calls_allowed() -> Result<(), String> {
    with_arguments(|(n,): (u64,)| check_calls(n))
}

/// For `windowed_calls`: checks the same, and rejects calls for which this canister has too few cycles.
pub fn window_allowed() -> Result<(), String> {
    with_arguments(|(n,): (u64,)| {
        check_calls(n)?;
        plan_window(&ping(), n).map(drop)
    })
}

/// Checks that this canister may make `n` calls to the callee.
///
/// # Errors
///
/// The reason, if `n` is too large or no callee is known.
pub fn check_calls(n: u64) -> Result<(), String> {
    at_most(n, CALLS_MAX)?;
    callee::find().map(drop)
}

/// Checks a number of calls against a maximum.
///
/// # Errors
///
/// The reason, if `n` is larger than `max`.
pub fn at_most(n: u64, max: u64) -> Result<(), String> {
    if n > max {
        return Err(format!("{n} calls are too many: the maximum is {max}"));
    }
    Ok(())
}

/// Applies `check` to the arguments of the current message. Arguments that cannot be decoded pass.
pub fn with_arguments<A>(check: impl FnOnce(A) -> Result<(), String>) -> Result<(), String>
where
    A: for<'a> ArgumentDecoder<'a>,
{
    let mut config = DecoderConfig::new();
    config.set_skipping_quota(SKIPPING_QUOTA);
    decode_args_with_config(&msg_arg_data(), &config).map_or(Ok(()), check)
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
