//! The pair, called by an agent that signs its requests and checks certificates and signatures.

use candid::{Decode, Encode, Principal};
use ic_agent::identity::BasicIdentity;
use ic_agent::{Agent, AgentError, Identity};
use test_support::on_every_server;

use crate::pair::{OPEN_CALLS_MAX, Pair, controller};

fn identity(seed: u8) -> BasicIdentity {
    BasicIdentity::from_raw_key(&[seed; 32])
}

async fn agent(url: &str, identity: BasicIdentity) -> Agent {
    let agent = Agent::builder().with_url(url).with_identity(identity).build();
    let agent = agent.expect("the URL is one");
    agent.fetch_root_key().await.expect("the network has a root key");
    agent
}

async fn setup(agent: &Agent, pair: &Pair) -> Result<Vec<u8>, AgentError> {
    let callee = Encode!(&pair.callee).expect("it is a principal");
    agent.update(&pair.caller, "setup_callee").with_arg(callee).await
}

async fn calls(agent: &Agent, caller: Principal, method: &str, calls: u64) -> u64 {
    let argument = Encode!(&calls).expect("it is a number");
    let call = agent.update(&caller, method).with_arg(argument);
    Decode!(&call.await.expect("the caller answers"), u64)
        .expect("the canister replies with a number")
}

#[test]
fn an_agent_sets_the_caller_up_and_has_it_make_calls_to_another_subnet() {
    on_every_server(|server| {
        let mut pair = Pair::install_for_agents(server);
        let user = identity(1).sender().expect("it has a key");
        pair.pic
            .set_controllers(pair.caller, Some(controller()), vec![user])
            .expect("the caller is controlled by whoever made it");
        let url = pair.pic.make_live(None).to_string();
        let runtime = tokio::runtime::Runtime::new().expect("there are threads");
        runtime.block_on(async {
            let stranger = agent(&url, identity(2)).await;
            setup(&stranger, &pair).await.expect_err("strangers are refused");
            let agent = agent(&url, identity(1)).await;
            setup(&agent, &pair).await.expect("a controller may name the callee");
            assert_eq!(calls(&agent, pair.caller, "sequential_calls", 100).await, 100);
            assert_eq!(calls(&agent, pair.caller, "parallel_calls", 100).await, 100);
            assert_eq!(calls(&agent, pair.caller, "sequential_calls", 2_000).await, 2_000);
            assert_eq!(calls(&agent, pair.caller, "parallel_calls", 2_000).await, OPEN_CALLS_MAX);
        });
        pair.pic.stop_live();
    });
}
