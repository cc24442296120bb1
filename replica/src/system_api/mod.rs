//! The system API: the functions of the module `ic0`, for 32-bit and 64-bit modules.
//!
//! `functions` lists every function, the entry points that may call it, and its cost. `host` holds
//! the state that the functions work on. Each other file implements one group of functions.

mod added_memory;
mod call;
mod canister;
mod cost;
mod cycles;
mod functions;
mod growth;
mod host;
mod memory_share;
mod message;
mod refused;
mod stable;
mod stable_copies;
mod time;

use crate::error::Trap;
use crate::limits::{LOGGED_BYTE_INSTRUCTIONS, TRANSMITTED_BYTE_INSTRUCTIONS};
use crate::wasm::{CompiledModule, InvalidModule};
pub use functions::{EntryPoint, EntryPoints, FUNCTIONS, Function};
pub(crate) use host::CANISTER_NAME_PREFIX;
pub use host::{
    Callbacks, Closure, DataCertificate, Effects, Environment, ExecutionInput, Host, OutgoingCall,
    RunState,
};
pub use memory_share::MemoryShare;
pub use refused::RefusedCalls;
use std::sync::LazyLock;
use wasmtime::{Caller, InstancePre, Linker, Module, WasmTy};

/// A pointer or size of a module: `u32` in 32-bit modules, `u64` in 64-bit modules.
pub(crate) trait Pointer: WasmTy + Copy + 'static {
    /// Converts to `u64`.
    fn wide(self) -> u64;
    /// Converts a size or a count. The limits of payloads guarantee that the value fits.
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

/// A function that defines one group of system API functions in a linker.
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

/// Links a module with the system API.
///
/// # Errors
///
/// Fails if the module imports a function that `ic0` does not have, or imports a function with a
/// wrong signature. The module has to be compiled against an existing version of the interface.
pub(crate) fn link(module: &CompiledModule) -> Result<InstancePre<Host>, InvalidModule> {
    for import in &module.info.imports {
        if !FUNCTIONS.iter().any(|function| function.name == import) {
            return Err(InvalidModule(format!(
                "the module imports 'ic0.{import}', which the system API does not have"
            )));
        }
    }
    link_known(module, &module.module)
}

/// Links a module with the system API like [`link`], so that its instruction counter is exact after every trap.
///
/// # Errors
///
/// Fails if the module cannot be compiled, or not be linked.
pub(crate) fn link_exact(module: &CompiledModule) -> Result<InstancePre<Host>, InvalidModule> {
    link_known(module, module.exact_module()?)
}

/// Links code of a module with imports that the system API has.
fn link_known(module: &CompiledModule, code: &Module) -> Result<InstancePre<Host>, InvalidModule> {
    let linker: &Linker<Host> = if module.info.wasm64 { &LINKER64 } else { &LINKER32 };
    linker.instantiate_pre(code).map_err(|error| InvalidModule(format!("{error:#}")))
}

/// The result of a system API call. An error traps the canister.
pub(crate) type SystemResult<T> = wasmtime::Result<T>;

/// Begins a system API call that copies `bytes`. Charges the call first, then checks that the
/// current entry point may call the function.
fn enter(caller: &mut Caller<'_, Host>, function: &Function, bytes: u64) -> SystemResult<()> {
    enter_to_write(caller, function, bytes, 0..0)
}

/// Begins a system API call like [`enter`], and marks the pages of the addresses `written` as written. This takes less
/// time than marking them later. The addresses can be outside the heap.
fn enter_to_write(
    caller: &mut Caller<'_, Host>,
    function: &Function,
    bytes: u64,
    written: std::ops::Range<u64>,
) -> SystemResult<()> {
    let cost = function.fixed.saturating_add(function.per_byte.saturating_mul(bytes));
    if !Host::charge(caller, cost, written) {
        return Err(exhausted(caller));
    }
    let entry_point = caller.data().input.entry_point;
    match function.entry_points.contains(entry_point) {
        true => Ok(()),
        false => Err(misplaced(function, entry_point)),
    }
}

#[cold]
fn misplaced(function: &Function, entry_point: EntryPoint) -> wasmtime::Error {
    let (function, mode) = (function.name, entry_point.name());
    contract(format!("\"ic0_{function}\" cannot be executed in {mode} mode"))
}

#[cold]
fn exhausted(caller: &Caller<'_, Host>) -> wasmtime::Error {
    let limit = caller.data().input.instructions_max;
    wasmtime::Error::new(Trap::InstructionLimit { limit })
}

/// Subtracts `instructions` from the instruction counter. Traps if too few are left.
fn charge(caller: &mut Caller<'_, Host>, instructions: u64) -> SystemResult<()> {
    match Host::charge(caller, instructions, 0..0) {
        true => Ok(()),
        false => Err(exhausted(caller)),
    }
}

/// The trap of a canister that violates a rule of the system API.
fn contract(rule: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::new(Trap::Contract(rule.into()))
}

/// The trap of a system API function that fails like a Wasm instruction, for example out of bounds.
fn trapped(reason: &'static str) -> wasmtime::Error {
    wasmtime::Error::new(Trap::Wasm(reason.into()))
}

/// The canister's heap for reading, and the host state.
fn heap<'a>(caller: &'a mut Caller<'_, Host>) -> SystemResult<(&'a [u8], &'a mut Host)> {
    match caller.data().memory {
        Some(memory) => {
            let (heap, host) = memory.data_and_store_mut(caller);
            Ok((heap, host))
        }
        None => Err(no_memory()),
    }
}

fn no_memory() -> wasmtime::Error {
    contract("the module has no memory")
}

/// The `size` bytes of the canister's heap from `start`, for writing, and the host state. Marks the
/// pages of the range as written.
fn heap_mut<'a>(
    caller: &'a mut Caller<'_, Host>,
    start: u64,
    size: u64,
) -> SystemResult<(&'a mut [u8], &'a mut Host)> {
    Host::mark(caller, start..start.saturating_add(size));
    marked_heap(caller, start, size)
}

/// The `size` bytes of the canister's heap from `start`, for writing, and the host state. The pages of the range must
/// be marked.
fn marked_heap<'a>(
    caller: &'a mut Caller<'_, Host>,
    start: u64,
    size: u64,
) -> SystemResult<(&'a mut [u8], &'a mut Host)> {
    let memory = caller.data().memory.ok_or_else(no_memory)?;
    let (heap, host) = memory.data_and_store_mut(caller);
    let range = heap_range(start, size, heap.len())?;
    Ok((&mut heap[range], host))
}

/// The range of `size` bytes from `start`, or `None` if it exceeds `length`.
fn range(start: u64, size: u64, length: usize) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(size).filter(|end| *end <= length as u64)?;
    Some(start as usize..end as usize)
}

/// Like [`range`] for the heap. A range outside the heap is a contract violation.
fn heap_range(start: u64, size: u64, heap_bytes: usize) -> SystemResult<std::ops::Range<usize>> {
    range(start, size, heap_bytes).ok_or_else(|| {
        contract(format!(
            "{size} bytes at address {start} are outside the heap of {heap_bytes} bytes"
        ))
    })
}

/// Reads `size` bytes of the heap.
fn read(caller: &mut Caller<'_, Host>, source: u64, size: u64) -> SystemResult<Vec<u8>> {
    Ok(heap_at(caller, source, size)?.0.to_vec())
}

/// The `size` bytes of the heap from `start`, for reading, and the host state.
fn heap_at<'a>(
    caller: &'a mut Caller<'_, Host>,
    start: u64,
    size: u64,
) -> SystemResult<(&'a [u8], &'a mut Host)> {
    let (heap, host) = heap(caller)?;
    Ok((&heap[heap_range(start, size, heap.len())?], host))
}

/// Charges the instructions for a log line of `bytes`: for allocating space in the canister's log,
/// and for transmitting the part of the line that fits into the free space.
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

/// Defines a pair of functions with which a canister reads `bytes` of the host: `size` returns the
/// length, `copy` copies a range to the heap.
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
            let (to, size) = (destination.wide(), size.wide());
            enter_to_write(&mut caller, copy, size, to..to.saturating_add(size))?;
            copy_marked(&mut caller, (to, offset.wide(), size), |host| Ok(bytes(host)))
        },
    )?;
    Ok(())
}

/// Copies `size` bytes, from `offset` in the bytes that `source` returns, to the heap.
fn copy_from_host<P: Pointer>(
    caller: &mut Caller<'_, Host>,
    (destination, offset, size): (P, P, P),
    source: impl Fn(&Host) -> SystemResult<&[u8]>,
) -> SystemResult<()> {
    let (to, size) = (destination.wide(), size.wide());
    Host::mark(caller, to..to.saturating_add(size));
    copy_marked(caller, (to, offset.wide(), size), source)
}

/// Copies like [`copy_from_host`] to pages that are marked.
fn copy_marked(
    caller: &mut Caller<'_, Host>,
    (destination, offset, size): (u64, u64, u64),
    source: impl Fn(&Host) -> SystemResult<&[u8]>,
) -> SystemResult<()> {
    let from = range(offset, size, source(caller.data())?.len())
        .ok_or_else(|| contract("the range to copy is outside the data"))?;
    let (heap, host) = marked_heap(caller, destination, size)?;
    heap.copy_from_slice(&source(host)?[from]);
    Ok(())
}

#[cfg(test)]
mod tests;
