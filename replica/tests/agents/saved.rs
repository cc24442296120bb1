//! Live networks that are saved, end, and continue.

use crate::calls::{query, update};
use crate::dfx::{agent, create, install};
use crate::identities::ed25519;
use crate::network::{number, run};
use crate::program::Program;
use candid::Principal;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use embedded_replica::topology::SubnetKind;
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use test_support::counter;
use test_support::http::exchange;
use test_support::patience::{in_one_of_ten, wait_until};

/// A live network that is saved in `folder`.
fn network(folder: &Path) -> LiveNetwork {
    LiveNetwork::start(config(folder)).unwrap()
}

fn config(folder: &Path) -> LiveConfig {
    LiveConfig { subnets: Vec::new(), state_dir: Some(folder.into()), ..LiveConfig::default() }
}

/// Installs a counter and counts to 1.
async fn deploy(network: &LiveNetwork) -> Principal {
    let agent = agent(network, ed25519(1)).await;
    let canister = create(&agent, network.default_effective_canister().principal()).await;
    install(&agent, canister, &counter(), CanisterInstallMode::Install).await;
    assert_eq!(number(&update(&agent, canister, "count").await.unwrap()), 1);
    canister
}

async fn count(network: &LiveNetwork, canister: Principal) -> u64 {
    let agent = agent(network, ed25519(1)).await;
    number(&update(&agent, canister, "count").await.unwrap())
}

#[test]
fn a_live_network_with_a_state_directory_continues_with_its_canisters_and_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = network(folder.path());
    let subnets = first.subnets().to_vec();
    let canister = run(deploy(&first));
    let before = run(async {
        let agent = agent(&first, ed25519(1)).await;
        number(&query(&agent, canister, "now").await.unwrap())
    });
    first.stop().unwrap();
    for expected in 2..4 {
        let again = network(folder.path());
        assert_eq!(again.subnets(), subnets);
        assert_eq!(run(count(&again, canister)), expected);
        let after = run(async {
            let agent = agent(&again, ed25519(1)).await;
            number(&query(&agent, canister, "now").await.unwrap())
        });
        assert!(after > before, "{after} is not later than {before}");
        drop(again);
    }
}

#[test]
fn a_live_network_does_not_continue_with_other_subnets_or_as_an_instance_without_ledgers() {
    let folder = tempfile::tempdir().unwrap();
    drop(network(folder.path()));
    let subnets = vec![SubnetKind::System];
    let other = LiveNetwork::start(LiveConfig { subnets, ..config(folder.path()) });
    let message = other.err().unwrap().to_string();
    assert!(message.contains("has other subnets (nns, ii, application)"), "{message}");
    let folder = tempfile::tempdir().unwrap();
    let server = test_support::servers::embedded_server();
    let builder = test_support::servers::network_on(&server).with_application_subnet();
    drop(builder.with_state_dir(folder.path().to_owned()).build());
    let message = LiveNetwork::start(config(folder.path())).err().unwrap().to_string();
    assert!(message.contains("an instance of a PocketIC client"), "{message}");
}

#[test]
fn a_network_that_is_killed_loses_the_latest_moment_only() {
    let folder = tempfile::tempdir().unwrap();
    let first = network(folder.path());
    let canister = run(deploy(&first));
    first.stop().unwrap();
    let killed = Program::saved(folder.path());
    let state = folder.path().join("network.state");
    let saved = || std::fs::metadata(&state).unwrap().modified().unwrap();
    run(async {
        let agent = killed.agent(ed25519(1)).await;
        assert_eq!(number(&update(&agent, canister, "count").await.unwrap()), 2);
    });
    // Two further saves: the first one may have begun before.
    for _ in 0..2 {
        let before = saved();
        wait_until("the network is saved", || {
            run(async { query(&killed.agent(ed25519(1)).await, canister, "read").await.unwrap() });
            saved() != before
        });
    }
    drop(killed);
    let again = Program::saved(folder.path());
    run(async {
        let agent = again.agent(ed25519(1)).await;
        assert_eq!(number(&query(&agent, canister, "read").await.unwrap()), 2);
        assert_eq!(number(&update(&agent, canister, "count").await.unwrap()), 3);
    });
}

/// The id by which a page knows the network with this URL.
fn network_id(url: &str) -> String {
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let state = exchange(port, "GET", "/page/state", "host: localhost\r\n", b"");
    let state: Value = serde_json::from_slice(&state.body).unwrap();
    state["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_network_has_the_same_id_when_it_continues_and_another_one_when_it_begins_anew_or_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let id = || {
        let network = network(folder.path());
        let id = network_id(&network.url());
        network.stop().unwrap();
        id
    };
    let first = id();
    assert_eq!(first.len(), 16, "{first}");
    assert_eq!(id(), first, "the network continues");
    let program = Program::saved(folder.path());
    assert_eq!(network_id(&program.url), first, "the network continues");
    program.kill();
    let after_crash = id();
    assert_ne!(after_crash, first, "the latest moment of the network may be lost");
    assert_eq!(id(), after_crash);
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_ne!(id(), after_crash, "the network begins anew");
    // A directory of an earlier version has no id.
    std::fs::write(folder.path().join("lock"), "").unwrap();
    let from_earlier = id();
    assert_eq!((id(), from_earlier.len()), (from_earlier.clone(), 16));
    let unsaved = [(); 2].map(|()| LiveNetwork::start(LiveConfig::default()).unwrap());
    let [one, other] = unsaved.map(|network| network_id(&network.url()));
    assert_ne!(one, other);
}

#[test]
fn a_network_at_rest_is_not_saved_again() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path());
    run(deploy(&network));
    let state = folder.path().join("network.state");
    let saved = || std::fs::metadata(&state).unwrap().modified().unwrap();
    // On a slow machine, it takes a while until the changes of the last call are saved.
    in_one_of_ten(|| {
        let before = saved();
        std::thread::sleep(Duration::from_secs(4));
        if saved() == before { Ok(()) } else { Err("it was saved again".to_owned()) }
    });
}
