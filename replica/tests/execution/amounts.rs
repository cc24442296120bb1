//! Who learns how many cycles a canister lacks: its controllers.

use crate::ic00::{management, set, somebody};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::{ErrorCode, RejectResponse};
use test_support::script::{Script, call, rejected, script};
use test_support::{ScriptedNetwork, on_every_server};

/// Whether a text contains a number of at least seven digits that is no number of bytes. The ids of the two
/// canisters do not count.
fn has_amount(network: &ScriptedNetwork, text: &str) -> bool {
    let text = text.replace(&network.a.to_text(), "").replace(&network.b.to_text(), "");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.iter().enumerate().any(|(at, word)| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        digits >= 7 && words.get(at + 1).is_none_or(|next| !next.starts_with("bytes"))
    })
}

/// The reject that `a` gives to a user.
fn reject_for(network: &ScriptedNetwork, user: Principal, steps: &Script) -> RejectResponse {
    network.pic.update_call(network.a, user, "run", steps.bytes()).unwrap_err()
}

/// Fails unless `a` rejects with this code, and tells the amount only to its controllers: a user and `b`.
fn assert_told_to_controllers(network: &ScriptedNetwork, steps: &Script, code: ErrorCode) {
    let by_canister = || {
        let one = call(network.a).running(steps.clone());
        rejected(&network.run(network.b, script().call(one)).unwrap()).1
    };
    for (user, told) in [(Principal::anonymous(), true), (somebody(), false)] {
        let reject = reject_for(network, user, steps);
        assert_eq!(reject.error_code, code, "{}", reject.reject_message);
        assert_eq!(has_amount(network, &reject.reject_message), told, "{}", reject.reject_message);
    }
    let text = by_canister();
    assert!(!has_amount(network, &text), "{text}");
    let controllers = vec![network.b, Principal::anonymous()];
    network.pic.set_controllers(network.a, None, controllers).unwrap();
    let text = by_canister();
    assert!(has_amount(network, &text), "{text}");
}

#[test]
fn only_controllers_learn_how_many_cycles_an_execution_lacks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // What is left pays for taking messages in, not for executing them.
        network.run(network.a, script().liquid().burn_acc().reply("")).unwrap();
        let code = ErrorCode::CanisterOutOfCycles;
        assert_told_to_controllers(&network, &script().reply(""), code);
        let reject = reject_for(&network, somebody(), &script().reply(""));
        assert!(reject.reject_message.contains("is out of cycles"), "{}", reject.reject_message);
    });
}

#[test]
fn only_controllers_learn_how_many_cycles_taking_a_message_in_lacks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let freezing_threshold = Some(u64::MAX.into());
        let settings = CanisterSettings { freezing_threshold, ..CanisterSettings::default() };
        set(&network.pic, network.a, settings).unwrap();
        for (user, told) in [(Principal::anonymous(), true), (somebody(), false)] {
            let reject = reject_for(&network, user, &script().reply(""));
            assert_eq!(reject.error_code, ErrorCode::CanisterOutOfCycles);
            assert_eq!(has_amount(&network, &reject.reject_message), told, "{reject:?}");
        }
    });
}

#[test]
fn only_controllers_learn_how_many_cycles_growing_memory_lacks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        // Twenty years of two GiB cost more than the canister has.
        let freezing_threshold = Some(630_720_000u64.into());
        let settings = CanisterSettings { freezing_threshold, ..CanisterSettings::default() };
        set(&network.pic, network.a, settings).unwrap();
        let steps = script().grow(1 << 15).reply("");
        assert_told_to_controllers(&network, &steps, ErrorCode::InsufficientCyclesInMemoryGrow);
    });
}

#[test]
fn nobody_learns_how_many_cycles_could_be_attached_to_a_call() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let steps = script().prepare(call(network.b).cycles(u64::MAX)).reply("");
        for user in [Principal::anonymous(), somebody()] {
            let reject = reject_for(&network, user, &steps);
            assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
            assert!(reject.reject_message.contains("is out of cycles"), "{reject:?}");
            assert!(!has_amount(&network, &reject.reject_message), "{reject:?}");
        }
    });
}

#[test]
fn viewers_of_a_snapshot_do_not_learn_how_many_cycles_reading_it_lacks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let canister_id = network.a;
        let snapshot_id = network.pic.take_canister_snapshot(canister_id, None, None).unwrap().id;
        let settings = CanisterSettings {
            snapshot_visibility: Some(SnapshotVisibility::Public),
            freezing_threshold: Some(u64::MAX.into()),
            ..CanisterSettings::default()
        };
        set(&network.pic, canister_id, settings).unwrap();
        let read = || {
            let kind = SnapshotDataKind::WasmModule { offset: 0, size: 10 };
            let snapshot_id = snapshot_id.clone();
            let arguments = ReadCanisterSnapshotDataArgs { canister_id, snapshot_id, kind };
            let one = management("read_canister_snapshot_data", arguments);
            rejected(&network.run(network.b, script().call(one)).unwrap())
        };
        for (controllers, told) in
            [(vec![Principal::anonymous()], false), (vec![Principal::anonymous(), network.b], true)]
        {
            network.pic.set_controllers(canister_id, None, controllers).unwrap();
            let (code, text) = read();
            assert!(code == 2 && text.contains("is out of cycles"), "{code} {text}");
            assert_eq!(has_amount(&network, &text), told, "{text}");
        }
    });
}
