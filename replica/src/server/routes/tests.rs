//! The list of routes, and which methods each accepts.

use super::*;
use crate::network::NetworkProfile;
use crate::server::OutcallDestinations;
use axum::body::Body;
use axum::http::StatusCode;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeSet;

/// The routes of PocketIC 16.1 that are served, with their methods. `*` stands for `/instances/{id}`.
const SERVED: &[(&str, &str)] = &[
    ("GET", "/status"),
    ("POST", "/blobstore"),
    ("GET", "/blobstore/{id}"),
    ("POST", "/verify_signature"),
    ("GET", "/instances"),
    ("POST", "/instances"),
    ("GET", "/http_gateway"),
    ("POST", "/http_gateway"),
    ("POST", "/http_gateway/{id}/stop"),
    ("DELETE", "*"),
    ("GET", "*/_/topology"),
    ("GET", "*/auto_progress"),
    ("POST", "*/auto_progress"),
    ("POST", "*/stop_progress"),
    ("GET", "*/read/topology"),
    ("GET", "*/read/get_time"),
    ("GET", "*/read/get_canister_http"),
    ("POST", "*/read/get_controllers"),
    ("POST", "*/read/get_cycles"),
    ("POST", "*/read/get_stable_memory"),
    ("POST", "*/read/get_subnet"),
    ("POST", "*/read/ingress_status"),
    ("POST", "*/read/pub_key"),
    ("POST", "*/read/query"),
    ("POST", "*/update/add_cycles"),
    ("POST", "*/update/await_ingress_message"),
    ("POST", "*/update/canister_snapshot_download"),
    ("POST", "*/update/canister_snapshot_upload"),
    ("POST", "*/update/delete_subnet"),
    ("POST", "*/update/mock_canister_http"),
    ("POST", "*/update/mock_flexible_canister_http"),
    ("POST", "*/update/set_certified_time"),
    ("POST", "*/update/set_stable_memory"),
    ("POST", "*/update/set_time"),
    ("POST", "*/update/submit_ingress_message"),
    ("POST", "*/update/tick"),
];

/// Sends a request whose body no route accepts, and returns the status.
async fn status(method: &str, path: &str) -> StatusCode {
    let instances =
        Arc::new(Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default()));
    let service = TowerToHyperService::new(router(instances, Names::default()));
    let request = Request::builder().method(method).uri(path).body(Body::from("[1]"));
    let response = service.call(request.expect("it is valid")).await;
    response.expect("it responds").status()
}

#[test]
fn the_routes_are_those_listed_here() {
    let own = server_routes().map(|(path, _)| path.to_owned());
    let below = instance_routes().map(|(path, _)| format!("*{path}"));
    let there_are: BTreeSet<String> = own.into_iter().chain(below).collect();
    let listed = SERVED.iter().map(|(_, path)| (*path).to_owned()).collect();
    assert_eq!(there_are, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_served_by_its_methods_alone_with_and_without_a_slash_at_its_end() {
    for (_, path) in SERVED {
        let at = path.replace('*', "/instances/0").replace("{id}", "77");
        for method in ["GET", "POST", "DELETE", "PUT"] {
            let status = [status(method, &at).await, status(method, &format!("{at}/")).await];
            assert_eq!(status[0], status[1], "{method} {at}");
            let is_refused = status[0] == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(SERVED.contains(&(method, path)), !is_refused, "{method} {at}: {status:?}");
        }
    }
}

#[tokio::test]
async fn the_status_says_that_the_server_runs() {
    assert_eq!(status("GET", "/status").await, StatusCode::OK);
}

#[tokio::test]
async fn requests_of_canisters_control_no_server() {
    let instances =
        Arc::new(Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default()));
    let service = TowerToHyperService::new(router(instances, Names::default()));
    let mut statuses = Vec::new();
    for outcall in [false, true] {
        let mut request = Request::builder().uri("/instances");
        if outcall {
            request = request.header(crate::server::outcalls::OUTCALL_HEADER, "1");
        }
        let request = request.body(Body::empty()).expect("it is valid");
        statuses.push(service.call(request).await.expect("it responds").status());
    }
    assert_eq!(statuses, [StatusCode::OK, StatusCode::FORBIDDEN]);
}
