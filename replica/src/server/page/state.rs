//! The state of a network, as the page shows it.

use crate::canister::{Canister, Status};
use crate::fake_canisters::FakeCanisters;
use crate::instance::Instance;
use crate::server::agents::Hosted;
use crate::server::api::{ApiError, ApiResult};
use crate::server::hosted::HostedInstance;
use crate::system_api::CANISTER_NAME_PREFIX;
use crate::types::CanisterId;
use axum::Json;
use axum::extract::Extension;
use candid::Principal;
use serde::Serialize;
use std::collections::BTreeMap;

/// The name of the metadata section with the interface of a canister.
const INTERFACE_SECTION: &str = "candid:service";

/// The export of the query method that returns the interface of a canister without that section.
const INTERFACE_EXPORT: &str = "canister_query __get_candid_interface_tmp_hack";

/// The state of a network. Numbers that may be beyond 2^53 are text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct NetworkState {
    /// Distinguishes the network from others that had the same address before.
    id: String,
    profile: &'static str,
    time_nanos: String,
    subnets: Vec<SubnetState>,
    canisters: Vec<CanisterState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct SubnetState {
    id: String,
    kind: String,
    rounds: u64,
    canisters: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct CanisterState {
    id: String,
    name: Option<String>,
    subnet: String,
    status: &'static str,
    cycles: String,
    memory_bytes: u64,
    controllers: Vec<String>,
    module_hash: Option<String>,
    fake: bool,
    interface: bool,
}

impl NetworkState {
    /// The state of an instance now.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone.
    pub(super) async fn read(hosted: &HostedInstance) -> Result<Self, ApiError> {
        hosted.read(|instance| Self::of(instance, &hosted.network_id)).await
    }

    fn of(instance: &Instance, id: &str) -> Self {
        let network = instance.network();
        let names = names(instance);
        let subnets = instance.subnets().iter().filter_map(|info| {
            let subnet = network.subnet(info.place.id)?;
            Some(SubnetState {
                id: info.place.id.to_string(),
                kind: info.request.kind.to_string(),
                rounds: subnet.rounds(),
                canisters: subnet.canisters().count(),
            })
        });
        let canisters = network.subnets().flat_map(|subnet| {
            let (id, names) = (subnet.config().id.to_string(), &names);
            subnet.canisters().map(move |canister| {
                CanisterState::of(
                    canister,
                    id.clone(),
                    names.get(&canister.id.to_string()).cloned(),
                )
            })
        });
        let mut canisters: Vec<_> = canisters.collect();
        canisters.extend(fake_canisters(instance));
        Self {
            id: id.to_owned(),
            profile: network.profile().name,
            time_nanos: network.time().as_nanos().to_string(),
            subnets: subnets.collect(),
            canisters,
        }
    }

    /// Whether two states differ in more than the time.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        // The id is always the same.
        let Self { id: _, profile, time_nanos: _, subnets, canisters } = self;
        (*profile, subnets, canisters) != (other.profile, &other.subnets, &other.canisters)
    }
}

impl CanisterState {
    fn of(canister: &Canister, subnet: String, name: Option<String>) -> Self {
        Self {
            id: canister.id.to_string(),
            name,
            subnet,
            status: match canister.status {
                Status::Running => "running",
                Status::Stopping(_) => "stopping",
                Status::Stopped => "stopped",
            },
            cycles: canister.balance.to_string(),
            memory_bytes: canister.memory_usage().total(),
            controllers: canister.settings.controllers.iter().map(Principal::to_text).collect(),
            module_hash: canister.module_hash().map(hex::encode),
            fake: false,
            interface: canister.module().is_some_and(|module| {
                module.metadata.contains_key(INTERFACE_SECTION)
                    || module.exports.contains(INTERFACE_EXPORT)
            }),
        }
    }
}

/// The names of canisters, by id: those that environment variables of canisters with a common controller have for them.
/// Others may not name a canister, because anybody can create a canister with any variables.
fn names(instance: &Instance) -> BTreeMap<String, String> {
    let network = instance.network();
    let mut names = BTreeMap::new();
    for namer in network.subnets().flat_map(|subnet| subnet.canisters()) {
        for (variable, id) in &namer.settings.environment_variables {
            let Some(name) = variable.strip_prefix(CANISTER_NAME_PREFIX) else { continue };
            let Ok(named) = Principal::from_text(id) else { continue };
            let Some(named) = instance.canister(named.into()) else { continue };
            let mut controllers = namer.settings.controllers.iter();
            if controllers.any(|controller| named.settings.controllers.contains(controller)) {
                names.insert(named.id.to_string(), name.to_owned());
            }
        }
    }
    names
}

/// The fake canisters of an instance. They are built in, and have no cycles and no code.
fn fake_canisters(instance: &Instance) -> impl Iterator<Item = CanisterState> + '_ {
    let ids = FakeCanisters::ids().into_iter().filter(|_| instance.has_fake_canisters());
    ids.filter_map(|id: CanisterId| {
        Some(CanisterState {
            id: id.to_string(),
            name: FakeCanisters::name(id).map(str::to_owned),
            subnet: instance.network().subnet_of(id)?.to_string(),
            status: "running",
            cycles: "0".into(),
            memory_bytes: 0,
            controllers: Vec::new(),
            module_hash: None,
            fake: true,
            interface: false,
        })
    })
}

/// The response with the state of the network.
pub(super) async fn read(Extension(hosted): Hosted) -> ApiResult<NetworkState> {
    NetworkState::read(&hosted).await.map(Json)
}
