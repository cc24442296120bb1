//! The example `swap` and two real ledgers: both owners get the tokens of the other, or their own.

use std::time::Duration;

use candid::Principal;
use pocket_ic::PocketIc;
use test_support::canisters::ledger::{self, FEE, SUPPLY, account, alice, balance, bob, transfer};
use test_support::{Canister, Program, controller, on_every_server};

/// What Alice offers on the first ledger, and Bob on the second one.
const ALICES: u128 = 1_000;
const BOBS: u128 = 300;

/// The tokens that Bob has at first, on the second ledger.
const TOKENS_OF_BOB: u128 = 5_000;

/// Until when a ledger remembers transfers, with a margin.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(26 * 60 * 60);

struct Scene<'a> {
    pic: &'a PocketIc,
    ledgers: [Canister<'a>; 2],
    swap: Canister<'a>,
}

impl<'a> Scene<'a> {
    /// Two ledgers on another subnet than the canister. Bob has tokens on the second.
    fn new(pic: &'a PocketIc, [ledger, swap]: &'a [Program; 2]) -> Self {
        let ledgers = [1, 1].map(|subnet| ledger::install_on(ledger, pic, subnet));
        let gift = transfer(bob(), TOKENS_OF_BOB, "");
        ledgers[1].call_as(alice(), "icrc1_transfer", &gift).expect("it is made");
        Self { pic, ledgers, swap: swap.install(pic, "()") }
    }

    /// Has an owner approve that the canister takes the offer and the fee.
    fn approve(&self, side: usize) {
        let (owner, amount) = [(alice(), ALICES), (bob(), BOBS)][side];
        let (spender, amount) = (account(self.swap.id), amount + FEE);
        let argument = format!("(record {{ spender = {spender}; amount = {amount} }})");
        let reply = self.ledgers[side].call_as(owner, "icrc2_approve", &argument);
        assert!(reply.as_ref().is_ok_and(|reply| reply.contains("Ok")), "{reply:?}");
    }

    /// Opens a swap, with this fee for the second ledger.
    fn open(&self, fee: u128) {
        let offer = |owner: Principal, ledger: Canister, amount, fee| {
            let id = ledger.id;
            format!(
                r#"record {{ owner = principal "{owner}"; ledger = principal "{id}"; amount = {amount}; fee = {fee} }}"#
            )
        };
        let [first, second] = self.ledgers;
        let offers =
            [offer(alice(), first, ALICES, FEE), offer(bob(), second, BOBS, fee)].join(", ");
        let reply = self.swap.call("open_swap", &format!("({offers})"));
        assert_eq!(reply, "(variant { Ok = 0 : nat64 })");
    }

    /// Continues the swap. Its phase must then be this.
    #[track_caller]
    fn continue_until(&self, phase: &str) -> String {
        let swap = self.swap.call_in_time("continue_swap", "(0)");
        assert!(swap.contains(&format!("phase = variant {{ {phase} }}")), "{swap}");
        swap
    }

    /// The tokens of Alice on both ledgers, and of Bob.
    fn tokens(&self) -> [[u128; 2]; 2] {
        [alice(), bob()].map(|owner| self.ledgers.map(|ledger| balance(&ledger, owner)))
    }

    /// What both have before the swap, approvals paid.
    fn tokens_before(&self) -> [[u128; 2]; 2] {
        let alices = [SUPPLY - FEE, SUPPLY - TOKENS_OF_BOB - FEE];
        [alices, [0, TOKENS_OF_BOB - FEE]]
    }

    /// What both have after an exchange.
    fn tokens_after(&self) -> [[u128; 2]; 2] {
        let [[a0, a1], [b0, b1]] = self.tokens_before();
        [[a0 - ALICES - FEE, a1 + BOBS - FEE], [b0 + ALICES - FEE, b1 - BOBS - FEE]]
    }

    /// What both have if the tokens of Alice were taken and returned: two fees are gone.
    fn tokens_after_return(&self) -> [[u128; 2]; 2] {
        let [[a0, a1], bob] = self.tokens_before();
        [[a0 - 2 * FEE, a1], bob]
    }

    fn stop(&self, side: usize) {
        self.pic.stop_canister(self.ledgers[side].id, Some(controller())).expect("it stops");
    }

    fn start(&self, side: usize) {
        self.pic.start_canister(self.ledgers[side].id, Some(controller())).expect("it starts");
    }

    /// Has the swap take the tokens, and forget everything that is not in stable memory before it learns the outcome.
    fn interrupt(&self) {
        self.swap.submit("continue_swap", "(0)");
        self.pic.tick();
        self.swap.upgrade_at_once("()", true).expect("nothing refuses");
        let swap = self.swap.ask("swap", "(0)");
        assert!(swap.contains("phase = variant { Taking }"), "{swap}");
        assert_eq!(swap.matches("taken = variant { Unknown").count(), 2, "{swap}");
    }
}

/// A swap that is open, with the approvals of both owners.
fn in_scene(test: impl Fn(Scene)) {
    in_scene_without_approvals(|scene| {
        scene.approve(0);
        scene.approve(1);
        test(scene);
    });
}

fn in_scene_without_approvals(test: impl Fn(Scene)) {
    let Some(ledger) = ledger::program() else { return };
    let programs = [ledger, Program::rust("swap")];
    on_every_server(|server| {
        let pic = server.instance(2);
        test(Scene::new(&pic, &programs));
    });
}

#[test]
fn each_owner_gets_the_tokens_of_the_other_once() {
    in_scene(|scene| {
        scene.open(FEE);
        for _ in 0..2 {
            scene.continue_until("Exchanged");
            assert_eq!(scene.tokens(), scene.tokens_after());
        }
        let unknown = scene.swap.call("continue_swap", "(1)");
        assert!(unknown.contains("there is no swap 1"), "{unknown}");
    });
}

#[test]
fn tokens_are_returned_if_the_other_owner_did_not_approve() {
    in_scene_without_approvals(|scene| {
        scene.open(FEE);
        scene.approve(0);
        let swap = scene.continue_until("Returned");
        assert!(swap.contains("InsufficientAllowance"), "{swap}");
        // Too late: the swap has ended.
        scene.approve(1);
        scene.continue_until("Returned");
        assert_eq!(scene.tokens(), scene.tokens_after_return());
    });
}

#[test]
fn tokens_are_returned_if_the_fee_of_the_other_ledger_is_wrong() {
    in_scene(|scene| {
        scene.open(FEE + 1);
        let swap = scene.continue_until("Returned");
        assert!(swap.contains("BadFee"), "{swap}");
        assert_eq!(scene.tokens(), scene.tokens_after_return());
    });
}

#[test]
fn while_it_is_unknown_whether_tokens_were_taken_nothing_is_returned() {
    in_scene(|scene| {
        scene.open(FEE);
        scene.stop(1);
        for _ in 0..2 {
            let swap = scene.continue_until("Taking");
            assert!(swap.contains("stopped"), "{swap}");
        }
        assert_eq!(balance(&scene.ledgers[0], alice()), scene.tokens_after()[0][0]);
        scene.start(1);
        scene.continue_until("Exchanged");
        assert_eq!(scene.tokens(), scene.tokens_after());
    });
}

#[test]
fn tokens_whose_transfer_a_forced_upgrade_cut_off_are_taken_once() {
    in_scene(|scene| {
        scene.open(FEE);
        scene.interrupt();
        scene.continue_until("Exchanged");
        assert_eq!(scene.tokens(), scene.tokens_after());
    });
}

#[test]
fn of_transfers_that_the_ledger_has_forgotten_the_account_tells() {
    in_scene(|scene| {
        scene.open(FEE);
        scene.interrupt();
        scene.pic.advance_time(FORGOTTEN_AFTER);
        scene.continue_until("Exchanged");
        assert_eq!(scene.tokens(), scene.tokens_after());
    });
    in_scene(|scene| {
        scene.open(FEE);
        scene.stop(1);
        scene.continue_until("Taking");
        scene.pic.advance_time(FORGOTTEN_AFTER);
        scene.start(1);
        let swap = scene.continue_until("Returned");
        assert!(swap.contains("the ledger did not make it"), "{swap}");
        assert_eq!(scene.tokens(), scene.tokens_after_return());
    });
}

#[test]
fn a_fee_that_was_raised_in_between_can_be_made_up_for() {
    in_scene(|scene| {
        scene.open(FEE);
        scene.stop(1);
        scene.continue_until("Taking");
        let higher = "(variant { Upgrade = opt record { transfer_fee = opt 15 } })";
        scene.ledgers[0].upgrade(higher).expect("the upgrade succeeds");
        scene.start(1);
        let swap = scene.continue_until("Exchanging");
        assert!(swap.contains("InsufficientFunds"), "{swap}");
        assert_eq!(balance(&scene.ledgers[1], alice()), scene.tokens_after()[0][1]);

        // Alice sends the difference to the account of her side: subaccount 00…01.
        let subaccount = format!("{}\\01", "\\00".repeat(31));
        let (owner, amount) = (scene.swap.id, 5);
        let argument = format!(
            r#"(record {{ to = record {{ owner = principal "{owner}"; subaccount = opt blob "{subaccount}" }}; amount = {amount} }})"#
        );
        let reply = scene.ledgers[0].call_as(alice(), "icrc1_transfer", &argument);
        assert!(reply.as_ref().is_ok_and(|reply| reply.contains("Ok")), "{reply:?}");
        scene.continue_until("Exchanged");
        assert_eq!(scene.tokens()[1], scene.tokens_after()[1]);
    });
}
