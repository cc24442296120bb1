//! Settings: each value has a range, and settings that are not mentioned stay as they are.

use super::*;
use candid::Principal;
use ic_management_canister_types::{LogVisibility, SnapshotVisibility, StatusVisibility};

fn before() -> Settings {
    Settings::new([Principal::anonymous()].into())
}

#[track_caller]
fn refused(changes: CanisterSettings, name: &str, code: ErrorCode) {
    let error = changed(&before(), changes).expect_err("the value is out of range");
    assert_eq!(error.code, code);
    assert!(error.description.contains(name), "{error}");
}

fn variable(name: impl Into<String>, value: impl Into<String>) -> EnvironmentVariable {
    EnvironmentVariable { name: name.into(), value: value.into() }
}

fn with_variables(variables: Vec<EnvironmentVariable>) -> CanisterSettings {
    CanisterSettings { environment_variables: Some(variables), ..CanisterSettings::default() }
}

#[test]
fn no_changes_change_nothing() {
    let settings = changed(&before(), CanisterSettings::default());
    assert_eq!(settings.expect("nothing is out of range"), before());
}

#[test]
fn every_setting_can_be_changed_and_is_reported() {
    let controllers = vec![Principal::management_canister(), Principal::self_authenticating([1])];
    let changes = CanisterSettings {
        controllers: Some(controllers.clone()),
        compute_allocation: Some(10u8.into()),
        memory_allocation: Some((1u64 << 30).into()),
        freezing_threshold: Some(77u8.into()),
        reserved_cycles_limit: Some((1u128 << 100).into()),
        minimum_incoming_canister_call_cycles: Some(5u8.into()),
        log_visibility: Some(LogVisibility::Public),
        log_memory_limit: Some(8_192u32.into()),
        status_visibility: Some(StatusVisibility::Public),
        wasm_memory_limit: Some((1u64 << 31).into()),
        wasm_memory_threshold: Some(9u8.into()),
        environment_variables: Some(vec![variable("b", "2"), variable("a", "1")]),
        ..CanisterSettings::default()
    };
    let settings = changed(&before(), changes).expect("nothing is out of range");
    let reported = definite(&settings);
    assert_eq!(reported.controllers.len(), 2);
    assert!(controllers.iter().all(|controller| reported.controllers.contains(controller)));
    assert_eq!(reported.compute_allocation, 10u8);
    assert_eq!(reported.memory_allocation, 1u64 << 30);
    assert_eq!(reported.freezing_threshold, 77u8);
    assert_eq!(reported.reserved_cycles_limit, 1u128 << 100);
    assert_eq!(reported.minimum_incoming_canister_call_cycles, 5u8);
    assert_eq!(reported.log_visibility, LogVisibility::Public);
    assert_eq!(reported.log_memory_limit, 8_192u32);
    assert_eq!(reported.status_visibility, StatusVisibility::Public);
    assert_eq!(reported.snapshot_visibility, before().snapshot_visibility);
    assert_eq!(reported.wasm_memory_limit, 1u64 << 31);
    assert_eq!(reported.wasm_memory_threshold, 9u8);
    assert_eq!(reported.environment_variables, [variable("a", "1"), variable("b", "2")]);
}

#[test]
fn ten_controllers_are_allowed_and_eleven_are_not() {
    let controllers = |count: u8| CanisterSettings {
        controllers: Some((0..count).map(|n| Principal::self_authenticating([n])).collect()),
        ..CanisterSettings::default()
    };
    assert!(changed(&before(), controllers(10)).is_ok());
    assert!(changed(&before(), controllers(0)).is_ok());
    refused(controllers(11), "controllers", ErrorCode::InvalidManagementPayload);
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let default = CanisterSettings::default;
    let code = ErrorCode::CanisterContractViolation;
    let large = || Some(Nat::from(1u128 << 64));
    let compute_allocation = Some(101u8.into());
    refused(CanisterSettings { compute_allocation, ..default() }, "compute_allocation", code);
    let memory_allocation = large();
    refused(CanisterSettings { memory_allocation, ..default() }, "memory_allocation", code);
    let freezing_threshold = large();
    refused(CanisterSettings { freezing_threshold, ..default() }, "freezing_threshold", code);
    let above = || Some(Nat::from((1u64 << 48) + 1));
    let wasm_memory_limit = above();
    refused(CanisterSettings { wasm_memory_limit, ..default() }, "wasm_memory_limit", code);
    let wasm_memory_threshold = above();
    refused(CanisterSettings { wasm_memory_threshold, ..default() }, "wasm_memory_threshold", code);
    let huge = || Some(Nat::from(u128::MAX) + 1u8);
    let reserved_cycles_limit = huge();
    refused(CanisterSettings { reserved_cycles_limit, ..default() }, "reserved_cycles_limit", code);
    let minimum_incoming_canister_call_cycles = huge();
    refused(
        CanisterSettings { minimum_incoming_canister_call_cycles, ..default() },
        "minimum_incoming_canister_call_cycles",
        code,
    );
}

#[test]
fn the_logs_limit_is_nothing_or_within_its_range() {
    let limit = |bytes: u64| CanisterSettings {
        log_memory_limit: Some(bytes.into()),
        ..CanisterSettings::default()
    };
    for bytes in [0, 4_096, 2 << 20] {
        assert!(changed(&before(), limit(bytes)).is_ok());
    }
    for bytes in [1, 4_095, (2 << 20) + 1] {
        refused(limit(bytes), "log_memory_limit", ErrorCode::CanisterRejectedMessage);
    }
}

#[test]
fn ten_viewers_are_allowed_and_eleven_are_not() {
    let viewers =
        |count: u8| (0..count).map(|n| Principal::self_authenticating([n])).collect::<Vec<_>>();
    let default = CanisterSettings::default;
    let all = |count| {
        let log_visibility = Some(LogVisibility::AllowedViewers(viewers(count)));
        let snapshot_visibility = Some(SnapshotVisibility::AllowedViewers(viewers(count)));
        let status_visibility = Some(StatusVisibility::AllowedViewers(viewers(count)));
        [
            (CanisterSettings { log_visibility, ..default() }, "log_visibility"),
            (CanisterSettings { snapshot_visibility, ..default() }, "snapshot_visibility"),
            (CanisterSettings { status_visibility, ..default() }, "status_visibility"),
        ]
    };
    for (changes, _) in all(10) {
        assert!(changed(&before(), changes).is_ok());
    }
    for (changes, name) in all(11) {
        refused(changes, name, ErrorCode::InvalidManagementPayload);
    }
}

#[test]
fn environment_variables_are_few_short_and_named_once() {
    const NAME: &str = "environment_variables";
    let numbered = |count: usize| (0..count).map(|n| variable(n.to_string(), "")).collect();
    assert!(changed(&before(), with_variables(numbered(20))).is_ok());
    refused(with_variables(numbered(21)), NAME, ErrorCode::InvalidManagementPayload);
    let long = "x".repeat(128);
    assert!(changed(&before(), with_variables(vec![variable(&long, &long)])).is_ok());
    refused(
        with_variables(vec![variable(format!("{long}x"), "")]),
        NAME,
        ErrorCode::InvalidManagementPayload,
    );
    refused(
        with_variables(vec![variable("", format!("{long}x"))]),
        NAME,
        ErrorCode::InvalidManagementPayload,
    );
    refused(
        with_variables(vec![variable("a", "1"), variable("a", "2")]),
        NAME,
        ErrorCode::InvalidManagementPayload,
    );
}

#[test]
fn environment_variables_are_replaced_as_a_whole() {
    let first = changed(&before(), with_variables(vec![variable("a", "1"), variable("b", "2")]));
    let second = changed(&first.expect("it is valid"), with_variables(vec![variable("c", "3")]));
    let expected = [("c".to_owned(), "3".to_owned())].into();
    assert_eq!(second.expect("it is valid").environment_variables, expected);
}
