//! The cycles of a canister: fees, reservations, deposits, and the freezing threshold.

use crate::canister::state::Canister;
use crate::cycles::{IdleBurn, IdleCanister, Prices};
use crate::error::{Trap, UserError};
use crate::trace::{Event, Fee};
use crate::types::Cycles;
use candid::Principal;

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

    /// The cycles that the canister lacks to pay `amount` without being frozen. `None` if it can pay.
    fn missing(&self, amount: Cycles, prices: Prices) -> Option<Cycles> {
        let needed = self.freezing_threshold(prices).saturating_add(amount);
        needed.checked_sub(self.balance).filter(|missing| *missing > 0)
    }

    /// Whether the canister can pay `amount` cycles without being frozen.
    pub fn can_pay(&self, amount: Cycles, prices: Prices) -> bool {
        self.missing(amount, prices).is_none()
    }

    /// Checks that the canister can pay `amount` cycles, for a call of `caller`, without being frozen.
    ///
    /// # Errors
    ///
    /// Fails if the balance would fall below the freezing threshold. If `caller` controls the canister, the
    /// error says how many cycles are missing. Strangers do not learn this
    /// (`cycles_account_manager/src/lib.rs`, `reveal_top_up`).
    pub fn check_can_pay(
        &self,
        amount: Cycles,
        prices: Prices,
        caller: Principal,
    ) -> Result<(), UserError> {
        let Some(missing) = self.missing(amount, prices) else { return Ok(()) };
        let revealed = self.settings.controllers.contains(&caller).then_some(missing);
        Err(Trap::OutOfCycles { missing: revealed }.into_user_error(self.id))
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
