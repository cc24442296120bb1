//! The cache of compiled modules on disk: several processes share the cache, its size is bounded, and no process needs
//! the cache.

use crate::binary::ServerProcess;
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};
use test_support::patience::wait_until;
use test_support::{controller, counter, decode, nothing};

/// Largest size of the compiled modules on disk after a clean-up, in bytes: wasmtime's own
/// (`files_total_size_soft_limit` in wasmtime's `crates/cache/src/config.rs`).
const MAX_BYTES: u64 = 512 << 20;

/// Starts a server whose caches are below `cache`, and returns the server with an instance.
fn server(folder: &Path, cache: &Path) -> (ServerProcess, PocketIc) {
    let port_file = tempfile::tempdir_in(folder).unwrap().keep().join("port");
    let environment = [("XDG_CACHE_HOME", cache.as_os_str())];
    let server = ServerProcess::start_with(&port_file, &[], &environment);
    let url = format!("http://127.0.0.1:{}", server.port()).parse().unwrap();
    let pic = PocketIcBuilder::new().with_server_url(url).with_application_subnet().build();
    (server, pic)
}

/// Installs a module, and returns the reply of the canister.
fn install_and_count(pic: &PocketIc) -> u64 {
    let canister = pic.create_canister();
    pic.install_canister(canister, counter(), nothing(), None);
    decode(&pic.update_call(canister, controller(), "count", nothing()).unwrap())
}

/// Starts a server whose caches are below `cache`, installs a module there, and returns the reply of the canister.
fn count_on_new_server(folder: &Path, cache: &Path) -> u64 {
    let (_server, pic) = server(folder, cache);
    install_and_count(&pic)
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The files with compiled modules below a folder, with the number that each file got when it was created. The names of
/// the cache's other files have an extension.
fn modules(cache: &Path) -> BTreeSet<(PathBuf, u64)> {
    let modules = files(cache).into_iter().filter(|file| file.extension().is_none());
    modules.filter_map(|file| Some((file.clone(), fs::metadata(&file).ok()?.ino()))).collect()
}

#[test]
fn several_processes_share_the_cache_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    thread::scope(|scope| {
        let start = || scope.spawn(|| count_on_new_server(folder.path(), &cache));
        let processes: Vec<_> = (0..4).map(|_| start()).collect();
        for process in processes {
            assert_eq!(process.join().unwrap(), 1);
        }
    });
    let kept = modules(&cache);
    assert!(!kept.is_empty(), "no process has used the cache");
    assert_eq!(count_on_new_server(folder.path(), &cache), 1);
    assert_eq!(modules(&cache), kept, "the last process has written the module again");
}

#[test]
fn a_damaged_file_of_the_cache_is_not_used_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    assert_eq!(count_on_new_server(folder.path(), &cache), 1);
    let (file, _) = modules(&cache).pop_first().unwrap();
    let whole = fs::read(&file).unwrap();
    let half = &whole[..whole.len() / 2];
    for damaged in [half, b"", b"this is no compiled module", &[0; 10_000]] {
        fs::write(&file, damaged).unwrap();
        assert_eq!(count_on_new_server(folder.path(), &cache), 1);
        let replaced = fs::read(&file).unwrap() == whole;
        assert!(replaced, "a file of {} bytes is not replaced", damaged.len());
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(count_on_new_server(folder.path(), &cache), 1, "with a folder in its place");
}

/// The folder with the modules that a version of the replica has instrumented.
fn instrumented(cache: &Path, version: &str) -> PathBuf {
    cache.join("wasmtime/modules").join(format!("embedded-replica-{version}"))
}

#[test]
fn a_large_module_is_instrumented_once_and_again_if_its_files_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let large = fs::read(test_support::rust_canister("workloads")).unwrap();
    let install = || {
        let (_server, pic) = server(folder.path(), &cache);
        let canister = pic.create_canister();
        pic.install_canister(canister, large.clone(), nothing(), None);
    };
    install();
    let kept = modules(&cache);
    let is_instrumented = |file: &PathBuf| file.to_str().unwrap().contains("/embedded-replica-");
    let instrumented: Vec<_> =
        kept.iter().map(|(file, _)| file).filter(|file| is_instrumented(file)).collect();
    assert_eq!(instrumented.len(), 1, "{kept:?}");
    install();
    assert_eq!(modules(&cache), kept, "the second process has written the modules again");
    let whole = fs::read(instrumented[0]).unwrap();
    fs::write(instrumented[0], &whole[..whole.len() / 2]).unwrap();
    install();
    assert!(fs::read(instrumented[0]).unwrap() == whole, "the file is not replaced");
}

#[test]
fn a_server_needs_no_cache_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, Permissions::from_mode(0o555)).unwrap();
    // A user with all rights can write to the read-only folder, but nobody can write below a file.
    for cache in [Path::new("/dev/null"), &read_only] {
        assert_eq!(count_on_new_server(folder.path(), cache), 1, "{}", cache.display());
    }
    let cache = folder.path().join("cache");
    let (_server, pic) = server(folder.path(), &cache);
    assert_eq!(install_and_count(&pic), 1);
    fs::rename(&cache, folder.path().join("elsewhere")).unwrap();
    let another = wat::parse_str(r#"(module (func (export "canister_query another")))"#).unwrap();
    let canister = pic.create_canister();
    pic.install_canister(canister, another, nothing(), None);
    assert_eq!(install_and_count(&pic), 1);
}

#[test]
fn the_size_of_the_cache_on_disk_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    assert_eq!(count_on_new_server(folder.path(), &cache), 1);
    let (module, _) = modules(&cache).pop_first().unwrap();
    for file in files(&cache) {
        fs::remove_file(file).unwrap();
    }
    let folders = [module.parent().unwrap().to_owned(), instrumented(&cache, "of-yesterday")];
    fs::create_dir(&folders[1]).unwrap();
    let old = |hours: u32| folders[(hours as usize - 1) % 2].join(format!("module-{hours}"));
    // The files have no content, and take no room on the disk.
    for hours in 1..=4 {
        let old = File::create(old(hours)).unwrap();
        old.set_len(200 << 20).unwrap();
        old.set_modified(SystemTime::now() - hours * Duration::from_secs(3_600)).unwrap();
    }
    let bytes = || -> u64 {
        let modules = modules(&cache).into_iter();
        modules.map(|(file, _)| fs::metadata(file).map_or(0, |found| found.len())).sum()
    };
    assert!(bytes() > MAX_BYTES);
    let (_server, pic) = server(folder.path(), &cache);
    assert_eq!(install_and_count(&pic), 1);
    wait_until("the oldest modules are deleted", || bytes() <= MAX_BYTES);
    assert!(module.exists(), "the newest module is kept");
    assert!(old(1).exists(), "a module is kept while there is room");
    wait_until("the instrumented modules are deleted, too", || !old(2).exists());
}
