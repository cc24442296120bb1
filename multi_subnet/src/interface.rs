//! The interface of a caller. Callers differ in two things: whether their numbers are `nat64` or `nat`, and
//! whether they have the method `run`, which returns the reasons of failed calls.

use std::borrow::Cow;
use std::io::Read;

use candid::types::{Label, Type, TypeInner};
use candid::{Decode, Encode, Nat, TypeEnv};
use candid_parser::{IDLProg, check_prog};
use embedded_replica::limits::MODULE_BYTES_MAX;
use flate2::read::MultiGzDecoder;
use wasmparser::{Parser, Payload};

use crate::canisters::GZIP_MAGIC;

/// The measured method that makes one call after another. It takes a number of calls and returns how
/// many of them succeeded.
pub const SEQUENTIAL_CALLS: &str = "sequential_calls";
/// The measured method that makes all calls at once. It takes and returns the same as
/// [`SEQUENTIAL_CALLS`].
pub const PARALLEL_CALLS: &str = "parallel_calls";
/// The method that takes a strategy and a number of calls, and returns a report with the reasons of failed
/// calls. Not every caller has it.
pub const RUN: &str = "run";
/// The method that sets the caller's callee.
pub const SETUP_CALLEE: &str = "setup_callee";
/// The environment variable of a canister with the id of its callee, for callers without [`SETUP_CALLEE`].
pub const CALLEE_VARIABLE: &str = "PUBLIC_CANISTER_ID:callee";

/// The custom sections in which compilers store the Candid interface: readable by everybody, or by controllers.
const INTERFACE_SECTIONS: [&str; 2] = ["icp:public candid:service", "icp:private candid:service"];

/// The parts of a caller's interface in which callers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerInterface {
    /// The type of the caller's numbers.
    pub numbers: NumberType,
    /// Whether the caller has the method [`RUN`].
    pub has_run: bool,
}

/// The Candid type of a caller's numbers. A value of one type cannot be decoded as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    /// `nat64`, as in the caller of this workspace.
    Nat64,
    /// `nat`, as in most Motoko canisters.
    Nat,
}

impl NumberType {
    /// All types, the most frequent one first.
    pub const ALL: [Self; 2] = [Self::Nat64, Self::Nat];

    /// Encodes a number as the argument of a call.
    ///
    /// # Errors
    ///
    /// Fails if Candid cannot encode it, which does not happen with numbers.
    pub fn encode(self, number: u64) -> Result<Vec<u8>, candid::Error> {
        match self {
            Self::Nat64 => Encode!(&number),
            Self::Nat => Encode!(&Nat::from(number)),
        }
    }

    /// Decodes a reply that is one number, of any of these types.
    ///
    /// # Errors
    ///
    /// Fails if the reply is something else, or if the number does not fit into 64 bits.
    pub fn decode(reply: &[u8]) -> Result<u64, String> {
        if let Ok(number) = Decode!(reply, u64) {
            return Ok(number);
        }
        let number = Decode!(reply, Nat).map_err(|error| error.to_string())?;
        u64::try_from(&number.0).map_err(|_| format!("{number} is too large"))
    }
}

/// The Candid interface that is embedded in a Wasm module, which may be compressed with gzip. `None` if the module has
/// none.
pub fn candid_interface(module: &[u8]) -> Option<String> {
    let module = unpacked(module, MODULE_BYTES_MAX as u64);
    Parser::new(0).parse_all(&module).map_while(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if INTERFACE_SECTIONS.contains(&section.name()) => {
            std::str::from_utf8(section.data()).ok().map(str::to_owned)
        }
        _ => None,
    })
}

/// A module without its compression, up to a limit in bytes. If the compressed data are damaged or too large, the part
/// that can be read.
fn unpacked(module: &[u8], limit: u64) -> Cow<'_, [u8]> {
    if !module.starts_with(GZIP_MAGIC) {
        return module.into();
    }
    let mut bytes = Vec::new();
    // What is wrong with the module, the server says when the module is installed.
    let _ = MultiGzDecoder::new(module).take(limit).read_to_end(&mut bytes);
    bytes.into()
}

/// The caller's number type, from the interface that is embedded in its module. `None` if the module has
/// no interface, or if the interface has no measured method.
pub fn number_type(module: &[u8]) -> Option<NumberType> {
    let (types, arguments) = method(module, SEQUENTIAL_CALLS)?;
    let [argument] = arguments.as_slice() else {
        return None;
    };
    number_of(types.trace_type(argument).ok()?.as_ref())
}

/// Whether the caller has the method [`RUN`] with the strategy `Windowed`, by the interface that is embedded in
/// its module.
pub fn has_run(module: &[u8]) -> bool {
    let Some((types, arguments)) = method(module, RUN) else { return false };
    let [strategy, calls] = arguments.as_slice() else { return false };
    let traced = |argument| types.trace_type(argument).ok();
    let (Some(strategy), Some(calls)) = (traced(strategy), traced(calls)) else { return false };
    let windowed = Label::Named("Windowed".into()).get_id();
    matches!(strategy.as_ref(), TypeInner::Variant(cases) if cases.iter().any(|case| case.id.get_id() == windowed))
        && number_of(calls.as_ref()) == Some(NumberType::Nat64)
}

/// The types of a method's arguments, from the interface that is embedded in the module.
fn method(module: &[u8], name: &str) -> Option<(TypeEnv, Vec<Type>)> {
    let program: IDLProg = candid_interface(module)?.parse().ok()?;
    let mut types = TypeEnv::new();
    let actor = check_prog(&mut types, &program).ok()?;
    let arguments = types.get_method(actor.as_ref()?, name).ok()?.args.clone();
    Some((types, arguments))
}

fn number_of(argument: &TypeInner) -> Option<NumberType> {
    match argument {
        TypeInner::Nat64 => Some(NumberType::Nat64),
        TypeInner::Nat => Some(NumberType::Nat),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CustomSection, Module};

    fn module(sections: &[(&str, &str)]) -> Vec<u8> {
        let mut module = Module::new();
        for (name, data) in sections {
            module.section(&CustomSection { name: (*name).into(), data: data.as_bytes().into() });
        }
        module.finish()
    }

    fn service(argument: &str) -> String {
        format!(
            "service : {{ parallel_calls : ({argument}) -> (nat); sequential_calls : ({argument}) -> (nat) }}"
        )
    }

    #[test]
    fn the_number_type_is_read_from_the_public_or_the_private_section() {
        for section in INTERFACE_SECTIONS {
            let read =
                |argument| number_type(&module(&[("name", "x"), (section, &service(argument))]));
            assert_eq!(read("nat64"), Some(NumberType::Nat64));
            assert_eq!(read("nat"), Some(NumberType::Nat));
            assert_eq!(read("n : nat"), Some(NumberType::Nat));
            assert_eq!(read("text"), None);
            assert_eq!(read("nat, nat"), None);
        }
    }

    #[test]
    fn aliases_and_services_with_init_arguments_are_followed() {
        let text =
            "type N = M; type M = nat64; service : (text) -> { sequential_calls : (N) -> (N) }";
        assert_eq!(number_type(&module(&[(INTERFACE_SECTIONS[0], text)])), Some(NumberType::Nat64));
    }

    #[test]
    fn a_caller_with_the_method_run_is_recognised_by_its_interface() {
        let has_run = |text: &str| super::has_run(&module(&[(INTERFACE_SECTIONS[0], text)]));
        let way = "variant { Sequential; Parallel; Windowed : opt nat32 }";
        assert!(has_run(&format!("service : {{ run : ({way}, nat64) -> (record {{}}) }}")));
        for other in [
            "service : {}",
            "service : { run : (nat64) -> (nat64) }",
            "service : { run : (variant { Sequential }, nat64) -> (nat64) }",
            "service : { run : (variant { Windowed }, text) -> (nat64) }",
        ] {
            assert!(!has_run(other), "{other}");
        }
    }

    fn packed(bytes: &mut dyn Read) -> Vec<u8> {
        let mut packed = Vec::new();
        let read = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        read.take(u64::MAX).read_to_end(&mut packed).expect("memory does not fail");
        packed
    }

    #[test]
    fn the_interface_of_a_compressed_module_is_read() {
        let plain = module(&[("name", "x"), (INTERFACE_SECTIONS[0], &service("nat"))]);
        assert_eq!(number_type(&packed(&mut &plain[..])), Some(NumberType::Nat));
        // As a command for several files writes it: one stream after another.
        let (start, end) = plain.split_at(20);
        let parts = [packed(&mut &*start), packed(&mut &*end)].concat();
        assert_eq!(candid_interface(&parts), candid_interface(&plain));
    }

    #[test]
    fn no_more_of_a_compressed_module_is_read_than_the_largest_module_needs() {
        let bomb = packed(&mut std::io::repeat(0).take(3_000_000));
        assert!(bomb.len() < 100_000);
        assert_eq!(unpacked(&bomb, 1_000_000).len(), 1_000_000);
        assert_eq!(candid_interface(&bomb), None);
    }

    #[test]
    fn modules_without_an_interface_have_no_number_type() {
        assert_eq!(number_type(&module(&[])), None);
        assert_eq!(number_type(&module(&[("candid:service", &service("nat64"))])), None);
        assert_eq!(number_type(&module(&[(INTERFACE_SECTIONS[0], "service : {}")])), None);
        assert_eq!(number_type(&module(&[(INTERFACE_SECTIONS[0], "not candid")])), None);
        assert_eq!(number_type(b"\x1f\x8b compressed"), None);
        assert_eq!(number_type(b""), None);
    }

    #[test]
    fn a_reply_of_either_type_is_understood() {
        for number_type in NumberType::ALL {
            for number in [0, 90, u64::MAX] {
                let bytes = number_type.encode(number).expect("numbers encode");
                assert_eq!(NumberType::decode(&bytes), Ok(number));
            }
        }
        assert!(
            NumberType::decode(&Encode!(&(Nat::from(u64::MAX) + 1u8)).expect("encodes")).is_err()
        );
        assert!(NumberType::decode(&Encode!(&"90").expect("encodes")).is_err());
        assert!(NumberType::decode(b"garbage").is_err());
    }
}
