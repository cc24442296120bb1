//! Words in errors of PocketIC's interface that programs look for. "Texts that clients read" in DESIGN.md says which
//! program looks for which words.

use crate::http::{instance, post};
use test_support::servers::embedded_server;

/// A canister that does not exist, in base64.
const CANISTER: &str = "AAAAAAAAAAABAQ==";

#[test]
fn an_error_begins_with_its_name_on_pocketics_server() {
    let server = embedded_server();
    let id = instance(server.port());
    let about = |more: &str| format!(r#"{{"canister_id":"{CANISTER}"{more}}}"#);
    let maker = r#"{"blockmakers":[{"subnet":{"subnet_id":"BA=="},
        "blockmaker":{"node_id":"BA=="},"failed_blockmakers":[]}]}"#;
    let call = format!(
        r#"{{"sender":"BA==","canister_id":"{CANISTER}","effective_principal":"None",
            "method":"x","payload":""}}"#
    );
    let response = r#"{"CanisterHttpReply":{"status":200,"headers":[],"body":""}}"#;
    let outcall = format!(
        r#"{{"subnet_id":{{"subnet_id":"BA=="}},"request_id":5,"response":{response},
            "additional_responses":[]}}"#
    );
    for (route, body, name) in [
        ("read/get_cycles", about(""), "CanisterNotFound(CanisterId(rwlgt-iiaaa-aaaaa-aaaaa-cai))"),
        ("update/add_cycles", about(r#","amount":1"#), "CanisterNotFound(CanisterId("),
        ("read/get_controllers", about(""), "CanisterNotFound(CanisterId("),
        ("read/get_stable_memory", about(""), "CanisterNotFound(CanisterId("),
        (
            "update/set_time",
            r#"{"nanos_since_epoch":1}"#.to_owned(),
            "SettingTimeIntoPast((1620328630000000001, 1))",
        ),
        ("read/pub_key", r#"{"subnet_id":"BA=="}"#.to_owned(), "SubnetNotFound(2vxsx-fae)"),
        ("update/tick", maker.to_owned(), "SubnetNotFound(2vxsx-fae)"),
        ("update/mock_canister_http", outcall, "SubnetNotFound(2vxsx-fae)"),
        ("update/submit_ingress_message", call.clone(), "BadIngressMessage"),
        ("read/query", call, "BadIngressMessage"),
    ] {
        let answer = post(server.port(), &format!("/instances/{id}/{route}"), &body);
        assert_eq!(answer.status, 400, "{route}: {}", answer.body);
        let message = answer.message();
        assert!(
            message.starts_with(&format!("{name}: ")) || message.starts_with(name),
            "{message}"
        );
        // A sentence follows.
        assert!(message.contains(": "), "{message}");
    }
}

#[test]
fn what_instances_and_gateways_lack_is_named_as_on_pocketics_server() {
    let server = embedded_server();
    let port = server.port();
    let missing = post(port, "/instances/77/update/tick", "{}");
    assert!(missing.message().starts_with("Instance not found"), "{}", missing.body);
    let gateway = post(port, "/http_gateway", r#"{"forward_to":{"PocketIcInstance":77}}"#);
    let message = gateway.body["Error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Instance not found"), "{message}");
    let id = instance(port);
    let config = format!(r#"{{"forward_to":{{"PocketIcInstance":{id}}},"port":{port}}}"#);
    let taken = post(port, "/http_gateway", &config);
    let message = taken.body["Error"]["message"].as_str().unwrap();
    let words = format!("Failed to bind to address 127.0.0.1:{port}: ");
    assert!(message.starts_with(&words), "{message}");
    // An instance whose gateway cannot have its port is not created.
    let config = format!(
        r#"{{"http_gateway_config":{{"port":{port}}},"subnet_config_set":{{"system":[],"application":
            [{{"state_config":"New","instruction_config":"Production"}}],"verified_application":[]}}}}"#
    );
    let refused = post(port, "/instances", &config);
    let message = refused.body["Error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&words), "{message}");
    assert_eq!(crate::http::get(port, "/instances").body, serde_json::json!(["Available"]));
    let config = r#"{"log_level":"loud","subnet_config_set":{"system":[],"application":
        [{"state_config":"New","instruction_config":"Production"}],"verified_application":[]}}"#;
    let refused = post(port, "/instances", config);
    let message = refused.body["Error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Failed to parse log level"), "{message}");
}
