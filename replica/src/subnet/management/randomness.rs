//! `raw_rand`: random bytes. They depend on the subnet and the round, so they are the same in every run.
//!
//! Rules: interface specification, `raw_rand`; `execution_environment.rs`, `execute_subnet_message`, in the
//! replica's repository: the bytes are drawn when the call is executed, and the call has its response in
//! the same round, like other management calls.

use super::Call;
use crate::error::UserError;
use crate::ic00::{check_no_argument, encode};
use crate::subnet::Subnet;
use crate::types::Payload;
use sha2::{Digest, Sha256};

impl Subnet {
    pub(super) fn raw_rand(&mut self, call: &Call) -> Result<Payload, UserError> {
        check_no_argument(&call.argument)?;
        self.random_draws += 1;
        Ok(encode((self.random_bytes().as_slice(),)))
    }

    /// The random bytes of the latest draw.
    fn random_bytes(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"embedded-replica raw_rand");
        hash.update(self.config.id);
        hash.update(self.rounds.to_be_bytes());
        hash.update(self.random_draws.to_be_bytes());
        hash.finalize().into()
    }
}
