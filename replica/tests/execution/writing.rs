//! How much memory canisters may write (the heap delta).

use crate::ic00::{about, ask, decode, submit};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::common::rest::{IcpConfig, IcpConfigFlag, RawMessageId};
use pocket_ic::{ErrorCode, PocketIc, PocketIcBuilder};
use test_support::script::{ON_TIMER, Script, call, canister_with, script};
use test_support::scripted::install_module;
use test_support::{ScriptedNetwork, Server, on_every_server};

/// The canister that runs scripts, with a method that does so after it filled so many mebibytes of its
/// heap with another byte each time.
fn writer(mebibytes: u64) -> Vec<u8> {
    let (mib, pages) = (1 << 20, (mebibytes + 1) * 16);
    canister_with(&format!(
        r#"(global $byte (mut i32) (i32.const 0))
          (func (export "canister_update fill")
            (if (i32.lt_u (memory.size) (i32.const {pages}))
              (then (drop (memory.grow (i32.sub (i32.const {pages}) (memory.size))))))
            (global.set $byte (i32.add (global.get $byte) (i32.const 1)))
            (memory.fill (i32.const {mib}) (global.get $byte) (i32.const {}))
            (call $argument))"#,
        mebibytes * mib
    ))
}

/// A network of two canisters: a writer and one that runs scripts.
fn with_writer(builder: PocketIcBuilder, mebibytes: u64) -> ScriptedNetwork {
    let pic = builder.build();
    let [a, b] = [writer(mebibytes), writer(0)].map(|module| install_module(&pic, module));
    ScriptedNetwork { pic, a, b }
}

fn limited(server: Server) -> PocketIcBuilder {
    server.network().with_application_subnet()
}

fn unlimited(server: Server) -> PocketIcBuilder {
    let canister_execution_rate_limiting = Some(IcpConfigFlag::Disabled);
    let config = IcpConfig { canister_execution_rate_limiting, ..Default::default() };
    limited(server).with_icp_config(config)
}

fn system(server: Server) -> PocketIcBuilder {
    server.network().with_system_subnet()
}

/// Has a canister fill its heap and run a script, without a tick.
fn fill(pic: &PocketIc, canister: Principal, script: Script) -> RawMessageId {
    pic.submit_call(canister, Principal::anonymous(), "fill", script.bytes()).unwrap()
}

/// How many ticks it takes until each of these messages has its response.
fn ticks(network: &ScriptedNetwork, messages: &[RawMessageId]) -> Vec<usize> {
    let mut before = 0;
    let ticks = |message| {
        before += network.ticks(message).0;
        before
    };
    messages.iter().map(ticks).collect()
}

#[test]
fn a_canister_that_wrote_much_executes_nothing_until_it_has_credit_again() {
    on_every_server(|server| {
        // After the first round 85 MiB are left, after the second one 10.
        for (builder, expected) in
            [(limited(server), 3), (unlimited(server), 1), (system(server), 1)]
        {
            let network = with_writer(builder, 160);
            let pong = script().count(0).reply("pong");
            let later = script().keep(ON_TIMER, script().count(0)).timer(1);
            let calls = later.call(call(network.b).running(pong).on_reply(script().reply("done")));
            let message = fill(&network.pic, network.a, calls);
            network.pic.tick();
            assert_eq!(network.cell(network.b, 0), 1, "the other one is called at once");
            assert_eq!(1 + network.ticks(&message).0, expected);
            // Its timer rang in that round, too, or in the next one.
            network.pic.tick();
            assert_eq!(network.cell(network.a, 0), 1);
        }
    });
}

#[test]
fn a_thread_begins_no_message_once_200_mb_were_written() {
    on_every_server(|server| {
        // Five times 42 MB are more.
        let networks = [
            (limited(server), [1, 1, 1, 1, 1, 3]),
            (unlimited(server), [1, 1, 1, 1, 1, 2]),
            (system(server), [1; 6]),
        ];
        for (builder, expected) in networks {
            let network = with_writer(builder, 40);
            let messages = [(); 6].map(|()| fill(&network.pic, network.a, script().reply("")));
            assert_eq!(ticks(&network, &messages), expected);
        }
    });
}

#[test]
fn a_round_ends_when_canisters_wrote_200_mb_together() {
    on_every_server(|server| {
        for (writers, expected) in [(3, 1), (4, 2)] {
            let network = with_writer(limited(server), 60);
            let others = (1..writers).map(|_| install_module(&network.pic, writer(60)));
            let writers: Vec<Principal> = [network.a].into_iter().chain(others).collect();
            let asks = |canister: &Principal| {
                let calls = call(network.b).running(script().reply("pong"));
                fill(&network.pic, *canister, script().call(calls.on_reply(script().reply(""))))
            };
            let messages: Vec<RawMessageId> = writers.iter().map(asks).collect();
            assert_eq!(ticks(&network, &messages), vec![expected; messages.len()]);
        }
    });
}

/// Metadata of a snapshot that is to have a module of one byte, and nothing else.
fn blank(canister_id: Principal) -> UploadCanisterSnapshotMetadataArgs {
    UploadCanisterSnapshotMetadataArgs {
        canister_id,
        replace_snapshot: None,
        wasm_module_size: 1,
        globals: vec![],
        wasm_memory_size: 0,
        stable_memory_size: 0,
        certified_data: vec![],
        global_timer: None,
        on_low_wasm_memory_hook_status: None,
    }
}

#[test]
fn a_canister_that_wrote_much_takes_neither_chunks_nor_snapshots() {
    on_every_server(|server| {
        let network = with_writer(limited(server), 160);
        let (pic, canister_id, chunk) = (&network.pic, network.a, vec![1]);
        let upload = "upload_canister_snapshot_metadata";
        let reply = ask(pic, Principal::anonymous(), canister_id, upload, blank(canister_id));
        let (UploadCanisterSnapshotMetadataResult { snapshot_id },) = decode(&reply.unwrap());
        fill(pic, canister_id, script().reply(""));
        pic.tick();

        let kind = SnapshotDataOffset::WasmModule { offset: 0 };
        let part = UploadCanisterSnapshotDataArgs { canister_id, snapshot_id, kind, chunk };
        let chunk = UploadChunkArgs { canister_id, chunk: vec![1] };
        let chunks = [
            submit(pic, canister_id, "upload_chunk", chunk),
            submit(pic, canister_id, "upload_canister_snapshot_data", part),
        ];
        let snapshots = [
            submit(pic, canister_id, "take_canister_snapshot", about(canister_id)),
            submit(pic, canister_id, upload, blank(canister_id)),
        ];
        pic.tick();
        let code = |message| network.response(&message).unwrap().unwrap_err().error_code;
        assert_eq!(chunks.map(code), [ErrorCode::CanisterContractViolation; 2]);
        assert_eq!(snapshots.map(code), [ErrorCode::CanisterHeapDeltaRateLimited; 2]);
    });
}

#[test]
fn what_a_snapshot_holds_counts_as_written_when_it_is_taken_and_when_it_is_loaded() {
    on_every_server(|server| {
        let network = with_writer(limited(server), 160);
        fill(&network.pic, network.a, script().reply(""));
        network.pic.tick();
        network.pic.tick();
        let snapshot = network.pic.take_canister_snapshot(network.a, None, None).unwrap();
        let load = || network.pic.load_canister_snapshot(network.a, None, snapshot.id.clone());
        assert_eq!(load().unwrap_err().error_code, ErrorCode::CanisterHeapDeltaRateLimited);
        load().unwrap();
        let waiting = network.submit(network.a, script().reply(""));
        assert_eq!(ticks(&network, &[waiting]), [2]);
    });
}

#[test]
fn a_chunk_counts_as_a_mebibyte_that_was_written() {
    on_every_server(|server| {
        for (chunk, expected) in [(None, 1), (Some(vec![1]), 2)] {
            let network = with_writer(limited(server), 149);
            fill(&network.pic, network.a, script().reply(""));
            if let Some(chunk) = chunk {
                let argument = UploadChunkArgs { canister_id: network.a, chunk };
                submit(&network.pic, network.a, "upload_chunk", argument);
            }
            network.pic.tick();
            let waiting = network.submit(network.a, script().reply(""));
            assert_eq!(ticks(&network, &[waiting]), [expected]);
        }
    });
}
