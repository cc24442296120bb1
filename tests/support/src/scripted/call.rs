//! Calls that scripts make.

use super::script::{Script, script};
use candid::Principal;

/// A call one canister makes to another.
#[derive(Clone, Debug)]
pub struct Call {
    pub callee: Vec<u8>,
    pub method: String,
    pub argument: Argument,
    pub cycles: u64,
    pub timeout: Option<u64>,
    pub on_reply: Script,
    pub on_reject: Script,
    pub on_cleanup: Option<Script>,
}

#[derive(Clone, Debug)]
pub enum Argument {
    Bytes(Vec<u8>),
    Zeros(u64),
}

/// A call of `run` with an empty script. A reply is passed on, a reject is replied with, see
/// [`rejected`](super::script::rejected).
pub fn call(callee: Principal) -> Call {
    Call {
        callee: callee.as_slice().to_vec(),
        method: "run".into(),
        argument: Argument::Bytes(Vec::new()),
        cycles: 0,
        timeout: None,
        on_reply: script().append_argument().reply_appended(),
        on_reject: script().reject_code().append_acc().append_reject_message().reply_appended(),
        on_cleanup: None,
    }
}

impl Call {
    /// Calls whatever these bytes are.
    pub fn callee(mut self, bytes: &[u8]) -> Self {
        self.callee = bytes.to_vec();
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    /// What the callee does.
    pub fn running(self, script: Script) -> Self {
        self.argument(script.bytes())
    }

    pub fn argument(mut self, bytes: Vec<u8>) -> Self {
        self.argument = Argument::Bytes(bytes);
        self
    }

    /// An argument of zeros.
    pub fn zeros(mut self, count: u64) -> Self {
        self.argument = Argument::Zeros(count);
        self
    }

    pub fn cycles(mut self, cycles: u64) -> Self {
        self.cycles = cycles;
        self
    }

    /// Waits no longer than this.
    pub fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Some(seconds);
        self
    }

    pub fn on_reply(mut self, script: Script) -> Self {
        self.on_reply = script;
        self
    }

    pub fn on_reject(mut self, script: Script) -> Self {
        self.on_reject = script;
        self
    }

    /// Does the same on a reply and on a reject.
    pub fn on_response(self, script: Script) -> Self {
        self.on_reply(script.clone()).on_reject(script)
    }

    pub fn on_cleanup(mut self, script: Script) -> Self {
        self.on_cleanup = Some(script);
        self
    }
}
