//! The drill of the outbox: many ICRC-1 transfers through all that can go wrong, each of them made exactly once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use candid::{CandidType, Nat, Principal, decode_one};
use serde::Deserialize;
use test_support::canisters::ledger::{self, alice, balance, bob, transfer};
use test_support::{Canister, Server, on_every_server};

use crate::answers::{EntryResult, RawOutcome, RawRequest};
use crate::pair::{DEFAULT_CYCLES, OPEN_CALLS_MAX, Pair, Parallel, controller, encode};
use crate::raw_calls::request;

/// Transfers of the drill. With optimised code, they take about 20 seconds with many cycles, and 40 with few.
const TRANSFERS: u64 = 30_000;

/// Cycles of a caller that can have 42 calls open at the same time, less than a tenth of the slots to a ledger.
const FEW_CYCLES: u128 = 2_000_000_000_000;

/// Tokens of the caller in each ledger: enough for all transfers and their fees.
const TOKENS: u128 = 900_000;

/// Transfers that one message appends.
const BATCH: usize = 1_000;

/// Cycles that are set aside for an upgrade, and some more.
const UPGRADE_CYCLES: u128 = 400_000_000_000;

/// Enough to execute a message (40 billion are set aside for it), and too little for a call.
const CYCLES_FOR_A_MESSAGE: u128 = 41_500_000_000;

const SECOND: Duration = Duration::from_secs(1);

/// The default freezing threshold: 30 days.
const FREEZING_THRESHOLD_SECONDS: u64 = 30 * 24 * 60 * 60;

#[derive(CandidType)]
struct Account {
    owner: Principal,
    subaccount: Option<Vec<u8>>,
}

#[derive(CandidType)]
struct TransferArgument {
    to: Account,
    amount: Nat,
    memo: Option<Vec<u8>>,
    created_at_time: Option<u64>,
}

/// The ledger's errors that a repeated transfer can have.
#[derive(CandidType, Deserialize, Debug)]
enum TransferError {
    Duplicate { duplicate_of: Nat },
}

/// The caller, and a ledger on each of two subnets.
struct Drill<'a> {
    pair: &'a Pair,
    ledgers: [Canister<'a>; 2],
    transfers: u64,
}

impl Drill<'_> {
    /// Appends all transfers. The ledgers take turns.
    fn enqueue(&self) {
        let time = self.pair.pic.get_time().as_nanos_since_unix_epoch();
        let requests: Vec<RawRequest> = (0..self.transfers)
            .map(|number| {
                let argument = TransferArgument {
                    to: Account { owner: bob(), subaccount: None },
                    amount: Nat::from(1_u8),
                    memo: Some(number.to_be_bytes().into()),
                    created_at_time: Some(time),
                };
                let ledger = self.ledgers[number as usize % 2].id;
                let idempotent = Some(true);
                RawRequest { idempotent, ..request(ledger, "icrc1_transfer", encode(argument)) }
            })
            .collect();
        for batch in requests.chunks(BATCH) {
            self.pair.enqueue(batch);
        }
    }

    /// Lets the outbox work until this part of the transfers is done.
    fn until(&self, percent: u64) {
        for _ in 0..10_000 {
            if self.pair.outbox().succeeded >= self.transfers * percent / 100 {
                return;
            }
            self.pair.wait(SECOND, 1);
        }
        panic!("the outbox does not get there: {:?}", self.pair.outbox());
    }

    fn upgrade(&self) {
        self.pair.stop_caller();
        self.pair.upgrade_caller_with(false).expect("nothing is open");
        self.pair.start_caller();
    }

    /// Upgrades the caller while calls are open.
    fn force_upgrade(&self) {
        for _ in 0..100 {
            if self.pair.outbox().open > 0 {
                break;
            }
            self.pair.wait(SECOND, 1);
        }
        assert!(self.pair.outbox().open > 0);
        // The open calls occupy nearly all cycles. An upgrade needs some, too.
        self.pair.pic.add_cycles(self.pair.caller, UPGRADE_CYCLES);
        self.pair.upgrade_caller_with(true).expect("nothing refuses");
        // The responses to the open calls arrive before the new program makes calls.
        self.pair.wait(Duration::ZERO, 5);
    }

    /// Stops a ledger for a while. Its transfers fail, and are tried again.
    fn stop_ledger(&self) {
        let (pic, ledger) = (&self.pair.pic, self.ledgers[1].id);
        pic.stop_canister(ledger, Some(controller())).expect("the ledger stops");
        (0..10).for_each(|_| self.pair.wait(SECOND, 3));
        pic.start_canister(ledger, Some(controller())).expect("the ledger starts");
    }

    /// Lets other messages of the caller take all slots to a ledger, again and again.
    fn take_all_slots(&self) {
        let far = self.ledgers[1].id;
        self.pair.setup_callee(far, controller()).expect("the controller may name a canister");
        for _ in 0..5 {
            let message = self.pair.submit(Parallel, OPEN_CALLS_MAX);
            message.expect("the caller takes messages");
            self.pair.wait(SECOND, 1);
        }
    }

    /// Leaves the caller without cycles for calls, for a while.
    fn freeze(&self) {
        self.pair.tell_outbox("pause_outbox");
        (0..5).for_each(|_| self.pair.wait(SECOND, 3));
        self.pair.leave_cycles(CYCLES_FOR_A_MESSAGE);
        self.pair.tell_outbox("resume_outbox");
        (0..20).for_each(|_| self.pair.wait(SECOND, 3));
        let outbox = self.pair.outbox();
        assert_eq!(outbox.open, 0, "no call can be made: {outbox:?}");
        assert!(outbox.waiting > 0);
        let settings = pocket_ic::CanisterSettings {
            freezing_threshold: Some(FREEZING_THRESHOLD_SECONDS.into()),
            ..Default::default()
        };
        self.pair
            .pic
            .update_canister_settings(self.pair.caller, Some(controller()), settings)
            .expect("the controller may do that");
    }

    /// Checks that each transfer has its result, and that the ledgers have made each transfer once. Returns how many
    /// the ledgers got twice.
    fn check(&self) -> u64 {
        let results = self.pair.results_from(0);
        assert!((0..).zip(&results).all(|(number, result)| result.number == number));
        assert_eq!(results.len() as u64, self.transfers);
        let mut duplicates = 0;
        for (place, ledger) in self.ledgers.iter().enumerate() {
            let own = results.iter().skip(place).step_by(2);
            let blocks: BTreeSet<Nat> = own.map(|result| block(result, &mut duplicates)).collect();
            let transfers = self.transfers / 2;
            assert_eq!(blocks.len() as u64, transfers, "each transfer has a block of its own");
            // Before the transfers, there are the mint and the transfer to the caller.
            let log = ledger.ask("get_transactions", "(record { start = 0; length = 0 })");
            let length = log.split("log_length = ").nth(1).expect("the reply has a length");
            let length = length.split(' ').next().map(|text| text.replace('_', ""));
            assert_eq!(length, Some((transfers + 2).to_string()));
            assert_eq!(balance(ledger, bob()), u128::from(transfers));
            let spent = u128::from(transfers) * (1 + ledger::FEE);
            assert_eq!(balance(ledger, self.pair.caller), TOKENS - spent);
        }
        duplicates
    }
}

/// The block of a transfer, which the ledger has made with this call or with an earlier attempt.
fn block(result: &EntryResult, duplicates: &mut u64) -> Nat {
    let RawOutcome::Done(reply) = &result.outcome else { panic!("{result:?}") };
    let reply: Result<Nat, TransferError> = decode_one(reply).expect("it is a reply of a ledger");
    match reply {
        Ok(block) => block,
        Err(TransferError::Duplicate { duplicate_of }) => {
            *duplicates += 1;
            duplicate_of
        }
    }
}

fn drill(server: Server, transfers: u64, cycles: u128) {
    let Some(program) = ledger::program() else { return };
    let start = Instant::now();
    let pair = Pair::ready_with_cycles(server, 2, cycles);
    let ledgers = [0, 1].map(|subnet| ledger::install_on(&program, &pair.pic, subnet));
    for ledger in &ledgers {
        let sent = ledger.call_as(alice(), "icrc1_transfer", &transfer(pair.caller, TOKENS, ""));
        assert_eq!(sent.expect("a refusal is a reply, too"), "(variant { Ok = 1 : nat })");
    }
    let drill = Drill { pair: &pair, ledgers, transfers };
    drill.enqueue();
    drill.until(10);
    drill.upgrade();
    drill.until(20);
    drill.force_upgrade();
    drill.until(35);
    drill.stop_ledger();
    drill.until(50);
    drill.take_all_slots();
    drill.until(65);
    drill.freeze();
    drill.until(80);
    drill.upgrade();
    let status = pair.outbox_finished();
    assert_eq!((status.succeeded, status.entries), (transfers, transfers), "{status:?}");
    let duplicates = drill.check();
    assert!(duplicates > 0, "the upgrade has cut off responses");
    let seconds = start.elapsed().as_secs();
    println!("{transfers} transfers, {cycles} cycles: {duplicates} were sent again; {seconds} s");
}

#[test]
fn thirty_thousand_transfers_of_a_caller_with_few_cycles_are_each_made_once() {
    on_every_server(|server| drill(server, TRANSFERS, FEW_CYCLES));
}

#[test]
fn thirty_thousand_transfers_of_a_caller_with_many_cycles_are_each_made_once() {
    on_every_server(|server| drill(server, TRANSFERS, DEFAULT_CYCLES));
}
