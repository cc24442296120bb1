//! The input of an execution from its round, and the result of the execution for its round.

use crate::canister::received_call::CallResponse;
use crate::cycles::Prices;
use crate::keys::SubnetKey;
use crate::system_api::MemoryShare;
use crate::topology::RoutingTable;
use crate::types::{Instructions, MessageId, SubnetId, Time};
use std::sync::Arc;

/// The properties of the round and of the subnet that executions need.
#[derive(Clone, Debug)]
pub struct RoundInput {
    /// The subnet.
    pub subnet: SubnetId,
    /// The network's root key.
    pub root_key: Arc<SubnetKey>,
    /// The routing table: which subnet hosts which canister ids.
    pub routes: Arc<RoutingTable>,
    /// The prices of the subnet.
    pub prices: Prices,
    /// The round's time.
    pub time: Time,
    /// Instruction limit of a message.
    pub message_instructions_max: Instructions,
    /// Instruction limit of a query, and of a message that calls a query method.
    pub query_instructions_max: Instructions,
    /// Instruction limit of a slice: the part of a message that one round executes.
    pub slice_instructions_max: Instructions,
    /// Instruction limit of an installation.
    pub install_instructions_max: Instructions,
    /// Instruction limit of a slice of an installation.
    pub install_slice_instructions_max: Instructions,
    /// Whether modules may export any number of methods, with names of any length.
    pub allows_any_methods: bool,
    /// Whether only the first slice of a long execution is executed, and the other slices are
    /// [deferred](crate::canister::DeferredExecution).
    pub defers_slices: bool,
    /// Open callbacks of all canisters of the subnet.
    pub subnet_callbacks: usize,
    /// Bytes that unbounded-wait calls may still reserve for their responses.
    pub guaranteed_memory: u64,
    /// The memory of the subnet that the execution finds. Zero for queries, which take none.
    pub subnet_memory: MemoryShare,
}

/// The result of an execution for its round, besides the changes of the canister.
#[derive(Debug, Default)]
pub struct Execution {
    /// Instructions that it used in this round.
    pub instructions: Instructions,
    /// Bytes of the subnet's memory that it took.
    pub memory_taken: u64,
    /// Heap delta: bytes of the pages that it wrote to.
    pub heap_delta_bytes: u64,
    /// The response to a user. `None` if a canister called, or if the response is not made yet. Boxed, because most
    /// executions have none.
    pub response: Option<Box<CallResponse>>,
    /// The ingress message whose status becomes "processing".
    pub processing: Option<MessageId>,
}
