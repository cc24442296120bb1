//! The embedded replica from outside: everything here goes through the `pocket-ic` crate as it is
//! published, and so can be asked of a PocketIC server as well. When `POCKET_IC_BIN` names one,
//! each test runs on both.

#![allow(missing_docs, clippy::unwrap_used)]

mod access;
mod admins;
mod blockmakers;
mod call_contexts;
mod caller_info;
mod calls;
mod chunks;
mod composite;
mod consumption;
mod cycles;
mod deadlines;
mod determinism;
mod flexible_outcalls;
mod growth;
mod history;
mod hooks;
mod ic00;
mod icp_config;
mod ingress;
mod installation;
mod lifecycle;
mod logs;
mod long;
mod low_memory;
mod management;
mod metadata;
mod metering;
mod outcall_prices;
mod outcall_requests;
mod outcalls;
mod patterns;
mod payloads;
mod persistence;
mod profiles;
mod progress;
mod query_stats;
mod queues;
mod randomness;
mod rejects;
mod rollback;
mod rounds;
mod schedule;
#[allow(dead_code, reason = "the scenarios use more of it")]
mod script;
mod settings;
mod snapshot_data;
mod snapshot_dirs;
mod snapshots;
mod specified_ids;
mod stable_memory;
mod streams;
mod subnet_metrics;
mod subnets;
mod system_api;
mod system_subnets;
mod tables;
mod unexecuted;
mod wasm64;
mod world;
mod writing;
