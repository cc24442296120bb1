//! The system interface: the functions of the module `ic0`, in both pointer widths.
//!
//! `functions` says what there is, where it may be called and what it costs; one file a group
//! says what it does; `host` is what they work on.

mod call;
mod canister;
mod cost;
mod cycles;
mod functions;
mod growth;
mod host;
mod message;
mod stable;
mod time;

use crate::error::Trap;
use crate::limits::{LOGGED_BYTE_INSTRUCTIONS, OS_PAGE_BYTES, TRANSMITTED_BYTE_INSTRUCTIONS};
use crate::wasm::{CompiledModule, InvalidModule, OUT_OF_INSTRUCTIONS};
pub use functions::{EntryPoint, EntryPoints, FUNCTIONS, Function};
pub use host::{
    Closure, DataCertificate, Effects, Environment, ExecutionInput, Host, MemoryShare,
    OutgoingCall, RunState,
};
use std::sync::LazyLock;
use wasmtime::{Caller, InstancePre, Linker, WasmTy};

/// An address or a size of a module: 32 or 64 bits wide.
pub(crate) trait Pointer: WasmTy + Copy + 'static {
    /// As a plain number.
    fn wide(self) -> u64;
    /// A size or count that is known to fit, since it is bounded by the limits of payloads.
    fn of(size: usize) -> Self;
}

impl Pointer for u32 {
    fn wide(self) -> u64 {
        self.into()
    }
    fn of(size: usize) -> Self {
        size as Self
    }
}

impl Pointer for u64 {
    fn wide(self) -> u64 {
        self
    }
    fn of(size: usize) -> Self {
        size as Self
    }
}

static LINKER32: LazyLock<Linker<Host>> = LazyLock::new(|| {
    let mut linker = linker::<u32>();
    call::link_32_bit_names(&mut linker).expect("the names are distinct");
    cycles::link_32_bit_names(&mut linker).expect("the names are distinct");
    stable::link_32_bit_names(&mut linker).expect("the names are distinct");
    linker
});
static LINKER64: LazyLock<Linker<Host>> = LazyLock::new(linker::<u64>);

/// Defines one group of functions.
type LinkGroup = fn(&mut Linker<Host>) -> SystemResult<()>;

fn linker<P: Pointer>() -> Linker<Host> {
    let mut linker = Linker::new(crate::wasm::engine());
    let groups: [LinkGroup; 7] = [
        message::link::<P>,
        cycles::link::<P>,
        cost::link::<P>,
        call::link::<P>,
        stable::link,
        canister::link::<P>,
        time::link::<P>,
    ];
    for link in groups {
        link(&mut linker).expect("the names are distinct");
    }
    linker
}

/// Connects a module with the system interface.
pub(crate) fn link(module: &CompiledModule) -> Result<InstancePre<Host>, InvalidModule> {
    for import in &module.info.imports {
        if !FUNCTIONS.iter().any(|function| function.name == import) {
            return Err(InvalidModule(format!(
                "it imports 'ic0.{import}', which does not exist here"
            )));
        }
    }
    let linker: &Linker<Host> = if module.info.wasm64 { &LINKER64 } else { &LINKER32 };
    linker.instantiate_pre(&module.module).map_err(|error| InvalidModule(format!("{error:#}")))
}

/// The result of a system call.
pub(crate) type SystemResult<T> = wasmtime::Result<T>;

/// Begins a system call that moves `bytes`: charges for it, then checks that it may be made here.
fn enter(caller: &mut Caller<'_, Host>, function: &Function, bytes: u64) -> SystemResult<()> {
    let cost = function.fixed.saturating_add(function.per_byte.saturating_mul(bytes));
    charge(caller, cost)?;
    let entry_point = caller.data().input.entry_point;
    if function.entry_points.contains(entry_point) {
        return Ok(());
    }
    Err(contract(format!(
        "\"ic0_{}\" cannot be executed in {} mode",
        function.name,
        entry_point.name()
    )))
}

/// Takes `instructions` from what the execution has left.
fn charge(caller: &mut Caller<'_, Host>, instructions: u64) -> SystemResult<()> {
    let left = Host::instructions_left(&mut *caller);
    let after = i64::try_from(instructions).ok().and_then(|cost| left.checked_sub(cost));
    match after {
        Some(after) if left >= 0 && after >= 0 => {
            Host::set_instructions_left(caller, after);
            Ok(())
        }
        _ => {
            Host::set_instructions_left(&mut *caller, OUT_OF_INSTRUCTIONS);
            let limit = caller.data().input.instructions_max;
            Err(wasmtime::Error::new(Trap::InstructionLimit { limit }))
        }
    }
}

/// The error for a rule that the canister broke.
fn contract(rule: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::new(Trap::Contract(rule.into()))
}

/// The error for an operation that traps as an instruction would.
fn trapped(reason: &'static str) -> wasmtime::Error {
    wasmtime::Error::new(Trap::Wasm(reason))
}

/// The canister's heap, to be read, and the host beside it.
fn heap<'a>(caller: &'a mut Caller<'_, Host>) -> SystemResult<(&'a [u8], &'a mut Host)> {
    match caller.data().memory {
        Some(memory) => {
            let (heap, host) = memory.data_and_store_mut(caller);
            Ok((heap, host))
        }
        None => Err(contract("the module has no memory")),
    }
}

/// `size` bytes of the canister's heap from `start` on, to be written to, and the host beside it.
fn heap_mut<'a>(
    caller: &'a mut Caller<'_, Host>,
    start: u64,
    size: u64,
) -> SystemResult<(&'a mut [u8], &'a mut Host)> {
    let range = heap_range(start, size, heap(caller)?.0)?;
    if let Some(page_marks) = caller.data().page_marks.filter(|_| !range.is_empty()) {
        let pages = range.start / OS_PAGE_BYTES..=(range.end - 1) / OS_PAGE_BYTES;
        page_marks.data_mut(&mut *caller)[pages].fill(1);
    }
    let memory = caller.data().memory.expect("its size was looked at");
    let (heap, host) = memory.data_and_store_mut(caller);
    Ok((&mut heap[range], host))
}

/// The range of `size` bytes from `start` on, if it lies within `length`.
fn range(start: u64, size: u64, length: usize) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(size).filter(|end| *end <= length as u64)?;
    Some(start as usize..end as usize)
}

/// The same as part of the heap, for a function that breaks the contract elsewhere.
fn heap_range(start: u64, size: u64, heap: &[u8]) -> SystemResult<std::ops::Range<usize>> {
    range(start, size, heap.len()).ok_or_else(|| {
        contract(format!(
            "{size} bytes at address {start} are not within the heap, which has {} bytes",
            heap.len()
        ))
    })
}

/// Reads `size` bytes of the heap.
fn read(caller: &mut Caller<'_, Host>, source: u64, size: u64) -> SystemResult<Vec<u8>> {
    let (heap, _) = heap(caller)?;
    Ok(heap[heap_range(source, size, heap)?].to_vec())
}

/// Takes the instructions for a line of `bytes` in the canister's log from what the execution has
/// left: for making room, and for passing on what will be kept.
fn charge_for_log(caller: &mut Caller<'_, Host>, bytes: u64) -> SystemResult<()> {
    let log = &caller.data().effects.log;
    let allocated = bytes.min(log.bytes_max() as u64);
    let transmitted = bytes.min(log.bytes_free() as u64);
    charge(
        caller,
        LOGGED_BYTE_INSTRUCTIONS * allocated + TRANSMITTED_BYTE_INSTRUCTIONS * transmitted,
    )
}

/// Writes `bytes` to the heap.
fn write(caller: &mut Caller<'_, Host>, destination: u64, bytes: &[u8]) -> SystemResult<()> {
    let (heap, _) = heap_mut(caller, destination, bytes.len() as u64)?;
    heap.copy_from_slice(bytes);
    Ok(())
}

/// Defines the pair of functions by which a canister reads bytes of the host: their size, and a copy
/// of a range of them.
fn link_bytes<P: Pointer>(
    linker: &mut Linker<Host>,
    size: &'static Function,
    copy: &'static Function,
    bytes: fn(&Host) -> &[u8],
) -> SystemResult<()> {
    linker.func_wrap("ic0", size.name, move |mut caller: Caller<'_, Host>| {
        enter(&mut caller, size, 0)?;
        Ok(P::of(bytes(caller.data()).len()))
    })?;
    linker.func_wrap(
        "ic0",
        copy.name,
        move |mut caller: Caller<'_, Host>, destination: P, offset: P, size: P| {
            enter(&mut caller, copy, size.wide())?;
            copy_from_host(&mut caller, (destination, offset, size), |host| Ok(bytes(host)))
        },
    )?;
    Ok(())
}

/// Copies `size` bytes from `offset` on of what `source` finds in the host to the heap.
fn copy_from_host<P: Pointer>(
    caller: &mut Caller<'_, Host>,
    (destination, offset, size): (P, P, P),
    source: impl Fn(&Host) -> SystemResult<&[u8]>,
) -> SystemResult<()> {
    let from = range(offset.wide(), size.wide(), source(caller.data())?.len())
        .ok_or_else(|| contract("the range to copy does not lie within the data"))?;
    let (heap, host) = heap_mut(caller, destination.wide(), size.wide())?;
    heap.copy_from_slice(&source(host)?[from]);
    Ok(())
}

#[cfg(test)]
mod tests;
