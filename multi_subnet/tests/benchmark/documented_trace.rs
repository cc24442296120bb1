//! The test in `docs/trace.md`, run with this workspace's canisters.

use candid::{Encode, Principal};
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use embedded_replica::trace::Recording;
use multi_subnet::canisters::workspace_modules;
use pocket_ic::PocketIcBuilder;
use test_support::documents::blocks;

use crate::document_blocks::is_quoted_from;

// The lines are those of the document, however long.
#[rustfmt::skip]
#[expect(clippy::unwrap_used, reason = "the document is short")]
#[test]
fn all_calls_are_open_at_once_and_none_fails() {
    let modules = workspace_modules().unwrap();
    let server = EmbeddedServer::start(ServerConfig::default()).unwrap();
    let pic = PocketIcBuilder::new()
        .with_server_url(server.url().parse().unwrap())
        .with_application_subnet()
        .build();
    let [caller, callee] = [(); 2].map(|()| pic.create_canister());
    pic.install_canister(caller, std::fs::read(modules.caller).unwrap(), vec![], None);
    pic.install_canister(callee, std::fs::read(modules.callee).unwrap(), vec![], None);
    pic.update_call(caller, Principal::anonymous(), "setup_callee", Encode!(&callee).unwrap()).unwrap();

    let events = server.listen(pic.instance_id()).unwrap();
    let argument = Encode!(&90_u64).unwrap();
    pic.update_call(caller, Principal::anonymous(), "parallel_calls", argument).unwrap();
    let recording = Recording::of(events.try_iter());

    // Why did calls fail? The map is empty, so none did.
    assert_eq!(recording.failures(), [].into());
    assert_eq!(recording.most_open(), 90);
    // What the caller must be able to set aside.
    assert!(recording.most_set_aside() < 4_000_000_000_000);
    // If an assertion fails, the summary says what happened instead.
    let summary = recording.summary();
    assert_eq!((summary.calls, summary.replied), (90, 90), "{summary}");
    for call in recording.calls() {
        assert_eq!(call.failure(), None, "{} to {} in round {}", call.method, call.callee, call.sent.round);
    }
}

#[test]
fn the_test_in_the_document_about_traces_is_the_one_that_is_run_here() {
    let name = "fn all_calls_are_open_at_once_and_none_fails() {";
    let mut block = blocks()
        .into_iter()
        .find(|block| block.lines.iter().any(|line| line.trim() == name))
        .expect("the document has the test");
    // The paths of the modules are the reader's own.
    block.lines.retain(|line| !line.contains("std::fs::read("));
    is_quoted_from(&block, include_str!("documented_trace.rs")).expect("the same lines");
}
