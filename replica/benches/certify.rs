//! Time of certificates, and of an update call through the agent and the server.
//!
//! `cargo bench --profile dev -p embedded-replica --bench certify`

mod fixture;

use candid::{Encode, Principal};
use criterion::{Criterion, criterion_group, criterion_main};
use embedded_replica::certification::{Reader, Scope};
use embedded_replica::keys::SubnetKey;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use fixture::{Modules, Pair, medians, micros, ratio, update};
use ic_agent::Agent;
use ic_agent::identity::BasicIdentity;
use pocket_ic::{PocketIc, PocketIcBuilder};
use std::hint::black_box;
use std::time::Instant;

/// Numbers of responses to ingress messages that a subnet keeps when its state is certified.
const ANSWERS: [usize; 3] = [0, 1_000, 10_000];

fn signature(c: &mut Criterion) {
    let key = SubnetKey::of([1; 32]);
    c.bench_function("a signature", |b| b.iter(|| key.sign(black_box(&[7; 45]))));
}

/// Measures a certificate of a new state, and a second certificate of the same state. Before each
/// measurement, a round executes one update call; its time is not measured.
fn certificates(_: &mut Criterion) {
    println!("\na certificate for the time");
    let nobody = Reader { principal: Principal::anonymous(), targets: None };
    for answers in ANSWERS {
        let Pair { mut instance, callee, .. } = Pair::new(&Modules::minimal(), 2);
        let nothing = Encode!().expect("it is Candid");
        for _ in 0..answers {
            update(&mut instance, callee, "ping", nothing.clone());
        }
        let mut times = [vec![], vec![]];
        for _ in 0..50 {
            update(&mut instance, callee, "ping", nothing.clone());
            for times in &mut times {
                let start = Instant::now();
                let read = instance.read_state(Scope::Canister(callee), &[], &nobody);
                black_box(read.expect("everybody may read the time"));
                times.push(start.elapsed());
            }
        }
        let [first, again] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        });
        println!(
            "  {answers:6} responses kept: {:7.1} us for a new state, {:6.1} us for the same state again",
            micros(first),
            micros(again)
        );
    }
}

/// Measures an update call of `ping`: by an agent, which verifies certificates; by the `pocket-ic` client,
/// which does not; and by the embedded replica in the same process.
fn ping(_: &mut Criterion) {
    let server = EmbeddedServer::start(ServerConfig::default()).expect("a port is free");
    let pic = PocketIcBuilder::new()
        .with_server_url(server.url().parse().expect("it is a URL"))
        .with_application_subnet()
        .build();
    let callee = pic.create_canister();
    pic.install_canister(callee, Modules::minimal().callee, vec![], None);
    pic.auto_progress();
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let agent = runtime.block_on(agent(&pic));
    let nothing = Encode!().expect("it is Candid");
    let mut pair = Pair::new(&Modules::minimal(), 1);
    let [through_agent, through_client, engine] = medians(200, |turn| match turn {
        0 => {
            let call = agent.update(&callee, "ping").with_arg(nothing.clone());
            black_box(runtime.block_on(call.call_and_wait()).expect("it is answered"));
        }
        1 => {
            let reply = pic.update_call(callee, Principal::anonymous(), "ping", nothing.clone());
            black_box(reply.expect("it is answered"));
        }
        _ => {
            let callee = pair.callee;
            black_box(update(&mut pair.instance, callee, "ping", nothing.clone()));
        }
    });
    println!(
        "\none update call of `ping`\n  by the agent, which signs the call and verifies the certificate: {:.0} us\n  \
         by the pocket-ic client: {:.0} us\n  by the replica in the same process: {:.1} us\n  RATIO {:.0} and {:.0}",
        micros(through_agent),
        micros(through_client),
        micros(engine),
        ratio(through_agent, engine),
        ratio(through_client, engine)
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

criterion_group!(benches, signature, certificates, ping);
criterion_main!(benches);
