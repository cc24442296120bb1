//! The callee of the plain example: a method that does nothing and replies.

#![allow(missing_docs, reason = "`export_candid` generates a function without documentation")]

#[ic_cdk::update]
fn ping() {}

ic_cdk::export_candid!();
