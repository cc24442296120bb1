//! Tests of the cycles minting canister: ICP becomes cycles.

use super::*;
use crate::fake_canisters::minting::*;
use crate::message::CallHeader;
use crate::network::NetworkProfile;
use crate::types::CallbackId;
use serde_bytes::ByteBuf;

const E8S_PER_ICP: u64 = 100_000_000;

/// The cycles for one ICP.
const CYCLES_PER_ICP: u128 = 3_520_000_000_000;

/// Sends ICP from `user(1)` to the account that the cycles minting canister has for a principal. Returns the
/// block index.
fn pay(instance: &mut Instance, account_of: Principal, icp: u64, memo: u64) -> u64 {
    let subaccount = Some(subaccount_of(account_of));
    let to = Account { owner: cycles_minting_canister().principal(), subaccount };
    let args = TransferArgs {
        memo: Some(ByteBuf::from(memo.to_le_bytes())),
        to,
        ..transfer(user(1), (icp * E8S_PER_ICP).into())
    };
    let done: Result<u128, TransferError> =
        update(instance, call(user(1), icp_ledger(), "icrc1_transfer", &args));
    u64::try_from(done.expect("it is paid")).expect("it is a block index")
}

fn icp_of(instance: &mut Instance, owner: Principal) -> u128 {
    seen_by(instance, owner, icp_ledger(), owner)
}

fn notify<R: CandidType + DeserializeOwned>(
    instance: &mut Instance,
    sender: Principal,
    method: &str,
    argument: &impl CandidType,
) -> Result<R, NotifyError> {
    update(instance, call(sender, cycles_minting_canister(), method, argument))
}

fn mint(instance: &mut Instance, block_index: u64) -> Result<MintedCycles, NotifyError> {
    let args = NotifyMintCyclesArgs { block_index, to_subaccount: None, deposit_memo: None };
    notify(instance, user(1), "notify_mint_cycles", &args)
}

fn creation_of(block_index: u64, controller: Principal) -> NotifyCreateCanisterArgs {
    NotifyCreateCanisterArgs {
        block_index,
        controller,
        subnet_type: None,
        subnet_selection: None,
        settings: None,
    }
}

#[test]
fn icp_becomes_cycles_at_the_rate_that_the_minting_canister_states() {
    let mut instance = network(true);
    let rate: ConversionRateResponse =
        ask(&mut instance, cycles_minting_canister(), "get_icp_xdr_conversion_rate", &());
    let per_e8 = u128::from(rate.data.xdr_permyriad_per_icp);
    assert_eq!(per_e8 * u128::from(E8S_PER_ICP), CYCLES_PER_ICP);
    assert_eq!(rate.data.timestamp_seconds, instance.time().as_nanos() / NANOS_PER_SECOND);

    let [cycles, icp] = [cycles_of(&mut instance, user(1)), icp_of(&mut instance, user(1))];
    let block = pay(&mut instance, user(1), 5, MEMO_MINT_CYCLES);
    let minted = mint(&mut instance, block).expect("it is minted");
    assert_eq!(minted.minted, 5 * CYCLES_PER_ICP);
    assert_eq!(minted.balance, cycles + 5 * CYCLES_PER_ICP - FAKE_LEDGER_FEE_CYCLES);
    assert_eq!(cycles_of(&mut instance, user(1)), minted.balance);
    let spent = u128::from(5 * E8S_PER_ICP) + FAKE_LEDGER_FEE_E8S;
    assert_eq!(icp_of(&mut instance, user(1)), icp - spent);
    // The second notification of a transfer mints nothing.
    assert_eq!(mint(&mut instance, block), Ok(minted));
    assert_eq!(
        cycles_of(&mut instance, user(1)),
        cycles + 5 * CYCLES_PER_ICP - FAKE_LEDGER_FEE_CYCLES
    );
}

#[test]
fn icp_pays_for_a_new_canister_and_tops_up_an_existing_one() {
    let mut instance = network(true);
    let block = pay(&mut instance, user(1), 2, MEMO_CREATE_CANISTER);
    let subnet = application_subnets(&instance)[1];
    let args = NotifyCreateCanisterArgs {
        subnet_selection: Some(SubnetSelection::Subnet { subnet: subnet.into() }),
        ..creation_of(block, user(1))
    };
    let made: Principal =
        notify(&mut instance, user(1), "notify_create_canister", &args).expect("it is made");
    assert_eq!(instance.subnet_with(made.into()), Some(subnet));
    assert_eq!(instance.controllers(made.into()), Ok(vec![user(1)]));
    assert_eq!(instance.cycles(made.into()), Ok(2 * CYCLES_PER_ICP - CREATION_FEE));

    let block_index = pay(&mut instance, made, 1, MEMO_TOP_UP);
    let args = NotifyTopUpArgs { block_index, canister_id: made };
    let got: u128 =
        notify(&mut instance, user(7), "notify_top_up", &args).expect("it is topped up");
    assert_eq!(got, CYCLES_PER_ICP);
    assert_eq!(instance.cycles(made.into()), Ok(3 * CYCLES_PER_ICP - CREATION_FEE));
}

#[test]
fn icp_that_cannot_be_used_goes_back_to_its_sender() {
    let mut instance = network(true);
    let before = icp_of(&mut instance, user(1));
    let refunded = |error| match error {
        NotifyError::Refunded { reason, block_index: Some(_) } => reason,
        other => panic!("{other:?}"),
    };
    let block = pay(&mut instance, user(1), 2, MEMO_CREATE_CANISTER);
    let args = NotifyCreateCanisterArgs {
        subnet_type: Some("moon".into()),
        ..creation_of(block, user(1))
    };
    let failed = notify::<Principal>(&mut instance, user(1), "notify_create_canister", &args);
    assert!(refunded(failed.expect_err("there is no such type")).contains("moon"));
    let block_index = pay(&mut instance, user(9), 1, MEMO_TOP_UP);
    let args = NotifyTopUpArgs { block_index, canister_id: user(9) };
    let failed = notify::<u128>(&mut instance, user(1), "notify_top_up", &args);
    assert!(refunded(failed.expect_err("there is no such canister")).contains("no canister"));
    let block = pay(&mut instance, user(1), 1, 7);
    let reason = refunded(mint(&mut instance, block).expect_err("the memo is wrong"));
    assert!(reason.contains("memo"), "{reason}");
    assert_eq!(icp_of(&mut instance, user(1)), before - 3 * FAKE_LEDGER_FEE_E8S);
    // Once it is back, it cannot be used.
    assert_eq!(refunded(mint(&mut instance, block).expect_err("it was refunded")), reason);
    assert_eq!(icp_of(&mut instance, user(1)), before - 3 * FAKE_LEDGER_FEE_E8S);
}

#[test]
fn a_notification_that_does_not_fit_its_transfer_is_refused_and_takes_nothing() {
    let mut instance = network(true);
    let block = pay(&mut instance, user(1), 2, MEMO_MINT_CYCLES);
    let invalid = |error: NotifyError| matches!(error, NotifyError::InvalidTransaction(_));
    let args = NotifyMintCyclesArgs { block_index: block, to_subaccount: None, deposit_memo: None };
    let other = notify::<MintedCycles>(&mut instance, user(2), "notify_mint_cycles", &args);
    assert!(invalid(other.expect_err("it is another user's")));
    let args = creation_of(block, user(1));
    let other = notify::<Principal>(&mut instance, user(1), "notify_create_canister", &args);
    assert!(invalid(other.expect_err("the memo is for minting")));
    let args = creation_of(block, user(2));
    let other = notify::<Principal>(&mut instance, user(1), "notify_create_canister", &args);
    assert!(matches!(other, Err(NotifyError::Other { error_code: 5, .. })), "{other:?}");
    let missing = mint(&mut instance, block + 1);
    assert!(matches!(missing, Err(NotifyError::Other { error_code: 2, .. })), "{missing:?}");
    let deposit_memo = Some(ByteBuf::from(vec![0; 33]));
    let args = NotifyMintCyclesArgs { block_index: block, to_subaccount: None, deposit_memo };
    let long = notify::<MintedCycles>(&mut instance, user(1), "notify_mint_cycles", &args);
    assert!(matches!(long, Err(NotifyError::Other { error_code: 6, .. })), "{long:?}");
    assert_eq!(mint(&mut instance, block).expect("it is still there").minted, 2 * CYCLES_PER_ICP);
}

#[test]
fn a_canister_creates_canisters_with_its_cycles_and_gets_back_those_of_a_failure() {
    let mut network = Network::new(NetworkProfile::POCKET_IC, Vec::new(), Time::GENESIS);
    let mut surroundings =
        Surroundings { network: &mut network, default_subnets: &[SubnetId::from(user(3))] };
    let header = CallHeader {
        caller: canister_id(99),
        callee: cycles_minting_canister().into(),
        callback: CallbackId(0),
        deadline: None,
    };
    let args = CreateWithCyclesArgs { settings: None, subnet_type: None, subnet_selection: None };
    let (method, argument) = ("create_canister".to_owned(), ic00::encode((args,)));
    let request = Request { header, content: CallContent { method, argument, cycles: TRILLION } };
    let (answer, refund) = FakeCanisters::default().respond(&request, &mut surroundings);
    assert_eq!(refund, TRILLION);
    let answer: Result<Principal, CreateWithCyclesError> =
        decode_one(&answer.expect("it replies")).expect("it is of this type");
    let Err(CreateWithCyclesError::Refunded { refund_amount, create_error }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(refund_amount, TRILLION);
    assert!(create_error.contains("no subnet"), "{create_error}");
}
