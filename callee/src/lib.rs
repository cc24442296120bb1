//! The callee: one endpoint that does nothing, so that what is measured is the call.

use ic_cdk::api::msg_reply;
use ic_cdk_macros::update;

/// Does nothing and answers.
///
/// The reply is the constant `()`; the encoder `ic-cdk` would bring for it makes the module six times as large.
#[update(manual_reply = true)]
fn ping() {
    msg_reply(wire::NOTHING);
}

/// The interface, where agents and command line tools look for it inside the module.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "only a named section can carry metadata")]
#[unsafe(link_section = "icp:public candid:service")]
#[used]
static INTERFACE: [u8; include_bytes!("../callee.did").len()] = *include_bytes!("../callee.did");

#[cfg(test)]
mod tests {
    use candid_parser::utils::{CandidSource, service_equal};

    candid::export_service!();

    #[test]
    fn the_committed_interface_is_the_one_the_code_serves() {
        let code = __export_service();
        let committed = include_str!("../callee.did");
        service_equal(CandidSource::Text(&code), CandidSource::Text(committed))
            .expect("callee.did should say what the endpoints take and return");
    }
}
