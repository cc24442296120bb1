//! Functions about time, the global timer, performance counters, and debug output.

use super::functions::*;
use super::{Pointer, SystemResult, charge_for_log, contract, enter, heap, range};
use crate::system_api::Host;
use crate::types::Time;
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", TIME.name, |mut c: C<'_>| {
        enter(&mut c, TIME, 0)?;
        Ok(c.data().input.time.as_nanos())
    })?;
    linker.func_wrap("ic0", GLOBAL_TIMER_SET.name, |mut c: C<'_>, nanos: u64| {
        enter(&mut c, GLOBAL_TIMER_SET, 0)?;
        let host = c.data_mut();
        let timer = (nanos != 0).then_some(Time::from_nanos(nanos));
        let before = host.effects.global_timer.replace(timer).unwrap_or(host.input.global_timer);
        Ok(before.map_or(0, Time::as_nanos))
    })?;
    linker.func_wrap("ic0", PERFORMANCE_COUNTER.name, |mut c: C<'_>, counter: u32| {
        enter(&mut c, PERFORMANCE_COUNTER, 0)?;
        let used = Host::instructions_used(&mut c);
        match counter {
            0 => Ok(used),
            1 => Ok(c.data().input.call_context_instructions + used),
            _ => Err(contract(format!("there is no performance counter {counter}"))),
        }
    })?;
    linker.func_wrap("ic0", DEBUG_PRINT.name, |mut c: C<'_>, src: P, size: P| {
        enter(&mut c, DEBUG_PRINT, size.wide())?;
        charge_for_log(&mut c, size.wide())?;
        let (heap, host) = heap(&mut c)?;
        let line = match range(src.wide(), size.wide(), heap.len()) {
            Some(range) => &heap[range],
            None => b"(debug_print message out of memory bounds)",
        };
        host.effects.log.print(host.input.time, line);
        Ok(())
    })?;
    Ok(())
}
