//! Snapshots in directories: what fails leaves nothing behind, and nothing is read without a limit.

use candid::Principal;
use pocket_ic::{CanisterSettings, PocketIc, PocketIcBuilder};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_support::panic_message;
use test_support::script::canister;
use test_support::servers::embedded_server;

const NOBODY: Principal = Principal::anonymous();

/// A canister with code and a chunk, on a network of its own, and a directory with its snapshot.
struct Fixture {
    pic: PocketIc,
    canister: Principal,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let url = SERVER.url().parse().unwrap();
        let pic = PocketIcBuilder::new().with_server_url(url).with_application_subnet().build();
        let id = pic.create_canister();
        pic.install_canister(id, canister(), vec![], None);
        pic.upload_chunk(id, None, b"chunk".to_vec()).unwrap();
        let this = Self { pic, canister: id, folder: tempfile::tempdir().unwrap() };
        let snapshot = this.pic.take_canister_snapshot(id, None, None).unwrap().id;
        this.pic.canister_snapshot_download(id, NOBODY, snapshot.clone(), this.directory());
        this.pic.delete_canister_snapshot(id, None, snapshot).unwrap();
        this
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("snapshot")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// The file of the only chunk.
    fn chunk(&self) -> PathBuf {
        let mut chunks = fs::read_dir(self.file("wasm_chunk_store")).unwrap();
        chunks.next().unwrap().unwrap().path()
    }

    fn upload(&self, replaced: Option<Vec<u8>>) -> Vec<u8> {
        self.pic.canister_snapshot_upload(self.canister, NOBODY, replaced, self.directory())
    }

    /// The error of an upload that fails.
    fn error(&self, replaced: Option<Vec<u8>>) -> String {
        panic_message(|| self.upload(replaced))
    }

    fn snapshots(&self) -> Vec<Vec<u8>> {
        let snapshots = self.pic.list_canister_snapshots(self.canister, None).unwrap();
        snapshots.into_iter().map(|snapshot| snapshot.id).collect()
    }
}

static SERVER: std::sync::LazyLock<embedded_replica::server::EmbeddedServer> =
    std::sync::LazyLock::new(embedded_server);

/// Replaces a text in a file.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn an_upload_that_fails_leaves_no_snapshot_however_often_it_is_tried() {
    let fixture = Fixture::new();
    let chunk = fixture.chunk();
    // The chunk is found to be too large only after everything else is uploaded.
    fs::write(&chunk, vec![0; (1 << 20) + 1]).unwrap();
    for _ in 0..11 {
        let error = fixture.error(None);
        assert!(error.contains("more than 1048576 bytes"), "{error}");
        assert_eq!(fixture.snapshots(), Vec::<Vec<u8>>::new());
    }
    fs::write(&chunk, "chunk").unwrap();
    assert_eq!(fixture.snapshots().len(), 0);
    let id = fixture.upload(None);
    assert_eq!(fixture.snapshots(), [id]);
}

#[test]
fn an_upload_that_fails_keeps_the_snapshot_that_it_was_to_replace() {
    let fixture = Fixture::new();
    let kept = fixture.upload(None);
    fs::write(fixture.chunk(), vec![0; (1 << 20) + 1]).unwrap();
    let error = fixture.error(Some(kept.clone()));
    assert!(error.contains("more than 1048576 bytes"), "{error}");
    assert_eq!(fixture.snapshots(), std::slice::from_ref(&kept));
    fixture.pic.stop_canister(fixture.canister, None).unwrap();
    fixture.pic.load_canister_snapshot(fixture.canister, None, kept).unwrap();
}

#[test]
fn an_upload_of_files_that_do_not_fit_the_metadata_is_refused_before_it_begins() {
    let fixture = Fixture::new();
    let cycles = fixture.pic.cycle_balance(fixture.canister);
    for (name, change) in [("wasm_module.bin", 1i64), ("wasm_memory.bin", -1)] {
        let file = File::options().write(true).open(fixture.file(name)).unwrap();
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes.strict_add_signed(change)).unwrap();
        let error = fixture.error(None);
        assert!(error.contains(name) && error.contains("according to metadata.json"), "{error}");
        file.set_len(bytes).unwrap();
    }
    let chunk = fixture.chunk();
    fs::rename(&chunk, fixture.file("elsewhere")).unwrap();
    assert!(fixture.error(None).contains("wasm_chunk_store"));
    fs::rename(fixture.file("elsewhere"), chunk).unwrap();
    assert_eq!(fixture.pic.cycle_balance(fixture.canister), cycles, "nothing was uploaded");
    fixture.upload(None);
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read_and_only_as_far_as_a_snapshot_can_need() {
    let fixture = Fixture::new();
    let chunk = fixture.chunk();
    for path in ["metadata.json", "wasm_module.bin", "wasm_memory.bin"]
        .map(|name| fixture.file(name))
        .into_iter()
        .chain([chunk])
    {
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = fixture.error(None);
        assert!(error.contains("not a regular file"), "{error}");
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = fixture.error(None);
        assert!(error.contains("not a regular file"), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = fixture.error(None);
        assert!(error.contains("not a regular file"), "{error}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
    }
    let metadata = fixture.file("metadata.json");
    let text = fs::read_to_string(&metadata).unwrap();
    // A file with holes: large, but not on the disk.
    File::options().write(true).open(&metadata).unwrap().set_len(100 << 30).unwrap();
    let error = fixture.error(None);
    assert!(error.contains("more than 1048576 bytes"), "{error}");
    fs::write(&metadata, text).unwrap();
    edit(&metadata, "\"wasm_module_size\": ", "\"wasm_module_size\": 9999999");
    assert!(fixture.error(None).contains("wasm_module.bin"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_download_that_fails_leaves_the_directory_as_it_was() {
    let fixture = Fixture::new();
    let id = fixture.upload(None);
    let target = fixture.folder.path().join("target");
    let fails = || {
        let download = || {
            let (canister, id) = (fixture.canister, id.clone());
            fixture.pic.canister_snapshot_download(canister, NOBODY, id, target.clone());
        };
        panic_message(download)
    };
    // The canister can pay for the metadata, and for no data.
    fixture.pic.update_canister_settings(fixture.canister, None, frozen(true)).unwrap();
    assert!(fails().contains("out of cycles"));
    assert!(!target.exists(), "it did not exist before");
    fs::create_dir(&target).unwrap();
    assert!(fails().contains("out of cycles"));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    fixture.pic.update_canister_settings(fixture.canister, None, frozen(false)).unwrap();
    fixture.pic.canister_snapshot_download(fixture.canister, NOBODY, id.clone(), target.clone());
    assert!(target.join("metadata.json").exists());
}

/// Settings by which a canister is frozen, or not.
fn frozen(is_frozen: bool) -> CanisterSettings {
    let seconds: u64 = if is_frozen { 1 << 50 } else { 0 };
    CanisterSettings { freezing_threshold: Some(seconds.into()), ..Default::default() }
}
