//! The same requests have the same responses and cost the same cycles: within a process, beside other networks, and
//! from process to process.

use crate::ic00::management;
use crate::patterns::{parallel_calls, pong, sequential_calls};
use candid::Principal;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::RawMessageId;
use std::fmt;
use std::path::Path;
use test_support::script::{Script, call, script};
use test_support::servers::network_on;
use test_support::{ScriptedNetwork, Server, assert_golden, on_every_server};

/// The response to one message, and the balances of both canisters at that time.
#[derive(Debug, PartialEq)]
struct Step {
    ticks: usize,
    response: Result<Vec<u8>, ErrorCode>,
    cycles: [u128; 2],
}

/// The ids, responses, balances and times of a network. The wording of the replica's own rejects is not part of the
/// trace.
#[derive(Debug, PartialEq)]
struct Trace {
    canisters: [Principal; 2],
    subnets: Vec<Principal>,
    steps: Vec<Step>,
    time: u64,
}

impl fmt::Display for Trace {
    /// Writes one line for each fact, so that a golden file shows what has changed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { canisters: [a, b], subnets, steps, time } = self;
        writeln!(f, "canisters: {a}, {b}")?;
        for subnet in subnets {
            writeln!(f, "subnet: {subnet}")?;
        }
        for Step { ticks, response, cycles: [a, b] } in steps {
            let response = match response {
                Ok(reply) => format!("reply \"{}\"", reply.escape_ascii()),
                Err(code) => format!("reject {code:?}"),
            };
            writeln!(f, "after {ticks} ticks: {response}; cycles {a}, {b}")?;
        }
        writeln!(f, "time: {time}")
    }
}

/// What the canisters `a` and `b` are told to do: calls, traps, rejects, cycles, memory, random bytes.
fn scripts(a: Principal, b: Principal) -> Vec<(Principal, Script)> {
    let trapping = pong(b).on_reply(script().put(9, 1).trap("no")).on_cleanup(script().count(9));
    let facts = script().time().append_acc().version().append_acc().counter(0).reply_number();
    vec![
        (a, sequential_calls(b, 7)),
        (b, parallel_calls(pong(a), 510)),
        (a, script().call(trapping)),
        (b, script().call(call(a).running(script().reject("no")).cycles(1_000))),
        (a, script().grow(3).stable_grow(2).store_stable(70_000).trap("undone")),
        (a, script().call(management("raw_rand", ()))),
        (b, facts),
    ]
}

/// Sends all messages at once and waits for their responses, then sends one message after the other.
fn trace(network: &ScriptedNetwork) -> Trace {
    let (a, b) = (network.a, network.b);
    let messages: Vec<_> =
        scripts(a, b).into_iter().map(|(id, script)| network.submit(id, script)).collect();
    let mut steps = Vec::new();
    let mut record = |message: &RawMessageId| {
        let (ticks, response) = network.ticks(message);
        let response = response.map_err(|reject| reject.error_code);
        let cycles = [a, b].map(|id| network.pic.cycle_balance(id));
        steps.push(Step { ticks, response, cycles });
    };
    for message in &messages {
        record(message);
    }
    for (id, script) in scripts(a, b) {
        record(&network.submit(id, script));
    }
    Trace {
        canisters: [a, b],
        subnets: network.pic.topology().get_app_subnets(),
        steps,
        time: network.pic.get_time().as_nanos_since_unix_epoch(),
    }
}

/// The trace of a new network with two subnets.
fn new_trace(server: Server) -> Trace {
    trace(&server.two_subnets())
}

#[test]
fn the_same_requests_leave_the_same_trace() {
    on_every_server(|server| assert_eq!(new_trace(server), new_trace(server)));
}

#[test]
fn networks_on_the_same_server_do_not_affect_each_other() {
    on_every_server(|server| {
        let alone = new_trace(server);
        let traces = std::thread::scope(|scope| {
            [(); 4]
                .map(|()| scope.spawn(|| new_trace(server)))
                .map(|thread| thread.join().expect("the thread ends without a panic"))
        });
        for trace in traces {
            assert_eq!(trace, alone);
        }
    });
}

#[test]
fn the_traces_are_the_same_in_every_process() {
    let config = ServerConfig { profile: NetworkProfile::MAINNET, ..ServerConfig::default() };
    let mainnet = EmbeddedServer::start(config).expect("a port is free");
    let mainnet = ScriptedNetwork::on_two_subnets(network_on(&mainnet));
    let traces = [
        ("one subnet", trace(&Server::Embedded.one_subnet())),
        ("two subnets", trace(&Server::Embedded.two_subnets())),
        ("two subnets with the latencies of the mainnet", trace(&mainnet)),
    ];
    let text: String = traces.map(|(name, trace)| format!("# {name}\n{trace}\n")).concat();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    assert_golden(&folder.join("traces.txt"), &text);
}
