//! The stand-ins as users of a network find them.

use super::creation::{CreationArgs, METHOD, SubnetSelection};
use super::cycles_ledger::*;
use super::directory::{GetSubnetForCanisterArgs, SubnetForCanister};
use super::icp_ledger::*;
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

/// What making a canister costs on a subnet of 13 nodes.
const CREATION_FEE: u128 = 500_000_000_000;
const TRILLION: u128 = 1_000_000_000_000;

fn network(standins: bool) -> Instance {
    use SubnetKind::*;
    let kinds = [NetworkNervousSystem, InternetIdentity, Application, Application];
    let subnets = kinds.map(|kind| SubnetRequest { kind, free: false, benchmarking: false });
    let config = InstanceConfig::with_application_subnets(0);
    Instance::new(InstanceConfig { subnets: subnets.into(), standins, ..config })
        .expect("it has subnets")
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
        canister,
        effective: EffectivePrincipal::None,
        method: method.into(),
        argument: ic00::encode((argument,)),
    }
}

/// The reply to an update call.
fn update<R: CandidType + DeserializeOwned>(instance: &mut Instance, call: CanisterCall) -> R {
    let answer = instance.update(call).expect("it is answered").expect("it replies");
    decode_one(&answer).expect("it is of this type")
}

/// The reply to a query.
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

fn transfer(to: Principal, amount: u128) -> TransferArgs {
    let (fee, created_at_time) = (None, None);
    TransferArgs { from_subaccount: None, to: account(to), amount, fee, created_at_time }
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
    let subnet_selection = Some(SubnetSelection::Subnet { subnet });
    Some(CreationArgs { settings: None, subnet_selection })
}

fn application_subnets(instance: &Instance) -> [SubnetId; 2] {
    [2, 3].map(|number| instance.subnets()[number].place.id)
}

#[test]
fn they_have_the_ids_of_the_originals_and_are_there_only_if_asked_for() {
    let ids = [registry(), icp_ledger(), cycles_minting_canister(), cycles_ledger()];
    let texts = [
        "rwlgt-iiaaa-aaaaa-aaaaa-cai",
        "ryjl3-tyaaa-aaaaa-aaaba-cai",
        "rkp4c-7iaaa-aaaaa-aaaca-cai",
        "um5iw-rqaaa-aaaaq-qaaba-cai",
    ];
    assert_eq!(ids.map(|id| id.to_text()), texts);
    for id in ids {
        let query = call(user(1), id, "icrc1_fee", &());
        let answer = network(false).query(query).expect("it is answered");
        let Err(Failure::Error(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.code, ErrorCode::CanisterNotFound);
    }
}

#[test]
fn an_account_starts_with_plenty_and_a_transfer_costs_its_sender_the_fee() {
    let mut instance = network(true);
    assert_eq!(cycles_of(&mut instance, user(1)), STANDIN_CYCLES);
    assert_eq!(send(&mut instance, &transfer(user(2), 7)), Ok(0));
    assert_eq!(cycles_of(&mut instance, user(1)), STANDIN_CYCLES - 7 - STANDIN_CYCLES_FEE);
    assert_eq!(cycles_of(&mut instance, user(2)), STANDIN_CYCLES + 7);
    let to_oneself = transfer(user(1), 100);
    assert_eq!(send(&mut instance, &to_oneself), Ok(1));
    assert_eq!(cycles_of(&mut instance, user(1)), STANDIN_CYCLES - 7 - 2 * STANDIN_CYCLES_FEE);
}

#[test]
fn a_transfer_that_cannot_be_done_says_why_and_moves_nothing() {
    let mut instance = network(true);
    for amount in [STANDIN_CYCLES, u128::MAX] {
        let balance = STANDIN_CYCLES;
        let refused = Err(TransferError::InsufficientFunds { balance });
        assert_eq!(send(&mut instance, &transfer(user(2), amount)), refused);
    }
    let wrong_fee = TransferArgs { fee: Some(1), ..transfer(user(2), 7) };
    let expected_fee = STANDIN_CYCLES_FEE;
    assert_eq!(send(&mut instance, &wrong_fee), Err(TransferError::BadFee { expected_fee }));
    assert_eq!(cycles_of(&mut instance, user(1)), STANDIN_CYCLES);
    assert_eq!(cycles_of(&mut instance, user(2)), STANDIN_CYCLES);
}

#[test]
fn a_transaction_that_says_when_it_was_created_is_done_once_and_within_a_day() {
    let mut instance = network(true);
    let dated = |seconds: u64| TransferArgs {
        created_at_time: Some(Time::GENESIS.plus_secs(seconds).as_nanos()),
        ..transfer(user(2), 7)
    };
    assert_eq!(send(&mut instance, &dated(1)), Ok(0));
    let duplicate = Err(TransferError::Duplicate { duplicate_of: 0 });
    assert_eq!(send(&mut instance, &dated(1)), duplicate);
    assert_eq!(send(&mut instance, &dated(2)), Ok(1));
    assert!(matches!(send(&mut instance, &dated(200)), Err(TransferError::CreatedInFuture { .. })));
    instance.set_time(Time::GENESIS.plus_secs(86_000)).expect("time goes on");
    assert_eq!(send(&mut instance, &dated(1)), duplicate);
    instance.set_time(Time::GENESIS.plus_secs(90_000)).expect("time goes on");
    assert_eq!(send(&mut instance, &dated(1)), Err(TransferError::TooOld));
    assert_eq!(cycles_of(&mut instance, user(2)), STANDIN_CYCLES + 14);
}

#[test]
fn an_account_without_subaccount_is_the_one_of_the_subaccount_of_zeros() {
    let mut instance = network(true);
    send(&mut instance, &transfer(user(2), 7)).expect("it is done");
    let with = |byte: u8| Account {
        owner: user(2),
        subaccount: Some(serde_bytes::ByteBuf::from(vec![byte; 32])),
    };
    let balance = |instance: &mut Instance, account| -> u128 {
        ask(instance, cycles_ledger(), "icrc1_balance_of", &account)
    };
    assert_eq!(balance(&mut instance, with(0)), STANDIN_CYCLES + 7);
    assert_eq!(balance(&mut instance, with(1)), STANDIN_CYCLES);
}

#[test]
fn a_canister_is_made_on_the_chosen_subnet_for_its_caller_who_pays() {
    let mut instance = network(true);
    let [first, second] = application_subnets(&instance);
    for (choice, expected) in [(None, first), (on(second), second), (on(first), first)] {
        let before = cycles_of(&mut instance, user(1));
        let made = create(&mut instance, &creation(2 * TRILLION, choice)).expect("it is made");
        let canister = made.canister_id;
        assert_eq!(instance.subnet_with(canister), Some(expected));
        assert_eq!(instance.controllers(canister), Ok(vec![user(1)]));
        assert_eq!(instance.cycles(canister), Ok(2 * TRILLION - CREATION_FEE));
        let paid = before - cycles_of(&mut instance, user(1));
        assert_eq!(paid, 2 * TRILLION + STANDIN_CYCLES_FEE);
    }
    let settings = CanisterSettings { controllers: Some(vec![user(3)]), ..Default::default() };
    let args = CreationArgs { settings: Some(settings), subnet_selection: None };
    let made = create(&mut instance, &creation(TRILLION, Some(args))).expect("it is made");
    assert_eq!(instance.controllers(made.canister_id), Ok(vec![user(3)]));
}

#[test]
fn a_canister_that_cannot_be_made_costs_nothing_and_is_an_error_that_says_why() {
    let mut instance = network(true);
    let typed = |name: &str| {
        let filter = SubnetSelection::Filter { subnet_type: Some(name.into()) };
        Some(CreationArgs { settings: None, subnet_selection: Some(filter) })
    };
    let cases = [
        (creation(TRILLION, on(user(9))), user(9).to_text()),
        (creation(TRILLION, typed("moon")), "moon".into()),
        (creation(CREATION_FEE - 1, None), CREATION_FEE.to_string()),
    ];
    for (args, expected) in cases {
        let made = create(&mut instance, &args);
        let Err(CreateCanisterError::FailedToCreate { error, .. }) = made else {
            panic!("{made:?}");
        };
        assert!(error.contains(&expected), "{error}");
    }
    let balance = STANDIN_CYCLES;
    let too_much = create(&mut instance, &creation(STANDIN_CYCLES, None));
    assert_eq!(too_much, Err(CreateCanisterError::InsufficientFunds { balance }));
    assert_eq!(cycles_of(&mut instance, user(1)), STANDIN_CYCLES);
}

#[test]
fn a_creation_that_comes_twice_makes_one_canister_and_names_it() {
    let mut instance = network(true);
    let created_at_time = Some(instance.time().as_nanos());
    let args = CreateCanisterArgs { created_at_time, ..creation(TRILLION, None) };
    let made = create(&mut instance, &args).expect("it is made");
    let canister_id = Some(made.canister_id);
    let again = Err(CreateCanisterError::Duplicate { duplicate_of: 0, canister_id });
    assert_eq!(create(&mut instance, &args), again);
}

#[test]
fn what_is_withdrawn_goes_to_a_canister_that_is_there() {
    let mut instance = network(true);
    let made = create(&mut instance, &creation(TRILLION, None)).expect("it is made");
    let before = cycles_of(&mut instance, user(1));
    let mut withdraw = |to| -> Result<u128, WithdrawError> {
        let args = WithdrawArgs { amount: 5, from_subaccount: None, to, created_at_time: None };
        update(&mut instance, call(user(1), cycles_ledger(), "withdraw", &args))
    };
    assert_eq!(withdraw(made.canister_id), Ok(1));
    let refused = withdraw(user(9)).expect_err("nobody is there");
    assert!(matches!(
        refused,
        WithdrawError::FailedToWithdraw { rejection_code: RejectionCode::DestinationInvalid, .. }
    ));
    let got = instance.cycles(made.canister_id).expect("it is there");
    assert_eq!(got, TRILLION - CREATION_FEE + 5);
    assert_eq!(before - cycles_of(&mut instance, user(1)), 5 + STANDIN_CYCLES_FEE);
}

/// The name of a user's account before ICRC-1: a checksum, which nobody looks at here, and a hash.
fn account_name(owner: Principal) -> serde_bytes::ByteBuf {
    let hash = Sha224::digest([b"\x0Aaccount-id", owner.as_slice(), &[0; 32]].concat());
    serde_bytes::ByteBuf::from([&[0; 4], hash.as_slice()].concat())
}

#[test]
fn the_icp_ledger_knows_an_account_by_both_of_its_names() {
    let mut instance = network(true);
    let e8s = |e8s| Tokens { e8s };
    let args = LegacyTransferArgs {
        to: account_name(user(2)),
        fee: e8s(STANDIN_E8S_FEE as u64),
        memo: 0,
        from_subaccount: None,
        created_at_time: None,
        amount: e8s(100_000_000),
    };
    let done: Result<u64, LegacyTransferError> =
        update(&mut instance, call(user(1), icp_ledger(), "transfer", &args));
    assert_eq!(done, Ok(0));
    let mut balance = |owner| {
        let by_owner: u128 = ask(&mut instance, icp_ledger(), "icrc1_balance_of", &account(owner));
        let named = AccountBalanceArgs { account: account_name(owner) };
        let by_name: Tokens = ask(&mut instance, icp_ledger(), "account_balance", &named);
        assert_eq!(u128::from(by_name.e8s), by_owner);
        by_owner
    };
    assert_eq!(balance(user(1)), STANDIN_E8S - 100_000_000 - STANDIN_E8S_FEE);
    assert_eq!(balance(user(2)), STANDIN_E8S + 100_000_000);
    let back: Result<u128, TransferError> =
        update(&mut instance, call(user(2), icp_ledger(), "icrc1_transfer", &transfer(user(1), 5)));
    assert_eq!(back, Ok(1));
    let free = LegacyTransferArgs { fee: e8s(0), ..args };
    let refused: Result<u64, LegacyTransferError> =
        update(&mut instance, call(user(1), icp_ledger(), "transfer", &free));
    let expected_fee = e8s(STANDIN_E8S_FEE as u64);
    assert_eq!(refused, Err(LegacyTransferError::BadFee { expected_fee }));
}

#[test]
fn tokens_are_described_as_the_originals_are() {
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
fn subnets_for_canisters_and_the_subnet_of_each_can_be_looked_up() {
    let mut instance = network(true);
    let application = application_subnets(&instance);
    let minting = cycles_minting_canister();
    // The tools send a null for no argument.
    let subnets: Vec<Principal> = ask(&mut instance, minting, "get_default_subnets", &());
    assert_eq!(subnets, application);
    let made = create(&mut instance, &creation(TRILLION, on(application[1]))).expect("it is made");
    let mut subnet_of = |canister| -> Result<SubnetForCanister, String> {
        let args = GetSubnetForCanisterArgs { principal: Some(canister) };
        ask(&mut instance, registry(), "get_subnet_for_canister", &args)
    };
    let found = subnet_of(made.canister_id).expect("it is found");
    assert_eq!(found.subnet_id, Some(application[1]));
    assert!(subnet_of(user(9)).is_err());
}

#[test]
fn other_methods_are_rejected_and_arguments_that_are_none_are_traps() {
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
    // What changes balances cannot be queried.
    let query = call(user(1), cycles_ledger(), "icrc1_transfer", &transfer(user(2), 7));
    assert_eq!(code(instance.query(query)), ErrorCode::CanisterMethodNotFound);
    for method in ["icrc1_transfer", "icrc1_balance_of", "withdraw", "create_canister"] {
        let senseless = call(user(1), cycles_ledger(), method, &"no account");
        assert_eq!(code(instance.update(senseless)), ErrorCode::CanisterCalledTrap);
    }
}

#[test]
fn a_canister_asked_for_at_the_registrys_id_is_made_on_the_first_application_subnet() {
    let mut instance = network(true);
    let args = ProvisionalCreateCanisterWithCyclesArgs::default();
    let mut provisional = call(user(1), Principal::management_canister(), METHOD, &args);
    provisional.effective = EffectivePrincipal::Canister(registry());
    let message = instance.submit(provisional).expect("it makes sense").expect("it is let in");
    assert_eq!(instance.next_work(), NextWork::Now);
    assert_eq!(instance.ingress_status(message, None), Ok(None));
    instance.tick();
    let answer = instance.ingress_status(message, Some(user(1))).expect("it is known");
    let reply = answer.expect("it is answered").expect("it is made");
    let CanisterIdRecord { canister_id } = decode_one(&reply).expect("it names the canister");
    assert_eq!(instance.subnet_with(canister_id), Some(application_subnets(&instance)[0]));
    assert_eq!(instance.controllers(canister_id), Ok(vec![user(1)]));
    assert_eq!(instance.cycles(canister_id), Ok(PROVISIONAL_CYCLES_DEFAULT));
}
