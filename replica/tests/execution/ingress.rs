//! Ingress messages: which of them a block takes, and how long they can wait.

use crate::cycles::EXECUTION_BASE;
use candid::Principal;
use pocket_ic::ErrorCode;
use std::time::Duration;
use test_support::on_every_server;
use test_support::script::{Script, call, script, wasm};
use test_support::scripted::install_module;

/// Needs 500 million instructions, a quarter of what a round has.
fn toil() -> Script {
    script().prepare(call(Principal::anonymous()).zeros(10_000_000)).reply("done")
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

#[test]
fn taking_in_a_message_costs_2000_cycles_for_each_byte_of_its_envelope() {
    /// A message without bytes.
    const FEE: u128 = 1_200_000;
    /// The bytes of an envelope besides the call, and the bytes of the canister's id.
    const OTHER_BYTES: usize = 110 + 10;
    on_every_server(|server| {
        let (short, long) = ("m".to_owned(), "m".repeat(300));
        // Each method has no instructions besides the one that every function begins with.
        let methods = [&short, &long]
            .map(|name| format!(r#"(func (export "canister_update {name}"))"#))
            .concat();
        let pic = server.instance(1);
        let canister = install_module(&pic, wasm(&format!("(module {methods})")));
        let anonymous = Principal::anonymous();
        let user = Principal::self_authenticating([1]);
        // The lengths of sender, method and argument need no, one, two or four further bytes.
        for (sender, method, argument, further) in [
            (anonymous, &short, 0, 0),
            (anonymous, &short, 23, 0),
            (anonymous, &short, 24, 1),
            (anonymous, &short, 255, 1),
            (anonymous, &short, 256, 2),
            (anonymous, &short, 65_535, 2),
            (anonymous, &short, 65_536, 4),
            (anonymous, &long, 0, 2),
            (user, &short, 0, 1),
            (user, &long, 1_000, 5),
        ] {
            let before = pic.cycle_balance(canister);
            let reply = pic.update_call(canister, sender, method, vec![0; argument]);
            assert_eq!(reply.unwrap_err().error_code, ErrorCode::CanisterDidNotReply);
            let spent = before - pic.cycle_balance(canister);
            let bytes = OTHER_BYTES + sender.as_slice().len() + method.len() + argument + further;
            let fee = FEE + 2_000 * bytes as u128;
            assert_eq!(spent, fee + u128::from(EXECUTION_BASE) + 1, "{sender} {method} {argument}");
        }
    });
}
