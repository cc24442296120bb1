//! The tasks of open calls.
//!
//! Each open call has a task of its own, a *chain*: when the response arrives, it writes the outcome, sends the next
//! entry, and waits again. So a callee that does not respond delays nobody else. Timers begin chains: after a start,
//! after a pause, and when the wait for another attempt, for slots or for cycles is over.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};

use ic_stable_structures::Memory;

use super::Runtime;
use super::driver::{Inner, WORK_MAX};
use super::schedule::Item;
use crate::Request;

/// Calls that one message sends, at most.
const SENT_MAX: u32 = 500;

/// A call that was sent. If it is dropped before the response is there, its entry counts as interrupted.
struct OpenCall<M: Memory, R: Runtime> {
    inner: Weak<RefCell<Inner<M>>>,
    runtime: R,
    item: Item,
    request: Rc<Request>,
    response: Pin<Box<R::ResponseFuture>>,
    is_open: bool,
}

/// Runs the outbox: sends what can be sent, and sets the next timer.
pub fn run<M: Memory + 'static, R: Runtime>(inner: &Rc<RefCell<Inner<M>>>, runtime: &R) {
    inner.borrow_mut().note_timer(runtime.now());
    let mut work = WORK_MAX;
    send_others(inner, runtime, &mut work);
    inner.borrow_mut().set_next_timer(runtime);
}

/// Sends what can be sent, each call with a chain of its own.
fn send_others<M: Memory + 'static, R: Runtime>(
    inner: &Rc<RefCell<Inner<M>>>,
    runtime: &R,
    work: &mut u32,
) {
    for _ in 0..SENT_MAX {
        let Some(call) = send_next(inner, runtime, work) else { return };
        runtime.spawn(Box::pin(run_chain(call)));
    }
    inner.borrow_mut().tire();
}

fn send_next<M: Memory + 'static, R: Runtime>(
    inner: &Rc<RefCell<Inner<M>>>,
    runtime: &R,
    work: &mut u32,
) -> Option<OpenCall<M, R>> {
    let (item, request, response) = inner.borrow_mut().send_next(runtime, work)?;
    let (inner, runtime, response) = (Rc::downgrade(inner), runtime.clone(), Box::pin(response));
    Some(OpenCall { inner, runtime, item, request, response, is_open: true })
}

/// Waits for the response to a call, sends the next entry in its place, and so on until there is none.
async fn run_chain<M: Memory + 'static, R: Runtime>(first: OpenCall<M, R>) {
    let mut next = Some(first);
    while let Some(mut call) = next {
        let response = poll_fn(|context| call.response.as_mut().poll(context)).await.into();
        call.is_open = false;
        let Some(inner) = call.inner.upgrade() else { return };
        let runtime = call.runtime.clone();
        inner.borrow_mut().accept(&runtime, call.item, &call.request, response);
        drop(call);
        let mut work = WORK_MAX;
        next = send_next(&inner, &runtime, &mut work);
        if next.is_some() {
            send_others(&inner, &runtime, &mut work);
        }
        inner.borrow_mut().set_next_timer(&runtime);
    }
}

impl<M: Memory, R: Runtime> Drop for OpenCall<M, R> {
    /// Notes that nobody takes the response: a trap has ended the message that waited for it.
    ///
    /// The trap happened in the callback of one call. `ic-cdk` drops the tasks of all open calls of the message then.
    /// Only the future of the call whose callback trapped is ready: the responses to the others have not arrived.
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        let Some(inner) = self.inner.upgrade() else { return };
        let Ok(mut inner) = inner.try_borrow_mut() else { return };
        let response = self.response.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let has_trapped = response.is_ready();
        inner.interrupt(self.item, &self.request, has_trapped, self.runtime.now());
    }
}
