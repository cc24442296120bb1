//! The same requests give the same answers, to the cycle.

use crate::patterns::{parallel_calls, pong, sequential_calls};
use candid::Principal;
use pocket_ic::common::rest::RawMessageId;
use test_support::script::{call, script};
use test_support::{Server, on_every_server};

/// All that can be seen of a network after a good deal has happened on it.
#[derive(Debug, PartialEq)]
struct Trace {
    canisters: [Principal; 2],
    subnets: Vec<Principal>,
    answers: Vec<(usize, Result<Vec<u8>, String>)>,
    cycles: Vec<u128>,
    time: u64,
}

fn trace(server: Server) -> Trace {
    let network = server.two_subnets();
    let (a, b) = (network.a, network.b);
    let trapping = pong(b).on_reply(script().put(9, 1).trap("no")).on_cleanup(script().count(9));
    let scripts = [
        (a, sequential_calls(b, 7)),
        (b, parallel_calls(pong(a), 510)),
        (a, script().call(trapping)),
        (b, script().call(call(a).running(script().unreachable()).cycles(1_000))),
        (a, script().grow(3).stable_grow(2).store_stable(70_000).trap("undone")),
        (b, script().time().append_acc().version().append_acc().counter(0).reply_number()),
    ];
    // All at once, then one after the other.
    let messages: Vec<_> =
        scripts.iter().map(|(id, script)| network.submit(*id, script.clone())).collect();
    let mut answers = Vec::new();
    let mut cycles = Vec::new();
    let mut note = |message: &RawMessageId| {
        let (ticks, answer) = network.ticks(message);
        answers.push((ticks, answer.map_err(|reject| reject.reject_message)));
        cycles.extend([a, b].map(|id| network.pic.cycle_balance(id)));
    };
    for message in &messages {
        note(message);
    }
    for (id, script) in scripts {
        note(&network.submit(id, script));
    }
    Trace {
        canisters: [a, b],
        subnets: network.pic.topology().get_app_subnets(),
        answers,
        cycles,
        time: network.pic.get_time().as_nanos_since_unix_epoch(),
    }
}

#[test]
fn the_same_requests_leave_the_same_trace() {
    on_every_server(|server| assert_eq!(trace(server), trace(server)));
}

#[test]
fn what_else_happens_on_a_server_does_not_matter() {
    on_every_server(|server| {
        let alone = trace(server);
        let beside = || trace(server);
        let traces = std::thread::scope(|scope| {
            [(); 4].map(|()| scope.spawn(beside)).map(|thread| thread.join().expect("it ends"))
        });
        assert!(traces.iter().all(|trace| *trace == alone));
    });
}
