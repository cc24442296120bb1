//! What survives when code changes, and what the hooks see of it.

use super::*;
use crate::canister::harness::{ask, code, empty, round};
use crate::canister::{InstallMode, Task, execute_task};
use crate::types::Time;
use candid::Principal;
use ic_management_canister_types::UpgradeFlags;

/// The bits of an argument: what hooks do, that of `canister_pre_upgrade` with the argument before.
const CERTIFY: u8 = 1;
const TRAP: u8 = 2;

/// Prints in every hook, sets a timer, and notes the canister's version and the timer that was set
/// before in stable memory: in its first two numbers in `canister_init` or `canister_post_upgrade`,
/// in the next two in `canister_pre_upgrade`.
const MODULE: &str = r#"(module
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "canister_version" (func $version (result i64)))
  (import "ic0" "global_timer_set" (func $timer (param i64) (result i64)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_size" (func $pages (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (data (i32.const 0) "initpost_upgradepre_upgrade")
  (func $hook (param $at i32) (param $size i32) (param $timer i64) (param $numbers i64)
    (call $print (local.get $at) (local.get $size))
    (i64.store (i32.const 200) (call $version))
    (i64.store (i32.const 208) (call $timer (local.get $timer)))
    (if (i64.eqz (call $pages)) (then (drop (call $grow (i64.const 1)))))
    (call $write (local.get $numbers) (i64.const 200) (i64.const 16))
    (if (i32.and (i32.load8_u (i32.const 100)) (i32.const 1))
      (then (call $certify (local.get $at) (local.get $size))))
    (if (i32.and (i32.load8_u (i32.const 100)) (i32.const 2)) (then unreachable)))
  (func $argued (call $argument (i32.const 100) (i32.const 0) (call $size)))
  (func (export "canister_init")
    (call $argued) (call $hook (i32.const 0) (i32.const 4) (i64.const 11) (i64.const 0)))
  (func (export "canister_post_upgrade")
    (call $argued) (call $hook (i32.const 4) (i32.const 12) (i64.const 12) (i64.const 0)))
  (func (export "canister_pre_upgrade")
    (call $hook (i32.const 16) (i32.const 11) (i64.const 13) (i64.const 16)))
  (func (export "canister_heartbeat") unreachable)
  (func (export "canister_query seen")
    (call $read (i64.const 200) (i64.const 0) (i64.const 32))
    (call $append (i32.const 200) (i32.const 32))
    (call $reply)))"#;

const UPGRADE: InstallMode =
    InstallMode::Upgrade(UpgradeFlags { skip_pre_upgrade: None, wasm_memory_persistence: None });

struct Subject(Canister);

impl Subject {
    fn installed(does: u8) -> Self {
        let mut subject = Self(empty());
        assert!(subject.install(InstallMode::Install, does));
        subject
    }

    /// Installs, and says whether that worked.
    fn install(&mut self, mode: InstallMode, does: u8) -> bool {
        let caller = Principal::anonymous();
        let installation =
            Installation { mode, source: code(MODULE).into(), argument: vec![does], caller };
        let attempt = install(&mut self.0, installation, &round());
        attempt.and_then(|attempt| attempt.finish(&mut self.0, &round())).is_ok()
    }

    /// Versions and earlier timers, see [`MODULE`].
    fn seen(&mut self) -> [u64; 4] {
        let reply = ask(&mut self.0, "seen", &[]).expect("it replies");
        let numbers = reply.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        Vec::from_iter(numbers).try_into().expect("it is four numbers")
    }

    fn certified(&self) -> &str {
        std::str::from_utf8(&self.0.certified_data).expect("it is UTF-8")
    }

    /// The log, every line with its number.
    fn log(&self) -> Vec<String> {
        let text = |content: &[u8]| String::from_utf8(content.to_vec()).expect("it is UTF-8");
        let lines = self.0.log.records();
        lines.map(|record| format!("{} {}", record.idx, text(&record.content))).collect()
    }
}

#[test]
fn certified_data_survives_upgrades_unless_a_hook_replaces_it_and_nothing_else() {
    let mut subject = Subject::installed(CERTIFY);
    assert_eq!(subject.certified(), "init");
    assert!(subject.install(UPGRADE, 0));
    assert_eq!(subject.certified(), "pre_upgrade");
    assert!(subject.install(UPGRADE, 0));
    assert_eq!(subject.certified(), "pre_upgrade");
    assert!(subject.install(UPGRADE, CERTIFY));
    assert_eq!(subject.certified(), "post_upgrade");
    assert!(!subject.install(UPGRADE, CERTIFY | TRAP));
    assert_eq!(subject.certified(), "post_upgrade");
    assert!(!subject.install(InstallMode::Reinstall, CERTIFY | TRAP));
    assert_eq!(subject.certified(), "post_upgrade");
    assert!(subject.install(InstallMode::Reinstall, 0));
    assert_eq!(subject.certified(), "");
}

#[test]
fn hooks_after_the_change_see_no_timer_and_the_next_version() {
    let mut subject = Subject::installed(0);
    assert_eq!(subject.seen()[..2], [1, 0]);
    assert_eq!(subject.0.global_timer, Some(Time::from_nanos(11)));
    assert!(subject.install(UPGRADE, 0));
    assert_eq!(subject.seen(), [2, 0, 1, 11]);
    assert_eq!(subject.0.global_timer, Some(Time::from_nanos(12)));
    assert!(subject.install(InstallMode::Reinstall, 0));
    assert_eq!(subject.seen()[..2], [3, 0]);
    assert_eq!(subject.0.version, 3);
}

#[test]
fn an_installation_that_fails_changes_neither_timer_nor_version() {
    let mut subject = Subject::installed(0);
    for mode in [UPGRADE, InstallMode::Reinstall] {
        assert!(!subject.install(mode, TRAP));
        assert_eq!(subject.0.global_timer, Some(Time::from_nanos(11)));
        assert_eq!((subject.0.version, subject.seen()), (1, [1, 0, 0, 0]));
    }
}

#[test]
fn installing_and_uninstalling_clears_the_log_and_upgrading_does_not() {
    let mut subject = Subject::installed(0);
    execute_task(&mut subject.0, Task::Heartbeat, &round());
    assert_eq!(subject.log(), ["0 init", "1 [TRAP]: unreachable"]);
    assert!(subject.install(UPGRADE, 0));
    let upgraded = ["0 init", "1 [TRAP]: unreachable", "2 pre_upgrade", "3 post_upgrade"];
    assert_eq!(subject.log(), upgraded);
    assert!(!subject.install(InstallMode::Reinstall, TRAP));
    assert_eq!(subject.log()[..4], upgraded);
    assert_eq!(subject.log()[4..], ["4 init", "5 [TRAP]: unreachable"]);
    assert!(subject.install(InstallMode::Reinstall, 0));
    assert_eq!(subject.log(), ["6 init"]);
    uninstall(&mut subject.0);
    assert_eq!(subject.log(), [""; 0]);
    assert!(subject.install(InstallMode::Install, 0));
    assert_eq!(subject.log(), ["7 init"]);
}
