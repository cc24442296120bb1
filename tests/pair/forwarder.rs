//! A canister that makes the call in its argument and passes the response on.

use candid::Principal;
use pocket_ic::{PocketIc, RejectResponse};

use crate::pair::{controller, create, nothing, stranger};

/// See the module.
#[derive(Clone, Copy)]
pub struct Forwarder(Principal);

impl Forwarder {
    pub fn install(pic: &PocketIc, subnet: usize) -> Self {
        let id = create(pic, subnet);
        let module =
            wat::parse_str(include_str!("forwarder.wat")).expect("the file is WebAssembly text");
        pic.install_canister(id, module, nothing(), Some(controller()));
        Self(id)
    }

    /// The response of a method to this canister.
    pub fn call(
        self,
        pic: &PocketIc,
        callee: Principal,
        method: &str,
        argument: &[u8],
    ) -> Result<Vec<u8>, RejectResponse> {
        let (id, method) = (callee.as_slice(), method.as_bytes());
        let lengths = [id.len() as u8, method.len() as u8];
        let forward = [&lengths[..1], id, &lengths[1..], method, argument].concat();
        pic.update_call(self.0, stranger(), "forward", forward)
    }

    pub fn id(self) -> Principal {
        self.0
    }
}
