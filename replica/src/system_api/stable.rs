//! Functions about stable memory.
//!
//! The order of checks and charges: `embedders/src/wasm_utils/system_api_replacements.rs` in the
//! replica's repository.

use super::functions::*;
use super::{SystemResult, charge, enter, enter_to_write, heap, no_memory, range, trapped};
use crate::error::Trap;
use crate::limits::*;
use crate::system_api::Host;
use crate::wasm::StableMemoryError;
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

/// The result of a `stable_grow` that failed.
const NOT_GROWN: u64 = u64::MAX;

pub(super) fn link(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", STABLE64_SIZE.name, |mut c: C<'_>| {
        enter(&mut c, STABLE64_SIZE, 0)?;
        Ok(c.data().stable.size_pages())
    })?;
    linker.func_wrap("ic0", STABLE64_GROW.name, |mut c: C<'_>, pages: u64| {
        enter(&mut c, STABLE64_GROW, 0)?;
        grow(c.data_mut(), pages)
    })?;
    linker.func_wrap(
        "ic0",
        STABLE64_READ.name,
        |mut c: C<'_>, dst: u64, offset: u64, size: u64| {
            enter_to_write(&mut c, STABLE64_READ, size, dst..dst.saturating_add(size))?;
            read(&mut c, dst, offset, size)
        },
    )?;
    linker.func_wrap(
        "ic0",
        STABLE64_WRITE.name,
        |mut c: C<'_>, offset: u64, src: u64, size: u64| {
            enter(&mut c, STABLE64_WRITE, size)?;
            // Writing no bytes succeeds at any offset and address.
            if size == 0 { Ok(()) } else { write(&mut c, offset, src, size) }
        },
    )?;
    Ok(())
}

/// Defines the older functions of 32-bit modules. They address the first 4 GiB of stable memory.
pub(super) fn link_32_bit_names(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", STABLE_SIZE.name, |mut c: C<'_>| {
        enter(&mut c, STABLE_SIZE, 0)?;
        check_32_bit_size(c.data())?;
        Ok(c.data().stable.size_pages() as u32)
    })?;
    linker.func_wrap("ic0", STABLE_GROW.name, |mut c: C<'_>, pages: u32| {
        enter(&mut c, STABLE_GROW, 0)?;
        check_32_bit_size(c.data())?;
        if c.data().stable.size_pages() + u64::from(pages) > WASM32_PAGES {
            return Ok(u32::MAX);
        }
        Ok(grow(c.data_mut(), pages.into())? as u32)
    })?;
    linker.func_wrap(
        "ic0",
        STABLE_READ.name,
        |mut c: C<'_>, dst: u32, offset: u32, size: u32| {
            let (start, end) = (dst.into(), u64::from(dst) + u64::from(size));
            enter_to_write(&mut c, STABLE_READ, size.into(), start..end)?;
            if size > 0 {
                check_32_bit_size(c.data())?;
            }
            read(&mut c, dst.into(), offset.into(), size.into())
        },
    )?;
    linker.func_wrap(
        "ic0",
        STABLE_WRITE.name,
        |mut c: C<'_>, offset: u32, src: u32, size: u32| {
            enter(&mut c, STABLE_WRITE, size.into())?;
            check_32_bit_size(c.data())?;
            write(&mut c, offset.into(), src.into(), size.into())
        },
    )?;
    Ok(())
}

/// Grows stable memory by `pages` Wasm pages. Returns the size before, or [`NOT_GROWN`].
fn grow(host: &mut Host, pages: u64) -> SystemResult<u64> {
    if !host.stable.can_grow(pages)
        || !host.grow(pages * WASM_PAGE_BYTES).map_err(wasmtime::Error::new)?
    {
        return Ok(NOT_GROWN);
    }
    Ok(host.stable.grow(pages).unwrap_or(NOT_GROWN))
}

/// Wasm pages in 4 GiB.
const WASM32_PAGES: u64 = 1 << 16;

/// Traps if stable memory is larger than 4 GiB, which the older functions cannot address.
fn check_32_bit_size(host: &Host) -> SystemResult<()> {
    match host.stable.size_pages() <= WASM32_PAGES {
        true => Ok(()),
        false => Err(trapped("32 bit stable memory api used on a memory larger than 4GB")),
    }
}

/// The largest amount of stable memory, in bytes, that one execution may access (`system_api.rs`,
/// `get_page_limit`).
const fn access_max(entry_point: EntryPoint) -> u64 {
    match entry_point {
        EntryPoint::Init | EntryPoint::PreUpgrade => STABLE_MEMORY_ACCESS_MAX_UPGRADE,
        EntryPoint::Query
        | EntryPoint::Transform
        | EntryPoint::ReplicatedQuery
        | EntryPoint::CompositeQuery
        | EntryPoint::CompositeReplyCallback
        | EntryPoint::CompositeRejectCallback
        | EntryPoint::CompositeCleanup
        | EntryPoint::InspectMessage => STABLE_MEMORY_ACCESS_MAX_QUERY,
        EntryPoint::Update
        | EntryPoint::ReplyCallback
        | EntryPoint::RejectCallback
        | EntryPoint::Cleanup
        | EntryPoint::Start
        | EntryPoint::Heartbeat
        | EntryPoint::GlobalTimer
        | EntryPoint::LowWasmMemory => STABLE_MEMORY_ACCESS_MAX,
    }
}

/// The largest number of pages of stable memory that the execution may access.
#[inline]
fn pages_max(host: &Host) -> u64 {
    access_max(host.input.entry_point) / OS_PAGE_BYTES as u64
}

/// Checks that a range of stable memory may be accessed, and counts the access.
fn access(host: &mut Host, offset: u64, size: u64) -> SystemResult<()> {
    let accessed = host.stable.check_range(offset, size);
    let accessed = accessed.and_then(|()| host.stable.access(offset, size, pages_max(host)));
    accessed.map_err(|error| failure(host, error))
}

/// The trap of an access to stable memory that fails.
#[cold]
fn failure(host: &Host, error: StableMemoryError) -> wasmtime::Error {
    match error {
        StableMemoryError::OutOfBounds => trapped("stable memory out of bounds"),
        StableMemoryError::TooMuchAccessed => {
            let limit = access_max(host.input.entry_point);
            wasmtime::Error::new(Trap::StableMemoryAccess { limit })
        }
    }
}

/// A heap range that exceeds the heap is a Wasm trap, unlike in [`super::heap_range`], where it is a contract
/// violation.
#[cold]
fn out_of_heap() -> wasmtime::Error {
    trapped("heap out of bounds")
}

/// Reads to heap pages that are marked as written.
fn read(c: &mut C<'_>, dst: u64, offset: u64, size: u64) -> SystemResult<()> {
    // Reading no bytes succeeds at any offset and address.
    if size == 0 {
        return Ok(());
    }
    if c.data().copies.can_be_changed() {
        Host::write_back_copies(c, offset, size);
    }
    let Some(memory) = c.data().memory else {
        access(c.data_mut(), offset, size)?;
        return Err(no_memory());
    };
    let (heap, host) = memory.data_and_store_mut(&mut *c);
    let Some(to) = range(dst, size, heap.len()) else {
        access(host, offset, size)?;
        return Err(out_of_heap());
    };
    let max = pages_max(host);
    let done = host.stable.access_and_read(offset, &mut heap[to], max);
    done.map_err(|error| failure(host, error))?;
    Host::count_access(c, offset, size);
    Ok(())
}

fn write(c: &mut C<'_>, offset: u64, src: u64, size: u64) -> SystemResult<()> {
    if c.data().copies.can_be_changed() {
        Host::write_back_copies(c, offset, size);
    }
    write_pages(c, offset, src, size)?;
    Host::renew_copies(c, offset, size);
    Host::count_access(c, offset, size);
    Ok(())
}

fn write_pages(c: &mut C<'_>, offset: u64, src: u64, size: u64) -> SystemResult<()> {
    if let Some(memory) = c.data().memory {
        let (heap, host) = memory.data_and_store_mut(&mut *c);
        if let Some(from) = range(src, size, heap.len())
            && host.stable.write_again(offset, &heap[from])
        {
            return Ok(());
        }
    }
    access(c.data_mut(), offset, size)?;
    let dirty = c.data().stable.newly_dirty(offset, size as usize);
    if dirty > 0 {
        charge(c, dirty * DIRTY_PAGE_INSTRUCTIONS)?;
    }
    let (heap, host) = heap(c)?;
    let from = range(src, size, heap.len()).ok_or_else(out_of_heap)?;
    host.stable.write(offset, &heap[from]).map_err(|error| failure(host, error))
}
