//! Saving: what is written when, and what is left after a failure.

use super::*;
use crate::ic00::encode;
use crate::instance::{CanisterCall, EffectivePrincipal, InstanceConfig, SavedSubnet};
use crate::types::CanisterId;
use ic_management_canister_types::*;
use std::collections::BTreeSet;

mod crashes;

/// Each `canister_update set` writes the first byte of the argument to the start of a page of its heap.
const SETTER: &str = r#"(module
    (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (memory 1)
    (func (export "canister_update set")
        (call $copy (i32.const 4096) (i32.const 0) (i32.const 1))
        (call $reply)))"#;

fn update(instance: &mut Instance, call: CanisterCall) -> Vec<u8> {
    instance.update(call).expect("the call makes sense").expect("the canister replies")
}

/// A network with one canister.
fn network() -> (Instance, CanisterId) {
    let config = InstanceConfig::with_application_subnets(1);
    let mut instance = Instance::new(config).expect("there is a subnet");
    let arguments = ProvisionalCreateCanisterWithCyclesArgs::default();
    let method = "provisional_create_canister_with_cycles";
    let creation = CanisterCall::anonymous(CanisterId::MANAGEMENT, method, encode((arguments,)));
    let reply = update(&mut instance, creation);
    let record: CanisterIdRecord = candid::decode_one(&reply).expect("an id");
    let install = InstallCodeArgs {
        mode: CanisterInstallMode::Install,
        canister_id: record.canister_id,
        wasm_module: wat::parse_str(SETTER).expect("the module is well-formed"),
        arg: vec![],
        sender_canister_version: None,
    };
    let mut install =
        CanisterCall::anonymous(CanisterId::MANAGEMENT, "install_code", encode((install,)));
    install.effective_principal = EffectivePrincipal::Canister(record.canister_id.into());
    update(&mut instance, install);
    (instance, record.canister_id.into())
}

fn open(folder: &Path) -> StateDir {
    StateDir::open(folder).expect("the directory is free")
}

/// The number of rounds of the network in a directory.
fn saved_rounds(folder: &Path) -> u64 {
    open(folder).restore(false).expect("there is a state").network().rounds()
}

/// The names of all files, below the names of their folders.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the directory is readable");
    let mut names = BTreeSet::new();
    for entry in entries {
        let path = entry.expect("the directory is readable").path();
        match path.is_dir() {
            true => names.extend(files(&path)),
            false => names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned())),
        }
    }
    names
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn the_network_continues_while_its_state_is_written() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    let mut state = open(folder.path());
    let save = state.encode(&instance, false).expect("it can be encoded").expect("it is new");
    let rounds = instance.network().rounds();
    update(&mut instance, CanisterCall::anonymous(canister, "set", vec![7]));
    state.write(save).expect("it can be written");
    drop(state);
    assert_eq!(saved_rounds(folder.path()), rounds);
}

#[test]
fn an_unchanged_network_is_not_saved_again_and_a_changed_page_is_written_alone() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    let mut state = open(folder.path());
    state.save(&instance, false).expect("it can be saved");
    assert!(state.encode(&instance, false).expect("it can be encoded").is_none());
    let before = names(["lock", "network.state", "subnet-1.state", "pieces-0"]);
    assert_eq!(files(folder.path()), before);
    update(&mut instance, CanisterCall::anonymous(canister, "set", vec![7]));
    state.save(&instance, false).expect("it can be saved");
    let after = names(["lock", "network.state", "subnet-2.state", "pieces-0", "pieces-1"]);
    assert_eq!(files(folder.path()), after);
    let subnet = folder.path().join(folder_of(&instance.subnets()[0]));
    let page = std::fs::metadata(subnet.join("pieces-1")).expect("the file exists");
    assert_eq!(page.len(), crate::limits::OS_PAGE_BYTES as u64);
}

#[test]
fn a_save_that_fails_leaves_the_state_of_the_save_before_and_the_next_one_succeeds() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    open(folder.path()).save(&instance, false).expect("it can be saved");
    let rounds = instance.network().rounds();
    let subnet = folder.path().join(folder_of(&instance.subnets()[0]));
    // Where a directory is, no file can be written.
    for obstacle in [
        folder.path().join("network.state.unfinished"),
        subnet.join("subnet-2.state.unfinished"),
        subnet.join("pieces-1.unfinished"),
    ] {
        let mut state = open(folder.path());
        let mut continued = state.restore(false).expect("there is a state");
        update(&mut continued, CanisterCall::anonymous(canister, "set", vec![7]));
        std::fs::create_dir(&obstacle).expect("the folder is writable");
        let error = state.save(&continued, false).expect_err("the file cannot be written");
        assert!(matches!(error, StateDirError::Io { .. }), "{error}");
        std::fs::remove_dir(&obstacle).expect("the folder is writable");
        drop(state);
        assert_eq!(saved_rounds(folder.path()), rounds, "{}", obstacle.display());
    }
    let mut state = open(folder.path());
    update(&mut instance, CanisterCall::anonymous(canister, "set", vec![7]));
    state.restore(false).expect("there is a state");
    state.save(&instance, false).expect("it can be saved");
    drop(state);
    assert_eq!(saved_rounds(folder.path()), instance.network().rounds());
    assert_eq!(files(folder.path()).iter().filter(|name| name.starts_with("subnet")).count(), 1);
}

#[test]
fn a_save_that_fails_leaves_no_files_behind() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    let mut state = open(folder.path());
    state.save(&instance, false).expect("it can be saved");
    let before = files(folder.path());
    let subnet = folder.path().join(folder_of(&instance.subnets()[0]));
    update(&mut instance, CanisterCall::anonymous(canister, "set", vec![7]));
    let obstacle = subnet.join("subnet-2.state.unfinished");
    std::fs::create_dir(&obstacle).expect("the folder is writable");
    state.save(&instance, false).expect_err("the document cannot be written");
    assert_eq!(files(folder.path()), before, "the pieces that were written are deleted");
}

#[test]
fn a_save_after_one_that_was_never_written_is_complete() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    let mut state = open(folder.path());
    for byte in 1..4 {
        update(&mut instance, CanisterCall::anonymous(canister, "set", vec![byte]));
        drop(state.encode(&instance, false).expect("it can be encoded").expect("it is new"));
        state.save(&instance, false).expect("it can be saved");
    }
    drop(state);
    assert_eq!(saved_rounds(folder.path()), instance.network().rounds());
}

#[test]
fn a_save_after_the_directory_or_a_file_was_deleted_is_complete() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let path = folder.path().join("state");
    let (instance, _) = network();
    let mut state = open(&path);
    state.save(&instance, false).expect("it can be saved");
    let subnet = path.join(folder_of(&instance.subnets()[0]));
    let file = |prefix: &str| {
        let files = std::fs::read_dir(&subnet).expect("the folder exists");
        let mut files = files.map(|entry| entry.expect("it is readable").path());
        files.find(|path| path.to_string_lossy().contains(prefix)).expect("there is such a file")
    };
    let kinds: [&dyn Fn() -> PathBuf; 5] = [
        &|| file("pieces-"),
        &|| file("subnet-"),
        &|| path.join(NETWORK),
        &|| subnet.clone(),
        &|| path.clone(),
    ];
    for kind in kinds.iter().cycle().take(10) {
        let deleted = kind();
        match deleted.is_dir() {
            true => std::fs::remove_dir_all(&deleted).expect("the folder exists"),
            false => std::fs::remove_file(&deleted).expect("the file exists"),
        }
        // Nothing else has changed.
        state.save(&instance, false).expect("it can be saved");
        let error = StateDir::open(&path).expect_err("it is in use");
        assert!(matches!(error, StateDirError::InUse(_)), "{error}");
        drop(state);
        assert_eq!(saved_rounds(&path), instance.network().rounds(), "{}", deleted.display());
        state = open(&path);
        state.save(&instance, false).expect("it can be saved");
    }
}

#[test]
fn a_state_that_somebody_put_in_place_of_the_directory_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (path, moved) = (folder.path().join("state"), folder.path().join("moved"));
    let (mut instance, canister) = network();
    let mut state = open(&path);
    state.save(&instance, false).expect("it can be saved");
    std::fs::rename(&path, &moved).expect("the folder is writable");
    let (other, _) = network();
    open(&path).save(&other, true).expect("it can be saved");
    let before = files(&path);
    update(&mut instance, CanisterCall::anonymous(canister, "set", vec![7]));
    for _ in 0..2 {
        let error = state.save(&instance, false).expect_err("another state is there");
        assert!(matches!(error, StateDirError::Replaced(_)), "{error}");
        assert_eq!(files(&path), before);
    }
    std::fs::remove_dir_all(&path).expect("the folder exists");
    std::fs::rename(&moved, &path).expect("the folder is writable");
    state.save(&instance, false).expect("the instance's own directory is back");
    // The instance's own state with another lock, as a copy of the directory has it.
    std::fs::remove_file(path.join("lock")).expect("the file exists");
    state.save(&instance, false).expect("it can be saved");
    drop(state);
    assert_eq!(saved_rounds(&path), instance.network().rounds());
}

#[test]
fn a_first_save_that_fails_or_is_cut_off_leaves_a_directory_that_can_be_used() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (instance, _) = network();
    let mut state = open(folder.path());
    let obstacle = folder.path().join("network.state.unfinished");
    std::fs::create_dir(&obstacle).expect("the folder is writable");
    state.save(&instance, false).expect_err("the document cannot be written");
    assert_eq!(files(folder.path()), names(["lock"]), "what was written is deleted");
    drop(state);
    std::fs::remove_dir(&obstacle).expect("the folder is writable");
    std::fs::write(&obstacle, "a part").expect("the folder is writable");
    open(folder.path()).save(&instance, false).expect("it can be saved");
    assert_eq!(saved_rounds(folder.path()), instance.network().rounds());
}

#[test]
fn a_directory_that_cannot_be_created_again_is_an_error_until_it_can() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let path = folder.path().join("state");
    let (instance, _) = network();
    let mut state = open(&path);
    state.save(&instance, false).expect("it can be saved");
    std::fs::remove_dir_all(&path).expect("the folder exists");
    std::fs::write(&path, "in the way").expect("the folder is writable");
    let error = state.save(&instance, false).expect_err("a file is in the way");
    assert!(matches!(error, StateDirError::NotADirectory(_)), "{error}");
    std::fs::remove_file(&path).expect("the file exists");
    state.save(&instance, false).expect("it can be saved");
    drop(state);
    assert_eq!(saved_rounds(&path), instance.network().rounds());
}

#[test]
fn a_flipped_bit_anywhere_in_a_directory_is_an_error() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    let mut state = open(folder.path());
    // Some pieces of the first save are then unused.
    for byte in 1..4 {
        update(&mut instance, CanisterCall::anonymous(canister, "set", vec![byte]));
        state.save(&instance, false).expect("it can be saved");
    }
    drop(state);
    let subnet = folder.path().join(folder_of(&instance.subnets()[0]));
    let in_subnet = std::fs::read_dir(&subnet).expect("the folder exists");
    let in_subnet = in_subnet.map(|entry| entry.expect("it is readable").path());
    let mut tried = 0;
    for file in in_subnet.chain([folder.path().join(NETWORK)]).collect::<Vec<_>>() {
        let content = std::fs::read(&file).expect("it is readable");
        let mut flip = |at: usize, bit: u8| {
            let mut flipped = content.clone();
            flipped[at] ^= 1 << bit;
            std::fs::write(&file, flipped).expect("it is writable");
            let restored = StateDir::open(folder.path()).and_then(|mut state| state.restore(false));
            let error = restored.expect_err("it is not as it was");
            let is_clear =
                matches!(error, StateDirError::Damaged { .. } | StateDirError::OtherVersion { .. });
            assert!(is_clear, "byte {at} of {}: {error}", file.display());
            tried += 1;
        };
        let step = (content.len() / 60).max(1);
        (0..content.len()).step_by(step).for_each(|at| flip(at, (at % 8) as u8));
        let beginning = content.len().min(72);
        (0..beginning).for_each(|at| flip(at, 7 - (at % 8) as u8));
        flip(content.len() - 1, 0);
        std::fs::write(&file, content).expect("it is writable");
    }
    assert!(tried > 300, "{tried} bits");
    assert_eq!(saved_rounds(folder.path()), instance.network().rounds());
}

#[test]
fn a_subnet_is_loaded_from_the_latest_complete_save_of_a_directory_that_nobody_uses() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (mut instance, canister) = network();
    let subnet = folder.path().join(folder_of(&instance.subnets()[0]));
    let load = |incomplete| load_subnet(&subnet, incomplete);
    let rounds = |saved: SavedSubnet| saved.subnet.rounds();
    let rounds_of =
        |instance: &Instance| instance.members().map(|saved| saved.subnet.rounds()).max();
    let mut state = open(folder.path());
    state.save(&instance, true).expect("it can be saved");
    assert!(matches!(load(true), Err(StateDirError::InUse(_))));
    let complete = rounds_of(&instance);
    // A crash in the middle of the next save.
    update(&mut instance, CanisterCall::anonymous(canister, "set", vec![7]));
    let save = state.encode(&instance, false).expect("it can be encoded").expect("it is new");
    let SubnetSave { document, fresh, .. } = &save.subnets[0];
    subnet::write(&subnet, save.number, document, fresh.as_ref()).expect("it can be written");
    drop(state);
    assert!(matches!(load(false), Err(StateDirError::Incomplete(_))));
    assert_eq!(load(true).ok().map(rounds), complete);
    // The files of the crashed save are not overwritten, because something may read them.
    let crashed = files(folder.path());
    let mut state = open(folder.path());
    state.restore(true).expect("there is a state");
    let save = state.encode(&instance, false).expect("it can be encoded").expect("it is new");
    assert!(!crashed.contains(&format!("subnet-{}.state", save.number)), "{crashed:?}");
    let fresh = save.subnets[0].fresh.as_ref().expect("there is a new page");
    assert!(!crashed.contains(&file_name(fresh.number)), "{crashed:?}");
    state.write(save).expect("it can be written");
    drop(state);
    assert_eq!(load(false).ok().map(rounds), rounds_of(&instance));
    std::fs::remove_file(folder.path().join(NETWORK)).expect("the file exists");
    assert!(matches!(load(false), Err(StateDirError::NotASubnetDirectory(_))));
}

#[test]
fn a_state_with_an_impossible_memory_is_damaged() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (instance, _) = network();
    let mut state = open(folder.path());
    let mut save = state.encode(&instance, false).expect("it can be encoded").expect("it is new");
    let document = &mut save.subnets[0].document;
    let mut value: ciborium::Value = ciborium::from_reader(&*document.bytes).expect("it is CBOR");
    assert!(replace(&mut value, "heap_bytes", 0u64.into()), "there is a heap");
    *document = document::encode(&value).expect("it can be encoded");
    state.write(save).expect("it can be written");
    drop(state);
    let error = open(folder.path()).restore(false).expect_err("the heap is too small");
    assert!(error.to_string().contains("do not fit the module"), "{error}");
}

/// Replaces the first field with this name. Returns whether there is one.
fn replace(value: &mut ciborium::Value, name: &str, by: ciborium::Value) -> bool {
    match value {
        ciborium::Value::Map(fields) => fields.iter_mut().any(|(field, value)| {
            if field.as_text() == Some(name) {
                *value = by.clone();
                return true;
            }
            replace(value, name, by.clone())
        }),
        ciborium::Value::Array(items) => {
            items.iter_mut().any(|item| replace(item, name, by.clone()))
        }
        _ => false,
    }
}
