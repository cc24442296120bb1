//! One execution as the system interface sees it: what goes in, what comes out, and the state in
//! between.

use crate::cycles::{CallPrice, Prices};
use crate::error::{Reject, Trap};
use crate::keys::SubnetKey;
use crate::log::ExecutionLog;
use crate::message::CallerInfo;
use crate::system_api::functions::EntryPoint;
use crate::types::{CanisterId, Cycles, Instructions, Payload, SubnetId, Time};
use crate::wasm::{OUT_OF_INSTRUCTIONS, StableMemory};
use candid::Principal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use wasmtime::{AsContextMut, Global, Memory, Val};

/// What an execution can learn of its canister, and what changes rarely.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The canister itself.
    pub canister: CanisterId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The subnet's prices.
    pub prices: Prices,
    /// The network's root key.
    pub root_key: Arc<SubnetKey>,
    /// Who controls the canister.
    pub controllers: BTreeSet<Principal>,
    /// Bytes of log it keeps.
    pub log_bytes: usize,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// Whether its module has 64-bit pointers.
    pub wasm64: bool,
    /// Heap it may have, in bytes; 0, if nothing but its pointers limits it.
    pub wasm_memory_limit: u64,
    /// Its compute allocation, in percent.
    pub compute_allocation: u64,
    /// Its memory allocation, in bytes.
    pub memory_allocation: u64,
    /// Cycles that may be set aside for its memory.
    pub reserved_cycles_limit: Cycles,
    /// Its freezing threshold, in seconds.
    pub freezing_threshold_seconds: u64,
}

/// Whether a canister takes messages, by the numbers of `ic0.canister_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It does.
    Running = 1,
    /// It finishes what it began.
    Stopping = 2,
    /// It does not.
    Stopped = 3,
}

/// What an execution finds of its subnet's memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryShare {
    /// Bytes that are taken.
    pub taken: u64,
    /// Bytes it may take.
    pub available: u64,
}

impl MemoryShare {
    /// Notes that some was taken.
    pub fn take(&mut self, bytes: u64) {
        self.taken += bytes;
        self.available = self.available.saturating_sub(bytes);
    }
}

/// Everything an execution may depend on, besides the canister's memories. Executing the same input
/// on the same memories does the same, which is what rolling back relies on.
#[derive(Clone, Debug)]
pub struct ExecutionInput {
    /// Where execution begins, for the rules of the system interface.
    pub entry_point: EntryPoint,
    /// What is known of the canister.
    pub environment: Arc<Environment>,
    /// Its state.
    pub run_state: RunState,
    /// Its version.
    pub version: u64,
    /// The round's time.
    pub time: Time,
    /// Who called.
    pub caller: Principal,
    /// What came along about them.
    pub caller_info: Option<Arc<CallerInfo>>,
    /// The argument, or the reply in a reply callback.
    pub argument: Payload,
    /// The called method, for `inspect_message`.
    pub method: String,
    /// The reject in a reject callback and its cleanup.
    pub reject: Option<Reject>,
    /// Attached cycles not yet accepted.
    pub cycles_available: Cycles,
    /// Cycles that came back with the response.
    pub cycles_refunded: Cycles,
    /// When the caller stops waiting.
    pub deadline: Option<Time>,
    /// Whether the call context may still be answered.
    pub answerable: bool,
    /// The canister's balance, less what is prepaid for this execution.
    pub balance: Cycles,
    /// Bytes the canister holds.
    pub memory_bytes: u64,
    /// Bytes its open calls reserve.
    pub message_bytes: u64,
    /// The subnet's memory.
    pub subnet_memory: MemoryShare,
    /// Cycles set aside for those, which lower the freezing threshold.
    pub reserved: Cycles,
    /// Free request slots to the canisters it has queues with; all others have them all.
    pub slots: BTreeMap<CanisterId, usize>,
    /// Callbacks it may still open.
    pub callbacks: usize,
    /// Bytes its guaranteed-response calls may still reserve.
    pub guaranteed_memory: u64,
    /// Instructions this execution may use.
    pub instructions_max: Instructions,
    /// Instructions of it that one round executes.
    pub slice_instructions_max: Instructions,
    /// Instructions its call context used before.
    pub call_context_instructions: Instructions,
    /// When the global timer fires.
    pub global_timer: Option<Time>,
    /// The certificate for what the canister has certified, which queries have.
    pub data_certificate: Option<DataCertificate>,
}

/// A certificate for what a canister has certified, which is made when it is looked at first.
pub type DataCertificate = Arc<LazyLock<Vec<u8>, Box<dyn FnOnce() -> Vec<u8> + Send>>>;

/// A function in the canister's table and the value it is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closure {
    /// Index in the table.
    pub function: u64,
    /// The argument.
    pub env: u64,
}

/// A call that `call_perform` accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingCall {
    /// Who is called.
    pub callee: Principal,
    /// The method.
    pub method: String,
    /// Its argument.
    pub argument: Payload,
    /// Cycles attached.
    pub cycles: Cycles,
    /// When the caller stops waiting; never, for an unbounded-wait call.
    pub deadline: Option<Time>,
    /// Runs on a reply.
    pub on_reply: Closure,
    /// Runs on a reject.
    pub on_reject: Closure,
    /// Runs when one of these traps.
    pub on_cleanup: Option<Closure>,
    /// What was withheld for it.
    pub price: CallPrice,
}

/// What an execution did besides changing memory. Only its caller makes it count; rolling back is
/// dropping it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Calls made, in order.
    pub calls: Vec<OutgoingCall>,
    /// The answer to the call context.
    pub answer: Option<Result<Payload, Reject>>,
    /// Attached cycles taken.
    pub cycles_accepted: Cycles,
    /// Cycles burned.
    pub cycles_burned: Cycles,
    /// Cycles made out of nothing.
    pub cycles_minted: Cycles,
    /// Cycles set aside for memory.
    pub cycles_reserved: Cycles,
    /// Bytes of the subnet's memory it took.
    pub memory_taken: u64,
    /// Bytes of the pages whose changes may be kept: of the heap those that changed, of stable memory
    /// those written to.
    pub heap_delta_bytes: u64,
    /// New certified data.
    pub certified_data: Option<Vec<u8>>,
    /// A new setting of the global timer.
    pub global_timer: Option<Option<Time>>,
    /// Whether `accept_message` was called.
    pub message_accepted: bool,
    /// What it printed.
    pub log: ExecutionLog,
}

/// A call between `call_new` and `call_perform`.
#[derive(Clone, Debug)]
pub(super) struct PreparedCall {
    pub callee: Principal,
    pub method: String,
    pub argument: Payload,
    pub cycles: Cycles,
    pub timeout_seconds: Option<u32>,
    pub on_reply: Closure,
    pub on_reject: Closure,
    pub on_cleanup: Option<Closure>,
}

/// What the functions of the system interface work on.
pub struct Host {
    pub(super) input: Arc<ExecutionInput>,
    pub(super) effects: Effects,
    pub(super) reply: Payload,
    pub(super) call: Option<PreparedCall>,
    pub(super) balance: Cycles,
    pub(super) slots_taken: BTreeMap<CanisterId, usize>,
    pub(super) memory_reserved: u64,
    /// Bytes by which its memories have grown.
    pub(super) grown: u64,
    /// Whether canister code runs, and not the engine or the replica prepare for it.
    pub(super) running: bool,
    pub(crate) stable: StableMemory,
    /// The heap.
    pub(crate) memory: Option<Memory>,
    /// Marks for the heap's pages that were written to.
    pub(crate) page_marks: Option<Memory>,
    /// Instructions left.
    counter: Option<Global>,
}

impl Host {
    /// A host that has executed nothing yet.
    pub(crate) fn new(input: Arc<ExecutionInput>) -> Self {
        Self {
            balance: input.balance,
            input,
            effects: Effects::default(),
            reply: Payload::new(),
            call: None,
            slots_taken: BTreeMap::new(),
            memory_reserved: 0,
            grown: 0,
            running: false,
            stable: StableMemory::default(),
            memory: None,
            page_marks: None,
            counter: None,
        }
    }

    /// Connects it with the insides of the instance it works for.
    pub(crate) fn connect(
        &mut self,
        counter: Option<Global>,
        memory: Option<Memory>,
        page_marks: Option<Memory>,
    ) {
        (self.counter, self.memory, self.page_marks) = (counter, memory, page_marks);
    }

    /// Instructions left; less than nothing, where more were used than there were.
    pub(crate) fn instructions_left<C: AsContextMut<Data = Self>>(mut store: C) -> i64 {
        let mut store = store.as_context_mut();
        match store.data().counter.map(|counter| counter.get(&mut store)) {
            Some(Val::I64(left)) => left,
            _ => panic!("every instrumented module has a counter"),
        }
    }

    /// Sets how many instructions are left.
    pub(crate) fn set_instructions_left<C: AsContextMut<Data = Self>>(mut store: C, left: i64) {
        let mut store = store.as_context_mut();
        if let Some(counter) = store.data().counter {
            counter.set(&mut store, Val::I64(left)).expect("the counter is a mutable i64");
        }
    }

    /// Whether an execution that left this many instructions ended for want of them.
    pub(crate) const fn is_exhausted(left: i64) -> bool {
        left == OUT_OF_INSTRUCTIONS
    }

    /// Gets ready for the next execution.
    pub(crate) fn begin(&mut self, input: Arc<ExecutionInput>) {
        self.running = true;
        self.balance = input.balance;
        let log = ExecutionLog::with_capacity(input.environment.log_bytes);
        self.effects = Effects { log, ..Effects::default() };
        self.input = input;
        self.reply.clear();
        self.call = None;
        self.slots_taken.clear();
        self.memory_reserved = 0;
        self.grown = 0;
    }

    /// The effects of the execution that just ended.
    pub(crate) fn take_effects(&mut self) -> Effects {
        self.running = false;
        std::mem::take(&mut self.effects)
    }

    /// Adds cycles to the balance. What would exceed the largest balance there is, is lost.
    pub(super) fn credit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_add(cycles);
    }

    /// Balance above the freezing threshold.
    pub(super) fn liquid_balance(&self) -> Cycles {
        self.balance.saturating_sub(self.freezing_threshold(0))
    }

    /// Attached cycles that can still be accepted: none once the call is answered, for then what is
    /// left goes back.
    pub(super) fn cycles_available(&self) -> Cycles {
        match self.effects.answer {
            Some(_) => 0,
            None => self.input.cycles_available - self.effects.cycles_accepted,
        }
    }

    /// Fails unless the call context can still be answered.
    pub(super) fn check_answerable(&self) -> Result<(), Trap> {
        if self.input.answerable && self.effects.answer.is_none() {
            Ok(())
        } else {
            Err(Trap::Contract("the call is already replied to or rejected".into()))
        }
    }
}
