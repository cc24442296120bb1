//! The sum of the refunds that wait for one canister.

use super::*;
use crate::topology::canister_id;

#[test]
fn refunds_of_one_canister_add_up_to_no_more_than_a_balance_can_hold() {
    let mut pool = RefundPool::default();
    for cycles in [Cycles::MAX / 2 + 1, Cycles::MAX / 2 + 1, 1] {
        pool.add(canister_id(1), cycles);
    }
    pool.add(canister_id(2), 7);
    let taken: Vec<Cycles> = pool.take().into_iter().map(|refund| refund.cycles).collect();
    assert_eq!(taken, [Cycles::MAX, 7]);
}
