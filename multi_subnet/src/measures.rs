//! Model time: the time that the mainnet would take for the measured rounds.

use std::time::Duration;

use embedded_replica::network::NetworkProfile;

use crate::args::Profile;

/// Hops of a call: the request to the callee's subnet, the response back.
const HOPS_PER_CALL: u64 = 2;

/// The time that the mainnet would take from the round in which the caller starts to the round in which
/// it replies.
///
/// `rounds` includes both of these rounds, so there are `rounds - 1` steps between them. The length of a
/// step on the mainnet depends on the profile:
///
/// - With the profile `mainnet`, a step is one round.
/// - On one subnet, a step is one round with both profiles, because no message goes to another subnet.
/// - With the profile `pocket-ic` and two subnets, a step is the round trip of a call: request,
///   execution and response together take one more round. On the mainnet a round trip takes two hops,
///   and a hop takes `rounds_per_hop` rounds ([`NetworkProfile::MAINNET`]).
///
/// The model time does not include the latency between user and network, nor the certification of the
/// reply. Every strategy has both once.
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
