//! Fan out calls: one after the other, or all at once.
//!
//! The functions here know nothing of canisters. They take a closure that prepares one call and say how many of
//! `n` such calls succeeded, so they can be tested natively and used with any kind of call, `ic_cdk::call::Call`
//! among them. A failed call is counted, never trapped on: what happens after the first `await` of a canister
//! method cannot be rolled back.
//!
//! ```
//! use futures::FutureExt;
//! use parallel_calls::{parallel, sequential};
//!
//! // A call that fails every third time. It needs no executor because it answers at once.
//! let mut sent = 0;
//! let mut call = || {
//!     sent += 1;
//!     std::future::ready(if sent % 3 == 0 { Err("busy") } else { Ok(()) })
//! };
//! assert_eq!(sequential(6, &mut call).now_or_never(), Some(4));
//! assert_eq!(parallel(90, &mut call).now_or_never(), Some(60));
//! ```

use futures::future::join_all;

/// Makes `n` calls, each after the answer to the one before, and returns how many succeeded.
///
/// At most one call is open at any time, so `n` may be as large as patience allows: the cost is one round trip per
/// call.
pub async fn sequential<C, T, E>(n: u64, mut call: impl FnMut() -> C) -> u64
where
    C: IntoFuture<Output = Result<T, E>>,
{
    let mut succeeded = 0;
    for _ in 0..n {
        succeeded += u64::from(call().await.is_ok());
    }
    succeeded
}

/// Makes `n` calls at once, waits for all the answers and returns how many succeeded.
///
/// All calls are open together, so the whole takes one round trip, and memory for `n` calls: bound `n` before it
/// comes from a stranger. On the Internet Computer at most 500 calls of one canister to another can be open; the
/// others fail at once, and so do those the canister's cycles do not cover.
pub async fn parallel<C, T, E>(n: u64, mut call: impl FnMut() -> C) -> u64
where
    C: IntoFuture<Output = Result<T, E>>,
{
    let calls = (0..n).map(|_| {
        let call = call().into_future();
        async { call.await.is_ok() }
    });
    join_all(calls).await.into_iter().map(u64::from).sum()
}

#[cfg(test)]
mod tests;
