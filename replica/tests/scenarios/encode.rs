//! Turns the bodies of a scenario into scripts for the scripted canister.

use crate::scenario::{Argument, Body, Call, Step, Target};
use candid::{Encode, Principal};
use ic_management_canister_types::CanisterIdRecord;
use test_support::script::{self, Script, script};

/// What canisters remember of what they executed and saw: sums, in these cells. What was undone
/// is not in them.
pub const CELLS: usize = 5;
const TAGS: u64 = 0;
const REJECT_CODES: u64 = 1;
const REFUNDS: u64 = 2;
const AVAILABLE: u64 = 3;
const TIMES: u64 = 4;
/// Where stable memory remembers tags.
const STABLE_TAGS: u64 = 0;

/// Bytes a request carries to make its caller toil, at fifty instructions each.
const TOIL_BYTES: u64 = 1 << 20;
pub const TOIL_INSTRUCTIONS: u64 = 50 * TOIL_BYTES;

/// Heap that code of one generation cannot fill, so that what addresses scripts of an earlier one
/// finds zeros.
const GENERATION_BYTES: u64 = 1 << 20;
const WASM_PAGE_BYTES: u64 = 1 << 16;

/// The principals of a scenario.
#[derive(Clone)]
pub struct Ids {
    pub canisters: Vec<Principal>,
    pub missing: Principal,
    pub nowhere: Principal,
}

impl Ids {
    pub fn of(&self, target: Target) -> Principal {
        match target {
            Target::Canister(canister) => self.canisters[canister],
            Target::Missing => self.missing,
            Target::Nowhere => self.nowhere,
            Target::Deposit(_) | Target::Random => Principal::management_canister(),
        }
    }

    /// Who gets a deposit.
    pub fn beneficiary(&self, canister: usize) -> Principal {
        self.canisters.get(canister).copied().unwrap_or(self.missing)
    }
}

/// How an execution begins, which decides what it can see.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Call,
    ReplyCallback,
    RejectCallback,
    Cleanup,
}

/// The script of a call's body.
pub fn body(body: &Body, ids: &Ids) -> Vec<u8> {
    encode(body, Entry::Call, ids).bytes()
}

/// The method name and argument of a call.
pub fn request(call: &Call, ids: &Ids) -> (&'static str, usize) {
    let method = match call.to {
        Target::Deposit(_) => "deposit_cycles",
        Target::Random => "raw_rand",
        _ => call.method.name(),
    };
    let bytes = match (&call.to, &call.argument) {
        (Target::Deposit(to), _) => deposit(ids.beneficiary(*to)).len(),
        (Target::Random, _) => nothing().len(),
        (_, Argument::Body(argument)) => body(argument, ids).len(),
        (_, Argument::Zeros(bytes)) => *bytes as usize,
    };
    (method, bytes)
}

/// What new code runs first, when so much code was there before.
pub fn beginning(generation: u64, grow_stable: bool) -> Vec<u8> {
    let steps = if grow_stable { script().stable_grow(1) } else { script() };
    let pages = generation * GENERATION_BYTES / WASM_PAGE_BYTES;
    steps.grow(pages).skip(generation * GENERATION_BYTES).bytes()
}

/// A query that returns all a canister remembers.
pub fn memory() -> Vec<u8> {
    let cells = [TAGS, REJECT_CODES, REFUNDS, AVAILABLE, TIMES];
    let steps = cells.iter().fold(script(), |steps, cell| steps.load(*cell).append_acc());
    steps.load_stable(STABLE_TAGS).reply_number().bytes()
}

fn encode(body: &Body, entry: Entry, ids: &Ids) -> Script {
    let mut steps = script().time().plus(TIMES).store(TIMES);
    if entry == Entry::RejectCallback {
        steps = steps.reject_code().plus(REJECT_CODES).store(REJECT_CODES);
    }
    if matches!(entry, Entry::ReplyCallback | Entry::RejectCallback) {
        steps = steps.refunded().plus(REFUNDS).store(REFUNDS);
    }
    if entry != Entry::Cleanup {
        steps = steps.available().plus(AVAILABLE).store(AVAILABLE);
    }
    body.0.iter().fold(steps, |steps, step| encode_step(steps, step, ids))
}

/// Adds a step to those before it.
fn encode_step(steps: Script, step: &Step, ids: &Ids) -> Script {
    match step {
        Step::Count { tag, stable } => {
            let steps = steps.set(*tag).plus(TAGS).store(TAGS);
            match stable {
                true => steps.load_stable(STABLE_TAGS).add(*tag).store_stable(STABLE_TAGS),
                false => steps,
            }
        }
        Step::Accept(cycles) => steps.accept(*cycles),
        Step::Burn { keep } => steps.liquid().add(keep.wrapping_neg()).burn_acc(),
        // Calls that are prepared and never made.
        Step::Toil { times } => {
            let toil = script().prepare(script::call(ids.nowhere).zeros(TOIL_BYTES));
            match times {
                1 => steps.append_all(toil),
                _ => steps.repeat(*times, toil),
            }
        }
        Step::Call(call) => {
            let refused = match call.refused.0.is_empty() {
                true => script(),
                false => script().when(plain(&call.refused, ids)),
            };
            let made = script().call(prepared(call, ids)).append_all(refused);
            match call.times {
                1 => steps.append_all(made),
                times => steps.repeat(times, made),
            }
        }
        Step::Reply { bytes: 0 } => steps.reply_appended(),
        Step::Reply { bytes } => steps.append_zeros(*bytes).reply_appended(),
        Step::Reject => steps.reject("no"),
        Step::Trap => steps.trap("no"),
        Step::Unreachable => steps.unreachable(),
    }
}

/// Steps within an execution that has begun.
fn plain(body: &Body, ids: &Ids) -> Script {
    body.0.iter().fold(script(), |steps, step| encode_step(steps, step, ids))
}

fn prepared(call: &Call, ids: &Ids) -> script::Call {
    let mut prepared = script::call(ids.of(call.to))
        .method(request(call, ids).0)
        .cycles(call.cycles)
        .on_reply(encode(&call.on_reply, Entry::ReplyCallback, ids))
        .on_reject(encode(&call.on_reject, Entry::RejectCallback, ids));
    prepared = match (&call.to, &call.argument) {
        (Target::Deposit(to), _) => prepared.argument(deposit(ids.beneficiary(*to))),
        (Target::Random, _) => prepared.argument(nothing()),
        (_, Argument::Body(argument)) => prepared.argument(body(argument, ids)),
        (_, Argument::Zeros(bytes)) => prepared.zeros(*bytes),
    };
    prepared.timeout = call.timeout;
    match &call.on_cleanup {
        Some(cleanup) => prepared.on_cleanup(encode(cleanup, Entry::Cleanup, ids)),
        None => prepared,
    }
}

fn deposit(canister: Principal) -> Vec<u8> {
    Encode!(&CanisterIdRecord { canister_id: canister }).expect("the text is Candid")
}

fn nothing() -> Vec<u8> {
    Encode!().expect("the text is Candid")
}
