//! Swaps the tokens of two owners on two ICRC-2 ledgers. If the tokens of one owner cannot be taken, the other owner
//! gets back what was taken.
//!
//! A swap makes four transfers: it takes the tokens of both owners at the same time, and then gives both at the same
//! time. What it knows about each transfer is in stable memory: made, surely not made, or unknown. While it is unknown
//! whether tokens were taken, the swap neither exchanges nor returns anything. It asks the ledger again: with the same
//! transfer, which the ledger makes only once.

#![allow(missing_docs, reason = "`export_candid` generates a function without documentation")]

mod swaps;

use std::cell::RefCell;
use std::collections::BTreeSet;

use candid::Nat;
use futures::future::join;
use ic_cdk::api::{canister_self, is_controller, msg_caller, time};
use ic_cdk::{pre_upgrade, query, update};
use icrc1::{Account, FORGOTTEN_AFTER, TransferArg, TransferFromArg, decode_block};
use parallel_calls::{Canister, Outcome, Request, Retry, call, decode_reply, ready_for_upgrade};

use swaps::{Attempt, Offer, Phase, Side, Step, Swap, Transfer};

/// Attempts per transfer in one call of `continue_swap`, with pauses of 1 and 2 seconds between them.
const RETRY: Retry = Retry::attempts(3);

/// Prepares a swap, and returns its number. Both owners must have approved (`icrc2_approve`) that this canister takes
/// the amount of the offer and the fee.
#[update(guard = "controllers_only")]
fn open_swap(first: Offer, second: Offer) -> Result<u64, String> {
    if [&first, &second].iter().any(|offer| offer.amount <= offer.fee) {
        return Err("an amount must be larger than the fee".into());
    }
    Ok(swaps::add(Swap { phase: Phase::Taking, sides: [first, second].map(Side::new) }))
}

/// Does what is left to do for a swap, and returns how far it is. Call this method until the swap is exchanged or
/// returned.
#[update(guard = "controllers_only")]
async fn continue_swap(number: u64) -> Result<Swap, String> {
    let swap = swaps::find(number).ok_or_else(|| format!("there is no swap {number}"))?;
    let _running = Running::start(number)?;
    if swap.phase == Phase::Taking {
        join(make(number, 0, Step::Take), make(number, 1, Step::Take)).await;
        swaps::change(number, |swap| {
            let [first, second] = &swap.sides;
            swap.phase = match (&first.taken, &second.taken) {
                // What may have been taken can be neither exchanged nor returned.
                (Transfer::Unknown(_), _) | (_, Transfer::Unknown(_)) => Phase::Taking,
                (Transfer::Made, Transfer::Made) => Phase::Exchanging,
                _ => Phase::Returning,
            };
        });
    }
    join(make(number, 0, Step::Give), make(number, 1, Step::Give)).await;
    Ok(swaps::change(number, |swap| {
        let is_over = !swap.sides.iter().any(Side::holds_tokens);
        swap.phase = match swap.phase {
            Phase::Exchanging if is_over => Phase::Exchanged,
            Phase::Returning if is_over => Phase::Returned,
            phase => phase,
        };
        swap.clone()
    }))
}

/// Makes a transfer of a swap, if it is its turn, and writes down what became of it.
async fn make(number: u64, side: usize, step: Step) {
    let Some((swap, attempt)) = begin(number, side, step) else { return };
    let offer = &swap.sides[side].offer;
    let outcome = if time() < attempt.created_at_time + FORGOTTEN_AFTER.as_nanos() as u64 {
        let transfer = transfer(number, side, step, &swap, &attempt).with_retry(RETRY);
        call(&Canister, transfer).await.decode(|reply| decode_block(reply).map(|_| true))
    } else {
        // The ledger would refuse the transfer, whether or not it was made. But no other transfer uses this account.
        let account = account_of(number, side);
        let balance = Request::call(offer.ledger, "icrc1_balance_of", (account,)).idempotent();
        call(&Canister, balance.with_retry(RETRY)).await.decode(|reply| {
            let is_in_account = decode_reply::<Nat>(reply)? >= offer.amount;
            Ok(is_in_account == (step == Step::Take))
        })
    };
    let reason = outcome.reason().map(ToString::to_string);
    let transfer = match outcome {
        Outcome::Done(true) => Transfer::Made,
        Outcome::Done(false) => Transfer::NotMade(Some("the ledger did not make it".into())),
        Outcome::NotDone(_) if attempt.reason.is_none() => Transfer::NotMade(reason),
        // That this attempt did nothing says nothing about earlier attempts.
        _ => Transfer::Unknown(Attempt { reason, ..attempt }),
    };
    swaps::change(number, |swap| *swap.sides[side].transfer(step) = transfer);
}

/// Whether it is the turn of a transfer, and then its next attempt. Before the call is sent, the swap says that the
/// ledger may make the transfer.
fn begin(number: u64, side: usize, step: Step) -> Option<(Swap, Attempt)> {
    swaps::change(number, |swap| {
        let this = &mut swap.sides[side];
        let is_its_turn = match step {
            Step::Take => swap.phase == Phase::Taking,
            Step::Give => swap.phase != Phase::Taking && this.holds_tokens(),
        };
        let attempt = match this.transfer(step) {
            _ if !is_its_turn => return None,
            // Tokens that could not be taken are not taken later: the swap returns those of the other owner.
            Transfer::Made | Transfer::NotMade(Some(_)) if step == Step::Take => return None,
            // After a forced upgrade, there is no reason yet.
            Transfer::Unknown(Attempt { created_at_time, reason }) => Attempt {
                created_at_time: *created_at_time,
                reason: reason.take().or(Some("no response".into())),
            },
            _ => Attempt { created_at_time: time(), reason: None },
        };
        *this.transfer(step) = Transfer::Unknown(attempt.clone());
        Some((swap.clone(), attempt))
    })
}

/// A transfer of a swap, as a call.
fn transfer(number: u64, side: usize, step: Step, swap: &Swap, attempt: &Attempt) -> Request {
    let user = |owner| Account { owner, subaccount: None };
    let Offer { owner, ledger, amount, fee } = swap.sides[side].offer.clone();
    let account = account_of(number, side);
    let created_at_time = Some(attempt.created_at_time);
    if step == Step::Take {
        let argument = TransferFromArg {
            spender_subaccount: None,
            from: user(owner),
            to: account,
            amount,
            fee: Some(fee),
            memo: None,
            created_at_time,
        };
        return icrc1::transfer_from(ledger, &argument);
    }
    let receiver =
        if swap.phase == Phase::Exchanging { swap.sides[1 - side].offer.owner } else { owner };
    let argument = TransferArg {
        from_subaccount: account.subaccount,
        to: user(receiver),
        amount: amount - fee,
        // Any fee: if the ledger has raised its fee, whoever sends the difference to the account can end the swap.
        fee: None,
        memo: None,
        created_at_time,
    };
    icrc1::transfer(ledger, &argument)
}

/// The account for the tokens of one side of one swap. Each side has an account of its own, so a swap can never pay
/// with the tokens of another one.
fn account_of(number: u64, side: usize) -> Account {
    let mut subaccount = vec![0; 32];
    subaccount[..8].copy_from_slice(&number.to_be_bytes());
    subaccount[31] = 1 + side as u8;
    Account { owner: canister_self(), subaccount: Some(subaccount) }
}

/// A swap, and how far it is.
#[query]
fn swap(number: u64) -> Option<Swap> {
    swaps::find(number)
}

/// Guard: rejects everyone who does not control this canister. An owner agrees to a swap by an approval, and the
/// approval does not name the swap, so not everybody may open one.
fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        return Ok(());
    }
    Err("only a controller of this canister may do that".into())
}

thread_local! {
    static RUNNING: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
}

/// One message at a time works on a swap. When it ends, also by a trap, the next one may.
struct Running(u64);

impl Running {
    fn start(number: u64) -> Result<Self, String> {
        if !RUNNING.with_borrow_mut(|running| running.insert(number)) {
            return Err(format!("another call of `continue_swap` works on swap {number}"));
        }
        Ok(Self(number))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| running.remove(&self.0));
    }
}

/// Refuses an upgrade while calls are open: their responses would arrive in the new program.
#[pre_upgrade]
fn pre_upgrade() {
    if let Err(reason) = ready_for_upgrade() {
        ic_cdk::trap(reason);
    }
}

ic_cdk::export_candid!();

#[cfg(test)]
mod tests {
    use candid_parser::utils::{CandidSource, service_equal};

    #[test]
    fn the_methods_are_those_of_the_committed_interface() {
        let (served, committed) = (super::__export_service(), include_str!("../swap.did"));
        service_equal(CandidSource::Text(&served), CandidSource::Text(committed))
            .unwrap_or_else(|difference| panic!("{difference}\nserved:\n{served}"));
    }
}
