//! A canister of somebody else's, spoken to in Candid's text by the interface it comes with.

use std::fs;
use std::time::Duration;

use candid::pretty::candid::value::pp_args;
use candid::types::{Function, Type, TypeInner};
use candid::{IDLArgs, Principal, TypeEnv};
use candid_parser::{check_prog, parse_idl_args};
use ic_management_canister_types::{CanisterInstallMode, InstallCodeArgs, UpgradeFlags};
use pocket_ic::common::rest::{RawEffectivePrincipal, RawMessageId};
use pocket_ic::{PocketIc, RejectResponse, call_candid_as};

use super::{rust_canister, rust_interface};
use crate::users::{controller, create};

/// Rounds after which a message counts as lost.
const ROUNDS_MAX: u32 = 1_000;

/// The result of a call: the reply as Candid's text, on one line, or the reject.
pub type TextResult = Result<String, RejectResponse>;

/// What can be installed: a module, and the types of its methods.
pub struct Program {
    module: Vec<u8>,
    types: TypeEnv,
    service: Type,
}

impl Program {
    /// One of the packages that are built as other people build theirs.
    pub fn rust(package: &str) -> Self {
        let module = fs::read(rust_canister(package)).expect("the canister was built");
        let interface =
            fs::read_to_string(rust_interface(package)).expect("the interface is committed");
        Self::with_interface(module, &interface)
    }

    /// A module beside its interface.
    pub fn with_interface(module: Vec<u8>, interface: &str) -> Self {
        let mut types = TypeEnv::new();
        let interface = interface.parse().expect("the interface is Candid");
        let service = check_prog(&mut types, &interface).expect("the interface is sound");
        Self { module, types, service: service.expect("the interface has a service") }
    }

    /// Installs it on the first subnet, with this argument.
    pub fn install<'a>(&'a self, pic: &'a PocketIc, argument: &str) -> Canister<'a> {
        self.install_on(pic, 0, argument)
    }

    /// Installs it on any subnet.
    pub fn install_on<'a>(
        &'a self,
        pic: &'a PocketIc,
        subnet: usize,
        argument: &str,
    ) -> Canister<'a> {
        let id = create(pic, subnet);
        let argument = self.setup_argument(argument);
        pic.install_canister(id, self.module.clone(), argument, Some(controller()));
        self.at(pic, id)
    }

    /// One that is installed.
    pub fn at<'a>(&'a self, pic: &'a PocketIc, id: Principal) -> Canister<'a> {
        Canister { pic, id, program: self }
    }

    /// The argument of an installation or an upgrade.
    fn setup_argument(&self, text: &str) -> Vec<u8> {
        match self.service.as_ref() {
            TypeInner::Class(types, _) => self.encode(text, types),
            _ => self.encode(text, &[]),
        }
    }

    fn method<'a>(&'a self, name: &'a str) -> &'a Function {
        let method = self.types.get_method(&self.service, name);
        method.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn encode(&self, text: &str, types: &[Type]) -> Vec<u8> {
        parse_idl_args(text)
            .map_err(|error| error.to_string())
            .and_then(|values| {
                values.to_bytes_with_types(&self.types, types).map_err(|error| error.to_string())
            })
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn decode(&self, reply: &[u8], types: &[Type]) -> String {
        let values = IDLArgs::from_bytes_with_types(reply, &self.types, types);
        let values = values.expect("the reply is what the interface promises");
        // Nothing is wider than that, so nothing is broken into lines.
        pp_args(&values).pretty(usize::MAX).to_string()
    }
}

/// An installed canister.
#[derive(Clone, Copy)]
pub struct Canister<'a> {
    /// The network of the canister.
    pub pic: &'a PocketIc,
    /// The id of the canister.
    pub id: Principal,
    program: &'a Program,
}

impl Canister<'_> {
    /// The reply to an update call of its controller.
    pub fn call(&self, method: &str, argument: &str) -> String {
        self.call_as(controller(), method, argument)
            .unwrap_or_else(|reject| panic!("{method}{argument}: {reject:?}"))
    }

    /// The reply to a query of its controller.
    pub fn ask(&self, method: &str, argument: &str) -> String {
        self.ask_as(controller(), method, argument)
            .unwrap_or_else(|reject| panic!("{method}{argument}: {reject:?}"))
    }

    /// What an update call comes to.
    pub fn call_as(&self, sender: Principal, method: &str, argument: &str) -> TextResult {
        let function = self.program.method(method);
        let argument = self.program.encode(argument, &function.args);
        let reply = self.pic.update_call(self.id, sender, method, argument)?;
        Ok(self.program.decode(&reply, &function.rets))
    }

    /// What a query comes to.
    pub fn ask_as(&self, sender: Principal, method: &str, argument: &str) -> TextResult {
        let function = self.program.method(method);
        let argument = self.program.encode(argument, &function.args);
        let reply = self.pic.query_call(self.id, sender, method, argument)?;
        Ok(self.program.decode(&reply, &function.rets))
    }

    /// Sends an update call of its controller, without a round.
    pub fn submit(&self, method: &str, argument: &str) -> RawMessageId {
        let argument = self.program.encode(argument, &self.program.method(method).args);
        self.pic
            .submit_call(self.id, controller(), method, argument)
            .expect("the network accepts the message")
    }

    /// The reply to it, after as many rounds as it needs.
    pub fn reply(&self, method: &str, message: RawMessageId) -> String {
        let reply = self.pic.await_call(message).expect("the canister replies");
        self.program.decode(&reply, &self.program.method(method).rets)
    }

    /// The reply to an update call of its controller, on a network whose clock goes on: a second in each round.
    pub fn call_in_time(&self, method: &str, argument: &str) -> String {
        self.reply_in_time(method, self.submit(method, argument))
    }

    /// The same for an update call that was sent.
    pub fn reply_in_time(&self, method: &str, message: RawMessageId) -> String {
        for _ in 0..ROUNDS_MAX {
            if let Some(reply) = self.pic.ingress_status(message.clone()) {
                let reply = reply.unwrap_or_else(|reject| panic!("{method}: {reject:?}"));
                return self.program.decode(&reply, &self.program.method(method).rets);
            }
            self.pic.advance_time(Duration::from_secs(1));
            self.pic.tick();
        }
        panic!("{method} has no response after {ROUNDS_MAX} rounds");
    }

    /// The reject of an update call of its controller.
    pub fn reject(&self, method: &str, argument: &str) -> RejectResponse {
        self.call_as(controller(), method, argument).expect_err("the canister rejects or traps")
    }

    /// Lets so many seconds pass, and some rounds.
    pub fn wait(&self, seconds: u64) {
        self.pic.advance_time(Duration::from_secs(seconds));
        for _ in 0..3 {
            self.pic.tick();
        }
    }

    /// Installs the program it has once more, as if there had been nothing.
    pub fn reinstall(&self, argument: &str) -> Result<(), RejectResponse> {
        let argument = self.program.setup_argument(argument);
        let module = self.program.module.clone();
        self.pic.reinstall_canister(self.id, module, argument, Some(controller()))
    }

    /// Lets rounds pass, for the network limits the rate at which code is installed.
    fn rest(&self) {
        (0..5).for_each(|_| self.pic.tick());
    }

    /// Upgrades it to the program it has and keeps its heap, for what finds there what it left.
    pub fn upgrade_with_heap(&self, argument: &str) -> Result<(), RejectResponse> {
        self.rest();
        let argument = self.program.setup_argument(argument);
        let module = self.program.module.clone();
        self.pic.upgrade_eop_canister(self.id, module, argument, Some(controller()))
    }

    /// Upgrades it to the program it has, in the next round: the network must not have installed it just before. By
    /// force, the program is not asked (`skip_pre_upgrade`).
    pub fn upgrade_at_once(&self, argument: &str, by_force: bool) -> Result<(), RejectResponse> {
        let flags =
            UpgradeFlags { skip_pre_upgrade: Some(by_force), wasm_memory_persistence: None };
        let argument = InstallCodeArgs {
            mode: CanisterInstallMode::Upgrade(Some(flags)),
            canister_id: self.id,
            wasm_module: self.program.module.clone(),
            arg: self.program.setup_argument(argument),
            sender_canister_version: None,
        };
        let effective = RawEffectivePrincipal::CanisterId(self.id.as_slice().to_vec());
        let management = Principal::management_canister();
        let argument = (argument,);
        call_candid_as(self.pic, management, effective, controller(), "install_code", argument)
    }

    /// Upgrades it to the program it has, with this argument.
    pub fn upgrade(&self, argument: &str) -> Result<(), RejectResponse> {
        self.rest();
        let argument = self.program.setup_argument(argument);
        let module = self.program.module.clone();
        self.pic.upgrade_canister(self.id, module, argument, Some(controller()))
    }
}

/// The number that a reply consists of.
#[track_caller]
pub fn number(reply: &str) -> u128 {
    let digits = reply.trim_start_matches('(').split([' ', ')']).next().unwrap_or_default();
    digits.replace('_', "").parse().unwrap_or_else(|_| panic!("{reply} is no number"))
}
