//! What installations executed in a canister and what was written there, beyond what it is forgiven
//! in each round.
//!
//! Rules: `scheduler/round_schedule.rs` (`start_iteration`, `grant_heap_delta_and_install_code_credits`)
//! and `canister_manager.rs` below `execution_environment/src` in the replica's repository.

use crate::error::{ErrorCode, UserError};
use crate::limits::{HEAP_DELTA_BYTES_PER_ROUND, INSTALL_INSTRUCTIONS_PER_ROUND};
use crate::types::{CanisterId, Instructions};

/// What a canister has not been forgiven yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Debits {
    /// Whether anything counts.
    is_limited: bool,
    /// Instructions of installations.
    installed: Instructions,
    /// Bytes of pages written to.
    written: u64,
}

impl Debits {
    /// Of a canister that has done nothing yet, on a subnet that limits rates or does not.
    pub fn new(is_limited: bool) -> Self {
        Self { is_limited, ..Self::default() }
    }

    /// Adds the instructions of an installation.
    pub fn add_installed(&mut self, instructions: Instructions) {
        if self.is_limited {
            self.installed += instructions;
        }
    }

    /// Adds bytes of pages that were written to.
    pub fn add_written(&mut self, bytes: u64) {
        if self.is_limited {
            self.written = self.written.saturating_add(bytes);
        }
    }

    /// Forgives what is forgiven at the end of a round.
    pub fn forgive(&mut self) {
        self.installed = self.installed.saturating_sub(INSTALL_INSTRUCTIONS_PER_ROUND);
        self.written = self.written.saturating_sub(HEAP_DELTA_BYTES_PER_ROUND);
    }

    /// Whether there is anything to forgive.
    pub fn any(&self) -> bool {
        self.installed > 0 || self.written > 0
    }

    /// Whether it executes nothing in this round.
    pub fn has_to_rest(&self) -> bool {
        self.installed >= INSTALL_INSTRUCTIONS_PER_ROUND || self.has_written_much()
    }

    fn has_written_much(&self) -> bool {
        self.written >= HEAP_DELTA_BYTES_PER_ROUND
    }

    /// Fails while `canister`, to which this belongs, takes no other code.
    pub fn check_installation(&self, canister: CanisterId) -> Result<(), UserError> {
        if self.installed == 0 {
            return Ok(());
        }
        Err(UserError::new(
            ErrorCode::CanisterInstallCodeRateLimited,
            format!(
                "Canister {canister} is rate limited, because installing code executed so much \
                 there. Let some rounds pass, or disable `canister_execution_rate_limiting`"
            ),
        ))
    }

    /// Fails while `canister`, to which this belongs, takes no chunks and no snapshots.
    pub fn check_writing(&self, canister: CanisterId) -> Result<(), UserError> {
        if !self.has_written_much() {
            return Ok(());
        }
        Err(UserError::new(
            ErrorCode::CanisterHeapDeltaRateLimited,
            format!(
                "Canister {canister} is heap delta rate limited, because {} bytes that were written \
                 there are still to be forgiven, {HEAP_DELTA_BYTES_PER_ROUND} in a round. Let some \
                 rounds pass, or disable `canister_execution_rate_limiting`",
                self.written
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

    /// How many rounds there are in which the canister rests, and after which nothing is left.
    fn rounds(mut debits: Debits) -> (usize, usize) {
        let (mut resting, mut all) = (0, 0);
        while debits.any() {
            debits.forgive();
            resting += usize::from(debits.has_to_rest());
            all += 1;
        }
        (resting, all)
    }

    fn limited(installed: Instructions, written: u64) -> Debits {
        let mut debits = Debits::new(true);
        debits.add_installed(installed);
        debits.add_written(written);
        debits
    }

    #[test]
    fn a_canister_rests_until_it_owes_less_than_what_it_is_forgiven_in_a_round() {
        let (install, write) = (INSTALL_INSTRUCTIONS_PER_ROUND, HEAP_DELTA_BYTES_PER_ROUND);
        let owed = [(0, 0), (0, write), (0, 2 * write - 1), (0, 2 * write), (3 * install, 1)];
        let rounds = owed.map(|(installed, written)| rounds(limited(installed, written)));
        assert_eq!(rounds, [(0, 0), (0, 1), (0, 2), (1, 2), (2, 3)]);
        assert!(limited(0, write).has_to_rest() && !limited(0, write - 1).has_to_rest());
        assert!(limited(install, 0).has_to_rest() && !limited(install - 1, 0).has_to_rest());
    }

    #[test]
    fn code_is_refused_while_anything_is_owed_and_what_is_written_while_much_is() {
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
        assert_eq!(canister.debits.written, 0);
        assert!(canister.debits.installed > 0);
    }

    #[test]
    fn nothing_counts_where_rates_are_not_limited() {
        let mut debits = Debits::new(false);
        debits.add_installed(Instructions::MAX);
        debits.add_written(u64::MAX);
        assert_eq!(debits, Debits::default());
    }
}
