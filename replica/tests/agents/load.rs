//! Many agents at once, some of which send invalid requests only.

use crate::calls::{query, update};
use crate::identities::ed25519;
use crate::network::{CounterNetwork, number, run};
use candid::Principal;
use ic_agent::Agent;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use test_support::nothing;
use tokio::task::JoinSet;

pub const AGENTS: u8 = 200;

/// How long calls took, in order, and what failed.
#[derive(Default)]
pub struct Report {
    updates: Vec<Duration>,
    queries: Vec<Duration>,
    pub failures: Vec<String>,
}

impl Report {
    pub fn print(&mut self) {
        for (name, latencies) in [("updates", &mut self.updates), ("queries", &mut self.queries)] {
            latencies.sort();
            let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_millis();
            println!(
                "{name}: {} answered, median {} ms, 99 of 100 within {} ms, the slowest in {} ms",
                latencies.len(),
                at(50),
                at(99),
                at(100)
            );
        }
    }
}

/// Has two hundred agents call and query the counters by turns until `enough`, which is told how many
/// times an agent has done so and when all began.
fn load(network: &CounterNetwork, enough: fn(u32, Instant) -> bool) -> Report {
    run(async {
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            agents.push(network.agent(ed25519(number)).await);
        }
        agents_at_work(agents, [network.one, network.other], enough).await
    })
}

/// Has agents call and query counters by turns until `enough`, which is told how many times an agent has done
/// so and when all began.
pub async fn agents_at_work(
    agents: Vec<Agent>,
    counters: [Principal; 2],
    enough: fn(u32, Instant) -> bool,
) -> Report {
    let report = Arc::new(Mutex::new(Report::default()));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, agent) in agents.into_iter().enumerate() {
        let canister = counters[number % 2];
        let report = report.clone();
        tasks.spawn(async move {
            for times in 0.. {
                if enough(times, began) {
                    return;
                }
                let start = Instant::now();
                let updated = update(&agent, canister, "count").await;
                let between = Instant::now();
                let queried = query(&agent, canister, "read").await;
                let mut report = report.lock().unwrap();
                report.updates.push(between - start);
                report.queries.push(between.elapsed());
                let results = [updated, queried].into_iter();
                report
                    .failures
                    .extend(results.filter_map(Result::err).map(|error| format!("{error:?}")));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    Arc::into_inner(report).unwrap().into_inner().unwrap()
}

/// Fails unless every agent got its responses and every call was executed once.
fn check(network: &CounterNetwork, report: &mut Report) {
    assert_eq!(report.failures, Vec::<String>::new());
    report.print();
    let count = |canister| {
        let nobody = Principal::anonymous();
        number(&network.pic.query_call(canister, nobody, "read", nothing()).unwrap())
    };
    assert_eq!(count(network.one) + count(network.other), report.updates.len() as u64);
}

#[test]
fn two_hundred_agents_at_once_are_all_answered() {
    let network = CounterNetwork::live();
    let mut report = load(&network, |times, _| times == 2);
    assert_eq!(report.updates.len(), 2 * usize::from(AGENTS));
    check(&network, &mut report);
}

#[test]
#[ignore = "takes half a minute; `make soak` runs it"]
fn two_hundred_agents_are_served_for_half_a_minute_whatever_others_send() {
    let network = CounterNetwork::live();
    let (over, port) = (AtomicBool::new(false), network.pic.get_server_url().port().unwrap());
    let mut report = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Connections on which a request never ends, and requests that make no sense.
            let mut open = Vec::new();
            while !over.load(Ordering::Relaxed) {
                open.push(TcpStream::connect(("127.0.0.1", port)).unwrap());
                let garbage = [0x5b, 0xff, 0xff].repeat(1_000);
                let answer = crate::raw::post(&network, "v4", network.one, "call", &garbage);
                assert_eq!(answer.status, 400);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let report = load(&network, |_, began| began.elapsed() > Duration::from_secs(30));
        over.store(true, Ordering::Relaxed);
        report
    });
    check(&network, &mut report);
}
