//! What a call costs the caller in instructions, by strategy and number of calls: exact figures, the same on every
//! machine, so nothing is timed here. Beside it the same of the official sample's caller, which has two of the strategies.

use std::fs;
use std::path::Path;
use std::time::Duration;

use candid::{CandidType, Principal, decode_one, encode_args, encode_one};
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use multi_subnet::canisters::workspace_modules;
use multi_subnet::interface::CALLEE_VARIABLE;
use multi_subnet::strategy::Strategy::{self, Parallel, Sequential, Windowed};
use pocket_ic::{CanisterSettings, EnvironmentVariable, PocketIc, PocketIcBuilder};
use serde::Deserialize;
use test_support::rust_canister;

/// Numbers of calls. More than 500 parallel ones would fail.
const CALLS: [u64; 4] = [10, 100, 500, 10_000];

/// What a call costs besides the caller's instructions: request, callback, and ten and six bytes at 1,000 each.
const FEES_PER_CALL: u128 = 260_000 + 5_000_000 + 16_000;

fn main() {
    let modules = workspace_modules().expect("the canisters build");
    let ours = Pair::new(&modules.caller, &modules.callee);
    let sample = Pair::new(&rust_canister("sample_caller"), &rust_canister("sample_callee"));

    println!("instructions of the caller per call");
    print!("{:<24}", "calls");
    CALLS.iter().for_each(|calls| print!("{calls:>10}"));
    println!();
    for strategy in [Sequential, Parallel, Windowed(None)] {
        row(&format!("{}, ours", strategy.name()), strategy, |calls| ours.run(strategy, calls));
    }
    row("job, ours", Windowed(None), |calls| ours.job(calls));
    for (strategy, method) in [(Sequential, "sequential_calls"), (Parallel, "parallel_calls")] {
        let run = |calls| sample.spend(method, encode_one(calls).expect("it encodes"));
        row(&format!("{}, sample", strategy.name()), strategy, run);
    }
}

fn row(name: &str, strategy: Strategy, run: impl Fn(u64) -> u128) {
    print!("{name:<24}");
    let nothing = run(0);
    for calls in CALLS {
        if strategy == Parallel && calls > 500 {
            print!("{:>10}", "-");
        } else {
            let per_call = (run(calls) - nothing) / u128::from(calls);
            print!("{:>10}", per_call - FEES_PER_CALL);
        }
    }
    println!();
}

/// A job that is as nobody says otherwise.
#[derive(CandidType)]
struct JobSpec {
    calls: u64,
}

/// What is asked for of a job's status.
#[derive(CandidType, Deserialize)]
struct JobStatus {
    remaining: u64,
}

struct Pair {
    // Outlives the client.
    _server: EmbeddedServer,
    pic: PocketIc,
    caller: Principal,
}

impl Pair {
    fn new(caller: &Path, callee: &Path) -> Self {
        let server = EmbeddedServer::start(ServerConfig::default()).expect("a port is free");
        let pic = PocketIcBuilder::new()
            .with_server_url(server.url().parse().expect("it is a URL"))
            .with_application_subnet()
            .build();
        let [caller, callee] = [caller, callee].map(|module| {
            let canister = pic.create_canister();
            let module = fs::read(module).expect("it was built");
            pic.install_canister(canister, module, nothing(), None);
            canister
        });
        // Either caller looks there for its callee.
        let variable =
            EnvironmentVariable { name: CALLEE_VARIABLE.into(), value: callee.to_text() };
        let settings =
            CanisterSettings { environment_variables: Some(vec![variable]), ..Default::default() };
        pic.update_canister_settings(caller, None, settings).expect("anonymous is the controller");
        Self { _server: server, pic, caller }
    }

    fn run(&self, strategy: Strategy, calls: u64) -> u128 {
        self.spend("run", encode_args((strategy, calls)).expect("it encodes"))
    }

    /// Cycles the caller spends on a job, with the timers that drive it.
    fn job(&self, calls: u64) -> u128 {
        let before = self.pic.cycle_balance(self.caller);
        let spec = JobSpec { calls };
        let started = self.pic.update_call(
            self.caller,
            Principal::anonymous(),
            "start_job",
            encode_one(spec).expect("it encodes"),
        );
        let started = started.expect("a controller may start a job");
        let id: Result<u64, String> = decode_one(&started).expect("it is a result");
        let id = encode_one(id.expect("there is room for a job")).expect("it encodes");
        loop {
            // The caller looks after its jobs every two seconds.
            self.pic.advance_time(Duration::from_secs(2));
            (0..100).for_each(|_| self.pic.tick());
            let status = self
                .pic
                .query_call(self.caller, Principal::anonymous(), "job_status", id.clone())
                .expect("a controller may ask");
            let status: Option<JobStatus> = decode_one(&status).expect("it is a status");
            if status.expect("the job is known").remaining == 0 {
                return before - self.pic.cycle_balance(self.caller);
            }
        }
    }

    /// Cycles the caller spends on a message.
    fn spend(&self, method: &str, argument: Vec<u8>) -> u128 {
        let before = self.pic.cycle_balance(self.caller);
        let message = self
            .pic
            .submit_call(self.caller, Principal::anonymous(), method, argument)
            .expect("the caller takes messages");
        while self.pic.ingress_status(message.clone()).is_none() {
            self.pic.tick();
        }
        before - self.pic.cycle_balance(self.caller)
    }
}

fn nothing() -> Vec<u8> {
    encode_args(()).expect("it encodes")
}
