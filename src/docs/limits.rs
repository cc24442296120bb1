//! Limits: how many calls can be open, what they cost, and which limit holds when.
//!
//! # All limits
//!
//! | constant | number | what it limits | beyond it |
//! |---|---|---|---|
//! | [`QUEUE_SLOTS`](crate::limits::QUEUE_SLOTS) | 500 | open calls of a canister to one other canister | the call is not sent: [`QueueFull`](crate::Reason::QueueFull) |
//! | [`SHARED_SLOTS`](crate::SHARED_SLOTS) | 450 | slots to one callee that all windows of a canister use together; also the messages that [pause](crate::Transport::pause) at the same time | the calls of a window wait for its share; a pause fails |
//! | [`SHARE_PERCENT`](crate::Plan::SHARE_PERCENT) | 90 % | the part of the free slots and cycles that a planned window uses | the rest is left for other messages |
//! | [`GUARANTEED_CALLBACKS`](crate::limits::GUARANTEED_CALLBACKS) | 50 | open calls to all callees together that are always possible | the call needs one of the callbacks that the subnet shares |
//! | [`CALLBACKS_PER_SUBNET`](crate::limits::CALLBACKS_PER_SUBNET) | 1,000,000 | open calls of all canisters of a subnet | the call is not sent: `QueueFull`, because the system does not say why |
//! | [`CYCLES_SET_ASIDE_PER_CALL`](crate::limits::CYCLES_SET_ASIDE_PER_CALL) | 42,102,412,000 cycles | what the system sets aside for each open call, on a subnet of 13 nodes | the call is not sent: [`Cycles`](crate::Reason::Cycles) |
//! | [`CYCLES_SPENT_PER_CALL`](crate::limits::CYCLES_SPENT_PER_CALL) | 6,000,000 cycles | the part of these that a small call spends, at most | |
//! | [`MESSAGE_INSTRUCTIONS_MAX`](crate::limits::MESSAGE_INSTRUCTIONS_MAX) | 40,000,000,000 | instructions of one message, for instance of a callback | your canister traps |
//! | [`METHOD_NAME_BYTES_MAX`](crate::limits::METHOD_NAME_BYTES_MAX) | 20,000 bytes | the name of a method | the call is not sent, and can never be: `DestinationInvalid` |
//! | [`REQUEST_BYTES_MAX`](crate::limits::REQUEST_BYTES_MAX) | 10,485,760 bytes | name and argument, to a callee on the same subnet | the call is not sent, and can never be: `SysFatal` |
//! | [`REMOTE_REQUEST_BYTES_MAX`](crate::limits::REMOTE_REQUEST_BYTES_MAX) | 2,097,152 bytes | name and argument, to a callee on another subnet | the system rejects the call |
//! | [`RESPONSE_BYTES_MAX`](crate::limits::RESPONSE_BYTES_MAX) | 2,097,152 bytes | a reply | the callee traps |
//! | [`HEAP_BYTES_MAX`](crate::limits::HEAP_BYTES_MAX) | 3,221,225,472 bytes | the heap of a canister, unless its settings say otherwise | your canister traps |
//! | [`BOUNDED_WAIT_MAX`](crate::limits::BOUNDED_WAIT_MAX) | 300 seconds | a bounded wait | the system shortens the wait |
//! | [`LOOK_AHEAD`](crate::Window::LOOK_AHEAD) | 1,000 | requests in memory whose callees have no free slot, by default | no request is taken from the iterator |
//! | [`DELAYED_CALLS_MAX`](crate::limits::DELAYED_CALLS_MAX) | 1,000 | calls in memory that wait for another attempt | no request is taken from the iterator |
//! | [`ENDED_PER_MESSAGE`](crate::limits::ENDED_PER_MESSAGE) | 10,000 | calls that one message ends without sending them | the next message continues |
//! | [`VERDICT_TEXT_BYTES_MAX`](crate::limits::VERDICT_TEXT_BYTES_MAX) | 1,024 bytes | the text of a verdict | the text is cut off |
//!
//! # Which limit holds
//!
//! **Slots or cycles?** With one callee on a subnet of 13 nodes, cycles are the limit below about 21 T cycles, and
//! slots above. On larger subnets, calls cost proportionally more. [`Plan`](crate::Plan) calculates the window and
//! says what [limits](crate::Plan::limited_by) it:
//!
//! ```
//! use parallel_calls::limits::{CYCLES_SET_ASIDE_PER_CALL, CYCLES_SPENT_PER_CALL, QUEUE_SLOTS};
//! use parallel_calls::{Limit, Limits, Plan};
//!
//! let plan = |liquid_cycles, calls| {
//!     let limits = Limits {
//!         queue_slots: QUEUE_SLOTS,
//!         callbacks: QUEUE_SLOTS,
//!         liquid_cycles,
//!         cycles_per_call: CYCLES_SET_ASIDE_PER_CALL,
//!         spent_per_call: CYCLES_SPENT_PER_CALL,
//!     };
//!     let plan = Plan::new(&limits, calls).unwrap();
//!     (plan.window.per_callee, plan.limited_by)
//! };
//! const T: u128 = 1_000_000_000_000;
//! assert_eq!(plan(2 * T, 10_000), (41, Limit::Cycles));
//! assert_eq!(plan(10 * T, 10_000), (212, Limit::Cycles));
//! assert_eq!(plan(100 * T, 10_000).0, 450);
//! assert_eq!(plan(100 * T, 20), (20, Limit::Calls));
//! ```
//!
//! **Cycles that come back, and cycles that do not.** Of the cycles that the system sets aside, nearly all come back
//! with the response. A million small calls spend at most six trillion cycles, whatever the window.
//!
//! **Several callees.** The slots are counted for each callee. In a canister, a planned window has at most 450 open
//! calls to all callees together, because of the callbacks: the guaranteed 50 are few, and nobody knows how many of
//! the subnet's million are free.
//!
//! **Several messages.** All messages of a canister share the 500 slots to a callee, and the cycles. Windows share
//! 450 of the slots: each gets the same share, and what a small window does not need, the others get. A window gives
//! back what it cannot use: a fan-out [in order](crate::FanOut::in_order) claims one slot per callee, a window no
//! more than its [total](crate::Window::total), and towards the end no more than it has calls. See
//! [`Slots`](crate::Slots).
//!
//! **Bytes.** A reply can have 2 MiB, so the replies to 1,536 calls can fill the heap. [`fan_out`](crate::fan_out),
//! [`parallel`](crate::parallel) and [`FanOut::collect`](crate::FanOut::collect) keep replies up to a quarter of the
//! free heap. All fan-outs that run at the same time share this quarter. Further replies are dropped
//! ([`ReplyLimit`](crate::ReplyLimit)). [`windowed`](crate::windowed) hands over each reply when it arrives, and
//! keeps none.
//!
//! ```
//! use parallel_calls::limits::{HEAP_BYTES_MAX, RESPONSE_BYTES_MAX};
//! assert_eq!(HEAP_BYTES_MAX / RESPONSE_BYTES_MAX, 1_536);
//! ```
//!
//! **Instructions.** The work of a callback does not depend on the number of calls. A windowed call takes 20,000 to
//! 40,000 instructions of your canister, without your own work for its outcome. What can come near the limit is the
//! message that sends the first calls: [`parallel`](crate::parallel) sends all calls in one message.
//!
//! **Pauses.** A message that waits between two attempts while none of its calls is open keeps a call of its own open
//! (see [`Transport::pause`](crate::Transport::pause)). So at most 450 messages of a canister can pause at the same
//! time, and the pauses of further messages fail: their calls end as not done. A [`Job`](crate::Job) and an outbox
//! (the module `outbox`, a feature) pause with a timer instead.
