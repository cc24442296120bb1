//! Outcomes: what a callee did, and which calls may be made again.
//!
//! # Four outcomes
//!
//! Every call of this library ends with exactly one [`Outcome`](crate::Outcome).
//!
//! | outcome | what the callee did | may you make the call again? |
//! |---|---|---|
//! | [`Done`](crate::Outcome::Done) | it replied | no: the work is done |
//! | [`ReplyDropped`](crate::Outcome::ReplyDropped) | it replied, with more bytes than are kept | no: the work is done |
//! | [`NotDone`](crate::Outcome::NotDone) | nothing | yes |
//! | [`Unknown`](crate::Outcome::Unknown) | all, a part, or nothing | only if the call is idempotent |
//!
//! A call is *idempotent* if making it twice has the same effect as making it once. A question without side effects is
//! idempotent. A transfer is not, unless the ledger recognizes duplicates:
//! DFINITY's ICRC-1 ledger does so if the transfer has the field `created_at_time`. The standard recommends this and
//! does not require it. Mark such requests with [`Request::idempotent`](crate::Request::idempotent).
//!
//! `NotDone` is a promise: the library reports it only if no attempt of the call can have had an effect. If the
//! outcome of one attempt is unknown, and the next attempt is not done, then the call is unknown, with the reason of
//! the first unknown attempt.
//!
//! # Reasons
//!
//! `NotDone` and `Unknown` carry a [`Failure`](crate::Failure) with a [`Reason`](crate::Reason). The kind of the reason
//! decides between the two, and it decides whether a [`Retry`](crate::Retry) makes the call again.
//!
//! | kind | outcome | made again | what happened |
//! |---|---|---|---|
//! | [`QueueFull`](crate::ReasonKind::QueueFull) | not done | yes | not sent: no slot was free |
//! | [`Cycles`](crate::ReasonKind::Cycles) | not done | yes | not sent: the cycles were too few |
//! | [`Stopping`](crate::ReasonKind::Stopping) | not done | no | not sent: your canister is being stopped |
//! | [`Cancelled`](crate::ReasonKind::Cancelled) | not done | no | not sent: your canister cancelled the fan-out |
//! | [`Expired`](crate::ReasonKind::Expired) | not done | no | not sent: the time of the fan-out was over |
//! | [`ClockStopped`](crate::ReasonKind::ClockStopped) | not done | no | not sent again: the clock of the network stands still (in a test) |
//! | [`SysFatal`](crate::ReasonKind::SysFatal) | not done | no | the system rejected the call (code 1): it can never succeed |
//! | [`SysTransient`](crate::ReasonKind::SysTransient) | not done | yes | the system rejected the call (code 2), for instance because the queue of the callee is full |
//! | [`DestinationInvalid`](crate::ReasonKind::DestinationInvalid) | not done | no | the system rejected the call (code 3): there is no such canister |
//! | [`CanisterReject`](crate::ReasonKind::CanisterReject) | unknown | no | the callee rejected the call (code 4): it has decided, perhaps after it did something |
//! | [`CanisterError`](crate::ReasonKind::CanisterError) | unknown | if idempotent | code 5: the callee trapped, is stopped, or has no such method or no code |
//! | [`Deadline`](crate::ReasonKind::Deadline) | unknown | if idempotent | the wait was over, or the response was lost (code 6) |
//! | [`Undecodable`](crate::ReasonKind::Undecodable) | unknown | no | the reply is not of the type that you asked for |
//! | [`Interrupted`](crate::ReasonKind::Interrupted) | unknown | if idempotent | the response was lost: your canister was upgraded, or a callback of an outbox trapped, while the call was open |
//! | [`Declined`](crate::ReasonKind::Declined) | not done | no | the reply says that the callee did nothing, and will not |
//! | [`Unavailable`](crate::ReasonKind::Unavailable) | not done | yes | the reply says that the callee did nothing for the moment |
//! | [`Unclear`](crate::ReasonKind::Unclear) | unknown | if idempotent | the reply leaves open what the callee did |
//!
//! Code 5 looks worse than it is: a callee without code, or without such a method, certainly did nothing. But the
//! system uses the same code for a callee that trapped after it had made calls of its own. So the call counts as
//! unknown.
//!
//! # Replies with errors
//!
//! To the system, every reply is a success. Many canisters reply with errors. Say what a reply means with a
//! [`Verdict`](crate::Verdict): by [`Request::judged_by`](crate::Request::judged_by), or, for a type of replies,
//! by [`Request::replying`](crate::Request::replying). Without a verdict, every reply is `Done`.
//!
//! | verdict | outcome | made again |
//! |---|---|---|
//! | [`Done`](crate::Verdict::Done) | done | no |
//! | [`NotDone`](crate::Verdict::NotDone) | not done (`Declined`) | no |
//! | [`TryAgain`](crate::Verdict::TryAgain) | not done (`Unavailable`) | yes |
//! | [`Unknown`](crate::Verdict::Unknown) | unknown (`Unclear`) | if idempotent |
//!
//! ```
//! use parallel_calls::{Outcome, Reply, Retry, Verdict};
//!
//! let retry = Retry::attempts(2);
//! let (idempotent, not_idempotent) = (true, false);
//! let outcome = |verdict| Outcome::judged(Reply::default(), verdict);
//!
//! let insufficient_funds = outcome(Verdict::NotDone("insufficient funds".into()));
//! assert!(matches!(insufficient_funds, Outcome::NotDone(_)));
//! assert!(!retry.should_retry(not_idempotent, 1, &insufficient_funds));
//!
//! let busy = outcome(Verdict::TryAgain("busy".into()));
//! assert!(matches!(busy, Outcome::NotDone(_)));
//! assert!(retry.should_retry(not_idempotent, 1, &busy));
//!
//! // An unknown call is made again only if it is idempotent.
//! let unclear = outcome(Verdict::Unknown("cannot be decoded".into()));
//! assert!(matches!(unclear, Outcome::Unknown(_)));
//! assert!(!retry.should_retry(not_idempotent, 1, &unclear));
//! assert!(retry.should_retry(idempotent, 1, &unclear));
//! ```
//!
//! # Attempts
//!
//! [`Retry::attempts(n)`](crate::Retry::attempts) allows at most `n` attempts per call. The delays between them are
//! 1, 2, 4, 8, 16 and 32 seconds, and then always 60 seconds. No attempt is made before its delay is over by the
//! clock of the network. Two refusals cost no attempt: a call of a window that finds no slot waits for other calls of
//! the canister that occupy the slots, and a call of a window that finds no cycles waits for other calls of the
//! window. The outcome of a call is that of its last attempt, but a call with an unknown attempt never ends as not
//! done.
//!
//! # Cycles that come back
//!
//! [`Outcome::refunded`](crate::Outcome::refunded) says how many of the attached cycles came back, in all attempts
//! together. A call that was never sent has a refund of 0, because its cycles never left. A call with a bounded wait
//! that ended without a response has a refund of 0, too: its cycles may come back later, or may be lost.
//!
//! # Paying a list
//!
//! 1. Give each payment a fixed `created_at_time`, and a memo of its own (for example its number), before the first
//!    attempt. The ledger makes a transfer with equal fields only once. Without the memo, two payments of the same
//!    amount to the same account would be one transfer. Mark the request as idempotent.
//! 2. Judge the replies: `Ok` and `Duplicate` are [`Done`](crate::Verdict::Done), `TemporarilyUnavailable` and
//!    `CreatedInFuture` are [`TryAgain`](crate::Verdict::TryAgain), all other errors are
//!    [`NotDone`](crate::Verdict::NotDone).
//! 3. Make the calls with a [`Retry`](crate::Retry). If the list must survive an upgrade, append the payments to an
//!    outbox (the module `outbox`, a feature).
//! 4. Keep the payments that are `Unknown` with their `created_at_time`, memo and fee. Make them again unchanged,
//!    before the ledger forgets them (an ICRC-1 ledger remembers transfers for 24 hours). After that, look into the
//!    ledger first. Only `Done` settles such a payment. If the later call is `NotDone`, then the later attempts did
//!    nothing, and the earlier one is as unknown as before.
//!
//! The canister `examples/payout` in the repository of this crate pays a list in this way.
