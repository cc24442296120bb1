//! A test callee with a configurable behaviour. It counts the calls that it receives.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

use std::cell::Cell;

use candid::{CandidType, Principal};
use ic_cdk::api::{msg_cycles_accept, msg_reject, msg_reply, trap};
use ic_cdk::call::Call;
use serde::Deserialize;

/// How the callee responds to a call.
#[derive(CandidType, Clone, Copy, Deserialize)]
enum Mood {
    Answer,
    Trap,
    Reject,
    Garbage,
    TwoMegabytes,
    Silence,
}

thread_local! {
    static MOOD: Cell<Mood> = const { Cell::new(Mood::Answer) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

#[ic_cdk::update]
fn set_mood(mood: Mood) {
    MOOD.set(mood);
}

/// The number of received calls that were not rolled back.
#[ic_cdk::query]
fn calls() -> u64 {
    CALLS.get()
}

/// A method without a result.
#[ic_cdk::update(manual_reply = true)]
async fn ping() {
    respond(&[]).await;
}

/// A method with a result: an amount.
#[ic_cdk::update(manual_reply = true)]
async fn get_position(_user: Principal) {
    respond(&candid::encode_one(candid::Nat::from(7_u8)).unwrap_or_default()).await;
}

/// Keeps so many of the attached cycles. Rejects the call if the amount is odd.
#[ic_cdk::update(manual_reply = true)]
fn charge(amount: u64) {
    msg_cycles_accept(amount.into());
    if amount.is_multiple_of(2) {
        msg_reply(b"DIDL\0\0");
    } else {
        msg_reject("not today");
    }
}

async fn respond(reply: &[u8]) {
    CALLS.set(CALLS.get() + 1);
    // While the mood is `Silence`, wait. Each response of `raw_rand` comes some rounds later.
    while matches!(MOOD.get(), Mood::Silence) {
        let _ = Call::bounded_wait(Principal::management_canister(), "raw_rand").await;
    }
    match MOOD.get() {
        Mood::Answer if reply.is_empty() => msg_reply(b"DIDL\0\0"),
        Mood::Answer => msg_reply(reply),
        Mood::Trap => trap("in a bad mood"),
        Mood::Reject => msg_reject("not today"),
        Mood::Garbage => msg_reply(b"\xff\xff not Candid"),
        // The largest reply.
        Mood::TwoMegabytes => msg_reply(vec![7; 2 * 1024 * 1024]),
        Mood::Silence => unreachable!("the loop above ends when the mood is not `Silence`"),
    }
}

ic_cdk::export_candid!();
