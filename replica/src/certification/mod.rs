//! Certification: the state tree of a subnet, certificates signed with the key of the subnet, and access
//! control for `read_state`.
//!
//! Rules: the interface specification, "Certification" and "The system state tree".

mod certificate;
mod encoding;
mod paths;
mod state;
mod tree;

pub use certificate::{Certification, Topology};
pub use encoding::cbor;
pub use paths::{NOT_THE_SENDER, Path, PathError, Reader, Scope, check_paths};
pub use tree::{Label, Selection};
