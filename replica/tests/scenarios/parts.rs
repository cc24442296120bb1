//! Saving and restoring what random scenarios do not have: timers, certified data, logs, snapshots, chunks,
//! histories, random bytes, HTTP outcalls, paused installations.

use crate::begin::management;
use candid::{CandidType, Principal, encode_args, encode_one};
use embedded_replica::canister::Failure;
use embedded_replica::certification::{Reader, Scope};
use embedded_replica::instance::{CanisterCall, EffectivePrincipal, Instance, InstanceConfig};
use embedded_replica::state_dir::StateDir;
use embedded_replica::subnet::{NodeResponse, NodeResponses};
use embedded_replica::trace::Event;
use embedded_replica::types::MessageId;
use ic_management_canister_types::*;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use test_support::script::{ON_TIMER, Script, call, canister, script};

/// A network, and all that was seen of it.
struct Observed {
    instance: Instance,
    events: Receiver<Event>,
    seen: Vec<String>,
    messages: Vec<MessageId>,
    /// The state directory, if the network is restored before each step.
    folder: Option<tempfile::TempDir>,
}

impl Observed {
    fn new(folder: Option<tempfile::TempDir>) -> Self {
        let config = InstanceConfig::with_application_subnets(2);
        let mut instance = Instance::new(config).expect("there are subnets");
        let events = instance.listen();
        Self { instance, events, seen: Vec::new(), messages: Vec::new(), folder }
    }

    /// The network, which may just have been restored.
    fn instance(&mut self) -> &mut Instance {
        if let Some(folder) = &self.folder {
            let state = || StateDir::open(folder.path()).expect("the folder is free");
            state().save(&self.instance, false).expect("the state can be saved");
            self.instance = state().restore(false).expect("the state can be restored");
            self.seen.extend(self.events.try_iter().map(|event| format!("{event:?}")));
            self.events = self.instance.listen();
        }
        &mut self.instance
    }

    fn submit(&mut self, call: CanisterCall) {
        let submitted = self.instance().submit(call).expect("the message makes sense");
        self.messages.push(submitted.expect("the message is accepted"));
    }

    /// Sends a script.
    fn run(&mut self, canister: Principal, script: Script) {
        self.submit(CanisterCall {
            sender: Principal::anonymous(),
            caller_info: None,
            canister: canister.into(),
            effective_principal: EffectivePrincipal::None,
            method: "run".into(),
            argument: script.bytes(),
        });
    }

    fn manage(&mut self, canister: Principal, method: &str, argument: &impl CandidType) {
        self.submit(management(method, argument, EffectivePrincipal::Canister(canister.into())));
    }

    fn tick(&mut self, times: usize) {
        for _ in 0..times {
            self.instance().tick();
            let events = self.events.try_iter().map(|event| format!("{event:?}"));
            self.seen.extend(events);
            self.seen.push(format!("time {}", self.instance.time()));
        }
    }

    /// The reply to the latest message, which has executed.
    fn latest_reply(&self) -> Vec<u8> {
        let message = *self.messages.last().expect("there was a message");
        self.response(message).expect("there is a response").expect("it is a reply")
    }

    fn response(&self, message: MessageId) -> Option<Result<Vec<u8>, Failure>> {
        self.instance.ingress_status(message, None).expect("anybody may ask")
    }

    /// The lines in the logs of canisters.
    fn logs(&mut self, canisters: &[Principal]) {
        for id in canisters {
            let canister = self.instance.canister((*id).into()).expect("the canister exists");
            let lines = canister.log.records().map(|record| {
                format!("{} {}", record.idx, String::from_utf8_lossy(&record.content))
            });
            self.seen.extend(lines);
        }
    }

    /// Certificates of both subnets, with everything about the canisters that they can show.
    fn certificates(&mut self, canisters: &[Principal]) {
        for canister in canisters {
            let label = |text: &str| text.as_bytes().to_vec();
            let paths = ["module_hash", "controllers"]
                .map(|leaf| vec![label("canister"), canister.as_slice().to_vec(), label(leaf)]);
            let paths = [&paths[..], &[vec![label("time")]]].concat();
            let scope = Scope::Canister((*canister).into());
            let reader = Reader { principal: Principal::anonymous(), targets: None };
            let certificate = self.instance().read_state(scope, &paths, &reader);
            self.seen.push(format!("{certificate:?}"));
        }
    }
}

fn create(observed: &mut Observed, subnet: usize) -> Principal {
    let subnet = observed.instance.subnets()[subnet].place.id;
    let arguments = ProvisionalCreateCanisterWithCyclesArgs::default();
    let method = "provisional_create_canister_with_cycles";
    observed.submit(management(method, &arguments, EffectivePrincipal::Subnet(subnet)));
    observed.tick(1);
    let record: CanisterIdRecord = candid::decode_one(&observed.latest_reply()).expect("an id");
    record.canister_id
}

fn installation(canister_id: Principal, mode: CanisterInstallMode, arg: Script) -> InstallCodeArgs {
    let arg = arg.bytes();
    InstallCodeArgs {
        mode,
        canister_id,
        wasm_module: canister(),
        arg,
        sender_canister_version: None,
    }
}

/// A call of the management canister by a canister, whose response becomes the reply.
fn asking(method: &str, argument: Vec<u8>, cycles: u64) -> Script {
    let asked = call(Principal::management_canister()).method(method).argument(argument);
    script().call(asked.cycles(cycles))
}

/// All steps, and what was seen.
fn play(folder: Option<tempfile::TempDir>) -> Vec<String> {
    let mut network = Observed::new(folder);
    let [a, b] = [0, 1].map(|subnet| create(&mut network, subnet));
    for canister in [a, b] {
        let install = installation(canister, CanisterInstallMode::Install, script());
        network.manage(canister, "install_code", &install);
    }
    network.tick(1);
    let now = network.instance.time().as_nanos();
    let hook = script().count(9).print("timer").load(9).store_global();
    let state = script().print("hello").certify("certified").stable_grow(2).grow(3).put(700, 7);
    network.run(a, state.keep(ON_TIMER, hook).timer(now + 3).reply("done"));
    network.tick(1);
    let chunk = UploadChunkArgs { canister_id: a, chunk: vec![3; 5_000] };
    network.manage(a, "upload_chunk", &chunk);
    let about = CanisterIdRecord { canister_id: a };
    let taking = TakeCanisterSnapshotArgs {
        canister_id: a,
        replace_snapshot: None,
        uninstall_code: None,
        sender_canister_version: None,
    };
    network.manage(a, "take_canister_snapshot", &taking);
    network.tick(1);
    let snapshot: Snapshot = candid::decode_one(&network.latest_reply()).expect("a snapshot");
    let settings = CanisterSettings {
        controllers: Some(vec![Principal::anonymous(), b]),
        memory_allocation: Some((64u64 << 20).into()),
        ..CanisterSettings::default()
    };
    let update = UpdateSettingsArgs { canister_id: a, settings, sender_canister_version: None };
    network.manage(a, "update_settings", &update);
    // A message of several slices, an installation of several slices, an outcall, random bytes.
    network.run(b, script().spin(1_500_000_000).put(9, 5).reply("long"));
    let request =
        HttpRequestArgs { url: "https://example.com".into(), ..HttpRequestArgs::default() };
    let request = encode_one(&request).expect("it is Candid");
    network.run(a, asking("http_request", request, 400_000_000_000));
    network.run(a, asking("raw_rand", encode_args(()).expect("it is Candid"), 0));
    network.tick(2);
    network.logs(&[a, b]);
    let reinstall = installation(a, CanisterInstallMode::Reinstall, script().spin(1_000_000_000));
    network.manage(a, "install_code", &reinstall);
    network.tick(2);
    let pending: Vec<_> =
        network.instance().outcalls().map(|(subnet, number, _)| (subnet, number)).collect();
    assert_eq!(pending.len(), 1, "an outcall waits");
    for (subnet, number) in pending {
        let result = HttpRequestResult { status: 200u8.into(), headers: vec![], body: vec![1; 99] };
        let responses = NodeResponses::Same(NodeResponse::Reply(result));
        let instance = network.instance();
        let responded = instance.respond_to_outcall(subnet, number, responses, Duration::ZERO);
        responded.expect("the outcall waits");
    }
    network.tick(8);
    let loading = LoadCanisterSnapshotArgs {
        canister_id: a,
        snapshot_id: snapshot.id,
        sender_canister_version: None,
    };
    network.manage(a, "load_canister_snapshot", &loading);
    network.tick(2);
    network.run(a, script().count(9).load(700).append_acc().reply_appended());
    for method in ["canister_status", "stored_chunks", "list_canister_snapshots"] {
        network.manage(a, method, &about);
    }
    let info = CanisterInfoArgs { canister_id: a, num_requested_changes: Some(20) };
    let info = encode_one(&info).expect("it is Candid");
    network.run(b, asking("canister_info", info, 0));
    network.tick(12);
    network.certificates(&[a, b]);
    for message in network.messages.clone() {
        let response = network.response(message).expect("every message has a response");
        network.seen.push(format!("{response:?}"));
    }
    network.logs(&[a, b]);
    network.seen
}

#[test]
fn timers_logs_snapshots_chunks_outcalls_and_paused_installations_survive_a_restart() {
    let restored = play(Some(tempfile::tempdir().expect("there is a temporary folder")));
    let never_stopped = play(None);
    for (number, (restored, never_stopped)) in restored.iter().zip(&never_stopped).enumerate() {
        assert_eq!(restored, never_stopped, "line {number}");
    }
    assert_eq!(restored.len(), never_stopped.len());
    let text = never_stopped.concat();
    for part in ["timer", "hello", "Slice {"] {
        assert!(text.contains(part), "nothing of {part}");
    }
}
