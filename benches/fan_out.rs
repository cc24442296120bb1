//! The instructions that a call costs the caller, by strategy and number of calls.
//!
//! The numbers are exact and the same on every machine: they follow from the cycles that the caller spends, and no
//! time is measured. For comparison, the table also has the caller of the official sample, which has two of the
//! strategies.

use std::fs;
use std::path::Path;
use std::time::Duration;

use candid::{CandidType, Principal, decode_one, encode_args, encode_one};
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use multi_subnet::canisters::{ModulePaths, workspace_modules};
use multi_subnet::interface::CALLEE_VARIABLE;
use multi_subnet::strategy::Strategy::{self, Parallel, Sequential, Windowed};
use pocket_ic::{CanisterSettings, EnvironmentVariable, PocketIc, PocketIcBuilder};
use serde::Deserialize;
use test_support::rust_canister;

/// Numbers of calls. Of more than 500 parallel calls, some would fail.
const CALLS: [u64; 4] = [10, 100, 500, 10_000];

/// Cycles per call that are not instructions of the caller: the fees of the call and of its callback, and 17 bytes
/// (10 of the request, 7 of the response) at 1,000 each.
const FEES_PER_CALL: u128 = 260_000 + 5_000_000 + 17_000;

/// The endpoints that take a number of calls. The plain example has the first two.
const ENDPOINTS: [(Strategy, &str); 3] = [
    (Sequential, "sequential_calls"),
    (Parallel, "parallel_calls"),
    (Windowed(None), "windowed_calls"),
];

/// Calls that a planned window has open at the same time.
const OPEN_CALLS: u64 = 450;

/// Entries of the outbox that one message appends.
const OUTBOX_BATCH: u64 = 1_000;

/// Cycles per byte of a message of a user, which are no instructions.
const INGRESS_BYTE_FEE: u128 = 2_000;

fn main() {
    let modules = workspace_modules().expect("the canisters build");
    let ours = Pair::new(&modules.caller, &modules.callee);
    let plain = Pair::new(&rust_canister("plain_caller"), &rust_canister("plain_callee"));

    println!("instructions of the caller per call");
    print!("{:<24}", "calls");
    CALLS.iter().for_each(|calls| print!("{calls:>10}"));
    println!();
    for (strategy, method) in ENDPOINTS {
        row(&format!("{method}, ours"), strategy, |calls| ours.spend(method, encoded(calls)));
    }
    for strategy in [Sequential, Parallel, Windowed(None)] {
        row(&format!("run {}, ours", strategy.name()), strategy, |calls| ours.run(strategy, calls));
    }
    row("job, ours", Windowed(None), |calls| ours.job(calls));
    row("outbox, ours", Windowed(None), |calls| ours.outbox(calls));
    for (strategy, method) in &ENDPOINTS[..2] {
        let run = |calls| plain.spend(method, encoded(calls));
        row(&format!("{method}, plain"), *strategy, run);
    }
    print_memory(&modules);
}

/// Prints by how many bytes the heap of the caller grows for each of the calls that are open at the same time.
fn print_memory(modules: &ModulePaths) {
    println!("heap of the caller in bytes per open call, for {OPEN_CALLS} open calls");
    let growth = |make_calls: &dyn Fn(&Pair, u64)| {
        let pair = Pair::new(&modules.caller, &modules.callee);
        make_calls(&pair, 1);
        let before = pair.heap_bytes();
        make_calls(&pair, OPEN_CALLS);
        (pair.heap_bytes() - before) / OPEN_CALLS
    };
    let windowed = growth(&|pair, calls| {
        pair.spend("windowed_calls", encoded(calls));
    });
    let job = growth(&|pair, calls| {
        pair.job(calls);
    });
    let outbox = growth(&|pair, calls| {
        pair.outbox(calls);
    });
    println!("windowed_calls {windowed}, job {job}, outbox {outbox}");
}

fn encoded(calls: u64) -> Vec<u8> {
    encode_one(calls).expect("the arguments can be encoded")
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

/// The argument of `start_job`, without the optional fields.
#[derive(CandidType)]
struct JobSpec {
    calls: u64,
}

/// The result of `job_status`, without the fields that are not read here.
#[derive(CandidType, Deserialize)]
struct JobStatus {
    remaining: u64,
}

/// An entry of the outbox, without the optional fields.
#[derive(CandidType, Clone)]
struct RawRequest {
    canister: Principal,
    method: &'static str,
    arg: Vec<u8>,
}

/// The result of `outbox_status`, without the fields that are not read here.
#[derive(CandidType, Deserialize)]
struct OutboxStatus {
    entries: u64,
    waiting: u64,
    open: u64,
}

struct Pair {
    // Kept since the server ends when it is dropped.
    _server: EmbeddedServer,
    pic: PocketIc,
    caller: Principal,
    callee: Principal,
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
        // Both callers read the id of their callee from this variable.
        let variable =
            EnvironmentVariable { name: CALLEE_VARIABLE.into(), value: callee.to_text() };
        let settings =
            CanisterSettings { environment_variables: Some(vec![variable]), ..Default::default() };
        pic.update_canister_settings(caller, None, settings).expect("anonymous is the controller");
        Self { _server: server, pic, caller, callee }
    }

    fn run(&self, strategy: Strategy, calls: u64) -> u128 {
        self.spend("run", encode_args((strategy, calls)).expect("the arguments can be encoded"))
    }

    /// Cycles that the caller spends on a job, including the timers that drive the job.
    fn job(&self, calls: u64) -> u128 {
        let before = self.pic.cycle_balance(self.caller);
        let spec = JobSpec { calls };
        let started = self.pic.update_call(
            self.caller,
            Principal::anonymous(),
            "start_job",
            encode_one(spec).expect("the arguments can be encoded"),
        );
        let started = started.expect("a controller may start a job");
        let id: Result<u64, String> = decode_one(&started).expect("it is a result");
        let id = encode_one(id.expect("the job starts")).expect("the arguments can be encoded");
        loop {
            // The caller continues its jobs every two seconds.
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

    /// Cycles that the caller spends on entries of the outbox: to append them, to make their calls, and to return the
    /// results.
    fn outbox(&self, calls: u64) -> u128 {
        let first = self.outbox_status().entries;
        let ping = RawRequest { canister: self.callee, method: "ping", arg: nothing() };
        // What a message costs that does nothing.
        let message = self.spend("resume_outbox", nothing());
        let mut spent = 0;
        let mut left = calls;
        loop {
            let batch = left.min(OUTBOX_BATCH);
            let entries = encode_one(vec![ping.clone(); batch as usize]);
            let entries = entries.expect("the arguments can be encoded");
            let bytes_fee = entries.len() as u128 * INGRESS_BYTE_FEE;
            spent += self.spend("enqueue", entries) - bytes_fee - message;
            left -= batch;
            if left == 0 {
                break;
            }
        }
        let before = self.pic.cycle_balance(self.caller);
        while self.outbox_status().waiting + self.outbox_status().open > 0 {
            self.pic.advance_time(Duration::from_secs(2));
            (0..100).for_each(|_| self.pic.tick());
        }
        spent += before - self.pic.cycle_balance(self.caller);
        for taken in (0..=calls).step_by(OUTBOX_BATCH as usize).chain([calls]) {
            spent += self.spend("take_results", encoded(first + taken)) - message;
        }
        spent
    }

    fn outbox_status(&self) -> OutboxStatus {
        let status = self
            .pic
            .query_call(self.caller, Principal::anonymous(), "outbox_status", nothing())
            .expect("a controller may ask");
        decode_one(&status).expect("it is a status")
    }

    /// Bytes of the heap of the caller.
    fn heap_bytes(&self) -> u64 {
        let status =
            self.pic.canister_status(self.caller, None).expect("anonymous is the controller");
        let bytes = status.memory_metrics.wasm_memory_size.0;
        u64::try_from(bytes).expect("the number fits")
    }

    /// Cycles that the caller spends on a message.
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
    encode_args(()).expect("the arguments can be encoded")
}
