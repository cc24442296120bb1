//! Upgrades that keep the heap.

use crate::installation::{fill, memories};
use crate::script::{ON_PRE_UPGRADE, canister, canister_with, number, script};
use crate::world::{World, on_every_server};
use candid::Principal;
use ic_management_canister_types::{
    CanisterInstallMode, InstallCodeArgs, UpgradeFlags, WasmMemoryPersistence,
};
use pocket_ic::common::rest::RawEffectivePrincipal;
use pocket_ic::{ErrorCode, RejectResponse, call_candid_as};

const KEEP: Option<WasmMemoryPersistence> = Some(WasmMemoryPersistence::Keep);
const REPLACE: Option<WasmMemoryPersistence> = Some(WasmMemoryPersistence::Replace);

/// The canister of the tests, made for its heap to outlive it. It begins with a 7 in cell 10.
fn persistent() -> Vec<u8> {
    canister_with(
        r#"(@custom "icp:private enhanced-orthogonal-persistence" "")
        (data (i32.const 80) "\07")"#,
    )
}

impl World {
    fn upgrade(
        &self,
        module: Vec<u8>,
        argument: Vec<u8>,
        flags: UpgradeFlags,
    ) -> Result<(), RejectResponse> {
        let argument = InstallCodeArgs {
            mode: CanisterInstallMode::Upgrade(Some(flags)),
            canister_id: self.a,
            wasm_module: module,
            arg: argument,
            sender_canister_version: None,
        };
        call_candid_as(
            &self.pic,
            Principal::management_canister(),
            RawEffectivePrincipal::CanisterId(self.a.as_slice().to_vec()),
            Principal::anonymous(),
            "install_code",
            (argument,),
        )
    }

    /// Upgrades with nothing said but what becomes of the heap.
    fn upgrade_heap(
        &self,
        module: Vec<u8>,
        wasm_memory_persistence: Option<WasmMemoryPersistence>,
    ) -> Result<(), RejectResponse> {
        let flags = UpgradeFlags { skip_pre_upgrade: None, wasm_memory_persistence };
        self.upgrade(module, vec![], flags)
    }
}

fn code(result: Result<(), RejectResponse>) -> ErrorCode {
    result.expect_err("the upgrade fails").error_code
}

#[test]
fn an_upgrade_may_keep_the_heap_as_pre_upgrade_leaves_it() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let hook = script().keep(ON_PRE_UPGRADE, script().count(9)).grow(3).reply("");
        world.run(world.a, hook).unwrap();
        let pages = || number(&world.ask(world.a, script().heap_pages().reply_number()).unwrap());
        let before = pages();
        // The client's own way to say it.
        let after = script().load(9).store(11).bytes();
        world.pic.upgrade_eop_canister(world.a, persistent(), after, None).unwrap();
        // Globals begin anew.
        assert_eq!(memories(&world), [6, 5, 0]);
        assert_eq!(world.cell(world.a, 11), 6, "post_upgrade finds the heap");
        assert_eq!(pages(), before);
    });
}

#[test]
fn pre_upgrade_can_be_skipped() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let trapping = script().keep(ON_PRE_UPGRADE, script().count(9).trap("no")).reply("");
        world.run(world.a, trapping).unwrap();
        code(world.upgrade_heap(persistent(), KEEP));
        let skipping = UpgradeFlags { skip_pre_upgrade: Some(true), wasm_memory_persistence: KEEP };
        world.upgrade(persistent(), vec![], skipping).unwrap();
        assert_eq!(memories(&world), [5, 5, 0]);
    });
}

#[test]
fn data_of_the_new_module_does_not_overwrite_a_heap_that_is_kept() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        world.upgrade_heap(persistent(), KEEP).unwrap();
        assert_eq!(world.cell(world.a, 10), 0);
        world.upgrade_heap(persistent(), REPLACE).unwrap();
        assert_eq!((world.cell(world.a, 9), world.cell(world.a, 10)), (0, 7));
    });
}

#[test]
fn a_heap_that_is_kept_goes_on_as_any_other() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        world.upgrade_heap(persistent(), KEEP).unwrap();
        world.run(world.a, script().count(9).reply("")).unwrap();
        world.run(world.a, script().count(9).grow(1).trap("undone")).unwrap_err();
        assert_eq!(world.cell(world.a, 9), 6);
        world.upgrade_heap(persistent(), KEEP).unwrap();
        assert_eq!(world.cell(world.a, 9), 6);
    });
}

#[test]
fn a_heap_is_not_kept_for_a_module_that_does_not_expect_it() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let refused = world.upgrade_heap(canister(), KEEP);
        assert_eq!(code(refused), ErrorCode::CanisterContractViolation);
        world.upgrade_heap(persistent(), KEEP).unwrap();
        let refused = world.upgrade_heap(canister(), KEEP).unwrap_err();
        let text = &refused.reject_message;
        assert!(text.contains("Invalid upgrade option"), "{text}");
        assert_eq!(memories(&world), [5, 5, 0]);
        world.upgrade_heap(canister(), REPLACE).unwrap();
        assert_eq!(memories(&world), [0, 5, 0]);
    });
}

#[test]
fn a_module_that_lives_in_its_heap_does_not_lose_it_by_mistake() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.upgrade_heap(persistent(), None).unwrap();
        world.run(world.a, script().put(9, 5).reply("")).unwrap();
        for module in [canister(), persistent()] {
            let refused = world.upgrade_heap(module, None).unwrap_err();
            assert_eq!(refused.error_code, ErrorCode::CanisterContractViolation);
            let text = &refused.reject_message;
            assert!(text.contains("Missing upgrade option"), "{text}");
            assert!(text.contains("`wasm_memory_persistence`"), "{text}");
        }
        assert_eq!(world.cell(world.a, 9), 5);
    });
}

#[test]
fn an_upgrade_that_fails_leaves_the_heap_as_it_was() {
    on_every_server(|server| {
        let world = server.one_subnet();
        fill(&world);
        let trapping = script().count(9).trap("in post_upgrade").bytes();
        let flags = UpgradeFlags { skip_pre_upgrade: None, wasm_memory_persistence: KEEP };
        let failed = world.upgrade(persistent(), trapping, flags);
        assert_eq!(code(failed), ErrorCode::CanisterCalledTrap);
        assert_eq!(memories(&world), [5, 5, 5]);
    });
}
