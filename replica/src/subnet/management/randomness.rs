//! `raw_rand`: bytes nobody knew when they were asked for, but the same in every run.
//!
//! Rules: interface specification, `raw_rand`; `scheduler.rs`, `execute_round`, in the replica's
//! repository: a request is answered at the beginning of the next round.

use super::PendingCall;
use super::dispatch::Reply;
use crate::canister::{Answer, Origin};
use crate::error::UserError;
use crate::ic00::{check_no_argument, encode};
use crate::subnet::Subnet;
use crate::types::Cycles;
use sha2::{Digest, Sha256};

/// Somebody who waits for random bytes.
#[derive(Debug)]
pub(in crate::subnet) struct Asker {
    origin: Origin,
    cycles: Cycles,
}

impl Subnet {
    pub(super) fn ask_for_randomness(&mut self, pending: &PendingCall) -> Result<Reply, UserError> {
        check_no_argument(&pending.call.argument)?;
        let origin = pending.origin.clone();
        self.randomness_asked.push(Asker { origin, cycles: pending.cycles });
        Ok(Reply::Later)
    }

    /// Answers the requests of the round before.
    pub(in crate::subnet) fn answer_randomness(&mut self) {
        let waiting = std::mem::take(&mut self.randomness_asked);
        for (number, Asker { origin, cycles }) in waiting.into_iter().enumerate() {
            let bytes = self.random_bytes(number as u64);
            self.answer(Answer { origin, result: Ok(encode((bytes.as_slice(),))), refund: cycles });
        }
    }

    /// Bytes of this round, by number.
    fn random_bytes(&self, number: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"embedded-replica raw_rand");
        hash.update(self.config.id);
        hash.update(self.rounds.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.finalize().into()
    }
}
