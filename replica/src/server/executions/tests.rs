//! What requests get while deferred slices are executed. Each test claims the slices itself, so they are executed
//! when the test says so, or never.

use crate::canister::{DeferredExecution, Failure};
use crate::certification::{Reader, Scope};
use crate::ic00::encode;
use crate::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig};
use crate::network::NetworkProfile;
use crate::server::hosted::HostedInstance;
use crate::server::instances::Instances;
use crate::server::outcalls::OutcallDestinations;
use crate::server::{EmbeddedServer, ServerConfig};
use crate::state_dir::StateDir;
use crate::types::{CanisterId, MessageId, Payload};
use candid::Principal;
use ic_management_canister_types::*;
use std::sync::Arc;
use std::time::Duration;

/// Three billion instructions, as each byte that is filled is one: as the update method `work`, and as the hooks of an
/// installation whose argument is not empty. The query method `filled` returns the first byte.
const MODULE: &str = r#"(module
    (import "ic0" "msg_arg_data_size" (func $size (result i32)))
    (import "ic0" "msg_reply" (func $reply))
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (memory 1000)
    (func $work (local $left i32)
      (local.set $left (i32.const 50))
      (loop $again
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (local.get $left))))
    (func $hook (if (call $size) (then (call $work))))
    (func (export "canister_init") (call $hook))
    (func (export "canister_post_upgrade") (call $hook))
    (func (export "canister_update work") (call $work) (call $reply))
    (func (export "canister_query filled")
      (call $append (i32.const 0) (i32.const 1)) (call $reply)))"#;

type Result = std::result::Result<Payload, Failure>;

/// A call of a method of the management canister that concerns a canister.
fn about(canister: CanisterId, method: &str, argument: Vec<u8>) -> CanisterCall {
    let effective_principal = EffectivePrincipal::Canister(canister);
    CanisterCall {
        effective_principal,
        ..CanisterCall::anonymous(CanisterId::MANAGEMENT, method, argument)
    }
}

fn installation(canister: CanisterId, mode: CanisterInstallMode, arg: &[u8]) -> CanisterCall {
    let arguments = InstallCodeArgs {
        mode,
        canister_id: canister.principal(),
        wasm_module: wat::parse_str(MODULE).expect("the module is well-formed"),
        arg: arg.into(),
        sender_canister_version: None,
    };
    about(canister, "install_code", encode((arguments,)))
}

/// What takes long.
#[derive(Clone, Copy, Debug)]
enum Long {
    Message,
    Installation,
    Upgrade,
}

/// An instance on which one canister has begun something long, and the deferred slices of it.
struct Busy {
    instances: Arc<Instances>,
    canister: CanisterId,
    other: CanisterId,
    message: MessageId,
    execution: DeferredExecution,
}

fn update(instance: &mut Instance, call: CanisterCall) -> Vec<u8> {
    instance.update(call).expect("the call makes sense").expect("it succeeds")
}

/// Two canisters on a new instance, and the call that takes long for the first one.
struct Prepared {
    instances: Arc<Instances>,
    canister: CanisterId,
    other: CanisterId,
    work: CanisterCall,
}

impl Prepared {
    fn new(what: Long, instances: Arc<Instances>, state_dir: Option<StateDir>) -> Self {
        let config = InstanceConfig::with_application_subnets(1);
        let mut instance = Instance::new(config).expect("there is a subnet");
        let [canister, other] = [true, false].map(|is_long| {
            let arguments = encode((ProvisionalCreateCanisterWithCyclesArgs::default(),));
            let method = "provisional_create_canister_with_cycles";
            let reply = update(
                &mut instance,
                CanisterCall::anonymous(CanisterId::MANAGEMENT, method, arguments),
            );
            let record: CanisterIdRecord = candid::decode_one(&reply).expect("an id");
            let id = CanisterId::from(record.canister_id);
            if !(is_long && matches!(what, Long::Installation)) {
                update(&mut instance, installation(id, CanisterInstallMode::Install, b""));
            }
            id
        });
        let work = match what {
            Long::Message => CanisterCall::anonymous(canister, "work", Vec::new()),
            Long::Installation => installation(canister, CanisterInstallMode::Install, b"work"),
            Long::Upgrade => installation(canister, CanisterInstallMode::Upgrade(None), b"work"),
        };
        assert_eq!(instances.add(instance, state_dir), 0);
        Self { instances, canister, other, work }
    }

    async fn begin(self) -> Busy {
        let Self { instances, canister, other, work } = self;
        let hosted = instances.get(0).expect("it is there");
        let begin = |instance: &mut Instance| {
            let message = instance.submit(work).expect("it makes sense").expect("it is accepted");
            instance.tick();
            let execution = instance.deferred_executions().next().cloned();
            let execution = execution.expect("it is long");
            assert!(execution.claim());
            (message, execution)
        };
        let (message, execution) = hosted.execute(begin).await.expect("nothing panics");
        Busy { instances, canister, other, message, execution }
    }
}

fn new_instances() -> Arc<Instances> {
    Arc::new(Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default()))
}

impl Busy {
    async fn begin(what: Long, instances: Arc<Instances>, state_dir: Option<StateDir>) -> Self {
        Prepared::new(what, instances, state_dir).begin().await
    }

    /// On a server without other instances.
    async fn alone(what: Long) -> Self {
        Self::begin(what, new_instances(), None).await
    }

    fn hosted(&self) -> Arc<HostedInstance> {
        self.instances.get(0).expect("it is there")
    }

    /// Executes the deferred slices.
    fn execute(&self) {
        tokio::task::block_in_place(|| self.execution.execute());
        self.hosted().executions.notify_waiters();
    }

    async fn query(&self, call: CanisterCall) -> Result {
        let response = self.hosted().execute(|instance| instance.query(call)).await;
        response.expect("nothing panics").expect("the call makes sense")
    }

    /// The first byte of a canister's heap.
    async fn filled(&self, canister: CanisterId) -> Result {
        self.query(CanisterCall::anonymous(canister, "filled", Vec::new())).await
    }

    /// Uses the instance in all ways that need no round.
    async fn read(&self) {
        assert_eq!(self.filled(self.other).await, Ok(vec![0]));
        for canister in [self.canister, self.other] {
            let arguments = CanisterStatusArgs { canister_id: canister.principal() };
            let status = about(canister, "canister_status", encode((arguments,)));
            self.query(status).await.expect("anybody is a controller");
        }
        let hosted = self.hosted();
        let read = |instance: &mut Instance| {
            let reader = Reader { principal: Principal::anonymous(), targets: None };
            let message = self.message.0.to_vec();
            let status = vec![b"request_status".to_vec(), message, b"status".to_vec()];
            let paths = [vec![b"time".to_vec()], status];
            let certificate = instance.read_state(Scope::Canister(self.canister), &paths, &reader);
            assert!(certificate.expect("the paths are allowed").len() > 100);
            assert!(instance.cycles(self.canister).expect("it exists") > 0);
            (instance.time(), instance.ingress_status(self.message, None))
        };
        let (time, status) = hosted.execute(read).await.expect("nothing panics");
        assert!(time.as_nanos() > 0);
        assert_eq!(status.expect("anybody may ask"), None);
    }
}

/// Executes rounds until a message has a response, as the server does for a client that waits for it.
async fn wait(hosted: Arc<HostedInstance>, message: MessageId) -> (u64, Result) {
    for rounds in 0.. {
        let await_round = |instance: &mut Instance| {
            let status = instance.ingress_status(message, None);
            match status.expect("anybody may ask") {
                None if instance.is_executing() => None,
                _ => Some(instance.await_round(message).expect("anybody may ask")),
            }
        };
        let result = hosted.execute_round(await_round).await.expect("nothing panics");
        if let Some(result) = result {
            return (rounds, result);
        }
    }
    unreachable!("there is no last round")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_get_their_responses_while_something_long_is_executed_and_rounds_wait() {
    for what in [Long::Message, Long::Installation, Long::Upgrade] {
        let busy = Busy::alone(what).await;
        let height = busy.hosted().height().expect("it runs");
        let waits = tokio::spawn(wait(busy.hosted(), busy.message));
        busy.read().await;
        match what {
            Long::Installation => drop(busy.filled(busy.canister).await.expect_err("no code")),
            // The state is that of the latest round.
            Long::Message | Long::Upgrade => {
                assert_eq!(busy.filled(busy.canister).await, Ok(vec![0]));
            }
        }
        busy.read().await;
        assert!(!waits.is_finished(), "{what:?}");
        assert_eq!(busy.hosted().height().expect("it runs"), height);

        busy.execute();
        let (rounds, result) = waits.await.expect("nothing panics");
        result.expect("it succeeds");
        // Three billion instructions are two slices.
        assert_eq!(rounds, 1, "{what:?}");
        assert_eq!(busy.filled(busy.canister).await, Ok(vec![1]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_get_their_responses_during_a_long_execution_also_while_a_page_is_open() {
    for what in [Long::Message, Long::Installation, Long::Upgrade] {
        let prepared = Prepared::new(what, new_instances(), None);
        let hosted = prepared.instances.get(0).expect("it is there");
        let page = crate::server::page::open(&hosted).await.expect("there is room");
        assert!(hosted.watch.is_on());
        // A round that waited for all slices would leave none to defer.
        let busy = prepared.begin().await;
        busy.read().await;
        busy.execute();
        let (rounds, result) = wait(busy.hosted(), busy.message).await;
        result.expect("it succeeds");
        assert_eq!(rounds, 1, "{what:?}");
        drop(page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_executes_deferred_slices_without_further_requests() {
    let busy = Busy::alone(Long::Message).await;
    busy.execution.release();
    let ended = busy.hosted().executions.clone();
    let ended = ended.notified();
    busy.hosted().start(busy.execution.clone());
    ended.await;
    assert!(busy.execution.has_ended());
    assert_eq!(wait(busy.hosted(), busy.message).await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_executes_deferred_slices_is_deleted_at_once() {
    let busy = Busy::alone(Long::Upgrade).await;
    let hosted = busy.hosted();
    hosted.start_auto_progress(Duration::ZERO).await.expect("it begins");
    let weak = Arc::downgrade(&hosted);
    let round = |instance: &mut Instance| (!instance.is_executing()).then(|| instance.tick());
    let waits = tokio::spawn(async move { hosted.execute_round(round).await });
    busy.read().await;
    busy.instances.delete(0).await.expect("it is there");
    waits.await.expect("nothing panics").expect_err("there is no instance any more");
    assert!(weak.upgrade().is_none(), "nothing holds it any more");
    assert!(!busy.execution.has_ended());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_instance_that_executes_deferred_slices_ends_at_once() {
    let server = EmbeddedServer::start(ServerConfig::default()).expect("it starts");
    let busy = Busy::begin(Long::Message, server.instances.clone(), None).await;
    tokio::task::block_in_place(|| drop(server));
    assert!(!busy.execution.has_ended());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_saved_with_the_results_of_deferred_slices() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let open = || StateDir::open(folder.path()).expect("the folder is free");
    let instances = Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default());
    let busy = Busy::begin(Long::Message, Arc::new(instances), Some(open())).await;
    let hosted = busy.hosted();
    let instances = busy.instances.clone();
    let deleted = tokio::spawn(async move { instances.delete(0).await });
    assert!(!deleted.is_finished());
    tokio::task::block_in_place(|| busy.execution.execute());
    hosted.executions.notify_waiters();
    drop(hosted);
    deleted.await.expect("nothing panics").expect("it can be saved");
    let mut restored = open().restore(false).expect("it was saved");
    assert!(restored.deferred_executions().next().is_none());
    let result = restored.await_ingress(busy.message).expect("it is there");
    assert!(result.is_ok(), "{result:?}");
}
