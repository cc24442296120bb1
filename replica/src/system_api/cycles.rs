//! Functions about cycles: the cycles attached to the message, and the balance of the canister.

use super::functions::*;
use super::{Pointer, SystemResult, contract, enter, trapped, write};
use crate::system_api::Host;
use crate::topology::cycles_minting_canister;
use crate::types::{Cycles, cycles_from_halves};
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

/// How a function that returns an amount of cycles computes the amount.
type Amount = fn(&Host) -> Cycles;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    let amounts: [(&'static Function, Amount); 4] = [
        (MSG_CYCLES_AVAILABLE128, Host::cycles_available),
        (MSG_CYCLES_REFUNDED128, |host| host.input.cycles_refunded),
        (CANISTER_CYCLE_BALANCE128, |host| host.balance),
        (CANISTER_LIQUID_CYCLE_BALANCE128, Host::liquid_balance),
    ];
    for (function, amount) in amounts {
        linker.func_wrap("ic0", function.name, move |mut c: C<'_>, dst: P| {
            enter(&mut c, function, 0)?;
            let amount = amount(c.data());
            put(&mut c, dst, amount)
        })?;
    }
    linker.func_wrap(
        "ic0",
        MSG_CYCLES_ACCEPT128.name,
        |mut c: C<'_>, high: u64, low: u64, dst: P| {
            enter(&mut c, MSG_CYCLES_ACCEPT128, 0)?;
            let accepted = accept(c.data_mut(), cycles_from_halves(high, low));
            put(&mut c, dst, accepted)
        },
    )?;
    linker.func_wrap("ic0", CYCLES_BURN128.name, |mut c: C<'_>, high: u64, low: u64, dst: P| {
        enter(&mut c, CYCLES_BURN128, 0)?;
        let host = c.data_mut();
        let burned = cycles_from_halves(high, low).min(host.liquid_balance());
        host.balance -= burned;
        host.effects.cycles_burned = host.effects.cycles_burned.saturating_add(burned);
        put(&mut c, dst, burned)
    })?;
    linker.func_wrap("ic0", MINT_CYCLES128.name, |mut c: C<'_>, high: u64, low: u64, dst: P| {
        enter(&mut c, MINT_CYCLES128, 0)?;
        let minted = mint(c.data_mut(), cycles_from_halves(high, low))?;
        put(&mut c, dst, minted)
    })?;
    Ok(())
}

/// Defines the older functions of 32-bit modules. They pass an amount as one 64-bit number.
pub(super) fn link_32_bit_names(linker: &mut Linker<Host>) -> SystemResult<()> {
    let amounts: [(&'static Function, Amount); 3] = [
        (MSG_CYCLES_AVAILABLE, Host::cycles_available),
        (MSG_CYCLES_REFUNDED, |host| host.input.cycles_refunded),
        (CANISTER_CYCLE_BALANCE, |host| host.balance),
    ];
    for (function, amount) in amounts {
        linker.func_wrap("ic0", function.name, move |mut c: C<'_>| {
            enter(&mut c, function, 0)?;
            u64::try_from(amount(c.data()))
                .map_err(|_| trapped("cycles amount exceeds 64-bit representation"))
        })?;
    }
    linker.func_wrap("ic0", MSG_CYCLES_ACCEPT.name, |mut c: C<'_>, max: u64| {
        enter(&mut c, MSG_CYCLES_ACCEPT, 0)?;
        // At most `max`, so the amount fits.
        Ok(accept(c.data_mut(), max.into()) as u64)
    })?;
    Ok(())
}

fn accept(host: &mut Host, max: Cycles) -> Cycles {
    let accepted = max.min(host.cycles_available());
    host.credit(accepted);
    host.effects.cycles_accepted += accepted;
    accepted
}

/// Mints cycles: at most `max`, and at most what the balance can hold.
fn mint(host: &mut Host, max: Cycles) -> SystemResult<Cycles> {
    let canister = host.input.environment.canister;
    let minter = cycles_minting_canister();
    if canister != minter {
        return Err(contract(format!(
            "ic0.mint_cycles cannot be executed on non Cycles Minting Canister: {canister} != {minter}"
        )));
    }
    let minted = max.min(Cycles::MAX - host.balance);
    host.balance += minted;
    // A canister that burns what it minted can mint more than a balance can hold.
    host.effects.cycles_minted = host.effects.cycles_minted.saturating_add(minted);
    Ok(minted)
}

pub(super) fn put<P: Pointer>(c: &mut C<'_>, dst: P, amount: Cycles) -> SystemResult<()> {
    write(c, dst.wide(), &amount.to_le_bytes())
}
