//! Random operations on stable memory, compared with a map of pages that is copied for each commit.

use super::*;

/// Size of the stable memory, in Wasm pages. The last pages are in another part of each size than the first ones.
const WASM_PAGES: u64 = STABLE_MEMORY_MAX / WASM_PAGE_BYTES;

/// Places around which the operations are: neighbours in a region, in two regions, and in the largest parts.
const PLACES: [u64; 6] =
    [0, 60 * 4096, 64 * 4096, 4096 * 4096 - 9_000, (1 << 30) - 5_000, STABLE_MEMORY_MAX - 40_000];

#[derive(Clone, Debug)]
enum Op {
    Write(u64, usize, u8),
    Read(u64, usize),
    Access(u64, u64),
    Commit,
    RollBack,
    /// Takes the changes, undoes them, and applies them.
    Hold,
    /// Continues with a clone, and keeps the original.
    Clone,
}

/// The pages that were ever written, as of the last commit and now.
#[derive(Clone, Default)]
struct Model {
    committed: BTreeMap<u64, Page>,
    now: BTreeMap<u64, Page>,
    dirty: BTreeSet<u64>,
    accessed: BTreeSet<u64>,
}

impl Model {
    fn pages(offset: u64, size: u64) -> impl Iterator<Item = u64> {
        let end = (offset + size).div_ceil(4096);
        (offset / 4096..end).filter(move |_| size > 0)
    }

    fn read(&self, offset: u64, size: usize) -> Vec<u8> {
        let byte = |at: u64| self.now.get(&(at / 4096)).map_or(0, |page| page[at as usize % 4096]);
        (offset..offset + size as u64).map(byte).collect()
    }

    fn write(&mut self, offset: u64, size: usize, byte: u8) {
        for page in Self::pages(offset, size as u64) {
            self.dirty.insert(page);
            self.now.entry(page).or_insert([0; 4096]);
        }
        for at in offset..offset + size as u64 {
            self.now.get_mut(&(at / 4096)).expect("it exists")[at as usize % 4096] = byte;
        }
    }

    fn end(&mut self, keep: bool) {
        if keep {
            self.committed = self.now.clone();
        } else {
            self.now = self.committed.clone();
        }
        self.dirty.clear();
        self.accessed.clear();
    }

    /// Checks everything that can be seen of a stable memory.
    fn check(&self, memory: &StableMemory) {
        assert_eq!(memory.count(), self.now.len() as u64);
        assert_eq!(memory.dirty_pages(), self.dirty.len() as u64);
        let mut bytes = [0; 4096];
        for (page, content) in &self.now {
            memory.read(page * 4096, &mut bytes).expect("in bounds");
            assert!(bytes == *content, "page {page}");
        }
        let changed: Vec<_> = memory
            .clone()
            .take_changes()
            .pages
            .iter()
            .map(|(page, content)| (*page, **content))
            .collect();
        let expected: Vec<_> = self.dirty.iter().map(|page| (*page, self.now[page])).collect();
        assert!(changed == expected, "{:?}", self.dirty);
        let kept: Vec<_> = memory.pages.iter().map(|(page, content)| (page, **content)).collect();
        let expected: Vec<_> =
            self.committed.iter().map(|(page, content)| (*page, *content)).collect();
        assert!(kept == expected, "{:?}", self.committed.keys());
    }
}

fn op() -> impl Strategy<Value = Op> {
    let at = (prop::sample::select(&PLACES[..]), 0u64..20_000).prop_map(|(place, by)| place + by);
    let size = prop_oneof![0..70usize, 4_000..4_200usize, 0..20_000usize, Just(4096)];
    prop_oneof![
        8 => (at.clone(), size.clone(), any::<u8>()).prop_map(|(at, size, byte)| Op::Write(at, size, byte)),
        4 => (at.clone(), size).prop_map(|(at, size)| Op::Read(at, size)),
        3 => (at, 0u64..3_000_000).prop_map(|(at, size)| Op::Access(at, size.min(STABLE_MEMORY_MAX - at))),
        2 => Just(Op::Commit),
        1 => Just(Op::RollBack),
        1 => Just(Op::Hold),
        1 => Just(Op::Clone),
    ]
}

fn perform(op: Op, memory: &mut StableMemory, model: &mut Model) {
    match op {
        Op::Write(at, size, byte) => {
            let pages = Model::pages(at, size as u64);
            let newly_dirty = pages.filter(|page| !model.dirty.contains(page)).count() as u64;
            assert_eq!(memory.newly_dirty(at, size), newly_dirty);
            assert_eq!(memory.write(at, &vec![byte; size]), Ok(()));
            model.write(at, size, byte);
        }
        Op::Read(at, size) => {
            let mut bytes = vec![7; size];
            assert_eq!(memory.read(at, &mut bytes), Ok(()));
            assert!(bytes == model.read(at, size), "{size} bytes at {at}");
        }
        Op::Access(at, size) => {
            model.accessed.extend(Model::pages(at, size));
            let count = model.accessed.len() as u64;
            if count > 0 {
                let too_many = Err(StableMemoryError::TooMuchAccessed);
                assert_eq!(memory.clone().access(at, size, count - 1), too_many);
            }
            assert_eq!(memory.access(at, size, count), Ok(()));
        }
        Op::Commit => {
            memory.commit();
            model.end(true);
        }
        Op::RollBack => {
            memory.roll_back();
            model.end(false);
        }
        Op::Hold => {
            let changes = memory.take_changes();
            memory.apply(changes);
            model.end(true);
        }
        Op::Clone => {}
    }
}

proptest! {
    #[test]
    fn stable_memory_behaves_like_a_map_of_pages(ops in prop::collection::vec(op(), 1..40)) {
        let mut memory = StableMemory::default();
        memory.grow(WASM_PAGES);
        memory.commit();
        let mut model = Model::default();
        let mut originals = Vec::new();
        for op in ops {
            if matches!(op, Op::Clone) {
                originals.push((memory.clone(), model.clone()));
            }
            perform(op, &mut memory, &mut model);
            model.check(&memory);
        }
        for (memory, model) in originals {
            model.check(&memory);
        }
    }
}
