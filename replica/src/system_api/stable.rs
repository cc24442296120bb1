//! Stable memory.

use super::functions::*;
use super::{SystemResult, charge, enter, heap, range, trapped};
use crate::error::Trap;
use crate::limits::{DIRTY_PAGE_INSTRUCTIONS, STABLE_MEMORY_DIRTY_MAX};
use crate::system_api::Host;
use crate::wasm::StableMemoryError;
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

/// Returned by a grow that did not happen.
const NOT_GROWN: u64 = u64::MAX;

pub(super) fn link(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", STABLE64_SIZE.name, |mut c: C<'_>| {
        enter(&mut c, STABLE64_SIZE, 0)?;
        Ok(c.data().stable.size_pages())
    })?;
    linker.func_wrap("ic0", STABLE64_GROW.name, |mut c: C<'_>, pages: u64| {
        enter(&mut c, STABLE64_GROW, 0)?;
        Ok(c.data_mut().stable.grow(pages).unwrap_or(NOT_GROWN))
    })?;
    linker.func_wrap(
        "ic0",
        STABLE64_READ.name,
        |mut c: C<'_>, dst: u64, offset: u64, size: u64| {
            enter(&mut c, STABLE64_READ, size)?;
            read(&mut c, dst, offset, size)
        },
    )?;
    linker.func_wrap(
        "ic0",
        STABLE64_WRITE.name,
        |mut c: C<'_>, offset: u64, src: u64, size: u64| {
            enter(&mut c, STABLE64_WRITE, size)?;
            write(&mut c, offset, src, size)
        },
    )?;
    Ok(())
}

/// The older functions that address the first 4 GiB.
pub(super) fn link_32_bit_names(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap("ic0", STABLE_SIZE.name, |mut c: C<'_>| {
        enter(&mut c, STABLE_SIZE, 0)?;
        narrow(c.data().stable.size_pages())
    })?;
    linker.func_wrap("ic0", STABLE_GROW.name, |mut c: C<'_>, pages: u32| {
        enter(&mut c, STABLE_GROW, 0)?;
        let stable = &mut c.data_mut().stable;
        if stable.size_pages() + u64::from(pages) > WASM32_PAGES {
            return Ok(u32::MAX);
        }
        narrow(stable.grow(pages.into()).unwrap_or(NOT_GROWN))
    })?;
    linker.func_wrap(
        "ic0",
        STABLE_READ.name,
        |mut c: C<'_>, dst: u32, offset: u32, size: u32| {
            enter(&mut c, STABLE_READ, size.into())?;
            read(&mut c, dst.into(), offset.into(), size.into())
        },
    )?;
    linker.func_wrap(
        "ic0",
        STABLE_WRITE.name,
        |mut c: C<'_>, offset: u32, src: u32, size: u32| {
            enter(&mut c, STABLE_WRITE, size.into())?;
            write(&mut c, offset.into(), src.into(), size.into())
        },
    )?;
    Ok(())
}

/// Wasm pages in 4 GiB.
const WASM32_PAGES: u64 = 1 << 16;

/// A size in pages for a function that can only speak of 4 GiB.
fn narrow(pages: u64) -> SystemResult<u32> {
    match pages {
        NOT_GROWN => Ok(u32::MAX),
        pages if pages <= WASM32_PAGES => Ok(pages as u32),
        _ => Err(trapped("32 bit stable memory api used on a memory larger than 4GB")),
    }
}

fn failure(error: StableMemoryError) -> wasmtime::Error {
    match error {
        StableMemoryError::OutOfBounds => trapped("stable memory out of bounds"),
        StableMemoryError::TooMuchWritten => {
            wasmtime::Error::new(Trap::StableMemoryDirty { limit: STABLE_MEMORY_DIRTY_MAX })
        }
    }
}

fn read(c: &mut C<'_>, dst: u64, offset: u64, size: u64) -> SystemResult<()> {
    let (heap, host) = heap(c)?;
    host.stable.check_range(offset, size).map_err(failure)?;
    let to = range(dst, size, heap.len()).ok_or(wasmtime::Trap::MemoryOutOfBounds)?;
    host.stable.read(offset, &mut heap[to]).map_err(failure)
}

fn write(c: &mut C<'_>, offset: u64, src: u64, size: u64) -> SystemResult<()> {
    let (heap, host) = heap(c)?;
    host.stable.check_range(offset, size).map_err(failure)?;
    let from = range(src, size, heap.len()).ok_or(wasmtime::Trap::MemoryOutOfBounds)?;
    let dirty = host.stable.write(offset, &heap[from]).map_err(failure)?;
    charge(c, dirty * DIRTY_PAGE_INSTRUCTIONS)
}
