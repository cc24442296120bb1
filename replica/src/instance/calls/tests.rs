use super::*;
use crate::ic00::encode;
use crate::instance::InstanceConfig;
use crate::topology::canister_id;
use ic_management_canister_types::{
    CanisterIdRecord, CanisterInstallMode, InstallCodeArgs, ProvisionalCreateCanisterWithCyclesArgs,
};

#[test]
fn the_id_of_a_message_is_the_request_id_of_the_call_with_a_nonce() {
    let call = CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister: canister_id(5),
        effective_principal: EffectivePrincipal::None,
        method: "run".into(),
        argument: b"abc".to_vec(),
    };
    let expiry = Time::GENESIS.plus_secs(300);
    // The ids were computed by another program from the interface specification, "Request ids".
    let ids = [
        "058f95abb178ec024d46afa0c09123813d12af4580b3107ec3f998270f0664d1",
        "86919d144e3a30a3b2745f25f4c89c5134cc6dc759d6258151f5399488a5e0c7",
    ];
    for (nonce, id) in (0..).zip(ids) {
        assert_eq!(hex::encode(message_id(&call, expiry, nonce).0), id);
    }
}

#[test]
fn each_subnet_counts_its_own_messages() {
    let mut instance =
        Instance::new(InstanceConfig::with_application_subnets(2)).expect("there are subnets");
    let subnets: Vec<SubnetId> = instance.network().subnets().map(|one| one.config().id).collect();
    let call = |subnet: SubnetId| CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister: CanisterId::MANAGEMENT,
        effective_principal: EffectivePrincipal::Subnet(subnet),
        method: "provisional_create_canister_with_cycles".into(),
        argument: candid::encode_one(candid::Reserved).expect("it is Candid"),
    };
    let expiry = instance.time().plus_secs(INGRESS_LIFETIME_SECONDS_MAX);
    for (subnet, nonce) in [(subnets[0], 0), (subnets[0], 1), (subnets[1], 0)] {
        let id = instance.submit(call(subnet)).expect("there is a subnet").expect("it is accepted");
        assert_eq!(id, message_id(&call(subnet), expiry, nonce));
    }
}

/// The call of a controller that installs a module of this size into a canister.
fn installation(canister: CanisterId, bytes: usize) -> CanisterCall {
    let arguments = InstallCodeArgs {
        mode: CanisterInstallMode::Install,
        canister_id: canister.principal(),
        wasm_module: vec![7; bytes],
        arg: Vec::new(),
        sender_canister_version: None,
    };
    CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister: CanisterId::MANAGEMENT,
        effective_principal: EffectivePrincipal::Canister(canister),
        method: "install_code".into(),
        argument: encode((arguments,)),
    }
}

#[test]
fn the_modules_that_are_compiled_before_a_round_end_with_the_one_that_exceeds_their_bound() {
    let config = InstanceConfig::with_application_subnets(1);
    let mut instance = Instance::new(config).expect("there is a subnet");
    let creation = CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister: CanisterId::MANAGEMENT,
        effective_principal: EffectivePrincipal::None,
        method: "provisional_create_canister_with_cycles".into(),
        argument: encode((ProvisionalCreateCanisterWithCyclesArgs::default(),)),
    };
    let reply = instance.update(creation).expect("it makes sense").expect("it is created");
    let record: CanisterIdRecord = candid::decode_one(&reply).expect("an id");
    let bytes = 1 << 20;
    let within_bound = WAITING_MODULES_BYTES_MAX / bytes;
    assert_eq!(within_bound * bytes, WAITING_MODULES_BYTES_MAX);
    for count in 1..=within_bound + 3 {
        let call = installation(record.canister_id.into(), bytes);
        instance.submit(call).expect("it makes sense").expect("it is accepted");
        let modules = instance.waiting_modules();
        assert_eq!(modules.len(), count.min(within_bound + 1));
        assert!(modules.iter().all(|module| module.len() == bytes));
    }
}
