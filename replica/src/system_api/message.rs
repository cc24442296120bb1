//! Functions about the current message: its argument, its caller, and its response.

use super::functions::*;
use super::{
    Pointer, SystemResult, charge_for_log, contract, copy_from_host, enter, heap, heap_at,
    link_bytes, range, read,
};
use crate::error::{Reject, Trap};
use crate::limits::{PRINTED_BYTES_MAX, QUERY_RESPONSE_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::system_api::{EntryPoint, Host};
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    link_data::<P>(linker)?;
    link_reject::<P>(linker)?;
    link_response::<P>(linker)?;
    link_inspect::<P>(linker)
}

fn link_data<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    link_bytes::<P>(linker, MSG_ARG_DATA_SIZE, MSG_ARG_DATA_COPY, |host| &host.input.argument)?;
    link_bytes::<P>(linker, MSG_CALLER_SIZE, MSG_CALLER_COPY, |host| host.input.caller.as_slice())?;
    link_bytes::<P>(linker, MSG_CALLER_INFO_DATA_SIZE, MSG_CALLER_INFO_DATA_COPY, |host| {
        host.input.caller_info.as_ref().map_or(&[], |info| &info.data)
    })?;
    link_bytes::<P>(linker, MSG_CALLER_INFO_SIGNER_SIZE, MSG_CALLER_INFO_SIGNER_COPY, |host| {
        host.input.caller_info.as_ref().map_or(&[], |info| info.signer.as_slice())
    })?;
    linker.func_wrap("ic0", MSG_DEADLINE.name, |mut c: C<'_>| {
        enter(&mut c, MSG_DEADLINE, 0)?;
        Ok(c.data().input.deadline.map_or(0, |deadline| deadline.as_nanos()))
    })?;
    Ok(())
}

fn reject(host: &Host) -> SystemResult<&Reject> {
    host.input
        .reject
        .as_ref()
        .ok_or_else(|| contract("there is no reject message: the call was not rejected"))
}

fn link_reject<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", MSG_REJECT_CODE.name, |mut c: C<'_>| {
        enter(&mut c, MSG_REJECT_CODE, 0)?;
        Ok(c.data().input.reject.as_ref().map_or(0, |reject| reject.code as u32))
    })?;
    linker.func_wrap("ic0", MSG_REJECT_MSG_SIZE.name, |mut c: C<'_>| {
        enter(&mut c, MSG_REJECT_MSG_SIZE, 0)?;
        Ok(P::of(reject(c.data())?.message.len()))
    })?;
    linker.func_wrap(
        "ic0",
        MSG_REJECT_MSG_COPY.name,
        |mut c: C<'_>, dst: P, offset: P, size: P| {
            enter(&mut c, MSG_REJECT_MSG_COPY, size.wide())?;
            copy_from_host(&mut c, (dst, offset, size), |host| Ok(reject(host)?.message.as_bytes()))
        },
    )?;
    Ok(())
}

/// Largest reply or reject message, in bytes. Only a query method, not a callback, may use the larger
/// limit for queries (`system_api.rs`, `max_reply_size`).
const fn response_bytes_max(entry_point: EntryPoint) -> usize {
    match entry_point {
        EntryPoint::Query | EntryPoint::Transform | EntryPoint::CompositeQuery => {
            QUERY_RESPONSE_BYTES_MAX
        }
        _ => RESPONSE_BYTES_MAX,
    }
}

fn link_response<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", MSG_REPLY_DATA_APPEND.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, MSG_REPLY_DATA_APPEND, size.wide())?;
        c.data().check_may_respond()?;
        let limit = response_bytes_max(c.data().input.entry_point);
        if c.data().reply.len() as u64 + size.wide() > limit as u64 {
            return Err(contract(format!("a reply may have at most {limit} bytes")));
        }
        let (bytes, host) = heap_at(&mut c, src.wide(), size.wide())?;
        host.reply.extend_from_slice(bytes);
        Ok(())
    })?;
    linker.func_wrap("ic0", MSG_REPLY.name, |mut c: C<'_>| {
        enter(&mut c, MSG_REPLY, 0)?;
        c.data().check_may_respond()?;
        let host = c.data_mut();
        host.effects.response = Some(Ok(std::mem::take(&mut host.reply)));
        Ok(())
    })?;
    linker.func_wrap("ic0", MSG_REJECT.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, MSG_REJECT, size.wide())?;
        c.data().check_may_respond()?;
        let limit = response_bytes_max(c.data().input.entry_point);
        if size.wide() > limit as u64 {
            return Err(contract(format!("a reject may have at most {limit} bytes")));
        }
        let text = read(&mut c, src.wide(), size.wide())?;
        let text = String::from_utf8(text)
            .map_err(|_| contract("a reject message must be valid UTF-8"))?;
        c.data_mut().effects.response = Some(Err(Reject::by_canister(text)));
        Ok(())
    })?;
    linker.func_wrap("ic0", TRAP.name, |mut c: C<'_>, src: P, size: P| -> SystemResult<()> {
        enter(&mut c, TRAP, size.wide())?;
        charge_for_log(&mut c, size.wide())?;
        let (heap, _) = heap(&mut c)?;
        let size = size.wide().min(PRINTED_BYTES_MAX as u64);
        let text = match range(src.wide(), size, heap.len()) {
            Some(range) => String::from_utf8_lossy(&heap[range]).into_owned(),
            None => "(trap message out of memory bounds)".to_owned(),
        };
        Err(wasmtime::Error::new(Trap::Called(text)))
    })?;
    Ok(())
}

fn link_inspect<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    link_bytes::<P>(linker, MSG_METHOD_NAME_SIZE, MSG_METHOD_NAME_COPY, |host| {
        host.input.method.as_bytes()
    })?;
    linker.func_wrap("ic0", ACCEPT_MESSAGE.name, |mut c: C<'_>| {
        enter(&mut c, ACCEPT_MESSAGE, 0)?;
        if std::mem::replace(&mut c.data_mut().effects.message_accepted, true) {
            return Err(contract("accept_message was already called for this message"));
        }
        Ok(())
    })?;
    Ok(())
}
