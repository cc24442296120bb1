//! A network that progresses by itself, its canisters, and agents that talk to it.

use crate::identities::Named;
use candid::{Decode, Encode, Principal};
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use ic_agent::Agent;
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::sync::LazyLock;

/// The one server of all tests.
static SERVER: LazyLock<EmbeddedServer> =
    LazyLock::new(|| EmbeddedServer::start(ServerConfig::default()).expect("a port is free"));

/// The counter of the clients' tests, made from text.
pub fn counter() -> Vec<u8> {
    wat::parse_str(include_str!("../clients/counter.wat")).unwrap()
}

/// A network of two application subnets with a counter on each.
pub struct World {
    pub pic: PocketIc,
    /// On the first subnet, which has the root key.
    pub one: Principal,
    /// On the second.
    pub other: Principal,
}

impl World {
    /// A network whose time stands still.
    pub fn still() -> Self {
        let pic = PocketIcBuilder::new()
            .with_server_url(SERVER.url().parse().unwrap())
            .with_application_subnet()
            .with_application_subnet()
            .build();
        let topology = pic.topology();
        let root = topology.default_effective_canister_id.clone();
        let mut subnets = topology.get_app_subnets();
        let hosts_root = |id: &Principal| {
            let ranges = &topology.subnet_configs[id].canister_ranges;
            ranges.iter().any(|range| range.start.canister_id == root.canister_id)
        };
        subnets.sort_by_key(|id| !hosts_root(id));
        let [one, other] = [0, 1].map(|number| {
            let canister = pic.create_canister_on_subnet(None, None, subnets[number]);
            pic.install_canister(canister, counter(), Encode!().unwrap(), None);
            canister
        });
        Self { pic, one, other }
    }

    /// A network that progresses by itself.
    pub fn live() -> Self {
        let world = Self::still();
        world.pic.auto_progress();
        world
    }

    /// Where agents find it.
    pub fn url(&self) -> String {
        format!("{}instances/{}/", self.pic.get_server_url(), self.pic.instance_id())
    }

    /// An agent that checks all it is told.
    pub async fn agent(&self, identity: Named) -> Agent {
        let agent =
            Agent::builder().with_url(self.url()).with_arc_identity(identity.identity).build();
        let agent = agent.unwrap();
        agent.fetch_root_key().await.unwrap();
        agent
    }
}

/// What a method without an argument answers: a number.
pub fn number(reply: &[u8]) -> u64 {
    Decode!(reply, u64).unwrap()
}

/// Candid's encoding of no value.
pub fn nothing() -> Vec<u8> {
    Encode!().unwrap()
}

/// Runs what agents do, outside of which the client of PocketIC has to be used.
pub fn run<T>(agents: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(agents)
}
