//! The fake cycles minting canister: it converts ICP into cycles at a fixed rate.
//!
//! A user sends ICP to an account of the cycles minting canister, and then notifies the canister of the
//! transfer. The memo of the transfer says what the ICP is for. If the cycles minting canister cannot do it,
//! it sends all the ICP back. A second notification of the same transfer gets the response to the first.
//!
//! Interface: `cmc.did`. Rules: `nns/cmc/src/main.rs` in the replica's repository.

use super::creation::{CreationArgs, SubnetSelection};
use super::cycles_ledger::CyclesLedger;
use super::icp_ledger::{IcpLedger, IcpTransfer};
use super::icrc1::Account;
use super::{Surroundings, decode, respond};
use crate::error::UserError;
use crate::ic00::encode;
use crate::limits::{FAKE_LEDGER_MEMO_BYTES_MAX, FAKE_XDR_PERMYRIAD_PER_ICP};
use crate::topology::cycles_minting_canister;
use crate::types::*;
use candid::{CandidType, Principal};
use ic_management_canister_types::CanisterSettings;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;

/// The memos of transfers (`nns/cmc/src/lib.rs`, `MEMO_…`): four letters, the first in the lowest byte.
pub(super) const MEMO_CREATE_CANISTER: u64 = u32::from_le_bytes(*b"CREA") as u64;
pub(super) const MEMO_TOP_UP: u64 = u32::from_le_bytes(*b"TPUP") as u64;
pub(super) const MEMO_MINT_CYCLES: u64 = u32::from_le_bytes(*b"MINT") as u64;

/// Codes of [`NotifyError::Other`] (`nns/cmc/src/lib.rs`, `NotifyErrorCode`).
const FAILED_TO_FETCH_BLOCK: u64 = 2;
const UNAUTHORIZED: u64 = 5;
const DEPOSIT_MEMO_TOO_LONG: u64 = 6;

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct NotifyMintCyclesArgs {
    pub(super) block_index: u64,
    pub(super) to_subaccount: Option<ByteBuf>,
    pub(super) deposit_memo: Option<ByteBuf>,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) struct MintedCycles {
    pub(super) block_index: u128,
    pub(super) minted: u128,
    pub(super) balance: u128,
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct NotifyTopUpArgs {
    pub(super) block_index: u64,
    pub(super) canister_id: Principal,
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct NotifyCreateCanisterArgs {
    pub(super) block_index: u64,
    pub(super) controller: Principal,
    pub(super) subnet_type: Option<String>,
    pub(super) subnet_selection: Option<SubnetSelection>,
    pub(super) settings: Option<CanisterSettings>,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum NotifyError {
    Refunded { reason: String, block_index: Option<u64> },
    Processing,
    TransactionTooOld(u64),
    InvalidTransaction(String),
    Other { error_code: u64, error_message: String },
}

/// The argument of `create_canister`, which canisters call.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct CreateWithCyclesArgs {
    pub(super) settings: Option<CanisterSettings>,
    pub(super) subnet_type: Option<String>,
    pub(super) subnet_selection: Option<SubnetSelection>,
}

#[derive(Debug, PartialEq, Eq, CandidType, Deserialize)]
pub(super) enum CreateWithCyclesError {
    Refunded { refund_amount: u128, create_error: String },
}

#[derive(Debug, CandidType, Deserialize)]
pub(super) struct ConversionRate {
    pub(super) timestamp_seconds: u64,
    pub(super) xdr_permyriad_per_icp: u64,
}

/// The response to `get_icp_xdr_conversion_rate`. The rate is not certified.
#[derive(Debug, CandidType, Deserialize)]
pub(super) struct ConversionRateResponse {
    pub(super) data: ConversionRate,
    hash_tree: ByteBuf,
    certificate: ByteBuf,
}

/// The response to a query for lists that are empty here.
#[derive(CandidType)]
struct Lists<T> {
    data: Vec<(T, Vec<Principal>)>,
}

/// The fake cycles minting canister.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct CyclesMinting {
    /// The responses to notifications by the block index of the transfer.
    notified: BTreeMap<u64, Payload>,
}

/// The ledgers that the cycles minting canister uses.
pub(super) struct Ledgers<'a> {
    pub(super) icp: &'a mut IcpLedger,
    pub(super) cycles: &'a mut CyclesLedger,
}

/// A notification: the block index and the expected memo of the transfer, and the principal whose account
/// of the cycles minting canister the transfer went to.
struct Notification {
    block: u64,
    memo: u64,
    account_of: Principal,
}

impl CyclesMinting {
    /// Executes an update call. Returns `None` if the canister has no such update method.
    pub(super) fn update(
        &mut self,
        sender: Principal,
        method: &str,
        argument: &[u8],
        ledgers: &mut Ledgers,
        surroundings: &mut Surroundings,
    ) -> Option<Result<Payload, UserError>> {
        Some(match method {
            "notify_mint_cycles" => decode(argument).map(|args| self.mint(sender, args, ledgers)),
            "notify_top_up" => {
                decode(argument).map(|args| self.top_up(args, ledgers.icp, surroundings))
            }
            "notify_create_canister" => {
                decode(argument).map(|args| self.create(sender, args, ledgers.icp, surroundings))
            }
            _ => return None,
        })
    }

    /// Executes a query. Returns `None` if the canister has no such query method.
    pub(super) fn query(
        method: &str,
        surroundings: &Surroundings,
    ) -> Option<Result<Payload, UserError>> {
        let subnets = surroundings.default_subnets.iter().map(|subnet| subnet.principal());
        Some(Ok(match method {
            "get_default_subnets" => encode((subnets.collect::<Vec<_>>(),)),
            "get_icp_xdr_conversion_rate" => encode((ConversionRateResponse {
                data: ConversionRate {
                    timestamp_seconds: surroundings.network.time().as_nanos() / NANOS_PER_SECOND,
                    xdr_permyriad_per_icp: FAKE_XDR_PERMYRIAD_PER_ICP,
                },
                hash_tree: ByteBuf::new(),
                certificate: ByteBuf::new(),
            },)),
            "get_subnet_types_to_subnets" => encode((Lists::<String> { data: vec![] },)),
            "get_principals_authorized_to_create_canisters_to_subnets" => {
                encode((Lists::<Principal> { data: vec![] },))
            }
            _ => return None,
        }))
    }

    fn mint(
        &mut self,
        sender: Principal,
        args: NotifyMintCyclesArgs,
        ledgers: &mut Ledgers,
    ) -> Payload {
        let memo_bytes = args.deposit_memo.map_or(0, |memo| memo.len());
        if memo_bytes > FAKE_LEDGER_MEMO_BYTES_MAX {
            let error_message = format!(
                "the memo has {memo_bytes} bytes, and {FAKE_LEDGER_MEMO_BYTES_MAX} are the most"
            );
            let error = NotifyError::Other { error_code: DEPOSIT_MEMO_TOO_LONG, error_message };
            return failure::<MintedCycles>(error);
        }
        let block = args.block_index;
        let notification = Notification { block, memo: MEMO_MINT_CYCLES, account_of: sender };
        let to = Account::new(sender, args.to_subaccount);
        let Ledgers { icp, cycles } = ledgers;
        self.process(notification, icp, |minted| {
            let deposit = cycles.deposit_to(to, minted)?;
            let (block_index, balance) = (deposit.block_index, deposit.balance);
            Ok(MintedCycles { block_index, minted, balance })
        })
    }

    fn top_up(
        &mut self,
        args: NotifyTopUpArgs,
        icp: &mut IcpLedger,
        surroundings: &mut Surroundings,
    ) -> Payload {
        let (block, canister) = (args.block_index, args.canister_id);
        let notification = Notification { block, memo: MEMO_TOP_UP, account_of: canister };
        self.process(notification, icp, |minted| {
            let deposited = surroundings.deposit(canister.into(), minted);
            deposited.map(|()| minted).ok_or_else(|| format!("there is no canister {canister}"))
        })
    }

    fn create(
        &mut self,
        sender: Principal,
        args: NotifyCreateCanisterArgs,
        icp: &mut IcpLedger,
        surroundings: &mut Surroundings,
    ) -> Payload {
        let NotifyCreateCanisterArgs { block_index, controller, .. } = args;
        if controller != sender {
            let error_message =
                format!("{sender} cannot create a canister for {controller}, only for itself");
            return failure::<Principal>(NotifyError::Other {
                error_code: UNAUTHORIZED,
                error_message,
            });
        }
        let creation = CreationArgs::new(args.settings, args.subnet_type, args.subnet_selection);
        let (block, memo) = (block_index, MEMO_CREATE_CANISTER);
        self.process(Notification { block, memo, account_of: controller }, icp, |minted| {
            surroundings.create(controller, creation, minted).map(Principal::from)
        })
    }

    /// Uses the cycles for the ICP of a transfer. If `use_cycles` fails, the ICP goes back to the sender.
    fn process<T: CandidType>(
        &mut self,
        notification: Notification,
        icp: &mut IcpLedger,
        use_cycles: impl FnOnce(Cycles) -> Result<T, String>,
    ) -> Payload {
        let transfer = match find_transfer(&notification, icp) {
            Ok(transfer) => transfer,
            Err(error) => return failure::<T>(error),
        };
        if let Some(response) = self.notified.get(&notification.block) {
            return response.clone();
        }
        let memos = [MEMO_CREATE_CANISTER, MEMO_TOP_UP, MEMO_MINT_CYCLES];
        let result = match transfer.memo {
            memo if memo == notification.memo => {
                use_cycles(transfer.e8s.saturating_mul(FAKE_XDR_PERMYRIAD_PER_ICP.into()))
            }
            memo if memos.contains(&memo) => {
                return failure::<T>(NotifyError::InvalidTransaction(format!(
                    "the memo of the transfer is {memo}, not {}: notify with another method",
                    notification.memo
                )));
            }
            memo => Err(format!("the memo of the transfer, {memo}, says nothing about its use")),
        };
        let response = match result {
            Ok(value) => {
                icp.burn(&transfer);
                encode((Ok::<T, NotifyError>(value),))
            }
            Err(reason) => {
                let block_index = Some(icp.refund(&transfer));
                failure::<T>(NotifyError::Refunded { reason, block_index })
            }
        };
        self.notified.insert(notification.block, response.clone());
        let oldest = icp.oldest_transfer().unwrap_or_default();
        self.notified.retain(|block, _| *block >= oldest);
        response
    }
}

/// The transfer of a notification.
fn find_transfer(
    Notification { block, account_of, .. }: &Notification,
    icp: &IcpLedger,
) -> Result<IcpTransfer, NotifyError> {
    let Some(transfer) = icp.transfer_at(*block) else {
        return Err(match icp.oldest_transfer() {
            Some(oldest) if *block < oldest => NotifyError::TransactionTooOld(oldest),
            _ => NotifyError::Other {
                error_code: FAILED_TO_FETCH_BLOCK,
                error_message: format!("the block {block} of the ICP ledger is no transfer"),
            },
        });
    };
    let subaccount = subaccount_of(*account_of);
    match transfer.is_to(cycles_minting_canister().principal(), &subaccount) {
        true => Ok(transfer.clone()),
        false => Err(NotifyError::InvalidTransaction(format!(
            "the transfer in block {block} did not go to the subaccount {} of the cycles minting \
             canister, which is that of {account_of}",
            hex::encode(&subaccount)
        ))),
    }
}

/// The subaccount of the cycles minting canister for a principal: the length of the principal, its bytes,
/// and zeros.
pub(super) fn subaccount_of(principal: Principal) -> ByteBuf {
    let bytes = principal.as_slice();
    let mut subaccount = vec![0; 32];
    subaccount[0] = bytes.len() as u8;
    subaccount[1..=bytes.len()].copy_from_slice(bytes);
    ByteBuf::from(subaccount)
}

/// The response to a notification that fails. `T` is the type of the other response.
fn failure<T: CandidType>(error: NotifyError) -> Payload {
    encode((Err::<T, NotifyError>(error),))
}

/// Creates a canister with the cycles of a call. Returns the response and the cycles to refund.
pub(super) fn create_with_cycles(
    caller: Principal,
    argument: &[u8],
    cycles: Cycles,
    surroundings: &mut Surroundings,
) -> (Result<Payload, UserError>, Cycles) {
    let mut refund = cycles;
    let response = respond(argument, |args: CreateWithCyclesArgs| {
        let creation = CreationArgs::new(args.settings, args.subnet_type, args.subnet_selection);
        match surroundings.create(caller, creation, cycles) {
            Ok(canister) => {
                refund = 0;
                Ok(Principal::from(canister))
            }
            Err(create_error) => {
                Err(CreateWithCyclesError::Refunded { refund_amount: cycles, create_error })
            }
        }
    });
    (response, refund)
}
