//! Time of requests to a server: through PocketIC's client and through an agent, beside the same in one process.
//!
//! `cargo bench --profile dev -p embedded-replica --bench requests`

mod fixture;

use candid::{Encode, Principal};
use criterion::{Criterion, criterion_group, criterion_main};
use embedded_replica::instance::{Instance, InstanceConfig};
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use fixture::{Modules, Pair, install, medians, micros, ratio, update};
use ic_agent::Agent;
use ic_agent::identity::BasicIdentity;
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::hint::black_box;

/// An instance with one application subnet and a canister with a method `ping`.
struct Network {
    pic: PocketIc,
    callee: Principal,
}

impl Network {
    fn new(server: &EmbeddedServer, callee: &[u8]) -> Self {
        let pic = PocketIcBuilder::new()
            .with_server_url(server.url().parse().expect("it is a URL"))
            .with_application_subnet()
            .build();
        let canister = pic.create_canister();
        pic.install_canister(canister, callee.to_vec(), vec![], None);
        Self { pic, callee: canister }
    }

    fn update(&self) {
        let Self { pic, callee } = self;
        let reply = pic.update_call(*callee, Principal::anonymous(), "ping", nothing());
        black_box(reply.expect("the canister replies"));
    }
}

/// An argument without values.
fn nothing() -> Vec<u8> {
    Encode!().expect("it is Candid")
}

/// Measures requests of PocketIC's client, and the same functions of an instance in this process.
fn through_the_client(_: &mut Criterion) {
    let server = EmbeddedServer::start(ServerConfig::default()).expect("a port is free");
    let module = Modules::minimal().callee;
    let network = Network::new(&server, &module);
    let mut pair = Pair::new(&Modules::minimal(), 1);
    let [time, tick, call, own_tick, own_call] = medians(1_000, |turn| match turn {
        0 => drop(black_box(network.pic.get_time())),
        1 => network.pic.tick(),
        2 => network.update(),
        3 => pair.instance.tick(),
        _ => {
            let callee = pair.callee;
            black_box(update(&mut pair.instance, callee, "ping", nothing()));
        }
    });
    println!("\nPocketIC's client, and the replica in the same process");
    println!("  the time of the network: {:.0} us", micros(time));
    println!("  a tick: {:.0} us, {:.1} us", micros(tick), micros(own_tick));
    println!(
        "  an update call of `ping`, in two requests: {:.0} us, {:.1} us, RATIO {:.0}",
        micros(call),
        micros(own_call),
        ratio(call, own_call)
    );
    let [through_client, own] = medians(50, |turn| match turn {
        0 => drop(Network::new(&server, &module)),
        _ => {
            let mut instance = Instance::new(InstanceConfig::with_application_subnets(1))
                .expect("the configuration is valid");
            let subnet = instance.subnets()[0].place.id;
            install(&mut instance, subnet, &module);
        }
    });
    println!(
        "  an instance with a canister, created and dropped, in 6 requests: {:.2} ms, {:.2} ms",
        micros(through_client) / 1e3,
        micros(own) / 1e3
    );
}

/// Measures an update call of `ping` on a network that progresses by itself: by an agent, which verifies certificates;
/// by PocketIC's client, which does not; and by the replica in the same process.
fn live(_: &mut Criterion) {
    let server = EmbeddedServer::start(ServerConfig::default()).expect("a port is free");
    let network = Network::new(&server, &Modules::minimal().callee);
    let _ = network.pic.auto_progress();
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let agent = runtime.block_on(agent(&network.pic));
    let mut pair = Pair::new(&Modules::minimal(), 1);
    let [through_agent, through_client, own] = medians(200, |turn| match turn {
        0 => {
            let call = agent.update(&network.callee, "ping").with_arg(nothing());
            black_box(runtime.block_on(call.call_and_wait()).expect("it has a response"));
        }
        1 => network.update(),
        _ => {
            let callee = pair.callee;
            black_box(update(&mut pair.instance, callee, "ping", nothing()));
        }
    });
    println!(
        "\nan update call of `ping` on a network that progresses by itself\n  by the agent, which signs the call and \
         verifies the certificate: {:.0} us\n  by PocketIC's client: {:.0} us\n  by the replica in the same process: \
         {:.1} us\n  RATIO {:.0} and {:.0}",
        micros(through_agent),
        micros(through_client),
        micros(own),
        ratio(through_agent, own),
        ratio(through_client, own)
    );
}

async fn agent(pic: &PocketIc) -> Agent {
    let url = format!("{}instances/{}/", pic.get_server_url(), pic.instance_id());
    let identity = BasicIdentity::from_raw_key(&[1; 32]);
    let agent = Agent::builder().with_url(url).with_identity(identity).build();
    let agent = agent.expect("the URL is one");
    agent.fetch_root_key().await.expect("the server is there");
    agent
}

criterion_group!(benches, through_the_client, live);
criterion_main!(benches);
