//! Scripted calls: the test decides when and how each one is answered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::{parallel, sequential};

/// The other side of the calls. Calls are numbered in the order in which they were sent, that is, first polled.
#[derive(Default)]
struct Peer {
    sent: RefCell<usize>,
    open: RefCell<BTreeMap<usize, Waker>>,
    answers: RefCell<BTreeMap<usize, Result<(), ()>>>,
    /// As on the Internet Computer, a call beyond this many open ones fails without being sent.
    capacity: Option<usize>,
}

impl Peer {
    fn call(&self) -> Call<'_> {
        Call { peer: self, number: None }
    }

    fn open(&self) -> Vec<usize> {
        self.open.borrow().keys().copied().collect()
    }

    fn answer(&self, number: usize, answer: Result<(), ()>) {
        let waker = self.open.borrow_mut().remove(&number);
        self.answers.borrow_mut().insert(number, answer);
        waker.expect("only open calls are answered").wake();
    }
}

struct Call<'a> {
    peer: &'a Peer,
    number: Option<usize>,
}

impl Future for Call<'_> {
    type Output = Result<(), ()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let peer = self.peer;
        let number = *self.number.get_or_insert_with(|| {
            let mut sent = peer.sent.borrow_mut();
            *sent += 1;
            *sent
        });
        if let Some(answer) = peer.answers.borrow_mut().remove(&number) {
            return Poll::Ready(answer);
        }
        let mut open = peer.open.borrow_mut();
        if !open.contains_key(&number) && peer.capacity == Some(open.len()) {
            return Poll::Ready(Err(()));
        }
        open.insert(number, context.waker().clone());
        Poll::Pending
    }
}

fn poll(future: Pin<&mut impl Future<Output = u64>>) -> Poll<u64> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn no_calls_succeed_when_none_are_asked_for() {
    let peer = Peer::default();
    assert_eq!(poll(pin!(sequential(0, || peer.call()))), Poll::Ready(0));
    assert_eq!(poll(pin!(parallel(0, || peer.call()))), Poll::Ready(0));
    assert_eq!(*peer.sent.borrow(), 0);
}

#[test]
fn sequential_sends_a_call_only_after_the_answer_to_the_one_before() {
    let peer = Peer::default();
    let mut run = pin!(sequential(50, || peer.call()));
    for number in 1..=50 {
        assert_eq!(poll(run.as_mut()), Poll::Pending);
        assert_eq!(peer.open(), [number]);
        peer.answer(number, Ok(()));
    }
    assert_eq!(poll(run), Poll::Ready(50));
    assert_eq!(*peer.sent.borrow(), 50);
}

#[test]
fn parallel_sends_every_call_before_the_first_answer() {
    // On both sides of 30, where `join_all` changes how it keeps its futures.
    for n in [1, 2, 30, 31, 500] {
        let peer = Peer::default();
        let mut run = pin!(parallel(n, || peer.call()));
        assert_eq!(poll(run.as_mut()), Poll::Pending);
        let open = peer.open();
        assert_eq!(open, (1..=n as usize).collect::<Vec<_>>());
        // Answers may come in any order.
        for number in open.into_iter().rev() {
            assert_eq!(poll(run.as_mut()), Poll::Pending);
            peer.answer(number, Ok(()));
        }
        assert_eq!(poll(run), Poll::Ready(n));
    }
}

#[test]
fn failures_are_counted_and_do_not_stop_the_calls_after_them() {
    let answer = |number| if number % 3 == 0 { Err(()) } else { Ok(()) };

    let peer = Peer::default();
    let mut run = pin!(sequential(90, || peer.call()));
    for number in 1..=90 {
        assert_eq!(poll(run.as_mut()), Poll::Pending);
        peer.answer(number, answer(number));
    }
    assert_eq!(poll(run), Poll::Ready(60));

    let peer = Peer::default();
    let mut run = pin!(parallel(90, || peer.call()));
    assert_eq!(poll(run.as_mut()), Poll::Pending);
    for number in 1..=90 {
        peer.answer(number, answer(number));
    }
    assert_eq!(poll(run), Poll::Ready(60));
}

#[test]
fn calls_beyond_the_open_ones_a_peer_takes_fail_at_once() {
    let peer = Peer { capacity: Some(500), ..Peer::default() };
    let mut run = pin!(parallel(2_000, || peer.call()));
    assert_eq!(poll(run.as_mut()), Poll::Pending);
    assert_eq!(*peer.sent.borrow(), 2_000);
    assert_eq!(peer.open().len(), 500);
    for number in peer.open() {
        peer.answer(number, Ok(()));
    }
    assert_eq!(poll(run), Poll::Ready(500));
}
