//! HTTP gateways: the interface for agents at the root of a port of its own.

use crate::calls::{query, update};
use crate::identities::anonymous;
use crate::network::{CounterNetwork, number, run};
use candid::Principal;
use ic_agent::Agent;
use pocket_ic::PocketIcBuilder;
use pocket_ic::common::rest::InstanceHttpGatewayConfig;
use std::net::TcpListener;

async fn agent(url: String) -> Agent {
    let agent = Agent::builder().with_url(url).with_arc_identity(anonymous().identity);
    let agent = agent.build().unwrap();
    agent.fetch_root_key().await.unwrap();
    agent
}

#[test]
fn an_instance_that_was_made_live_serves_agents_until_it_is_not() {
    let mut network = CounterNetwork::still();
    let url = network.pic.make_live(None).to_string();
    run(async {
        let agent = agent(url.clone()).await;
        assert_eq!(number(&update(&agent, network.other, "count").await.unwrap()), 1);
        assert_eq!(number(&query(&agent, network.other, "read").await.unwrap()), 1);
    });
    let default = pocket_ic::get_default_effective_canister_id(url.clone());
    assert_eq!(
        default.unwrap(),
        Principal::from(network.pic.topology().default_effective_canister_id)
    );
    network.pic.stop_live();
    assert!(run(is_refused(url)), "the port is still served");
}

/// Whether nobody listens there any more.
async fn is_refused(url: String) -> bool {
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    tokio::net::TcpStream::connect(address).await.is_err()
}

#[test]
fn a_gateway_that_is_made_with_its_instance_ends_with_it() {
    let config = InstanceHttpGatewayConfig {
        ip_addr: None,
        port: None,
        domains: None,
        https_config: None,
        domain_custom_provider_local_file: None,
    };
    let network = CounterNetwork::still();
    let pic = PocketIcBuilder::new()
        .with_server_url(network.pic.get_server_url())
        .with_application_subnet()
        .with_http_gateway(config)
        .build();
    let url = pic.url().unwrap().to_string();
    run(async { agent(url.clone()).await });
    drop(pic);
    assert!(run(is_refused(url)));
}

#[test]
#[should_panic(expected = "choose another port")]
fn a_gateway_whose_port_is_taken_is_an_error_that_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    CounterNetwork::still().pic.make_live(Some(port));
}
