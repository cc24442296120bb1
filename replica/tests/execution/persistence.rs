//! Upgrades that keep the heap.

use crate::installation::{fill, memories};
use candid::Principal;
use ic_management_canister_types::{
    CanisterInstallMode, InstallCodeArgs, UpgradeFlags, WasmMemoryPersistence,
};
use pocket_ic::common::rest::RawEffectivePrincipal;
use pocket_ic::{ErrorCode, RejectResponse, call_candid_as};
use test_support::script::{ON_PRE_UPGRADE, canister, canister_with, number, script};
use test_support::{ScriptedNetwork, on_every_server};

const KEEP: Option<WasmMemoryPersistence> = Some(WasmMemoryPersistence::Keep);
const REPLACE: Option<WasmMemoryPersistence> = Some(WasmMemoryPersistence::Replace);

/// The canister of the tests, made for its heap to outlive it. It begins with a 7 in cell 10.
fn persistent() -> Vec<u8> {
    canister_with(
        r#"(@custom "icp:private enhanced-orthogonal-persistence" "")
        (data (i32.const 80) "\07")"#,
    )
}

fn upgrade(
    network: &ScriptedNetwork,
    module: Vec<u8>,
    argument: Vec<u8>,
    flags: UpgradeFlags,
) -> Result<(), RejectResponse> {
    let argument = InstallCodeArgs {
        mode: CanisterInstallMode::Upgrade(Some(flags)),
        canister_id: network.a,
        wasm_module: module,
        arg: argument,
        sender_canister_version: None,
    };
    call_candid_as(
        &network.pic,
        Principal::management_canister(),
        RawEffectivePrincipal::CanisterId(network.a.as_slice().to_vec()),
        Principal::anonymous(),
        "install_code",
        (argument,),
    )
}

/// Upgrades `a`; the flags say nothing but what becomes of the heap.
fn upgrade_heap(
    network: &ScriptedNetwork,
    module: Vec<u8>,
    wasm_memory_persistence: Option<WasmMemoryPersistence>,
) -> Result<(), RejectResponse> {
    let flags = UpgradeFlags { skip_pre_upgrade: None, wasm_memory_persistence };
    upgrade(network, module, vec![], flags)
}

fn code(result: Result<(), RejectResponse>) -> ErrorCode {
    result.expect_err("the upgrade fails").error_code
}

#[test]
fn an_upgrade_may_keep_the_heap_as_pre_upgrade_leaves_it() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let hook = script().keep(ON_PRE_UPGRADE, script().count(9)).grow(3).reply("");
        network.run(network.a, hook).unwrap();
        let pages =
            || number(&network.ask(network.a, script().heap_pages().reply_number()).unwrap());
        let before = pages();
        // The client's own way to say it.
        let after = script().load(9).store(11).bytes();
        network.pic.upgrade_eop_canister(network.a, persistent(), after, None).unwrap();
        // Globals begin anew.
        assert_eq!(memories(&network), [6, 5, 0]);
        assert_eq!(network.cell(network.a, 11), 6, "post_upgrade finds the heap");
        assert_eq!(pages(), before);
    });
}

#[test]
fn pre_upgrade_can_be_skipped() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let trapping = script().keep(ON_PRE_UPGRADE, script().count(9).trap("no")).reply("");
        network.run(network.a, trapping).unwrap();
        code(upgrade_heap(&network, persistent(), KEEP));
        let skipping = UpgradeFlags { skip_pre_upgrade: Some(true), wasm_memory_persistence: KEEP };
        upgrade(&network, persistent(), vec![], skipping).unwrap();
        assert_eq!(memories(&network), [5, 5, 0]);
    });
}

#[test]
fn data_of_the_new_module_does_not_overwrite_a_heap_that_is_kept() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        upgrade_heap(&network, persistent(), KEEP).unwrap();
        assert_eq!(network.cell(network.a, 10), 0);
        upgrade_heap(&network, persistent(), REPLACE).unwrap();
        assert_eq!((network.cell(network.a, 9), network.cell(network.a, 10)), (0, 7));
    });
}

#[test]
fn a_kept_heap_can_be_used_like_any_other_heap() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        upgrade_heap(&network, persistent(), KEEP).unwrap();
        network.run(network.a, script().count(9).reply("")).unwrap();
        network.run(network.a, script().count(9).grow(1).trap("undone")).unwrap_err();
        assert_eq!(network.cell(network.a, 9), 6);
        upgrade_heap(&network, persistent(), KEEP).unwrap();
        assert_eq!(network.cell(network.a, 9), 6);
    });
}

#[test]
fn a_heap_is_not_kept_for_a_module_that_does_not_expect_it() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let refused = upgrade_heap(&network, canister(), KEEP);
        assert_eq!(code(refused), ErrorCode::CanisterContractViolation);
        upgrade_heap(&network, persistent(), KEEP).unwrap();
        let refused = upgrade_heap(&network, canister(), KEEP).unwrap_err();
        let text = &refused.reject_message;
        assert!(text.contains("Invalid upgrade option"), "{text}");
        assert_eq!(memories(&network), [5, 5, 0]);
        upgrade_heap(&network, canister(), REPLACE).unwrap();
        assert_eq!(memories(&network), [0, 5, 0]);
    });
}

#[test]
fn a_module_that_lives_in_its_heap_does_not_lose_it_by_mistake() {
    on_every_server(|server| {
        let network = server.one_subnet();
        upgrade_heap(&network, persistent(), None).unwrap();
        network.run(network.a, script().put(9, 5).reply("")).unwrap();
        for module in [canister(), persistent()] {
            let refused = upgrade_heap(&network, module, None).unwrap_err();
            assert_eq!(refused.error_code, ErrorCode::CanisterContractViolation);
            let text = &refused.reject_message;
            assert!(text.contains("Missing upgrade option"), "{text}");
            assert!(text.contains("`wasm_memory_persistence`"), "{text}");
        }
        assert_eq!(network.cell(network.a, 9), 5);
    });
}

#[test]
fn an_upgrade_that_fails_leaves_the_heap_as_it_was() {
    on_every_server(|server| {
        let network = server.one_subnet();
        fill(&network);
        let trapping = script().count(9).trap("in post_upgrade").bytes();
        let flags = UpgradeFlags { skip_pre_upgrade: None, wasm_memory_persistence: KEEP };
        let failed = upgrade(&network, persistent(), trapping, flags);
        assert_eq!(code(failed), ErrorCode::CanisterCalledTrap);
        assert_eq!(memories(&network), [5, 5, 5]);
    });
}
