//! Modules that are uploaded in chunks.

use crate::ic00::{about, ask, decode, management, reject, somebody, submit};
use candid::{Encode, Principal};
use ic_management_canister_types::{
    CanisterInstallMode, ChunkHash, InstallChunkedCodeArgs, StoredChunksResult, UploadChunkArgs,
    UploadChunkResult,
};
use pocket_ic::{ErrorCode, RejectResponse};
use sha2::{Digest, Sha256};
use test_support::script::{canister, number, script};
use test_support::{ScriptedNetwork, StatusOf, on_every_server};

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
    network: &ScriptedNetwork,
    canister_id: Principal,
    chunk: &[u8],
) -> Result<ChunkHash, RejectResponse> {
    let arguments = UploadChunkArgs { canister_id, chunk: chunk.to_vec() };
    ask(&network.pic, Principal::anonymous(), canister_id, "upload_chunk", arguments)
        .map(|reply| decode::<(UploadChunkResult,)>(&reply).0)
}

fn stored(network: &ScriptedNetwork, canister: Principal) -> Vec<ChunkHash> {
    let reply =
        ask(&network.pic, Principal::anonymous(), canister, "stored_chunks", about(canister));
    decode::<(StoredChunksResult,)>(&reply.unwrap()).0
}

/// Arguments that install chunks of `store` into `a`.
fn installation(
    network: &ScriptedNetwork,
    store: Option<Principal>,
    chunks: &[&[u8]],
) -> InstallChunkedCodeArgs {
    InstallChunkedCodeArgs {
        mode: CanisterInstallMode::Reinstall,
        target_canister: network.a,
        store_canister: store,
        chunk_hashes_list: chunks.iter().map(|chunk| hash(chunk)).collect(),
        wasm_module_hash: hash(&chunks.concat()).hash,
        arg: script().put(3, 77).bytes(),
        sender_canister_version: None,
    }
}

fn install(
    network: &ScriptedNetwork,
    sender: Principal,
    arguments: InstallChunkedCodeArgs,
) -> Result<(), RejectResponse> {
    ask(&network.pic, sender, network.a, "install_chunked_code", arguments).map(drop)
}

#[test]
fn a_module_larger_than_a_message_is_installed_in_chunks() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let module = large_module(3 * MIB);
        // The client uploads it in chunks.
        network.pic.upgrade_canister(network.a, module.clone(), vec![], None).unwrap();
        let status = network.pic.status_of(network.a, None).unwrap();
        assert_eq!(status.module_hash, Some(hash(&module).hash));
        assert_eq!(status.memory_metrics.wasm_binary_size, module.len());
    });
}

#[test]
fn chunks_of_another_canister_on_the_subnet_can_be_installed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let module = canister();
        let (first, second) = module.split_at(module.len() / 2);
        for chunk in [second, first] {
            assert_eq!(upload(&network, network.b, chunk), Ok(hash(chunk)));
        }
        let arguments = installation(&network, Some(network.b), &[first, second]);
        install(&network, Principal::anonymous(), arguments).unwrap();
        assert_eq!(network.cell(network.a, 3), 77);
    });
}

#[test]
fn chunks_are_stored_once_listed_in_order_and_cleared() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for chunk in [&b"one"[..], b"two", b"", b"two"] {
            assert_eq!(upload(&network, network.a, chunk), Ok(hash(chunk)));
        }
        let mut expected = [hash(b"one"), hash(b"two"), hash(b"")];
        expected.sort();
        assert_eq!(stored(&network, network.a), expected);
        let size = || {
            let metrics = network.pic.status_of(network.a, None).unwrap().memory_metrics;
            metrics.wasm_chunk_store_size
        };
        assert_eq!(size(), 3 * MIB);
        ask(&network.pic, Principal::anonymous(), network.a, "clear_chunk_store", about(network.a))
            .unwrap();
        assert_eq!((stored(&network, network.a), size()), (vec![], 0u8.into()));
        upload(&network, network.a, b"one").unwrap();
        network.pic.uninstall_canister(network.a, None).unwrap();
        assert_eq!(stored(&network, network.a), []);
    });
}

#[test]
fn uploading_costs_two_hundred_million_instructions_whether_the_chunk_is_new_or_not() {
    on_every_server(|server| {
        let network = server.one_subnet();
        for _ in 0..2 {
            let (spent, uploaded) =
                network.spent(network.a, || upload(&network, network.a, b"chunk"));
            uploaded.unwrap();
            // Beside that it costs what the message does.
            assert!((200_000_000..210_000_000).contains(&spent), "{spent}");
        }
    });
}

#[test]
fn stored_chunks_that_are_not_a_module_are_not_installed() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let module = canister();
        upload(&network, network.a, &module).unwrap();
        let right = || installation(&network, None, &[&module]);
        let hash_of_another =
            InstallChunkedCodeArgs { wasm_module_hash: hash(b"another module").hash, ..right() };
        let short = InstallChunkedCodeArgs { wasm_module_hash: vec![1; 31], ..right() };
        let short_chunk = InstallChunkedCodeArgs {
            chunk_hashes_list: vec![ChunkHash { hash: vec![1; 31] }],
            ..right()
        };
        for (arguments, fragment) in [
            (installation(&network, None, &[&module, b"missing"]), "was not found"),
            (hash_of_another, "does not match"),
            (short, "hash"),
            (short_chunk, "hash"),
        ] {
            let reject = install(&network, Principal::anonymous(), arguments).unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
            assert!(reject.reject_message.contains(fragment), "{}", reject.reject_message);
        }
        assert_eq!(network.cell(network.a, 3), 0);
        install(&network, Principal::anonymous(), right()).unwrap();
    });
}

#[test]
fn a_chunk_has_at_most_a_mebibyte() {
    on_every_server(|server| {
        let network = server.one_subnet();
        upload(&network, network.a, &vec![1; MIB]).unwrap();
        let reject = upload(&network, network.a, &vec![1; MIB + 1]).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterContractViolation);
    });
}

#[test]
fn chunks_are_for_controllers_and_the_canister_itself() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let reject_of = |sender, method: &str| {
            ask(&network.pic, sender, network.a, method, about(network.a)).unwrap_err().error_code
        };
        for method in ["stored_chunks", "clear_chunk_store"] {
            assert_eq!(reject_of(somebody(), method), ErrorCode::CanisterInvalidController);
        }
        let own = |canister_id| {
            management("upload_chunk", UploadChunkArgs { canister_id, chunk: b"chunk".to_vec() })
                .on_reply(script().append_argument_size().reply_appended())
        };
        let reply = network.run(network.a, script().call(own(network.a))).unwrap();
        let encoded = Encode!(&hash(b"chunk")).unwrap();
        assert_eq!(number(&reply), encoded.len() as u64);
        assert_eq!(stored(&network, network.a), [hash(b"chunk")]);
        assert_eq!(reject(&network, own(network.b)).0, 5);
        // A store on another subnet is none.
        upload(&network, network.b, &canister()).unwrap();
        let arguments = installation(&network, Some(network.b), &[&canister()]);
        let reject = install(&network, Principal::anonymous(), arguments).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterNotFound);
    });
}

#[test]
fn the_store_must_belong_to_who_installs() {
    on_every_server(|server| {
        let network = server.one_subnet();
        upload(&network, network.b, &canister()).unwrap();
        network.pic.set_controllers(network.a, None, vec![somebody()]).unwrap();
        let arguments = || installation(&network, Some(network.b), &[&canister()]);
        let reject = install(&network, somebody(), arguments()).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::CanisterInvalidController);
        network.pic.set_controllers(network.b, None, vec![somebody()]).unwrap();
        install(&network, somebody(), arguments()).unwrap();
    });
}

#[test]
fn two_uploads_spend_a_rounds_budget_for_management_calls() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let messages = [0u8, 1, 2, 3].map(|byte| {
            let chunk = UploadChunkArgs { canister_id: network.a, chunk: vec![byte] };
            submit(&network.pic, network.a, "upload_chunk", chunk)
        });
        let done = || messages.iter().filter(|message| network.response(message).is_some()).count();
        for expected in [2, 4] {
            network.pic.tick();
            assert_eq!(done(), expected);
        }
    });
}
