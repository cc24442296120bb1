//! A callee that does as it is told, and counts what reaches it.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

use std::cell::Cell;

use candid::{CandidType, Principal};
use ic_cdk::api::{msg_reject, msg_reply, trap};
use ic_cdk::call::Call;
use serde::Deserialize;

/// What happens to a call.
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

/// Calls that reached it and were not undone.
#[ic_cdk::query]
fn calls() -> u64 {
    CALLS.get()
}

/// What the caller calls.
#[ic_cdk::update(manual_reply = true)]
async fn ping() {
    respond(&[]).await;
}

/// What a caller that reads the answer calls: an amount.
#[ic_cdk::update(manual_reply = true)]
async fn get_position(_user: Principal) {
    respond(&candid::encode_one(candid::Nat::from(7_u8)).unwrap_or_default()).await;
}

async fn respond(reply: &[u8]) {
    CALLS.set(CALLS.get() + 1);
    // Silence lasts until the mood is another: every answer to this question comes rounds later.
    while matches!(MOOD.get(), Mood::Silence) {
        let _ = Call::bounded_wait(Principal::management_canister(), "raw_rand").await;
    }
    match MOOD.get() {
        Mood::Answer if reply.is_empty() => msg_reply(b"DIDL\0\0"),
        Mood::Answer => msg_reply(reply),
        Mood::Trap => trap("in a bad mood"),
        Mood::Reject => msg_reject("not today"),
        Mood::Garbage => msg_reply(b"\xff\xff not Candid"),
        // As much as a reply may have.
        Mood::TwoMegabytes => msg_reply(vec![7; 2 * 1024 * 1024]),
        Mood::Silence => unreachable!("it is over"),
    }
}

ic_cdk::export_candid!();
