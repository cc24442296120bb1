//! `raw_rand`: random bytes. They depend on the subnet and the round, so they are the same in every run.
//!
//! Rules: interface specification, `raw_rand`; `scheduler.rs`, `execute_round`, in the replica's
//! repository: the response is made at the beginning of the next round.

use super::PendingCall;
use super::dispatch::Completion;
use crate::error::UserError;
use crate::ic00::{check_no_argument, encode};
use crate::subnet::Subnet;
use sha2::{Digest, Sha256};

impl Subnet {
    pub(super) fn raw_rand(&mut self, pending: &PendingCall) -> Result<Completion, UserError> {
        check_no_argument(&pending.call.argument)?;
        self.random_requests.push(pending.received.clone());
        Ok(Completion::Deferred)
    }

    /// Responds to the calls of the previous round.
    pub(in crate::subnet) fn respond_to_random_requests(&mut self) {
        let waiting = std::mem::take(&mut self.random_requests);
        for (number, received) in waiting.into_iter().enumerate() {
            let bytes = self.random_bytes(number as u64);
            self.respond(received.respond(Ok(encode((bytes.as_slice(),)))));
        }
    }

    /// The random bytes of this round with this number.
    fn random_bytes(&self, number: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"embedded-replica raw_rand");
        hash.update(self.config.id);
        hash.update(self.rounds.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.finalize().into()
    }
}
