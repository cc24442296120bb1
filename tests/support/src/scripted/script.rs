//! Scripts: what the scripted canister is to do.

use super::call::Argument;
pub use super::call::{Call, call};
use std::sync::LazyLock;

/// Everything a script is made of, by the names of the functions in `canister.wat`.
const STEPS: &[&str] = &[
    "set",
    "take",
    "burn_acc",
    "add",
    "plus",
    "load",
    "store",
    "load_global",
    "store_global",
    "stable_size",
    "stable_grow",
    "load_stable",
    "store_stable",
    "grow",
    "heap_pages",
    "time",
    "deadline",
    "version",
    "status",
    "counter",
    "reject_code",
    "method_name_size",
    "caller_info_size",
    "available",
    "refunded",
    "balance",
    "liquid",
    "accept",
    "cost_call",
    "timer",
    "if",
    "unless",
    "repeat",
    "keep",
    "run",
    "skip",
    "spin",
    "append_acc",
    "append",
    "append_zeros",
    "append_argument",
    "append_argument_size",
    "append_reject_message",
    "append_caller",
    "append_caller_info",
    "append_variable",
    "reply",
    "reject",
    "accept_ingress",
    "certify",
    "print",
    "trap",
    "unreachable",
    "divide_by_zero",
    "load_outside",
    "recurse",
    "call_new",
    "call_on_cleanup",
    "call_data",
    "call_zeros",
    "call_cycles",
    "call_cycles_acc",
    "call_timeout",
    "call_perform_it",
];

/// The table's first step: before it stand nothing and the function that all callbacks are.
const FIRST_STEP: usize = 2;

/// Cells from which the canister takes what it runs by itself.
pub const ON_PRE_UPGRADE: u64 = 511;
pub const ON_TIMER: u64 = 510;
pub const ON_INSPECT: u64 = 509;

static CANISTER: LazyLock<Vec<u8>> = LazyLock::new(|| canister_with(""));

/// The module of the canister that runs scripts.
pub fn canister() -> Vec<u8> {
    CANISTER.clone()
}

/// The same with more in it.
pub fn canister_with(more: &str) -> Vec<u8> {
    let steps: String = STEPS.iter().map(|name| format!(" ${name}")).collect();
    let wat = include_str!("canister.wat").replace("    ;; STEPS", &steps);
    let end = wat.rfind(')').expect("the module ends");
    wasm(&format!("{}{more})", &wat[..end]))
}

/// Any module.
pub fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).expect("the module is well-formed")
}

/// A list of steps.
#[derive(Clone, Debug, Default)]
pub struct Script(Vec<u8>);

/// Begins a script.
pub fn script() -> Script {
    Script::default()
}

/// Steps without operands, and steps with one number.
macro_rules! steps {
    (plain: $($plain:ident)*; number: $($number:ident)*; text: $($text:ident)*;) => {
        $(pub fn $plain(self) -> Self {
            self.step(stringify!($plain))
        })*
        $(pub fn $number(self, number: u64) -> Self {
            self.step(stringify!($number)).number(number)
        })*
        $(pub fn $text(self, text: &str) -> Self {
            self.step(stringify!($text)).text(text.as_bytes())
        })*
    };
}

#[expect(
    clippy::should_implement_trait,
    reason = "the steps have the names of the canister's functions"
)]
impl Script {
    steps! {
        plain: take burn_acc load_global store_global stable_size heap_pages time deadline version status
               reject_code method_name_size caller_info_size available refunded balance liquid
               append_acc append_argument append_argument_size append_reject_message append_caller
               append_caller_info accept_ingress unreachable divide_by_zero load_outside recurse
               call_cycles_acc call_perform_it;
        number: set add plus load store stable_grow load_stable store_stable grow counter accept timer
                run skip spin append_zeros call_zeros call_cycles call_timeout;
        text: append append_variable reject certify print trap call_data;
    }

    pub fn cost_call(self, method_bytes: u64, argument_bytes: u64) -> Self {
        self.step("cost_call").number(method_bytes).number(argument_bytes)
    }

    /// Runs a part if the number is not 0.
    pub fn when(self, part: Script) -> Self {
        self.step("if").text(&part.0)
    }

    /// Runs a part if the number is 0.
    pub fn unless(self, part: Script) -> Self {
        self.step("unless").text(&part.0)
    }

    pub fn repeat(self, times: u64, part: Script) -> Self {
        self.step("repeat").number(times).text(&part.0)
    }

    /// Keeps a part in a cell, from where [`run`](Self::run) runs it.
    pub fn keep(self, cell: u64, part: Script) -> Self {
        self.step("keep").number(cell).text(&part.0)
    }

    /// Adds one to a cell.
    pub fn count(self, cell: u64) -> Self {
        self.load(cell).add(1).store(cell)
    }

    /// Takes one from a cell.
    pub fn count_down(self, cell: u64) -> Self {
        self.load(cell).add(u64::MAX).store(cell)
    }

    /// Sets a cell to a number.
    pub fn put(self, cell: u64, number: u64) -> Self {
        self.set(number).store(cell)
    }

    /// Replies with what was appended and this text.
    pub fn reply(self, text: &str) -> Self {
        self.append(text).step("reply")
    }

    /// Replies with the number.
    pub fn reply_number(self) -> Self {
        self.append_acc().step("reply")
    }

    /// Replies with what was appended.
    pub fn reply_appended(self) -> Self {
        self.step("reply")
    }

    /// Makes a call; the number is then what `call_perform` returned.
    pub fn call(self, call: Call) -> Self {
        self.prepare(call).call_perform_it()
    }

    pub fn on_cleanup_again(self) -> Self {
        self.step("call_on_cleanup").text(&[])
    }

    /// Takes these steps, too.
    pub fn append_all(mut self, steps: Script) -> Self {
        self.0.extend(steps.0);
        self
    }

    /// Takes these steps, then makes the call they prepared and appends what that returned.
    pub fn append_after(self, steps: Script) -> Self {
        self.append_all(steps).call_perform_it().append_acc()
    }

    /// Does everything for a call but the last.
    pub fn prepare(self, call: Call) -> Self {
        let mut steps = self
            .step("call_new")
            .text(&call.callee)
            .text(call.method.as_bytes())
            .text(&call.on_reply.0)
            .text(&call.on_reject.0);
        if let Some(cleanup) = call.on_cleanup {
            steps = steps.step("call_on_cleanup").text(&cleanup.0);
        }
        steps = match call.argument {
            Argument::Bytes(bytes) => steps.step("call_data").text(&bytes),
            Argument::Zeros(count) => steps.call_zeros(count),
        };
        if call.cycles > 0 {
            steps = steps.call_cycles(call.cycles);
        }
        match call.timeout {
            Some(seconds) => steps.call_timeout(seconds),
            None => steps,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn step(mut self, name: &str) -> Self {
        let position = STEPS.iter().position(|step| *step == name);
        let index = FIRST_STEP + position.unwrap_or_else(|| panic!("there is no step {name}"));
        self.0.push(index as u8);
        self
    }

    fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(mut self, text: &[u8]) -> Self {
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text);
        self
    }
}

/// A number a canister replied with.
pub fn number(reply: &[u8]) -> u64 {
    u64::from_le_bytes(reply.try_into().expect("the reply is a number"))
}

/// Several of them.
pub fn numbers(reply: &[u8]) -> Vec<u64> {
    reply.chunks(8).map(number).collect()
}

/// The reject code and message a canister got and replied with.
pub fn rejected(reply: &[u8]) -> (u64, String) {
    let (code, message) = reply.split_at(8);
    (number(code), String::from_utf8_lossy(message).into_owned())
}
