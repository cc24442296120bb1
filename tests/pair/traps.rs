//! An outbox whose callback traps: an author made a function that must not panic panic.

use std::fs;

use candid::encode_args;
use test_support::{on_every_server, rust_canister};

use crate::jobs::INTERVAL;
use crate::moody::Mood;
use crate::pair::{Pair, callee_module, controller, create, encode, nothing};

/// Calls to the callee that does no harm.
const HEALTHY: u64 = 100;

#[test]
fn a_reply_whose_callback_traps_again_and_again_costs_other_calls_of_the_outbox_nothing() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let patient = pair.patient_caller();
        // This one is on the subnet of the caller, so its replies come first.
        let harmful = create(&pair.pic, 0);
        let module = fs::read(rust_canister("moody_callee")).expect("the canister was built");
        pair.install_code(harmful, module);
        let moody = pair.pic.update_call(harmful, controller(), "set_mood", encode(Mood::Garbage));
        moody.expect("the callee accepts the mood");
        let healthy = create(&pair.pic, 1);
        pair.install_code(healthy, callee_module());

        for (callee, calls) in [(harmful, 1), (healthy, HEALTHY)] {
            let argument = encode_args((vec![callee], calls)).expect("the value has a Candid type");
            let appended = pair.pic.update_call(patient, controller(), "enqueue", argument);
            appended.expect("there is room");
        }
        for _ in 0..30 {
            pair.wait(INTERVAL, 10);
        }
        let counts = pair.pic.query_call(patient, controller(), "outbox_counts", nothing());
        let counts: (u64, u64, u64) =
            candid::decode_args(&counts.expect("a query of ours")).expect("three numbers");
        assert_eq!(counts, (0, HEALTHY, 1));
    });
}
