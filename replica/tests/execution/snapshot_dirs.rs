//! Snapshots that are downloaded into a directory and uploaded to another instance.

use candid::Principal;
use std::collections::BTreeSet;
use std::path::Path;
use test_support::script::{numbers, script};
use test_support::{ScriptedNetwork, on_every_server};

/// Puts numbers into heap and stable memory, and stores a chunk.
fn fill(network: &ScriptedNetwork) {
    let steps = script().put(3, 11).stable_grow(40).set(7).store_stable(2_500_000).set(5);
    network.run(network.a, steps.store_global().reply("")).unwrap();
    network.pic.upload_chunk(network.a, None, b"chunk".to_vec()).unwrap();
}

/// What [`fill`] leaves in a canister.
fn content(network: &ScriptedNetwork, canister: Principal) -> Vec<u64> {
    let heap = script().load(3).append_acc();
    let stable = heap.load_stable(2_500_000).append_acc().stable_size().append_acc();
    numbers(&network.ask(canister, stable.load_global().append_acc().reply("")).unwrap())
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_snapshot_goes_by_a_directory_to_a_canister_of_another_instance() {
    on_every_server(|server| {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("of").join("a");
        let anonymous = Principal::anonymous();

        let network = server.one_subnet();
        fill(&network);
        let id = network.pic.take_canister_snapshot(network.a, None, None).unwrap().id;
        network.pic.canister_snapshot_download(network.a, anonymous, id, directory.clone());
        let expected = content(&network, network.a);
        assert_eq!(expected, [11, 7, 40, 5]);
        let names = ["metadata.json", "stable_memory.bin", "wasm_chunk_store"];
        let names = names.into_iter().chain(["wasm_memory.bin", "wasm_module.bin"]);
        assert_eq!(files(&directory), names.map(str::to_owned).collect());
        drop(network);

        let other = server.one_subnet();
        let id = other.pic.canister_snapshot_upload(other.b, anonymous, None, directory);
        other.pic.stop_canister(other.b, None).unwrap();
        other.pic.load_canister_snapshot(other.b, None, id).unwrap();
        other.pic.start_canister(other.b, None).unwrap();
        assert_eq!(content(&other, other.b), expected);
        assert_eq!(other.pic.stored_chunks(other.b, None).unwrap().len(), 1);
    });
}

#[test]
fn an_upload_can_take_the_place_of_a_snapshot() {
    on_every_server(|server| {
        let folder = tempfile::tempdir().unwrap();
        let network = server.one_subnet();
        let first = network.pic.take_canister_snapshot(network.a, None, None).unwrap().id;
        let path = folder.path().to_path_buf();
        let anonymous = Principal::anonymous();
        // An empty directory will do.
        network.pic.canister_snapshot_download(network.a, anonymous, first.clone(), path.clone());
        let second =
            network.pic.canister_snapshot_upload(network.a, anonymous, Some(first.clone()), path);
        assert_ne!(first, second);
        let kept = network.pic.list_canister_snapshots(network.a, None).unwrap();
        assert_eq!(kept.into_iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [second]);
    });
}

#[test]
fn a_snapshot_download_keeps_existing_files_and_a_missing_file_is_an_error() {
    on_every_server(|server| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_path_buf();
        let network = server.one_subnet();
        let anonymous = Principal::anonymous();
        server.assert_refuses("metadata.json", || {
            network.pic.canister_snapshot_upload(network.a, anonymous, None, path.clone())
        });
        std::fs::write(path.join("mine"), "precious").unwrap();
        let id = network.pic.take_canister_snapshot(network.a, None, None).unwrap().id;
        server.assert_refuses(path.to_str().unwrap(), || {
            network.pic.canister_snapshot_download(network.a, anonymous, id, path.clone())
        });
        assert_eq!(files(&path), ["mine".to_owned()].into());
        assert_eq!(std::fs::read(path.join("mine")).unwrap(), b"precious");
        let nowhere = path.join("no such");
        let missing = vec![0; 18];
        server.assert_refuses("snapshot", || {
            network.pic.canister_snapshot_download(network.a, anonymous, missing, nowhere)
        });
        network.run(network.a, script().reply("")).unwrap();
    });
}
