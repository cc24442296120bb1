//! Time of rolling back a message that trapped, and the overhead for messages that do not trap. The
//! baseline copies the whole heap before each message, and back after a trap.
//!
//! `cargo bench --profile dev -p embedded-replica --bench rollback`

mod fixture;

use candid::Principal;
use criterion::{Criterion, criterion_group, criterion_main};
use embedded_replica::canister::{
    Canister, Code, InstallMode, Installation, RoundInput, Settings, execute_next, install,
};
use embedded_replica::cycles::Prices;
use embedded_replica::keys::SubnetKey;
use embedded_replica::limits::*;
use embedded_replica::message::Ingress;
use embedded_replica::system_api::MemoryShare;
use embedded_replica::topology::canister_id;
use embedded_replica::types::{MessageId, Time};
use embedded_replica::wasm::compile;
use fixture::{medians, micros, ratio};
use std::hint::black_box;
use std::sync::Arc;

/// A module whose heap pages were all written to. Its methods write to 16 of the pages, then reply or trap.
fn module(heap_mib: usize) -> Vec<u8> {
    let pages = heap_mib * 16;
    let bytes = heap_mib << 20;
    let text = format!(
        r#"(module
          (import "ic0" "msg_reply" (func $reply))
          (memory {pages})
          (func (export "canister_init") (local $at i32)
            (loop $fill
              (i32.store (local.get $at) (i32.const 77))
              (local.set $at (i32.add (local.get $at) (i32.const 1024)))
              (br_if $fill (i32.lt_u (local.get $at) (i32.const {bytes})))))
          (func $touch (local $at i32)
            (loop $more
              (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
              (local.set $at (i32.add (local.get $at) (i32.const 4096)))
              (br_if $more (i32.lt_u (local.get $at) (i32.const 65536)))))
          (func (export "canister_update keep") (call $touch) (call $reply))
          (func (export "canister_update trap") (call $touch) unreachable))"#
    );
    wat::parse_str(text).expect("the text is a module")
}

/// A canister without a network.
struct Subject {
    canister: Canister,
    round: RoundInput,
}

impl Subject {
    fn new(heap_mib: usize) -> Self {
        let round = RoundInput {
            subnet: Principal::anonymous().into(),
            root_key: SubnetKey::of([0; 32]),
            routes: Arc::default(),
            prices: Prices::new(13, true),
            time: Time::GENESIS,
            message_instructions_max: MESSAGE_INSTRUCTIONS_MAX,
            query_instructions_max: QUERY_INSTRUCTIONS_MAX,
            slice_instructions_max: SLICE_INSTRUCTIONS_MAX,
            install_instructions_max: INSTALL_INSTRUCTIONS_MAX,
            install_slice_instructions_max: SLICE_INSTRUCTIONS_MAX,
            allows_any_methods: false,
            defers_slices: false,
            subnet_callbacks: 0,
            guaranteed_memory: GUARANTEED_MESSAGE_MEMORY_MAX,
            subnet_memory: MemoryShare::on_subnet_with(0),
        };
        let settings = Settings::new([Principal::anonymous()].into());
        let mut canister = Canister::new(canister_id(0), settings, 0, Time::GENESIS);
        let module = compile(&module(heap_mib)).expect("the module is valid");
        let installation = Installation {
            mode: InstallMode::Install,
            source: Arc::new(Code::link(module).expect("the imports exist")).into(),
            argument: Vec::new(),
            caller: Principal::anonymous(),
        };
        let attempt =
            install(&mut canister, installation, &round).expect("the installation can begin");
        attempt.finish(&mut canister, &round).expect("the installation succeeds");
        Self { canister, round }
    }

    fn execute(&mut self, method: &str) {
        let ingress = Ingress {
            id: MessageId([0; 32]),
            sender: Principal::anonymous(),
            caller_info: None,
            receiver: self.canister.id,
            management: None,
            method: method.to_owned(),
            argument: Vec::new(),
            expiry: Time::GENESIS,
            envelope_bytes: 0,
        };
        self.canister.queues.push_ingress(ingress);
        let execution = execute_next(&mut self.canister, &self.round).expect("there is a message");
        let response = execution.response.expect("the message has a response");
        assert_eq!(response.result.is_ok(), method == "keep");
    }
}

fn against_full_copies(c: &mut Criterion) {
    println!("\nrollback of a message, compared with copies of the whole heap");
    for heap_mib in [1, 16, 64] {
        let mut subject = Subject::new(heap_mib);
        let heap = vec![77u8; heap_mib << 20];
        let mut copy = heap.clone();
        let [kept, trapped, copied] = medians(60, |turn| match turn {
            0 => subject.execute("keep"),
            // The replica may roll back at the start of the next message, so the next message is measured,
            // too.
            1 => {
                subject.execute("trap");
                subject.execute("keep");
            }
            _ => copy.copy_from_slice(black_box(&heap)),
        });
        let undone = trapped.saturating_sub(kept);
        // The number of copies of the heap that take as long as one rollback, beyond the two copies of the
        // baseline.
        let worth = ratio(undone.saturating_sub(2 * copied), copied);
        println!(
            "  heap of {heap_mib:2} MiB: copy {:7.1} us; message kept {:5.1} us, RATIO {:.3}; \
             message trapped and rolled back {:7.1} us, RATIO {:.1}; faster than copying with at most 1 trap \
             in {:.0} messages",
            micros(copied),
            micros(kept),
            ratio(kept, kept + copied),
            micros(undone),
            ratio(undone, kept + 2 * copied),
            worth.max(1.0),
        );
        let mut group = c.benchmark_group(format!("heap of {heap_mib} MiB"));
        group.sample_size(20);
        group.bench_function("keep", |b| b.iter(|| subject.execute("keep")));
        group.bench_function("trap, then keep", |b| {
            b.iter(|| {
                subject.execute("trap");
                subject.execute("keep");
            });
        });
        group.bench_function("copy", |b| b.iter(|| copy.copy_from_slice(black_box(&heap))));
        group.finish();
    }
    println!(
        "  RATIO: the time of the replica divided by the time of the baseline: the message, a copy before \
         it, and, after a trap, a copy back"
    );
}

criterion_group!(benches, against_full_copies);
criterion_main!(benches);
