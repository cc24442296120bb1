//! The fake canisters, called as users of a network call them.

mod accounts;
mod allowances;
mod creation;
mod minting;

use super::creation::{CreationArgs, SubnetSelection};
use super::cycles_ledger::*;
use super::directory::{GetSubnetForCanisterArgs, SubnetForCanister};
use super::icp_ledger::*;
use super::icrc1::*;
use super::*;
use crate::canister::Failure;
use crate::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig, InstanceError};
use crate::limits::*;
use crate::topology::{SubnetKind, SubnetRequest};
use candid::decode_one;
use ic_management_canister_types::{
    CanisterIdRecord, CanisterSettings, ProvisionalCreateCanisterWithCyclesArgs,
};
use sha2::{Digest, Sha224};

/// The fee for creating a canister on a subnet of 13 nodes, in cycles.
const CREATION_FEE: u128 = 500_000_000_000;
const TRILLION: u128 = 1_000_000_000_000;

fn network(fake_canisters: bool) -> Instance {
    network_with(&[SubnetKind::Application; 2], fake_canisters)
}

/// A network with these subnets, and with the NNS subnet and the II subnet that every network of `serve` has.
fn network_with(kinds: &[SubnetKind], fake_canisters: bool) -> Instance {
    let own = [SubnetKind::NetworkNervousSystem, SubnetKind::InternetIdentity];
    let subnets = own.iter().chain(kinds).map(|kind| SubnetRequest::of(*kind)).collect();
    let config = InstanceConfig::with_application_subnets(0);
    Instance::new(InstanceConfig { subnets, fake_canisters, ..config }).expect("it has subnets")
}

fn user(number: u8) -> Principal {
    Principal::self_authenticating([number])
}

fn account(owner: Principal) -> Account {
    Account { owner, subaccount: None }
}

fn call(
    sender: Principal,
    canister: CanisterId,
    method: &str,
    argument: &impl CandidType,
) -> CanisterCall {
    CanisterCall {
        sender,
        caller_info: None,
        canister,
        effective_principal: EffectivePrincipal::None,
        method: method.into(),
        argument: ic00::encode((argument,)),
    }
}

/// Executes an update call and decodes its reply.
fn update<R: CandidType + DeserializeOwned>(instance: &mut Instance, call: CanisterCall) -> R {
    let answer = instance.update(call).expect("it is answered").expect("it replies");
    decode_one(&answer).expect("it is of this type")
}

/// Executes a query and decodes its reply.
fn ask<R: CandidType + DeserializeOwned>(
    instance: &mut Instance,
    canister: CanisterId,
    method: &str,
    argument: &impl CandidType,
) -> R {
    let call = call(Principal::anonymous(), canister, method, argument);
    let answer = instance.query(call).expect("it is answered").expect("it replies");
    decode_one(&answer).expect("it is of this type")
}

fn cycles_of(instance: &mut Instance, owner: Principal) -> u128 {
    ask(instance, cycles_ledger(), "icrc1_balance_of", &account(owner))
}

/// The balance of `owner` on a ledger, as `sender` sees it.
fn seen_by(
    instance: &mut Instance,
    sender: Principal,
    ledger: CanisterId,
    owner: Principal,
) -> u128 {
    let query = call(sender, ledger, "icrc1_balance_of", &account(owner));
    let reply = instance.query(query).expect("it is answered").expect("it replies");
    decode_one(&reply).expect("it is of this type")
}

fn transfer(to: Principal, amount: u128) -> TransferArgs {
    let (fee, memo, created_at_time) = (None, None, None);
    TransferArgs { from_subaccount: None, to: account(to), amount, fee, memo, created_at_time }
}

fn send(instance: &mut Instance, args: &TransferArgs) -> Result<u128, TransferError> {
    update(instance, call(user(1), cycles_ledger(), "icrc1_transfer", args))
}

fn creation(amount: u128, creation_args: Option<CreationArgs>) -> CreateCanisterArgs {
    CreateCanisterArgs { from_subaccount: None, created_at_time: None, amount, creation_args }
}

fn create(
    instance: &mut Instance,
    args: &CreateCanisterArgs,
) -> Result<CreateCanisterSuccess, CreateCanisterError> {
    update(instance, call(user(1), cycles_ledger(), "create_canister", args))
}

fn on(subnet: SubnetId) -> Option<CreationArgs> {
    let subnet_selection = Some(SubnetSelection::Subnet { subnet: subnet.into() });
    Some(CreationArgs { settings: None, subnet_selection })
}

fn application_subnets(instance: &Instance) -> [SubnetId; 2] {
    [2, 3].map(|number| instance.subnets()[number].place.id)
}

#[test]
fn fake_canisters_have_the_ids_of_the_originals_and_exist_only_if_configured() {
    let ids = [registry(), icp_ledger(), cycles_minting_canister(), cycles_ledger()];
    let texts = [
        "rwlgt-iiaaa-aaaaa-aaaaa-cai",
        "ryjl3-tyaaa-aaaaa-aaaba-cai",
        "rkp4c-7iaaa-aaaaa-aaaca-cai",
        "um5iw-rqaaa-aaaaq-qaaba-cai",
    ];
    assert_eq!(ids.map(|id| id.to_string()), texts);
    for id in ids {
        let query = call(user(1), id, "icrc1_fee", &());
        let answer = network(false).query(query).expect("it is answered");
        let Err(Failure::Error(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.code, ErrorCode::CanisterNotFound);
    }
}

#[test]
fn the_ledgers_have_the_symbol_the_decimals_and_the_fee_of_the_originals() {
    let mut instance = network(true);
    let mut of = |ledger| -> (u8, String, u128) {
        (
            ask(&mut instance, ledger, "icrc1_decimals", &()),
            ask(&mut instance, ledger, "icrc1_symbol", &()),
            ask(&mut instance, ledger, "icrc1_fee", &()),
        )
    };
    assert_eq!(of(cycles_ledger()), (12, "TCYCLES".into(), 100_000_000));
    assert_eq!(of(icp_ledger()), (8, "ICP".into(), 10_000));
}

#[test]
fn the_default_subnets_and_the_subnet_of_a_canister_can_be_looked_up() {
    let mut instance = network(true);
    let application = application_subnets(&instance);
    let minting = cycles_minting_canister();
    // The command line tools send a null instead of no argument.
    let subnets: Vec<Principal> = ask(&mut instance, minting, "get_default_subnets", &());
    assert_eq!(subnets, application);
    let made = create(&mut instance, &creation(TRILLION, on(application[1]))).expect("it is made");
    let mut subnet_of = |canister| -> Result<SubnetForCanister, String> {
        let args = GetSubnetForCanisterArgs { principal: Some(canister) };
        ask(&mut instance, registry(), "get_subnet_for_canister", &args)
    };
    let found = subnet_of(made.canister_id).expect("it is found");
    assert_eq!(found.subnet_id, Some(application[1].into()));
    assert!(subnet_of(user(9)).is_err());
}

#[test]
fn a_migration_of_a_canister_id_is_refused_before_it_changes_controllers() {
    let mut instance = network(true);
    let made = create(&mut instance, &creation(TRILLION, None)).expect("it is made").canister_id;
    let set = |instance: &mut Instance, controller: Principal| {
        let settings = CanisterSettings {
            controllers: Some(vec![user(1), controller]),
            ..CanisterSettings::default()
        };
        let args =
            UpdateSettingsArgs { canister_id: made, settings, sender_canister_version: None };
        let call = call(user(1), CanisterId::MANAGEMENT, "update_settings", &args);
        instance.update(call).expect("it makes sense")
    };
    let migration = Principal::from_text("sbzkb-zqaaa-aaaaa-aaaiq-cai").expect("it is an id");
    let refused = set(&mut instance, migration);
    let Err(Failure::Error(error)) = refused else { panic!("{refused:?}") };
    assert!(error.description.contains("no migration canister"), "{}", error.description);
    assert_eq!(instance.controllers(made.into()), Ok(vec![user(1)]));
    assert!(set(&mut instance, user(2)).is_ok());
    let controllers = instance.controllers(made.into()).expect("it is there");
    assert!(controllers.contains(&user(2)), "{controllers:?}");
}

#[test]
fn unknown_methods_are_rejected_and_invalid_arguments_trap() {
    let mut instance = network(true);
    let code = |result: Result<Result<Payload, Failure>, InstanceError>| match result {
        Ok(Err(Failure::Error(error))) => error.code,
        other => panic!("{other:?}"),
    };
    for canister in [registry(), icp_ledger(), cycles_ledger(), cycles_minting_canister()] {
        let unknown = || call(user(1), canister, "http_request", &());
        assert_eq!(code(instance.query(unknown())), ErrorCode::CanisterMethodNotFound);
        assert_eq!(code(instance.update(unknown())), ErrorCode::CanisterMethodNotFound);
    }
    // Update methods cannot be called as queries.
    let query = call(user(1), cycles_ledger(), "icrc1_transfer", &transfer(user(2), 7));
    assert_eq!(code(instance.query(query)), ErrorCode::CanisterMethodNotFound);
    for method in ["icrc1_transfer", "icrc1_balance_of", "withdraw", "create_canister"] {
        let senseless = call(user(1), cycles_ledger(), method, &"no account");
        assert_eq!(code(instance.update(senseless)), ErrorCode::CanisterCalledTrap);
    }
}
