//! Canisters that have nothing to do with the pair: other people wrote them, or they are written as other people write
//! theirs. They are tested because what they show concerns the whole replica. With them are the examples that authors
//! can copy (`examples`).

mod alarms;
mod factory;
mod guestbook;
mod ledger;
mod ledger_archive;
mod motoko;
mod motoko_clock;
mod motoko_notes;
mod payout;
mod portfolio;
mod reference_runs;
mod swap;
mod weather;
