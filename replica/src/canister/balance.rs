//! The cycles of a canister: what it pays and gets, and when it is frozen.

use crate::canister::state::Canister;
use crate::cycles::Prices;
use crate::error::{Trap, UserError};
use crate::trace::{Event, Fee};
use crate::types::Cycles;

impl Canister {
    /// The balance below which it is frozen.
    pub fn freezing_threshold(&self, prices: Prices) -> Cycles {
        let (usage, messages) = (self.memory_usage().total(), self.queues.guaranteed_bytes());
        let idle = self.settings.idle_canister(usage, messages, self.reserved);
        prices.freezing_threshold(&idle)
    }

    /// Whether its balance is below its freezing threshold.
    pub fn is_frozen(&self, prices: Prices) -> bool {
        self.balance < self.freezing_threshold(prices)
    }

    /// Takes a fee, for which it has enough.
    pub fn pay(&mut self, fee: Fee, cycles: Cycles) {
        self.debit(cycles);
        self.consumption.pay(fee, cycles);
        self.trace.record(|| Event::Charged { canister: self.id, fee, cycles });
    }

    /// Takes cycles that an execution spent, of which it had enough; they are fewer only where
    /// [`credit`](Self::credit) lost some.
    pub fn debit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_sub(cycles);
    }

    /// Fails unless it can pay `amount` without being frozen.
    pub fn check_can_pay(&self, amount: Cycles, prices: Prices) -> Result<(), UserError> {
        let needed = self.freezing_threshold(prices) + amount;
        if self.balance >= needed {
            return Ok(());
        }
        let missing = needed - self.balance;
        let trap = Trap::OutOfCycles(format!("top it up with at least {missing} cycles"));
        Err(trap.into_user_error(self.id))
    }

    /// Sets cycles aside, of which it has enough.
    pub fn reserve(&mut self, cycles: Cycles) {
        self.debit(cycles);
        self.reserved = self.reserved.saturating_add(cycles);
    }

    /// Adds cycles. What would exceed the largest balance there is, is lost.
    pub fn credit(&mut self, cycles: Cycles) {
        self.balance = self.balance.saturating_add(cycles);
    }

    /// Adds cycles that did not come with a message.
    pub fn deposit(&mut self, cycles: Cycles) {
        self.credit(cycles);
        self.trace.record(|| Event::Credited { canister: self.id, cycles });
    }
}
