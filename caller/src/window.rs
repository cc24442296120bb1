//! How many calls the caller keeps open at a time.

use parallel_calls::canister::Canister;
use parallel_calls::{Plan, Request, Transport, Window};

/// The window for `n` calls like `request`: how many can be open at once.
///
/// # Errors
///
/// The reason, if this canister has too few cycles for one open call and the price of all `n` calls.
pub fn plan_window(request: &Request, n: u64) -> Result<Window, String> {
    match Plan::new(&Canister.limits(request), n) {
        Ok(plan) => Ok(plan.window),
        Err(error) => Err(error.to_string()),
    }
}

/// [`plan_window`], for methods whose guard has checked that there is a plan.
///
/// # Panics
///
/// Traps if there is no plan.
pub fn planned_window(request: &Request, n: u64) -> Window {
    plan_window(request, n).unwrap_or_else(|reason| ic_cdk::trap(reason))
}
