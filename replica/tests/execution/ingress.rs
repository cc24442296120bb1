//! Ingress messages: which of them a block takes, and how long they can wait.

use crate::cycles::EXECUTION_BASE;
use crate::ic00::{ask, submit_management};
use candid::{CandidType, Nat, Principal};
use pocket_ic::{CanisterSettings, ErrorCode};
use std::time::Duration;
use test_support::script::{Script, call, script, wasm};
use test_support::scripted::install_module;
use test_support::{StatusOf, encode, in_block_order, on_every_server};

/// Needs 500 million instructions, a quarter of what a round has.
fn toil() -> Script {
    script().prepare(call(Principal::anonymous()).zeros(10_000_000)).reply("done")
}

#[test]
fn a_message_that_waits_five_minutes_in_the_queue_of_its_canister_fails() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let messages = (0..6).map(|_| network.submit(network.a, toil())).collect();
        let messages = in_block_order(messages);
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
fn a_management_call_that_waits_five_minutes_for_its_turn_fails() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Eight billion instructions, which take four rounds. Meanwhile, management calls wait.
        let long = network.submit(network.a, script().spin(1_000_000_000).reply("done"));
        network.pic.tick();
        let waiting = submit_management(&network, "stop_canister", network.a);
        network.pic.tick();
        assert_eq!((network.response(&long), network.response(&waiting)), (None, None));
        network.pic.advance_time(Duration::from_secs(6 * 60));
        network.pic.tick();
        let reject = network.response(&waiting).expect("it has timed out").unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::IngressMessageTimeout);
        assert_eq!(network.ticks(&long).1, Ok(b"done".to_vec()));
    });
}

#[test]
fn a_message_that_expires_before_a_block_takes_it_has_no_status_and_costs_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let lifetime = Duration::from_secs(5 * 60);
        let before = network.pic.cycle_balance(network.a);
        let message = network.submit(network.a, script().count(9).reply(""));
        network.pic.advance_time(lifetime + Duration::from_nanos(1));
        network.pic.tick();
        assert_eq!((network.response(&message), network.cell(network.a, 9)), (None, 0));
        // The canister pays for its memory. A message costs at least 1,200,000 cycles.
        let spent = before - network.pic.cycle_balance(network.a);
        assert!(spent < 1_000_000, "{spent} cycles");
        // A block takes a message up to its expiry.
        let message = network.submit(network.a, script().count(9).reply(""));
        network.pic.advance_time(lifetime);
        network.pic.tick();
        assert!(network.response(&message).is_some_and(|response| response.is_ok()));
    });
}

#[test]
fn a_block_takes_only_messages_that_a_canister_can_pay_for_together() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (pic, id) = (&network.pic, network.a);
        // The canister is frozen but for 2,400,000 cycles. Taking in one message costs about 1,600,000.
        let daily = pic.status_of(id, None).unwrap().idle_cycles_burned_per_day;
        let frozen = Nat::from(pic.cycle_balance(id) - 4_000_000);
        let settings = CanisterSettings {
            freezing_threshold: Some(frozen * 86_400u32 / daily),
            ..CanisterSettings::default()
        };
        pic.update_canister_settings(id, None, settings).unwrap();
        let messages = [(); 2].map(|()| network.submit(id, script().reply("done")));
        pic.tick();
        let responses = messages.each_ref().map(|message| network.response(message));
        let taken = responses.iter().flatten().collect::<Vec<_>>();
        assert_eq!(taken.len(), 1, "{responses:?}");
        let reject = taken[0].as_ref().unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterOutOfCycles, "it cannot be executed");
        pic.add_cycles(id, 1_000_000_000_000);
        pic.tick();
        let responses = messages.each_ref().map(|message| network.response(message));
        assert!(responses.contains(&Some(Ok(b"done".to_vec()))), "{responses:?}");
    });
}

#[test]
fn a_block_takes_four_mebibytes_of_all_canisters_in_turn() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let large = || script().append(&"a".repeat(1_800_000)).reply_number();
        let to_a = in_block_order((0..3).map(|_| network.submit(network.a, large())).collect());
        let to_b = network.submit(network.b, script().reply("b"));
        network.pic.tick();
        let done: Vec<bool> =
            to_a.iter().map(|message| network.response(message).is_some()).collect();
        // Messages are selected from the highest id on.
        assert_eq!(done, [false, true, true]);
        assert_eq!(network.response(&to_b), Some(Ok(b"b".to_vec())));
        network.pic.tick();
        assert!(network.response(&to_a[0]).is_some());
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

/// An argument of `update_settings`.
#[derive(CandidType, Clone)]
struct Arguments {
    canister_id: Principal,
    settings: Allocation,
    /// A field that the management canister does not know.
    padding: String,
}

#[derive(CandidType, Clone)]
struct Allocation {
    compute_allocation: Option<Nat>,
}

#[test]
fn a_small_change_of_settings_is_paid_for_when_it_is_executed_whether_it_succeeds_or_fails() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let spent = |percent: u64, padding: usize| {
            let arguments = Arguments {
                canister_id: network.a,
                settings: Allocation { compute_allocation: Some(Nat::from(percent)) },
                padding: "p".repeat(padding),
            };
            let bytes = encode(arguments.clone()).len() as u128;
            let anonymous = Principal::anonymous();
            let (spent, reply) = network.spent(network.a, || {
                ask(&network.pic, anonymous, network.a, "update_settings", arguments)
            });
            assert_eq!(reply.is_ok(), percent <= 100, "{reply:?}");
            // Without the size of the argument.
            spent - 2_000 * bytes
        };
        let name = 15;
        let afterwards = 1_200_000 + 2_000 * name;
        let envelope = 1_200_000 + 2_000 * (110 + 2 + name + 1);
        for percent in [0, 101] {
            assert_eq!(spent(percent, 0), afterwards, "{percent} percent");
            assert_eq!(spent(percent, 200), afterwards, "{percent} percent");
            // A large argument is paid for when the message is taken in.
            assert_eq!(spent(percent, 400), envelope, "{percent} percent");
        }
    });
}
