//! Limits of the mainnet that a network can switch off.

use pocket_ic::common::rest::{IcpConfig, IcpConfigFlag};
use pocket_ic::{ErrorCode, PocketIc};
use test_support::script::wasm;
use test_support::{Server, on_every_server};

fn relaxed(server: Server, config: IcpConfig) -> PocketIc {
    server.network().with_application_subnet().with_icp_config(config).build()
}

/// What becomes of installing a module three times in a row.
fn installed_thrice(pic: &PocketIc, module: &[u8]) -> [Result<(), ErrorCode>; 3] {
    let id = pic.create_canister();
    [(); 3].map(|()| {
        let result = pic.reinstall_canister(id, module.to_vec(), vec![], None);
        result.map_err(|reject| reject.error_code)
    })
}

#[test]
fn after_a_heavy_installation_a_canister_takes_no_other_code_for_some_rounds() {
    on_every_server(|server| {
        // Compiling it takes 2.4 B instructions, of which 2 B are credited in each round.
        let module = wasm(&format!("(module (func {}))", "(drop (i32.const 0))".repeat(200_000)));
        let limited = Err(ErrorCode::CanisterInstallCodeRateLimited);
        for flag in [None, Some(IcpConfigFlag::Enabled)] {
            let config = IcpConfig { canister_execution_rate_limiting: flag, ..Default::default() };
            let results = installed_thrice(&relaxed(server, config), &module);
            assert_eq!(results, [Ok(()), limited, Ok(())]);
        }
        let config = IcpConfig {
            canister_execution_rate_limiting: Some(IcpConfigFlag::Disabled),
            ..Default::default()
        };
        assert_eq!(installed_thrice(&relaxed(server, config), &module), [Ok(()); 3]);
        let system = server.network().with_system_subnet().build();
        assert_eq!(installed_thrice(&system, &module), [Ok(()); 3]);
    });
}

#[test]
fn an_installation_that_fails_counts_towards_the_rate_all_the_same() {
    on_every_server(|server| {
        let pic = server.network().with_application_subnet().build();
        // As if each byte were an instruction: 2.4 B.
        let garbage = [0; 400_000];
        let results = installed_thrice(&pic, &garbage);
        let (invalid, limited) =
            (ErrorCode::CanisterInvalidWasm, ErrorCode::CanisterInstallCodeRateLimited);
        assert_eq!(results, [Err(invalid), Err(limited), Err(invalid)]);
    });
}

#[test]
fn the_number_of_methods_and_the_length_of_their_names_are_limited_where_nobody_disables_that() {
    on_every_server(|server| {
        let methods = |count: usize, name_bytes: usize| {
            let export =
                |number| format!(r#"(export "canister_update {number:0name_bytes$}" (func 0))"#);
            let exports: String = (0..count).map(export).collect();
            wasm(&format!("(module (func) {exports})"))
        };
        let limits = relaxed(server, IcpConfig::default());
        let config = IcpConfig {
            function_name_length_limits: Some(IcpConfigFlag::Disabled),
            ..Default::default()
        };
        let none = relaxed(server, config);
        for module in [methods(1_001, 4), methods(1_000, 21)] {
            let invalid = Err(ErrorCode::CanisterInvalidWasm);
            assert_eq!(installed_thrice(&limits, &module), [invalid; 3]);
            assert_eq!(installed_thrice(&none, &module), [Ok(()); 3]);
        }
    });
}
