//! One execution as the system API sees it: its input, its effects, and the state in between.

use crate::cycles::{CallPrice, Prices};
use crate::error::{Reject, Trap};
use crate::keys::SubnetKey;
use crate::log::ExecutionLog;
use crate::message::{CallContent, CallerInfo};
use crate::queues::Pairs;
use crate::system_api::functions::EntryPoint;
use crate::system_api::memory_share::MemoryShare;
use crate::system_api::refused::RefusedCalls;
use crate::system_api::stable_copies::StableCopies;
use crate::types::{Callee, CanisterId, Cycles, Instructions, Payload, SubnetId, Time};
use crate::wasm::{OUT_OF_INSTRUCTIONS, STABLE_COPIES_PART_BYTES, StableMemory};
use candid::Principal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use wasmtime::{AsContext, Memory};

/// The properties of a canister that an execution can read and that rarely change.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The id of the canister.
    pub canister: CanisterId,
    /// The id of its subnet.
    pub subnet: SubnetId,
    /// The prices of the subnet.
    pub prices: Prices,
    /// The root key of the network.
    pub root_key: Arc<SubnetKey>,
    /// The controllers of the canister.
    pub controllers: BTreeSet<Principal>,
    /// Capacity of the canister's log, in bytes.
    pub log_bytes: usize,
    /// The environment variables, by name.
    pub variables: BTreeMap<String, String>,
    /// Whether the module has 64-bit pointers.
    pub wasm64: bool,
    /// The setting `wasm_memory_limit`, in bytes. 0 means no limit below the largest memory of a
    /// 32-bit or 64-bit module.
    pub wasm_memory_limit: u64,
    /// The compute allocation, in percent.
    pub compute_allocation: u64,
    /// The memory allocation, in bytes.
    pub memory_allocation: u64,
    /// The setting `reserved_cycles_limit`: the most cycles that can be reserved for memory.
    pub reserved_cycles_limit: Cycles,
    /// The freezing threshold, in seconds.
    pub freezing_threshold_seconds: u64,
}

impl Environment {
    /// The name that the environment variable `PUBLIC_CANISTER_ID:NAME` gives to the canister itself. `icp deploy`
    /// sets these variables, for all canisters of a project.
    pub fn name(&self) -> Option<&str> {
        let id = self.canister.to_string();
        let mut variables = self.variables.iter();
        variables.find(|(_, value)| **value == id)?.0.strip_prefix(CANISTER_NAME_PREFIX)
    }
}

/// What the names of environment variables begin with that name a canister: `icp deploy` gives each canister the ids of
/// all canisters of the project, by name.
pub(crate) const CANISTER_NAME_PREFIX: &str = "PUBLIC_CANISTER_ID:";

/// The status of a canister. The values are those of `ic0.canister_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// The canister accepts requests.
    Running = 1,
    /// The canister rejects new requests and waits for the responses to its open calls.
    Stopping = 2,
    /// The canister rejects requests and has no open calls.
    Stopped = 3,
}

/// Everything that an execution depends on, except the canister's memories. The same input on the
/// same memories always has the same effects.
#[derive(Clone, Debug)]
pub struct ExecutionInput {
    /// The kind of entry point, for the rules of the system API.
    pub entry_point: EntryPoint,
    /// The properties of the canister.
    pub environment: Arc<Environment>,
    /// The status of the canister.
    pub run_state: RunState,
    /// The version of the canister, as `ic0.canister_version` returns it.
    pub version: u64,
    /// The time of the round.
    pub time: Time,
    /// The caller of the method.
    pub caller: Principal,
    /// Signed information about the caller, as `ic0.msg_caller_info_data_copy` returns it.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// The argument of the method. In a reply callback: the reply.
    pub argument: Payload,
    /// The name of the called method, for `canister_inspect_message`.
    pub method: String,
    /// The reject, in a reject callback and its cleanup callback.
    pub reject: Option<Reject>,
    /// Attached cycles that the call context has not accepted yet.
    pub cycles_available: Cycles,
    /// Cycles that the response refunds.
    pub cycles_refunded: Cycles,
    /// The deadline of the call. `None` for an unbounded-wait call.
    pub deadline: Option<Time>,
    /// Whether the call context has no response yet.
    pub may_respond: bool,
    /// The cycles balance of the canister, without the cycles that are prepaid for this execution.
    pub balance: Cycles,
    /// Memory usage of the canister, in bytes.
    pub memory_bytes: u64,
    /// Bytes of memory that the messages of the canister take.
    pub message_bytes: u64,
    /// The memory of the subnet.
    pub subnet_memory: MemoryShare,
    /// Reserved cycles of the canister. They lower the freezing threshold.
    pub reserved: Cycles,
    /// The request slots to each canister that open calls of a composite query take.
    pub slots_taken: BTreeMap<Callee, usize>,
    /// Callbacks that the canister may still open.
    pub callbacks: usize,
    /// Bytes that guaranteed-response calls of the canister may still reserve.
    pub guaranteed_memory: u64,
    /// Instruction limit of this execution.
    pub instructions_max: Instructions,
    /// Instruction limit of one slice: the most that one round executes.
    pub slice_instructions_max: Instructions,
    /// Instructions that earlier executions of the same call context used.
    pub call_context_instructions: Instructions,
    /// The time at which the global timer fires. `None` if it is not set.
    pub global_timer: Option<Time>,
    /// The certificate for the canister's certified data. Only non-replicated queries have one.
    pub data_certificate: Option<DataCertificate>,
}

/// The certificate for a canister's certified data. It is created and signed on first use.
pub type DataCertificate = Arc<LazyLock<Vec<u8>, Box<dyn FnOnce() -> Vec<u8> + Send>>>;

/// A function in the canister's table and the `env` value that it is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Index of the function in the table.
    pub function: u64,
    /// The value that the function gets.
    pub env: u64,
}

/// The callbacks of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callbacks {
    /// The reply callback.
    pub on_reply: Closure,
    /// The reject callback.
    pub on_reject: Closure,
    /// The cleanup callback: it runs when the reply callback or the reject callback traps.
    pub on_cleanup: Option<Closure>,
}

/// A call that `call_perform` accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingCall {
    /// The called canister, or the management canister.
    pub callee: Callee,
    /// The content of the call.
    pub content: CallContent,
    /// The deadline of a bounded-wait call. `None` for an unbounded-wait call.
    pub deadline: Option<Time>,
    /// The callbacks of the call.
    pub callbacks: Callbacks,
    /// Cycles that the caller paid in advance for the call.
    pub price: CallPrice,
}

/// The effects of an execution, except its changes of memory. They count only once the state of the
/// canister applies them. To roll back an execution, drop its effects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// The calls, in the order in which they were made.
    pub calls: Vec<OutgoingCall>,
    /// The calls that the system refused.
    pub refused: RefusedCalls,
    /// The response of the call context: a reply or a reject.
    pub response: Option<Result<Payload, Reject>>,
    /// Attached cycles that the canister accepted.
    pub cycles_accepted: Cycles,
    /// Cycles that the canister burned.
    pub cycles_burned: Cycles,
    /// Cycles that the cycles minting canister minted.
    pub cycles_minted: Cycles,
    /// Cycles that were moved from the balance to the reserved cycles, for new memory.
    pub cycles_reserved: Cycles,
    /// Bytes of subnet memory that the execution allocated.
    pub memory_taken: u64,
    /// Bytes of the dirty pages: heap pages whose content changed, and stable memory pages that were
    /// written to. 0 where changes cannot be kept.
    pub heap_delta_bytes: u64,
    /// New certified data.
    pub certified_data: Option<Vec<u8>>,
    /// The new setting of the global timer: `Some(None)` if the canister deactivated the timer.
    #[serde(with = "crate::types::encoding::nested_option")]
    pub global_timer: Option<Option<Time>>,
    /// Whether the canister called `accept_message`.
    pub message_accepted: bool,
    /// The lines that the canister printed.
    pub log: ExecutionLog,
}

/// A call under construction: between `call_new` and `call_perform`.
#[derive(Clone, Debug)]
pub(super) struct PreparedCall {
    pub callee: Callee,
    pub content: CallContent,
    pub timeout_seconds: Option<u32>,
    pub callbacks: Callbacks,
}

/// The state that the functions of the system API work on.
pub struct Host {
    pub(super) input: Arc<ExecutionInput>,
    pub(super) effects: Box<Effects>,
    pub(super) reply: Payload,
    pub(super) call: Option<PreparedCall>,
    pub(super) balance: Cycles,
    /// The request slots that this execution has taken, by the canister whose slots they are, in order.
    pub(super) slots_taken: Vec<(Callee, usize)>,
    /// Bytes that this execution's unbounded-wait calls reserve for their responses.
    pub(super) memory_reserved: u64,
    /// Bytes of this execution's bounded-wait requests.
    pub(super) best_effort_bytes: u64,
    /// Bytes by which heap and stable memory have grown in this execution.
    pub(super) grown: u64,
    /// Whether canister code runs. False while the engine instantiates the module, or the replica
    /// restores its memory.
    pub(super) running: bool,
    pub(crate) stable: Box<StableMemory>,
    /// The pairs of queues of the canister. They say how many request slots are free.
    pub(crate) pairs: Pairs,
    /// The heap. `None` in a module without memory.
    pub(crate) memory: Option<Memory>,
    /// The added memory, with the instruction counter (the number of instructions left) and the page marks.
    pub(super) added_memory: Option<Memory>,
    /// Where the part of the added memory with the counter and the page marks ends.
    pub(super) marks_end: usize,
    /// The stable memory pages that have copies in the added memory.
    pub(super) copies: StableCopies,
    /// Instructions that the execution may use in addition to those in the counter. The execution ends with
    /// the counter, so a positive number means that only a part of it is executed.
    beyond_counter: Instructions,
}

impl Host {
    /// Creates a host for a new instance.
    pub(crate) fn new(input: Arc<ExecutionInput>) -> Self {
        Self {
            balance: input.balance,
            input,
            effects: Box::default(),
            reply: Payload::new(),
            call: None,
            slots_taken: Vec::new(),
            memory_reserved: 0,
            best_effort_bytes: 0,
            grown: 0,
            running: false,
            stable: Box::default(),
            pairs: Pairs::default(),
            memory: None,
            added_memory: None,
            marks_end: 0,
            copies: StableCopies::default(),
            beyond_counter: 0,
        }
    }

    /// Connects the host with the memories of its instance. `added_bytes` is the size of the added memory. `has_copies`
    /// is whether the last part of the added memory is for copies of stable memory pages.
    pub(crate) fn connect(
        &mut self,
        memory: Option<Memory>,
        added_memory: Option<Memory>,
        added_bytes: usize,
        has_copies: bool,
    ) {
        (self.memory, self.added_memory) = (memory, added_memory);
        // The copies come after the page marks.
        let copies_bytes = if has_copies { STABLE_COPIES_PART_BYTES } else { 0 };
        self.marks_end = added_bytes - copies_bytes;
        self.copies = StableCopies::new(has_copies);
    }

    /// The number of instructions that the execution has used so far.
    pub(crate) fn instructions_used<C: AsContext<Data = Self>>(store: C) -> Instructions {
        let left = Self::instructions_left(&store);
        store.as_context().data().used_instructions(left)
    }

    /// The number of instructions that the execution has used if this many are left in the counter.
    pub(crate) fn used_instructions(&self, left: i64) -> Instructions {
        let left = left.saturating_add_unsigned(self.beyond_counter).max(0) as Instructions;
        self.input.instructions_max.saturating_sub(left)
    }

    /// Whether this counter value means that the execution was stopped at its instruction limit.
    pub(crate) const fn is_exhausted(left: i64) -> bool {
        left == OUT_OF_INSTRUCTIONS
    }

    /// Prepares the host for an execution of `input`. The instruction counter gets all instructions of the
    /// execution but `beyond_counter`.
    pub(crate) fn begin(&mut self, input: Arc<ExecutionInput>, beyond_counter: Instructions) {
        self.running = true;
        self.copies.begin();
        self.beyond_counter = beyond_counter;
        self.balance = input.balance;
        debug_assert!(*self.effects == Effects::default(), "the effects before were taken");
        self.effects.log = ExecutionLog::with_capacity(input.environment.log_bytes);
        self.input = input;
        self.reply.clear();
        self.call = None;
        self.slots_taken.clear();
        self.memory_reserved = 0;
        self.best_effort_bytes = 0;
        self.grown = 0;
    }

    /// Returns the effects of the execution that has just ended.
    pub(crate) fn take_effects(&mut self) -> Box<Effects> {
        self.running = false;
        std::mem::take(&mut self.effects)
    }

    /// Adds cycles to the balance. The balance saturates at the largest `Cycles`; the rest is lost.
    pub(super) fn credit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_add(cycles);
    }

    /// The liquid balance: the balance above the freezing threshold.
    pub(super) fn liquid_balance(&self) -> Cycles {
        self.balance.saturating_sub(self.freezing_threshold(0))
    }

    /// Attached cycles that can still be accepted. 0 after the response, because the response refunds
    /// the rest.
    pub(super) fn cycles_available(&self) -> Cycles {
        match self.effects.response {
            Some(_) => 0,
            None => self.input.cycles_available - self.effects.cycles_accepted,
        }
    }

    /// Checks that the call context has no response yet.
    ///
    /// # Errors
    ///
    /// A contract violation if the call already has a reply or a reject.
    pub(super) fn check_may_respond(&self) -> Result<(), Trap> {
        if self.input.may_respond && self.effects.response.is_none() {
            Ok(())
        } else {
            Err(Trap::Contract("the call is already replied to or rejected".into()))
        }
    }
}
