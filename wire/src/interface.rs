//! The interface of a canister, inside its module.

/// Puts a committed interface (the path of a `.did` file, from this source file) where agents and command line tools look
/// for it inside the module, and tests that it says what the endpoints take and return.
///
/// To be used behind all endpoints, which have to be marked with `candid::candid_method`; the test needs the crates
/// `candid` and `candid_parser`.
#[macro_export]
macro_rules! interface {
    ($committed:literal) => {
        #[cfg(target_family = "wasm")]
        #[expect(unsafe_code, reason = "only a named section can carry metadata")]
        #[unsafe(link_section = "icp:public candid:service")]
        #[used]
        static INTERFACE: [u8; include_bytes!($committed).len()] = *include_bytes!($committed);

        #[cfg(test)]
        mod interface {
            use super::*;
            use ::candid_parser::utils::{CandidSource, service_equal};

            ::candid::export_service!();

            #[test]
            fn the_committed_one_is_what_the_code_serves() {
                let code = __export_service();
                let committed = include_str!($committed);
                service_equal(CandidSource::Text(&code), CandidSource::Text(committed)).expect(
                    "the committed interface should say what the endpoints take and return",
                );
            }
        }
    };
}
