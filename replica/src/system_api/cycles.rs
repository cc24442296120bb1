//! Cycles: those attached to the message, those of the canister, and what things would cost.

use super::functions::*;
use super::{Pointer, SystemResult, contract, enter, write};
use crate::system_api::Host;
use crate::types::{Cycles, cycles_from_halves};
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

/// Functions that write the amount they compute to an address, all of the same kind.
type Amount = fn(&Host) -> Cycles;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    let amounts: [(&'static Function, Amount); 5] = [
        (MSG_CYCLES_AVAILABLE128, Host::cycles_available),
        (MSG_CYCLES_REFUNDED128, |host| host.input.cycles_refunded),
        (CANISTER_CYCLE_BALANCE128, |host| host.balance),
        (CANISTER_LIQUID_CYCLE_BALANCE128, Host::liquid_balance),
        (COST_CREATE_CANISTER, |host| host.input.environment.prices.canister_creation()),
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
        host.effects.cycles_burned += burned;
        put(&mut c, dst, burned)
    })?;
    linker.func_wrap(
        "ic0",
        COST_CALL.name,
        |mut c: C<'_>, method_bytes: u64, argument_bytes: u64, dst: P| {
            enter(&mut c, COST_CALL, 0)?;
            let environment = &c.data().input.environment;
            // Quoted for the reference size whatever the subnet's own
            // (`cycles_account_manager`, `xnet_call_total_fee`).
            let price = environment
                .prices
                .reference()
                .call(method_bytes.saturating_add(argument_bytes), environment.wasm64);
            put(&mut c, dst, price.total())
        },
    )?;
    linker.func_wrap(
        "ic0",
        COST_HTTP_REQUEST.name,
        |mut c: C<'_>, request_bytes: u64, response_bytes: u64, dst: P| {
            enter(&mut c, COST_HTTP_REQUEST, 0)?;
            let prices = c.data().input.environment.prices;
            put(&mut c, dst, prices.http_request(request_bytes, response_bytes))
        },
    )?;
    Ok(())
}

/// The older functions that pass amounts as one 64-bit number.
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
                .map_err(|_| contract("the amount of cycles does not fit in 64 bits"))
        })?;
    }
    linker.func_wrap("ic0", MSG_CYCLES_ACCEPT.name, |mut c: C<'_>, max: u64| {
        enter(&mut c, MSG_CYCLES_ACCEPT, 0)?;
        // No more than `max`, so it fits.
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

fn put<P: Pointer>(c: &mut C<'_>, dst: P, amount: Cycles) -> SystemResult<()> {
    write(c, dst.wide(), &amount.to_le_bytes())
}
