//! Every limit of the network, with its unit, meaning and source.
//!
//! Values are those of an application subnet of the mainnet. Sources name files of the replica's
//! repository (dfinity/ic, below `rs/`, October 2025 and later) or the interface specification.

mod agents;
mod canister;
mod instructions;
mod memory;
mod messages;
mod outcalls;
mod server;

pub use agents::*;
pub use canister::*;
pub use instructions::*;
pub use memory::*;
pub use messages::*;
pub use outcalls::*;
pub use server::*;
