//! Words in rejects that programs look for. "Texts that clients read" in DESIGN.md says which program looks for
//! which words.

use crate::ic00::{about, ask, management, reject, somebody, submit_management};
use crate::patterns::{open_gate, wait_for};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::RejectResponse;
use test_support::script::{canister, script, wasm};
use test_support::scripted::install_module;
use test_support::{nothing, on_every_server, panic_message};

/// Asserts that a reject has these words.
#[track_caller]
fn assert_words<T: std::fmt::Debug>(result: Result<T, RejectResponse>, words: &str) {
    let text = result.unwrap_err().reject_message;
    assert!(text.contains(words), "'{words}' is not in: {text}");
}

#[test]
fn a_missing_method_is_named_with_its_kind() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let nobody = Principal::anonymous();
        let queried = network.pic.query_call(network.a, nobody, "wallet_api_version", nothing());
        assert_words(queried, "has no query method 'wallet_api_version'");
        let called = network.pic.update_call(network.a, nobody, "wallet_receive", nothing());
        assert_words(called, "has no update method 'wallet_receive'");
    });
}

#[test]
fn a_method_that_the_management_canister_lacks_or_keeps_for_canisters_is_named() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let call = |method| ask(&network.pic, somebody(), network.a, method, about(network.a));
        let unknown = call("no_such_method");
        assert_words(unknown, "ic00 interface does not expose method no_such_method");
        let creation = call("create_canister");
        assert_words(creation, "Only canisters can call ic00 method create_canister");
    });
}

#[test]
fn a_canister_that_is_stopped_running_or_gone_is_named_with_its_state() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let (pic, a) = (&network.pic, network.a);
        let nobody = Principal::anonymous();
        assert_words(pic.delete_canister(a, None), "must be stopped before it is deleted");
        let held = network.submit(a, wait_for(network.b, script().reply("held")));
        pic.tick();
        let stopping = submit_management(&network, "stop_canister", a);
        pic.tick();
        let submitted = pic.submit_call(a, nobody, "run", script().reply("run").bytes());
        assert_words(submitted, &format!("Canister {a} is stopping"));
        network.run(network.b, open_gate()).unwrap();
        assert!(network.ticks(&held).1.is_ok() && network.ticks(&stopping).1.is_ok());
        let submitted = pic.submit_call(a, nobody, "run", script().reply("run").bytes());
        assert_words(submitted, &format!("Canister {a} is stopped"));
        pic.delete_canister(a, None).unwrap();
        let submitted = pic.submit_call(a, nobody, "run", script().reply("run").bytes());
        assert_words(submitted, &format!("Canister {a} not found"));
    });
}

#[test]
fn whoever_may_not_control_a_canister_learns_that_only_its_controllers_may() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let (pic, canister) = (&network.pic, network.a);
        let stopped = ask(pic, somebody(), canister, "stop_canister", about(canister));
        assert_words(stopped, &format!("Only the controllers of the canister {canister} "));
        // A canister reads the same words.
        let (_, text) = reject(&network, management("stop_canister", about(network.b)));
        assert!(text.contains("Only the controllers of the canister"), "{text}");
    });
}

#[test]
fn a_failed_installation_says_whether_the_canister_the_module_or_the_rate_is_the_reason() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let pic = &network.pic;
        let install = |canister_id, wasm_module| {
            let arguments = InstallCodeArgs {
                mode: CanisterInstallMode::Install,
                canister_id,
                wasm_module,
                arg: vec![],
                sender_canister_version: None,
            };
            ask(pic, Principal::anonymous(), canister_id, "install_code", arguments)
        };
        assert_words(install(network.a, canister()), "is not empty");
        let empty = pic.create_canister();
        assert_words(install(empty, vec![0; 400_000]), "Canister's Wasm module is not valid");
        assert_words(install(empty, canister()), &format!("Canister {empty} is rate limited"));
    });
}

#[test]
fn a_message_that_the_canister_refuses_or_that_traps_says_so() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let refusing = r#"(module
            (func (export "canister_inspect_message"))
            (func (export "canister_update run")))"#;
        let refusing = install_module(&network.pic, wasm(refusing));
        let submitted = network.pic.submit_call(refusing, Principal::anonymous(), "run", nothing());
        assert_words(submitted, "Canister rejected the message");
        let trapped = network.run(network.a, script().trap("in the method"));
        assert_words(trapped, "called `ic0.trap` with message: 'in the method");
    });
}

#[test]
fn a_canister_that_cannot_pay_is_out_of_cycles() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let poor = pic.create_canister();
        pic.install_canister(poor, canister(), vec![], None);
        // No balance lasts that long.
        let settings = pocket_ic::CanisterSettings {
            freezing_threshold: Some(1_000_000_000_000_000_000_u64.into()),
            ..Default::default()
        };
        pic.update_canister_settings(poor, None, settings).unwrap();
        let submitted =
            pic.submit_call(poor, Principal::anonymous(), "run", script().reply("x").bytes());
        assert_words(submitted, "is out of cycles");
        let queried = pic.query_call(poor, Principal::anonymous(), "ask", script().bytes());
        assert_words(queried, "frozen");
    });
}

#[test]
fn a_threshold_key_that_no_subnet_has_is_named_with_its_scheme() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let name = || "no_such_key".to_owned();
        let ecdsa = || EcdsaKeyId { curve: EcdsaCurve::Secp256k1, name: name() };
        let schnorr = |algorithm| SchnorrKeyId { algorithm, name: name() };
        let vetkd = || VetKDKeyId { curve: VetKDCurve::Bls12_381_G2, name: name() };
        let (canister_id, derivation_path) = (None, Vec::new);
        let keys = [
            (
                "ecdsa:Secp256k1",
                management(
                    "ecdsa_public_key",
                    EcdsaPublicKeyArgs {
                        canister_id,
                        derivation_path: derivation_path(),
                        key_id: ecdsa(),
                    },
                ),
            ),
            (
                "schnorr:Ed25519",
                management(
                    "schnorr_public_key",
                    SchnorrPublicKeyArgs {
                        canister_id,
                        derivation_path: derivation_path(),
                        key_id: schnorr(SchnorrAlgorithm::Ed25519),
                    },
                ),
            ),
            (
                "vetkd:Bls12_381_G2",
                management(
                    "vetkd_public_key",
                    VetKDPublicKeyArgs { canister_id, context: vec![], key_id: vetkd() },
                ),
            ),
        ];
        for (scheme, public_key) in keys {
            let (_, text) = reject(&network, public_key);
            let words = format!("unknown threshold key: {scheme}:no_such_key, existing keys: []");
            assert!(text.contains(&words), "'{words}' is not in: {text}");
        }
        let signature = SignWithSchnorrArgs {
            message: vec![],
            derivation_path: derivation_path(),
            key_id: schnorr(SchnorrAlgorithm::Bip340secp256k1),
            aux: None,
        };
        let (_, text) = reject(&network, management("sign_with_schnorr", signature));
        let words = "threshold key: schnorr:Bip340Secp256k1:no_such_key, existing enabled keys: []";
        assert!(text.contains(words), "'{words}' is not in: {text}");
    });
}

#[test]
fn a_canister_that_wants_to_manage_a_missing_canister_reads_a_whole_sentence() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let missing = network.pic.create_canister();
        network.pic.stop_canister(missing, None).unwrap();
        network.pic.delete_canister(missing, None).unwrap();
        let (code, text) = reject(&network, management("deposit_cycles", about(missing)));
        assert_eq!(code, 3);
        assert!(text.ends_with(&format!("Canister {missing} not found.")), "{text}");
    });
}

#[test]
fn an_id_with_which_no_canister_can_be_created_is_named_with_the_reason() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        let own = pic.create_canister();
        let refused = pic.create_canister_with_id(None, None, own).unwrap_err();
        let words = format!(
            "The `specified_id` {own} is invalid because it belongs to the canister allocation ranges \
             of the test environment."
        );
        assert!(refused.contains(&words), "{refused}");
        let nowhere = Principal::from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        let words = format!(
            "The effective canister ID {nowhere} does not belong to an existing subnet and it is not \
             a mainnet canister ID."
        );
        let refused = panic_message(|| pic.create_canister_with_id(None, None, nowhere));
        assert!(refused.contains(&words), "{refused}");
    });
}
