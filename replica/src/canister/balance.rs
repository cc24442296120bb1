//! The cycles of a canister: fees, reservations, deposits, and the freezing threshold.

use crate::canister::state::Canister;
use crate::cycles::{IdleBurn, IdleCanister, Prices};
use crate::error::{Trap, UserError};
use crate::trace::{Event, Fee};
use crate::types::Cycles;

impl Canister {
    /// The freezing threshold of the canister, in cycles.
    pub fn freezing_threshold(&self, prices: Prices) -> Cycles {
        prices.freezing_threshold(&self.idle())
    }

    /// The cycles that the canister burns in a day if it is idle.
    pub fn idle_burn_per_day(&self, prices: Prices) -> IdleBurn {
        prices.idle_burn_per_day(&self.idle())
    }

    fn idle(&self) -> IdleCanister {
        let (usage, messages) = (self.memory_usage().total(), self.queues.bytes());
        self.settings.idle_canister(usage, messages, self.reserved)
    }

    /// Whether the balance is below the freezing threshold.
    pub fn is_frozen(&self, prices: Prices) -> bool {
        self.balance < self.freezing_threshold(prices)
    }

    /// Takes a fee from the balance. The balance must suffice: see
    /// [`check_can_pay`](Self::check_can_pay).
    pub fn pay(&mut self, fee: Fee, cycles: Cycles) {
        self.debit(cycles);
        self.consumption.pay(fee, cycles);
        self.trace.record(|| Event::Charged { canister: self.id, fee, cycles });
    }

    /// Takes cycles that an execution spent. The balance suffices, unless the balance was so large that
    /// [`credit`](Self::credit) lost cycles. The balance then becomes 0.
    pub fn debit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_sub(cycles);
    }

    /// Checks that the canister can pay `amount` cycles without being frozen.
    ///
    /// # Errors
    ///
    /// Fails if the balance would fall below the freezing threshold. The error says how many cycles are
    /// missing: top up the canister.
    pub fn check_can_pay(&self, amount: Cycles, prices: Prices) -> Result<(), UserError> {
        let needed = self.freezing_threshold(prices) + amount;
        if self.balance >= needed {
            return Ok(());
        }
        let missing = needed - self.balance;
        let trap = Trap::OutOfCycles(format!("top it up with at least {missing} cycles"));
        Err(trap.into_user_error(self.id))
    }

    /// Moves cycles from the balance to the reserved cycles, which pay for memory. The balance must
    /// suffice.
    pub fn reserve(&mut self, cycles: Cycles) {
        self.debit(cycles);
        self.reserved = self.reserved.saturating_add(cycles);
    }

    /// Adds cycles to the balance. The balance saturates at 2^128 - 1.
    pub fn credit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_add(cycles);
    }

    /// Adds cycles that did not come with a message to the balance, and records [`Event::Credited`].
    pub fn deposit(&mut self, cycles: Cycles) {
        self.credit(cycles);
        self.trace.record(|| Event::Credited { canister: self.id, cycles });
    }
}
