//! Rounds into model time.

use std::time::Duration;

use embedded_replica::network::NetworkProfile;

use crate::args::Profile;

/// Hops of a call: the request to the callee's subnet, the response back.
const HOPS_PER_CALL: u64 = 2;

/// How long the mainnet would take, by the caller's own clock: from the round in which the caller starts
/// to the round in which it answers.
///
/// `rounds` counts both of them, so `rounds - 1` steps lie between. What a step stands for depends on how the
/// rounds were run:
///
/// - Under the `mainnet` profile a step is one round of that network.
/// - On one subnet a step is one round as well, under either profile: no message travels.
/// - Under the `pocket-ic` profile a step is the round trip of a call to another subnet, since there request,
///   execution and response together cost one extra round. On the mainnet it costs
///   two hops, each of [`NetworkProfile::MAINNET`]'s rounds per hop.
///
/// Left out are the user's own latency to the network and the certification of the answer, which both
/// strategies pay alike, once.
pub fn model_time(rounds: u64, profile: Profile, same_subnet: bool) -> Duration {
    let mainnet = NetworkProfile::MAINNET;
    let rounds_per_step = match profile {
        Profile::PocketIc if !same_subnet => HOPS_PER_CALL * mainnet.rounds_per_hop,
        Profile::PocketIc | Profile::Mainnet => 1,
    };
    Duration::from_millis(rounds.saturating_sub(1) * rounds_per_step * mainnet.round_length_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(rounds: u64, profile: Profile, same_subnet: bool) -> f64 {
        model_time(rounds, profile, same_subnet).as_secs_f64()
    }

    #[test]
    fn both_profiles_agree_on_ninety_calls_across_subnets() {
        // Sequentially: 91 rounds in PocketIC's order, 4 per call and a last one on the mainnet.
        assert_eq!(seconds(91, Profile::PocketIc, false), 180.0);
        assert_eq!(seconds(361, Profile::Mainnet, false), 180.0);
        // In parallel: one round trip.
        assert_eq!(seconds(2, Profile::PocketIc, false), 2.0);
        assert_eq!(seconds(5, Profile::Mainnet, false), 2.0);
    }

    #[test]
    fn on_one_subnet_a_round_is_a_round_under_either_profile() {
        for profile in [Profile::PocketIc, Profile::Mainnet] {
            assert_eq!(seconds(21, profile, true), 10.0);
            assert_eq!(seconds(2, profile, true), 0.5);
        }
    }

    #[test]
    fn an_answer_in_the_first_round_takes_no_model_time() {
        assert_eq!(seconds(1, Profile::PocketIc, false), 0.0);
        assert_eq!(seconds(0, Profile::Mainnet, true), 0.0);
    }
}
