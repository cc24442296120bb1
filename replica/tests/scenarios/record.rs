//! The record of a scenario, in terms that the model and the replica share.

use candid::Principal;
use std::collections::{BTreeMap, VecDeque};

/// One execution of a canister.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The tick it happened in.
    pub tick: usize,
    pub what: What,
    /// The code of the error it ended with.
    pub error: Option<u16>,
    /// Cycles it accepted.
    pub accepted: u128,
    /// The calls it made: to whom, with how many cycles, until which second.
    pub calls: Vec<(Principal, u128, Option<u64>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The message of an action.
    Ingress(usize),
    /// A canister's n-th call.
    Request(usize, u64),
    /// The response to the n-th call of its own: the reject code, and what came back.
    Response(u64, Option<u8>, u128),
}

/// What the model is told of one execution.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub instructions: u64,
    /// In how many slices. That there were as many as the instructions need is compared.
    pub slices: u64,
    /// The bytes of the text a reject came with.
    pub text: usize,
}

impl Default for Cost {
    fn default() -> Self {
        Self { instructions: 0, slices: 1, text: 0 }
    }
}

/// What the model is told.
#[derive(Debug, Default)]
pub struct Costs {
    /// By canister, of each execution.
    pub executions: Vec<VecDeque<Cost>>,
    /// By canister.
    pub installations: Vec<VecDeque<u128>>,
    /// By tick and canister: the charge, and whether it could not be paid.
    pub resources: BTreeMap<(usize, usize), (u128, bool)>,
    /// By action.
    pub ingress_fees: BTreeMap<usize, u128>,
    /// The ids of messages, by action.
    pub message_ids: BTreeMap<usize, [u8; 32]>,
}

impl Costs {
    /// Of a canister's next execution. That it is the one the model thinks of is compared later.
    pub fn execution(&mut self, canister: usize) -> Cost {
        self.executions[canister].pop_front().unwrap_or_default()
    }

    pub fn installation(&mut self, canister: usize) -> u128 {
        self.installations[canister].pop_front().unwrap_or_default()
    }

    pub fn resources(&self, tick: usize, canister: usize) -> (u128, bool) {
        self.resources.get(&(tick, canister)).copied().unwrap_or_default()
    }

    pub fn ingress_fee(&self, action: usize) -> u128 {
        self.ingress_fees[&action]
    }
}
