//! The callee, written as the official sample writes it: nothing by hand, nothing left out.

#![allow(missing_docs, reason = "`export_candid` generates a function without")]

#[ic_cdk::update]
fn ping() {}

ic_cdk::export_candid!();
