//! The example `payout` and a real ledger: each payment is made exactly once, whatever fails.

use std::time::Duration;

use candid::{Nat, Principal};
use pocket_ic::PocketIc;
use test_support::canisters::ledger::{self, FEE, account, alice, balance, bob, transfer};
use test_support::{Canister, Program, Server, controller, encode, on_every_server, stranger};

/// Until when a ledger remembers transfers, with a margin.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(26 * 60 * 60);

/// Tokens for all payments of a test.
const FUNDS: u128 = 10_000;

/// An argument for upgrades, which keep the ledger.
const NO_LEDGER: &str = r#"(principal "aaaaa-aa")"#;

/// A ledger, and a canister with payments to make.
struct Scene<'a> {
    pic: &'a PocketIc,
    ledger: Canister<'a>,
    payout: Canister<'a>,
}

/// The programs, where the ledger can be fetched.
fn programs() -> Option<[Program; 2]> {
    Some([ledger::program()?, Program::rust("payout")])
}

impl<'a> Scene<'a> {
    /// Ledger and canister on different subnets, so that calls take more than a round.
    fn new(pic: &'a PocketIc, [ledger, payout]: &'a [Program; 2]) -> Self {
        let ledger = ledger::install_on(ledger, pic, 1);
        let payout = payout.install(pic, &format!(r#"(principal "{}")"#, ledger.id));
        Self { pic, ledger, payout }
    }

    /// The same, and the canister has tokens and two equal payments to Bob.
    fn with_payments(pic: &'a PocketIc, programs: &'a [Program; 2]) -> Self {
        let scene = Self::new(pic, programs);
        scene.fund(FUNDS);
        scene.add(0, &[(bob(), 100), (bob(), 100)]);
        scene
    }

    fn fund(&self, tokens: u128) {
        let transfer = transfer(self.payout.id, tokens, "");
        let reply = self.ledger.call_as(alice(), "icrc1_transfer", &transfer);
        assert!(reply.as_ref().is_ok_and(|reply| reply.contains("Ok")), "{reply:?}");
    }

    fn add(&self, first: u64, payments: &[(Principal, u128)]) {
        assert_eq!(self.payout.call("add", &list(first, payments)), "(variant { Ok })");
    }

    /// Asserts how many payments are in which state, and how many tokens Bob has.
    #[track_caller]
    fn assert(&self, [due, unknown, paid]: [u64; 3], tokens_of_bob: u128) {
        let counts = format!(
            "(record {{ due = {due} : nat64; paid = {paid} : nat64; unknown = {unknown} : nat64 }})"
        );
        let reply = self.payout.ask("counts", "()").replace('_', "");
        assert_eq!(fields(&reply), fields(&counts));
        assert_eq!(balance(&self.ledger, bob()), tokens_of_bob);
    }

    /// Asserts that a payment is in this state, for this reason.
    #[track_caller]
    fn assert_state(&self, number: u64, state: &str, reason: &str) {
        let payout = self.payout.ask("payout", &format!("({number})"));
        let state = format!("state = variant {{ {state} = ");
        assert!(payout.contains(&state) && payout.contains(reason), "{payout}");
    }

    /// Has the canister make the transfers, and upgrades it by force before it learns the outcome.
    fn interrupt(&self) {
        self.payout.submit("pay", &format!("({FEE})"));
        self.pic.tick();
        self.payout.upgrade_at_once(NO_LEDGER, true).expect("nothing refuses");
        self.assert([0, 2, 0], 200);
    }
}

/// The fields of a record, sorted.
fn fields(record: &str) -> Vec<&str> {
    let mut fields: Vec<_> = record.trim_matches(['(', ')']).split([';', '{', '}']).collect();
    fields.iter_mut().for_each(|field| *field = field.trim());
    fields.sort_unstable();
    fields
}

/// The argument of `add`.
fn list(first: u64, payments: &[(Principal, u128)]) -> String {
    let payment = |(to, amount): &(Principal, u128)| {
        format!("record {{ to = {}; amount = {amount} }}", account(*to))
    };
    let payments: Vec<_> = payments.iter().map(payment).collect();
    format!("({first}, vec {{ {} }})", payments.join("; "))
}

fn in_scene(test: impl Fn(Scene)) {
    let Some(programs) = programs() else { return };
    on_every_server(|server: Server| {
        let pic = server.instance(2);
        test(Scene::with_payments(&pic, &programs));
    });
}

#[test]
fn equal_payments_are_two_transfers_and_none_is_made_twice() {
    in_scene(|scene| {
        let carol = Principal::self_authenticating(b"Carol");
        let again = scene.payout.call("add", &list(0, &[(bob(), 100)]));
        assert!(again.contains("the list has 2 payments"), "{again}");
        scene.add(2, &[(carol, 55)]);
        scene.assert([3, 0, 0], 0);
        for _ in 0..2 {
            scene.payout.call("pay", &format!("({FEE})"));
            scene.assert([0, 0, 3], 200);
        }
        assert_eq!(balance(&scene.ledger, carol), 55);
        assert_eq!(balance(&scene.ledger, scene.payout.id), FUNDS - 255 - 3 * FEE);
        // Alice has made the first transfer after block 0, the supply.
        scene.assert_state(0, "Paid", "= 2 : nat");
        let payout = scene.payout;
        let refusal = payout.call_as(stranger(), "pay", "(10)").expect_err("a stranger");
        assert!(refusal.reject_message.contains("only a controller"), "{refusal:?}");
        payout.upgrade(NO_LEDGER).expect("no call is open");
        scene.assert([0, 0, 3], 200);
    });
}

#[test]
fn more_payments_than_there_are_slots_are_all_made_for_eight_million_cycles_each() {
    in_scene(|scene| {
        let payments: u64 = 700;
        scene.add(2, &vec![(bob(), 1); payments as usize - 2]);
        let cycles = || scene.pic.cycle_balance(scene.payout.id);
        let before = cycles();
        scene.payout.call_in_time("pay", &format!("({FEE})"));
        scene.assert([0, 0, payments], 200 + u128::from(payments) - 2);
        let spent = (before - cycles()) / u128::from(payments);
        assert!(spent < 8_000_000, "{spent}");
    });
}

#[test]
fn a_wrong_fee_and_missing_tokens_are_final_until_somebody_mends_them() {
    in_scene(|scene| {
        let pay = |fee: u128| scene.payout.call("pay", &format!("({fee})"));
        pay(FEE - 1);
        scene.assert([2, 0, 0], 0);
        scene.assert_state(0, "Due", "BadFee { expected_fee: Nat(10) }");
        scene.add(2, &[(bob(), FUNDS)]);
        pay(FEE);
        scene.assert([1, 0, 2], 200);
        scene.assert_state(2, "Due", "InsufficientFunds");
        scene.fund(FUNDS);
        pay(FEE);
        scene.assert([0, 0, 3], 200 + FUNDS);
    });
}

#[test]
fn a_ledger_that_is_unavailable_for_a_while_is_asked_again() {
    let Some(programs) = programs() else { return };
    on_every_server(|server| {
        let pic = server.instance(2);
        let scene = Scene::new(&pic, &programs);
        scene.add(0, &[(bob(), 100), (bob(), 100)]);
        let ledger = scene.ledger;
        pic.reinstall_canister(ledger.id, unavailable_ledger(), vec![], Some(controller()))
            .expect("the controller may do that");
        let message = scene.payout.submit("pay", &format!("({FEE})"));
        (0..10).for_each(|_| pic.tick());
        assert_eq!(pic.ingress_status(message.clone()), None, "a pause, and another attempt");

        ledger.reinstall(&ledger::setup_argument()).expect("the controller may do that");
        scene.fund(FUNDS);
        scene.assert([0, 2, 0], 0);
        scene.payout.reply_in_time("pay", message);
        scene.assert([0, 0, 2], 200);
    });
}

/// A canister that replies to every transfer that it is unavailable.
fn unavailable_ledger() -> Vec<u8> {
    let reply = encode(Err::<Nat, _>(Unavailable::TemporarilyUnavailable));
    let bytes: String = reply.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let module = format!(
        r#"(module
            (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
            (import "ic0" "msg_reply" (func $reply))
            (memory 1)
            (data (i32.const 0) "{bytes}")
            (func (export "canister_update icrc1_transfer")
                (call $append (i32.const 0) (i32.const {}))
                (call $reply)))"#,
        reply.len()
    );
    wat::parse_str(module).expect("the module is valid")
}

#[derive(candid::CandidType)]
enum Unavailable {
    TemporarilyUnavailable,
}

#[test]
fn while_the_ledger_is_stopped_payments_are_unknown_and_then_they_are_made_once() {
    in_scene(|scene| {
        let pay = format!("({FEE})");
        scene.pic.stop_canister(scene.ledger.id, Some(controller())).expect("it stops");
        scene.payout.call_in_time("pay", &pay);
        scene.pic.start_canister(scene.ledger.id, Some(controller())).expect("it starts");
        scene.assert([0, 2, 0], 0);
        scene.assert_state(1, "Unknown", "stopped");
        // Another fee would be another transfer. The payments keep the fee of their first attempt.
        scene.payout.call_in_time("pay", "(99)");
        scene.assert([0, 0, 2], 200);
    });
}

#[test]
fn a_transfer_whose_response_is_late_is_asked_for_again_and_not_made_again() {
    in_scene(|scene| {
        let message = scene.payout.submit("pay", &format!("({FEE})"));
        scene.pic.tick();
        assert_eq!(balance(&scene.ledger, bob()), 200, "the ledger has made the transfers");
        // The wait is over before the responses arrive.
        scene.pic.advance_time(Duration::from_secs(301));
        scene.payout.reply_in_time("pay", message);
        scene.assert([0, 0, 2], 200);
    });
}

#[test]
fn an_upgrade_is_refused_while_transfers_are_open() {
    in_scene(|scene| {
        let message = scene.payout.submit("pay", &format!("({FEE})"));
        scene.pic.tick();
        let refusal = scene.payout.upgrade_at_once(NO_LEDGER, false).expect_err("calls are open");
        assert!(refusal.reject_message.contains("stop this canister"), "{refusal:?}");
        scene.payout.reply_in_time("pay", message);
        scene.assert([0, 0, 2], 200);
    });
}

#[test]
fn transfers_that_a_forced_upgrade_cuts_off_are_made_once() {
    in_scene(|scene| {
        scene.interrupt();
        scene.payout.call_in_time("pay", &format!("({FEE})"));
        scene.assert([0, 0, 2], 200);
    });
}

#[test]
fn a_transfer_that_the_ledger_has_forgotten_stays_unknown_until_a_controller_resolves_it() {
    in_scene(|scene| {
        scene.interrupt();
        let early = scene.payout.call("resolve", "(0, null)");
        assert!(early.contains("can still make the transfer"), "{early}");
        scene.pic.advance_time(FORGOTTEN_AFTER);
        scene.payout.call_in_time("pay", &format!("({FEE})"));
        scene.assert([0, 2, 0], 200);
        scene.assert_state(0, "Unknown", "TooOld");
        // A controller has found block 2, and believes that the other transfer was not made.
        assert_eq!(scene.payout.call("resolve", "(0, opt 2)"), "(variant { Ok })");
        assert_eq!(scene.payout.call("resolve", "(1, null)"), "(variant { Ok })");
        scene.assert([1, 0, 1], 200);
        let settled = scene.payout.call("resolve", "(0, opt 2)");
        assert!(settled.contains("no unknown payment 0"), "{settled}");
        scene.payout.call_in_time("pay", &format!("({FEE})"));
        scene.assert([0, 0, 2], 300);
    });
}
