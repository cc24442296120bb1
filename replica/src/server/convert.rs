//! Conversions between the types of PocketIC's protocol, which the `pocket-ic` crate defines, and the
//! replica's.

use crate::canister::Failure;
use crate::error::{self, UserError};
use crate::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig, SubnetInfo};
use crate::message::CallerInfo;
use crate::network::NetworkProfile;
use crate::server::api::ApiError;
use crate::server::states::InstanceRequest;
use crate::state_dir::StateDir;
use crate::subnet::RelaxedLimits;
use crate::topology::{SubnetKind, SubnetRequest};
use crate::types::{MessageId, Payload, Time};
use candid::Principal;
use pocket_ic::common::rest::{
    self, CanisterCyclesCostSchedule, IcpConfigFlag, IncompleteStateFlag, InitialTime,
    RawCanisterCall, RawCanisterResult, RawEffectivePrincipal, RawMessageId, RawSenderInfo,
    SubnetInstructionConfig, SubnetSpec, Topology,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// The principal, canister id or subnet id with these bytes.
pub(super) fn principal<T: From<Principal>>(bytes: &[u8]) -> Result<T, ApiError> {
    Principal::try_from_slice(bytes).map(T::from).map_err(|error| {
        ApiError::bad_request(format!("these {} bytes are not a principal: {error}", bytes.len()))
    })
}

pub(super) fn canister_call(raw: RawCanisterCall) -> Result<CanisterCall, ApiError> {
    // Like the sender, it is not verified.
    let caller_info = match raw.sender_info {
        Some(RawSenderInfo { info: data, signer }) => {
            Some(Arc::new(CallerInfo { data, signer: principal(&signer)? }))
        }
        None => None,
    };
    Ok(CanisterCall {
        sender: principal(&raw.sender)?,
        caller_info,
        canister: principal(&raw.canister_id)?,
        effective_principal: match &raw.effective_principal {
            RawEffectivePrincipal::None => EffectivePrincipal::None,
            RawEffectivePrincipal::SubnetId(id) => EffectivePrincipal::Subnet(principal(id)?),
            RawEffectivePrincipal::CanisterId(id) => EffectivePrincipal::Canister(principal(id)?),
        },
        method: raw.method,
        argument: raw.payload,
    })
}

pub(super) fn message_id(raw: &RawMessageId) -> Result<MessageId, ApiError> {
    let bytes = raw.message_id.as_slice().try_into().map_err(|_| {
        ApiError::bad_request(format!(
            "a message id has 32 bytes, not {}: use the id that submitting the message returned",
            raw.message_id.len()
        ))
    })?;
    Ok(MessageId(bytes))
}

/// The result of an update call, which is certified, or of a query, which is not.
pub(super) fn canister_result(
    result: Result<Payload, Failure>,
    certified: bool,
) -> RawCanisterResult {
    match result {
        Ok(reply) => RawCanisterResult::Ok(reply),
        Err(failure) => RawCanisterResult::Err(reject_response(failure, certified)),
    }
}

/// A reject in the form that PocketIC's clients read.
pub(super) fn reject_response(failure: Failure, certified: bool) -> pocket_ic::RejectResponse {
    let UserError { code: error_code, description: reject_message } = failure.into();
    let reject_code = error::reject_code(error_code);
    pocket_ic::RejectResponse { reject_code, reject_message, error_code, certified }
}

/// The instance that a client asks for. Opens the state directory.
///
/// # Errors
///
/// Fails if the client asks for a feature that does not exist here, for contradictory settings, or for a
/// state directory that cannot be used. The message says what to change.
pub(super) fn instance_request(
    raw: rest::InstanceConfig,
    profile: NetworkProfile,
) -> Result<InstanceRequest, String> {
    let icp_config = raw.icp_config.unwrap_or_default();
    let unsupported = [
        ("bitcoind_addr", raw.bitcoind_addr.is_some()),
        ("dogecoind_addr", raw.dogecoind_addr.is_some()),
        ("mainnet_nns_subnet_id", raw.mainnet_nns_subnet_id == Some(true)),
        ("disable_ingress_validation", raw.disable_ingress_validation == Some(true)),
        ("icp_config.beta_features", icp_config.beta_features == Some(IcpConfigFlag::Enabled)),
        ("icp_features", raw.icp_features.is_some_and(|features| features != Default::default())),
    ];
    if let Some((name, _)) = unsupported.iter().find(|(_, asked)| *asked) {
        return Err(format!(
            "'{name}' is not supported by the embedded replica: leave it out, or use a PocketIC \
             server"
        ));
    }
    if let Some(level) = raw.log_level.filter(|level| !is_log_level(level)) {
        return Err(format!(
            "Failed to parse log level '{level}': use critical, error, warning, info, debug or trace as \
             the log_level"
        ));
    }
    let initial_time = match raw.initial_time {
        Some(InitialTime::Timestamp(time)) => Time::from_nanos(time.nanos_since_epoch),
        None | Some(InitialTime::AutoProgress(_)) => Time::GENESIS,
    };
    let state_dir = raw.state_dir.as_deref().map(StateDir::open).transpose();
    let state_dir = state_dir.map_err(|error| error.to_string())?;
    // A saved state has subnets already.
    if !state_dir.as_ref().is_some_and(StateDir::has_state) {
        raw.subnet_config_set.validate()?;
    }
    let (subnets, subnet_states) = subnets(raw.subnet_config_set)?;
    let disabled = Some(IcpConfigFlag::Disabled);
    let relaxed = RelaxedLimits {
        execution_rates: icp_config.canister_execution_rate_limiting == disabled,
        method_names: icp_config.function_name_length_limits == disabled,
    };
    let config = InstanceConfig { subnets, profile, initial_time, fake_canisters: false, relaxed };
    let incomplete = raw.incomplete_state == Some(IncompleteStateFlag::Enabled);
    Ok(InstanceRequest { config, subnet_states, state_dir, incomplete })
}

/// Whether PocketIC knows this log level. Instances of this replica ignore it.
fn is_log_level(name: &str) -> bool {
    const LONG: [&str; 6] = ["critical", "error", "warning", "info", "debug", "trace"];
    const SHORT: [&str; 6] = ["crit", "erro", "warn", "info", "debg", "trce"];
    LONG.into_iter().chain(SHORT).any(|level| level.eq_ignore_ascii_case(name))
}

/// The requested subnets, and the folders with the states of some of them by their indices.
fn subnets(
    set: rest::ExtendedSubnetConfigSet,
) -> Result<(Vec<SubnetRequest>, BTreeMap<usize, PathBuf>), String> {
    use SubnetKind::*;
    let one = |kind, spec: Option<SubnetSpec>| spec.into_iter().map(move |spec| (kind, spec));
    let many = |kind, specs: Vec<SubnetSpec>| specs.into_iter().map(move |spec| (kind, spec));
    let specs: Vec<(SubnetKind, SubnetSpec)> = one(NetworkNervousSystem, set.nns)
        .chain(one(ServiceNervousSystem, set.sns))
        .chain(one(InternetIdentity, set.ii))
        .chain(one(Fiduciary, set.fiduciary))
        .chain(one(Bitcoin, set.bitcoin))
        .chain(one(TestThresholdKeys, set.test_threshold_keys))
        .chain(many(System, set.system))
        .chain(many(Application, set.application))
        .chain(many(CloudEngine, set.cloud_engine))
        .chain(many(VerifiedApplication, set.verified_application))
        .collect();
    let state =
        |(index, (_, spec)): (usize, &(_, SubnetSpec))| Some((index, spec.get_state_path()?));
    let states = specs.iter().enumerate().filter_map(state).collect();
    let requests = specs.iter().map(|(kind, spec)| subnet(*kind, spec));
    Ok((requests.collect::<Result<_, _>>()?, states))
}

fn subnet(kind: SubnetKind, spec: &SubnetSpec) -> Result<SubnetRequest, String> {
    if !spec.is_supported() {
        return Err(
            "the state of a subnet cannot be loaded from the blob store: give the folder of the subnet \
             in a state directory ('FromPath')"
                .into(),
        );
    }
    Ok(SubnetRequest {
        kind,
        free: spec.get_cost_schedule() == CanisterCyclesCostSchedule::Free,
        benchmarking: spec.get_instruction_config() == SubnetInstructionConfig::Benchmarking,
        admins: spec.get_subnet_admins().map(BTreeSet::from_iter),
    })
}

pub(super) fn topology(instance: &Instance) -> Topology {
    let subnets = instance.subnets().iter();
    Topology {
        subnet_configs: subnets.map(|info| (info.place.id.into(), subnet_config(info))).collect(),
        default_effective_canister_id: instance.default_effective_canister().principal().into(),
    }
}

fn subnet_config(info: &SubnetInfo) -> rest::SubnetConfig {
    rest::SubnetConfig {
        subnet_kind: match info.request.kind {
            SubnetKind::Application => rest::SubnetKind::Application,
            SubnetKind::Bitcoin => rest::SubnetKind::Bitcoin,
            SubnetKind::CloudEngine => rest::SubnetKind::CloudEngine,
            SubnetKind::Fiduciary => rest::SubnetKind::Fiduciary,
            SubnetKind::InternetIdentity => rest::SubnetKind::II,
            SubnetKind::NetworkNervousSystem => rest::SubnetKind::NNS,
            SubnetKind::ServiceNervousSystem => rest::SubnetKind::SNS,
            SubnetKind::System => rest::SubnetKind::System,
            SubnetKind::TestThresholdKeys => rest::SubnetKind::TestThresholdKeys,
            SubnetKind::VerifiedApplication => rest::SubnetKind::VerifiedApplication,
        },
        subnet_admins: info
            .request
            .admins
            .as_ref()
            .map(|admins| admins.iter().map(|admin| (*admin).into()).collect()),
        cost_schedule: match info.request.free {
            true => CanisterCyclesCostSchedule::Free,
            false => CanisterCyclesCostSchedule::Normal,
        },
        subnet_seed: info.place.seed,
        instruction_config: match info.request.benchmarking {
            true => SubnetInstructionConfig::Benchmarking,
            false => SubnetInstructionConfig::Production,
        },
        canister_ranges: info
            .place
            .canister_ranges
            .iter()
            .map(|(start, end)| rest::CanisterIdRange {
                start: start.principal().into(),
                end: end.principal().into(),
            })
            .collect(),
    }
}
