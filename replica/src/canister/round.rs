//! What an execution gets from its round, and what it gives back to the round.

use crate::canister::call_context::Answer;
use crate::cycles::Prices;
use crate::keys::SubnetKey;
use crate::system_api::MemoryShare;
use crate::topology::RoutingTable;
use crate::types::{Instructions, MessageId, SubnetId, Time};
use std::sync::Arc;

/// What executing a message needs to know of its round.
#[derive(Clone, Debug)]
pub struct RoundContext {
    /// The subnet.
    pub subnet: SubnetId,
    /// The network's root key.
    pub root_key: Arc<SubnetKey>,
    /// Which subnets there are, and what they host.
    pub routes: Arc<RoutingTable>,
    /// Its prices.
    pub prices: Prices,
    /// The round's time.
    pub time: Time,
    /// Instructions a message may use.
    pub message_instructions_max: Instructions,
    /// Instructions a message that calls a query method may use, and a query.
    pub query_instructions_max: Instructions,
    /// Instructions of a message that one round executes.
    pub slice_instructions_max: Instructions,
    /// Instructions an installation may use.
    pub install_instructions_max: Instructions,
    /// Instructions of an installation that one round executes.
    pub install_slice_instructions_max: Instructions,
    /// Whether modules may export any number of methods, with names of any length.
    pub allows_any_methods: bool,
    /// Open callbacks of all canisters of the subnet.
    pub subnet_callbacks: usize,
    /// Bytes unbounded-wait calls may still reserve.
    pub guaranteed_memory: u64,
    /// The subnet's memory; none of it, where executions take none.
    pub subnet_memory: MemoryShare,
}

/// What executing one message came to, beyond what it did to its canister.
#[derive(Debug, Default)]
pub struct Execution {
    /// Instructions used in this round.
    pub instructions: Instructions,
    /// Bytes of the subnet's memory it took.
    pub memory_taken: u64,
    /// Bytes of the pages it wrote to.
    pub heap_delta_bytes: u64,
    /// The answer a user gets, if it was a user who called and it is time.
    pub answer: Option<Answer>,
    /// The user's message that is being worked on from now on.
    pub processing: Option<MessageId>,
}
