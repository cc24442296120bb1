//! The list of all methods, with their rules.

use super::{About, Permitted, Rules};
use About::*;
use Method::*;
use Permitted::*;

/// A method of the management canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the interface specification")]
pub enum Method {
    BitcoinGetBalance,
    BitcoinGetBlockHeaders,
    BitcoinGetCurrentFeePercentiles,
    BitcoinGetUtxos,
    BitcoinSendTransaction,
    CanisterInfo,
    CanisterMetadata,
    CanisterMetrics,
    CanisterStatus,
    ClearChunkStore,
    CreateCanister,
    DeleteCanister,
    DeleteCanisterSnapshot,
    DepositCycles,
    EcdsaPublicKey,
    FetchCanisterLogs,
    FlexibleHttpRequest,
    HttpRequest,
    InstallChunkedCode,
    InstallCode,
    ListCanisters,
    ListCanisterSnapshots,
    LoadCanisterSnapshot,
    NodeMetricsHistory,
    ProvisionalCreateCanister,
    ProvisionalTopUp,
    RawRand,
    ReadCanisterSnapshotData,
    ReadCanisterSnapshotMetadata,
    SchnorrPublicKey,
    SignWithEcdsa,
    SignWithSchnorr,
    StartCanister,
    StopCanister,
    StoredChunks,
    SubnetInfo,
    SubnetMetrics,
    TakeCanisterSnapshot,
    UninstallCode,
    UpdateSettings,
    UploadCanisterSnapshotData,
    UploadCanisterSnapshotMetadata,
    UploadChunk,
    VetkdDeriveKey,
    VetkdPublicKey,
}

/// All of them.
pub(super) const METHODS: &[Rules] = &[
    // Users cannot attach cycles, and nobody would pay for these. Where there are admins, all is free.
    about(NewCanister, CreateCanister, "create_canister").with_version().own_subnet().admins(),
    about(Nothing, ListCanisters, "list_canisters").own_subnet().query().heavy(),
    about(Canister, DepositCycles, "deposit_cycles"),
    about(Nothing, RawRand, "raw_rand").own_subnet(),
    about(Nothing, HttpRequest, "http_request").own_subnet(),
    about(Nothing, FlexibleHttpRequest, "flexible_http_request").own_subnet(),
    about(Canister, CanisterInfo, "canister_info").query(),
    about(Canister, CanisterMetadata, "canister_metadata"),
    about(Canister, FetchCanisterLogs, "fetch_canister_logs")
        .only(LogViewers)
        .not_from_free_subnets()
        .query()
        .heavy(),
    about(Subnet, NodeMetricsHistory, "node_metrics_history"),
    about(Subnet, SubnetInfo, "subnet_info"),
    about(Subnet, SubnetMetrics, "subnet_metrics"),
    // Only where cycles are made out of nothing.
    about(NewCanister, ProvisionalCreateCanister, "provisional_create_canister_with_cycles")
        .with_version()
        .users(),
    about(Canister, ProvisionalTopUp, "provisional_top_up_canister").users(),
    // What controllers do.
    about(Canister, InstallCode, "install_code")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .at_rest(),
    about(TargetCanister, InstallChunkedCode, "install_chunked_code")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .at_rest(),
    about(Canister, UploadChunk, "upload_chunk")
        .only(ControllersAndItself)
        .users()
        .heavy()
        .at_rest(),
    about(Canister, ClearChunkStore, "clear_chunk_store")
        .only(ControllersAndItself)
        .users()
        .at_rest(),
    about(Canister, StoredChunks, "stored_chunks").only(ControllersAndItself).users(),
    about(Canister, UninstallCode, "uninstall_code")
        .with_version()
        .only(ControllersAndAdmins)
        .users()
        .at_rest(),
    about(Canister, UpdateSettings, "update_settings")
        .with_version()
        .only(Controllers)
        .users()
        .heavy(),
    about(Canister, StartCanister, "start_canister").only(ControllersAndAdmins).users().at_rest(),
    about(Canister, StopCanister, "stop_canister").only(ControllersAndAdmins).users().at_rest(),
    about(Canister, DeleteCanister, "delete_canister").only(ControllersAndAdmins).users().at_rest(),
    about(Canister, TakeCanisterSnapshot, "take_canister_snapshot")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .at_rest(),
    about(Canister, LoadCanisterSnapshot, "load_canister_snapshot")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .at_rest(),
    about(Canister, DeleteCanisterSnapshot, "delete_canister_snapshot")
        .only(Controllers)
        .users()
        .at_rest(),
    about(Canister, UploadCanisterSnapshotMetadata, "upload_canister_snapshot_metadata")
        .only(Controllers)
        .users()
        .heavy()
        .at_rest(),
    about(Canister, UploadCanisterSnapshotData, "upload_canister_snapshot_data")
        .only(Controllers)
        .users()
        .heavy()
        .at_rest(),
    about(Canister, CanisterMetrics, "canister_metrics").only(ControllersAndAdmins).users().query(),
    // What others may, too, if the settings say so.
    about(Canister, CanisterStatus, "canister_status").only(StatusViewers).users().query(),
    about(Canister, ListCanisterSnapshots, "list_canister_snapshots").only(SnapshotViewers).users(),
    about(Canister, ReadCanisterSnapshotMetadata, "read_canister_snapshot_metadata")
        .only(SnapshotViewers)
        .users()
        .heavy(),
    about(Canister, ReadCanisterSnapshotData, "read_canister_snapshot_data")
        .only(SnapshotViewers)
        .users()
        .heavy(),
    // Without a threshold key and without the bitcoin canisters these are refused.
    about(Key, EcdsaPublicKey, "ecdsa_public_key"),
    about(Key, SignWithEcdsa, "sign_with_ecdsa"),
    about(Key, SchnorrPublicKey, "schnorr_public_key"),
    about(Key, SignWithSchnorr, "sign_with_schnorr"),
    about(Key, VetkdPublicKey, "vetkd_public_key"),
    about(Key, VetkdDeriveKey, "vetkd_derive_key"),
    about(Nothing, BitcoinGetBalance, "bitcoin_get_balance"),
    about(Nothing, BitcoinGetBlockHeaders, "bitcoin_get_block_headers"),
    about(Nothing, BitcoinGetCurrentFeePercentiles, "bitcoin_get_current_fee_percentiles"),
    about(Nothing, BitcoinGetUtxos, "bitcoin_get_utxos"),
    about(Nothing, BitcoinSendTransaction, "bitcoin_send_transaction"),
];

/// A method that any canister may call.
const fn about(about: About, method: Method, name: &'static str) -> Rules {
    Rules {
        method,
        name,
        about,
        permitted: Anybody,
        by_users: false,
        by_admins: false,
        by_query: false,
        from_other_subnets: true,
        from_free_subnets: true,
        is_heavy: false,
        needs_rest: false,
        names_version: false,
    }
}

impl Rules {
    const fn only(self, permitted: Permitted) -> Self {
        Self { permitted, ..self }
    }

    const fn users(self) -> Self {
        Self { by_users: true, ..self }
    }

    const fn admins(self) -> Self {
        Self { by_admins: true, ..self }
    }

    const fn query(self) -> Self {
        Self { by_query: true, ..self }
    }

    const fn not_from_free_subnets(self) -> Self {
        Self { from_free_subnets: false, ..self }
    }

    const fn own_subnet(self) -> Self {
        Self { from_other_subnets: false, ..self }
    }

    const fn heavy(self) -> Self {
        Self { is_heavy: true, ..self }
    }

    const fn at_rest(self) -> Self {
        Self { needs_rest: true, ..self }
    }

    const fn with_version(self) -> Self {
        Self { names_version: true, ..self }
    }
}
