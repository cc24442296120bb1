//! The installed pair of caller and callee, and calls to both.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use candid::{CandidType, Nat, Principal};
use multi_subnet::canisters::{ModulePaths, workspace_modules};
use pocket_ic::common::rest::RawMessageId;
use pocket_ic::{
    CanisterSettings, CreateCanisterParams, CreateCanisterPlacement, EnvironmentVariable, PocketIc,
    RejectCode, RejectResponse,
};
use serde::de::DeserializeOwned;
use test_support::Server;

pub use test_support::users::create;
pub use test_support::{
    DEFAULT_CYCLES, StatusOf, controller, decode, encode, no_result, nothing, stranger,
};

/// How many calls of one canister to another can be open.
pub const OPEN_CALLS_MAX: u64 = 500;

/// How many of them a planned window uses.
pub const PLANNED_CALLS_MAX: u64 = 450;

/// Where the caller looks for its callee when it was told none.
const CALLEE_VARIABLE: &str = "PUBLIC_CANISTER_ID:callee";

/// Rounds after which a message counts as lost.
const ROUNDS_MAX: u64 = 10_000;

static MODULES: LazyLock<ModulePaths> =
    LazyLock::new(|| workspace_modules().expect("the canisters of this workspace build"));

/// The caller's module.
pub fn caller_module() -> Vec<u8> {
    fs::read(&MODULES.caller).expect("the canister was built")
}

/// The callee's module.
pub fn callee_module() -> Vec<u8> {
    fs::read(&MODULES.callee).expect("the canister was built")
}

/// The ways to make many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Sequential,
    Parallel,
    Windowed,
}

pub use Strategy::{Parallel, Sequential, Windowed};

impl Strategy {
    pub const ALL: [Self; 3] = [Sequential, Parallel, Windowed];

    fn method(self) -> &'static str {
        match self {
            Sequential => "sequential_calls",
            Parallel => "parallel_calls",
            Windowed => "windowed_calls",
        }
    }
}

/// An instance with both canisters installed, and nothing said to the caller yet.
pub struct Pair {
    pub pic: PocketIc,
    pub caller: Principal,
    pub callee: Principal,
}

impl Pair {
    /// On two subnets, or on one.
    pub fn install(server: Server, subnets: usize) -> Self {
        Self::install_with_cycles(server, subnets, DEFAULT_CYCLES)
    }

    /// On two subnets of a network that agents can talk to.
    pub fn install_for_agents(server: Server) -> Self {
        let pic = server.instance_for_agents(2);
        let subnets = pic.topology().get_app_subnets();
        Self::install_on(pic, [subnets[0], subnets[1]], DEFAULT_CYCLES)
    }

    fn install_with_cycles(server: Server, subnets: usize, cycles: u128) -> Self {
        let pic = server.instance(subnets);
        let subnets = pic.topology().get_app_subnets();
        Self::install_on(pic, [subnets[0], subnets[subnets.len() - 1]], cycles)
    }

    /// On these subnets.
    fn install_on(pic: PocketIc, [near, far]: [Principal; 2], cycles: u128) -> Self {
        let caller = create_with_cycles(&pic, near, cycles);
        let callee = pic.create_canister_on_subnet(Some(controller()), None, far);
        let pair = Self { pic, caller, callee };
        pair.install_code(caller, caller_module());
        pair.install_code(callee, callee_module());
        pair
    }

    /// The same, and the caller knows its callee.
    pub fn ready(server: Server, subnets: usize) -> Self {
        Self::ready_with_cycles(server, subnets, DEFAULT_CYCLES)
    }

    /// The same, and the caller was created with so many cycles.
    pub fn ready_with_cycles(server: Server, subnets: usize, cycles: u128) -> Self {
        Self::install_with_cycles(server, subnets, cycles).introduced()
    }

    /// The same on this network, on its first and its last application subnet.
    pub fn ready_on(pic: PocketIc) -> Self {
        let subnets = pic.topology().get_app_subnets();
        Self::install_on(pic, [subnets[0], subnets[subnets.len() - 1]], DEFAULT_CYCLES).introduced()
    }

    /// The same on one subnet of 34 nodes.
    pub fn ready_on_34_nodes(server: Server, cycles: u128) -> Self {
        let pic = server.instance_with_34_nodes();
        let subnet = pic.topology().get_fiduciary().expect("there is one");
        Self::install_on(pic, [subnet; 2], cycles).introduced()
    }

    fn introduced(self) -> Self {
        self.setup_callee(self.callee, controller()).expect("the controller may name a canister");
        self
    }

    /// One more canister, without code, on the callee's subnet.
    pub fn another_canister(&self) -> Principal {
        create(&self.pic, self.pic.topology().get_app_subnets().len() - 1)
    }

    /// Raises the caller's freezing threshold until it can spend about so many cycles.
    pub fn leave_cycles(&self, cycles: u128) {
        let status =
            self.pic.status_of(self.caller, Some(controller())).expect("the controller may ask");
        let number = |number: Nat| u128::try_from(number.0).expect("the number fits");
        let frozen = number(status.cycles) - cycles;
        let seconds = frozen * 86_400 / number(status.idle_cycles_burned_per_day);
        let settings =
            CanisterSettings { freezing_threshold: Some(seconds.into()), ..Default::default() };
        self.pic
            .update_canister_settings(self.caller, Some(controller()), settings)
            .expect("the controller may do that");
    }

    pub fn install_code(&self, canister: Principal, module: Vec<u8>) {
        self.pic.install_canister(canister, module, nothing(), Some(controller()));
    }

    pub fn setup_callee(&self, id: Principal, sender: Principal) -> Result<(), RejectResponse> {
        let reply = self.pic.update_call(self.caller, sender, "setup_callee", encode(id))?;
        assert_eq!(reply, no_result());
        Ok(())
    }

    /// Leaves a text where `icp deploy` leaves the callee's id.
    pub fn set_environment(&self, value: &str) {
        let variable = EnvironmentVariable { name: CALLEE_VARIABLE.into(), value: value.into() };
        let settings =
            CanisterSettings { environment_variables: Some(vec![variable]), ..Default::default() };
        self.pic
            .update_canister_settings(self.caller, Some(controller()), settings)
            .expect("the controller may do that");
    }

    /// Asks for `n` calls and executes rounds until they have their responses.
    pub fn run(&self, strategy: Strategy, n: u64) -> Result<Outcome, RejectResponse> {
        let message = self.submit(strategy, n)?;
        let (answer, rounds) = self.wait_for(&message);
        answer.map(|reply| Outcome { succeeded: decode(&reply), rounds })
    }

    /// The reply of a method of the caller to its controller.
    pub fn ask<T: CandidType + DeserializeOwned>(
        &self,
        method: &str,
        argument: impl CandidType,
    ) -> T {
        let reply = self.pic.update_call(self.caller, controller(), method, encode(argument));
        decode(&reply.expect("the canister replies"))
    }

    /// Lets time pass, and rounds after it.
    pub fn wait(&self, time: Duration, rounds: u64) {
        self.pic.advance_time(time);
        for _ in 0..rounds {
            self.pic.tick();
        }
    }

    /// Executes rounds until a message has its response.
    pub fn wait_for(&self, message: &RawMessageId) -> (Result<Vec<u8>, RejectResponse>, u64) {
        for rounds in 1..=ROUNDS_MAX {
            self.pic.tick();
            if let Some(answer) = self.pic.ingress_status(message.clone()) {
                return (answer, rounds);
            }
        }
        panic!("there is no answer within {ROUNDS_MAX} rounds");
    }

    /// How many of `n` calls succeed.
    pub fn successes(&self, strategy: Strategy, n: u64) -> u64 {
        self.run(strategy, n).expect("the caller counts failures and does not fail").succeeded
    }

    /// The reject of a caller that makes no calls.
    pub fn refusal(&self, strategy: Strategy, n: u64) -> RejectResponse {
        self.run(strategy, n).expect_err("the caller refuses")
    }

    /// Asks for `n` calls; the next round is when they are made.
    pub fn submit(&self, strategy: Strategy, n: u64) -> Result<RawMessageId, RejectResponse> {
        self.pic.submit_call(self.caller, controller(), strategy.method(), encode(n))
    }

    /// The response to a message, once there is one.
    pub fn answer(&self, message: &RawMessageId) -> Option<Result<u64, RejectResponse>> {
        let answer = self.pic.ingress_status(message.clone())?;
        Some(answer.map(|reply| decode(&reply)))
    }

    /// The balances of caller and callee.
    pub fn cycles(&self) -> [u128; 2] {
        [self.caller, self.callee].map(|canister| self.pic.cycle_balance(canister))
    }
}

/// What came of a number of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub succeeded: u64,
    pub rounds: u64,
}

/// Asserts that the caller itself rejected, with a text that contains these fragments.
#[track_caller]
pub fn assert_refusal(reject: &RejectResponse, fragments: &[&str]) {
    assert_eq!(reject.reject_code, RejectCode::CanisterReject, "{reject:?}");
    for fragment in fragments {
        assert!(reject.reject_message.contains(fragment), "no `{fragment}` in {reject:?}");
    }
}

/// Creates a canister without code, with this number of cycles.
pub fn create_with_cycles(pic: &PocketIc, subnet: Principal, cycles: u128) -> Principal {
    let params = CreateCanisterParams {
        cycles: Some(cycles),
        placement: Some(CreateCanisterPlacement::SubnetId(subnet)),
        ..Default::default()
    };
    pic.create_canister_with_params(Some(controller()), params).expect("the subnet takes canisters")
}
