use super::*;
use crate::instance::InstanceConfig;
use crate::topology::canister_id;

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
