//! The management canister of an instance, called with the library that `dfx` uses: the life of a canister from its
//! creation to its deletion.

use crate::calls::{query, update};
use crate::identities::{anonymous, ed25519};
use crate::network::{CounterNetwork, number, run};
use candid::Principal;
use ic_agent::{Agent, AgentError};
use ic_utils::call::{AsyncCall, SyncCall};
use ic_utils::interfaces::ManagementCanister;
use ic_utils::interfaces::management_canister::builders::{CanisterInstallMode, UpgradeFlags};
use ic_utils::interfaces::management_canister::{CanisterStatusType, FetchCanisterLogsArgs};
use sha2::{Digest, Sha256};
use test_support::{counter, nothing};

const CYCLES: u128 = 3_000_000_000_000;

/// Creates a canister on the subnet of another one.
async fn create(management: &ManagementCanister<'_>, neighbour: Principal) -> Principal {
    let (canister,) = management
        .create_canister()
        .as_provisional_create_with_amount(Some(CYCLES))
        .with_effective_canister_id(neighbour)
        .call_and_wait()
        .await
        .unwrap();
    canister
}

/// Installs the counter, and waits for what the state says of it as `dfx` does.
async fn install(agent: &Agent, canister: Principal, mode: CanisterInstallMode) {
    let module = counter();
    let management = ManagementCanister::create(agent);
    let installation = management.install_code(&canister, &module).with_mode(mode);
    installation.with_raw_arg(nothing()).call_and_wait().await.unwrap();
    let hash = agent.read_state_canister_module_hash(canister).await.unwrap();
    assert_eq!(hash, Sha256::digest(&module).to_vec());
}

#[test]
fn a_canister_is_created_installed_called_upgraded_stopped_and_deleted() {
    let network = CounterNetwork::live();
    run(async {
        let agent = network.agent(ed25519(1)).await;
        let management = ManagementCanister::create(&agent);
        let canister = create(&management, network.one).await;
        let missing = agent.read_state_canister_module_hash(canister).await;
        assert!(matches!(missing, Err(AgentError::LookupPathAbsent(_))), "{missing:?}");
        install(&agent, canister, CanisterInstallMode::Install).await;
        assert_eq!(number(&update(&agent, canister, "count").await.unwrap()), 1);

        let (status,) = management.canister_status(&canister).as_update().call().await.unwrap();
        let (queried,) = management.canister_status(&canister).call().await.unwrap();
        assert_eq!(queried.settings, status.settings);
        assert_eq!(status.status, CanisterStatusType::Running);
        assert_eq!(status.settings.controllers, [agent.get_principal().unwrap()]);
        assert!(status.cycles < CYCLES);
        update(&agent, canister, "fail").await.unwrap_err();
        let arguments = FetchCanisterLogsArgs { canister_id: canister, filter: None };
        let (logs,) = management.fetch_canister_logs(&arguments).call().await.unwrap();
        let lines: Vec<_> = logs.canister_log_records.iter().map(|line| &line.content).collect();
        assert!(lines.iter().any(|line| String::from_utf8_lossy(line).contains("told to fail")));

        management.stop_canister(&canister).call_and_wait().await.unwrap();
        let upgrade = UpgradeFlags { skip_pre_upgrade: None, wasm_memory_persistence: None };
        install(&agent, canister, CanisterInstallMode::Upgrade(Some(upgrade))).await;
        management.start_canister(&canister).call_and_wait().await.unwrap();
        assert_eq!(number(&query(&agent, canister, "read").await.unwrap()), 1);

        let other = network.agent(ed25519(2)).await;
        let refused = ManagementCanister::create(&other);
        refused.stop_canister(&canister).call_and_wait().await.unwrap_err();
        management.stop_canister(&canister).call_and_wait().await.unwrap();
        management.delete_canister(&canister).call_and_wait().await.unwrap();
        update(&agent, canister, "count").await.unwrap_err();
    });
}

#[test]
fn canisters_are_created_on_the_subnet_of_the_canister_that_the_request_is_sent_to() {
    let network = CounterNetwork::live();
    let there =
        [network.one, network.other].map(|canister| network.pic.get_subnet(canister).unwrap());
    let made = run(async {
        let agent = network.agent(anonymous()).await;
        let management = ManagementCanister::create(&agent);
        let at = async |effective: Principal| {
            let creation = management.create_canister().as_provisional_create_with_amount(None);
            let created = creation.with_effective_canister_id(effective).call_and_wait().await;
            created.unwrap().0
        };
        [at(network.one).await, at(network.other).await]
    });
    let subnets = made.map(|canister| network.pic.get_subnet(canister).unwrap());
    assert_eq!(subnets, there);
}

#[test]
fn modules_larger_than_a_message_come_in_chunks() {
    let network = CounterNetwork::live();
    run(async {
        let agent = network.agent(ed25519(1)).await;
        let management = ManagementCanister::create(&agent);
        let canister = create(&management, network.one).await;
        // A section that is passed over, with more bytes than a message may have.
        let mut module = counter();
        let content = vec![7; 2_500_000];
        module.push(0);
        let mut section = vec![4];
        section.extend(b"long");
        section.extend(content);
        leb128::write::unsigned(&mut module, section.len() as u64).unwrap();
        module.extend(section);
        management
            .install(&canister, &module)
            .with_raw_arg(nothing())
            .call_and_wait()
            .await
            .unwrap();
        assert_eq!(number(&update(&agent, canister, "count").await.unwrap()), 1);
    });
}
