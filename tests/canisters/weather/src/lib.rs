//! A weather station: a test canister that fetches a report with an HTTP outcall, certifies it, and queries other
//! stations.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::cell::RefCell;

use candid::Principal;
use ic_cdk::api::{
    accept_message, certified_data_set, data_certificate, is_controller, msg_caller,
    msg_method_name,
};
use ic_cdk::call::Call;
use ic_cdk::{init, inspect_message, query, update};
use ic_cdk_management_canister::{
    HttpRequest, HttpRequestResult, TransformArgs, raw_rand, transform_context_from_query,
};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

thread_local! {
    static SOURCE: RefCell<String> = RefCell::default();
    static REPORT: RefCell<String> = RefCell::default();
}

#[init]
fn init() {
    publish("nothing yet".into());
}

/// Refuses ingress messages that the guard would refuse, before the canister pays for them. Calls from other canisters
/// are not inspected.
#[inspect_message]
fn inspect_message() {
    if msg_method_name() != "set_source" || is_controller(&msg_caller()) {
        accept_message();
    }
}

fn only_controllers() -> Result<(), String> {
    if is_controller(&msg_caller()) { Ok(()) } else { Err("only controllers may do that".into()) }
}

#[update(guard = "only_controllers")]
fn set_source(url: String) {
    ic_cdk::println!("the source is {url}");
    SOURCE.set(url);
}

#[update]
async fn refresh() -> Result<String, String> {
    let answer = HttpRequest::new(SOURCE.with_borrow(String::clone))
        .with_header("accept", "text/plain")
        .with_max_response_bytes(2_000)
        .with_transform(transform_context_from_query("clean".into(), b"stripped".to_vec()))
        .send()
        .await
        .map_err(|error| error.to_string())?;
    if answer.status != 200_u32 {
        return Err(format!("the source answered {}", answer.status));
    }
    let report = String::from_utf8(answer.body).map_err(|error| error.to_string())?;
    ic_cdk::println!("refreshed: {report}");
    publish(report.clone());
    Ok(report)
}

/// Removes the parts of a response that can differ between nodes. Otherwise the nodes would not agree.
#[query]
fn clean(TransformArgs { response, context }: TransformArgs) -> HttpRequestResult {
    let mut body = response.body.trim_ascii().to_vec();
    body.extend([b" ", context.as_slice()].concat());
    HttpRequestResult { status: response.status, headers: vec![], body }
}

#[query]
fn report() -> (String, Option<ByteBuf>) {
    (REPORT.with_borrow(String::clone), data_certificate().map(ByteBuf::from))
}

fn publish(report: String) {
    certified_data_set(Sha256::digest(&report));
    REPORT.set(report);
}

#[update]
async fn draw(below: u64) -> u64 {
    let bytes = raw_rand().await.expect("`raw_rand` replies");
    let (number, _) = bytes.split_first_chunk().expect("32 bytes");
    u64::from_le_bytes(*number) % below
}

#[query(composite = true)]
async fn reports(stations: Vec<Principal>) -> Vec<String> {
    let mut reports = Vec::new();
    for station in stations {
        let answer = Call::bounded_wait(station, "report").await;
        reports.push(match answer {
            Ok(answer) => {
                let (report, _): (String, Option<ByteBuf>) =
                    answer.candid_tuple().expect("a report");
                report
            }
            Err(error) => error.to_string(),
        });
    }
    reports
}
