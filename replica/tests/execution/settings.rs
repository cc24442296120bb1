//! The settings of a canister, and their effects.

use crate::ic00::{ask, decode, set};
use crate::patterns::pong;
use candid::{Nat, Principal};
use ic_management_canister_types::{
    CanisterSettings, CreateCanisterArgs, LogVisibility, SnapshotVisibility, StatusVisibility,
};
use pocket_ic::ErrorCode;
use test_support::script::{number, rejected, script};
use test_support::status::{CanisterStatus, Settings};
use test_support::{ScriptedNetwork, StatusOf, on_every_server};

const GIB: u64 = 1 << 30;

fn settings() -> CanisterSettings {
    CanisterSettings::default()
}

fn status(network: &ScriptedNetwork, canister: Principal) -> CanisterStatus {
    network.pic.status_of(canister, None).unwrap()
}

fn error(network: &ScriptedNetwork, settings: CanisterSettings) -> ErrorCode {
    set(&network.pic, network.a, settings).unwrap_err().error_code
}

#[test]
fn every_setting_has_a_default_that_the_status_reports() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let expected = Settings {
            controllers: vec![Principal::anonymous()],
            compute_allocation: 0u8.into(),
            memory_allocation: 0u8.into(),
            freezing_threshold: 2_592_000u32.into(),
            reserved_cycles_limit: 5_000_000_000_000u64.into(),
            minimum_incoming_canister_call_cycles: Some(0u8.into()),
            log_visibility: LogVisibility::Controllers,
            log_memory_limit: 4_096u32.into(),
            snapshot_visibility: Some(SnapshotVisibility::Controllers),
            status_visibility: Some(StatusVisibility::Controllers),
            wasm_memory_limit: (3 * GIB).into(),
            wasm_memory_threshold: 0u8.into(),
            environment_variables: vec![],
        };
        assert_eq!(status(&network, network.a).settings, expected);
    });
}

#[test]
fn a_wrong_setting_changes_nothing() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = status(&network, network.a);
        let compute_allocation = Some(Nat::from(101u8));
        let freezing_threshold = Some(Nat::from(1u8));
        let wrong = CanisterSettings { compute_allocation, freezing_threshold, ..settings() };
        assert_eq!(error(&network, wrong), ErrorCode::CanisterContractViolation);
        let controllers = Some(vec![Principal::anonymous(); 11]);
        let wrong = CanisterSettings { controllers, ..settings() };
        assert_eq!(error(&network, wrong), ErrorCode::InvalidManagementPayload);
        let after = status(&network, network.a);
        assert_eq!((after.settings, after.version), (before.settings, before.version));
    });
}

#[test]
fn compute_can_be_allocated_only_once() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let allocate = |canister, percent: u8| {
            let compute_allocation = Some(percent.into());
            set(&network.pic, canister, CanisterSettings { compute_allocation, ..settings() })
                .map_err(|reject| reject.error_code)
        };
        for canister in [network.a, network.b] {
            network.pic.add_cycles(canister, 10_000_000_000_000_000);
        }
        allocate(network.a, 100).unwrap();
        // Half of three cores can be allocated, of which one percent always stays free.
        assert_eq!(allocate(network.b, 50), Err(ErrorCode::SubnetOversubscribed));
        allocate(network.b, 49).unwrap();
        allocate(network.a, 0).unwrap();
        allocate(network.b, 100).unwrap();
    });
}

#[test]
fn an_allocation_must_be_available_and_affordable() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let memory =
            |bytes: u64| CanisterSettings { memory_allocation: Some(bytes.into()), ..settings() };
        assert_eq!(error(&network, memory(u64::MAX)), ErrorCode::SubnetOversubscribed);
        // With 100 T cycles a canister can hold 300 GiB for thirty days, or a full core for less.
        let code = ErrorCode::InsufficientCyclesInMemoryAllocation;
        assert_eq!(error(&network, memory(400 * GIB)), code);
        let compute_allocation = Some(100u8.into());
        let compute = CanisterSettings { compute_allocation, ..settings() };
        let code = ErrorCode::InsufficientCyclesInComputeAllocation;
        assert_eq!(error(&network, compute), code);
        set(&network.pic, network.a, memory(100 * GIB)).unwrap();
        let burned = status(&network, network.a).idle_cycles_burned_per_day;
        assert!(burned > 1_000_000_000_000u64 && burned < 4_000_000_000_000u64, "{burned}");
    });
}

#[test]
fn on_a_full_subnet_memory_is_paid_in_advance() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.add_cycles(network.a, 10_000_000_000_000_000);
        network.pic.add_cycles(network.b, 10_000_000_000_000_000);
        let allocate = |canister, bytes: u64| {
            let memory_allocation = Some(bytes.into());
            set(&network.pic, canister, CanisterSettings { memory_allocation, ..settings() })
                .map_err(|reject| reject.error_code)
        };
        // In one round, only a part of the memory can be had without reserving cycles.
        for gib in [180, 318, 422, 500, 558, 602, 634, 658, 676, 690] {
            allocate(network.a, gib * GIB).unwrap();
        }
        assert_eq!(status(&network, network.a).reserved_cycles, 0u8);
        let before = network.pic.cycle_balance(network.b);
        allocate(network.b, 20 * GIB).unwrap();
        let reserved = u128::try_from(status(&network, network.b).reserved_cycles.0).unwrap();
        // The cycles are set aside, not spent.
        assert!(reserved > 0);
        let spent = before - network.pic.cycle_balance(network.b) - reserved;
        assert!(spent < 20_000_000, "{spent}");

        let limit = |cycles: u128| CanisterSettings {
            reserved_cycles_limit: Some(cycles.into()),
            ..settings()
        };
        let set_limit = |cycles| {
            set(&network.pic, network.b, limit(cycles)).map_err(|reject| reject.error_code)
        };
        assert_eq!(set_limit(reserved - 1), Err(ErrorCode::ReservedCyclesLimitIsTooLow));
        set_limit(reserved).unwrap();
        let code = ErrorCode::ReservedCyclesLimitExceededInMemoryAllocation;
        assert_eq!(allocate(network.b, 40 * GIB), Err(code));
        // What was set aside pays for the memory first.
        let before = network.pic.cycle_balance(network.b);
        network.pic.advance_time(std::time::Duration::from_secs(1_000));
        network.pic.tick();
        assert_eq!(network.pic.cycle_balance(network.b), before);
        assert!(status(&network, network.b).reserved_cycles < reserved);
    });
}

#[test]
fn a_canister_can_ask_for_cycles_with_every_call_of_another() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let minimum_incoming_canister_call_cycles = Some(1_000u32.into());
        set(
            &network.pic,
            network.b,
            CanisterSettings { minimum_incoming_canister_call_cycles, ..settings() },
        )
        .unwrap();
        let one = |cycles| pong(network.b).cycles(cycles);
        assert_eq!(network.run(network.a, script().call(one(1_000))), Ok(b"pong".to_vec()));
        let (code, _) = rejected(&network.run(network.a, script().call(one(999))).unwrap());
        assert_eq!(code, 5);
        let refunded = one(999).on_reject(script().refunded().reply_number());
        assert_eq!(number(&network.run(network.a, script().call(refunded)).unwrap()), 999);
        // Neither users nor the canister itself need to bring any.
        assert_eq!(network.run(network.b, script().call(one(0))), Ok(b"pong".to_vec()));
    });
}

#[test]
fn a_canister_can_be_created_with_settings() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let create = |settings: CanisterSettings| {
            let arguments =
                CreateCanisterArgs { settings: Some(settings), sender_canister_version: None };
            let method = "provisional_create_canister_with_cycles";
            ask(&network.pic, Principal::anonymous(), network.a, method, arguments)
        };
        let freezing_threshold = Some(Nat::from(77u8));
        let log_memory_limit = Some(Nat::from(0u8));
        let wish = CanisterSettings { freezing_threshold, log_memory_limit, ..settings() };
        let reply = create(wish).unwrap();
        let id = decode::<(ic_management_canister_types::CanisterIdRecord,)>(&reply).0.canister_id;
        let created = status(&network, id);
        assert_eq!(created.settings.freezing_threshold, 77u8);
        assert_eq!(created.memory_metrics.log_memory_store_size, Some(0u8.into()));
        let memory_allocation = Some(Nat::from(400 * GIB));
        let reject = create(CanisterSettings { memory_allocation, ..settings() }).unwrap_err();
        assert_eq!(reject.error_code, ErrorCode::InsufficientCyclesInMemoryAllocation);
    });
}

#[test]
fn a_canister_that_cannot_pay_for_its_memory_loses_its_code() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let freezing_threshold = Some(Nat::from(0u8));
        let compute_allocation = Some(Nat::from(50u8));
        set(
            &network.pic,
            network.a,
            CanisterSettings { freezing_threshold, compute_allocation, ..settings() },
        )
        .unwrap();
        // Half a core costs 500 M a second: two days are more than it has.
        for _ in 0..3 {
            network.pic.advance_time(std::time::Duration::from_secs(100_000));
            network.pic.tick();
        }
        assert_eq!(network.pic.cycle_balance(network.a), 0, "what it had left is gone, too");
        network.pic.add_cycles(network.a, 1_000_000_000_000);
        let after = status(&network, network.a);
        assert_eq!(after.module_hash, None);
        assert_eq!(after.settings.compute_allocation, 0u8);
        assert_eq!(after.settings.controllers, [Principal::anonymous()]);
    });
}
