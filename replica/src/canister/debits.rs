//! Rate limits of a canister: instructions of installations and heap delta, less the credits that every
//! round grants.
//!
//! Rules: `scheduler/round_schedule.rs` (`start_iteration`, `grant_heap_delta_and_install_code_credits`)
//! and `canister_manager.rs` below `execution_environment/src` in the replica's repository.

use crate::error::{ErrorCode, UserError};
use crate::limits::{HEAP_DELTA_BYTES_PER_ROUND, INSTALL_INSTRUCTIONS_PER_ROUND};
use crate::types::{CanisterId, Instructions};
use serde::{Deserialize, Serialize};

/// Instructions and bytes for which a canister has got no credits yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debits {
    /// Whether the subnet limits rates. If not, all debits stay 0.
    is_limited: bool,
    /// Instructions of installations.
    install_instructions: Instructions,
    /// Heap delta, in bytes.
    heap_delta_bytes: u64,
}

impl Debits {
    /// The debits of a new canister. `is_limited` says whether the subnet limits rates.
    pub fn new(is_limited: bool) -> Self {
        Self { is_limited, ..Self::default() }
    }

    /// Adds the instructions of an installation.
    pub fn add_install_instructions(&mut self, instructions: Instructions) {
        if self.is_limited {
            self.install_instructions += instructions;
        }
    }

    /// Adds heap delta: bytes of pages that were written to.
    pub fn add_heap_delta(&mut self, bytes: u64) {
        if self.is_limited {
            self.heap_delta_bytes = self.heap_delta_bytes.saturating_add(bytes);
        }
    }

    /// Grants the credits of a round, at its end.
    pub fn grant_credits(&mut self) {
        self.install_instructions =
            self.install_instructions.saturating_sub(INSTALL_INSTRUCTIONS_PER_ROUND);
        self.heap_delta_bytes = self.heap_delta_bytes.saturating_sub(HEAP_DELTA_BYTES_PER_ROUND);
    }

    /// Whether there are any debits.
    pub fn has_any(&self) -> bool {
        self.install_instructions > 0 || self.heap_delta_bytes > 0
    }

    /// Whether the canister executes nothing in this round.
    pub fn is_rate_limited(&self) -> bool {
        self.install_instructions >= INSTALL_INSTRUCTIONS_PER_ROUND || self.is_heap_delta_limited()
    }

    fn is_heap_delta_limited(&self) -> bool {
        self.heap_delta_bytes >= HEAP_DELTA_BYTES_PER_ROUND
    }

    /// Checks that the rate limit allows an installation. `canister` is the canister of these debits.
    ///
    /// # Errors
    ///
    /// Fails if there are debits of earlier installations: let some rounds pass.
    pub fn check_installation(&self, canister: CanisterId) -> Result<(), UserError> {
        if self.install_instructions == 0 {
            return Ok(());
        }
        Err(UserError::new(
            ErrorCode::CanisterInstallCodeRateLimited,
            format!(
                "Canister {canister} is rate limited, because its latest installations executed too \
                 many instructions. Let some rounds pass, or disable \
                 `canister_execution_rate_limiting`"
            ),
        ))
    }

    /// Checks that the rate limit allows chunks and snapshots to be written. `canister` is the canister
    /// of these debits.
    ///
    /// # Errors
    ///
    /// Fails if the heap delta without credits reaches the credits of one round: let some rounds pass.
    pub fn check_writing(&self, canister: CanisterId) -> Result<(), UserError> {
        if !self.is_heap_delta_limited() {
            return Ok(());
        }
        Err(UserError::new(
            ErrorCode::CanisterHeapDeltaRateLimited,
            format!(
                "Canister {canister} is heap delta rate limited, because it has {} bytes of heap delta without \
                 credits, and a round grants credits for {HEAP_DELTA_BYTES_PER_ROUND}. Let some \
                 rounds pass, or disable `canister_execution_rate_limiting`",
                self.heap_delta_bytes
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canister::harness::{begin, code, empty, install_into, installed, respond};
    use crate::limits::OS_PAGE_BYTES;
    use crate::topology::canister_id;

    /// Writes the argument to the beginning of the heap, 1 to its second and third page, and to a page
    /// of stable memory. Then it does what its methods are called.
    const WRITER: &str = r#"(module
      (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
      (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
      (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
      (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
      (import "ic0" "call_on_cleanup" (func $on_cleanup (param i32 i32)))
      (import "ic0" "call_perform" (func $perform (result i32)))
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (table funcref (elem $trapping $ending))
      (func $fill
        (call $argument (i32.const 0) (i32.const 0) (i32.const 1))
        (memory.fill (i32.const 4096) (i32.const 1) (i32.const 8192))
        (drop (call $grow (i64.const 1)))
        (call $write (i64.const 0) (i64.const 0) (i64.const 8)))
      (func (export "canister_init") (call $fill))
      (func (export "canister_update write") (call $fill) (call $reply))
      (func (export "canister_update trap") (call $fill) unreachable)
      (func (export "canister_query ask")
        (memory.fill (i32.const 0) (i32.const 9) (i32.const 4096))
        (call $write (i64.const 0) (i64.const 0) (i64.const 8))
        (call $reply))
      (func (export "canister_update call")
        (call $new (i32.const 99) (i32.const 9) (i32.const 0) (i32.const 1)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (call $on_cleanup (i32.const 1) (i32.const 0))
        (drop (call $perform)))
      (func $trapping (param i32) (memory.fill (i32.const 0) (i32.const 7) (i32.const 12288)) unreachable)
      (func $ending (param i32) (i32.store8 (i32.const 0) (i32.const 9))))"#;

    /// The rounds in which the canister is rate limited, and the rounds until it has no debits.
    fn rounds(mut debits: Debits) -> (usize, usize) {
        let (mut resting, mut all) = (0, 0);
        while debits.has_any() {
            debits.grant_credits();
            resting += usize::from(debits.is_rate_limited());
            all += 1;
        }
        (resting, all)
    }

    fn limited(installed: Instructions, written: u64) -> Debits {
        let mut debits = Debits::new(true);
        debits.add_install_instructions(installed);
        debits.add_heap_delta(written);
        debits
    }

    #[test]
    fn a_canister_is_rate_limited_until_its_debits_are_less_than_the_credits_of_a_round() {
        let (install, write) = (INSTALL_INSTRUCTIONS_PER_ROUND, HEAP_DELTA_BYTES_PER_ROUND);
        let owed = [(0, 0), (0, write), (0, 2 * write - 1), (0, 2 * write), (3 * install, 1)];
        let rounds = owed.map(|(installed, written)| rounds(limited(installed, written)));
        assert_eq!(rounds, [(0, 0), (0, 1), (0, 2), (1, 2), (2, 3)]);
        assert!(limited(0, write).is_rate_limited() && !limited(0, write - 1).is_rate_limited());
        assert!(
            limited(install, 0).is_rate_limited() && !limited(install - 1, 0).is_rate_limited()
        );
    }

    #[test]
    fn code_is_refused_while_there_are_debits_and_chunks_while_there_is_much_heap_delta() {
        let id = canister_id(0);
        let code = |debits: Debits| debits.check_installation(id).map_err(|error| error.code);
        let chunk = |debits: Debits| debits.check_writing(id).map_err(|error| error.code);
        assert_eq!(code(limited(0, u64::MAX)), Ok(()));
        assert_eq!(code(limited(1, 0)), Err(ErrorCode::CanisterInstallCodeRateLimited));
        assert_eq!(chunk(limited(u64::MAX, HEAP_DELTA_BYTES_PER_ROUND - 1)), Ok(()));
        let much = limited(0, HEAP_DELTA_BYTES_PER_ROUND);
        assert_eq!(chunk(much), Err(ErrorCode::CanisterHeapDeltaRateLimited));
    }

    #[test]
    fn an_execution_wrote_to_the_pages_it_changed_unless_that_is_undone() {
        let mut canister = installed(WRITER);
        let mut pages = |method, argument| {
            let execution = begin(&mut canister, method, argument);
            execution.heap_delta_bytes / OS_PAGE_BYTES as u64
        };
        // Of the heap the first page, whose content is another one, and one of stable memory.
        assert_eq!(pages("write", &[1]), 2);
        assert_eq!(pages("write", &[1]), 1);
        assert_eq!(pages("trap", &[2]), 0);
        assert_eq!(pages("ask", &[]), 0);
        assert_eq!(pages("none", &[]), 0);
        assert_eq!(pages("call", &[]), 0);
        // The callback traps, so what its cleanup wrote counts.
        assert_eq!(respond(&mut canister, Ok(vec![])).heap_delta_bytes, OS_PAGE_BYTES as u64);
    }

    #[test]
    fn installing_code_writes_nothing_that_counts() {
        let mut canister = empty();
        canister.debits = Debits::new(true);
        install_into(&mut canister, code(WRITER)).expect("it can be installed");
        assert_eq!(canister.debits.heap_delta_bytes, 0);
        assert!(canister.debits.install_instructions > 0);
    }

    #[test]
    fn nothing_counts_where_rates_are_not_limited() {
        let mut debits = Debits::new(false);
        debits.add_install_instructions(Instructions::MAX);
        debits.add_heap_delta(u64::MAX);
        assert_eq!(debits, Debits::default());
    }
}
