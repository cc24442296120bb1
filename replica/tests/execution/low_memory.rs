//! The hook for low Wasm memory.

use candid::Principal;
use pocket_ic::{CanisterSettings, ErrorCode, PocketIc};
use test_support::script::wasm;
use test_support::scripted::install_module;
use test_support::{Server, on_every_server};

const PAGE: u64 = 65_536;

/// Writes down what it executes, and grows by seven pages in an update.
fn module() -> Vec<u8> {
    wasm(
        r#"(module
          (import "ic0" "msg_reply" (func $reply))
          (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
          (memory 1)
          (global $events (mut i32) (i32.const 0))
          (func $note (param $event i32)
            (i32.store8 (global.get $events) (local.get $event))
            (global.set $events (i32.add (global.get $events) (i32.const 1))))
          (func (export "canister_update grow")
            (drop (memory.grow (i32.const 7)))
            (call $note (i32.const 117))
            (call $reply))
          (func (export "canister_on_low_wasm_memory") (call $note (i32.const 104)))
          (func (export "canister_query events")
            (call $append (i32.const 0) (global.get $events))
            (call $reply)))"#,
    )
}

struct Subject {
    pic: PocketIc,
    id: Principal,
}

impl Subject {
    fn new(server: Server) -> Self {
        let pic = server.network().with_application_subnet().build();
        let id = install_module(&pic, module());
        Self { pic, id }
    }

    /// Sets limit and threshold, in pages.
    fn set(&self, limit: u64, threshold: u64) {
        let settings = CanisterSettings {
            wasm_memory_limit: Some((limit * PAGE).into()),
            wasm_memory_threshold: Some((threshold * PAGE).into()),
            ..CanisterSettings::default()
        };
        self.pic.update_canister_settings(self.id, None, settings).unwrap();
    }

    fn submit_grow(&self) {
        self.pic.submit_call(self.id, Principal::anonymous(), "grow", vec![]).unwrap();
    }

    /// An u for each update that was executed, an h for each time the hook was.
    fn events(&self) -> String {
        let events = self.pic.query_call(self.id, Principal::anonymous(), "events", vec![]);
        String::from_utf8(events.unwrap()).unwrap()
    }
}

#[test]
fn the_hook_runs_before_the_next_message_and_once() {
    on_every_server(|server| {
        let subject = Subject::new(server);
        subject.set(40, 30);
        // After the first update there are 32 pages left, after the second 25.
        for _ in 0..4 {
            subject.submit_grow();
        }
        subject.pic.tick();
        assert_eq!(subject.events(), "uuhuu");
        subject.submit_grow();
        subject.pic.tick();
        assert_eq!(subject.events(), "uuhuuu");
    });
}

#[test]
fn exactly_as_much_room_as_the_threshold_is_enough() {
    on_every_server(|server| {
        let subject = Subject::new(server);
        subject.set(40, 32);
        subject.submit_grow();
        subject.pic.tick();
        subject.pic.tick();
        assert_eq!(subject.events(), "u");
    });
}

#[test]
fn the_low_memory_hook_runs_each_time_a_setting_crosses_the_threshold() {
    on_every_server(|server| {
        let subject = Subject::new(server);
        let set = |threshold| {
            subject.set(40, threshold);
            subject.pic.tick();
            subject.pic.tick();
        };
        set(40);
        assert_eq!(subject.events(), "h");
        set(39);
        assert_eq!(subject.events(), "h");
        set(40);
        assert_eq!(subject.events(), "hh");
    });
}

#[test]
fn a_heap_beyond_its_limit_refuses_updates_and_answers_queries() {
    on_every_server(|server| {
        let subject = Subject::new(server);
        subject.submit_grow();
        subject.pic.tick();
        subject.set(7, 0);
        let grow = || subject.pic.update_call(subject.id, Principal::anonymous(), "grow", vec![]);
        assert_eq!(grow().unwrap_err().error_code, ErrorCode::CanisterWasmMemoryLimitExceeded);
        assert!(subject.events().starts_with('u'));
        // Without a limit it works again.
        subject.set(0, 0);
        grow().unwrap();
    });
}
