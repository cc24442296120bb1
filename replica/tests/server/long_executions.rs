//! Executions of tens of billions of instructions, during which the instance serves everything that needs no round.

use candid::{CandidType, Principal, encode_one};
use ic_management_canister_types::{
    CanisterInstallMode, CanisterStatusArgs, CanisterStatusResult, InstallCodeArgs,
};
use ic_transport_types::{Envelope, EnvelopeContent};
use pocket_ic::common::rest::{RawEffectivePrincipal, RawMessageId};
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::borrow::Cow;
use test_support::http::exchange;
use test_support::servers::embedded_server;
use test_support::{decode, encode};

/// Thirty-two billion instructions, in a loop of eight: as the update method `work`, and as the hooks of an
/// installation whose argument is not empty. Then the heap begins with a 1, which `done` returns.
const MODULE: &str = r#"(module
    (import "ic0" "msg_arg_data_size" (func $size (result i32)))
    (import "ic0" "msg_reply" (func $reply))
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (memory 1)
    (func $work (local $left i64)
      (local.set $left (i64.const 4000000000))
      (loop $more
        (br_if $more
          (i32.eqz (i64.eqz (local.tee $left (i64.sub (local.get $left) (i64.const 1)))))))
      (i32.store8 (i32.const 0) (i32.const 1)))
    (func $hook (if (call $size) (then (call $work))))
    (func (export "canister_init") (call $hook))
    (func (export "canister_post_upgrade") (call $hook))
    (func (export "canister_update work") (call $work) (call $reply))
    (func (export "canister_query done")
      (call $append (i32.const 0) (i32.const 1)) (call $reply)))"#;

/// What takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Long {
    Message,
    Installation,
    Upgrade,
}

/// An instance with a canister that does something long, and another one.
struct Network {
    pic: PocketIc,
    canister: Principal,
    other: Principal,
}

impl Network {
    fn install(&self, mode: CanisterInstallMode, arg: &[u8]) -> RawMessageId {
        let arguments = InstallCodeArgs {
            mode,
            canister_id: self.canister,
            wasm_module: wat::parse_str(MODULE).unwrap(),
            arg: arg.into(),
            sender_canister_version: None,
        };
        self.submit(
            Principal::management_canister(),
            "install_code",
            encode_one(arguments).unwrap(),
        )
    }

    fn submit(&self, callee: Principal, method: &str, argument: Vec<u8>) -> RawMessageId {
        let effective = RawEffectivePrincipal::CanisterId(self.canister.as_slice().to_vec());
        let sender = Principal::anonymous();
        let submit = PocketIc::submit_call_with_effective_principal;
        submit(&self.pic, callee, effective, sender, method, argument).unwrap()
    }

    fn is_done(&self, canister: Principal) -> bool {
        let reply = self.pic.query_call(canister, Principal::anonymous(), "done", vec![]).unwrap();
        reply == [1]
    }

    fn nanos(&self) -> u64 {
        self.pic.get_time().as_nanos_since_unix_epoch()
    }

    /// Uses the instance in ways that need no round.
    fn read(&self) {
        assert!(!self.is_done(self.other));
        let arguments = CanisterStatusArgs { canister_id: self.canister };
        let status: CanisterStatusResult =
            decode(&self.query_management("canister_status", arguments));
        assert!(status.settings.controllers.contains(&Principal::anonymous()));
        assert!(self.pic.cycle_balance(self.canister) > 0);
        self.read_state();
    }

    fn query_management(&self, method: &str, argument: impl CandidType) -> Vec<u8> {
        let effective = RawEffectivePrincipal::CanisterId(self.canister.as_slice().to_vec());
        let (callee, sender) = (Principal::management_canister(), Principal::anonymous());
        let query = PocketIc::query_call_with_effective_principal;
        query(&self.pic, callee, effective, sender, method, encode(argument)).unwrap()
    }

    /// Reads the time in the state tree, as an agent does.
    fn read_state(&self) {
        let content = EnvelopeContent::ReadState {
            ingress_expiry: self.nanos() + 60_000_000_000,
            sender: Principal::anonymous(),
            paths: vec![vec!["time".into()]],
        };
        let envelope = Envelope {
            content: Cow::Borrowed(&content),
            sender_pubkey: None,
            sender_sig: None,
            sender_delegation: None,
        };
        let path = format!(
            "/instances/{}/api/v3/canister/{}/read_state",
            self.pic.instance_id(),
            self.canister
        );
        let port = self.pic.get_server_url().port().unwrap();
        let reply = exchange(
            port,
            "POST",
            &path,
            "content-type: application/cbor\r\n",
            &envelope.encode_bytes(),
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[test]
fn queries_and_reads_get_their_responses_before_the_end_of_a_long_execution() {
    let server = embedded_server();
    for what in [Long::Message, Long::Installation, Long::Upgrade] {
        let url = server.url().parse().unwrap();
        let pic = PocketIcBuilder::new().with_server_url(url).with_application_subnet().build();
        let [canister, other] = [(); 2].map(|()| pic.create_canister());
        let module = wat::parse_str(MODULE).unwrap();
        pic.install_canister(other, module.clone(), vec![], None);
        if what != Long::Installation {
            pic.install_canister(canister, module, vec![], None);
        }
        let network = Network { pic, canister, other };
        let began = network.nanos();
        let message = match what {
            Long::Message => network.submit(canister, "work", vec![]),
            Long::Installation => network.install(CanisterInstallMode::Install, b"work"),
            Long::Upgrade => network.install(CanisterInstallMode::Upgrade(None), b"work"),
        };
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| network.pic.await_call(message.clone()));
            // The first slice.
            while network.nanos() == began {}
            network.read();
            let status = network.pic.ingress_status(message.clone());
            assert_eq!(status, None, "{what:?} has ended before the other responses");
            waits.join().unwrap().unwrap();
        });
        assert!(network.is_done(canister), "{what:?}");
        // Each round takes a nanosecond and executes two billion instructions. The last ones have a round of their own.
        assert_eq!(network.nanos() - began, 17, "{what:?}");
    }
}
