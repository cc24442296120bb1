//! Pays a list of ICRC-1 transfers, each exactly once.
//!
//! `add` appends payments to the list, and `pay` makes the transfers that are not made yet. The list is in stable
//! memory. It says of each payment whether the ledger has made the transfer, has surely not made it, or may have made
//! it. In the third case, only the same transfer may be tried again: the ledger makes a transfer with the same account,
//! amount, fee, memo and `created_at_time` only once.

#![allow(missing_docs, reason = "`export_candid` generates a function without documentation")]

mod list;

use std::cell::Cell;

use candid::{Nat, Principal};
use ic_cdk::api::{is_controller, msg_caller, time};
use ic_cdk::{init, pre_upgrade, query, update};
use icrc1::{FORGOTTEN_AFTER, TransferArg, decode_block};
use parallel_calls::{
    Canister, Outcome, Plan, Reply, Request, Retry, Transport, ready_for_upgrade, windowed,
};

use list::{Attempt, Counts, Payment, Payout, State};

/// Attempts per transfer in one call of `pay`, with pauses of 1, 2, 4 and 8 seconds between them.
const RETRY: Retry = Retry::attempts(5);

/// Sets the ledger that makes the transfers. An upgrade keeps the ledger and the list.
#[init]
fn init(ledger: Principal) {
    list::set_ledger(ledger);
}

/// Appends payments to the list. `first` is the number of the first of them, which is the length of the list. So a
/// message that a user sends again, because the user does not know whether it arrived, does not add the payments twice.
#[update(guard = "controllers_only")]
fn add(first: u64, payments: Vec<Payment>) -> Result<(), String> {
    let length = list::len();
    if first != length {
        return Err(format!("the list has {length} payments, so the next number is not {first}"));
    }
    list::append(payments);
    Ok(())
}

/// Makes the transfers that are not made yet, with this fee. Returns how many payments of the list are in which state.
#[update(guard = "controllers_only")]
async fn pay(fee: Nat) -> Result<Counts, String> {
    let _running = Running::start()?;
    let ledger = list::ledger();
    let unpaid = list::unpaid();
    let limits = Canister.limits(&Request::new(ledger, "icrc1_transfer"));
    let plan = Plan::new(&limits, unpaid.len() as u64)?;

    // The window takes a request out of this iterator when it can send the call.
    let transfers = unpaid.iter().map(|number| transfer(*number, ledger, &fee));
    let window = plan.window.without_look_ahead();
    windowed(&Canister, transfers, window, RETRY, |position, outcome| {
        settle(unpaid[position as usize], outcome);
    })
    .await;
    Ok(list::counts())
}

/// The transfer of a payment, as a call. Before the call is sent, the list says that the ledger may make the transfer.
fn transfer(number: u64, ledger: Principal, fee: &Nat) -> Request {
    let Payout { payment, state } = list::get(number).expect("payments are never removed");
    let attempt = match state {
        // The same transfer again, because an earlier `pay` did not learn whether the ledger made it. After a forced
        // upgrade, there is no reason yet.
        State::Unknown(attempt) => {
            Attempt { reason: attempt.reason.or(Some("no response".into())), ..attempt }
        }
        _ => Attempt { created_at_time: time(), fee: fee.clone(), reason: None },
    };
    let argument = TransferArg {
        from_subaccount: None,
        to: payment.to.clone(),
        amount: payment.amount.clone(),
        fee: Some(attempt.fee.clone()),
        // Two payments of the same amount to the same account are different transfers.
        memo: Some(number.to_be_bytes().to_vec()),
        created_at_time: Some(attempt.created_at_time),
    };
    list::put(number, Payout { payment, state: State::Unknown(attempt) });
    icrc1::transfer(ledger, &argument)
}

/// Writes the outcome of a transfer to the list.
fn settle(number: u64, outcome: Outcome<Reply>) {
    let Some(Payout { payment, state: State::Unknown(attempt) }) = list::get(number) else {
        return;
    };
    let outcome = outcome.decode(decode_block);
    let reason = outcome.reason().map(ToString::to_string);
    let state = match outcome {
        Outcome::Done(block) => State::Paid(block),
        Outcome::NotDone(_) if attempt.reason.is_none() => State::Due(reason),
        // That this attempt did nothing says nothing about the attempts of an earlier `pay`.
        _ => State::Unknown(Attempt { reason, ..attempt }),
    };
    list::put(number, Payout { payment, state });
}

/// Settles a payment that stays unknown, when the ledger has forgotten the transfer and can no longer make it. The
/// controller has looked at the blocks of the ledger: `block` is that of the transfer, or `None` if there is none.
#[update(guard = "controllers_only")]
fn resolve(number: u64, block: Option<Nat>) -> Result<(), String> {
    let _running = Running::start()?;
    let Some(Payout { payment, state: State::Unknown(attempt) }) = list::get(number) else {
        return Err(format!("there is no unknown payment {number}"));
    };
    if time() < attempt.created_at_time + FORGOTTEN_AFTER.as_nanos() as u64 {
        return Err("the ledger can still make the transfer: call `pay` instead".into());
    }
    let state = block.map_or(State::Due(Some("no block".into())), State::Paid);
    list::put(number, Payout { payment, state });
    Ok(())
}

/// A payment of the list.
#[query]
fn payout(number: u64) -> Option<Payout> {
    list::get(number)
}

/// How many payments of the list are in which state.
#[query]
fn counts() -> Counts {
    list::counts()
}

/// Guard: rejects everyone who does not control this canister.
fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        return Ok(());
    }
    Err("only a controller of this canister may do that".into())
}

thread_local! {
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// One message at a time writes states to the list. When it ends, also by a trap, the next one may.
struct Running;

impl Running {
    fn start() -> Result<Self, String> {
        if IS_RUNNING.replace(true) {
            return Err("the transfers of another call of `pay` are still open".into());
        }
        Ok(Self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
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
        let (served, committed) = (super::__export_service(), include_str!("../payout.did"));
        service_equal(CandidSource::Text(&served), CandidSource::Text(committed))
            .unwrap_or_else(|difference| panic!("{difference}\nserved:\n{served}"));
    }
}
