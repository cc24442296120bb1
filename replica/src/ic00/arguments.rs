//! The arguments of management calls: decoding them, and the bounds that are checked while they are
//! decoded.
//!
//! Rules: `types/management_canister_types/src/lib.rs` in the replica's repository.

use super::Method;
use crate::error::{ErrorCode, UserError};
use crate::limits::*;
use candid::{CandidType, DecoderConfig, Principal};
use ic_management_canister_types::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The argument of `install_code`. The type of the same name in `ic-management-canister-types` decodes the
/// module byte by byte, which takes most of the time of installing a module that was compiled before.
#[derive(CandidType, Deserialize)]
pub struct InstallCodeArgs {
    /// Whether the code is installed, reinstalled or upgraded.
    pub mode: CanisterInstallMode,
    /// The canister.
    pub canister_id: Principal,
    /// The module, plain or compressed.
    #[serde(with = "serde_bytes")]
    pub wasm_module: Vec<u8>,
    /// The argument for the code.
    #[serde(with = "serde_bytes")]
    pub arg: Vec<u8>,
    /// The canister version of the caller.
    pub sender_canister_version: Option<u64>,
}

/// The argument of `upload_canister_snapshot_data`, whose data is decoded as a whole.
#[derive(CandidType, Deserialize)]
struct SnapshotUpload {
    canister_id: Principal,
    snapshot_id: SnapshotId,
    kind: SnapshotDataOffset,
    #[serde(with = "serde_bytes")]
    chunk: Vec<u8>,
}

/// Decodes a Candid argument. Fields that the type does not have are ignored.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument cannot be decoded.
pub fn decode<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<T, UserError> {
    // A few bytes of Candid can describe a huge value. Real arguments need far less than these quotas.
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(MANAGEMENT_DECODING_QUOTA);
    config.set_skipping_quota(MANAGEMENT_SKIPPING_QUOTA);
    candid::utils::decode_one_with_config(argument, &config).map_err(undecodable)
}

/// Checks the argument of a method that takes no argument.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument cannot be decoded as an empty argument list.
pub fn check_no_argument(argument: &[u8]) -> Result<(), UserError> {
    candid::decode_args::<()>(argument).map_err(undecodable)
}

fn undecodable(error: candid::Error) -> UserError {
    UserError::new(ErrorCode::InvalidManagementPayload, format!("Error decoding candid: {error}"))
}

/// Decodes the argument of `create_canister`. An argument of other types means default settings, also an
/// empty argument list: `CreateCanisterArgs::decode` in the replica accepts it for compatibility.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument is no Candid, or the settings exceed their bounds.
pub fn decode_creation(argument: &[u8]) -> Result<CreateCanisterArgs, UserError> {
    match decode::<CreateCanisterArgs>(argument) {
        Ok(arguments) => {
            arguments.settings.as_ref().map_or(Ok(()), check_settings)?;
            Ok(arguments)
        }
        Err(error) => match check_no_argument(argument) {
            Ok(()) => Ok(CreateCanisterArgs::default()),
            Err(_) => Err(error),
        },
    }
}

/// Checks the lengths of the lists in new settings. A list that is too long cannot be decoded.
///
/// # Errors
///
/// `InvalidManagementPayload`, if a list has too many elements.
pub fn check_settings(settings: &CanisterSettings) -> Result<(), UserError> {
    if let Some(controllers) = &settings.controllers {
        check_count("controllers", controllers.len(), CONTROLLERS_MAX)?;
    }
    let viewers = [
        (
            "log_visibility",
            match &settings.log_visibility {
                Some(LogVisibility::AllowedViewers(viewers)) => viewers.len(),
                _ => 0,
            },
        ),
        (
            "snapshot_visibility",
            match &settings.snapshot_visibility {
                Some(SnapshotVisibility::AllowedViewers(viewers)) => viewers.len(),
                _ => 0,
            },
        ),
        (
            "status_visibility",
            match &settings.status_visibility {
                Some(StatusVisibility::AllowedViewers(viewers)) => viewers.len(),
                _ => 0,
            },
        ),
    ];
    viewers.into_iter().try_for_each(|(name, count)| check_count(name, count, VIEWERS_MAX))
}

/// Checks the length of a list.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the list has more than `max` elements.
pub fn check_count(name: &str, count: usize, max: usize) -> Result<(), UserError> {
    if count <= max {
        return Ok(());
    }
    Err(UserError::new(
        ErrorCode::InvalidManagementPayload,
        format!("Invalid {name}: the number of elements exceeds maximum allowed {max}"),
    ))
}

/// Checks the length of a snapshot id: a number and a principal.
fn check_snapshot_id(id: &[u8]) -> Result<(), UserError> {
    let lengths = size_of::<u64>()..=size_of::<u64>() + Principal::MAX_LENGTH_IN_BYTES;
    if lengths.contains(&id.len()) {
        return Ok(());
    }
    Err(UserError::new(
        ErrorCode::InvalidManagementPayload,
        format!("The {} bytes are not the id of a snapshot", id.len()),
    ))
}

/// Decodes the whole argument of a call of `method`, to check it.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument cannot be decoded, or exceeds a bound that is checked while
/// it is decoded.
pub(super) fn check(method: Method, argument: &[u8]) -> Result<(), UserError> {
    use Method::*;
    fn decoded<T: CandidType + DeserializeOwned>(argument: &[u8]) -> Result<(), UserError> {
        decode::<T>(argument).map(drop)
    }
    match method {
        CanisterMetrics
        | CanisterStatus
        | ClearChunkStore
        | DeleteCanister
        | DepositCycles
        | ListCanisterSnapshots
        | StartCanister
        | StopCanister
        | StoredChunks => decoded::<CanisterIdRecord>(argument),
        CanisterInfo => decoded::<CanisterInfoArgs>(argument),
        CanisterMetadata => decoded::<CanisterMetadataArgs>(argument),
        CreateCanister => decode_creation(argument).map(drop),
        DeleteCanisterSnapshot => {
            check_snapshot_id(&decode::<DeleteCanisterSnapshotArgs>(argument)?.snapshot_id)
        }
        FetchCanisterLogs => decoded::<FetchCanisterLogsArgs>(argument),
        FlexibleHttpRequest => decoded::<FlexibleHttpRequestArgs>(argument),
        HttpRequest => decoded::<HttpRequestArgs>(argument),
        InstallChunkedCode => decoded::<InstallChunkedCodeArgs>(argument),
        InstallCode => decoded::<InstallCodeArgs>(argument),
        LoadCanisterSnapshot => {
            check_snapshot_id(&decode::<LoadCanisterSnapshotArgs>(argument)?.snapshot_id)
        }
        NodeMetricsHistory => decoded::<NodeMetricsHistoryArgs>(argument),
        ProvisionalCreateCanister => {
            let arguments = decode::<ProvisionalCreateCanisterWithCyclesArgs>(argument)?;
            arguments.settings.as_ref().map_or(Ok(()), check_settings)
        }
        ProvisionalTopUp => decoded::<ProvisionalTopUpCanisterArgs>(argument),
        ListCanisters | RawRand => check_no_argument(argument),
        ReadCanisterSnapshotData => {
            check_snapshot_id(&decode::<ReadCanisterSnapshotDataArgs>(argument)?.snapshot_id)
        }
        ReadCanisterSnapshotMetadata => {
            check_snapshot_id(&decode::<ReadCanisterSnapshotMetadataArgs>(argument)?.snapshot_id)
        }
        SubnetInfo => decoded::<SubnetInfoArgs>(argument),
        SubnetMetrics => decoded::<SubnetMetricsArgs>(argument),
        TakeCanisterSnapshot => {
            let arguments = decode::<TakeCanisterSnapshotArgs>(argument)?;
            arguments.replace_snapshot.as_deref().map_or(Ok(()), check_snapshot_id)
        }
        UninstallCode => decoded::<UninstallCodeArgs>(argument),
        UpdateSettings => check_settings(&decode::<UpdateSettingsArgs>(argument)?.settings),
        UploadCanisterSnapshotData => {
            check_snapshot_id(&decode::<SnapshotUpload>(argument)?.snapshot_id)
        }
        UploadCanisterSnapshotMetadata => {
            let arguments = decode::<UploadCanisterSnapshotMetadataArgs>(argument)?;
            arguments.replace_snapshot.as_deref().map_or(Ok(()), check_snapshot_id)
        }
        UploadChunk => decoded::<UploadChunkArgs>(argument),
        BitcoinGetBalance
        | BitcoinGetBlockHeaders
        | BitcoinGetCurrentFeePercentiles
        | BitcoinGetUtxos
        | BitcoinSendTransaction => super::bitcoin::network(method, argument).map(drop),
        EcdsaPublicKey => decoded::<EcdsaPublicKeyArgs>(argument),
        SchnorrPublicKey => decoded::<SchnorrPublicKeyArgs>(argument),
        SignWithEcdsa => decoded::<SignWithEcdsaArgs>(argument),
        SignWithSchnorr => decoded::<SignWithSchnorrArgs>(argument),
        VetkdDeriveKey => decoded::<VetKDDeriveKeyArgs>(argument),
        VetkdPublicKey => decoded::<VetKDPublicKeyArgs>(argument),
    }
}
