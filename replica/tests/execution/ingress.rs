//! Ingress messages: which of them a block takes, and how long they can wait.

use pocket_ic::ErrorCode;
use std::time::Duration;
use test_support::on_every_server;
use test_support::script::{Script, call, script};

/// Needs 500 million instructions, a quarter of what a round has.
fn toil() -> Script {
    script().prepare(call(candid::Principal::anonymous()).zeros(10_000_000)).reply("done")
}

#[test]
fn a_message_that_waits_five_minutes_in_the_queue_of_its_canister_fails() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let messages: Vec<_> = (0..6).map(|_| network.submit(network.a, toil())).collect();
        network.pic.tick();
        let done = messages.iter().filter(|message| network.response(message).is_some()).count();
        assert!((3..5).contains(&done), "{done} fit into a round");
        network.pic.advance_time(Duration::from_secs(6 * 60));
        network.pic.tick();
        for message in &messages[done..] {
            let reject = network.response(message).unwrap().unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::IngressMessageTimeout);
        }
    });
}

#[test]
fn a_block_takes_four_mebibytes_of_all_canisters_in_turn() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let large = || script().append(&"a".repeat(1_800_000)).reply_number();
        let to_a: Vec<_> = (0..3).map(|_| network.submit(network.a, large())).collect();
        let to_b = network.submit(network.b, script().reply("b"));
        network.pic.tick();
        let done: Vec<bool> =
            to_a.iter().map(|message| network.response(message).is_some()).collect();
        assert_eq!(done, [true, true, false]);
        assert_eq!(network.response(&to_b), Some(Ok(b"b".to_vec())));
        network.pic.tick();
        assert!(network.response(&to_a[2]).is_some());
    });
}
