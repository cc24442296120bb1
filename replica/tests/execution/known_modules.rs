//! Modules that a subnet has installed before: compiling them again costs a hundredth.

use crate::installation::installing;
use candid::Principal;
use ic_management_canister_types::CanisterInstallMode::{self, Install, Reinstall, Upgrade};
use test_support::script::wasm;
use test_support::{ScriptedNetwork, on_every_server};

/// Compiling an instruction of a new module, and of one that the subnet knows.
const NEW: u128 = 6_000;
const KNOWN: u128 = 60;

/// A module of so many instructions, and some more that all of these modules have.
fn module(instructions: usize) -> Vec<u8> {
    wasm(&format!("(module (func {}))", "(nop)".repeat(instructions)))
}

/// What a thousand instructions cost, if `cost` is the cost of a module.
fn per_thousand(cost: impl Fn(&[u8]) -> u128) -> u128 {
    cost(&module(2_000)) - cost(&module(1_000))
}

/// Installs a module in a new canister. Returns the canister and the cost.
fn install(network: &ScriptedNetwork, module: &[u8]) -> (Principal, u128) {
    let id = network.pic.create_canister();
    (id, installing(network, id, Install, module))
}

#[test]
fn a_module_that_the_subnet_has_installed_costs_a_hundredth_in_every_canister_and_mode() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert_eq!(per_thousand(|module| install(&network, module).1), 1_000 * NEW);
        assert_eq!(per_thousand(|module| install(&network, module).1), 1_000 * KNOWN);
        let again = |mode: CanisterInstallMode| {
            per_thousand(|module| {
                let (id, _) = install(&network, module);
                installing(&network, id, mode, module)
            })
        };
        assert_eq!(again(Reinstall), 1_000 * KNOWN);
        assert_eq!(again(Upgrade(None)), 1_000 * KNOWN);
    });
}

#[test]
fn loading_a_snapshot_costs_a_hundredth_of_compiling_a_module_that_the_subnet_has_installed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let loading = per_thousand(|module| {
            let (id, _) = install(&network, module);
            let snapshot = network.pic.take_canister_snapshot(id, None, None).unwrap();
            let load = || network.pic.load_canister_snapshot(id, None, snapshot.id).unwrap();
            network.spent(id, load).0
        });
        // Each byte of the snapshot counts as an instruction.
        assert_eq!(loading, 1_000 * (KNOWN + 1));
    });
}

#[test]
fn a_module_is_new_until_its_installation_succeeds() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let failing = |module: &[u8]| {
            let id = network.pic.create_canister();
            installing(&network, id, Install, module)
        };
        let trapping = |instructions: usize| {
            let nops = "(nop)".repeat(instructions);
            wasm(&format!(r#"(module (func (export "canister_init") unreachable) (func {nops}))"#))
        };
        for _ in 0..2 {
            assert_eq!(failing(&trapping(2_000)) - failing(&trapping(1_000)), 1_000 * NEW);
        }
    });
}

#[test]
fn modules_are_new_again_after_a_checkpoint() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let costs = || [0, 1].map(|_| install(&network, &module(1_000)).1);
        let [new, known] = costs();
        assert!(known < new);
        // There is a checkpoint every 500 rounds.
        (0..500).for_each(|_| network.pic.tick());
        assert_eq!(costs(), [new, known]);
    });
}
