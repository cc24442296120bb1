//! The results that this project documents, on the embedded replica and, where `POCKET_IC_BIN` names one, on a
//! PocketIC server.

use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use std::fs;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use multi_subnet::{
    canisters::workspace_modules,
    interface::{NumberType, number_type},
};
use tempfile::TempDir;

use crate::{
    binary::{run, run_with},
    measured::{measure, servers},
};

/// How many parallel calls a caller with 2 T cycles can have open.
///
/// The system sets aside 40.005 B cycles for the execution of the ingress message, and 42.102 B for
/// each open call: (2,000 - 40.005) / 42.102 = 46.55.
const CALLS_CARRIED_BY_2T: u64 = 46;

/// Sequential same-subnet calls that fit into a round decide this one: about 99 of them.
const ROUNDS_FOR_2000_ON_ONE_SUBNET: u64 = 21;

/// Rounds of the mainnet per sequential call to another subnet: two hops of two rounds.
const MAINNET_ROUNDS_PER_CALL: u64 = 4;

#[test]
fn across_subnets_ninety_calls_take_a_round_each_or_one_round_together() {
    for server in servers() {
        let [sequential, parallel, windowed] = measure(&server, &[]);
        sequential.assert(90, 91);
        parallel.assert(90, 2);
        windowed.assert(90, 2);
        assert_eq!(sequential.get("model_time_ms"), 180_000);
        assert_eq!(parallel.get("model_time_ms"), 2_000);
    }
}

#[test]
fn under_the_mainnet_profile_ninety_calls_take_three_minutes_or_two_seconds() {
    let [sequential, parallel, windowed] = measure("embedded", &["--profile", "mainnet"]);
    sequential.assert(90, 90 * MAINNET_ROUNDS_PER_CALL + 1);
    parallel.assert(90, MAINNET_ROUNDS_PER_CALL + 1);
    windowed.assert(90, MAINNET_ROUNDS_PER_CALL + 1);
    assert_eq!(sequential.get("model_time_ms"), 180_000);
    assert_eq!(parallel.get("model_time_ms"), 2_000);
}

#[test]
fn on_one_subnet_2000_sequential_calls_succeed_and_500_parallel_ones() {
    for server in servers() {
        let [sequential, parallel, windowed] =
            measure(&server, &["--same-subnet", "--calls", "2000"]);
        sequential.assert(2_000, ROUNDS_FOR_2000_ON_ONE_SUBNET);
        parallel.assert(500, 2);
        assert_eq!(parallel.failures("queue_full"), Some(1_500));
        assert_eq!([windowed.get("succeeded"), windowed.get("failed")], [2_000, 0]);
    }
}

#[test]
fn across_subnets_2000_sequential_calls_succeed_and_500_parallel_ones() {
    for server in servers() {
        let [sequential, parallel, windowed] = measure(&server, &["--calls", "2000"]);
        sequential.assert(2_000, 2_001);
        parallel.assert(500, 2);
        assert_eq!(parallel.failures("queue_full"), Some(1_500));
        // A round trip for each 450.
        windowed.assert(2_000, 6);
    }
}

#[test]
fn two_trillion_cycles_pay_for_only_some_of_ninety_parallel_calls() {
    for server in servers() {
        let [sequential, parallel, windowed] =
            measure(&server, &["--caller-cycles", "2000000000000"]);
        sequential.assert(90, 91);
        parallel.assert(CALLS_CARRIED_BY_2T, 2);
        assert_eq!(parallel.failures("cycles"), Some(90 - CALLS_CARRIED_BY_2T));
        // Nine tenths of these at a time.
        windowed.assert(90, 4);
    }
}

#[test]
fn the_caller_of_this_workspace_says_itself_that_its_numbers_are_nat64() {
    let paths = workspace_modules().expect("the canisters can be built");
    let caller = fs::read(paths.caller).expect("the canister was built");
    assert_eq!(number_type(&caller), Some(NumberType::Nat64));
}

#[test]
fn no_calls_are_answered_in_the_first_round() {
    for server in servers() {
        for strategy in measure(&server, &["--calls", "0"]) {
            strategy.assert(0, 1);
            assert_eq!(strategy.get("model_time_ms"), 0);
        }
    }
}

#[test]
fn the_same_run_costs_the_same_cycles_every_time() {
    for server in servers() {
        let cycles = || measure(&server, &["--calls", "10"]).map(|strategy| strategy.get("cycles"));
        assert_eq!(cycles(), cycles());
    }
}

#[test]
fn the_caller_rejects_a_number_of_calls_above_its_maximum() {
    for server in servers() {
        let failed = run(&["--server", &server, "--calls", "18446744073709551615"]);
        let message = failed.error(1);
        assert!(message.contains("reject code 4"), "{message}");
    }
}

#[test]
fn a_server_with_latencies_of_its_own_is_refused() {
    let config = ServerConfig { profile: NetworkProfile::MAINNET, ..ServerConfig::default() };
    let server = EmbeddedServer::start(config).expect("a port is free");
    let failed = run(&["--server", &server.url()]);
    assert!(failed.error(1).contains("take time of their own"));
}

#[test]
fn a_compressed_caller_has_three_strategies_and_reasons_as_if_it_were_not_compressed() {
    let folder = TempDir::new().expect("a temporary folder");
    let caller = fs::read(workspace_modules().expect("the canisters build").caller);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&caller.expect("it was built")).expect("memory does not fail");
    let file = folder.path().join("caller.wasm.gz");
    fs::write(&file, packed.finish().expect("memory does not fail")).expect("it can be written");
    let file = file.to_str().expect("a plain name");
    let report = run_with(&["--calls", "510", "--json"], &[("CALLER_WASM", file)]).json();
    let strategies = report["strategies"].as_array().expect("a list");
    let names: Vec<_> = strategies.iter().map(|strategy| &strategy["name"]).collect();
    assert_eq!(names, ["sequential", "parallel", "windowed"]);
    assert_eq!(strategies[1]["failures"]["queue_full"], 10);
}
