//! Many calls from one canister to others: one after the other, all at once, or in a window.
//!
//! A call to a canister on another subnet of the Internet Computer takes a round trip of about two seconds. Independent
//! calls should therefore be open at the same time. A call is open from the moment it is sent until its response (a
//! reply or a reject) arrives. Two limits apply. From one canister to another there are 500 slots for calls, and each
//! open call occupies one. For each open call, the system sets aside about 42 billion cycles of the caller until the
//! response arrives. Calls beyond these limits fail at once.
//!
//! This crate makes calls in a *window*: it limits how many calls are open, and sends the next call when a response
//! arrives. For each call it returns an [`Outcome`].
//!
//! # Example
//!
//! ```no_run
//! use ic_principal::Principal;
//! use parallel_calls::{Canister, Outcome, Plan, PlanError, Request, Retry, Transport, fan_out};
//!
//! /// Calls `notify` of a ledger for each user. Returns the users whose calls had no effect.
//! async fn notify(ledger: Principal, users: Vec<Principal>) -> Result<Vec<Principal>, PlanError> {
//!     // The calls to make.
//!     let requests: Vec<Request> = users
//!         .iter()
//!         .map(|user| Request::call(ledger, "notify", (user,)))
//!         .collect();
//!     let Some(first) = requests.first() else { return Ok(users) };
//!
//!     // How many of them can be open at the same time, with the slots and cycles of this canister. `Canister` stands
//!     // for the canister in which this code runs. The trait `Transport` gives `Canister` its methods.
//!     let plan = Plan::new(&Canister.limits(first), requests.len() as u64)?;
//!
//!     // Make the calls, with at most three attempts per call.
//!     let outcomes = fan_out(&Canister, requests, plan.window, Retry::attempts(3)).await;
//!
//!     // The outcomes have the order of the requests. A call that is not done can safely be made again.
//!     let outcomes = users.into_iter().zip(outcomes);
//!     Ok(outcomes
//!         .filter(|(_, outcome)| matches!(outcome, Outcome::NotDone(_)))
//!         .map(|(user, _)| user)
//!         .collect())
//! }
//! ```
//!
//! # Outcomes
//!
//! - [`Outcome::Done`]: the callee replied.
//! - [`Outcome::ReplyDropped`]: the callee replied with more bytes than the fan-out keeps ([`ReplyLimit`]).
//! - [`Outcome::NotDone`]: the callee did nothing. The call can safely be made again.
//! - [`Outcome::Unknown`]: the callee may have executed the call, wholly or in part. Make the call again only if it is
//!   [idempotent](Request::idempotent): if making it twice has the same effect as making it once.
//!
//! The last two carry a [`Failure`] with a [`Reason`]. Many canisters reply with errors, for instance ledgers
//! (`variant { Ok; Err }`). A request [with a verdict](Request::judged_by) says what a reply means: then a reply can
//! be done, not done, worth another attempt, or unknown. Every outcome says how many attached cycles came back. The
//! page on [outcomes](docs::outcomes) says for each reason which calls may be made again.
//!
//! # Which function to take
//!
//! | you have | take |
//! |---|---|
//! | one call, or calls that depend on each other | [`call`] |
//! | a list of calls that must run one after the other | [`sequential`] |
//! | a few independent calls, at most 500 per callee | [`parallel`], or `futures::future::join_all` over [`call`] |
//! | any number of calls, to one or several callees | [`fan_out`] for the outcomes in order, [`windowed`] for the outcomes as they arrive |
//! | any number of calls with a deadline for all of them, in order per callee, or with a handle to cancel them | [`FanOut`] |
//! | a few calls of different types to different canisters | [`Leg`] |
//! | more equal calls than one message can make, or equal calls that continue after an upgrade | [`Job`] |
//! | the same for different calls | an [`Outbox`](https://docs.rs/parallel_calls/latest/parallel_calls/outbox/) (a feature) |
//!
//! [`Plan`] calculates the window for [`fan_out`] and [`windowed`] before the first call is sent. [`Retry`] says how
//! often a failed call is tried again; a request can have [its own](Request::with_retry). While the canister is being
//! stopped, none of these functions sends a further call.
//!
//! # Several fan-outs at the same time
//!
//! The messages of a canister share its 500 slots to each callee. A planned window uses at most 450 of them, so that
//! calls outside of windows find a slot. Several windows [share](Slots) these 450 slots. A call of a window, or a
//! call with a retry, that finds no slot because other calls of the canister occupy them waits for one of these, and
//! loses no attempt. A call of [`parallel`], [`sequential`] or [`call`], and a [`Leg`], fails at once if no slot is
//! free, unless its request has a retry. Within a window, callees take turns. The page on [limits](docs::limits) has
//! the numbers, and says which limit holds when.
//!
//! # Upgrades
//!
//! Do not upgrade a canister that has open calls: their responses would arrive in the new program. Call
//! [`ready_for_upgrade`] in `pre_upgrade`, and trap if it fails.
//!
//! # Features
//!
//! - `candid` (default): arguments and replies with types ([`Request::call`], [`Request::replying`], [`Leg::typed`],
//!   [`fan_out_typed`]). Without this feature, they are bytes.
//! - `ic-cdk` (default): the module [`canister`], a [`Transport`] over `ic-cdk`. Without this feature, the crate does
//!   not depend on `ic-cdk`, and you implement [`Transport`] yourself, for instance in a test.
//! - `outbox`: the module `outbox`, a list of calls in stable memory that survives upgrades. It needs `ic-cdk` and
//!   the same version of `ic-stable-structures` as your canister, and it exports the method `canister_global_timer`,
//!   as each canister with `ic-cdk-timers` does.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod call_queue;
mod job;
mod leg;
mod options;
mod outcome;
mod plan;
mod reason;
mod replies;
mod request;
mod retry;
mod slots;
mod strategies;
mod transport;
#[cfg(feature = "candid")]
mod typed;
mod window;

#[cfg(feature = "ic-cdk")]
pub mod canister;
pub mod docs;
pub mod limits;
#[cfg(feature = "outbox")]
pub mod outbox;
#[cfg(test)]
mod scripted_transport;

#[cfg(feature = "ic-cdk")]
#[doc(no_inline)]
pub use canister::{Canister, ready_for_upgrade};
pub use job::Job;
pub use leg::{Leg, Part, count_answered};
pub use options::{Cancel, FanOut};
pub use outcome::{Failure, Outcome, Reply, Summary, Verdict};
pub use plan::{Limit, Limits, Plan, PlanError, Window};
pub use reason::{Reason, ReasonKind, Shortage, reject_code};
pub use replies::{KeptReplies, ReplyLimit};
pub use request::{Request, Wait};
pub use retry::Retry;
pub use slots::{SHARED_SLOTS, SlotClaim, SlotTable, Slots};
pub use strategies::{call, parallel, sequential};
pub use transport::{Response, Transport};
#[cfg(feature = "candid")]
pub use typed::{JudgedReply, ReplyError, decode_reply, fan_out_typed, verdict_on};
pub use window::{fan_out, windowed};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../src/README.md")]
struct Readme;

/// Compiles the code in the document. It has an outbox.
#[cfg(all(doctest, feature = "outbox"))]
#[doc = include_str!("../docs/library.md")]
struct Documents;
