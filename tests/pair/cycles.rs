//! The cycles that calls cost, and the cycles that they withhold.

use test_support::{Server, on_every_server};

use crate::pair::{DEFAULT_CYCLES, Pair, Parallel, Strategy};

/// A call's fixed fees: 260,000 for the request, 5,000,000 for executing the callback.
pub const CALL_FEES: u128 = 5_260_000;

/// The same with instructions and transmitted bytes.
const CALL_COST_MAX: u128 = 5_400_000;

/// Executing a ping: 5,000,000 and some instructions.
const PING_COST: std::ops::Range<u128> = 5_000_000..5_050_000;

/// A message of a user: taking it, executing it.
const MESSAGE_COST_MAX: u128 = 8_000_000;

/// Withheld for an open call, besides its cost: for the longest possible response and callback.
const WITHHELD: std::ops::Range<u128> = 42_100_000_000..42_110_000_000;

fn spent(before: [u128; 2], after: [u128; 2]) -> [u128; 2] {
    [0, 1]
        .map(|canister| before[canister].checked_sub(after[canister]).expect("nobody gains cycles"))
}

#[test]
fn calls_cost_caller_and_callee_their_fees_and_little_more() {
    const CALLS: u64 = 90;
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            for strategy in Strategy::ALL {
                let before = pair.cycles();
                assert_eq!(pair.successes(strategy, CALLS), CALLS);
                let [caller, callee] = spent(before, pair.cycles());
                let calls = u128::from(CALLS);
                assert!(caller > calls * CALL_FEES, "{caller}");
                assert!(caller < calls * CALL_COST_MAX + MESSAGE_COST_MAX, "{caller}");
                assert!(PING_COST.contains(&(callee / calls)), "{callee}");
            }
        }
    });
}

#[test]
fn open_calls_withhold_cycles_that_come_back() {
    const CALLS: u64 = 90;
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let before = pair.cycles();
        let message = pair.submit(Parallel, CALLS).expect("the caller takes messages");
        pair.pic.tick();
        assert_eq!(pair.answer(&message), None, "the calls are open");
        let [withheld, _] = spent(before, pair.cycles());
        assert!(WITHHELD.contains(&(withheld / u128::from(CALLS))), "{withheld}");
        pair.pic.tick();
        assert_eq!(pair.answer(&message), Some(Ok(CALLS)));
        let [lost, _] = spent(before, pair.cycles());
        assert!(lost < u128::from(CALLS) * CALL_COST_MAX + MESSAGE_COST_MAX, "{lost}");
    });
}

#[test]
fn a_call_that_is_not_made_costs_next_to_nothing() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let cost = |n| {
            let before = pair.cycles();
            assert_eq!(pair.successes(Parallel, n), 500);
            spent(before, pair.cycles())
        };
        let [_, first] = cost(500);
        let [caller, callee] = cost(500);
        assert!(first - callee < 1_000_000, "the first calls only grow the heap: {first} {callee}");
        let [caller_with_failures, callee_with_failures] = cost(2_000);
        assert_eq!(callee_with_failures, callee);
        assert!(
            (caller_with_failures - caller) / 1_500 < 50_000,
            "{caller} {caller_with_failures}"
        );
    });
}

#[test]
fn the_same_calls_on_fresh_instances_cost_the_same_to_the_cycle() {
    let costs = |server: Server| {
        let pair = Pair::ready(server, 2);
        Strategy::ALL.map(|strategy| {
            let before = pair.cycles();
            assert_eq!(pair.successes(strategy, 20), 20);
            spent(before, pair.cycles())
        })
    };
    on_every_server(|server| assert_eq!(costs(server), costs(server)));
}

#[test]
fn canisters_start_with_the_amount_that_pocketic_gives() {
    on_every_server(|server| {
        let pic = server.instance(1);
        let canister = pic.create_canister();
        assert_eq!(pic.cycle_balance(canister), DEFAULT_CYCLES);
    });
}
