//! Calls with bounded waits.

use crate::patterns::{open_gate, pong, wait_for};
use std::time::Duration;
use test_support::script::{Script, call, number, rejected, script};
use test_support::{ScriptedNetwork, on_every_server};

const SECOND: u64 = 1_000_000_000;

fn advance(network: &ScriptedNetwork, seconds: u64) {
    network.pic.advance_time(Duration::from_secs(seconds));
    network.pic.tick();
}

/// Calls the second canister, which responds once the gate, the first canister, is open.
fn waiting(network: &ScriptedNetwork, seconds: u64) -> Script {
    let one = call(network.b).timeout(seconds).running(wait_for(network.a, script().reply("late")));
    script().call(one)
}

#[test]
fn the_callee_sees_the_deadline_in_whole_seconds_and_at_most_300_away() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let seen = |timeout: Option<u64>| {
                let mut one = call(network.b).running(script().deadline().reply_number());
                if let Some(seconds) = timeout {
                    one = one.timeout(seconds);
                }
                number(&network.run(network.a, script().call(one)).unwrap())
            };
            // Not at a whole second.
            network.pic.advance_time(Duration::from_millis(1_700));
            network.pic.tick();
            let now = network.pic.get_time().as_nanos_since_unix_epoch();
            assert_ne!(now % SECOND, 0);
            let deadline = |seconds: u64| now / SECOND * SECOND + seconds * SECOND;
            assert_eq!(seen(Some(10)), deadline(10));
            assert_eq!(seen(Some(300)), deadline(300));
            assert_eq!(seen(Some(301)), deadline(300));
            assert_eq!(seen(Some(4_000_000_000)), deadline(300));
            assert_eq!(seen(None), 0);
            // A user's call has no deadline.
            let own = network.run(network.a, script().deadline().reply_number()).unwrap();
            assert_eq!(number(&own), 0);
        }
    });
}

#[test]
fn callbacks_see_the_deadline_of_the_call_they_answer_and_not_of_the_one_they_made() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let now = network.pic.get_time().as_nanos_since_unix_epoch();
        for (callee, method) in [(network.a, "size"), (network.a, "nowhere")] {
            let own = call(callee)
                .method(method)
                .timeout(20)
                .on_response(script().deadline().reply_number());
            let one = call(network.b).timeout(100).running(script().call(own));
            let seen = number(&network.run(network.a, script().call(one)).unwrap());
            let seconds = (seen - now / SECOND * SECOND) / SECOND;
            assert!((100..110).contains(&seconds), "{seconds}");
        }
    });
}

#[test]
fn a_call_without_a_response_gets_reject_code_6_after_its_deadline() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let message = network.submit(network.a, waiting(&network, 10));
        network.pic.tick();
        advance(&network, 9);
        advance(&network, 1);
        assert_eq!(network.response(&message), None, "the last second has only begun");
        advance(&network, 1);
        let (code, text) = rejected(&network.response(&message).unwrap().unwrap());
        assert_eq!(code, 6);
        assert!(text.to_lowercase().contains("expired"), "{text}");
        assert!(text.len() <= 255);
    });
}

#[test]
fn a_call_without_a_deadline_waits_for_ever() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let one = call(network.b).running(wait_for(network.a, script().reply("late")));
        let message = network.submit(network.a, script().call(one));
        network.pic.tick();
        for _ in 0..5 {
            advance(&network, 1_000_000);
        }
        assert_eq!(network.response(&message), None);
        network.run(network.a, open_gate()).unwrap();
        assert_eq!(network.ticks(&message).1, Ok(b"late".to_vec()));
    });
}

#[test]
fn a_late_response_is_dropped_and_runs_no_callback() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let one = call(network.b)
            .timeout(10)
            .running(wait_for(network.a, script().put(9, 1).reply("late")))
            .on_response(script().count(5).reply("answered"));
        let message = network.submit(network.a, script().call(one));
        network.pic.tick();
        advance(&network, 11);
        assert_eq!(network.ticks(&message).1, Ok(b"answered".to_vec()));
        network.run(network.a, open_gate()).unwrap();
        for _ in 0..4 {
            network.pic.tick();
        }
        assert_eq!(network.cell(network.b, 9), 1, "the callee finished");
        assert_eq!(network.cell(network.a, 5), 1);
        // Its slot is free again.
        let calls =
            |count| script().repeat(count, script().call(pong(network.b).on_response(script())));
        let performed =
            |count| number(&network.run(network.a, calls(count).reply_number()).unwrap());
        assert_eq!(performed(500), 0);
    });
}

#[test]
fn cycles_of_a_call_that_expired_are_not_refunded_with_the_reject() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let one = call(network.b)
            .timeout(10)
            .cycles(1_000_000)
            .running(wait_for(network.a, script().reply("")))
            .on_reject(script().refunded().reply_number());
        let message = network.submit(network.a, script().call(one));
        network.pic.tick();
        advance(&network, 11);
        assert_eq!(number(&network.ticks(&message).1.unwrap()), 0);
    });
}

#[test]
fn the_refund_of_a_late_response_within_a_subnet_is_credited() {
    on_every_server(|server| {
        // The callee waits for a canister on another subnet, the caller is on the callee's own.
        let network = server.two_subnets();
        let subnet = network.pic.get_subnet(network.b).unwrap();
        let caller = network.pic.create_canister_on_subnet(None, None, subnet);
        network.pic.install_canister(caller, test_support::script::canister(), vec![], None);
        let cost = |cycles: u64| {
            network.run(network.a, script().put(40, 0).reply("")).unwrap();
            let before = network.pic.cycle_balance(caller);
            let one = call(network.b)
                .timeout(10)
                .running(wait_for(network.a, script().reply("")))
                .on_response(script());
            let script = script().prepare(one).call_cycles(cycles).call_perform_it().reply("");
            network.submit(caller, script);
            network.pic.tick();
            advance(&network, 11);
            let expired = before - network.pic.cycle_balance(caller);
            network.run(network.a, open_gate()).unwrap();
            for _ in 0..4 {
                network.pic.tick();
            }
            (expired, before - network.pic.cycle_balance(caller))
        };
        let (idle_expired, idle) = cost(1);
        let (expired, end) = cost(5_000_000);
        assert_eq!(expired - idle_expired, 4_999_999);
        assert_eq!(end.abs_diff(idle), 0);
    });
}

#[test]
fn a_timeout_of_zero_is_enough_within_a_second() {
    on_every_server(|server| {
        for network in [server.one_subnet(), server.two_subnets()] {
            let message = network.submit(network.a, script().call(pong(network.b).timeout(0)));
            assert_eq!(network.ticks(&message).1, Ok(b"pong".to_vec()));
        }
    });
}

#[test]
fn a_request_that_expires_before_it_is_executed_is_dropped() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // From the later subnet to the earlier one, a request is under way for a tick.
        let one = pong(network.a).timeout(10).running(script().count(0).reply(""));
        let message = network.submit(network.b, script().call(one));
        network.pic.tick();
        advance(&network, 11);
        let (code, _) = rejected(&network.ticks(&message).1.unwrap());
        assert_eq!(code, 6);
    });
}

#[test]
fn a_request_that_cannot_be_sent_for_300_seconds_gets_reject_code_2() {
    on_every_server(|server| {
        let network = server.two_subnets();
        // Six requests of almost 2 MiB fill the stream; the rest wait in the output queue.
        let one = call(network.a)
            .method("size")
            .zeros(2_000_000)
            .on_reply(script().count(0))
            .on_reject(script().reject_code().store(9).count(1));
        let mut calls = script();
        for _ in 0..8 {
            calls = calls.call(one.clone());
        }
        let message = network.submit(network.b, calls.reply(""));
        network.pic.tick();
        assert!(network.response(&message).unwrap().is_ok());
        advance(&network, 301);
        for _ in 0..10 {
            network.pic.tick();
        }
        let [sent, rejected] = [0, 1].map(|cell| network.cell(network.b, cell));
        assert_eq!((sent, rejected), (6, 2));
        assert_eq!(network.cell(network.b, 9), 2);
    });
}

#[test]
fn the_cycles_of_a_dropped_response_come_back_in_a_refund_message() {
    on_every_server(|server| {
        // Twelve replies, of which eight fill the stream; the others expire in their queue.
        let spent = |cycles: u64| {
            let network = server.two_subnets();
            let large = call(network.b)
                .timeout(10)
                .cycles(cycles)
                .running(script().append_zeros(1_310_720).reply_appended())
                .on_response(script());
            let (spent, ()) = network.spent(network.a, || {
                network.submit(network.a, script().repeat(12, script().call(large)).reply(""));
                network.pic.tick();
                advance(&network, 11);
                for _ in 0..6 {
                    network.pic.tick();
                }
            });
            spent
        };
        assert_eq!(spent(1), spent(1_000_000));
    });
}
