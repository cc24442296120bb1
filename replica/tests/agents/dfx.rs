//! The requests that `dfx` sends to deploy to a live network. They are made with the crates that `dfx` uses, `ic-agent`
//! and `ic-utils`, which check certificates and signatures.

use crate::calls::{query, update};
use crate::identities::{Named, ed25519};
use crate::network::{number, run};
use candid::{CandidType, Decode, Encode, Principal};
use embedded_replica::server::{LiveConfig, LiveNetwork};
use embedded_replica::topology::SubnetKind;
use ic_agent::{Agent, AgentError};
use ic_utils::interfaces::ManagementCanister;
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use test_support::{counter, nothing};

/// Where `dfx` sends creations when it knows no better: the registry's id.
const REGISTRY: &str = "rwlgt-iiaaa-aaaaa-aaaaa-cai";
const CYCLES_LEDGER: &str = "um5iw-rqaaa-aaaaq-qaaba-cai";

const INTERFACE: &str = "service : { count : () -> (nat64) }";

/// Bytes of the Candid UI, which `dfx` installs on each network.
const CANDID_UI_BYTES: usize = 1_700_000;

fn network() -> LiveNetwork {
    let subnets = vec![SubnetKind::Application; 2];
    LiveNetwork::start(LiveConfig { subnets, ..LiveConfig::default() }).unwrap()
}

pub async fn agent(network: &LiveNetwork, user: Named) -> Agent {
    let agent = Agent::builder().with_url(network.url()).with_arc_identity(user.identity);
    let agent = agent.build().unwrap();
    agent.fetch_root_key().await.unwrap();
    agent
}

fn id(text: &str) -> Principal {
    Principal::from_text(text).unwrap()
}

/// A module with one more section, which a canister does not use.
fn with_section(mut module: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let length = |mut value: usize| {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let named = [length(name.len()), name.into(), content.to_vec()].concat();
    module.push(0);
    module.extend(length(named.len()));
    module.extend(named);
    module
}

/// The counter with its interface in it.
fn described_counter() -> Vec<u8> {
    with_section(counter(), "icp:public candid:service", INTERFACE.as_bytes())
}

pub async fn create(agent: &Agent, effective: Principal) -> Principal {
    let management = ManagementCanister::create(agent);
    let creation = management.create_canister().as_provisional_create_with_amount(None);
    let (canister,) = creation.with_effective_canister_id(effective).call_and_wait().await.unwrap();
    canister
}

pub async fn install(agent: &Agent, canister: Principal, module: &[u8], mode: CanisterInstallMode) {
    let management = ManagementCanister::create(agent);
    let install = management.install_code(&canister, module).with_mode(mode);
    install.with_raw_arg(nothing()).call_and_wait().await.unwrap();
}

/// Whether a canister is on the subnet of this number.
fn is_on(network: &LiveNetwork, canister: Principal, number: usize) -> bool {
    let ranges = &network.subnets()[number].place.canister_ranges;
    let id = canister.into();
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&id))
}

#[test]
fn canisters_are_created_installed_looked_at_and_called_as_by_deploy_without_a_wallet() {
    let network = network();
    run(async {
        let agent = agent(&network, ed25519(1)).await;
        let [canister, candid_ui] =
            [create(&agent, id(REGISTRY)).await, create(&agent, id(REGISTRY)).await];
        assert!(is_on(&network, canister, 2) && is_on(&network, candid_ui, 2));
        let me = agent.get_principal().unwrap();
        assert_eq!(agent.read_state_canister_controllers(canister).await.unwrap(), [me]);
        // Nothing is installed yet: certified, too.
        let absent = agent.read_state_canister_module_hash(canister).await;
        assert!(matches!(absent, Err(AgentError::LookupPathAbsent(_))), "{absent:?}");
        let large = with_section(counter(), "data", &vec![7; CANDID_UI_BYTES]);
        install(&agent, candid_ui, &large, CanisterInstallMode::Install).await;
        let module = described_counter();
        install(&agent, canister, &module, CanisterInstallMode::Install).await;
        let hash = agent.read_state_canister_module_hash(canister).await.unwrap();
        assert_eq!(hash, Sha256::digest(&module).as_slice());
        let metadata = agent.read_state_canister_metadata(canister, "candid:service").await;
        assert_eq!(metadata.unwrap(), INTERFACE.as_bytes());
        let heap = agent.read_state_canister_metadata(canister, "enhanced-orthogonal-persistence");
        assert!(matches!(heap.await, Err(AgentError::LookupPathAbsent(_))));
        assert_eq!(number(&update(&agent, canister, "count").await.unwrap()), 1);
        assert_eq!(number(&query(&agent, canister, "read").await.unwrap()), 1);
        // Deployed again, with another module.
        let newer = with_section(module, "newer", b"");
        install(&agent, canister, &newer, CanisterInstallMode::Upgrade(None)).await;
        let hash = agent.read_state_canister_module_hash(canister).await.unwrap();
        assert_eq!(hash, Sha256::digest(&newer).as_slice());
        assert_eq!(number(&query(&agent, canister, "read").await.unwrap()), 1);
    });
}

#[test]
fn a_creation_sent_to_a_canister_goes_to_its_subnet() {
    let network = network();
    run(async {
        let agent = agent(&network, ed25519(1)).await;
        let default = network.default_effective_canister().principal();
        assert!(is_on(&network, create(&agent, default).await, 2));
        let second = network.subnets()[3].place.canister_ranges[0].0;
        assert!(is_on(&network, create(&agent, second.principal()).await, 3));
    });
}

#[derive(CandidType)]
struct CreateCanister {
    amount: u128,
}

#[derive(Debug, CandidType, Deserialize)]
struct Created {
    canister_id: Principal,
}

#[derive(CandidType)]
struct Asked {
    principal: Option<Principal>,
}

#[derive(Debug, CandidType, Deserialize)]
struct Found {
    subnet_id: Option<Principal>,
}

#[derive(Debug, CandidType, Deserialize)]
enum Outcome<T> {
    Ok(T),
}

#[test]
fn without_a_wallet_by_setting_the_cycles_ledger_creates_and_the_registry_is_asked_where() {
    let network = network();
    run(async {
        let agent = agent(&network, ed25519(1)).await;
        let argument = Encode!(&CreateCanister { amount: 3_000_000_000_000 }).unwrap();
        let creation = agent.update(&id(CYCLES_LEDGER), "create_canister").with_arg(argument);
        let reply = creation.call_and_wait().await.unwrap();
        let Outcome::Ok(Created { canister_id }) = Decode!(&reply, Outcome<Created>).unwrap();
        let me = agent.get_principal().unwrap();
        assert_eq!(agent.read_state_canister_controllers(canister_id).await.unwrap(), [me]);
        let argument = Encode!(&Asked { principal: Some(canister_id) }).unwrap();
        let asked = agent.query(&id(REGISTRY), "get_subnet_for_canister").with_arg(argument);
        let reply = asked.call().await.unwrap();
        let Outcome::Ok(Found { subnet_id }) = Decode!(&reply, Outcome<Found>).unwrap();
        assert_eq!(subnet_id, Some(network.subnets()[2].place.id.into()));
    });
}
