//! Servers, networks and what every test does with them.

use crate::ic00::{about, submit};
use crate::script::{Script, canister};
use candid::Principal;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::common::rest::{ExtendedSubnetConfigSet, RawMessageId};
use pocket_ic::{PocketIc, PocketIcBuilder, RejectResponse};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Once};

/// What update calls and queries come to.
pub type Answer = Result<Vec<u8>, RejectResponse>;

/// What canisters get when nothing else is said.
pub const CYCLES: u128 = 100_000_000_000_000;

/// The one embedded server of all tests that need none of their own.
static EMBEDDED: LazyLock<EmbeddedServer> = LazyLock::new(embedded_server);

/// An embedded server of one's own.
pub fn embedded_server() -> EmbeddedServer {
    EmbeddedServer::start(ServerConfig::default()).expect("a port is free")
}

/// Where a test runs.
#[derive(Clone, Debug)]
pub enum Server {
    Embedded,
    Binary(PathBuf),
}

/// Runs a test on the embedded server and, if there is one, on a PocketIC server.
pub fn on_every_server(test: impl Fn(&Server)) {
    static NOTE: Once = Once::new();
    test(&Server::Embedded);
    match std::env::var_os("POCKET_IC_BIN") {
        Some(path) => test(&Server::Binary(path.into())),
        None => NOTE.call_once(|| {
            let note = "POCKET_IC_BIN is not set: these tests run on the embedded replica only";
            writeln!(std::io::stderr(), "{note}").expect("standard error can be written");
        }),
    }
}

impl Server {
    /// A network on this server, yet without subnets.
    pub fn network(&self) -> PocketIcBuilder {
        self.build_on(PocketIcBuilder::new())
    }

    /// A network with these subnets on this server.
    pub fn network_of(&self, subnets: ExtendedSubnetConfigSet) -> PocketIcBuilder {
        self.build_on(PocketIcBuilder::new_with_config(subnets))
    }

    fn build_on(&self, builder: PocketIcBuilder) -> PocketIcBuilder {
        match self {
            Self::Embedded => build_on(builder, &EMBEDDED),
            Self::Binary(path) => builder.with_server_binary(path.clone()),
        }
    }

    /// Two canisters on one subnet.
    pub fn one_subnet(&self) -> World {
        let pic = self.network().with_application_subnet().build();
        let [a, b] = [install(&pic), install(&pic)];
        World { pic, a, b }
    }

    /// A canister on each of two subnets. The one of `a` comes first in a tick.
    pub fn two_subnets(&self) -> World {
        let pic = self.network().with_application_subnet().with_application_subnet().build();
        let subnets = pic.topology().get_app_subnets();
        assert!(subnets[0] < subnets[1], "subnets take turns in the order of their ids");
        let [a, b] = [0, 1].map(|number| {
            let canister = pic.create_canister_on_subnet(None, None, subnets[number]);
            pic.install_canister(canister, crate::script::canister(), vec![], None);
            canister
        });
        World { pic, a, b }
    }
}

/// A network on an embedded server, yet without subnets.
pub fn on(server: &EmbeddedServer) -> PocketIcBuilder {
    build_on(PocketIcBuilder::new(), server)
}

fn build_on(builder: PocketIcBuilder, server: &EmbeddedServer) -> PocketIcBuilder {
    builder.with_server_url(server.url().parse().expect("it is a URL"))
}

/// A canister that runs scripts.
pub fn install(pic: &PocketIc) -> Principal {
    install_module(pic, canister())
}

/// A canister with this module.
pub fn install_module(pic: &PocketIc, module: Vec<u8>) -> Principal {
    let id = pic.create_canister();
    // The real server gives what the client asks for, so this is the same on both.
    assert_eq!(pic.cycle_balance(id), CYCLES);
    pic.install_canister(id, module, vec![], None);
    id
}

/// A network with two canisters.
pub struct World {
    pub pic: PocketIc,
    pub a: Principal,
    pub b: Principal,
}

impl World {
    /// Has a canister run a script, and ticks until it has answered.
    pub fn run(&self, canister: Principal, script: Script) -> Answer {
        self.pic.update_call(canister, Principal::anonymous(), "run", script.bytes())
    }

    /// Has a canister run a script as a query.
    pub fn ask(&self, canister: Principal, script: Script) -> Answer {
        self.pic.query_call(canister, Principal::anonymous(), "ask", script.bytes())
    }

    /// Sends a script to a canister, without a tick.
    pub fn submit(&self, canister: Principal, script: Script) -> RawMessageId {
        self.pic
            .submit_call(canister, Principal::anonymous(), "run", script.bytes())
            .expect("the message is let in")
    }

    /// Sends a management call about a canister as its controller, without a tick.
    pub fn submit_management(&self, method: &str, canister: Principal) -> RawMessageId {
        submit(&self.pic, canister, method, about(canister))
    }

    /// The answer to a message, if it is there.
    pub fn answer(&self, message: &RawMessageId) -> Option<Answer> {
        self.pic.ingress_status(message.clone())
    }

    /// Ticks until a message is answered, and says how many ticks that took.
    pub fn ticks(&self, message: &RawMessageId) -> (usize, Answer) {
        for ticks in 0..5_000 {
            if let Some(answer) = self.answer(message) {
                return (ticks, answer);
            }
            self.pic.tick();
        }
        panic!("the message is never answered");
    }

    /// What a canister holds in a cell.
    pub fn cell(&self, canister: Principal, cell: u64) -> u64 {
        let script = crate::script::script().load(cell).reply_number();
        crate::script::number(&self.ask(canister, script).expect("cells can be read"))
    }

    /// What a canister spends while something happens.
    pub fn spent<T>(&self, canister: Principal, happening: impl FnOnce() -> T) -> (u128, T) {
        let before = self.pic.cycle_balance(canister);
        let result = happening();
        (before - self.pic.cycle_balance(canister), result)
    }
}
