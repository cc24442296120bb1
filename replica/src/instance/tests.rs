//! When a network next has work to do.

use super::*;
use crate::ic00::encode;
use crate::limits::ALLOCATION_CHARGE_INTERVAL_SECONDS;
use ic_management_canister_types::{
    CanisterIdRecord, CanisterInstallMode, InstallCodeArgs, ProvisionalCreateCanisterWithCyclesArgs,
};

/// More rounds than canisters take to fall asleep.
const ROUNDS_UNTIL_ASLEEP: usize = 40;

/// Sets its timer to 25 seconds after its installation, and counts the executions of its timer.
const WITH_TIMER: &str = r#"(module
    (import "ic0" "time" (func $time (result i64)))
    (import "ic0" "global_timer_set" (func $set (param i64) (result i64)))
    (func (export "canister_init")
      (drop (call $set (i64.add (call $time) (i64.const 25_000_000_000)))))
    (func (export "canister_global_timer")))"#;

/// Creates a canister with this module.
fn install(instance: &mut Instance, module: &str) -> CanisterId {
    let creation = encode((ProvisionalCreateCanisterWithCyclesArgs::default(),));
    let creation = CanisterCall::anonymous(
        CanisterId::MANAGEMENT,
        "provisional_create_canister_with_cycles",
        creation,
    );
    let reply = instance.update(creation).expect("it makes sense").expect("it is created");
    let CanisterIdRecord { canister_id } = candid::decode_one(&reply).expect("an id");
    let arguments = InstallCodeArgs {
        mode: CanisterInstallMode::Install,
        canister_id,
        wasm_module: wat::parse_str(module).expect("the text is a module"),
        arg: Vec::new(),
        sender_canister_version: None,
    };
    let installation =
        CanisterCall::anonymous(CanisterId::MANAGEMENT, "install_code", encode((arguments,)));
    let installation = CanisterCall {
        effective_principal: EffectivePrincipal::Canister(canister_id.into()),
        ..installation
    };
    instance.update(installation).expect("it makes sense").expect("it is installed");
    canister_id.into()
}

/// The time at which a canister is next charged for its resources.
fn next_charge(instance: &Instance, canister: CanisterId) -> Time {
    let charged_until = instance.canister(canister).expect("it is there").charged_until;
    charged_until.plus_secs(ALLOCATION_CHARGE_INTERVAL_SECONDS)
}

#[test]
fn a_network_of_idle_canisters_has_work_when_they_are_charged_when_a_timer_is_due_and_when_a_message_waits()
 {
    let config = InstanceConfig::with_application_subnets(2);
    let mut instance = Instance::new(config).expect("there is a subnet");
    let with_timer = install(&mut instance, WITH_TIMER);
    let other = install(&mut instance, "(module)");
    let timer = instance.canister(with_timer).expect("it is there").global_timer;
    let timer = timer.expect("the timer is set");
    let mut times = Vec::new();
    loop {
        (0..ROUNDS_UNTIL_ASLEEP).for_each(|_| instance.tick());
        let charge = next_charge(&instance, with_timer).min(next_charge(&instance, other));
        assert_eq!(instance.next_work(), NextWork::At(charge.min(timer)));
        times.push(charge.min(timer));
        instance.set_time(charge.min(timer)).expect("it is later");
        instance.tick();
        let is_set =
            instance.canister(with_timer).expect("it is there").global_timer == Some(timer);
        assert_eq!(is_set, instance.time() < timer, "the timer goes off when it is due");
        if !is_set {
            break;
        }
    }
    assert!(times.len() > 2 && times.is_sorted(), "{times:?}");
    let message = CanisterCall::anonymous(with_timer, "none", Vec::new());
    instance.submit(message).expect("it makes sense").expect("it is accepted");
    assert_eq!(instance.next_work(), NextWork::Now);
    (0..ROUNDS_UNTIL_ASLEEP).for_each(|_| instance.tick());
    let charge = next_charge(&instance, with_timer).min(next_charge(&instance, other));
    assert_eq!(instance.next_work(), NextWork::At(charge));
}
