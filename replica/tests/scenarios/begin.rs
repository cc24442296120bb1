//! The network of a scenario, with its canisters.

use crate::encode::{self, Ids};
use crate::run::SubnetFacts;
use crate::scenario::{Scenario, SubnetType};
use candid::{CandidType, Principal, encode_one};
use embedded_replica::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig};
use embedded_replica::topology::{SubnetKind, SubnetRequest, canister_id};
use embedded_replica::types::{CanisterId, Cycles};
use ic_management_canister_types::*;
use test_support::script::canister;

/// A network with the scenario's canisters.
pub fn begin(scenario: &Scenario) -> (Instance, Vec<SubnetFacts>, Ids) {
    let kind = |subnet_type: &SubnetType| match subnet_type {
        SubnetType::Application => SubnetKind::Application,
        SubnetType::System => SubnetKind::System,
    };
    let kinds = scenario.subnets.iter().map(|subnet_type| SubnetRequest::of(kind(subnet_type)));
    let mut instance = Instance::new(InstanceConfig {
        subnets: kinds.collect(),
        ..InstanceConfig::with_application_subnets(0)
    })
    .expect("there are subnets");
    let infos = instance.subnets().iter().enumerate();
    let mut subnets: Vec<_> = infos
        .map(|(number, info)| {
            let system = info.request.kind == SubnetKind::System;
            (info.place.clone(), SubnetFacts { system, root: number == 0 })
        })
        .collect();
    // In the order of their turns.
    subnets.sort_by_key(|(place, _)| place.id);
    let (places, facts): (Vec<_>, Vec<_>) = subnets.into_iter().unzip();
    let mut ids = Vec::new();
    for home in &scenario.canisters {
        let arguments = ProvisionalCreateCanisterWithCyclesArgs {
            amount: Some(home.cycles.into()),
            settings: Some(CanisterSettings {
                freezing_threshold: Some(0u8.into()),
                ..CanisterSettings::default()
            }),
            ..Default::default()
        };
        let method = "provisional_create_canister_with_cycles";
        let effective_principal = EffectivePrincipal::Subnet(places[home.subnet].id);
        let reply = instance.update(management(method, &arguments, effective_principal));
        let reply = reply.expect("the canister replies").expect("the canister is created");
        let record: CanisterIdRecord = candid::decode_one(&reply).expect("the text is Candid");
        let id = record.canister_id;
        // Installing costs more than some have.
        instance.add_cycles(id.into(), INSTALLATION_CYCLES).expect("it is there");
        let beginning = encode::beginning(0, true);
        let install = installation(id, CanisterInstallMode::Install, beginning);
        instance.update(install).expect("the canister replies").expect("the code is installed");
        ids.push(id);
    }
    let first = places[0].canister_ranges[0].0;
    let missing = after(first.principal(), 1_000);
    (instance, facts, Ids { canisters: ids, missing, nowhere: canister_id(u64::MAX).principal() })
}

/// What installing needs beforehand, nearly all of which comes back.
const INSTALLATION_CYCLES: Cycles = 300_100_000_000;

/// The id so many places after this one.
fn after(id: Principal, places: u64) -> Principal {
    let bytes: [u8; 8] =
        id.as_slice()[..8].try_into().expect("ids of canisters begin with a number");
    canister_id(u64::from_be_bytes(bytes) + places).principal()
}

/// A call of the management canister.
pub fn management(
    method: &str,
    arguments: &impl CandidType,
    effective_principal: EffectivePrincipal,
) -> CanisterCall {
    CanisterCall {
        sender: Principal::anonymous(),
        caller_info: None,
        canister: CanisterId::MANAGEMENT,
        effective_principal,
        method: method.into(),
        argument: encode_one(arguments).expect("the text is Candid"),
    }
}

/// A call that installs the scripted canister.
pub fn installation(id: Principal, mode: CanisterInstallMode, arg: Vec<u8>) -> CanisterCall {
    let arguments = InstallCodeArgs {
        mode,
        canister_id: id,
        wasm_module: canister(),
        arg,
        sender_canister_version: None,
    };
    management("install_code", &arguments, EffectivePrincipal::Canister(id.into()))
}
