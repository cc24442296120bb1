//! An Internet Computer replica with several subnets, as a crate: tests run canisters on it.
//!
//! Canisters are real Wasm modules. They run in wasmtime, on any number of subnets, by the rules of the
//! network: rounds, queues, call contexts, cycles, deadlines. Nothing is downloaded, and no other process
//! is started.
//!
//! # Use in tests
//!
//! Start an [`EmbeddedServer`](server::EmbeddedServer) and connect to it with the `pocket-ic` crate, as
//! to any PocketIC server. Everything that the crate offers (creating canisters, calling them, advancing
//! the time, executing rounds) then works on this replica:
//!
//! ```
//! use embedded_replica::server::{EmbeddedServer, ServerConfig};
//! use pocket_ic::PocketIcBuilder;
//!
//! // One server serves any number of tests. It ends when `server` is dropped.
//! let server = EmbeddedServer::start(ServerConfig::default())?;
//! let pic = PocketIcBuilder::new()
//!     .with_server_url(server.url().parse().expect("it is a URL"))
//!     .with_application_subnet()
//!     .with_application_subnet()
//!     .build();
//! let subnets = pic.topology().get_app_subnets();
//! let canister = pic.create_canister_on_subnet(None, None, subnets[1]);
//! assert_eq!(pic.get_subnet(canister), Some(subnets[1]));
//! assert_eq!(pic.cycle_balance(canister), 100_000_000_000_000);
//! # Ok::<(), std::io::Error>(())
//! ```
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
//! | [`trace`] | events that tests observe: messages, fees, cycles |
//! | [`message`] | requests, responses, refunds and ingress messages |
//! | [`cycles`] | prices |
//! | [`log`] | the log of a canister |
//! | [`keys`] | the keys of subnets and nodes |
//! | [`topology`] | the kinds of subnets, and which canister ids each of them hosts |
//! | [`ic00`] | the methods of the management canister, and who may call them |
//! | [`pieces`] | pages, modules and chunks of a saved state, in files of their own |
//! | [`wasm`] | Wasm modules: validation, metering, compilation; stable memory |
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
pub mod routing;
pub mod server;
pub mod state_dir;
pub mod subnet;
pub mod system_api;
pub mod topology;
pub mod trace;
pub mod types;
pub mod wasm;

/// Compiles the code in the documents.
#[cfg(doctest)]
#[doc = include_str!("../../docs/replica.md")]
#[doc = include_str!("../../TROUBLESHOOTING.md")]
struct Documents;
