//! Invalid input gets an error with the reason, and the server and its instances keep working.

use crate::http::{get, instance, post, request, request_with};
use pocket_ic::PocketIcBuilder;
use pocket_ic::common::rest::RawCanisterId;
use std::time::{Duration, Instant};
use test_support::panic_message;
use test_support::servers::embedded_server;

/// A management canister call with this method and payload, in base64.
fn call(method: &str, payload: &str, effective: &str) -> String {
    format!(
        r#"{{"sender":"BA==","canister_id":"","effective_principal":{effective},
            "method":"{method}","payload":"{payload}"}}"#
    )
}

const BLOCK_MAKERS: &str = r#"{"blockmakers":[{"subnet":{"subnet_id":"BA=="},
    "blockmaker":{"node_id":"BA=="},"failed_blockmakers":[]}]}"#;

const NO_BLOB: &str = r#"{"canister_id":"BA==","blob_id":"AAAA"}"#;

#[test]
fn an_unknown_route_gets_status_404_with_a_message_that_names_the_route() {
    let server = embedded_server();
    for path in ["/", "/instances/0/api/v2/no", "/read_graph/a/b", "/no/such"] {
        let answer = get(server.port(), path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.message().contains(path), "{}", answer.message());
    }
}

#[test]
fn a_wrong_http_method_gets_status_405_with_a_message() {
    let server = embedded_server();
    let answer = get(server.port(), "/instances/0/update/tick");
    assert_eq!(answer.status, 405);
    assert!(answer.message().contains("GET"), "{}", answer.message());
}

#[test]
fn a_blob_that_does_not_unpack_gets_status_400_with_a_message() {
    let server = embedded_server();
    for (encoding, fragment) in [("gzip", "gzip"), ("br", "no other")] {
        let head = format!("content-encoding: {encoding}\r\n");
        let answer = request_with(server.port(), "POST", "/blobstore", &head, b"not packed");
        assert_eq!(answer.status, 400);
        assert!(answer.message().contains(fragment), "{}", answer.message());
    }
}

#[test]
fn starting_auto_progress_twice_gets_status_400_with_a_message() {
    let server = embedded_server();
    let id = instance(server.port());
    let path = format!("/instances/{id}/auto_progress");
    let start = || post(server.port(), &path, r#"{"artificial_delay_ms":5}"#);
    assert_eq!(start().status, 200);
    let answer = start();
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("already"), "{}", answer.message());
}

#[test]
fn an_instance_that_does_not_exist_or_was_deleted_gets_status_404() {
    let server = embedded_server();
    let port = server.port();
    let id = instance(port);
    assert_eq!(get(port, &format!("/instances/{id}/read/get_time")).status, 200);
    assert_eq!(request(port, "DELETE", &format!("/instances/{id}"), b"").status, 200);
    for id in [id, 77] {
        for answer in [
            get(port, &format!("/instances/{id}/read/get_time")),
            post(port, &format!("/instances/{id}/update/tick"), "{}"),
        ] {
            assert_eq!(answer.status, 404);
            assert!(answer.message().contains(&format!("no instance {id}")));
        }
    }
    assert_eq!(request(port, "DELETE", "/instances/77/", b"").status, 404);
    assert_eq!(post(port, "/instances/77/stop_progress", r#""""#).status, 404);
}

#[test]
fn broken_json_and_base64_and_principals_are_400_with_a_message() {
    let server = embedded_server();
    let port = server.port();
    let id = instance(port);
    let long = "A".repeat(40);
    for (route, body, fragment) in [
        ("update/tick", "{".to_owned(), "EOF"),
        ("update/set_time", "[]".to_owned(), "expected"),
        ("update/set_time", r#"{"nanos_since_epoch":-1}"#.to_owned(), "-1"),
        ("update/set_time", r#"{"nanos_since_epoch":0}"#.to_owned(), "cannot go back"),
        ("read/get_cycles", r#"{"canister_id":"%%%"}"#.to_owned(), "Invalid"),
        ("read/get_cycles", format!(r#"{{"canister_id":"{long}"}}"#), "not a principal"),
        ("read/get_cycles", r#"{"canister_id":"AAAAAAAAAAABAQ=="}"#.to_owned(), "no canister"),
        ("update/add_cycles", r#"{"canister_id":"BA==","amount":1}"#.to_owned(), "no canister"),
        ("read/query", call("x", "!", r#""None""#), "Invalid"),
        ("update/submit_ingress_message", call("x", "", r#"{"SubnetId":"BA=="}"#), "no subnet"),
        ("update/tick", BLOCK_MAKERS.to_owned(), "no subnet"),
        // In the form of clients before version 12.
        (
            "update/tick",
            BLOCK_MAKERS
                .replacen('[', r#"{"blockmakers_per_subnet":["#, 1)
                .replace("[]}]}", "[]}]}}"),
            "no subnet",
        ),
        ("update/set_stable_memory", NO_BLOB.to_owned(), "no such blob"),
        ("update/delete_subnet", r#"{"subnet_id":"BA=="}"#.to_owned(), "no subnet"),
        ("read/pub_key", r#"{"subnet_id":"BA=="}"#.to_owned(), "no subnet"),
        ("read/get_controllers", r#"{"canister_id":"BA=="}"#.to_owned(), "no canister"),
        (
            "update/await_ingress_message",
            r#"{"effective_principal":"None","message_id":"AAAA"}"#.to_owned(),
            "32 bytes",
        ),
    ] {
        let answer = post(port, &format!("/instances/{id}/{route}"), &body);
        assert_eq!(answer.status, 400, "{route} {body}: {}", answer.body);
        assert!(answer.message().contains(fragment), "{route} {body}: {}", answer.message());
    }
    assert_eq!(get(port, &format!("/instances/{id}/read/get_time")).status, 200);
}

#[test]
fn text_where_a_number_belongs_gets_status_400_with_a_message() {
    let server = embedded_server();
    let port = server.port();
    assert_eq!(instance(port), 0);
    for id in ["first", "+0", "-0", "00", "0x0", "%2B0", "0 ", "18446744073709551616"] {
        let id = id.replace(' ', "%20");
        for path in [
            format!("/instances/{id}/read/get_time"),
            format!("/instances/{id}/read/get_time/"),
            format!("/instances/{id}/api/v2/status"),
        ] {
            let answer = get(port, &path);
            assert_eq!(answer.status, 400, "{path}");
            assert!(answer.message().contains("whole number"), "{path}: {}", answer.message());
        }
        let answer = post(port, &format!("/http_gateway/{id}/stop"), "");
        assert_eq!(answer.status, 400, "{id}");
    }
}

#[test]
fn canisters_with_chosen_ids_add_no_more_subnets_than_an_instance_may_have() {
    let server = embedded_server();
    let url = server.url().parse().unwrap();
    let mut network = PocketIcBuilder::new().with_server_url(url);
    for _ in 0..255 {
        network = network.with_application_subnet();
    }
    let pic = network.build();
    let [first, second] = ["6hsbt-vqaaa-aaaaf-aaafq-cai", "ghsi2-tqaaa-aaaan-aaaca-cai"]
        .map(|id| candid::Principal::from_text(id).unwrap());
    assert_eq!(pic.create_canister_with_id(None, None, first), Ok(first));
    let error = panic_message(|| pic.create_canister_with_id(None, None, second));
    assert!(error.contains("at most 256 subnets"), "{error}");
    assert_eq!(pic.topology().subnet_configs.len(), 256);
}

#[test]
fn an_argument_that_says_it_is_endless_is_a_reject_and_no_wait() {
    let server = embedded_server();
    let id = instance(server.port());
    // DIDL, two types: a record of canister_id : principal and 9 : vec null, and the vector; then
    // one value: the anonymous principal and 2^60 nulls. Fields come in the order of their hashes.
    let argument = [
        b"DIDL\x02".as_slice(),
        b"\x6c\x02\x09\x01\xb3\xc4\xb1\xf2\x04\x68",
        b"\x6d\x7f",
        b"\x01\x00",
        b"\x80\x80\x80\x80\x80\x80\x80\x80\x10",
        b"\x01\x01\x04",
    ]
    .concat();
    let path = format!("/instances/{id}/update/submit_ingress_message");
    let payload = base64(&argument);
    let started = Instant::now();
    let answer = post(server.port(), &path, &call("start_canister", &payload, r#""None""#));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["Err"]["error_code"], "InvalidManagementPayload", "{}", answer.body);
    assert!(started.elapsed() < Duration::from_secs(20));
}

fn base64(bytes: &[u8]) -> String {
    let raw = serde_json::to_value(RawCanisterId { canister_id: bytes.to_vec() }).unwrap();
    raw["canister_id"].as_str().unwrap().to_owned()
}

#[test]
fn only_the_sender_of_a_message_is_told_its_status() {
    let server = embedded_server();
    let id = instance(server.port());
    let submit = format!("/instances/{id}/update/submit_ingress_message");
    // An empty record: a canister with the default settings.
    let body = call("provisional_create_canister_with_cycles", "RElETAFsAAEA", r#""None""#);
    let message = post(server.port(), &submit, &body).body["Ok"].clone();
    assert_eq!(post(server.port(), &format!("/instances/{id}/update/tick"), "{}").status, 200);
    let status = |caller: &str| {
        let body =
            format!(r#"{{"raw_message_id":{message},"raw_caller":{{"principal_id":"{caller}"}}}}"#);
        post(server.port(), &format!("/instances/{id}/read/ingress_status"), &body)
    };
    let own = status("BA==");
    assert!(own.body["Ok"].is_string(), "{}", own.body);
    let other = status("AAAAAAAAAAABAQ==");
    assert_eq!(other.status, 403);
    let words = "The user tries to access Request ID not signed by the caller.";
    assert_eq!(other.message(), words);
}

#[test]
fn awaiting_a_message_nobody_submitted_is_an_error_and_no_wait() {
    let server = embedded_server();
    let id = instance(server.port());
    let message = format!("{}=", "A".repeat(43));
    let body = format!(r#"{{"effective_principal":"None","message_id":"{message}"}}"#);
    let path = format!("/instances/{id}/update/await_ingress_message");
    let answer = post(server.port(), &path, &body);
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("submit it first"), "{}", answer.message());
}

#[test]
fn management_calls_with_a_broken_argument_are_rejects() {
    let server = embedded_server();
    let id = instance(server.port());
    let path = format!("/instances/{id}/update/submit_ingress_message");
    for (method, code) in
        [("install_code", "InvalidManagementPayload"), ("no_such", "InvalidManagementPayload")]
    {
        let answer = post(server.port(), &path, &call(method, "AAAA", r#""None""#));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["Err"]["error_code"], code, "{}", answer.body);
    }
}

#[test]
fn a_body_above_the_limit_gets_status_413_with_a_message() {
    let server = embedded_server();
    let id = instance(server.port());
    let path = format!("/instances/{id}/update/submit_ingress_message");
    let answer = request(server.port(), "POST", &path, &vec![b' '; 9 << 20]);
    assert_eq!(answer.status, 413);
    assert!(answer.message().contains("body"), "{}", answer.message());
    assert_eq!(get(server.port(), &format!("/instances/{id}/read/get_time")).status, 200);
}

#[test]
fn an_ingress_message_beyond_two_mib_is_refused() {
    let server = embedded_server();
    let id = instance(server.port());
    let path = format!("/instances/{id}/update/submit_ingress_message");
    let payload = "AAAA".repeat((2 << 20) / 3 + 1);
    let body = call("provisional_create_canister_with_cycles", &payload, r#""None""#);
    let answer = post(server.port(), &path, &body);
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.message().contains("2097152"), "{}", answer.message());
}

#[test]
fn an_unsupported_instance_setting_is_an_error_that_names_the_setting() {
    let server = embedded_server();
    let application = r#"{"state_config":"New","instruction_config":"Production"}"#;
    let set = |application: &str| {
        format!(
            r#""subnet_config_set":{{"system":[],"application":[{application}],"verified_application":[]}}"#
        )
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (config, fragment) in [
        (set(""), "at least one subnet"),
        (set(&[application; 257].join(",")), "at most 256 subnets"),
        (format!(r#"{},"state_dir":{file:?}"#, set(application)), "is not a directory"),
        (format!(r#"{},"bitcoind_addr":["[::1]:1"]"#, set(application)), "bitcoind_addr"),
        (format!(r#"{},"dogecoind_addr":["[::1]:1"]"#, set(application)), "dogecoind_addr"),
        (format!(r#"{},"log_level":"loud""#, set(application)), "log_level"),
        (
            format!(r#"{},"icp_features":{{"registry":"DefaultConfig"}}"#, set(application)),
            "icp_features",
        ),
        (
            format!(r#"{},"icp_config":{{"beta_features":"Enabled"}}"#, set(application)),
            "icp_config.beta_features",
        ),
        (
            format!(r#"{},"disable_ingress_validation":true"#, set(application)),
            "disable_ingress_validation",
        ),
        (format!(r#"{},"mainnet_nns_subnet_id":true"#, set(application)), "mainnet_nns_subnet_id"),
        (
            format!(
                r#"{},"initial_time":{{"Timestamp":{{"nanos_since_epoch":1}}}}"#,
                set(application)
            ),
            "The initial timestamp (unix timestamp in nanoseconds) must be no earlier than \
             1620328630000000000 (provided 1)",
        ),
        (
            set(r#"{"state_config":{"FromPath":"/nowhere"},"instruction_config":"Production"}"#),
            "is not a (subnet state) directory",
        ),
    ] {
        let answer = post(server.port(), "/instances", &format!("{{{config}}}"));
        assert_eq!(answer.status, 400, "{config}");
        let message = answer.body["Error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(fragment), "{config}: {}", answer.body);
    }
    assert_eq!(get(server.port(), "/instances").body, serde_json::json!([]));
}

#[test]
fn a_log_level_by_any_of_its_names_is_taken() {
    let server = embedded_server();
    for level in ["CRIT", "Error", "warning", "INFO", "debug", "TRCE"] {
        let config = format!(
            r#"{{"log_level":"{level}","subnet_config_set":{{"system":[],"application":
                [{{"state_config":"New","instruction_config":"Production"}}],"verified_application":[]}}}}"#
        );
        assert_eq!(post(server.port(), "/instances", &config).status, 201, "{level}");
    }
}

#[test]
fn an_unsupported_gateway_setting_is_an_error_that_names_the_setting() {
    let server = embedded_server();
    let id = instance(server.port());
    let to_instance = format!(r#""forward_to":{{"PocketIcInstance":{id}}}"#);
    for (config, fragment) in [
        (r#""forward_to":{"Replica":"http://localhost:1"}"#.to_owned(), "PocketIcInstance"),
        (
            format!(r#"{to_instance},"https_config":{{"cert_path":"a","key_path":"b"}}"#),
            "https_config",
        ),
        (format!(r#"{to_instance},"ip_addr":"here""#), "not an IP address"),
        (r#""forward_to":{"PocketIcInstance":77}"#.to_owned(), "no instance 77"),
    ] {
        let answer = post(server.port(), "/http_gateway", &format!("{{{config}}}"));
        assert_eq!(answer.status, 400, "{config}");
        let message = answer.body["Error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(fragment), "{config}: {}", answer.body);
    }
    assert_eq!(get(server.port(), "/http_gateway").body, serde_json::json!([]));
}
