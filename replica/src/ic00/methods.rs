//! All methods of the management canister, with their rules.

use super::{About, PROVISIONAL_CREATION, Permitted, Rules};
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

/// The rules of all methods.
pub(super) const METHODS: &[Rules] = &[
    // Users cannot attach cycles, so they cannot pay for these methods. On subnets with admins, which
    // charge nothing, the admins may call some of them.
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
    // Methods that create cycles. The mainnet does not have them.
    about(NewCanister, ProvisionalCreateCanister, PROVISIONAL_CREATION).with_version().users(),
    about(Canister, ProvisionalTopUp, "provisional_top_up_canister").users(),
    // Methods for controllers.
    about(Canister, InstallCode, "install_code")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(TargetCanister, InstallChunkedCode, "install_chunked_code")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(Canister, UploadChunk, "upload_chunk")
        .only(ControllersAndItself)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(Canister, ClearChunkStore, "clear_chunk_store")
        .only(ControllersAndItself)
        .users()
        .waits_for_aborted(),
    about(Canister, StoredChunks, "stored_chunks").only(ControllersAndItself).users(),
    about(Canister, UninstallCode, "uninstall_code")
        .with_version()
        .only(ControllersAndAdmins)
        .users()
        .waits_for_aborted(),
    about(Canister, UpdateSettings, "update_settings")
        .with_version()
        .only(Controllers)
        .users()
        .heavy(),
    about(Canister, StartCanister, "start_canister")
        .only(ControllersAndAdmins)
        .users()
        .waits_for_aborted(),
    about(Canister, StopCanister, "stop_canister")
        .only(ControllersAndAdmins)
        .users()
        .waits_for_aborted(),
    about(Canister, DeleteCanister, "delete_canister")
        .only(ControllersAndAdmins)
        .users()
        .waits_for_aborted(),
    about(Canister, TakeCanisterSnapshot, "take_canister_snapshot")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(Canister, LoadCanisterSnapshot, "load_canister_snapshot")
        .with_version()
        .only(Controllers)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(Canister, DeleteCanisterSnapshot, "delete_canister_snapshot")
        .only(Controllers)
        .users()
        .waits_for_aborted(),
    about(Canister, UploadCanisterSnapshotMetadata, "upload_canister_snapshot_metadata")
        .only(Controllers)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(Canister, UploadCanisterSnapshotData, "upload_canister_snapshot_data")
        .only(Controllers)
        .users()
        .heavy()
        .waits_for_aborted(),
    about(Canister, CanisterMetrics, "canister_metrics").only(ControllersAndAdmins).users().query(),
    // Methods that the settings can open to others.
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
    // Methods that are refused, because there are no threshold keys.
    about(Key, EcdsaPublicKey, "ecdsa_public_key"),
    about(Key, SignWithEcdsa, "sign_with_ecdsa"),
    about(Key, SchnorrPublicKey, "schnorr_public_key"),
    about(Key, SignWithSchnorr, "sign_with_schnorr"),
    about(Key, VetkdPublicKey, "vetkd_public_key"),
    about(Key, VetkdDeriveKey, "vetkd_derive_key"),
    // Methods of the bitcoin canisters.
    about(Bitcoin, BitcoinGetBalance, "bitcoin_get_balance"),
    about(Bitcoin, BitcoinGetBlockHeaders, "bitcoin_get_block_headers"),
    about(Bitcoin, BitcoinGetCurrentFeePercentiles, "bitcoin_get_current_fee_percentiles"),
    about(Bitcoin, BitcoinGetUtxos, "bitcoin_get_utxos"),
    about(Bitcoin, BitcoinSendTransaction, "bitcoin_send_transaction"),
];

/// The rules of a method that any canister may call.
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
        waits_for_aborted: false,
        has_sender_version: false,
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

    const fn waits_for_aborted(self) -> Self {
        Self { waits_for_aborted: true, ..self }
    }

    const fn with_version(self) -> Self {
        Self { has_sender_version: true, ..self }
    }
}
