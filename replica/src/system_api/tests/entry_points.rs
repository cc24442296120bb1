//! Compares the allowed entry points of each function with the interface specification.

use crate::system_api::{EntryPoint, FUNCTIONS};
use std::collections::{BTreeMap, BTreeSet};

/// The entry points for each letter of the interface specification ("Overview of imports"). The letter
/// T stands for three entry points.
pub(super) const LETTERS: [(&str, &[EntryPoint]); 16] = [
    ("I", &[EntryPoint::Init]),
    ("G", &[EntryPoint::PreUpgrade]),
    ("U", &[EntryPoint::Update]),
    ("RQ", &[EntryPoint::ReplicatedQuery]),
    ("NRQ", &[EntryPoint::Query]),
    ("TQ", &[EntryPoint::Transform]),
    ("CQ", &[EntryPoint::CompositeQuery]),
    ("Ry", &[EntryPoint::ReplyCallback]),
    ("Rt", &[EntryPoint::RejectCallback]),
    ("CRy", &[EntryPoint::CompositeReplyCallback]),
    ("CRt", &[EntryPoint::CompositeRejectCallback]),
    ("C", &[EntryPoint::Cleanup]),
    ("CC", &[EntryPoint::CompositeCleanup]),
    ("s", &[EntryPoint::Start]),
    ("F", &[EntryPoint::InspectMessage]),
    ("T", &[EntryPoint::Heartbeat, EntryPoint::GlobalTimer, EntryPoint::LowWasmMemory]),
];

/// The table of the specification: letters of entry points, then the functions that they may call. A
/// star stands for all entry points except the start function. The older functions have the same
/// entry points as their successors.
const SPECIFIED: &str = "
I U RQ NRQ TQ CQ Ry CRy F: msg_arg_data_size msg_arg_data_copy
*: msg_caller_size msg_caller_copy
U RQ NRQ CQ Ry Rt CRy CRt C CC F: msg_caller_info_data_size msg_caller_info_data_copy
U RQ NRQ CQ Ry Rt CRy CRt C CC F: msg_caller_info_signer_size msg_caller_info_signer_copy
Ry Rt CRy CRt C: msg_reject_code
Rt CRt: msg_reject_msg_size msg_reject_msg_copy
U RQ NRQ CQ Ry Rt CRy CRt: msg_deadline
U RQ NRQ TQ CQ Ry Rt CRy CRt: msg_reply_data_append msg_reply msg_reject
U RQ Ry Rt: msg_cycles_available msg_cycles_available128 msg_cycles_accept msg_cycles_accept128
Ry Rt: msg_cycles_refunded msg_cycles_refunded128
I G U RQ Ry Rt C T: cycles_burn128
U Ry Rt T: mint_cycles128
*: canister_self_size canister_self_copy canister_cycle_balance canister_cycle_balance128
*: canister_liquid_cycle_balance128 canister_status canister_version
*: subnet_self_size subnet_self_copy subnet_self_node_count
F: msg_method_name_size msg_method_name_copy accept_message
U CQ Ry Rt CRy CRt T: call_new call_on_cleanup call_data_append call_with_best_effort_response
U CQ Ry Rt CRy CRt T: call_perform
U Ry Rt T: call_cycles_add call_cycles_add128
* s: stable_size stable_grow stable_read stable_write
* s: stable64_size stable64_grow stable64_read stable64_write
I G U RQ Ry Rt C T: root_key_size root_key_copy
I G U Ry Rt T: certified_data_set
*: data_certificate_present
NRQ CQ: data_certificate_size data_certificate_copy
*: time
I G U Ry Rt C T: global_timer_set
* s: performance_counter is_controller in_replicated_execution
* s: cost_call cost_create_canister cost_http_request cost_http_request_v2
* s: cost_sign_with_ecdsa cost_sign_with_schnorr cost_vetkd_derive_key
*: env_var_count env_var_name_size env_var_name_copy env_var_name_exists
*: env_var_value_size env_var_value_copy
* s: debug_print trap
";

/// The letters of the entry points in which each function may be called.
pub(super) fn specified() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut functions = BTreeMap::new();
    for line in SPECIFIED.trim().lines() {
        let (entry_points, names) = line.split_once(':').expect("entry points and names");
        let mut letters: BTreeSet<&str> = entry_points.split(' ').collect();
        if letters.remove("*") {
            letters
                .extend(LETTERS.iter().map(|(letter, _)| *letter).filter(|&letter| letter != "s"));
        }
        for name in names.split_whitespace() {
            assert!(
                functions.insert(name, letters.clone()).is_none(),
                "the table has {name} twice"
            );
        }
    }
    functions
}

#[test]
fn each_function_is_allowed_in_the_entry_points_of_the_specification() {
    let mut specified = specified();
    for function in FUNCTIONS {
        let expected = specified.remove(function.name).unwrap_or_default();
        for (letter, entry_points) in LETTERS {
            for entry_point in entry_points {
                assert_eq!(
                    function.entry_points.contains(*entry_point),
                    expected.contains(letter),
                    "{} in {letter}",
                    function.name
                );
            }
        }
    }
    assert_eq!(specified, BTreeMap::new(), "functions that the replica does not have");
}
