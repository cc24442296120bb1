//! Networks with two canisters that run scripts.

use super::script::{Script, canister, number, script};
use crate::{CallResult, DEFAULT_CYCLES, Server};
use candid::Principal;
use pocket_ic::common::rest::RawMessageId;
use pocket_ic::{PocketIc, PocketIcBuilder};

/// Ticks after which a message counts as lost.
const TICKS_MAX: usize = 5_000;

/// A network with two canisters that run scripts.
pub struct ScriptedNetwork {
    /// The client's handle of the network.
    pub pic: PocketIc,
    /// The first canister.
    pub a: Principal,
    /// The second canister.
    pub b: Principal,
}

impl Server {
    /// Two canisters on one subnet.
    pub fn one_subnet(self) -> ScriptedNetwork {
        let pic = self.network().with_application_subnet().build();
        let [a, b] = [install(&pic), install(&pic)];
        ScriptedNetwork { pic, a, b }
    }

    /// A canister on each of two subnets. In a tick, the subnet of `a` comes first.
    pub fn two_subnets(self) -> ScriptedNetwork {
        ScriptedNetwork::on_two_subnets(self.network())
    }
}

/// Puts messages that were submitted at the same time into the order in which a block has them: by message
/// id.
pub fn in_block_order(mut messages: Vec<RawMessageId>) -> Vec<RawMessageId> {
    messages.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    messages
}

/// Creates a canister that runs scripts.
pub fn install(pic: &PocketIc) -> Principal {
    install_module(pic, canister())
}

/// Creates a canister with this module.
pub fn install_module(pic: &PocketIc, module: Vec<u8>) -> Principal {
    let id = pic.create_canister();
    // A PocketIC server gives the amount for which the client asks, so the amount is the same on both servers.
    assert_eq!(pic.cycle_balance(id), DEFAULT_CYCLES);
    pic.install_canister(id, module, vec![], None);
    id
}

impl ScriptedNetwork {
    /// Adds two subnets to a network, with a canister on each. In a tick, the subnet of `a` comes first.
    pub fn on_two_subnets(network: PocketIcBuilder) -> Self {
        let pic = network.with_application_subnet().with_application_subnet().build();
        let subnets = pic.topology().get_app_subnets();
        assert!(subnets[0] < subnets[1], "subnets take turns in the order of their ids");
        let [a, b] = [0, 1].map(|number| {
            let id = pic.create_canister_on_subnet(None, None, subnets[number]);
            pic.install_canister(id, canister(), vec![], None);
            id
        });
        Self { pic, a, b }
    }

    /// Has a canister run a script, and ticks until the canister has responded.
    pub fn run(&self, canister: Principal, script: Script) -> CallResult {
        self.pic.update_call(canister, Principal::anonymous(), "run", script.bytes())
    }

    /// Has a canister run a script as a query.
    pub fn ask(&self, canister: Principal, script: Script) -> CallResult {
        self.pic.query_call(canister, Principal::anonymous(), "ask", script.bytes())
    }

    /// Sends a script to a canister, without a tick.
    pub fn submit(&self, canister: Principal, script: Script) -> RawMessageId {
        self.pic
            .submit_call(canister, Principal::anonymous(), "run", script.bytes())
            .expect("the network accepts the message")
    }

    /// The response to a message, once there is one.
    pub fn response(&self, message: &RawMessageId) -> Option<CallResult> {
        self.pic.ingress_status(message.clone())
    }

    /// Ticks until there is a response to a message. Returns the number of ticks and the response.
    pub fn ticks(&self, message: &RawMessageId) -> (usize, CallResult) {
        for ticks in 0..TICKS_MAX {
            if let Some(response) = self.response(message) {
                return (ticks, response);
            }
            self.pic.tick();
        }
        panic!("there is no response within {TICKS_MAX} ticks");
    }

    /// The number in a cell of a canister.
    pub fn cell(&self, canister: Principal, cell: u64) -> u64 {
        let script = script().load(cell).reply_number();
        number(&self.ask(canister, script).expect("a query can read the cell"))
    }

    /// The cycles that a canister spends while `action` runs, and what `action` returns.
    pub fn spent<T>(&self, canister: Principal, action: impl FnOnce() -> T) -> (u128, T) {
        let before = self.pic.cycle_balance(canister);
        let result = action();
        (before - self.pic.cycle_balance(canister), result)
    }
}
