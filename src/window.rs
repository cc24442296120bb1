//! Many calls, of which a limited number is open at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::call_queue::CallQueue;
use crate::replies::ReplyBudget;
use crate::{FanOut, Outcome, Reason, Reply, Request, Retry, Summary, Transport, Window};
pub(crate) use counts::SendCounts;
use dispatcher::{Dispatcher, OpenCall};

mod counts;
mod dispatcher;

/// Makes all calls. At most as many are open at a time as the window allows.
///
/// When a response arrives, the next call is sent, so the window stays full while calls wait. If the system refuses a
/// call (no free slot, not enough cycles), the call waits for the response to another call, which frees a slot and
/// cycles. Such a refusal does not count as an attempt. If no other call is open, and for all other failures, `retry`
/// says whether the call is tried again.
///
/// # Slots
///
/// Several windows of one canister [share the slots](crate::Slots) to a callee. A call that finds no slot waits for
/// the response to an open call of this canister to the callee: a call of this window, of another window, or of no
/// window. After a second, one call to the callee is sent in any case, because the library does not see all that
/// occupies slots.
///
/// The window looks whether others have freed slots when one of its own calls gets its response. While none of its
/// calls is open, it looks after each [`Transport::pause`]. So if all open calls of the window are slow, it looks
/// late.
///
/// # Callees that do not respond
///
/// Callees take turns: of the callees that have a waiting call and a free slot, each gets one call before any gets two,
/// however many calls wait for one of them. But a call that is open stays open until its [wait](crate::Wait) is over. A
/// callee that does not respond therefore keeps up to [`Window::per_callee`] open calls. If this number is as large as
/// [`Window::total`], as in [`Window::of`], such a callee can take the whole window, and the calls to all other callees
/// wait.
///
/// To prevent this, let a callee use only a part of the window: with [`Window::new(50, 450)`](Window::new), 400 open
/// calls are left to the others while one callee does not respond. Further calls to this callee wait in memory, at
/// most [`Window::look_ahead`] of them. If there are more, the function does not come to the calls behind them. Then
/// set a larger number ([`Window::with_look_ahead`]), or mix the calls to different callees. Shorter
/// [waits](Request::with_wait) help, too.
///
/// # Outcomes
///
/// `on_outcome` gets every call's position in `requests`, counted from 0, and its outcome, in the order of the
/// responses. The returned [`Summary`] counts the outcomes.
///
/// ```no_run
/// # use ic_principal::Principal;
/// # use parallel_calls::{Canister, Request, Retry, Window, windowed};
/// # async fn example(callee: Principal) {
/// // 10,000 calls, at most 300 of them open at the same time, each tried up to three times.
/// let requests = (0..10_000).map(|_| Request::new(callee, "ping"));
/// let summary = windowed(&Canister, requests, Window::of(300), Retry::attempts(3), |_, _| ()).await;
/// ic_cdk::println!("{} succeeded, {} are unknown", summary.succeeded, summary.unknown());
/// # }
/// ```
///
/// # Stopping
///
/// While the canister is [stopping](Transport::is_stopping), no further call is sent. The calls that wait, and all
/// further requests, end as [not done](Reason::Stopping). The function still waits for the responses to the open
/// calls.
///
/// One message ends at most [`ENDED_PER_MESSAGE`](crate::limits::ENDED_PER_MESSAGE) calls that are not sent. If there
/// are more, the next response brings the next message, or while no call is open, [`Transport::pause`].
///
/// # Pauses between attempts
///
/// Between two attempts, a call pauses. While other calls are open, the library notices the end of a pause only when a
/// response arrives. A slow callee can therefore delay the second attempt of a call to another callee, at most until
/// the longest wait of an open call is over. While no call is open, the library waits with [`Transport::pause`]. If
/// `pause` fails, the calls that wait for another attempt end as not done, with the reason that `pause` returned, and
/// every other call is tried once. No attempt is made before its pause is over by the clock. If the clock stands still,
/// `pause` fails ([`Reason::ClockStopped`]).
///
/// # Memory and work
///
/// The function takes a request out of `requests` when the call can be sent. It takes at most [`Window::look_ahead`]
/// requests whose callees have no free slot, and none while 1,000 calls wait for another attempt. So the memory does
/// not depend on the number of calls.
///
/// The work per response does not depend on the number of calls. It depends little on the number of callees: once a
/// second, the function sends one call to each callee whose slots others occupy, and there are at most
/// [`Window::look_ahead`] of these. If the canister can neither send calls nor [pause](Transport::pause), because it
/// has no cycles, all remaining calls end in one message.
///
/// # Panics
///
/// The function itself does not panic. If `requests` or `on_outcome` panics, the canister traps and the function ends:
/// its other calls are not awaited, although the callees may execute them.
pub async fn windowed<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
    mut on_outcome: impl FnMut(u64, Outcome<Reply>),
) -> Summary {
    // Not by `FanOut::run`: a future within a future would make the canister larger.
    let mut source = requests.into_iter().map(Into::into);
    let options = FanOut::new(window).with_retry(retry);
    drive(transport, &mut source, &options, &mut on_outcome, &SendCounts::default()).await
}

impl FanOut {
    /// Makes all calls like [`windowed`], with the options of this fan-out.
    pub async fn run<T: Transport>(
        &self,
        transport: &T,
        requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
        mut on_outcome: impl FnMut(u64, Outcome<Reply>),
    ) -> Summary {
        let mut source = requests.into_iter().map(Into::into);
        drive(transport, &mut source, self, &mut on_outcome, &SendCounts::default()).await
    }

    /// Makes all calls like [`fan_out`], with the options of this fan-out.
    pub async fn collect<T: Transport>(
        &self,
        transport: &T,
        requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    ) -> Vec<Outcome<Reply>> {
        self.collect_as(transport, requests, |outcome| outcome).await
    }

    /// [`collect`](Self::collect), with each outcome converted when it arrives.
    pub(crate) async fn collect_as<T: Transport, R>(
        &self,
        transport: &T,
        requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
        convert: impl Fn(Outcome<Reply>) -> Outcome<R>,
    ) -> Vec<Outcome<R>> {
        let max = || transport.reply_bytes_max();
        let budget = ReplyBudget::new(self.replies, &max, transport.kept_replies());
        let mut outcomes = Vec::new();
        self.run(transport, requests, |number, outcome| {
            let index = number as usize;
            if outcomes.len() <= index {
                // Every call gets its outcome later, so nobody sees these.
                outcomes.resize_with(index + 1, || Outcome::failed(Reason::Interrupted));
            }
            outcomes[index] = convert(budget.keep(outcome));
        })
        .await;
        outcomes
    }
}

/// [`FanOut::run`] for a source of any type, so that a canister contains this code once. Counts what is sent in
/// `counts`, together with other calls that are made at the same time.
pub(crate) async fn drive<T: Transport>(
    transport: &T,
    source: &mut dyn Iterator<Item = Rc<Request>>,
    options: &FanOut,
    on_outcome: &mut dyn FnMut(u64, Outcome<Reply>),
    counts: &SendCounts,
) -> Summary {
    let slots = |callee| transport.slots(callee);
    let queue = CallQueue::new(source, &slots, options.window, options.in_order);
    let dispatcher = Dispatcher::new(transport, queue, options, on_outcome, counts);
    let dispatcher = RefCell::new(dispatcher);
    let mut chains = FuturesUnordered::new();
    loop {
        poll_fn(|context| {
            dispatcher.borrow_mut().begin_message();
            loop {
                while let Some(call) = dispatcher.borrow_mut().send_next() {
                    chains.push(run_chain(&dispatcher, call));
                }
                match chains.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending if dispatcher.borrow_mut().take_capacity_freed() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        let Some(pause) = dispatcher.borrow().pause() else { break };
        if let Err(reason) = transport.pause(pause).await {
            dispatcher.borrow_mut().end_pauses(&reason);
        }
    }
    drop(chains);
    dispatcher.into_inner().into_summary()
}

/// Waits for the response to a call, sends the next call in its place, and so on until there is none.
///
/// The calls of a chain share one future. A future for each call would write to new memory, and each page written to
/// costs 1,000 instructions.
async fn run_chain<T: Transport>(
    dispatcher: &RefCell<Dispatcher<'_, T>>,
    first: OpenCall<T::ResponseFuture>,
) {
    let mut next = Some(first);
    while let Some(OpenCall { call, response }) = next {
        let response = response.await;
        let mut dispatcher = dispatcher.borrow_mut();
        dispatcher.accept_response(call, response.into());
        next = dispatcher.send_next();
        // One response may allow more than the one call that this chain sends next.
        dispatcher.note_capacity();
    }
}

/// Makes all calls like [`windowed`], and returns their outcomes in the order of the requests.
///
/// The outcomes of all calls are in memory together, about 100 bytes each. So are the replies, up to a limit that
/// follows from the free memory, and that all fan-outs of the canister share ([`ReplyLimit`](crate::ReplyLimit)). A
/// reply beyond this limit is dropped ([`Outcome::ReplyDropped`]). Set another limit with [`FanOut::keeping`].
pub async fn fan_out<T: Transport>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
) -> Vec<Outcome<Reply>> {
    FanOut::new(window).with_retry(retry).collect(transport, requests).await
}

#[cfg(test)]
mod tests;
