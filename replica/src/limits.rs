//! All limits of the network, each with its unit, meaning and source.
//!
//! The values are those of an application subnet of the mainnet, unless a limit says otherwise. Sources
//! are files of the replica's repository (dfinity/ic, below `rs/`, October 2025 and later) or sections
//! of the interface specification. A limit without a source on the network is called "a bound of this
//! project".

mod agents;
mod canister;
mod instructions;
mod memory;
mod messages;
mod outcalls;
mod server;
mod state;

pub use agents::*;
pub use canister::*;
pub use instructions::*;
pub use memory::*;
pub use messages::*;
pub use outcalls::*;
pub use server::*;
pub use state::*;
