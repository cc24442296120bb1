//! A pair in Motoko whose runs were measured on a PocketIC server (version 10.0.0, with the replica of October 2025).
//! Successes, rounds and cycles must be the same, to the last cycle.

use std::fs;

use candid::{Nat, Principal};
use pocket_ic::common::rest::RawMessageId;
use pocket_ic::{CreateCanisterParams, CreateCanisterPlacement, PocketIc};
use test_support::{
    DEFAULT_CYCLES, Server, StatusOf, decode, encode, motoko_reference_pair, nothing,
    on_every_server,
};

/// The SHA-256 hashes of the modules that were measured: caller and callee.
const MEASURED_MODULES: [&str; 2] = [
    "fb9f1d1e1abcf6b109b0c59bf7bbbdbe528b91fa85131dfb927b39d19ab965fd",
    "00788e4889d8ba25bae891d251b9f389f542d0283601153d86398fb9dae9d945",
];

/// What a call of the caller's method comes to.
#[derive(Debug, PartialEq)]
struct Run {
    /// How many of its calls to the callee succeeded.
    succeeded: u64,
    /// How many ticks passed until there was a response.
    rounds: usize,
    /// The cycles that the caller spent, between before the message was submitted and after the response.
    caller: u128,
    /// The cycles that the callee spent.
    callee: u128,
}

/// Caller and callee, on one subnet or on two.
struct Pair {
    pic: PocketIc,
    caller: Principal,
    callee: Principal,
}

impl Pair {
    /// A new pair. `None` if the compiler cannot be fetched.
    fn install(server: Server, subnets: usize, cycles_of_caller: u128) -> Option<Self> {
        let modules = motoko_reference_pair()?;
        let pic = server.instance(subnets);
        let hosts = pic.topology().get_app_subnets();
        let places = [(hosts[0], cycles_of_caller), (hosts[subnets - 1], DEFAULT_CYCLES)];
        let [caller, callee] = [0, 1].map(|index| {
            let (subnet, cycles) = places[index];
            let params = CreateCanisterParams {
                cycles: Some(cycles),
                placement: Some(CreateCanisterPlacement::SubnetId(subnet)),
                ..Default::default()
            };
            let id = pic.create_canister_with_params(None, params).expect("the subnet has room");
            let module = fs::read(&modules[index]).expect("the module was compiled");
            pic.install_canister(id, module, nothing(), None);
            let status = pic.status_of(id, None).expect("its controller asks");
            let hash = status.module_hash.expect("it has code");
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, MEASURED_MODULES[index], "this is not the module that was measured");
            id
        });
        let pair = Self { pic, caller, callee };
        let message = pair.submit("setup_callee", encode(callee));
        pair.pic.await_call(message).expect("the caller takes its callee");
        Some(pair)
    }

    fn submit(&self, method: &str, argument: Vec<u8>) -> RawMessageId {
        self.pic
            .submit_call(self.caller, Principal::anonymous(), method, argument)
            .expect("the subnet accepts the message")
    }

    /// Has the caller make this number of calls.
    fn run(&self, method: &str, calls: u64) -> Run {
        let cycles = || [self.caller, self.callee].map(|canister| self.pic.cycle_balance(canister));
        let before = cycles();
        let message = self.submit(method, encode(Nat::from(calls)));
        let mut rounds = 0;
        let reply = loop {
            match self.pic.ingress_status(message.clone()) {
                Some(reply) => break reply.expect("the caller replies"),
                None => self.pic.tick(),
            }
            rounds += 1;
        };
        let after = cycles();
        let succeeded: Nat = decode(&reply);
        let succeeded = succeeded.0.try_into().expect("there are few calls");
        let [caller, callee] = [0, 1].map(|index| before[index] - after[index]);
        Run { succeeded, rounds, caller, callee }
    }
}

/// Compares the runs of a pair whose caller has 100 T cycles: sequential calls, and then parallel ones.
fn assert_runs(subnets: usize, calls: u64, sequential: Run, parallel: Run) {
    on_every_server(|server| {
        let Some(pair) = Pair::install(server, subnets, DEFAULT_CYCLES) else { return };
        assert_eq!(pair.run("sequential_calls", calls), sequential);
        assert_eq!(pair.run("parallel_calls", calls), parallel);
    });
}

#[test]
fn two_thousand_calls_on_one_subnet_cost_what_was_measured_to_the_last_cycle() {
    assert_runs(
        1,
        2_000,
        Run { succeeded: 2_000, rounds: 21, caller: 10_588_383_175, callee: 10_011_936_736 },
        Run { succeeded: 500, rounds: 2, caller: 2_669_012_893, callee: 2_502_984_000 },
    );
}

#[test]
fn a_hundred_calls_on_one_subnet_cost_what_was_measured_to_the_last_cycle() {
    assert_runs(
        1,
        100,
        Run { succeeded: 100, rounds: 2, caller: 535_591_294, callee: 500_597_000 },
        Run { succeeded: 100, rounds: 1, caller: 535_819_224, callee: 500_597_368 },
    );
}

#[test]
fn ninety_calls_to_another_subnet_cost_what_was_measured_to_the_last_cycle() {
    assert_runs(
        2,
        90,
        Run { succeeded: 90, rounds: 91, caller: 482_681_394, callee: 450_537_400 },
        Run { succeeded: 90, rounds: 2, caller: 482_885_644, callee: 450_537_768 },
    );
}

#[test]
fn with_two_trillion_cycles_as_many_calls_are_made_as_was_measured() {
    on_every_server(|server| {
        let Some(pair) = Pair::install(server, 2, 2_000_000_000_000) else { return };
        assert_eq!(pair.run("sequential_calls", 90).succeeded, 90);
        let measured = Run { succeeded: 45, rounds: 2, caller: 245_113_444, callee: 225_268_200 };
        assert_eq!(pair.run("parallel_calls", 90), measured);
    });
}
