use super::*;
use crate::wasm::Pages;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

/// What a canister has: two memories, some bytes, and bytes by key.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    heaps: [Pages; 2],
    #[serde(with = "bytes")]
    module: Arc<[u8]>,
    #[serde(with = "bytes_by_key")]
    chunks: BTreeMap<u8, Arc<[u8]>>,
}

fn page(byte: u8) -> Page {
    [byte; OS_PAGE_BYTES]
}

/// A saved state: its document, its files of pieces, and the bytes that the save wrote to such a file.
#[derive(Debug, PartialEq, Eq)]
struct Saved {
    document: Vec<u8>,
    files: BTreeMap<u64, FileSum>,
    written: usize,
}

fn save(state: &State, pieces: &mut Pieces, folder: &Path) -> Saved {
    let mut document = Vec::new();
    let (encoded, fresh) = saving(pieces, || ciborium::into_writer(state, &mut document));
    encoded.expect("the state can be encoded");
    let mut written = 0;
    if let Some(fresh) = fresh {
        let file = std::fs::File::create(folder.join(file_name(fresh.number)));
        let mut file = file.expect("the folder is writable");
        for piece in &fresh.pieces {
            file.write_all(piece.bytes()).expect("the file is writable");
            written += piece.bytes().len();
        }
    }
    let files = pieces.files();
    pieces.written();
    for number in self::files(folder).into_iter().filter(|number| !pieces.use_file(*number)) {
        std::fs::remove_file(folder.join(file_name(number))).expect("the file exists");
    }
    Saved { document, files, written }
}

fn load(saved: &Saved, folder: &Path) -> Result<(State, Pieces), String> {
    let mut loader =
        Loader::open(folder, saved.files.clone()).map_err(|unusable| unusable.error.to_string())?;
    let state = loading(&mut loader, || ciborium::from_reader(&*saved.document));
    Ok((state.map_err(|error| error.to_string())?, loader.into_pieces()))
}

fn contents(state: &State) -> impl PartialEq + std::fmt::Debug {
    let heaps = state.heaps.each_ref().map(|heap| {
        let content: Vec<u8> = (0..heap.end()).map(|number| heap.get(number)[9]).collect();
        (heap.count(), content)
    });
    (heaps, state.module.clone(), state.chunks.clone())
}

fn files(folder: &Path) -> BTreeSet<u64> {
    let entries = std::fs::read_dir(folder).expect("the folder is readable");
    let name =
        |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    entries.filter_map(name).filter_map(|name| file_number(&name)).collect()
}

#[test]
fn a_loaded_state_has_the_same_pieces_and_shares_the_same_pages() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut state = State { module: [1, 2, 3].as_slice().into(), ..State::default() };
    state.chunks.insert(4, state.module.clone());
    state.chunks.insert(5, [].as_slice().into());
    for (number, byte) in [(0, 1), (1, 2), (3, 0), (4, 0), (9, 3)] {
        state.heaps[0].set(number, &page(byte));
    }
    state.heaps[1] = state.heaps[0].clone();
    state.heaps[1].set(1, &page(7));
    let saved = save(&state, &mut Pieces::default(), folder.path());
    assert_eq!(saved.written, 4 * OS_PAGE_BYTES + 3, "shared pieces are written once, zeros never");
    let (loaded, mut pieces) = load(&saved, folder.path()).expect("the state can be loaded");
    assert_eq!(contents(&loaded), contents(&state));
    let unshared: Vec<usize> =
        loaded.heaps[0].unshared(&loaded.heaps[1]).map(|(number, _)| number).collect();
    assert_eq!(unshared, [1]);
    let again = save(&loaded, &mut pieces, folder.path());
    assert_eq!(again, Saved { written: 0, ..saved }, "nothing has changed");
}

#[test]
fn a_save_writes_only_what_changed_and_files_in_which_nothing_is_used_are_unused() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut state, mut pieces) = (State::default(), Pieces::default());
    for number in 0..100 {
        state.heaps[0].set(number, &page(number as u8 + 1));
    }
    assert_eq!(save(&state, &mut pieces, folder.path()).written, 100 * OS_PAGE_BYTES);
    let earlier = state.heaps[0].clone();
    state.heaps[0].set(50, &page(200));
    assert_eq!(save(&state, &mut pieces, folder.path()).written, OS_PAGE_BYTES);
    assert_eq!(*earlier.get(50), page(51), "a saved page is not changed in place");
    assert_eq!(files(folder.path()), [0, 1].into());
    state.heaps[0].set(50, &page(201));
    let saved = save(&state, &mut pieces, folder.path());
    assert_eq!(files(folder.path()), [0, 2].into());
    let (loaded, _) = load(&saved, folder.path()).expect("the state can be loaded");
    assert_eq!(contents(&loaded), contents(&state));
}

#[test]
fn files_that_are_hardly_used_and_many_small_files_are_merged() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut state, mut pieces) = (State::default(), Pieces::default());
    for round in 0..500 {
        // Most changes hit the same pages, a few are never changed again.
        state.heaps[0].set(round % 7, &page(round as u8 | 1));
        state.heaps[0].set(10 + round / 3, &page(round as u8 | 1));
        let saved = save(&state, &mut pieces, folder.path());
        let names = files(folder.path());
        assert!(names.len() <= crate::limits::PIECE_FILES_MAX + 2, "{} files", names.len());
        if round % 50 == 0 {
            let (loaded, _) = load(&saved, folder.path()).expect("the state can be loaded");
            assert_eq!(contents(&loaded), contents(&state));
        }
    }
    let size = |number: u64| std::fs::metadata(folder.path().join(file_name(number)));
    let bytes: u64 =
        files(folder.path()).into_iter().map(|number| size(number).map_or(0, |m| m.len())).sum();
    let used = state.heaps[0].count() * OS_PAGE_BYTES as u64;
    assert!(bytes <= 3 * used, "{bytes} bytes in files for {used} bytes in use");
}

#[test]
fn a_file_that_could_not_be_written_is_written_by_the_next_save() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut state, mut pieces) = (State::default(), Pieces::default());
    state.heaps[0].set(0, &page(1));
    for _ in 0..2 {
        let (_, fresh) = saving(&mut pieces, || ciborium::into_writer(&state, Vec::new()));
        assert_eq!(fresh.expect("a page is fresh").pieces.len(), 1);
    }
    let saved = save(&state, &mut pieces, folder.path());
    assert_eq!(saved.written, OS_PAGE_BYTES);
    assert!(load(&saved, folder.path()).is_ok());
}

#[test]
fn an_encoding_that_fails_or_panics_half_way_does_not_harm_the_next_save() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut state, mut pieces) = (State::default(), Pieces::default());
    for number in 0..3 {
        state.heaps[1].set(number, &page(number as u8 + 1));
    }
    assert_eq!(save(&state, &mut pieces, folder.path()).written, 3 * OS_PAGE_BYTES);
    for panics in [false, true] {
        state.heaps[0].set(7, &page(200 + u8::from(panics)));
        // The second heap is not reached.
        let half = |_: ()| {
            let mut document = Vec::new();
            ciborium::into_writer(&state.heaps[0], &mut document).expect("it can be encoded");
            assert!(!panics, "for a test");
        };
        let encode = std::panic::AssertUnwindSafe(|| saving(&mut pieces, || half(())).1);
        let result = std::panic::catch_unwind(encode);
        assert_eq!(result.is_err(), panics);
        let saved = save(&state, &mut pieces, folder.path());
        assert_eq!(saved.written, OS_PAGE_BYTES, "one page is new");
        let (loaded, _) = load(&saved, folder.path()).expect("the state can be loaded");
        assert_eq!(contents(&loaded), contents(&state));
    }
}

#[test]
fn missing_short_and_changed_files_and_impossible_numbers_are_errors() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut state = State::default();
    state.heaps[0].set(0, &page(1));
    let saved = save(&state, &mut Pieces::default(), folder.path());
    let file = folder.path().join(file_name(0));
    let mut changed = page(1);
    changed[4_000] ^= 1;
    for (content, fragment) in
        [(&[0; 100][..], "100 bytes instead of 4096"), (&changed, "checksum")]
    {
        std::fs::write(&file, content).expect("the file is writable");
        let error = load(&saved, folder.path()).expect_err("the file is not as it was");
        assert!(error.contains(fragment), "{error}");
    }
    std::fs::remove_file(&file).expect("the file exists");
    load(&saved, folder.path()).expect_err("the file is missing");
    std::fs::create_dir(&file).expect("the folder is writable");
    load(&saved, folder.path()).expect_err("it is no file");
    let run = |first, count| Run { first, count, at: None };
    let pages = |run| {
        loading(&mut Loader::default(), || load::pages::<serde::de::value::Error>(vec![run], 9))
    };
    assert_eq!(pages(run(0, 9)).expect("nine pages fit").len(), 9);
    for too_large in [run(9, 1), run(0, 10), run(u64::MAX, 2)] {
        assert!(pages(too_large).is_err());
    }
}

#[test]
fn pieces_are_encoded_and_decoded_only_with_their_files_at_hand() {
    let state = State::default();
    assert!(ciborium::into_writer(&state, Vec::new()).is_err());
    let mut document = Vec::new();
    let (encoded, _) =
        saving(&mut Pieces::default(), || ciborium::into_writer(&state, &mut document));
    encoded.expect("the state can be encoded");
    assert!(ciborium::from_reader::<State, _>(&*document).is_err());
}
