//! The changes that an execution made in the memories, stored to be applied or dropped later.

use super::instance::Instance;
use super::saved;
use crate::limits::{OS_PAGE_BYTES, WASM64_MEMORY_MAX};
use crate::pieces::pages;
use crate::wasm::{Page, PageParts, StableChanges};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use wasmtime::Val;

/// The changes that a pending execution made in the instance.
pub(super) struct Pending {
    /// The numbers of the dirty heap pages, with the parts that changed.
    pub changed: Vec<(usize, PageParts)>,
    /// Whether the heap has grown.
    pub grown: bool,
}

/// The changes that an execution made in the memories, stored to be applied later.
#[derive(Serialize, Deserialize)]
pub struct MemoryChanges {
    #[serde(serialize_with = "write_changed", deserialize_with = "read_changed")]
    pub(super) heap: ChangedHeap,
    pub(super) heap_bytes: usize,
    #[serde(serialize_with = "saved::write_globals", deserialize_with = "saved::read_globals")]
    pub(super) globals: Vec<Val>,
    pub(super) stable: StableChanges,
}

/// A heap that an execution has changed.
pub(super) enum ChangedHeap {
    /// The instance that executed. No page is copied until the changes are applied.
    Instance(Box<Instance>, Pending),
    /// The changed pages and their numbers, from a saved state.
    Pages(Vec<(usize, Box<Page>)>),
}

impl ChangedHeap {
    /// The changed pages and their numbers.
    pub fn pages(&self) -> Box<dyn Iterator<Item = (usize, &Page)> + '_> {
        match self {
            Self::Instance(instance, Pending { changed, .. }) => {
                let pages = instance.pages();
                Box::new(changed.iter().map(|(number, _)| (*number, &pages[*number])))
            }
            Self::Pages(pages) => Box::new(pages.iter().map(|(number, page)| (*number, &**page))),
        }
    }
}

impl std::fmt::Debug for MemoryChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryChanges({} pages)", self.heap.pages().count())
    }
}

/// Encodes the changed pages of a heap.
fn write_changed<S: Serializer>(changed: &ChangedHeap, to: S) -> Result<S::Ok, S::Error> {
    let shared: Vec<(u64, Arc<Page>)> =
        changed.pages().map(|(number, page)| (number as u64, Arc::new(*page))).collect();
    pages::serialize(shared.iter().map(|(number, page)| (*number, page)), to)
}

/// Decodes the changed pages of a heap.
fn read_changed<'de, D: Deserializer<'de>>(from: D) -> Result<ChangedHeap, D::Error> {
    let pages = pages::deserialize(from, WASM64_MEMORY_MAX / OS_PAGE_BYTES as u64)?;
    let pages = pages.into_iter().map(|(number, page)| (number as usize, Box::new(*page)));
    Ok(ChangedHeap::Pages(pages.collect()))
}
