//! Which routes there are.

use crate::http::{instance, request, server};

/// Every route below `/instances/{id}`, by method.
const OF_AN_INSTANCE: &[(&str, &str)] = &[
    ("GET", "/auto_progress"),
    ("POST", "/auto_progress"),
    ("POST", "/stop_progress"),
    ("GET", "/_/topology"),
    ("GET", "/read/topology"),
    ("GET", "/read/get_time"),
    ("POST", "/read/pub_key"),
    ("POST", "/read/ingress_status"),
    ("POST", "/read/query"),
    ("POST", "/read/get_cycles"),
    ("POST", "/read/get_subnet"),
    ("POST", "/read/get_controllers"),
    ("POST", "/read/get_stable_memory"),
    ("POST", "/update/set_stable_memory"),
    ("POST", "/update/canister_snapshot_download"),
    ("POST", "/update/canister_snapshot_upload"),
    ("POST", "/update/set_time"),
    ("POST", "/update/set_certified_time"),
    ("POST", "/update/tick"),
    ("POST", "/update/add_cycles"),
    ("POST", "/update/delete_subnet"),
    ("POST", "/update/submit_ingress_message"),
    ("POST", "/update/await_ingress_message"),
    ("DELETE", ""),
];

const OF_THE_SERVER: &[(&str, &str)] = &[
    ("GET", "/instances"),
    ("POST", "/instances"),
    ("POST", "/verify_signature"),
    ("POST", "/http_gateway"),
];

#[test]
fn every_route_is_served_with_and_without_a_slash_at_its_end() {
    let server = server();
    let port = server.port();
    let served = |method: &str, path: &str| {
        // No route takes this body, but each notices.
        let answer = request(port, method, path, b"[1]");
        let missing = answer.body["message"].as_str().is_some_and(|text| text.contains("route"));
        assert!(!missing, "{method} {path}: {}", answer.body);
        answer.status
    };
    for (method, path) in OF_THE_SERVER {
        assert_eq!(served(method, path), served(method, &format!("{path}/")), "{method} {path}");
    }
    for (method, path) in OF_AN_INSTANCE {
        let at = |end: &str| format!("/instances/{}{path}{end}", instance(port));
        assert_eq!(served(method, &at("")), served(method, &at("/")), "{method} {path}");
    }
}
