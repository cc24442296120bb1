//! The built modules: what they import, what they say of themselves, how large they are.

use std::collections::BTreeSet;
use std::fs;

use candid::TypeEnv;
use candid::types::FuncMode;
use candid_parser::{IDLProg, check_prog};
use test_support::rust_canister;
use wasmparser::{ExternalKind, Parser, Payload};

use crate::pair::{callee_module, caller_module};

/// The largest share of the plain example's module, in the default build, that each of our modules may have.
const CALLEE_SIZE_RATIO_MAX: f64 = 1.30;
/// The outbox takes 59 kB of the caller: 44 kB of code for the list, its timers and its methods, and the decoder and
/// encoder of their types.
const CALLER_SIZE_RATIO_MAX: f64 = 0.92;

const INTERFACE_SECTION: &str = "icp:public candid:service";

/// A built module beside its committed interface.
struct Built {
    name: &'static str,
    module: Vec<u8>,
    interface: &'static str,
    plain: &'static str,
    size_ratio_max: f64,
}

fn canisters() -> [Built; 2] {
    [
        Built {
            name: "callee",
            module: callee_module(),
            interface: include_str!("../../callee/callee.did"),
            plain: "plain_callee",
            size_ratio_max: CALLEE_SIZE_RATIO_MAX,
        },
        Built {
            name: "caller",
            module: caller_module(),
            interface: include_str!("../../caller/caller.did"),
            plain: "plain_caller",
            size_ratio_max: CALLER_SIZE_RATIO_MAX,
        },
    ]
}

impl Built {
    fn payloads(&self) -> impl Iterator<Item = Payload<'_>> {
        Parser::new(0).parse_all(&self.module).map(|payload| payload.expect("the module is valid"))
    }

    /// The exported functions that users and canisters can call, as the System API names them.
    fn exported_methods(&self) -> BTreeSet<String> {
        let prefixes = ["canister_update ", "canister_query ", "canister_composite_query "];
        self.payloads()
            .filter_map(|payload| match payload {
                Payload::ExportSection(exports) => Some(exports),
                _ => None,
            })
            .flatten()
            .map(|export| export.expect("the section is valid"))
            .filter(|export| export.kind == ExternalKind::Func)
            .map(|export| export.name.to_owned())
            .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .collect()
    }

    /// The methods of the committed interface, named in the same way.
    fn promised_methods(&self) -> BTreeSet<String> {
        let program: IDLProg = self.interface.parse().expect("it is Candid");
        let mut types = TypeEnv::new();
        let service =
            check_prog(&mut types, &program).expect("it is sound").expect("it has a service");
        let methods = types.as_service(&service).expect("it is one");
        methods
            .iter()
            .map(|(name, method)| {
                export_name(name, types.as_func(method).expect("a method").modes.as_slice())
            })
            .collect()
    }
}

fn export_name(method: &str, modes: &[FuncMode]) -> String {
    let kind = match modes {
        [] => "update",
        [FuncMode::Query] => "query",
        [FuncMode::CompositeQuery] => "composite_query",
        _ => panic!("`{method}` has a mode no canister serves: {modes:?}"),
    };
    format!("canister_{kind} {method}")
}

#[test]
fn the_modules_import_nothing_but_the_system_api() {
    for built in canisters() {
        let offenders: Vec<_> = built
            .payloads()
            .filter_map(|payload| match payload {
                Payload::ImportSection(imports) => Some(imports.into_imports()),
                _ => None,
            })
            .flatten()
            .map(|import| import.expect("the section is valid"))
            .filter(|import| import.module != "ic0")
            .map(|import| format!("{}.{}", import.module, import.name))
            .collect();
        assert_eq!(offenders, [""; 0], "imports of the {} that no replica provides", built.name);
    }
}

#[test]
fn the_interface_inside_each_module_is_the_committed_one_byte_for_byte() {
    for built in canisters() {
        let inside: Vec<_> = built
            .payloads()
            .filter_map(|payload| match payload {
                Payload::CustomSection(section) if section.name() == INTERFACE_SECTION => {
                    Some(String::from_utf8_lossy(section.data()).into_owned())
                }
                _ => None,
            })
            .collect();
        assert_eq!(inside, [built.interface], "{}", built.name);
    }
}

#[test]
fn each_module_serves_exactly_the_methods_of_its_interface() {
    for built in canisters() {
        let promised = built.promised_methods();
        assert!(!promised.is_empty());
        // Timers call the canister itself, through a method of their own that refuses everybody else.
        let mut exported = built.exported_methods();
        exported.retain(|method| !method.contains("<ic-cdk internal>"));
        assert_eq!(exported, promised, "{}", built.name);
    }
}

#[test]
fn each_module_keeps_its_size_beside_the_plain_example_in_the_default_build() {
    for built in canisters() {
        let bytes = built.module.len();
        let plain = fs::metadata(rust_canister(built.plain)).expect("it was built").len();
        let ratio = bytes as f64 / plain as f64;
        println!(
            "{}: {bytes} bytes, {ratio:.2} of the {plain} bytes of {}",
            built.name, built.plain
        );
        assert!(ratio <= built.size_ratio_max, "the {} has {bytes} bytes: {ratio:.2}", built.name);
    }
}
