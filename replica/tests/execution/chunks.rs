//! Modules that are uploaded in chunks.

use crate::ic00::{about, ask, decode, management, reject, somebody, submit};
use crate::script::{canister, number, script};
use crate::world::{World, on_every_server};
use candid::{Encode, Principal};
use ic_management_canister_types::{
    CanisterInstallMode, ChunkHash, InstallChunkedCodeArgs, StoredChunksResult, UploadChunkArgs,
    UploadChunkResult,
};
use pocket_ic::{ErrorCode, RejectResponse};
use sha2::{Digest, Sha256};

const MIB: usize = 1 << 20;

/// The module of the tests with a custom section that makes it this much larger.
fn large_module(more: usize) -> Vec<u8> {
    let mut module = canister();
    let mut content = vec![1, b'x'];
    // Bytes that compress badly and make every chunk another one.
    content.extend((0..more).map(|at| (at / 7 * 31 + at / MIB) as u8));
    module.push(0);
    let mut size = content.len();
    while size >= 0x80 {
        module.push(size as u8 | 0x80);
        size >>= 7;
    }
    module.push(size as u8);
    module.extend(content);
    module
}

fn hash(bytes: &[u8]) -> ChunkHash {
    ChunkHash { hash: Sha256::digest(bytes).to_vec() }
}

fn upload(
    world: &World,
    canister_id: Principal,
    chunk: &[u8],
) -> Result<ChunkHash, RejectResponse> {
    let arguments = UploadChunkArgs { canister_id, chunk: chunk.to_vec() };
    ask(&world.pic, Principal::anonymous(), canister_id, "upload_chunk", arguments)
        .map(|reply| decode::<(UploadChunkResult,)>(&reply).0)
}

fn stored(world: &World, canister: Principal) -> Vec<ChunkHash> {
    let reply = ask(&world.pic, Principal::anonymous(), canister, "stored_chunks", about(canister));
    decode::<(StoredChunksResult,)>(&reply.unwrap()).0
}

/// Arguments that install chunks of `store` into `a`.
fn installation(
    world: &World,
    store: Option<Principal>,
    chunks: &[&[u8]],
) -> InstallChunkedCodeArgs {
    InstallChunkedCodeArgs {
        mode: CanisterInstallMode::Reinstall,
        target_canister: world.a,
        store_canister: store,
        chunk_hashes_list: chunks.iter().map(|chunk| hash(chunk)).collect(),
        wasm_module_hash: hash(&chunks.concat()).hash,
        arg: script().put(3, 77).bytes(),
        sender_canister_version: None,
    }
}

fn install(
    world: &World,
    sender: Principal,
    arguments: InstallChunkedCodeArgs,
) -> Result<(), RejectResponse> {
    ask(&world.pic, sender, world.a, "install_chunked_code", arguments).map(drop)
}

#[test]
fn a_module_larger_than_a_message_is_installed_in_chunks() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let module = large_module(3 * MIB);
        // The client uploads it in chunks.
        world.pic.upgrade_canister(world.a, module.clone(), vec![], None).unwrap();
        let status = world.pic.canister_status(world.a, None).unwrap();
        assert_eq!(status.module_hash, Some(hash(&module).hash));
        assert_eq!(status.memory_metrics.wasm_binary_size, module.len());
    });
}

#[test]
fn chunks_of_another_canister_on_the_subnet_can_be_installed() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let module = canister();
        let (first, second) = module.split_at(module.len() / 2);
        for chunk in [second, first] {
            assert_eq!(upload(&world, world.b, chunk), Ok(hash(chunk)));
        }
        let arguments = installation(&world, Some(world.b), &[first, second]);
        install(&world, Principal::anonymous(), arguments).unwrap();
        assert_eq!(world.cell(world.a, 3), 77);
    });
}

#[test]
fn chunks_are_stored_once_listed_in_order_and_cleared() {
    on_every_server(|server| {
        let world = server.one_subnet();
        for chunk in [&b"one"[..], b"two", b"", b"two"] {
            assert_eq!(upload(&world, world.a, chunk), Ok(hash(chunk)));
        }
        let mut expected = [hash(b"one"), hash(b"two"), hash(b"")];
        expected.sort();
        assert_eq!(stored(&world, world.a), expected);
        let size = || {
            let metrics = world.pic.canister_status(world.a, None).unwrap().memory_metrics;
            metrics.wasm_chunk_store_size
        };
        assert_eq!(size(), 3 * MIB);
        ask(&world.pic, Principal::anonymous(), world.a, "clear_chunk_store", about(world.a))
            .unwrap();
        assert_eq!((stored(&world, world.a), size()), (vec![], 0u8.into()));
        upload(&world, world.a, b"one").unwrap();
        world.pic.uninstall_canister(world.a, None).unwrap();
        assert_eq!(stored(&world, world.a), []);
    });
}

#[test]
fn uploading_costs_two_hundred_million_instructions_whether_the_chunk_is_new_or_not() {
    on_every_server(|server| {
        let world = server.one_subnet();
        for _ in 0..2 {
            let (spent, uploaded) = world.spent(world.a, || upload(&world, world.a, b"chunk"));
            uploaded.unwrap();
            // Beside that it costs what the message does.
            assert!((200_000_000..210_000_000).contains(&spent), "{spent}");
        }
    });
}

#[test]
fn what_is_no_module_of_stored_chunks_is_not_installed() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let module = canister();
        upload(&world, world.a, &module).unwrap();
        let right = || installation(&world, None, &[&module]);
        let hash_of_another =
            InstallChunkedCodeArgs { wasm_module_hash: hash(b"another module").hash, ..right() };
        let short = InstallChunkedCodeArgs { wasm_module_hash: vec![1; 31], ..right() };
        let short_chunk = InstallChunkedCodeArgs {
            chunk_hashes_list: vec![ChunkHash { hash: vec![1; 31] }],
            ..right()
        };
        for (arguments, fragment) in [
            (installation(&world, None, &[&module, b"missing"]), "was not found"),
            (hash_of_another, "does not match"),
            (short, "hash"),
            (short_chunk, "hash"),
        ] {
            let reject = install(&world, Principal::anonymous(), arguments).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
            assert!(reject.reject_message.contains(fragment), "{}", reject.reject_message);
        }
        assert_eq!(world.cell(world.a, 3), 0);
        install(&world, Principal::anonymous(), right()).unwrap();
    });
}

#[test]
fn a_chunk_has_at_most_a_mebibyte() {
    on_every_server(|server| {
        let world = server.one_subnet();
        upload(&world, world.a, &vec![1; MIB]).unwrap();
        let reject = upload(&world, world.a, &vec![1; MIB + 1]).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn chunks_are_for_controllers_and_the_canister_itself() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let reject_of = |sender, method: &str| {
            ask(&world.pic, sender, world.a, method, about(world.a)).unwrap_err().error_code
        };
        for method in ["stored_chunks", "clear_chunk_store"] {
            assert_eq!(reject_of(somebody(), method), ErrorCode::CanisterInvalidController);
        }
        let own = |canister_id| {
            management("upload_chunk", UploadChunkArgs { canister_id, chunk: b"chunk".to_vec() })
                .on_reply(script().append_argument_size().reply_appended())
        };
        let reply = world.run(world.a, script().call(own(world.a))).unwrap();
        let encoded = Encode!(&hash(b"chunk")).unwrap();
        assert_eq!(number(&reply), encoded.len() as u64);
        assert_eq!(stored(&world, world.a), [hash(b"chunk")]);
        assert_eq!(reject(&world, own(world.b)).0, 5);
        // A store on another subnet is none.
        upload(&world, world.b, &canister()).unwrap();
        let arguments = installation(&world, Some(world.b), &[&canister()]);
        let reject = install(&world, Principal::anonymous(), arguments).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterNotFound);
    });
}

#[test]
fn the_store_must_belong_to_who_installs() {
    on_every_server(|server| {
        let world = server.one_subnet();
        upload(&world, world.b, &canister()).unwrap();
        world.pic.set_controllers(world.a, None, vec![somebody()]).unwrap();
        let arguments = || installation(&world, Some(world.b), &[&canister()]);
        let reject = install(&world, somebody(), arguments()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInvalidController);
        world.pic.set_controllers(world.b, None, vec![somebody()]).unwrap();
        install(&world, somebody(), arguments()).unwrap();
    });
}

#[test]
fn two_uploads_spend_a_rounds_budget_for_management_calls() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let messages = [0u8, 1, 2, 3].map(|byte| {
            let chunk = UploadChunkArgs { canister_id: world.a, chunk: vec![byte] };
            submit(&world.pic, world.a, "upload_chunk", chunk)
        });
        let done = || messages.iter().filter(|message| world.answer(message).is_some()).count();
        for expected in [2, 4] {
            world.pic.tick();
            assert_eq!(done(), expected);
        }
    });
}
