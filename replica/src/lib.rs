//! A multi-subnet Internet Computer replica as a crate, behind PocketIC's protocol.
//!
//! Real canister modules run in wasmtime, on any number of subnets, by the rules of the network:
//! rounds, queues, call contexts, cycles, deadlines. Nothing is downloaded and nothing is started
//! beside the process. Any client of the PocketIC server can drive it, most conveniently the
//! `pocket-ic` crate, unmodified:
//!
//! ```
//! use embedded_replica::server::{EmbeddedServer, ServerConfig};
//! use pocket_ic::PocketIcBuilder;
//!
//! let server = EmbeddedServer::start(ServerConfig::default())?;
//! let pic = PocketIcBuilder::new()
//!     .with_server_url(server.url().parse().expect("it is a URL"))
//!     .with_application_subnet()
//!     .with_application_subnet()
//!     .build();
//! let canister = pic.create_canister();
//! assert_eq!(pic.cycle_balance(canister), 100_000_000_000_000);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Data flows one way; a module uses only what stands above it:
//!
//! | module | what it holds |
//! |---|---|
//! | [`types`], [`limits`], [`cycles`], [`error`], [`message`], [`trace`], [`log`], [`keys`], [`topology`], [`ic00`] | words, numbers, prices, failures, what travels, what is told of it, what is printed, which keys and ids there are, which methods the management canister has |
//! | [`wasm`] | modules: validation, metering, compilation; stable memory |
//! | [`system_api`] | the functions a canister imports |
//! | [`canister`] | state, queues, call contexts, executing one message with rollback |
//! | [`subnet`] | a round, its scheduler, the management canister |
//! | [`network`] | streams between subnets, time, the network profile |
//! | [`standins`] | what answers for canisters of the mainnet that command line tools need |
//! | [`certification`] | state trees, certificates, who may read what |
//! | [`instance`] | all of it as one value with an in-process interface |
//! | [`server`] | the same over HTTP, as PocketIC speaks it |
//!
//! Below [`server`] there is no wall clock, no thread and no unordered map: the same calls give the
//! same results, cycle for cycle.

pub mod canister;
pub mod certification;
pub mod cycles;
pub mod error;
pub mod ic00;
pub mod instance;
pub mod keys;
pub mod limits;
pub mod log;
pub mod message;
pub mod network;
pub mod routing;
pub mod server;
pub mod standins;
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
