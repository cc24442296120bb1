//! Executes one message: prepay, run, keep or undo, settle, answer.
//!
//! Rules: `execution_environment/src/execution/{call_or_task,response}.rs` in the replica's
//! repository.

use crate::canister::call_context::{Answer, Callback, Failure, Origin, Outcome};
use crate::canister::queues::Input;
use crate::canister::sandbox::{Entry, Executed};
use crate::canister::state::{Canister, Status};
use crate::cycles::Prices;
use crate::error::{Reject, Trap, UserError};
use crate::limits::*;
use crate::message::{Ingress, Message, Request, Response};
use crate::system_api::{Context, Effects, ExecutionInput, OutgoingCall};
use crate::types::*;
use crate::wasm::MethodKind;
use candid::Principal;
use ic_error_types::ErrorCode;

/// What executing a message needs to know of its round.
#[derive(Clone, Copy, Debug)]
pub struct RoundContext {
    /// The subnet.
    pub subnet: SubnetId,
    /// Its prices.
    pub prices: Prices,
    /// The round's time.
    pub time: Time,
    /// Instructions a message may use.
    pub message_instructions_max: Instructions,
    /// Instructions an installation may use.
    pub install_instructions_max: Instructions,
    /// Open callbacks of all canisters of the subnet.
    pub subnet_callbacks: usize,
    /// Bytes unbounded-wait calls may still reserve.
    pub guaranteed_memory: u64,
}

/// What executing one message came to, beyond what it did to its canister.
#[derive(Debug, Default)]
pub struct Execution {
    /// Instructions used.
    pub instructions: Instructions,
    /// The answer a user gets, if it was a user who called and it is time.
    pub answer: Option<Answer>,
    /// The user's message that is being worked on from now on.
    pub processing: Option<MessageId>,
}

/// What runs by itself, without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `canister_heartbeat`, in every round.
    Heartbeat,
    /// `canister_global_timer`, once it is time.
    GlobalTimer,
}

impl Task {
    /// The function that does it.
    pub const fn export(self) -> &'static str {
        match self {
            Self::Heartbeat => "canister_heartbeat",
            Self::GlobalTimer => "canister_global_timer",
        }
    }
}

/// Executes what is next in the canister's queues; nothing, when they are empty.
pub fn execute_next(canister: &mut Canister, round: &RoundContext) -> Option<Execution> {
    Some(match canister.queues.pop_input()? {
        Input::Ingress(ingress) => execute_ingress(canister, ingress, round),
        Input::Message(Message::Request(request)) => execute_request(canister, request, round),
        Input::Message(Message::Response(response)) => execute_response(canister, response, round),
    })
}

fn execute_ingress(canister: &mut Canister, ingress: Ingress, round: &RoundContext) -> Execution {
    let origin = Origin::Ingress { message: ingress.id, sender: ingress.sender };
    let call = NewCall { origin, method: ingress.method, argument: ingress.argument, cycles: 0 };
    let mut execution = execute_call(canister, call, round);
    if execution.answer.is_none() {
        execution.processing = Some(ingress.id);
    }
    execution
}

fn execute_request(canister: &mut Canister, request: Request, round: &RoundContext) -> Execution {
    let origin = Origin::Canister {
        sender: request.sender,
        receiver: request.receiver,
        callback: request.callback,
        deadline: request.deadline,
    };
    let Request { method, argument, cycles, .. } = request;
    execute_call(canister, NewCall { origin, method, argument, cycles }, round)
}

/// A call that is about to get a context.
struct NewCall {
    origin: Origin,
    method: String,
    argument: Payload,
    cycles: Cycles,
}

fn execute_call(canister: &mut Canister, call: NewCall, round: &RoundContext) -> Execution {
    match callable(canister, &call.method) {
        Ok((context, entry)) => execute_entry(canister, call, context, entry, round),
        Err(error) => refuse(canister, call, error),
    }
}

/// Executes a task of the canister.
pub fn execute_task(canister: &mut Canister, task: Task, round: &RoundContext) -> Execution {
    if task == Task::GlobalTimer {
        canister.global_timer = None;
    }
    let call = NewCall { origin: Origin::Task, method: String::new(), argument: vec![], cycles: 0 };
    execute_entry(canister, call, Context::Task, Entry::Export(task.export().into()), round)
}

/// How an update call of `method` is executed, if it can be.
fn callable(canister: &Canister, method: &str) -> Result<(Context, Entry), UserError> {
    let id = canister.id;
    let not_running = |code| UserError::new(code, format!("Canister {id} is not running"));
    match canister.status {
        Status::Running => {}
        Status::Stopping(_) => return Err(not_running(ErrorCode::CanisterStopping)),
        Status::Stopped => return Err(not_running(ErrorCode::CanisterStopped)),
    }
    let Some(sandbox) = &canister.sandbox else {
        return Err(Trap::NoWasmModule.into_user_error(id));
    };
    let info = &sandbox.module().info;
    if info.has_method(MethodKind::Update, method) {
        Ok((Context::Update, Entry::Export(MethodKind::Update.export(method))))
    } else if info.has_method(MethodKind::Query, method) {
        Ok((Context::ReplicatedQuery, Entry::Export(MethodKind::Query.export(method))))
    } else if info.has_method(MethodKind::CompositeQuery, method) {
        Err(UserError::new(
            ErrorCode::CompositeQueryCalledInReplicatedMode,
            format!("Composite query '{method}' of Canister {id} cannot be called as an update"),
        ))
    } else {
        let kind = MethodKind::Update.name();
        Err(Trap::MethodNotFound { kind, method: method.into() }.into_user_error(id))
    }
}

/// Answers a call that is not executed, with all its cycles.
fn refuse(canister: &mut Canister, call: NewCall, error: UserError) -> Execution {
    let answer =
        Answer { origin: call.origin, result: Err(Failure::Error(error)), refund: call.cycles };
    Execution { answer: send(canister, answer), ..Execution::default() }
}

/// Executes the first message of a new call context.
fn execute_entry(
    canister: &mut Canister,
    call: NewCall,
    context: Context,
    entry: Entry,
    round: &RoundContext,
) -> Execution {
    let environment = canister.environment(round.subnet, round.prices);
    let prepaid = round.prices.execution(round.message_instructions_max, environment.wasm64);
    if let Err(error) = withdraw(canister, prepaid, round) {
        return refuse(canister, call, error);
    }
    let id = canister.contexts.open(call.origin.clone(), call.cycles);
    let input = ExecutionInput {
        caller: call.origin.caller(),
        argument: call.argument,
        cycles_available: call.cycles,
        deadline: call.origin.deadline(),
        answerable: call.origin != Origin::Task,
        ..input(canister, context, round)
    };
    let executed = run(canister, entry, input, round);
    let spent = round.prices.execution(executed.instructions, environment.wasm64);
    canister.balance += prepaid.saturating_sub(spent);
    let outcome = match executed.result {
        Ok(effects) => {
            if context == Context::ReplicatedQuery {
                undo(canister);
            } else {
                keep(canister);
            }
            apply(canister, id, effects, round)
        }
        Err(trap) => {
            undo(canister);
            Outcome::Failed(trap)
        }
    };
    conclude(canister, id, outcome, executed.instructions)
}

/// Executes the callback a response is for.
fn execute_response(
    canister: &mut Canister,
    response: Response,
    round: &RoundContext,
) -> Execution {
    let bytes = response.payload_bytes();
    let Some(callback) = canister.contexts.take_callback(response.callback) else {
        canister.balance += response.refund;
        return Execution::default();
    };
    let unsent = callback
        .price
        .response_transmission
        .saturating_sub(round.prices.response_transmission(bytes));
    canister.balance += response.refund + unsent;

    let context = canister.contexts.get(callback.context);
    if context.deleted {
        canister.balance += callback.price.response_execution;
        return conclude(canister, callback.context, Outcome::Nothing, 0);
    }
    let (kind, closure, argument, reject) = match response.result {
        Ok(reply) => (Context::ReplyCallback, callback.on_reply, reply, None),
        Err(reject) => (Context::RejectCallback, callback.on_reject, Payload::new(), Some(reject)),
    };
    let base = ExecutionInput {
        caller: context.origin.caller(),
        cycles_available: context.cycles_available,
        cycles_refunded: response.refund,
        deadline: context.origin.deadline(),
        answerable: !context.answered && context.origin != Origin::Task,
        context_instructions: context.instructions,
        reject,
        ..input(canister, kind, round)
    };
    let cleanup_reserve = round.message_instructions_max / 100 * CLEANUP_RESERVE_PERCENT;
    let callback_input = ExecutionInput {
        argument,
        instructions_max: round.message_instructions_max - cleanup_reserve,
        ..base.clone()
    };
    let executed = run(canister, Entry::Closure(closure), callback_input, round);
    let mut instructions = executed.instructions;
    let outcome = match executed.result {
        Ok(effects) => {
            keep(canister);
            apply(canister, callback.context, effects, round)
        }
        Err(trap) => {
            undo(canister);
            let left = round.message_instructions_max.saturating_sub(instructions);
            let input = ExecutionInput { instructions_max: left, ..base };
            let (trap, used) = clean_up(canister, &callback, input, trap, round);
            instructions += used;
            Outcome::Failed(trap)
        }
    };
    let wasm64 = canister.environment(round.subnet, round.prices).wasm64;
    let spent = round.prices.execution(instructions, wasm64);
    canister.balance += callback.price.response_execution.saturating_sub(spent);
    conclude(canister, callback.context, outcome, instructions)
}

/// Runs the cleanup of a callback that failed with `trap`, if there is one. What it does counts;
/// the callback's failure stays the outcome.
fn clean_up(
    canister: &mut Canister,
    callback: &Callback,
    input: ExecutionInput,
    trap: Trap,
    round: &RoundContext,
) -> (Trap, Instructions) {
    let Some(cleanup) = callback.on_cleanup else { return (trap, 0) };
    let input = ExecutionInput {
        context: Context::Cleanup,
        cycles_available: 0,
        answerable: false,
        context_instructions: 0,
        ..input
    };
    let executed = run(canister, Entry::Closure(cleanup), input, round);
    match executed.result {
        Ok(effects) => {
            keep(canister);
            apply(canister, callback.context, effects, round);
            (trap, executed.instructions)
        }
        Err(failure) => {
            undo(canister);
            let trap = Trap::Cleanup { callback: Box::new(trap), cleanup: Box::new(failure) };
            (trap, executed.instructions)
        }
    }
}

/// Answers a query from outside. Nothing it does lasts.
pub fn query(
    canister: &mut Canister,
    sender: Principal,
    method: &str,
    argument: Payload,
    round: &RoundContext,
) -> Result<Payload, Failure> {
    let id = canister.id;
    let (_, entry) = match callable(canister, method) {
        Ok((Context::ReplicatedQuery, entry)) => (Context::Query, entry),
        Ok(_) => {
            let kind = MethodKind::Query.name();
            let trap = Trap::MethodNotFound { kind, method: method.into() };
            return Err(Failure::Error(trap.into_user_error(id)));
        }
        Err(mut error) => {
            if error.code == ErrorCode::CanisterMethodNotFound {
                let kind = MethodKind::Query.name();
                error = Trap::MethodNotFound { kind, method: method.into() }.into_user_error(id);
            }
            return Err(Failure::Error(error));
        }
    };
    let input = ExecutionInput {
        caller: sender,
        argument,
        instructions_max: QUERY_INSTRUCTIONS_MAX.min(round.message_instructions_max),
        answerable: true,
        ..input(canister, Context::Query, round)
    };
    let executed = run(canister, entry, input, round);
    undo(canister);
    match executed.result.map(|effects| effects.answer) {
        Ok(Some(Ok(reply))) => Ok(reply),
        Ok(Some(Err(reject))) => Err(Failure::Rejected(reject)),
        Ok(None) => Err(Failure::Error(Trap::DidNotReply.into_user_error(id))),
        Err(trap) => Err(Failure::Error(trap.into_user_error(id))),
    }
}

/// Whether the canister takes a message from outside, as its `canister_inspect_message` says.
pub fn inspect(
    canister: &mut Canister,
    ingress: &Ingress,
    round: &RoundContext,
) -> Result<(), UserError> {
    const INSPECT: &str = "canister_inspect_message";
    const INSPECT_INSTRUCTIONS_MAX: Instructions = 200_000_000;
    let inspects =
        |sandbox: &super::sandbox::Sandbox| sandbox.module().info.exports.contains(INSPECT);
    if !canister.sandbox.as_ref().is_some_and(inspects) {
        return Ok(());
    }
    let id = canister.id;
    let input = ExecutionInput {
        caller: ingress.sender,
        argument: ingress.argument.clone(),
        method: ingress.method.clone(),
        instructions_max: INSPECT_INSTRUCTIONS_MAX,
        ..input(canister, Context::InspectMessage, round)
    };
    let executed = run(canister, Entry::Export(INSPECT.into()), input, round);
    undo(canister);
    match executed.result {
        Ok(effects) if effects.message_accepted => Ok(()),
        Ok(_) => Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Canister {id} rejected the message in canister_inspect_message"),
        )),
        Err(trap) => Err(trap.into_user_error(id)),
    }
}

/// Takes cycles that must be there above the freezing threshold.
pub(super) fn withdraw(
    canister: &mut Canister,
    amount: Cycles,
    round: &RoundContext,
) -> Result<(), UserError> {
    let needed = canister.freezing_threshold(round.prices) + amount;
    if canister.balance < needed {
        let missing = needed - canister.balance;
        let trap = Trap::OutOfCycles(format!("top it up with at least {missing} cycles"));
        return Err(trap.into_user_error(canister.id));
    }
    canister.balance -= amount;
    Ok(())
}

/// The part of an input that depends on the canister and the round alone.
pub(super) fn input(
    canister: &mut Canister,
    context: Context,
    round: &RoundContext,
) -> ExecutionInput {
    let own_callbacks = canister.contexts.open_callbacks();
    ExecutionInput {
        context,
        environment: canister.environment(round.subnet, round.prices),
        run_state: canister.run_state(),
        version: canister.version,
        time: round.time,
        caller: Principal::management_canister(),
        argument: Payload::new(),
        method: String::new(),
        reject: None,
        cycles_available: 0,
        cycles_refunded: 0,
        deadline: None,
        answerable: false,
        balance: canister.balance,
        memory_bytes: canister.memory_bytes(),
        slots: canister.queues.slots(),
        callbacks: SUBNET_CALLBACKS_SOFT_MAX
            .saturating_sub(round.subnet_callbacks)
            .max(CANISTER_CALLBACKS_GUARANTEED.saturating_sub(own_callbacks)),
        guaranteed_memory: round.guaranteed_memory,
        instructions_max: round.message_instructions_max,
        context_instructions: 0,
        global_timer: canister.global_timer,
    }
}

/// Runs code of the canister, which has some, and keeps what it printed.
pub(super) fn run(
    canister: &mut Canister,
    entry: Entry,
    input: ExecutionInput,
    round: &RoundContext,
) -> Executed {
    let sandbox = canister.sandbox.as_mut().expect("there is code to run");
    let mut executed = sandbox.run(entry, input);
    for line in std::mem::take(&mut executed.log) {
        canister.print(round.time, line);
    }
    executed
}

/// Keeps what the latest execution did to the memories: the canister's state has changed.
fn keep(canister: &mut Canister) {
    canister.sandbox.as_mut().expect("there is code that ran").keep();
    canister.version += 1;
}

fn undo(canister: &mut Canister) {
    canister.sandbox.as_mut().expect("there is code that ran").undo();
}

/// Makes the effects of an execution count.
fn apply(
    canister: &mut Canister,
    context: CallContextId,
    effects: Effects,
    round: &RoundContext,
) -> Outcome {
    canister.balance += effects.cycles_accepted;
    canister.balance -= effects.cycles_burned;
    canister.contexts.accept_cycles(context, effects.cycles_accepted);
    if let Some(data) = effects.certified_data {
        canister.certified_data = data;
    }
    if let Some(timer) = effects.global_timer {
        canister.global_timer = timer;
    }
    for call in effects.calls {
        send_call(canister, context, call, round.time);
    }
    effects.answer.map_or(Outcome::Nothing, Outcome::Answered)
}

fn send_call(canister: &mut Canister, context: CallContextId, call: OutgoingCall, now: Time) {
    let callback = canister.contexts.register(context, &call);
    canister.balance -= call.price.total() + call.cycles;
    let request = Request {
        sender: canister.id,
        receiver: call.callee,
        method: call.method,
        argument: call.argument,
        cycles: call.cycles,
        callback,
        deadline: call.deadline,
    };
    canister.queues.push_output_request(request, now);
}

fn conclude(
    canister: &mut Canister,
    context: CallContextId,
    outcome: Outcome,
    instructions: Instructions,
) -> Execution {
    let answer = canister.contexts.conclude(context, outcome, instructions, canister.id);
    let answer = answer.and_then(|answer| send(canister, answer));
    Execution { instructions, answer, processing: None }
}

/// Sends an answer on its way if a canister gets it; gives it back if a user does.
pub(super) fn send(canister: &mut Canister, answer: Answer) -> Option<Answer> {
    match answer.origin {
        Origin::Ingress { .. } => Some(answer),
        Origin::Task => None,
        Origin::Canister { sender, receiver, callback, deadline } => {
            canister.queues.push_output_response(Response {
                originator: sender,
                respondent: receiver,
                callback,
                refund: answer.refund,
                deadline,
                result: answer.result.map_err(Reject::from),
            });
            None
        }
    }
}
