//! The successes and the rounds of many calls.

use candid::Nat;
use test_support::{StatusOf, in_block_order, on_every_server};

use crate::answers::Way;
use crate::cycles::CALL_FEES;
use crate::pair::{
    OPEN_CALLS_MAX, Outcome, Pair, Parallel, Sequential, Strategy, assert_refusal, controller,
};

/// The most calls the caller makes for one message.
const CALLS_MAX: u64 = 100_000;

#[test]
fn zero_calls_have_zero_successes() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            for strategy in Strategy::ALL {
                assert_eq!(pair.run(strategy, 0), Ok(Outcome { succeeded: 0, rounds: 1 }));
            }
        }
    });
}

#[test]
fn across_subnets_each_sequential_call_takes_a_round_and_parallel_ones_take_it_together() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        for n in [1, 7] {
            assert_eq!(pair.run(Sequential, n), Ok(Outcome { succeeded: n, rounds: n + 1 }));
            assert_eq!(pair.run(Parallel, n), Ok(Outcome { succeeded: n, rounds: 2 }));
        }
    });
}

#[test]
fn on_one_subnet_all_calls_fit_into_a_round() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        for strategy in Strategy::ALL {
            for n in [1, 90] {
                assert_eq!(pair.run(strategy, n), Ok(Outcome { succeeded: n, rounds: 1 }));
            }
        }
    });
}

#[test]
fn of_2000_parallel_calls_500_succeed_and_of_500_all() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            for n in [OPEN_CALLS_MAX - 1, OPEN_CALLS_MAX, OPEN_CALLS_MAX + 1, 2_000] {
                assert_eq!(pair.successes(Parallel, n), n.min(OPEN_CALLS_MAX));
            }
        }
    });
}

#[test]
fn two_messages_at_once_share_the_500_open_calls() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let messages =
                [400, 400].map(|n| pair.submit(Parallel, n).expect("the caller takes messages"));
            // One round makes the calls, one more takes the last answers.
            for _ in 0..2 {
                pair.pic.tick();
            }
            let messages = in_block_order(messages.into());
            let succeeded: Vec<_> = messages.iter().map(|message| pair.answer(message)).collect();
            assert_eq!(succeeded, [Some(Ok(400)), Some(Ok(OPEN_CALLS_MAX - 400))]);
            assert_eq!(
                pair.successes(Parallel, OPEN_CALLS_MAX),
                OPEN_CALLS_MAX,
                "all slots are free"
            );
        }
    });
}

#[test]
fn the_maximum_of_calls_is_taken() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let outcome = Outcome { succeeded: OPEN_CALLS_MAX, rounds: 2 };
        assert_eq!(pair.run(Parallel, CALLS_MAX), Ok(outcome));
    });
}

#[test]
fn above_the_maximum_no_call_is_made_and_the_refusal_names_it() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let [caller, callee] = pair.cycles();
        for strategy in Strategy::ALL {
            for n in [CALLS_MAX + 1, u64::MAX] {
                assert_refusal(&pair.refusal(strategy, n), &[&n.to_string(), "100000"]);
            }
        }
        let [caller_after, callee_after] = pair.cycles();
        assert_eq!(callee_after, callee, "nobody called it");
        // Taking and executing six messages costs about 6.5 million cycles each; a call would cost as much again.
        assert!(caller - caller_after < 6 * 7_000_000, "{}", caller - caller_after);
    });
}

/// The memory of the caller in bytes.
fn memory_bytes(pair: &Pair) -> Nat {
    let status = pair.pic.status_of(pair.caller, Some(controller()));
    status.expect("a controller may ask").memory_size
}

#[test]
fn the_most_parallel_calls_take_a_tenth_of_a_messages_instructions_and_forty_megabytes() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let (memory, [cycles, _]) = (memory_bytes(&pair), pair.cycles());
        assert_eq!(pair.successes(Parallel, CALLS_MAX), OPEN_CALLS_MAX);
        let (grown, spent) = (memory_bytes(&pair) - memory, cycles - pair.cycles()[0]);
        println!("parallel_calls: {spent} cycles, {grown} bytes");
        assert!(grown < 40_000_000_u32, "{grown} bytes");
        // Each instruction costs a cycle, so the cycles without the fees of the calls bound the instructions.
        let fees = u128::from(OPEN_CALLS_MAX) * CALL_FEES;
        assert!(spent < 4_000_000_000 + fees, "{spent} cycles");
    });
}

#[test]
fn the_most_calls_of_a_run_take_a_tenth_of_a_messages_instructions_and_forty_megabytes() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let memory = memory_bytes(&pair);
        let (report, _) = pair.report(Way::Parallel, CALLS_MAX);
        assert_eq!(report.succeeded, OPEN_CALLS_MAX);
        let grown = memory_bytes(&pair) - memory;
        println!("run: {} instructions, {grown} bytes", report.instructions);
        assert!(report.instructions < 4_000_000_000, "{} instructions", report.instructions);
        assert!(grown < 40_000_000_u32, "{grown} bytes");
    });
}
