//! Tests of balances, transfers, withdrawals and deposits.

use super::*;
use crate::message::CallHeader;
use crate::network::NetworkProfile;
use crate::types::CallbackId;

#[test]
fn a_user_gets_a_balance_at_first_use_and_all_other_accounts_start_empty() {
    let mut instance = network(true);
    for (ledger, initial) in
        [(cycles_ledger(), FAKE_LEDGER_INITIAL_CYCLES), (icp_ledger(), FAKE_LEDGER_INITIAL_E8S)]
    {
        let mut seen_by = |sender, owner| seen_by(&mut instance, sender, ledger, owner);
        let (anonymous, canister) = (Principal::anonymous(), canister_id(99).principal());
        assert_eq!(seen_by(anonymous, anonymous), initial);
        assert_eq!(seen_by(canister, canister), 0);
        assert_eq!(seen_by(anonymous, user(1)), 0, "the user has not used the ledger");
        assert_eq!(seen_by(user(1), user(1)), initial, "the user's own account");
        assert_eq!(seen_by(user(1), user(2)), 0);
        let sent: Result<u128, TransferError> =
            update(&mut instance, call(user(1), ledger, "icrc1_transfer", &transfer(user(2), 7)));
        sent.expect("the user has tokens");
        let balance = |instance: &mut Instance, owner| -> u128 {
            ask(instance, ledger, "icrc1_balance_of", &account(owner))
        };
        assert!(balance(&mut instance, user(1)) > initial / 2, "everybody sees the balance");
        assert_eq!(balance(&mut instance, user(2)), 7, "an account with tokens gets no others");
        let refused: Result<u128, TransferError> =
            update(&mut instance, call(user(2), ledger, "icrc1_transfer", &transfer(user(1), 7)));
        assert_eq!(refused, Err(TransferError::InsufficientFunds { balance: 7 }));
    }
}

#[test]
fn the_sender_of_a_transfer_pays_the_fee() {
    let mut instance = network(true);
    assert_eq!(send(&mut instance, &transfer(user(2), 7)), Ok(0));
    assert_eq!(
        cycles_of(&mut instance, user(1)),
        FAKE_LEDGER_INITIAL_CYCLES - 7 - FAKE_LEDGER_FEE_CYCLES
    );
    assert_eq!(cycles_of(&mut instance, user(2)), 7);
    let to_oneself = transfer(user(1), 100);
    assert_eq!(send(&mut instance, &to_oneself), Ok(1));
    assert_eq!(
        cycles_of(&mut instance, user(1)),
        FAKE_LEDGER_INITIAL_CYCLES - 7 - 2 * FAKE_LEDGER_FEE_CYCLES
    );
}

#[test]
fn a_refused_transfer_has_a_reason_and_changes_no_balance() {
    let mut instance = network(true);
    for amount in [FAKE_LEDGER_INITIAL_CYCLES, u128::MAX] {
        let balance = FAKE_LEDGER_INITIAL_CYCLES;
        let refused = Err(TransferError::InsufficientFunds { balance });
        assert_eq!(send(&mut instance, &transfer(user(2), amount)), refused);
    }
    let wrong_fee = TransferArgs { fee: Some(1), ..transfer(user(2), 7) };
    let expected_fee = FAKE_LEDGER_FEE_CYCLES;
    assert_eq!(send(&mut instance, &wrong_fee), Err(TransferError::BadFee { expected_fee }));
    assert_eq!(cycles_of(&mut instance, user(1)), FAKE_LEDGER_INITIAL_CYCLES);
    assert_eq!(cycles_of(&mut instance, user(2)), 0);
}

#[test]
fn a_transaction_with_a_creation_time_is_executed_once_and_within_a_day() {
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
    assert_eq!(cycles_of(&mut instance, user(2)), 14);
}

#[test]
fn an_account_without_a_subaccount_has_the_subaccount_of_zeros() {
    let mut instance = network(true);
    send(&mut instance, &transfer(user(2), 7)).expect("it is done");
    let with = |byte: u8| Account {
        owner: user(2),
        subaccount: Some(serde_bytes::ByteBuf::from(vec![byte; 32])),
    };
    let balance = |instance: &mut Instance, account| -> u128 {
        ask(instance, cycles_ledger(), "icrc1_balance_of", &account)
    };
    assert_eq!(balance(&mut instance, with(0)), 7);
    assert_eq!(balance(&mut instance, with(1)), 0);
}

#[test]
fn cycles_can_be_withdrawn_to_an_existing_canister() {
    let mut instance = network(true);
    let made = create(&mut instance, &creation(TRILLION, None)).expect("it is made");
    let before = cycles_of(&mut instance, user(1));
    let mut withdraw = |to| -> Result<u128, WithdrawError> {
        let args = WithdrawArgs { amount: 5, from_subaccount: None, to, created_at_time: None };
        update(&mut instance, call(user(1), cycles_ledger(), "withdraw", &args))
    };
    assert_eq!(withdraw(made.canister_id), Ok(1));
    let refused = withdraw(user(9)).expect_err("the canister does not exist");
    assert!(matches!(
        refused,
        WithdrawError::FailedToWithdraw { rejection_code: RejectionCode::DestinationInvalid, .. }
    ));
    let got = instance.cycles(made.canister_id.into()).expect("it is there");
    assert_eq!(got, TRILLION - CREATION_FEE + 5);
    assert_eq!(before - cycles_of(&mut instance, user(1)), 5 + FAKE_LEDGER_FEE_CYCLES);
}

/// The account identifier of a user: a checksum and a hash.
fn account_name(owner: Principal) -> serde_bytes::ByteBuf {
    let hash = Sha224::digest([b"\x0Aaccount-id", owner.as_slice(), &[0; 32]].concat());
    let mut sum = flate2::Crc::new();
    sum.update(&hash);
    serde_bytes::ByteBuf::from([&sum.sum().to_be_bytes(), hash.as_slice()].concat())
}

#[test]
fn account_identifiers_are_those_of_the_icp_ledger_and_a_wrong_checksum_traps() {
    // The account identifier of the anonymous principal, as other tools print it.
    let anonymous = "1c7a48ba6a562aa9eaa2481a9049cdf0433b9738c992d698c31d8abf89cadc79";
    let name = account_name(Principal::anonymous());
    assert_eq!(hex::encode(&name), anonymous);
    let mut instance = network(true);
    let mut send = |to| {
        let e8s = |e8s| Tokens { e8s };
        let args = LegacyTransferArgs {
            to,
            fee: e8s(FAKE_LEDGER_FEE_E8S as u64),
            memo: 0,
            from_subaccount: None,
            created_at_time: None,
            amount: e8s(1),
        };
        instance.update(call(user(1), icp_ledger(), "transfer", &args)).expect("it is answered")
    };
    assert!(send(name.clone()).is_ok());
    let mut mistyped = name.clone();
    mistyped[20] ^= 1;
    for wrong in [mistyped, serde_bytes::ByteBuf::from(name[..31].to_vec()), Default::default()] {
        let answer = send(wrong);
        let Err(Failure::Error(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.code, ErrorCode::CanisterCalledTrap);
    }
}

#[test]
fn the_icp_ledger_accepts_icrc1_accounts_and_account_identifiers() {
    let mut instance = network(true);
    let e8s = |e8s| Tokens { e8s };
    let args = LegacyTransferArgs {
        to: account_name(user(2)),
        fee: e8s(FAKE_LEDGER_FEE_E8S as u64),
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
    assert_eq!(balance(user(1)), FAKE_LEDGER_INITIAL_E8S - 100_000_000 - FAKE_LEDGER_FEE_E8S);
    assert_eq!(balance(user(2)), 100_000_000);
    let back: Result<u128, TransferError> =
        update(&mut instance, call(user(2), icp_ledger(), "icrc1_transfer", &transfer(user(1), 5)));
    assert_eq!(back, Ok(1));
    let free = LegacyTransferArgs { fee: e8s(0), ..args };
    let refused: Result<u64, LegacyTransferError> =
        update(&mut instance, call(user(1), icp_ledger(), "transfer", &free));
    let expected_fee = e8s(FAKE_LEDGER_FEE_E8S as u64);
    assert_eq!(refused, Err(LegacyTransferError::BadFee { expected_fee }));
}

#[test]
fn a_canister_can_deposit_cycles_and_a_failed_call_refunds_them() {
    let mut network = Network::new(NetworkProfile::POCKET_IC, Vec::new(), Time::GENESIS);
    let mut surroundings = Surroundings { network: &mut network, default_subnets: &[] };
    let mut fake_canisters = FakeCanisters::default();
    let mut call = |method: &str, cycles| {
        let header = CallHeader {
            caller: canister_id(99),
            callee: cycles_ledger().into(),
            callback: CallbackId(0),
            deadline: None,
        };
        let argument = ic00::encode((DepositArgs { to: account(user(1)) },));
        let content = CallContent { method: method.into(), argument, cycles };
        let request = Request { header, content };
        fake_canisters.respond(&request, &mut surroundings)
    };
    let (reply, refund) = call("deposit", FAKE_LEDGER_FEE_CYCLES + 7);
    let balance = 7;
    let expected = DepositResult { balance, block_index: 0 };
    let reply: DepositResult = decode_one(&reply.expect("it is done")).expect("it is of this type");
    assert_eq!((reply, refund), (expected, 0));
    for (method, code) in [
        ("deposit", ErrorCode::CanisterCalledTrap),
        ("no_such_method", ErrorCode::CanisterMethodNotFound),
    ] {
        let (answer, refund) = call(method, 7);
        assert_eq!((answer.expect_err("it fails").code, refund), (code, 7));
    }
}
