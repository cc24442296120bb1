//! A list of different calls in stable memory, made one window at a time, that survives upgrades (a feature).
//!
//! An [`Outbox`] is for lists that are too long for one message, or must not be lost: thousands of payouts, for
//! instance. A canister appends [entries](Entry). The outbox makes their calls in the background, as many at a time
//! as slots and cycles allow, and keeps the results in the order of the entries until the canister takes them.
//!
//! ```no_run
//! use candid::{CandidType, Nat, Principal};
//! use ic_stable_structures::DefaultMemoryImpl;
//! use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};
//! use parallel_calls::outbox::{Outbox, OutboxError};
//! use parallel_calls::{Canister, Outcome, ReplyError, Request, Retry, Verdict, verdict_on};
//! use serde::Deserialize;
//!
//! type Memory = VirtualMemory<DefaultMemoryImpl>;
//!
//! thread_local! {
//!     static MEMORIES: MemoryManager<DefaultMemoryImpl> = MemoryManager::init(DefaultMemoryImpl::default());
//!     static OUTBOX: Outbox<Memory> = Outbox::init(MEMORIES.with(|memories| memories.get(MemoryId::new(0))))
//!         .with_retry(Retry::attempts(10))
//!         // What replies mean is code, so it is not in stable memory: name it here.
//!         .judged_by(|request| match &*request.method {
//!             "icrc1_transfer" => Some(verdict_on::<Result<Nat, TransferError>>),
//!             _ => None,
//!         });
//! }
//!
//! /// Call this in `init` and in `post_upgrade`.
//! fn start() {
//!     OUTBOX.with(|outbox| outbox.start(&Canister));
//! }
//!
//! /// Appends transfers. Each has a time of creation, by which the ledger recognises a transfer that it gets twice.
//! fn pay(ledger: Principal, transfers: Vec<Transfer>) -> Result<(), OutboxError> {
//!     let call = |transfer| Request::call(ledger, "icrc1_transfer", (transfer,)).idempotent();
//!     OUTBOX.with(|outbox| outbox.enqueue(transfers.into_iter().map(call))).map(drop)
//! }
//!
//! /// Call this now and then: results occupy memory until they are taken.
//! fn look_at_results() {
//!     for result in OUTBOX.with(|outbox| outbox.take_results(1_000)) {
//!         if let Outcome::NotDone(failure) | Outcome::Unknown(failure) = result.outcome {
//!             ic_cdk::println!("transfer {}: {failure}", result.number);
//!         }
//!     }
//! }
//!
//! # #[derive(CandidType)]
//! # struct Transfer;
//! # #[derive(CandidType, Deserialize, Debug)]
//! # enum TransferError { Duplicate { duplicate_of: Nat } }
//! # impl ReplyError for TransferError { fn verdict(&self) -> Verdict { Verdict::Done } }
//! ```
//!
//! # What is promised
//!
//! - **No entry is lost.** Each entry ends with exactly one [outcome](crate::Outcome), which is kept until it is
//!   taken. Each step is written to stable memory in the message in which it happens.
//! - **No call is made twice, unless it may be.** An entry is sent again only if its last attempt is not done, or if
//!   it is [idempotent](Request::idempotent). A call whose callee recognises repeated calls is idempotent, too: an
//!   ICRC-1 transfer with `created_at_time`, for instance. If an upgrade or a trap cuts off the response to an open
//!   call, the outcome of the call is unknown ([`Reason::Interrupted`](crate::Reason::Interrupted)). The next section
//!   says which calls a trap cuts off.
//! - **The work of a message does not depend on the length of the list.** Appending, reading, taking or discarding
//!   `n` entries or results takes work for `n` of them. All other messages read at most 1,000 entries and send at
//!   most 500 calls.
//!
//! # Traps
//!
//! The calls that a timer begins share one message with all calls that follow them, up to 450 open calls. If a
//! callback of this message traps, then the responses to *all* open calls of the message are cut off. In the
//! callbacks, the outbox executes two functions of the author: those of [`Outbox::judged_by`], and the verdict
//! functions. So these functions must not panic: a reply that cannot be decoded, for instance, has the verdict
//! [`Verdict::Unknown`].
//!
//! The response that trapped costs its entry an attempt. The other entries get their attempts back: if they are
//! idempotent, they are sent again. Otherwise their outcomes are unknown.
//!
//! # How entries are sent
//!
//! In the order of their numbers, but callees take turns, and an entry that is tried again comes after entries that
//! were sent in the meantime. Entries with the same [order key](Entry::in_order) are sent one after the other: each
//! when the one before has its outcome, all attempts included. As many calls are open as a [`Plan`](crate::Plan)
//! allows, at most 450; an outbox shares the [slots](crate::Slots) to a callee with the windows of the canister. If
//! slots or cycles are missing, entries wait, and lose no attempt. If an entry attaches more cycles than the canister
//! has, only this entry waits. The arguments of all open calls together have at most 64 MiB, and those of one further
//! call.
//!
//! Each open call waits on its own. A callee that does not respond delays calls to others only when it occupies all
//! open calls that the outbox may have. This takes 450 entries for this callee, and lasts as long as their
//! [waits](crate::Wait): at most 300 s, but for ever with [`Wait::Unbounded`](crate::Wait::Unbounded).
//! [`Outbox::with_window`] with a limit per callee, for instance `Window::new(100, 450)`, leaves open calls to the
//! others.
//!
//! The outbox looks at no more than 100,000 entries without an outcome at the same time. If so many wait for one
//! callee, the entries behind them wait, too.
//!
//! While entries are unsettled, a timer runs once a minute in addition to the timers for pauses. It costs about 23
//! billion cycles a day. An outbox without such entries costs nothing.
//!
//! # Upgrades
//!
//! Nothing has to be done in `pre_upgrade`. Nevertheless, stop the canister before an upgrade, and refuse an upgrade
//! while calls are open ([`ready_for_upgrade`](crate::ready_for_upgrade)): their responses would arrive in the new
//! program.

use std::cell::RefCell;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use ic_stable_structures::Memory;

use crate::{Request, Retry, Transport, Verdict, Window};
use driver::Inner;

mod blocks;
mod chains;
mod driver;
mod error;
mod layout;
mod schedule;
mod status;
mod store;
#[cfg(test)]
mod tests;
#[cfg(feature = "ic-cdk")]
mod timers;

pub use error::OutboxError;
pub use status::{OutboxResult, OutboxStatus};

/// A list of calls in stable memory. See the [module](self).
///
/// A clone is the same outbox.
pub struct Outbox<M: Memory>(Rc<RefCell<Inner<M>>>);

/// One call of an [`Outbox`].
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "an entry makes no call before `enqueue`"]
pub struct Entry {
    /// The call. Everything but its [verdict](Request::verdict) is kept in stable memory.
    pub request: Request,
    /// The hash of the order key, if there is one.
    pub(crate) order: Option<u64>,
}

impl Entry {
    /// Lets this entry follow all earlier entries with the same key: it is sent when they have their outcomes. The
    /// key can be an account, for instance. It is kept as a hash of 64 bits.
    pub fn in_order(mut self, key: impl AsRef<[u8]>) -> Self {
        self.order = Some(hash(key.as_ref()));
        self
    }
}

/// FNV-1a. Hashes are in stable memory, so the function must be the same in all versions.
fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl From<Request> for Entry {
    fn from(request: Request) -> Self {
        Self { request, order: None }
    }
}

/// A function that says what a reply means, as in [`Request::judged_by`].
pub type VerdictFunction = fn(&[u8]) -> Verdict;

/// How an outbox makes its calls.
#[derive(Clone, Debug)]
pub(crate) struct OutboxOptions {
    pub retry: Retry,
    pub window: Option<Window>,
    pub reply_bytes: usize,
    pub verdicts: fn(&Request) -> Option<VerdictFunction>,
}

/// Bytes that entries and results may occupy, unless [`Outbox::bounded`] says otherwise: 1 GiB.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of a reply that are kept, unless [`Outbox::keeping`] says otherwise.
const REPLY_BYTES_MAX: usize = 4 * 1024;

impl Default for OutboxOptions {
    fn default() -> Self {
        Self {
            retry: Retry::attempts(3),
            window: None,
            reply_bytes: REPLY_BYTES_MAX,
            verdicts: |_| None,
        }
    }
}

impl<M: Memory> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Memory> Outbox<M> {
    /// The outbox in this memory. In a memory that was never used, a new one.
    ///
    /// # Panics
    ///
    /// Panics if the memory holds something else, or an outbox of a later version of this crate.
    pub fn init(memory: M) -> Self {
        let mut inner = Inner::new(memory);
        inner.store.bytes_max = BYTES_MAX;
        Self(Rc::new(RefCell::new(inner)))
    }

    /// Sets how often a call is tried, unless its [request](Request::with_retry) says so itself. The default is
    /// `Retry::attempts(3)`.
    pub fn with_retry(self, retry: Retry) -> Self {
        self.0.borrow_mut().options.retry = retry;
        self
    }

    /// Sets how many calls may be open. By default, a [`Plan`](crate::Plan) decides.
    pub fn with_window(self, window: Window) -> Self {
        self.0.borrow_mut().options.window = Some(window);
        self
    }

    /// Sets the function that says which function says what a reply means. Functions cannot be kept in stable memory,
    /// so an outbox asks this one whenever it sends a call. Without it, every reply counts as done, also one that
    /// reports an error.
    ///
    /// The function and the functions that it returns must not panic: see [Traps](self#traps).
    pub fn judged_by(self, verdicts: fn(&Request) -> Option<VerdictFunction>) -> Self {
        self.0.borrow_mut().options.verdicts = verdicts;
        self
    }

    /// Sets how many bytes entries and results may occupy, in blocks of 512 bytes. The default is 1 GiB.
    pub fn bounded(self, bytes: u64) -> Self {
        self.0.borrow_mut().store.bytes_max = bytes;
        self
    }

    /// Sets how many bytes of each reply are kept. A longer reply is [dropped](crate::Outcome::ReplyDropped), and
    /// also one that finds no room. The default is 4 KiB.
    pub fn keeping(self, reply_bytes: usize) -> Self {
        self.0.borrow_mut().options.reply_bytes = reply_bytes;
        self
    }

    /// Appends entries, and returns their numbers. Entries are [requests](Request), or requests with an
    /// [order key](Entry::in_order).
    ///
    /// # Errors
    ///
    /// An [`OutboxError`], after which no entry was appended.
    pub fn enqueue(
        &self,
        entries: impl IntoIterator<Item = impl Into<Entry>>,
    ) -> Result<Range<u64>, OutboxError> {
        let entries: Vec<Entry> = entries.into_iter().map(Into::into).collect();
        let mut inner = self.0.borrow_mut();
        let verdicts = inner.options.verdicts;
        let is_lost = |request: &&Request| request.verdict.is_some() && verdicts(request).is_none();
        if let Some(request) = entries.iter().map(|entry| &entry.request).find(is_lost) {
            return Err(OutboxError::UnknownVerdict { method: request.method.to_string() });
        }
        let first = inner.store.append(&entries)?;
        if inner.cursor == 0 {
            inner.cursor = first;
        }
        let end = inner.store.header.next_number;
        inner.wake_now();
        Ok(end - entries.len() as u64..end)
    }

    /// The progress.
    pub fn status(&self) -> OutboxStatus {
        let inner = self.0.borrow();
        let header = &inner.store.header;
        OutboxStatus {
            entries: header.next_number,
            waiting: header.waiting,
            open: header.open,
            summary: header.summary.clone(),
            results: header.results,
            paused: header.paused,
            waiting_for: inner.waiting_for(),
            bytes: inner.store.bytes(),
        }
    }

    /// The first results, in the order of the entries, up to the first entry without an outcome, at most `max`. They
    /// stay in the outbox.
    pub fn results(&self, max: usize) -> Vec<OutboxResult> {
        self.0.borrow().store.results(max)
    }

    /// Takes the first results out of the outbox, in the order of the entries, up to the first entry without an
    /// outcome, at most `max`.
    ///
    /// If the results go to a user, whose message can fail after this, use [`Self::results`] and, when the user has
    /// them, [`Self::discard_results`].
    pub fn take_results(&self, max: usize) -> Vec<OutboxResult> {
        let results = self.results(max);
        if let Some(last) = results.last() {
            self.discard_results(last.number + 1);
        }
        results
    }

    /// Removes the results of the entries with a number below `before`, up to the first entry without an outcome. The
    /// work is in proportion to the number of these results.
    pub fn discard_results(&self, before: u64) {
        let mut inner = self.0.borrow_mut();
        while let Some((block, next)) = inner.store.remove_first(before) {
            if inner.cursor == block {
                inner.cursor = next;
            }
        }
        inner.store.write_header();
    }

    /// Sends no further calls until [`Self::resume`]. Open calls get their responses. Also an upgrade keeps the pause.
    pub fn pause(&self) {
        self.0.borrow_mut().set_paused(true);
    }

    /// Ends a [pause](Self::pause).
    pub fn resume(&self) {
        let mut inner = self.0.borrow_mut();
        inner.set_paused(false);
        inner.wake_now();
    }

    /// Cancels all entries that are in the outbox now. Those that are not open end as not done, for the reason
    /// [`Cancelled`](crate::Reason::Cancelled), a thousand per message. Open calls get their responses, and are not
    /// tried again. Entries that are appended later are sent.
    pub fn cancel(&self) {
        let mut inner = self.0.borrow_mut();
        inner.store.change(|header| header.cancelled_before = header.next_number);
        inner.is_cancelling = true;
        inner.wake_now();
    }
}

impl<M: Memory + 'static> Outbox<M> {
    /// Starts the outbox: from now on, timers make the calls. In a canister, call this in `init` and in
    /// `post_upgrade`, with [`Canister`](crate::Canister). Further calls of this function have no effect.
    pub fn start<R: Runtime>(&self, runtime: &R) {
        let mut inner = self.0.borrow_mut();
        if inner.set_timer.is_some() {
            return;
        }
        let outbox = Rc::downgrade(&self.0);
        let runtime = runtime.clone();
        inner.set_timer = Some(Rc::new(move |delay| {
            let (outbox, in_task) = (outbox.clone(), runtime.clone());
            let task = move || {
                if let Some(inner) = outbox.upgrade() {
                    chains::run(&inner, &in_task);
                }
            };
            runtime.run_after(delay, Box::new(task));
        }));
        if inner.store.header.waiting + inner.store.header.open > 0 {
            inner.wake_now();
        }
    }
}

/// A [`Transport`] that can also run tasks and timers. In a canister, use [`Canister`](crate::Canister).
pub trait Runtime: Transport + Clone + 'static {
    /// Runs a task in the background. The task waits for responses to calls that were sent in the current message.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()>>>);

    /// Runs `task` once in a message of its own, after `delay` or a little later.
    fn run_after(&self, delay: Duration, task: Box<dyn FnOnce()>);
}
