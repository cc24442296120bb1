//! The users that the tests act for.

use candid::Principal;
use pocket_ic::PocketIc;

/// The user who creates and controls the canisters.
pub fn controller() -> Principal {
    Principal::self_authenticating([1])
}

/// A user who controls nothing.
pub fn stranger() -> Principal {
    Principal::self_authenticating([2])
}

/// Creates a canister without code, for the controller. `subnet` is the number of its application subnet, from 0.
pub fn create(pic: &PocketIc, subnet: usize) -> Principal {
    let subnet = pic.topology().get_app_subnets()[subnet];
    pic.create_canister_on_subnet(Some(controller()), None, subnet)
}
