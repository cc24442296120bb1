//! Tests of allowances: transfers from the account of somebody else.

use super::*;
use crate::fake_canisters::icrc2::*;

fn approval(amount: u128) -> ApproveArgs {
    ApproveArgs {
        from_subaccount: None,
        spender: account(user(2)),
        amount,
        expected_allowance: None,
        expires_at: None,
        fee: None,
        created_at_time: None,
    }
}

/// `user(1)` sets an allowance.
fn approve(
    instance: &mut Instance,
    ledger: CanisterId,
    args: &ApproveArgs,
) -> Result<u128, ApproveError> {
    update(instance, call(user(1), ledger, "icrc2_approve", args))
}

fn allowance(instance: &mut Instance, ledger: CanisterId) -> Allowance {
    let args = AllowanceArgs { account: account(user(1)), spender: account(user(2)) };
    ask(instance, ledger, "icrc2_allowance", &args)
}

/// `spender` transfers from `user(1)` to `user(3)`.
fn take(
    instance: &mut Instance,
    ledger: CanisterId,
    spender: Principal,
    amount: u128,
) -> Result<u128, TransferFromError> {
    let args = TransferFromArgs {
        spender_subaccount: None,
        from: account(user(1)),
        to: account(user(3)),
        amount,
        fee: None,
        memo: None,
        created_at_time: None,
    };
    update(instance, call(spender, ledger, "icrc2_transfer_from", &args))
}

fn balance(instance: &mut Instance, ledger: CanisterId, owner: Principal) -> u128 {
    ask(instance, ledger, "icrc1_balance_of", &account(owner))
}

#[test]
fn a_spender_transfers_as_much_as_was_approved_and_fees_count() {
    for ledger in [cycles_ledger(), icp_ledger()] {
        let mut instance = network(true);
        let fee: u128 = ask(&mut instance, ledger, "icrc1_fee", &());
        assert_eq!(approve(&mut instance, ledger, &approval(1_000 + 2 * fee)), Ok(0));
        let before = [1, 3].map(|number| balance(&mut instance, ledger, user(number)));
        assert_eq!(allowance(&mut instance, ledger).allowance, 1_000 + 2 * fee);
        assert_eq!(take(&mut instance, ledger, user(2), 600), Ok(1));
        assert_eq!(allowance(&mut instance, ledger).allowance, 400 + fee);
        let refused = Err(TransferFromError::InsufficientAllowance { allowance: 400 + fee });
        assert_eq!(take(&mut instance, ledger, user(2), 401), refused);
        assert_eq!(take(&mut instance, ledger, user(2), 400), Ok(2));
        let refused = Err(TransferFromError::InsufficientAllowance { allowance: 0 });
        assert_eq!(take(&mut instance, ledger, user(2), 0), refused);
        assert_eq!(take(&mut instance, ledger, user(4), 0), refused);
        // Everybody may transfer from their own account.
        assert_eq!(take(&mut instance, ledger, user(1), 5), Ok(3));
        let after = [1, 3].map(|number| balance(&mut instance, ledger, user(number)));
        assert_eq!(after, [before[0] - 1_005 - 3 * fee, before[1] + 1_005]);
    }
}

#[test]
fn an_allowance_can_expire_and_is_set_only_if_it_is_what_is_expected() {
    let mut instance = network(true);
    let ledger = icp_ledger();
    let expiry = instance.time().plus_secs(10);
    let expires_at = Some(expiry.as_nanos());
    let args = ApproveArgs { expires_at, ..approval(1_000_000) };
    assert_eq!(approve(&mut instance, ledger, &args), Ok(0));
    assert_eq!(allowance(&mut instance, ledger), Allowance { allowance: 1_000_000, expires_at });
    let expecting = |expected| ApproveArgs { expected_allowance: Some(expected), ..approval(7) };
    let changed = Err(ApproveError::AllowanceChanged { current_allowance: 1_000_000 });
    assert_eq!(approve(&mut instance, ledger, &expecting(0)), changed);
    instance.set_time(expiry).expect("time goes on");
    assert_eq!(allowance(&mut instance, ledger), Allowance::default());
    let refused = Err(TransferFromError::InsufficientAllowance { allowance: 0 });
    assert_eq!(take(&mut instance, ledger, user(2), 1), refused);
    let past = approve(&mut instance, ledger, &args);
    assert!(matches!(past, Err(ApproveError::Expired { .. })), "{past:?}");
    assert_eq!(approve(&mut instance, ledger, &expecting(0)), Ok(1));
    let own = ApproveArgs { spender: account(user(1)), ..approval(7) };
    let own = approve(&mut instance, ledger, &own);
    assert!(matches!(own, Err(ApproveError::GenericError { .. })), "{own:?}");
}
