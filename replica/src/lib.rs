#![doc = include_str!("../README.md")]
//!
//! # Use in tests without HTTP
//!
//! A test that needs no HTTP can use an [`Instance`](instance::Instance) directly.
//!
//! # Modules
//!
//! A module uses only modules above it in this table:
//!
//! | module | content |
//! |---|---|
//! | [`types`] | identifiers, cycles, instructions, time |
//! | [`limits`] | every number of the network, with its source |
//! | [`error`] | error codes, rejects, traps |
//! | [`trace`] | events that tests observe: messages, fees, cycles; what they mean, and files of them |
//! | [`message`] | requests, responses, refunds and ingress messages |
//! | [`cycles`] | prices |
//! | [`log`] | the log of a canister |
//! | [`keys`] | the keys of subnets and nodes |
//! | [`topology`] | the kinds of subnets, and which canister ids each of them hosts |
//! | [`ic00`] | the methods of the management canister, and who may call them |
//! | [`pieces`] | pages, modules and chunks of a saved state, in files of their own |
//! | [`wasm`] | Wasm modules: validation, metering, compilation; stable memory |
//! | [`queues`] | the queues of a canister: messages between it and other canisters |
//! | [`system_api`] | the functions that canisters import from `ic0` |
//! | [`canister`] | the state, the queues and the call contexts of a canister; executing one message |
//! | [`subnet`] | a round, its scheduler, the management canister |
//! | [`network`] | the streams between subnets, the time, the network profile |
//! | [`fake_canisters`] | built-in replacements for mainnet canisters that command line tools need |
//! | [`certification`] | state trees, certificates, who may read what |
//! | [`instance`] | a whole network as one value |
//! | [`state_dir`] | state directories: saving and restoring a network |
//! | [`server`] | instances over HTTP, for PocketIC's clients and for agents |
//!
//! Only [`server`] reads a wall clock, starts threads and uses unordered maps. The same calls therefore
//! give the same results in every run, including all balances of cycles.

pub mod canister;
pub mod certification;
pub mod cycles;
pub mod error;
pub mod fake_canisters;
pub mod ic00;
pub mod instance;
pub mod keys;
pub mod limits;
pub mod log;
pub mod message;
pub mod network;
pub mod pieces;
pub mod queues;
pub mod routing;
pub mod server;
pub mod state_dir;
pub mod subnet;
pub mod system_api;
pub mod topology;
pub mod trace;
pub mod types;
pub mod wasm;
