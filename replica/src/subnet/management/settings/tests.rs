//! Settings: each value has a range, and what is not mentioned stays.

use super::*;
use candid::Principal;
use ic_management_canister_types::{LogVisibility, StatusVisibility};

fn before() -> Settings {
    Settings::new([Principal::anonymous()].into())
}

#[track_caller]
fn refused(changes: CanisterSettings, name: &str) {
    let error = changed(&before(), changes).expect_err("the value is out of range");
    assert_eq!(error.code, ErrorCode::InvalidManagementPayload);
    assert!(error.description.contains(&format!("'{name}'")), "{error}");
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
    refused(controllers(11), "controllers");
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let default = CanisterSettings::default;
    let large = || Some(Nat::from(1u128 << 64));
    refused(
        CanisterSettings { compute_allocation: Some(101u8.into()), ..default() },
        "compute_allocation",
    );
    refused(CanisterSettings { memory_allocation: large(), ..default() }, "memory_allocation");
    refused(CanisterSettings { freezing_threshold: large(), ..default() }, "freezing_threshold");
    refused(CanisterSettings { log_memory_limit: large(), ..default() }, "log_memory_limit");
    let limit = Some(Nat::from((1u64 << 48) + 1));
    refused(CanisterSettings { wasm_memory_limit: limit, ..default() }, "wasm_memory_limit");
    refused(
        CanisterSettings { wasm_memory_threshold: large(), ..default() },
        "wasm_memory_threshold",
    );
    let huge = || Some(Nat::from(u128::MAX) + 1u8);
    refused(
        CanisterSettings { reserved_cycles_limit: huge(), ..default() },
        "reserved_cycles_limit",
    );
    refused(
        CanisterSettings { minimum_incoming_canister_call_cycles: huge(), ..default() },
        "minimum_incoming_canister_call_cycles",
    );
}

#[test]
fn environment_variables_are_few_short_and_named_once() {
    const NAME: &str = "environment_variables";
    let numbered = |count: usize| (0..count).map(|n| variable(n.to_string(), "")).collect();
    assert!(changed(&before(), with_variables(numbered(20))).is_ok());
    refused(with_variables(numbered(21)), NAME);
    let long = "x".repeat(128);
    assert!(changed(&before(), with_variables(vec![variable(&long, &long)])).is_ok());
    refused(with_variables(vec![variable(format!("{long}x"), "")]), NAME);
    refused(with_variables(vec![variable("", format!("{long}x"))]), NAME);
    refused(with_variables(vec![variable("a", "1"), variable("a", "2")]), NAME);
}

#[test]
fn environment_variables_are_replaced_as_a_whole() {
    let first = changed(&before(), with_variables(vec![variable("a", "1"), variable("b", "2")]));
    let second = changed(&first.expect("it is valid"), with_variables(vec![variable("c", "3")]));
    let expected = [("c".to_owned(), "3".to_owned())].into();
    assert_eq!(second.expect("it is valid").environment_variables, expected);
}
