//! Three questions to three canisters: what each replies, and the default for each that does not reply.

use std::time::Duration;

use candid::{Nat, Principal};
use pocket_ic::common::rest::RawMessageId;
use test_support::canisters::ledger;
use test_support::{Server, on_every_server};

use crate::answers::{Amount, Portfolio, PortfolioRequest, UserAccount};
use crate::moody::Mood;
use crate::pair::{Pair, callee_module, controller, create, decode, encode};
use crate::raw_calls;

/// How long each canister has to respond.
const WAIT: Duration = Duration::from_secs(30);

/// What remains of it when a test looks whether it is over.
const MARGIN: Duration = Duration::from_secs(2);

/// What the canisters say of the user.
const BALANCE: u128 = 1_234_567_890_123_456_789_012;
const POSITION: u128 = 22;
const REWARDS: u128 = 333;

/// What a moody callee says.
const MOODY_POSITION: u128 = 7;

fn user() -> Principal {
    Principal::self_authenticating(b"user")
}

fn answered(amount: u128) -> Amount {
    Amount::Answered(amount.into())
}

impl Pair {
    /// One more callee, which knows the user.
    pub fn data_callee(&self, subnet: usize) -> Principal {
        let id = create(&self.pic, subnet);
        self.install_code(id, callee_module());
        self.set_account(id);
        id
    }

    fn set_account(&self, callee: Principal) {
        let account = UserAccount {
            user: user(),
            balance: BALANCE.into(),
            position: POSITION.into(),
            rewards: REWARDS.into(),
        };
        self.pic
            .update_call(callee, controller(), "set_account", encode(account))
            .expect("a controller may do that");
    }

    fn submit_portfolio(&self, request: PortfolioRequest) -> RawMessageId {
        self.pic
            .submit_call(self.caller, controller(), "get_portfolio", encode(request))
            .expect("the caller takes messages")
    }

    /// The portfolio, and in how many rounds.
    pub fn portfolio(&self, request: PortfolioRequest) -> (Portfolio, u64) {
        let (reply, rounds) = self.wait_for(&self.submit_portfolio(request));
        (decode(&reply.expect("it is never a reject")), rounds)
    }

    /// Rounds that a single call takes.
    fn rounds_of(&self, canister: Principal, method: &str, argument: Vec<u8>) -> u64 {
        let request = raw_calls::request(canister, method, argument);
        let message = self
            .pic
            .submit_call(self.caller, controller(), "fan_out", encode(vec![request]))
            .expect("the caller takes messages");
        self.wait_for(&message).1
    }
}

/// A lending market that misbehaves, between two canisters that do not.
struct Scene {
    pair: Pair,
    request: PortfolioRequest,
}

impl Scene {
    fn new(server: Server, subnets: usize) -> Self {
        let pair = Pair::ready(server, subnets);
        let [token, staking] = [0, subnets - 1].map(|subnet| pair.data_callee(subnet));
        let request = PortfolioRequest { user: user(), token, lending: pair.callee, staking };
        Self { pair, request }
    }

    fn moody(server: Server, subnets: usize) -> Self {
        let scene = Self::new(server, subnets);
        scene.pair.moody_callee();
        scene
    }

    /// Asserts that the lending market is missing for this reason, and nothing else is.
    #[track_caller]
    fn assert_missing(&self, portfolio: &Portfolio, why: &str) {
        let Amount::Missing { default, reason } = &portfolio.lending else {
            panic!("{portfolio:?}");
        };
        assert_eq!(*default, Nat::from(0_u8));
        assert!(reason.contains(why), "no `{why}` in {reason}");
        assert_eq!(portfolio.balance, answered(BALANCE));
        assert_eq!(portfolio.staking, answered(REWARDS));
        assert_eq!((portfolio.user, portfolio.answered), (user(), 2));
    }

    /// Asserts that the lending market replies this.
    #[track_caller]
    fn assert_mended(&self, position: u128) {
        let (portfolio, _) = self.pair.portfolio(self.request);
        assert_eq!(portfolio.lending, answered(position));
        assert_eq!(portfolio.answered, 3);
    }
}

#[test]
fn three_canisters_answer_what_their_controllers_set() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let Scene { pair, request } = Scene::new(server, subnets);
            // The third knows nothing of the user yet.
            let (portfolio, _) = pair.portfolio(request);
            assert_eq!((portfolio.lending, portfolio.answered), (answered(0), 3));
            pair.set_account(request.lending);
            let expected = Portfolio {
                user: user(),
                balance: answered(BALANCE),
                lending: answered(POSITION),
                staking: answered(REWARDS),
                answered: 3,
            };
            assert_eq!(pair.portfolio(request).0, expected);
            // One canister may be all three.
            let callee = pair.callee;
            let one =
                PortfolioRequest { token: callee, lending: callee, staking: callee, ..request };
            assert_eq!(pair.portfolio(one).0, expected);
        }
    });
}

#[test]
fn a_real_ledger_is_a_token() {
    let Some(program) = ledger::program() else { return };
    on_every_server(|server| {
        let Scene { pair, request } = Scene::new(server, 2);
        let token = ledger::install(&program, &pair.pic).id;
        for (user, balance) in [(ledger::alice(), ledger::SUPPLY), (ledger::bob(), 0)] {
            let (portfolio, _) = pair.portfolio(PortfolioRequest { user, token, ..request });
            assert_eq!((portfolio.balance, portfolio.answered), (answered(balance), 3));
        }
    });
}

#[test]
fn a_portfolio_takes_as_long_as_its_slowest_response() {
    on_every_server(|server| {
        let Scene { pair, request } = Scene::new(server, 2);
        let (_, rounds) = pair.portfolio(request);
        let near = pair.rounds_of(request.token, "ping", encode(()));
        let far = [(request.lending, "get_position"), (request.staking, "get_rewards")]
            .map(|(canister, method)| pair.rounds_of(canister, method, encode(user())));
        assert!(near < rounds, "one canister is nearer");
        assert_eq!(far, [rounds; 2]);
    });
}

#[test]
fn a_leg_that_fails_is_a_default_with_its_reason() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let scene = Scene::moody(server, subnets);
            for (mood, reason) in [
                (Mood::Trap, "in a bad mood"),
                (Mood::Reject, "not today"),
                (Mood::Garbage, "cannot be decoded"),
                (Mood::TwoMegabytes, "cannot be decoded"),
            ] {
                scene.pair.set_mood(mood);
                let (portfolio, _) = scene.pair.portfolio(scene.request);
                scene.assert_missing(&portfolio, reason);
                scene.pair.set_mood(Mood::Answer);
                scene.assert_mended(MOODY_POSITION);
            }
        }
    });
}

#[test]
fn a_leg_that_is_late_is_a_default_after_half_a_minute() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let scene = Scene::moody(server, subnets);
            let Scene { pair, request } = &scene;
            pair.set_mood(Mood::Silence);
            let message = pair.submit_portfolio(*request);
            pair.wait(Duration::ZERO, 3);
            pair.wait(WAIT - MARGIN, 3);
            assert_eq!(pair.pic.ingress_status(message.clone()), None, "it is too early");
            pair.wait(2 * MARGIN, 3);
            let answer = pair.pic.ingress_status(message).expect("it is time");
            let portfolio: Portfolio = decode(&answer.expect("it is never a reject"));
            scene.assert_missing(&portfolio, "no response in time");
            pair.set_mood(Mood::Answer);
            scene.assert_mended(MOODY_POSITION);
        }
    });
}

#[test]
fn a_leg_that_takes_its_time_but_is_not_late_is_an_answer() {
    on_every_server(|server| {
        let Scene { pair, request } = Scene::moody(server, 2);
        pair.set_mood(Mood::Silence);
        let message = pair.submit_portfolio(request);
        pair.wait(Duration::ZERO, 3);
        pair.wait(WAIT - MARGIN, 3);
        pair.set_mood(Mood::Answer);
        let (answer, _) = pair.wait_for(&message);
        let portfolio: Portfolio = decode(&answer.expect("it is never a reject"));
        assert_eq!((portfolio.lending, portfolio.answered), (answered(MOODY_POSITION), 3));
    });
}

#[test]
fn a_leg_to_a_stopped_canister_is_a_default_until_it_is_started() {
    on_every_server(|server| {
        let scene = Scene::moody(server, 2);
        let Scene { pair, request } = &scene;
        pair.pic.stop_canister(pair.callee, Some(controller())).expect("it stops");
        scene.assert_missing(&pair.portfolio(*request).0, "stopped");
        pair.pic.start_canister(pair.callee, Some(controller())).expect("it starts");
        scene.assert_mended(MOODY_POSITION);
    });
}

#[test]
fn a_leg_that_leads_nowhere_is_a_default() {
    on_every_server(|server| {
        let scene = Scene::moody(server, 2);
        let Scene { pair, request } = &scene;
        for (lending, reason) in [
            (pair.another_canister(), "Wasm module"),
            (controller(), "No route to canister"),
            (Principal::anonymous(), "No route to canister"),
            // These know nothing of positions.
            (pair.caller, "get_position"),
            (Principal::management_canister(), "get_position"),
        ] {
            let (portfolio, _) = pair.portfolio(PortfolioRequest { lending, ..*request });
            scene.assert_missing(&portfolio, reason);
        }
        scene.assert_mended(MOODY_POSITION);
    });
}

#[test]
fn with_all_legs_missing_there_is_still_an_answer() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let nobody = controller();
        let request =
            PortfolioRequest { user: user(), token: nobody, lending: nobody, staking: nobody };
        let (portfolio, _) = pair.portfolio(request);
        assert_eq!(portfolio.answered, 0);
        for amount in [portfolio.balance, portfolio.lending, portfolio.staking] {
            assert!(matches!(amount, Amount::Missing { .. }), "{amount:?}");
        }
    });
}
