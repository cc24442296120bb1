//! The query statistics in the status of a canister.

use test_support::script::script;
use test_support::{StatusOf, on_every_server};

#[test]
fn the_status_counts_queries_and_what_they_took() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let stats = || network.pic.status_of(network.a, None).unwrap().query_stats;
        assert_eq!(stats().num_calls_total, 0u8);
        // One for each node, all of them different; and time for all nodes to agree on them.
        for epoch in 0..4 {
            for number in 0..13 {
                let query = script().set(100 * epoch + number).reply("asked");
                network.ask(network.a, query).unwrap();
            }
            for _ in 0..60 {
                network.pic.tick();
            }
        }
        let told = stats();
        assert!(told.num_calls_total >= 13u8, "{told:?}");
        assert!(told.num_instructions_total > 1_000u16);
        assert!(told.request_payload_bytes_total > told.response_payload_bytes_total);
        assert!(told.response_payload_bytes_total >= 13u8 * 5);
    });
}
