//! The functions that a canister can import: which entry points may call each, and its cost.
//!
//! Entry points: interface specification, "Overview of imports". Costs:
//! `embedders/src/wasmtime_embedder/system_api_complexity.rs` in the replica's repository.

use crate::types::Instructions;
use serde::{Deserialize, Serialize};

/// The kind of entry point that executes. It decides which system API functions are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryPoint {
    /// `canister_init` and `canister_post_upgrade`.
    Init,
    /// `canister_pre_upgrade`.
    PreUpgrade,
    /// An update method.
    Update,
    /// A query method that is called as an update, in replicated mode.
    ReplicatedQuery,
    /// A query method that is called as a query, in non-replicated mode.
    Query,
    /// A query method that transforms the response to an HTTP outcall.
    Transform,
    /// A composite query method.
    CompositeQuery,
    /// A reply callback.
    ReplyCallback,
    /// A reject callback.
    RejectCallback,
    /// A reply callback of a composite query.
    CompositeReplyCallback,
    /// A reject callback of a composite query.
    CompositeRejectCallback,
    /// A cleanup callback.
    Cleanup,
    /// A cleanup callback of a composite query.
    CompositeCleanup,
    /// The module's start function.
    Start,
    /// `canister_inspect_message`.
    InspectMessage,
    /// `canister_heartbeat`.
    Heartbeat,
    /// `canister_global_timer`.
    GlobalTimer,
    /// `canister_on_low_wasm_memory`.
    LowWasmMemory,
}

impl EntryPoint {
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The name of the entry point in error messages, as the replica spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::PreUpgrade => "pre upgrade",
            Self::Update => "update",
            Self::ReplicatedQuery => "replicated query",
            Self::Query | Self::Transform => "non replicated query",
            Self::CompositeQuery => "composite query",
            Self::ReplyCallback => "reply callback",
            Self::RejectCallback => "reject callback",
            Self::CompositeReplyCallback => "composite reply callback",
            Self::CompositeRejectCallback => "composite reject callback",
            Self::Cleanup => "cleanup",
            Self::CompositeCleanup => "composite cleanup",
            Self::Start => "start",
            Self::InspectMessage => "inspect message",
            Self::Heartbeat => "heartbeat",
            Self::GlobalTimer => "global timer",
            Self::LowWasmMemory => "on low Wasm memory",
        }
    }

    /// Whether the replica tracks dirty pages. It does if the changes of the memory can be kept. Such an
    /// execution pays for its dirty pages (`system_api.rs`, `modification_tracking`).
    pub const fn tracks_changes(self) -> bool {
        !matches!(
            self,
            Self::ReplicatedQuery | Self::Query | Self::Transform | Self::InspectMessage
        )
    }

    /// Whether execution is replicated: all nodes of the subnet execute the message and agree on the
    /// result.
    pub const fn is_replicated(self) -> bool {
        const ON_ONE_NODE: EntryPoints = EntryPoints(NRQ | TQ | CQ | CRY | CRT | CC | F);
        !ON_ONE_NODE.contains(self)
    }
}

/// A set of entry points, one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPoints(u32);

impl EntryPoints {
    /// Whether the set contains `entry_point`.
    pub const fn contains(self, entry_point: EntryPoint) -> bool {
        self.0 & entry_point.bit() != 0
    }
}

/// A function of the system API.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// The name of the function in the module `ic0`.
    pub name: &'static str,
    /// The entry points that may call the function.
    pub entry_points: EntryPoints,
    /// Instructions that each call costs.
    pub fixed: Instructions,
    /// Instructions that each copied byte costs in addition.
    pub per_byte: Instructions,
}

// The entry points, named by the letters of the interface specification.
const I: u32 = EntryPoint::Init.bit();
const G: u32 = EntryPoint::PreUpgrade.bit();
const U: u32 = EntryPoint::Update.bit();
const RQ: u32 = EntryPoint::ReplicatedQuery.bit();
const NRQ: u32 = EntryPoint::Query.bit();
const TQ: u32 = EntryPoint::Transform.bit();
const CQ: u32 = EntryPoint::CompositeQuery.bit();
const RY: u32 = EntryPoint::ReplyCallback.bit();
const RT: u32 = EntryPoint::RejectCallback.bit();
const CRY: u32 = EntryPoint::CompositeReplyCallback.bit();
const CRT: u32 = EntryPoint::CompositeRejectCallback.bit();
const C: u32 = EntryPoint::Cleanup.bit();
const CC: u32 = EntryPoint::CompositeCleanup.bit();
const S: u32 = EntryPoint::Start.bit();
const F: u32 = EntryPoint::InspectMessage.bit();
const T: u32 =
    EntryPoint::Heartbeat.bit() | EntryPoint::GlobalTimer.bit() | EntryPoint::LowWasmMemory.bit();
/// All entry points except the start function: the specification's `*`.
const ALL: u32 = I | G | U | RQ | NRQ | TQ | CQ | RY | RT | CRY | CRT | C | CC | F | T;
const WITH_ARGUMENT: u32 = I | U | RQ | NRQ | TQ | CQ | RY | CRY | F;
const CALLED: u32 = U | RQ | NRQ | CQ | RY | RT | CRY | CRT;
const RESPONDING: u32 = CALLED | TQ;
const CALLING: u32 = U | CQ | RY | RT | CRY | CRT | T;
const WITH_CALLER_INFO: u32 = CALLED | C | CC | F;
const WITH_CYCLES: u32 = U | RQ | RY | RT;
const WITH_ROOT_KEY: u32 = I | G | U | RQ | RY | RT | C | T;

macro_rules! functions {
    ($($constant:ident $name:literal $entry_points:expr, $fixed:literal + $per_byte:literal;)+) => {
        $(pub(super) const $constant: &Function = &Function {
            name: $name,
            entry_points: EntryPoints($entry_points),
            fixed: $fixed,
            per_byte: $per_byte,
        };)+
        /// All functions of the system API.
        pub const FUNCTIONS: &[&Function] = &[$($constant),+];
    };
}

functions! {
    MSG_ARG_DATA_SIZE "msg_arg_data_size" WITH_ARGUMENT, 500 + 0;
    MSG_ARG_DATA_COPY "msg_arg_data_copy" WITH_ARGUMENT, 500 + 1;
    MSG_CALLER_SIZE "msg_caller_size" ALL, 500 + 0;
    MSG_CALLER_COPY "msg_caller_copy" ALL, 500 + 1;
    MSG_CALLER_INFO_DATA_SIZE "msg_caller_info_data_size" WITH_CALLER_INFO, 500 + 0;
    MSG_CALLER_INFO_DATA_COPY "msg_caller_info_data_copy" WITH_CALLER_INFO, 500 + 1;
    MSG_CALLER_INFO_SIGNER_SIZE "msg_caller_info_signer_size" WITH_CALLER_INFO, 500 + 0;
    MSG_CALLER_INFO_SIGNER_COPY "msg_caller_info_signer_copy" WITH_CALLER_INFO, 500 + 1;
    MSG_REJECT_CODE "msg_reject_code" RY | RT | CRY | CRT | C, 500 + 0;
    MSG_REJECT_MSG_SIZE "msg_reject_msg_size" RT | CRT, 500 + 0;
    MSG_REJECT_MSG_COPY "msg_reject_msg_copy" RT | CRT, 500 + 1;
    MSG_DEADLINE "msg_deadline" CALLED, 500 + 0;
    MSG_REPLY_DATA_APPEND "msg_reply_data_append" RESPONDING, 500 + 50;
    MSG_REPLY "msg_reply" RESPONDING, 500 + 0;
    MSG_REJECT "msg_reject" RESPONDING, 500 + 50;
    MSG_METHOD_NAME_SIZE "msg_method_name_size" F, 500 + 0;
    MSG_METHOD_NAME_COPY "msg_method_name_copy" F, 500 + 1;
    ACCEPT_MESSAGE "accept_message" F, 500 + 0;

    MSG_CYCLES_AVAILABLE "msg_cycles_available" WITH_CYCLES, 500 + 0;
    MSG_CYCLES_AVAILABLE128 "msg_cycles_available128" WITH_CYCLES, 500 + 0;
    MSG_CYCLES_REFUNDED "msg_cycles_refunded" RY | RT, 500 + 0;
    MSG_CYCLES_REFUNDED128 "msg_cycles_refunded128" RY | RT, 500 + 0;
    MSG_CYCLES_ACCEPT "msg_cycles_accept" WITH_CYCLES, 500 + 0;
    MSG_CYCLES_ACCEPT128 "msg_cycles_accept128" WITH_CYCLES, 500 + 0;
    CYCLES_BURN128 "cycles_burn128" I | G | U | RQ | RY | RT | C | T, 500 + 0;
    MINT_CYCLES128 "mint_cycles128" U | RY | RT | T, 0 + 0;
    CANISTER_CYCLE_BALANCE "canister_cycle_balance" ALL, 500 + 0;
    CANISTER_CYCLE_BALANCE128 "canister_cycle_balance128" ALL, 500 + 0;
    CANISTER_LIQUID_CYCLE_BALANCE128 "canister_liquid_cycle_balance128" ALL, 500 + 0;
    COST_CALL "cost_call" ALL | S, 500 + 0;
    COST_CREATE_CANISTER "cost_create_canister" ALL | S, 500 + 0;
    COST_HTTP_REQUEST "cost_http_request" ALL | S, 500 + 0;
    COST_HTTP_REQUEST_V2 "cost_http_request_v2" ALL | S, 10_000 + 0;
    COST_SIGN_WITH_ECDSA "cost_sign_with_ecdsa" ALL | S, 500 + 1;
    COST_SIGN_WITH_SCHNORR "cost_sign_with_schnorr" ALL | S, 500 + 1;
    COST_VETKD_DERIVE_KEY "cost_vetkd_derive_key" ALL | S, 500 + 1;

    CALL_NEW "call_new" CALLING, 1_500 + 1;
    CALL_ON_CLEANUP "call_on_cleanup" CALLING, 500 + 0;
    CALL_DATA_APPEND "call_data_append" CALLING, 500 + 50;
    CALL_CYCLES_ADD "call_cycles_add" U | RY | RT | T, 500 + 0;
    CALL_CYCLES_ADD128 "call_cycles_add128" U | RY | RT | T, 500 + 0;
    CALL_WITH_BEST_EFFORT_RESPONSE "call_with_best_effort_response" CALLING, 500 + 0;
    CALL_PERFORM "call_perform" CALLING, 5_000 + 0;

    STABLE_SIZE "stable_size" ALL | S, 0 + 0;
    STABLE_GROW "stable_grow" ALL | S, 100 + 0;
    STABLE_READ "stable_read" ALL | S, 20 + 1;
    STABLE_WRITE "stable_write" ALL | S, 20 + 1;
    STABLE64_SIZE "stable64_size" ALL | S, 0 + 0;
    STABLE64_GROW "stable64_grow" ALL | S, 100 + 0;
    STABLE64_READ "stable64_read" ALL | S, 20 + 1;
    STABLE64_WRITE "stable64_write" ALL | S, 20 + 1;

    CANISTER_SELF_SIZE "canister_self_size" ALL, 500 + 0;
    CANISTER_SELF_COPY "canister_self_copy" ALL, 500 + 1;
    CANISTER_STATUS "canister_status" ALL, 500 + 0;
    CANISTER_VERSION "canister_version" ALL, 500 + 0;
    SUBNET_SELF_SIZE "subnet_self_size" ALL, 500 + 0;
    SUBNET_SELF_COPY "subnet_self_copy" ALL, 500 + 1;
    SUBNET_SELF_NODE_COUNT "subnet_self_node_count" ALL, 500 + 0;
    IS_CONTROLLER "is_controller" ALL | S, 1_000 + 1;
    IN_REPLICATED_EXECUTION "in_replicated_execution" ALL | S, 500 + 0;
    ROOT_KEY_SIZE "root_key_size" WITH_ROOT_KEY, 500 + 0;
    ROOT_KEY_COPY "root_key_copy" WITH_ROOT_KEY, 500 + 1;
    CERTIFIED_DATA_SET "certified_data_set" I | G | U | RY | RT | T, 500 + 1;
    DATA_CERTIFICATE_PRESENT "data_certificate_present" ALL, 500 + 0;
    DATA_CERTIFICATE_SIZE "data_certificate_size" NRQ | CQ, 500 + 0;
    DATA_CERTIFICATE_COPY "data_certificate_copy" NRQ | CQ, 500 + 1;
    ENV_VAR_COUNT "env_var_count" ALL, 500 + 0;
    ENV_VAR_NAME_SIZE "env_var_name_size" ALL, 500 + 0;
    ENV_VAR_NAME_COPY "env_var_name_copy" ALL, 500 + 1;
    ENV_VAR_NAME_EXISTS "env_var_name_exists" ALL, 500 + 0;
    ENV_VAR_VALUE_SIZE "env_var_value_size" ALL, 500 + 0;
    ENV_VAR_VALUE_COPY "env_var_value_copy" ALL, 500 + 1;

    TIME "time" ALL, 500 + 0;
    GLOBAL_TIMER_SET "global_timer_set" I | G | U | RY | RT | C | T, 500 + 0;
    PERFORMANCE_COUNTER "performance_counter" ALL | S, 200 + 0;
    DEBUG_PRINT "debug_print" ALL | S, 100 + 1;
    TRAP "trap" ALL | S, 500 + 1;
}
