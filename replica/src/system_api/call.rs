//! Functions that make calls to other canisters: `call_new`, the functions that add to the call, and
//! `call_perform`.

use super::functions::*;
use super::host::{OutgoingCall, PreparedCall};
use super::{Callbacks, Closure, Pointer, SystemResult, contract, enter, heap_at};
use crate::error::Trap;
use crate::limits::*;
use crate::message::CallContent;
use crate::system_api::Host;
use crate::topology::bitcoin_canister;
use crate::trace::Refusal;
use crate::types::{Callee, CanisterId, Cycles, cycles_from_halves};
use candid::Principal;
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

/// The result of `call_perform` for a call that was not made: the reject code `SYS_TRANSIENT`.
const NOT_PERFORMED: u32 = 2;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", CALL_NEW.name, call_new::<P>)?;
    linker.func_wrap("ic0", CALL_ON_CLEANUP.name, |mut c: C<'_>, function: P, env: P| {
        enter(&mut c, CALL_ON_CLEANUP, 0)?;
        let call = prepared(c.data_mut())?;
        let closure = Closure { function: function.wide(), env: env.wide() };
        match call.callbacks.on_cleanup.replace(closure) {
            Some(_) => Err(contract("call_on_cleanup was called twice for one call")),
            None => Ok(()),
        }
    })?;
    linker.func_wrap("ic0", CALL_DATA_APPEND.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, CALL_DATA_APPEND, size.wide())?;
        let content = &prepared(c.data_mut())?.content;
        check_request_bytes(content.bytes() as u64 + size.wide())?;
        let (bytes, host) = heap_at(&mut c, src.wide(), size.wide())?;
        prepared(host)?.content.argument.extend_from_slice(bytes);
        Ok(())
    })?;
    linker.func_wrap("ic0", CALL_CYCLES_ADD128.name, |mut c: C<'_>, high: u64, low: u64| {
        enter(&mut c, CALL_CYCLES_ADD128, 0)?;
        add_cycles(c.data_mut(), cycles_from_halves(high, low))
    })?;
    linker.func_wrap(
        "ic0",
        CALL_WITH_BEST_EFFORT_RESPONSE.name,
        |mut c: C<'_>, seconds: u32| {
            enter(&mut c, CALL_WITH_BEST_EFFORT_RESPONSE, 0)?;
            let call = prepared(c.data_mut())?;
            match call.timeout_seconds.replace(seconds.min(CALL_TIMEOUT_SECONDS_MAX)) {
                Some(_) => Err(contract("a timeout was set twice for one call")),
                None => Ok(()),
            }
        },
    )?;
    linker.func_wrap("ic0", CALL_PERFORM.name, |mut c: C<'_>| {
        enter(&mut c, CALL_PERFORM, 0)?;
        let host = c.data_mut();
        let call = host.call.take().ok_or_else(no_call)?;
        Ok(if perform(host, call) { 0 } else { NOT_PERFORMED })
    })?;
    Ok(())
}

/// Defines the older function of 32-bit modules. It passes an amount as one 64-bit number.
pub(super) fn link_32_bit_names(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", CALL_CYCLES_ADD.name, |mut c: C<'_>, amount: u64| {
        enter(&mut c, CALL_CYCLES_ADD, 0)?;
        add_cycles(c.data_mut(), amount.into())
    })?;
    Ok(())
}

fn no_call() -> wasmtime::Error {
    contract("there is no call under construction: use call_new first")
}

fn prepared(host: &mut Host) -> SystemResult<&mut PreparedCall> {
    host.call.as_mut().ok_or_else(no_call)
}

fn check_request_bytes(bytes: u64) -> SystemResult<()> {
    if bytes > REQUEST_BYTES_MAX as u64 {
        return Err(contract(format!(
            "the method name and the argument of a call may have at most {REQUEST_BYTES_MAX} bytes \
             together, not {bytes}"
        )));
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the interface specification defines this signature")]
fn call_new<P: Pointer>(
    mut c: C<'_>,
    callee: P,
    callee_size: P,
    name: P,
    name_size: P,
    reply_function: P,
    reply_env: P,
    reject_function: P,
    reject_env: P,
) -> SystemResult<()> {
    enter(&mut c, CALL_NEW, callee_size.wide().saturating_add(name_size.wide()))?;
    abandon(c.data_mut());
    if name_size.wide() > METHOD_NAME_BYTES_MAX as u64 {
        return Err(contract(format!(
            "a method name may have at most {METHOD_NAME_BYTES_MAX} bytes, not {}",
            name_size.wide()
        )));
    }
    let (method, _) = heap_at(&mut c, name.wide(), name_size.wide())?;
    let method = String::from_utf8_lossy(method).into_owned();
    let (callee, _) = heap_at(&mut c, callee.wide(), callee_size.wide())?;
    let callee = Principal::try_from_slice(callee)
        .map_err(|error| contract(format!("the callee is not a principal: {error}")))?;
    c.data_mut().call = Some(PreparedCall {
        callee: callee.into(),
        content: CallContent { method, ..CallContent::default() },
        timeout_seconds: None,
        callbacks: Callbacks {
            on_reply: Closure { function: reply_function.wide(), env: reply_env.wide() },
            on_reject: Closure { function: reject_function.wide(), env: reject_env.wide() },
            on_cleanup: None,
        },
    });
    Ok(())
}

/// Drops the call under construction. The cycles attached to it return to the balance.
fn abandon(host: &mut Host) {
    if let Some(call) = host.call.take() {
        host.credit(call.content.cycles);
    }
}

fn add_cycles(host: &mut Host, amount: Cycles) -> SystemResult<()> {
    let liquid = host.liquid_balance();
    let call = prepared(host)?;
    if amount > liquid {
        return Err(wasmtime::Error::new(Trap::OutOfCyclesToAttach));
    }
    call.content.cycles += amount;
    host.balance -= amount;
    Ok(())
}

/// Makes the call and returns true. If a limit forbids the call, returns the attached cycles to the
/// balance and returns false.
fn perform(host: &mut Host, call: PreparedCall) -> bool {
    let environment = &host.input.environment;
    let request_bytes = call.content.bytes() as u64;
    let price = environment.prices.call(request_bytes, environment.wasm64);
    // An unbounded-wait call reserves memory for its response. A bounded-wait call takes the memory of its
    // request.
    let counted_bytes = request_bytes + REQUEST_OVERHEAD_BYTES;
    let (reserved, best_effort) = match call.timeout_seconds {
        None => (RESPONSE_RESERVATION_BYTES.max(counted_bytes), 0),
        Some(_) => (0, counted_bytes),
    };
    let (peer, slots) = free_slots(host, call.callee);
    let place = host.slots_taken.binary_search_by_key(&peer, |(peer, _)| *peer);
    let taken = place.map_or(0, |place| host.slots_taken[place].1);
    let threshold = host.freezing_threshold(reserved + best_effort);
    let limit = if slots <= taken {
        Some(Refusal::QueueFull)
    } else if host.input.callbacks <= host.effects.calls.len() {
        Some(Refusal::Callbacks)
    } else if host.input.guaranteed_memory < host.memory_reserved + reserved {
        Some(Refusal::MessageMemory)
    } else if host.balance < threshold + price.total() {
        Some(Refusal::Cycles)
    } else {
        None
    };
    if let Some(limit) = limit {
        host.credit(call.content.cycles);
        host.effects.refused.add(call.callee, limit);
        return false;
    }
    match place {
        Ok(place) => host.slots_taken[place].1 += 1,
        Err(place) => host.slots_taken.insert(place, (peer, 1)),
    }
    host.memory_reserved += reserved;
    host.best_effort_bytes += best_effort;
    host.balance -= price.total();
    let PreparedCall { callee, content, timeout_seconds, callbacks } = call;
    let after = |seconds: u32| host.input.time.plus_secs(seconds.into()).floor_to_seconds();
    let deadline = timeout_seconds.map(after);
    host.effects.calls.push(OutgoingCall { callee, content, deadline, callbacks, price });
    true
}

/// The canister whose request slots a call uses, and the number of free slots at the start of this
/// execution. A call to the subnet id is a call to the management canister, and the system forwards some
/// calls of the management canister to the bitcoin canisters. All these ids share their slots; the id with
/// the fewest free slots counts (`sandbox_safe_system_state.rs`, `ic00_aliases`).
fn free_slots(host: &Host, callee: Callee) -> (Callee, usize) {
    let free = |peer: Callee| {
        let taken = host.input.slots_taken.get(&peer).copied().unwrap_or(0);
        host.pairs.free_slots(peer).saturating_sub(taken)
    };
    const BITCOIN: [CanisterId; 2] = [bitcoin_canister(true), bitcoin_canister(false)];
    let subnet = host.input.environment.subnet.into();
    let aliases = [Callee::MANAGEMENT, subnet, BITCOIN[0].into(), BITCOIN[1].into()];
    match aliases.contains(&callee) {
        true => (Callee::MANAGEMENT, aliases.map(free).into_iter().min().unwrap_or(0)),
        false => (callee, free(callee)),
    }
}
