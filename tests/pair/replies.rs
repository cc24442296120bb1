//! What comes back with responses: the cycles that a callee does not keep, and replies that fill the memory.

use std::fs;
use std::time::Duration;

use candid::{Principal, encode_args};
use pocket_ic::CanisterSettings;
use test_support::{on_every_server, rust_canister};

use crate::moody::Mood;
use crate::pair::{Pair, controller, create, decode, encode, nothing};

const TRILLION: u64 = 1_000_000_000_000;

/// Bytes of a Wasm page.
const PAGE: u64 = 65_536;

impl Pair {
    /// A callee that replies with 2 MiB.
    fn callee_with_large_replies(&self) -> Principal {
        let moody = create(&self.pic, 0);
        let module = fs::read(rust_canister("moody_callee")).expect("the canister was built");
        self.install_code(moody, module);
        self.pic
            .update_call(moody, controller(), "set_mood", encode(Mood::TwoMegabytes))
            .expect("the callee accepts the mood");
        moody
    }

    fn grow_heap_to_2_5_gib(&self, patient: Principal) {
        let pages = (5 << 29) / PAGE as u32;
        self.pic
            .update_call(patient, controller(), "grow_heap", encode(pages))
            .expect("the heap can grow");
    }
}

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
        let moody = pair.callee_with_large_replies();

        // With 2.5 of 3 GiB in use, the replies to 200 calls of 2 MiB each are more than a quarter of the rest.
        pair.grow_heap_to_2_5_gib(patient);
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

#[test]
fn a_fan_out_keeps_fewer_replies_while_the_canister_holds_those_of_another_one() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        let moody = pair.callee_with_large_replies();
        pair.grow_heap_to_2_5_gib(patient);
        let messages = [(); 2].map(|()| {
            let argument = encode_args((moody, 100_u64)).expect("the values have types");
            pair.pic
                .submit_call(patient, controller(), "held_replies", argument)
                .expect("the canister accepts messages")
        });
        let kept = messages.map(|message| {
            let reply = pair.wait_for(&message).0.expect("the canister replies");
            decode::<u64>(&reply)
        });
        // Both begin at the same time. The replies to the first one arrive first: it keeps a quarter of the memory,
        // and hands its replies over. Of what is free then, the second one keeps a quarter.
        assert!((60..=64).contains(&kept[0]), "{kept:?}");
        assert!((40..=50).contains(&kept[1]), "{kept:?}");
    });
}

#[test]
fn calls_with_cycles_whose_callbacks_trap_for_want_of_memory_do_not_stay_open() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        pair.moody_callee();
        pair.set_mood(Mood::Silence);
        let message = pair.submit_patient(patient, "calls_with_cycles", 3);
        pair.wait(Duration::ZERO, 3);
        let settings =
            CanisterSettings { wasm_memory_limit: Some(0_u8.into()), ..Default::default() };
        pair.pic
            .update_canister_settings(patient, Some(controller()), settings)
            .expect("a controller may do that");
        pair.pic
            .update_call(patient, controller(), "fill_heap", nothing())
            .expect("the heap grows");
        let refusal = pair.upgrade_patient(patient).expect_err("calls are open");
        assert!(refusal.reject_message.contains("3 calls are open"), "{refusal:?}");

        // There is no memory for the replies. The callback of the first one traps and ends the message. The callbacks
        // of the others trap when nobody awaits these replies any more.
        pair.set_mood(Mood::TwoMegabytes);
        pair.wait(Duration::ZERO, 10);
        let rejected = pair.pic.ingress_status(message).expect("the message has ended");
        assert!(rejected.is_err(), "{rejected:?}");
        pair.upgrade_patient(patient).expect("nothing is open any more");
    });
}
