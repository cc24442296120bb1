//! A network with two counters, and agents that talk to it.

use crate::identities::Named;
use candid::Principal;
use ic_agent::Agent;
use pocket_ic::PocketIc;
use test_support::{Server, counter, decode, nothing};

/// A network of two application subnets with a counter on each.
pub struct CounterNetwork {
    pub pic: PocketIc,
    /// On the first subnet, which has the root key.
    pub one: Principal,
    /// On the second.
    pub other: Principal,
}

impl CounterNetwork {
    /// A network whose time stands still.
    pub fn still() -> Self {
        let pic = Server::Embedded.instance(2);
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
            pic.install_canister(canister, counter(), nothing(), None);
            canister
        });
        Self { pic, one, other }
    }

    /// A network that progresses by itself, of an NNS subnet and an application subnet, with a counter on
    /// the application subnet and another one on the NNS subnet.
    pub fn live_with_nns() -> Self {
        let pic = Server::Embedded.network().with_nns_subnet().with_application_subnet().build();
        let topology = pic.topology();
        let subnets = [topology.get_app_subnets()[0], topology.get_nns().unwrap()];
        let [one, other] = subnets.map(|subnet| {
            let canister = pic.create_canister_on_subnet(None, None, subnet);
            pic.install_canister(canister, counter(), nothing(), None);
            canister
        });
        pic.auto_progress();
        Self { pic, one, other }
    }

    /// A network that progresses by itself.
    pub fn live() -> Self {
        let network = Self::still();
        network.pic.auto_progress();
        network
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

/// The number that a method of the counter replies with.
pub fn number(reply: &[u8]) -> u64 {
    decode(reply)
}

/// Runs what agents do, outside of which the client of PocketIC has to be used.
pub fn run<T>(agents: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(agents)
}
