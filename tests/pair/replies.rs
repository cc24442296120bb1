//! What comes back with responses: the cycles that a callee does not keep, and replies that fill the memory.

use std::fs;

use candid::encode_args;
use test_support::{on_every_server, rust_canister};

use crate::moody::Mood;
use crate::pair::{Pair, controller, create, encode};

const TRILLION: u64 = 1_000_000_000_000;

/// Bytes of a Wasm page.
const PAGE: u64 = 65_536;

#[test]
fn attached_cycles_that_come_back_are_reported_and_pay_for_further_calls() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        pair.moody_callee();
        // So many cycles that four calls can be open at the same time, and six cannot.
        let patient = pair.patient_caller_with_cycles(44 * u128::from(TRILLION));
        // The second callee keeps some cycles and rejects the call, the third keeps some and replies.
        let kept = vec![0, 7, TRILLION, 0, 2 * TRILLION, 0];
        let argument = encode_args((pair.callee, 10 * TRILLION, &kept)).expect("they have types");
        let message = pair
            .pic
            .submit_call(patient, controller(), "paid_calls", argument)
            .expect("the canister accepts messages");
        let reply = pair.wait_for(&message).0.expect("the canister replies");
        let (open, refunds): (u32, Vec<u64>) = candid::decode_args(&reply).expect("two values");
        assert_eq!(refunds, kept.iter().map(|kept| 10 * TRILLION - kept).collect::<Vec<_>>());
        assert_eq!(open, 3);
    });
}

#[test]
fn a_call_to_a_canister_without_code_gets_its_cycles_back() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        let nobody = pair.another_canister();
        let argument = encode_args((nobody, TRILLION, vec![0_u64])).expect("they have types");
        let reply = pair.pic.update_call(patient, controller(), "paid_calls", argument);
        let (_, refunds): (u32, Vec<u64>) =
            candid::decode_args(&reply.expect("the canister replies")).expect("two values");
        assert_eq!(refunds, [TRILLION]);
    });
}

#[test]
fn replies_beyond_a_quarter_of_the_free_memory_are_dropped_and_the_canister_goes_on() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        let moody = create(&pair.pic, 0);
        let module = fs::read(rust_canister("moody_callee")).expect("the canister was built");
        pair.install_code(moody, module);
        pair.pic
            .update_call(moody, controller(), "set_mood", encode(Mood::TwoMegabytes))
            .expect("the callee accepts the mood");

        // With 2.5 of 3 GiB in use, the replies to 200 calls of 2 MiB each are more than a quarter of the rest.
        let pages = (5 << 29) / PAGE as u32;
        pair.pic
            .update_call(patient, controller(), "grow_heap", encode(pages))
            .expect("the heap can grow");
        let argument = encode_args((moody, 200_u64)).expect("the values have types");
        let message = pair
            .pic
            .submit_call(patient, controller(), "kept_replies", argument)
            .expect("the canister accepts messages");
        let reply = pair.wait_for(&message).0.expect("the canister replies");
        let (kept, bytes, dropped): (u64, u64, u64) =
            candid::decode_args(&reply).expect("three numbers");
        assert_eq!((kept + dropped, bytes), (200, kept << 21));
        assert!((60..=64).contains(&kept), "{kept} replies were kept");
        let argument = encode_args((moody, 1_u64)).expect("the values have types");
        let reply = pair.pic.update_call(patient, controller(), "kept_replies", argument);
        assert!(reply.is_ok(), "the canister still takes messages: {reply:?}");
    });
}
