//! Calls, queries and reads by the agent in Rust, which checks certificates and signatures.

use crate::identities;
use crate::world::{World, nothing, number, run};
use candid::Principal;
use ic_agent::{Agent, AgentError};

pub async fn update(
    agent: &Agent,
    canister: Principal,
    method: &str,
) -> Result<Vec<u8>, AgentError> {
    agent.update(&canister, method).with_arg(nothing()).call_and_wait().await
}

pub async fn query(
    agent: &Agent,
    canister: Principal,
    method: &str,
) -> Result<Vec<u8>, AgentError> {
    agent.query(&canister, method).with_arg(nothing()).call().await
}

#[test]
fn users_of_every_kind_call_and_query_canisters_of_both_subnets() {
    let world = World::live();
    run(async {
        for (calls, identity) in (1..).zip(identities::all()) {
            let name = identity.name;
            let agent = world.agent(identity).await;
            for canister in [world.one, world.other] {
                let reply = update(&agent, canister, "count").await;
                let count = number(&reply.unwrap_or_else(|error| panic!("{name}: {error}")));
                assert_eq!(count, calls);
                let reply = query(&agent, canister, "read").await;
                let count = number(&reply.unwrap_or_else(|error| panic!("{name}: {error}")));
                assert_eq!(count, calls);
            }
        }
    });
}
